"""`seqtag predict`: requests in, answers out, in order, a handful at a time."""

import logging
import sys
from functools import partial
from typing import Annotated

import typer

from seqtag.cli.arguments import Device, Engine, MaxBytes, ModelName
from seqtag.cli.output import open_output
from seqtag.cli.process import command
from seqtag.cli.tasks import stored_labelled_task
from seqtag.hub import find_model

logger = logging.getLogger("seqtag")

EXAMPLES = (
    'echo "Ada lives in Turin." | seqtag predict models/ner --text',
    "seqtag predict models/ner new.conll --output tagged.conll",
    "seqtag predict models/ner texts.jsonl --format jsonl > spans.jsonl",
    'echo "What a day!" | seqtag predict models/mood --attention',
    "seqtag predict models/mood reviews.csv:text=review --output classified.csv",
    "seqtag predict models/ner texts.jsonl --workers 4 --output spans.jsonl",
)


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
    workers: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="How many processes answer, each on one core and with a model of its own, in the same order and with "
            "the same answers. Default: this process alone, with all cores.",
        ),
    ] = 1,
    device: Device = "auto",
    engine: Engine = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Tag or classify new text in order, from files of any size or from a pipe that waits for each answer."""
    from seqtag.cli.prediction.answering import Answering, AnsweringInProcesses, open_writer
    from seqtag.cli.prediction.forms import check_form, find_input
    from seqtag.cli.prediction.requests import read_requests

    folder = str(find_model(folder))
    task = stored_labelled_task(folder)
    given = find_input(source, task, text=text, jsonl=jsonl)
    form = form or given.kind
    check_form(form, task)
    opened = partial(open_writer, folder, task.name, form, given, attention=attention, device=device, engine=engine)
    writer = opened()
    if given.path == "-" and sys.stdin.isatty():
        logger.info("reading from the keyboard; Ctrl-D ends it")
    with open_output(output) as target:
        target.write(writer.head())
        alone = workers == 1
        with Answering(writer, target) if alone else AnsweringInProcesses(writer, target, workers, opened) as answering:
            for request in read_requests(given, sys.stdin.buffer, answering.before_wait):
                answering.add(request)
            answering.finish()
    writer.close()
