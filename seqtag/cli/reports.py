"""The commands that measure and look: evaluate, score, compare, tune, check. `register` gives them to the app."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from seqtag.cli.arguments import (
    DATA_FORMS,
    TAGGED,
    Device,
    Engine,
    HtmlFile,
    JsonFile,
    MarkdownFile,
    ModelFolder,
    examples,
)
from seqtag.cli.process import command
from seqtag.errors import UsageError


@command
def evaluate(
    folder: ModelFolder,
    data: Annotated[str, typer.Argument(metavar="DATA", help=f"Labelled data, or text: {DATA_FORMS}")],
    split: Annotated[
        str | None, typer.Option(help="train, dev or test; default: test, or the only one there is.")
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    device: Device = "auto",
    engine: Engine = None,
) -> None:
    """Measure a model on labelled data: scores with intervals, what goes wrong, and how far to trust its confidence.

    Of a language model on text: perplexity and bits per character, the state carried across the whole text.
    """
    from seqtag.cli.commands import evaluate_and_score as measure

    files = {".json": json_file, ".html": html_file, ".md": markdown_file}
    measure.evaluate(folder, data, split=split, files=files, device=device, engine=engine)


@command
def score(
    gold: Annotated[
        str,
        typer.Argument(
            metavar="GOLD",
            help="A column file; FILE:tag=3 names the column. With --task classify texts with labels; "
            "FILE:text=review,label=stars names the columns.",
        ),
    ],
    predicted: Annotated[str, typer.Argument(metavar="PREDICTED", help="The same sentences, or texts, in that order.")],
    task: Annotated[
        str, typer.Option(metavar="tag|classify", help="tag: tokens with tags; classify: texts with labels.")
    ] = "tag",
    train: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="What the system was trained on, a column file or a corpus: shows the scores of what was seen there "
            "and what was not apart. Case counts.",
        ),
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Score the output of any system against gold, strictly and the conlleval way, and show what goes wrong."""
    from seqtag.cli.commands import evaluate_and_score as measure
    from seqtag.cli.commands import score_labels as measure_labels
    from seqtag.cli.tasks import find_task

    files = {".json": json_file, ".html": html_file, ".md": markdown_file}
    if find_task(task).name == "tag":
        measure.score(gold, predicted, train=train, files=files)
        return
    if train is not None:
        raise UsageError("--train: is for --task tag, where names that training had are told apart; leave it out")
    measure_labels.score_labels(gold, predicted, files=files)


@command
def check(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA",
            help=f"The corpus: {DATA_FORMS} A folder may also hold files of any name. Several DATA are a split each, "
            "named by their file names, and are looked at together.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            metavar="tag|classify",
            help="tag: tokens with tags; classify: texts with labels. Default: tag, or what the columns that are named "
            "belong to.",
        ),
    ] = None,
    language: Annotated[
        str, typer.Option(help="Whose rules cut texts with character offsets into tokens: en, de, ...")
    ] = "xx",
    json_file: JsonFile = None,
) -> int:
    """Look through a corpus for what would hurt a model or a score. Changes nothing."""
    from seqtag.cli.commands import check as checking

    return checking.check(data, task=task, language=language, json_file=json_file)


@command
def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="A.json B.json ...",
            help="Reports on the same data, two or more, as `seqtag evaluate` and `seqtag score` write them with "
            "--json.",
        ),
    ],
    resamples: Annotated[int, typer.Option(help="How often to draw, for intervals and for p-values.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Set reports side by side, best first: differences with intervals, and whether chance alone would give as much."""
    from seqtag.cli.commands import compare as comparing

    forms = {".json": json_file, ".html": html_file, ".md": markdown_file}
    comparing.compare(files, resamples=resamples, seed=seed, files=forms)


@command
def tune(
    folder: ModelFolder,
    data: Annotated[str, typer.Argument(metavar="DATA", help=f"Labelled data not trained on: {TAGGED}")],
    recall: Annotated[
        float | None, typer.Option(help="The share of the spans in the data that is to be found, such as 0.95.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="The share of the spans found that is to be right; instead of --recall.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="LABEL=SHARE", help="The same for one label, other than all; may come often."),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First fit the temperature, so that probabilities are as sure as right.")
    ] = False,
    split: Annotated[
        str | None, typer.Option(help="train, dev or test; default: dev, or the only one there is.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to save the tuned model; default: where it was.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Choose from which probability on a tagger finds a span, label by label, for a wanted recall or precision.

    With neither, the thresholds are taken away. The weights of the model stay as they are.
    """
    from seqtag.cli.commands import tune as tuning

    tuning.tune(
        folder,
        data,
        split=split,
        recall=recall,
        precision=precision,
        labels=labels or (),
        calibrate=calibrate,
        out=out,
        device=device,
    )


_KINDS = (
    "Look through a corpus for what would hurt a model or a score. Changes nothing.",
    "An [bold]error[/bold] makes a model or a score wrong: unreadable (files), wrong_column, missing_label, odd_tag, "
    "mixed_letters and illegal_tag (of schemes), misaligned_span, label_not_in_train, shared_with_train (from 1% of a "
    "split on).",
    "A [bold]warning[/bold] probably does harm: unnamed_splits, few_shared_with_train, shared_held_out, near_copy, "
    "two_labels, similar_labels, unused_label, blank_row, blank_token, space_in_token, invisible_character, "
    "replacement_character, long_row, imbalance.",
    "A [bold]note[/bold] is worth a look: short_shared, repeated_row, ambiguous_surface, rare_label, no_begin_tags; or "
    "a trap for other readers: filled_separator, hash_token, double_blank, line_break.",
    "Exit codes: 1 where there are errors, 0 with warnings, notes or nothing at all, 2 wrong use.",
)

_EXAMPLES: Mapping[Callable[..., None], tuple[str, ...]] = {
    evaluate: (
        "seqtag evaluate models/ner my-corpus/",
        "seqtag evaluate models/ner my-corpus/ --html report.html",
        "seqtag evaluate models/ner dev.conll:tag=3 --json dev.json",
        "seqtag evaluate models/ner my-corpus/ --engine onnx-int8",
        "seqtag evaluate models/mood reviews.csv:text=review,label=stars",
        "seqtag evaluate models/novel new.txt --json figures.json",
    ),
    score: (
        "seqtag score gold.conll other-system.conll --html report.html",
        "seqtag score gold.tsv:tag=1 out.tsv:tag=-1",
        "seqtag score gold.csv:label=stars out.csv:label=guess --task classify",
        "seqtag score gold.conll other-system.conll --train train.conll",
    ),
    compare: (
        "seqtag compare lstm.json gru.json",
        "seqtag compare runs/*.json --html runs.html",
    ),
    tune: (
        "seqtag tune models/ner my-corpus/ --recall 0.95 --out models/ner-careful",
        "seqtag tune models/ner dev.conll --precision 0.9 --label PER=0.99",
        "seqtag tune models/ner my-corpus/ --calibrate",
    ),
    check: (
        "seqtag check my-corpus/",
        "seqtag check train.conll:token=0,tag=3 test.conll:token=0,tag=3 --json findings.json",
        "seqtag check reviews.csv --task classify",
        "seqtag check annotated.jsonl --language en",
    ),
}


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for function, lines in _EXAMPLES.items():
        # the line breaks of a docstring would stay in a page of help
        text = "\n\n".join(_KINDS) if function is check else None
        app.command(help=text, epilog=examples(*lines))(function)
