"""`seqtag export`: write a trained model as ONNX into its folder, after a trial on labelled data."""

from typing import Annotated

import typer

from seqtag.cli.arguments import LABELLED_FORMS, DevSplit, MaxBytes, ModelFolder
from seqtag.cli.process import command
from seqtag.cli.sources import read_split
from seqtag.cli.tasks import stored_labelled_task
from seqtag.errors import UsageError

EXAMPLES = (
    "seqtag export models/ner",
    "seqtag export models/ner --dev my-corpus/",
    "seqtag export models/ner --int8 --dev dev.conll",
    "seqtag export models/mood --dev reviews.csv",
)


@command
def export(
    folder: ModelFolder,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Store the weights as 8-bit whole numbers: a quarter of the size and faster, but some predictions "
            "change.",
        ),
    ] = False,
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Labelled data to try the export on; --int8 needs it. Default: texts made of words that the model "
            f"knows. {LABELLED_FORMS}",
        ),
    ] = None,
    split: DevSplit = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write an --int8 export even if it loses more than 0.5 points, or without --dev."),
    ] = False,
    max_bytes: MaxBytes = None,
) -> None:
    """Write a model as ONNX into its folder, to predict without torch.

    The file is written only if its predictions on the trial data are those of torch; with --int8 some may differ.
    """
    if force and not int8:
        raise UsageError("--force: only an --int8 export may differ from the model; leave it out")
    if int8 and dev is None and not force:
        raise UsageError(
            "--int8: changes some predictions, and only labelled data tell what that costs; give --dev DATA, or --force"
        )
    if split is not None and dev is None:
        raise UsageError(f"--split {split}: there is no data to take it from; give --dev DATA too")
    task = stored_labelled_task(folder)
    model = task.load(folder, device="cpu")
    rows = None if dev is None else read_split(dev, split, default="dev", **task.reading(model))
    path = model.export(folder, int8=int8, force=force, dev=rows)
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
