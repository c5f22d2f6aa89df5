"""`seqtag explain`: a text in, and out comes why the model found in it what it found."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import (
    Device,
    HtmlFile,
    JsonFile,
    KnownFile,
    KnownIgnoreCase,
    KnownStrength,
    MarkdownFile,
    ModelName,
)
from seqtag.cli.output import check_files, show
from seqtag.cli.process import command
from seqtag.cli.tasks import stored_labelled_task
from seqtag.errors import UsageError
from seqtag.hub import find_model
from seqtag.reporting.document import Document

if TYPE_CHECKING:
    from seqtag.inference.explaining.explanation import Explanations
    from seqtag.reporting.sections import Section
    from seqtag.text.schemes import Span

EXAMPLES = (
    'seqtag explain models/ner "Ada Lovelace lived in London."',
    'seqtag explain models/ner "She met Jordan." --span 8:14=LOC',
    'seqtag explain models/mood "What a lovely day!" --html why.html',
    "seqtag explain models/mood - --label bad < review.txt",
)


class Why(Document):
    """What the command says of the explanations."""

    page_title = "Explanations"

    def __init__(self, explanations: "Explanations") -> None:
        self.explanations = explanations

    def sections(self) -> "tuple[Section, ...]":
        """Give the sentences and tables of each explanation."""
        return self.explanations.sections()

    def to_dict(self) -> dict[str, Any]:
        """Give `explanations`, a list of what `Explanation.to_dict` gives."""
        return self.explanations.to_dict()

    def __str__(self) -> str:
        """Say it in plain sentences; the tables are in the other forms."""
        return str(self.explanations)


@command
def explain(
    folder: ModelName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text, in quotes; - reads it from standard input.")],
    span: Annotated[
        str | None,
        typer.Option(
            metavar="START:END=LABEL",
            help="Of a tagger: explain this span alone, found or not. Places count characters, the end is exclusive.",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Of a classifier: explain this class, chosen or not.")
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    known: KnownFile = None,
    known_strength: KnownStrength = None,
    known_ignore_case: KnownIgnoreCase = False,
    device: Device = "auto",
) -> None:
    """Say why a model found each span of a text, or gave it its class, against the next best reading.

    It says how much less probable the next best reading is, which scores decide against it, and how the log odds change
    where a word, or its spelling, is hidden from the model.
    """
    from rich.text import Text

    from seqtag.cli.prediction.known import read_known
    from seqtag.corpora.lines import handle_blocks

    outputs = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    folder = str(find_model(folder))
    task = stored_labelled_task(folder)
    is_tagger = task.name == "tag"
    if (label is not None and is_tagger) or (span is not None and not is_tagger):
        option, other = ("--label", "--span START:END=LABEL") if is_tagger else ("--span", "--label LABEL")
        raise UsageError(f"{option}: {folder} holds a {task.noun}; ask it with {other}, or for all that it found")
    rules = read_known(known, known_strength, ignore_case=known_ignore_case, task=task.name)
    asked = None if span is None else read_span(span)
    if text == "-":
        text = "\n".join(line for _, lines in handle_blocks(sys.stdin, "<stdin>") for line in lines)
    model = task.load(folder, device=device)
    found = model.explain_text(text, asked, **rules) if is_tagger else model.explain(text, label)
    show(Why(found), outputs, in_colours=lambda why: Text(str(why)))


def read_span(written: str) -> "Span":
    """Read START:END=LABEL; UsageError where it is not written so.

    >>> read_span("8:14=LOC")
    Span(start=8, end=14, label='LOC')
    """
    from seqtag.text.schemes import Span

    places, _, label = written.partition("=")
    start, _, end = places.partition(":")
    if not (start.isdecimal() and end.isdecimal() and label):
        raise UsageError(f"--span {written}: write START:END=LABEL, with places in characters, such as 8:14=LOC")
    return Span(int(start), int(end), label)
