"""`seqtag predict`: requests in, answers out, in order, a handful at a time."""

import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from seqtag.cli.arguments import Device, Engine, MaxBytes, ModelName
from seqtag.cli.output import open_output
from seqtag.cli.process import command
from seqtag.cli.tasks import stored_labelled_task
from seqtag.hub import find_model

if TYPE_CHECKING:
    from seqtag.cli.prediction.requests import Request

logger = logging.getLogger("seqtag")

EXAMPLES = (
    'echo "Ada lives in Turin." | seqtag predict models/ner --text',
    "seqtag predict models/ner new.conll --output tagged.conll",
    "seqtag predict models/ner texts.jsonl --format jsonl > spans.jsonl",
    'echo "What a day!" | seqtag predict models/mood --attention',
    "seqtag predict models/mood reviews.csv:text=review --output classified.csv",
)

# The most requests that are answered together: enough for full batches, few enough that memory does not grow.
_MOST = 512


@command
def predict(
    folder: ModelName,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A file, or - for standard input. For a tagger: a column file with one token per line, in its first "
            "column or in the one that FILE:token=1 names (for standard input: -- -:token=1), and a blank line after "
            "each sentence; the other columns, comments and a header are kept. For a classifier: one text per line, or "
            "a table whose name ends in .csv or .tsv, where FILE:text=review names the column of the texts; all "
            "columns are kept.",
        ),
    ] = "-",
    text: Annotated[bool, typer.Option("--text", help="INPUT is raw text, one text per line.")] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            help='INPUT has one JSON object per line, with "text" or "tokens"; the name *.jsonl says so without a '
            "flag. All keys of the objects are kept.",
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="conll|jsonl|text|csv",
            help="What to write. For a tagger, conll: one token and its tag per line; jsonl: spans with offsets and "
            "probabilities; text: the same for people to read. For a classifier, text: class, probability and text "
            "between tabs; jsonl: with the probabilities of all classes; csv: the table with the columns label and "
            "score added (predicted_label if it has a label). Default: the form of INPUT.",
        ),
    ] = None,
    attention: Annotated[
        bool,
        typer.Option(
            "--attention",
            help="For a classifier with pooling=attention: show the words with the most weight in the decision; in "
            "jsonl, the weight of each word.",
        ),
    ] = False,
    output: Annotated[str, typer.Option(metavar="FILE", help="Where to write; - is standard output.")] = "-",
    device: Device = "auto",
    engine: Engine = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Tag or classify new text in order, from files of any size or from a pipe that waits for each answer."""
    from seqtag.cli.prediction.forms import FORMS, check_form, find_input
    from seqtag.cli.prediction.requests import read_requests
    from seqtag.models.predictor import load_predictor

    folder = str(find_model(folder))
    task = stored_labelled_task(folder)
    given = find_input(source, task, text=text, jsonl=jsonl)
    form = form or given.kind
    check_form(form, task)
    model = load_predictor(folder, device=device, engine=engine)
    writer = FORMS[task.name].writer(model, form, given, attention=attention)
    if given.path == "-" and sys.stdin.isatty():
        logger.info("reading from the keyboard; Ctrl-D ends it")
    waiting: list[Request] = []
    with open_output(output) as target:

        def answer() -> None:
            if waiting:
                target.writelines(writer.lines(waiting))
                target.flush()
                waiting.clear()

        target.write(writer.head())
        for request in read_requests(given, sys.stdin.buffer, answer):
            waiting.append(request)
            if len(waiting) == _MOST:
                answer()
        answer()
    writer.close()
