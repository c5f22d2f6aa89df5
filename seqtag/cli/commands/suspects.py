"""`seqtag suspects`: what is probably labelled wrong in a corpus, and the corrected corpus once people have looked."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import (
    LABELLED_FORMS,
    TRAINING,
    HtmlFile,
    JsonFile,
    LabelTask,
    MarkdownFile,
    MaxBytes,
    Settings,
)
from seqtag.cli.commands.train import make_estimator, parse_settings
from seqtag.cli.output import check_files, open_output, show
from seqtag.cli.process import command
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.cli.written_formats import format_name, write_corpus
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.corpora.conversion import Corpus
    from seqtag.curation.corrections import Correction

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag suspects my-corpus/ --html suspects.html",
    "seqtag suspects my-corpus/ --accept ticked.json --output corrected/ --to conll",
    "seqtag suspects news.conll:token=0,tag=3 --folds 10 --epochs 20 --json suspects.json",
    "seqtag suspects reviews.csv --task classify --html suspects.html",
    "seqtag suspects export.json --language en --label-studio tasks.json",
)

CORRECTING = "Correct"


@command
def suspects(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=f"The corpus, of which all splits are looked at. {LABELLED_FORMS}")
    ],
    folds: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Train so many models, each on all folds but one, and look at that one with it.",
            rich_help_panel=TRAINING,
        ),
    ] = 5,
    task: LabelTask = "tag",
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Look at this split alone: train, dev or test; default: all.")
    ] = None,
    language: Annotated[
        str, typer.Option(metavar="CODE", help="The language whose rules cut texts into tokens: en, de, ...")
    ] = "xx",
    least: Annotated[
        float,
        typer.Option(
            metavar="SCORE",
            help="The least score of a suspect, which is the logarithm of how many times as likely the proposal is, or "
            "less for labels that models rarely find; below 0, proposals may be less likely than what DATA has.",
        ),
    ] = 0.0,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="How often each model reads its folds.", rich_help_panel=TRAINING)
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="The same seed gives the same folds and models.", rich_help_panel=TRAINING
        ),
    ] = 0,
    device: Annotated[
        str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1, ...", rich_help_panel=TRAINING)
    ] = "auto",
    settings: Settings = None,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="TICKED.json",
            help="Train nothing: take the suspects in this file, which the page saves, for wrong, and write DATA with "
            "their proposals as --output or --label-studio.",
            rich_help_panel=CORRECTING,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="OUT",
            help="With --accept: write the corrected corpus here, into a file, or a folder for several splits.",
            rich_help_panel=CORRECTING,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="The format of --output, as for `seqtag convert`; default: what its ending says.",
            rich_help_panel=CORRECTING,
        ),
    ] = None,
    label_studio: Annotated[
        str | None,
        typer.Option(
            metavar="TASKS.json",
            help="Write the rows of suspects as tasks of Label Studio, with the proposals as predictions: those of "
            "--accept, or else all suspects.",
            rich_help_panel=CORRECTING,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what stands at --output.", rich_help_panel=CORRECTING)
    ] = False,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Find labels that are probably wrong: missing, extra, of a wrong type, with a wrong border; for texts, classes.

    Each row is read by a model that was not trained on it. Where that model holds something else for likely, the label
    is a suspect, with the counter-proposal and exact probabilities. The page of --html shows suspects in their
    sentences, to be ticked, and saves the ticks; --accept writes the corrected corpus.
    """
    chosen = find_task(task, LABELLED_TASKS)
    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    form = _check_places(accept, output, to, label_studio, task, has_files=bool(files))
    if accept is not None:
        from seqtag.corpora.conversion import losses
        from seqtag.curation.corrections import corrected, read_corrections

        ticks = read_corrections(accept)
        corpus = _read(data, task, language)
        if output is not None and form is not None:
            for path in write_corpus(corrected(corpus, ticks), output, form, overwrite=overwrite).values():
                print(f"{path}: written, with {len(ticks):,} corrections in all")
            for loss in losses(corpus, form):
                print(loss)
        if label_studio is not None:
            _write_tasks(corpus, ticks, label_studio)
        return
    estimator = make_estimator(
        chosen, parse_settings(settings or []), language=language, epochs=epochs, seed=seed, device=device
    )
    corpus = _read(data, task, language)
    if split is not None:
        if split not in corpus.splits:
            raise UsageError(f"{data}: no split {split!r}; {near_miss(split, corpus.splits)}")
        corpus = replace(corpus, splits=type(corpus.splits)({split: corpus.splits[split]}))
    from seqtag.curation.corrections import Correction
    from seqtag.curation.suspects import find_suspects

    report = replace(find_suspects(estimator, corpus.splits, folds=folds, seed=seed, least=least), source=data)
    show(report, files)
    if label_studio is not None:
        _write_tasks(corpus, list(map(Correction.of, report.suspects)), label_studio)


def _check_places(
    accept: str | None, output: str | None, to: str | None, label_studio: str | None, task: str, *, has_files: bool
) -> str | None:
    """Make sure, before the work, that there is something to write and a place for it; gives the format of --output."""
    if accept is None and output is not None:
        raise UsageError(
            f"--output {output}: is for the corrected corpus; add --accept with the file that the page of --html saves"
        )
    if to is not None and output is None:
        raise UsageError(f"--to {to}: is the format of --output; add --output")
    if accept is not None and output is None and label_studio is None:
        raise UsageError(f"--accept {accept}: say where to write what it gives; add --output or --label-studio")
    if accept is not None and has_files:
        raise UsageError("--accept: finds no suspects that --json, --html or --markdown would show; leave them out")
    if label_studio is not None and not Path(label_studio).parent.is_dir():
        raise UsageError(f"--label-studio {label_studio}: can't be written there; name a file in an existing folder")
    return None if output is None else format_name(output, to, task)


def _read(data: str, task: str, language: str) -> "Corpus":
    from datasets import disable_progress_bars

    from seqtag.corpora.conversion import read_labelled, read_tagged

    disable_progress_bars()
    return read_labelled(data, language=language) if task == "classify" else read_tagged(data, language=language)


def _write_tasks(corpus: "Corpus", corrections: "list[Correction]", path: str) -> None:
    from seqtag.corpora.formats.writers.formats import FORMATS
    from seqtag.curation.corrections import tasks

    about = replace(corpus.about, is_predicted=True, model_version="suspects")
    writer: Any = FORMATS["label-studio"].writer(about)
    with open_output(path) as target:
        target.write(writer.head())
        for document in tasks(corpus, corrections):
            target.write(writer.add(writer.piece(document)))
        target.write(writer.foot())
    logger.info("%s: the tasks are written", path)
