"""`seqtag predict`: requests in, answers out, in order, a handful at a time."""

import logging
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from seqtag.cli.arguments import (
    Device,
    Engine,
    FromName,
    JsonLines,
    KnownFile,
    KnownIgnoreCase,
    KnownStrength,
    LabelConfig,
    MaxBytes,
    ModelName,
    ModelVersion,
    RawText,
    ToName,
)
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
    "seqtag predict models/ner texts.jsonl --format label-studio --output tasks.json --label-config labels.xml",
    "seqtag predict models/ner in.spacy --format spacy --output out.spacy",
    "seqtag predict models/ner texts.jsonl --known patterns.jsonl --known-strength 5",
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
            "columns are kept. For both: a DocBin of spaCy (.spacy), whose own tokens are tagged.",
        ),
    ] = "-",
    text: RawText = False,
    jsonl: JsonLines = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="What to write. For a tagger, conll: one token and its tag per line; jsonl: spans with offsets and "
            "probabilities; text: the same for people to read. For a classifier, text: class, probability and text "
            "between tabs; jsonl: with the probabilities of all classes; csv: the table with the columns label and "
            "score added (predicted_label if it has a label). For other tools, with scores: label-studio, doccano, "
            "prodigy, hf (transformers' pipelines), spacy (.spacy), and of a tagger conllu, webanno and displacy. What "
            "a record holds under a key that the form needs is kept under `given`, and what has no place is named. "
            "Default: the form of INPUT.",
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
    known: KnownFile = None,
    known_strength: KnownStrength = None,
    known_ignore_case: KnownIgnoreCase = False,
    label_config: LabelConfig = None,
    model_version: ModelVersion = None,
    from_name: FromName = None,
    to_name: ToName = None,
    device: Device = "auto",
    engine: Engine = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Tag or classify new text in order, from files of any size or from a pipe that waits for each answer."""
    from seqtag.cli.prediction.answering import Answering, AnsweringInProcesses, open_writer
    from seqtag.cli.prediction.format_writers import about_model
    from seqtag.cli.prediction.forms import check_form, find_input
    from seqtag.cli.prediction.known import read_known
    from seqtag.cli.prediction.requests import read_requests
    from seqtag.corpora.formats.writers.label_studio import labelling_interface

    folder = str(find_model(folder))
    task = stored_labelled_task(folder)
    task.check_engine(folder, engine)
    given = find_input(source, task, text=text, jsonl=jsonl)
    form = form or given.kind
    check_form(form, task)
    options = {"model_version": model_version, "from_name": from_name, "to_name": to_name}
    changes = {name: value for name, value in options.items() if value is not None}
    if form == "label-studio":
        changes = {"model_version": Path(folder).resolve().name} | changes
    opened = partial(
        open_writer,
        folder,
        task.name,
        form,
        given,
        attention=attention,
        device=device,
        engine=engine,
        changes=changes,
        known=read_known(known, known_strength, ignore_case=known_ignore_case, task=task.name),
    )
    writer = opened()
    if label_config is not None:
        with open_output(label_config) as target:
            target.write(labelling_interface(about_model(writer.model, **changes)) + "\n")
    if given.path == "-" and sys.stdin.isatty():
        logger.info("reading from the keyboard; Ctrl-D ends it")
    with open_output(output, is_binary=writer.is_binary) as target:
        target.write(writer.head())
        alone = workers == 1
        with Answering(writer, target) if alone else AnsweringInProcesses(writer, target, workers, opened) as answering:
            for request in read_requests(given, sys.stdin.buffer, answering.before_wait):
                answering.add(request)
            answering.finish()
        target.write(writer.foot())
    writer.close()
