"""The commands that measure and look: evaluate, score. `register` gives them to the app."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from seqtag.cli.arguments import DATA_FORMS, Device, HtmlFile, JsonFile, MarkdownFile, ModelFolder, examples
from seqtag.cli.session import command


@command
def evaluate(
    folder: ModelFolder,
    data: Annotated[str, typer.Argument(metavar="DATA", help=f"Labelled data: {DATA_FORMS}")],
    split: Annotated[
        str | None, typer.Option(help="train, dev or test; default: test, or the only one there is.")
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    device: Device = "auto",
) -> None:
    """Measure a model on labelled data: scores with intervals, what goes wrong, and how far to trust its confidence."""
    from seqtag.cli import measure

    files = {".json": json_file, ".html": html_file, ".md": markdown_file}
    measure.evaluate(folder, data, split=split, files=files, device=device)


@command
def score(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="A column file; FILE:tag=3 names the column.")],
    predicted: Annotated[str, typer.Argument(metavar="PREDICTED", help="A column file with the same sentences.")],
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Score the output of any system against gold, strictly and the conlleval way, and show what goes wrong."""
    from seqtag.cli import measure

    measure.score(gold, predicted, files={".json": json_file, ".html": html_file, ".md": markdown_file})


_EXAMPLES: Mapping[Callable[..., None], tuple[str, ...]] = {
    evaluate: (
        "seqtag evaluate models/ner my-corpus/",
        "seqtag evaluate models/ner my-corpus/ --html report.html",
        "seqtag evaluate models/ner dev.conll:tag=3 --json dev.json",
        "seqtag evaluate models/mood reviews.csv:text=review,label=stars",
    ),
    score: (
        "seqtag score gold.conll other-system.conll --html report.html",
        "seqtag score gold.tsv:tag=1 out.tsv:tag=-1",
    ),
}


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for function, lines in _EXAMPLES.items():
        app.command(epilog=examples(*lines))(function)
