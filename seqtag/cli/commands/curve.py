"""`seqtag curve`: how the score grows with the labelled data, and what more of it would give."""

import logging
from typing import Annotated

import typer

from seqtag.cli.arguments import (
    LABELLED_FORMS,
    MORE_DATA,
    TRAINING,
    HtmlFile,
    JsonFile,
    LabelTask,
    MarkdownFile,
    MaxBytes,
    Settings,
    TrainingDevice,
    TrainingLanguage,
)
from seqtag.cli.commands.train import hold_out_test, make_estimator, parse_settings, read_splits
from seqtag.cli.output import check_files, show
from seqtag.cli.process import command
from seqtag.cli.sources import check_share
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.errors import UsageError

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag curve my-corpus/ --html curve.html",
    "seqtag curve my-corpus/ --seeds 2 --fractions 1/4,1/2,1 --more 500",
    "seqtag curve reviews.csv --task classify --json curve.json",
    "seqtag curve train.conll --test test.conll --set encoder=null",
)


@command
def curve(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=f"The corpus, of whose split train parts are learnt. {LABELLED_FORMS}")
    ],
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="The data that choose the best epoch. Default: the split dev; without one, a tenth of each part.",
            rich_help_panel=MORE_DATA,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="The data on which all models are measured. Default: the split test; without one, --test-share.",
            rich_help_panel=MORE_DATA,
        ),
    ] = None,
    test_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE", help="Without test data, hold out this share of train for it.", rich_help_panel=MORE_DATA
        ),
    ] = 0.2,
    seeds: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="How many models learn parts of each size.", rich_help_panel=TRAINING),
    ] = 3,
    fractions: Annotated[
        str,
        typer.Option(metavar="A,B,...", help="The sizes of the parts, as shares of train.", rich_help_panel=TRAINING),
    ] = "1/8,1/4,1/2,1",
    more: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Forecast so many further sentences or texts too; repeat --more for several. Twice and four times as "
            "many as there are is always forecast.",
        ),
    ] = None,
    task: LabelTask = "tag",
    language: TrainingLanguage = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How often each part is read through; by default the size of the part decides.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The same seed gives the same parts and models.", rich_help_panel=TRAINING),
    ] = None,
    device: TrainingDevice = None,
    settings: Settings = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Train on growing parts of a corpus, draw the score against their size, and forecast what more data would give.

    Parts are random and nested, and whole documents where DATA tells these apart. A power law is fitted to the scores;
    it gives twice and four times as much data an interval, by label too. All trainings together take about six times
    as long as `seqtag train` does, with three seeds.
    """
    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    chosen = find_task(task, LABELLED_TASKS)
    estimator = make_estimator(
        chosen, parse_settings(settings or []), language=language, epochs=epochs, seed=seed, device=device
    )
    check_share("--test-share", test_share, task=chosen)

    from seqtag.curation.curve import learning_curve, read_fractions
    from seqtag.curation.curve_page import CurveReport

    shares = read_fractions([part.strip() for part in fractions.split(",") if part.strip()])
    splits = read_splits(data, dev, test, **chosen.reading(estimator))
    if splits.test is None:
        splits = hold_out_test(splits, test_share, estimator.seed, data)
    if isinstance(splits.train, str) or isinstance(splits.test, str) or isinstance(splits.dev, str):
        raise UsageError(f"{data}: a learning curve is for labelled data")
    found = learning_curve(
        estimator, splits.train, splits.test, dev=splits.dev, fractions=shares, seeds=seeds, more=more or ()
    )
    show(CurveReport(found, data), files)
