"""`seqtag train`: data in, a model folder out. Mistakes are found before the training if they can be."""

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import (
    DATA_FORMS,
    MORE_DATA,
    TRAINING,
    WHERE,
    HtmlFile,
    MaxBytes,
    Overwrite,
    Resume,
    Seed,
    Settings,
    TrainingDevice,
    TrainingLanguage,
)
from seqtag.cli.config_file import write_toml
from seqtag.cli.model_folder import Place
from seqtag.cli.output import check_files, write_forms
from seqtag.cli.process import command
from seqtag.cli.sources import check_share, pick_split, read_corpus
from seqtag.cli.tasks import Task, find_task
from seqtag.errors import DataError, SeqtagError, UsageError, near_miss
from seqtag.training.launch import is_main_process

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag train my-corpus/ --out models/ner",
    "seqtag train news.conll:token=0,tag=3 --out models/ner --language en --epochs 40",
    "seqtag train train.conll --dev dev.conll --out m --set head=linear --set hidden_size=128",
    "seqtag train reviews.csv --out models/mood --task classify",
    "seqtag train my-corpus/ --out models/ner --html report.html",
    "seqtag train my-corpus/ --out models/ner --push ada/ner --license mit",
    "seqtag train reviews.csv:text=review,label=stars --out m --task classify --set pooling=max",
    "seqtag train novel.txt --out models/novel --task lm",
    "seqtag train novels/ --dev new.txt --out m --task lm --set level=word --set hidden_size=256",
)

_WORDS = {"none": None, "null": None, "true": True, "false": False}
_BARE_FRACTION = re.compile(r"-?\.\d+")


@dataclass(frozen=True, slots=True)
class Splits:
    """What a training reads: rows of a corpus or, for a language model, the sources of texts."""

    train: "Dataset | str"
    dev: "Dataset | str | None"  # None: the estimator holds out some of train
    test: "Dataset | str | None"  # None: nothing is measured at the end
    test_source: str = ""  # for the heading of the report


@command
def train(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=f"The corpus, of which the split train is learnt. {DATA_FORMS}")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The model folder to write.", rich_help_panel=WHERE)],
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="The data that choose the best epoch. Default: the split dev; without one, a tenth of train is held "
            "out.",
            rich_help_panel=MORE_DATA,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="The data on which the finished model is measured. Default: the split test, if there is one.",
            rich_help_panel=MORE_DATA,
        ),
    ] = None,
    test_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Hold out this share of train, such as 0.1, and measure the finished model on it: whole documents "
            "where DATA tells them apart, the same share of each class to classify.",
            rich_help_panel=MORE_DATA,
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="tag|classify|lm",
            help="What the model learns. tag: a tag for each token; classify: a class for each text; lm: to continue "
            "running text, by character or, with --set level=word, by word.",
            rich_help_panel=TRAINING,
        ),
    ] = "tag",
    language: TrainingLanguage = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="How often train is read through.", rich_help_panel=TRAINING)
    ] = None,
    seed: Seed = None,
    device: TrainingDevice = None,
    settings: Settings = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Go on from the tagger in this folder, with its options, weights, words and tags. Labels that only it "
            "has count as not annotated in DATA.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="With --from: the old model says where its own labels are in DATA, if it is at least this sure, such "
            "as 0.5.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="With --from: sentences that the old model learned from, to be learned again beside the new ones.",
            rich_help_panel=MORE_DATA,
        ),
    ] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write curves for TensorBoard into this folder.", rich_help_panel=WHERE),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME",
            help="Also put the trained model on the Hugging Face hub, in this repository, which is made if it does "
            "not exist; the figures on test stand in its card.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="With --push: make the repository private.", rich_help_panel=WHERE)
    ] = False,
    license_name: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="NAME",
            help="With --push: the license that the card names, such as mit or cc-by-4.0.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    html_file: HtmlFile = None,
    max_bytes: MaxBytes = None,
) -> int:
    """Train a tagger or a classifier on labelled data, or a language model on text, and save it in a folder.

    A run that was killed goes on with --resume and ends in the same model. Ctrl-C saves the best model so far.
    """
    chosen = find_task(task)
    if start_from is None and (keep is not None or replay is not None):
        raise UsageError("--keep and --replay are about an older model: name it with --from MODEL, or leave them out")
    short_forms = {"language": language, "epochs": epochs, "seed": seed, "device": device}
    before = {} if start_from is None else options_of(start_from, chosen)
    old = {name: value for name, value in before.items() if short_forms.get(name) is None}
    given_settings = {**old, **parse_settings(settings or [])}
    estimator = make_estimator(chosen, given_settings, **short_forms, start_from=start_from, keep=keep)
    place = Place.check(out, resume=resume, overwrite=overwrite)
    check_push(push, chosen, private=private, license_name=license_name)
    files = check_files(json_file=None, html_file=html_file, markdown_file=None)
    if test_share is not None:
        check_share("--test-share", test_share, task=chosen)
    if chosen.has_labels:
        splits = read_splits(data, dev, test, **chosen.reading(estimator))
        if test_share is not None:
            splits = hold_out_test(splits, test_share, estimator.seed, data)
    else:
        splits = find_text_splits(data, dev, test)
    if files and splits.test is None:
        raise UsageError(
            f"--html {html_file}: there is no test split to report on; name the data by --test, or hold some out by "
            "--test-share 0.1"
        )
    place.make_room()
    fit = partial(estimator.fit, splits.train, dev=splits.dev, tensorboard=tensorboard)
    if replay is not None:
        fit = partial(fit, replay=read_splits(replay, None, None, **chosen.reading(estimator)).train)
    code = place.fill(estimator, fit, describe=partial(describe_dev_score, estimator))
    # The model is saved before anything is measured: a mistake in the test data must not cost the training.
    if is_main_process():
        given = {"data": data, "dev": dev, "test": test, "test_share": test_share, "task": task}
        keep_config(out, estimator, {**given, "from": start_from, "keep": keep, "replay": replay})
    if code == 0 and is_main_process():
        report = None if splits.test is None else measure(estimator, splits, str(out))
        if report is not None:
            if "-" not in files.values():
                print(report.summary())
            write_forms(report, files)
        if push is not None:
            print(push_trained(estimator, push, out, private=private or None, license=license_name, report=report))
        if advice := next_command(estimator, out, was_measured=splits.test is not None):
            logger.info(advice)
    return code


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Read KEY=VALUE pairs; a value is read as JSON if it is JSON, and else as a string.

    Raises UsageError for a pair without a key or value, and for a key that comes twice.

    >>> parse_settings(["hidden_size=64", "characters=None", "encoder=gru", 'class_weights={"PER": 2}'])
    {'hidden_size': 64, 'characters': None, 'encoder': 'gru', 'class_weights': {'PER': 2}}
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, _, value = (part.strip() for part in pair.partition("="))
        key = key.replace("-", "_")
        if not key or not value:
            raise UsageError(f"--set {pair}: write --set KEY=VALUE, such as --set hidden_size=128")
        if key in settings:
            raise UsageError(f"--set {pair}: {key} is set twice; leave out one")
        settings[key] = _parse_value(value)
    return settings


def _parse_value(value: str) -> Any:
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if _BARE_FRACTION.fullmatch(value):
        return float(value)
    try:
        return json.loads(value, object_pairs_hook=_mapping)
    except UsageError:  # which is a ValueError too
        raise
    except (ValueError, RecursionError):
        return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON a mapping; UsageError where a name comes twice, of which json would keep the last."""
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise UsageError(f"--set: the value of an option has {name!r} twice; leave out one")
    return dict(pairs)


def make_estimator(task: Task, settings: Mapping[str, Any], **short_forms: Any) -> Any:
    """Make the estimator of a task, and check all that can be checked before the data is read.

    `short_forms` are options with a flag of their own; None means that the flag was not given. Raises UsageError for
    an unknown option, with the nearest name, for all bad values at once, and for an option that is given both ways.
    """
    kind = task.estimator()
    from seqtag.models.combinations import check_combinations
    from seqtag.models.options import check_options, checks_of
    from seqtag.text.tokenizer import Tokenizer
    from seqtag.training.device import pick_device

    given = {name: value for name, value in short_forms.items() if value is not None}
    known = kind().get_params(deep=False)
    for name in settings:
        if name not in known:
            raise UsageError(
                f"--set {name}: there is no such option for --task {task.name}; {near_miss(name, known)}; "
                f"`seqtag options {kind.__name__}` explains them"
            )
        if name in given:
            raise UsageError(f"--{name} and --set {name}=...: the option is given twice; leave out one")
    estimator = kind(**settings, **given)
    params = estimator.get_params(deep=False)
    check_options("train", params, checks_of(kind))
    if task.has_labels:
        check_combinations("train", params, known)
    pick_device(estimator.device)
    if estimator.language is not None:
        Tokenizer(estimator.language)
    return estimator


def options_of(model: str, task: Task) -> dict[str, Any]:
    """Give the options that shape the network of a model and how it reads, so that another one can go on from it.

    Its vectors, language models and lists come with the model; their options name files of whoever trained it.
    """
    if task.name != "tag":
        raise UsageError(f"--from {model}: only taggers go on from an older model; leave it or --task {task.name} out")
    from seqtag.store import read_model

    params = read_model(model).config["params"]
    of_files = ("vectors", "context", "gazetteers")
    for name in ("device", "engine", "seed", "seeds", "epochs", "start_from", "keep", *of_files):
        params.pop(name, None)
    return dict(params)


def keep_config(out: Path, estimator: Any, given: Mapping[str, Any]) -> None:
    """Write into the model folder a file with which `seqtag train --config` trains the same again."""
    defaults = type(estimator)().get_params(deep=False)
    changed = {name: value for name, value in estimator.get_params(deep=False).items() if value != defaults[name]}
    for name, option in (("start_from", "from"), ("keep", "keep")):
        if given[option] is not None:  # which stands there
            changed.pop(name, None)
    (out / "train.toml").write_text(write_toml(given, changed), encoding="utf-8")


def read_splits(data: str, dev: str | None, test: str | None, **options: Any) -> Splits:
    """Read the splits of a corpus; dev and test come from sources of their own if these are named."""
    try:
        corpus = read_corpus(data, **options)
        if "train" not in corpus:
            raise UsageError(
                f"{data}: has the splits {', '.join(corpus)}, and none is called train; give the file to train on"
            )
        others: dict[str, Dataset | None] = {}
        for name, source in (("dev", dev), ("test", test)):
            if source is None:
                others[name] = corpus.get(name)
            else:
                found = read_corpus(source, **options, **_like(corpus["train"]))
                others[name] = pick_split(found, name, source=source, advice="give the file of one split")
    except DataError as error:
        from seqtag.cli.text_sources import is_running_text

        if is_running_text(data):
            raise DataError(f"{error}; if this is running text to learn a language model from: --task lm") from None
        raise
    return Splits(corpus["train"], others["dev"], others["test"], test or f"{data}, test")


def hold_out_test(splits: Splits, share: float, seed: int, data: str) -> Splits:
    """Hold out a share of train as test; UsageError where there is a test split already."""
    from seqtag.corpora.held_out import split_off

    if splits.test is not None:
        raise UsageError(f"--test-share {share:g}: there is a test split, {splits.test_source}; leave the option out")
    assert not isinstance(splits.train, str)
    train, test = split_off(splits.train, share, seed, source=data)
    logger.info("%d of %d rows of train are held out as test (seed=%d)", len(test), len(train) + len(test), seed)
    return replace(splits, train=train, test=test, test_source=f"{data}, {share:g} of train")


def _like(train: "Dataset") -> dict[str, Any]:
    """Give the options with which tags are read as those of `train`, if these are in another spelling."""
    from seqtag.corpora.tag_normalising import carried_scheme, carried_spelling
    from seqtag.text.tag_spelling import DEFAULT_SPELLING

    spelling = carried_spelling(train)
    return {} if spelling == DEFAULT_SPELLING else {"scheme": carried_scheme(train), "outside": spelling.outside}


def find_text_splits(data: str, dev: str | None, test: str | None) -> Splits:
    """Find the texts of a language model; UsageError for tokens with tags."""
    from seqtag.cli.text_sources import find_texts, refuse_tags

    texts = find_texts(data, dev, test)
    for source in texts:
        if source is not None:
            refuse_tags(source, advice="give a text file, or leave --task lm out to train a tagger")
    return Splits(*texts)


def describe_dev_score(estimator: Any, score: float) -> str:
    """Put the score of the best epoch into words."""
    if estimator.task == "lm":
        from seqtag.training.watchers import language_figure

        return f"dev {language_figure(-score, estimator.level)}"
    return f"dev score {100 * score:.2f}"


def measure(estimator: Any, splits: Splits, model: str) -> Any:
    """Measure a trained model on test, and give the report."""
    if isinstance(splits.test, str):
        from seqtag.cli.language_figures import LanguageFigures

        return LanguageFigures.measure(estimator, splits.test, name=model)
    return replace(estimator.evaluate(splits.test), source=splits.test_source, model=model)


def check_push(push: str | None, task: Task, *, private: bool, license_name: str | None) -> None:
    """Raise UsageError, before the training, for what would be an error after it."""
    if push is None:
        if private or license_name is not None:
            name = "--private" if private else "--license"
            raise UsageError(f"{name}: is for a model that goes to the hub; add --push OWNER/NAME, or leave it out")
        return
    from seqtag.hub import check_login
    from seqtag.models.hub_model import check_publication

    check_publication(push, task=task.name, license=license_name)
    check_login()


def push_trained(estimator: Any, repository: str, out: Path, **options: Any) -> str:
    """Push a trained model to the hub, and give the address; an error says where the model lies."""
    try:
        return f"pushed to {estimator.push_to_hub(repository, **options)}"
    except SeqtagError as error:
        call = f'{type(estimator).__name__}.load("{out}").push_to_hub("{repository}")'
        raise type(error)(f"{error}; the model is saved in {out}, and in Python {call} pushes it later") from None


def next_command(estimator: Any, out: Path, *, was_measured: bool) -> str | None:
    """Say which command goes on with a trained model."""
    if estimator.task == "lm":
        return f'what it writes: seqtag generate {out} --prompt "..."' if estimator.direction == "forward" else None
    return f"what goes wrong, and where: seqtag evaluate {out} DATA --html report.html" if was_measured else None
