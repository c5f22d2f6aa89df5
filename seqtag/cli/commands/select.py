"""`seqtag select`: which texts to label next, filled in by the model and written for a labelling tool."""

import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqtag.cli.arguments import (
    Device,
    Engine,
    FromName,
    HtmlFile,
    JsonFile,
    JsonLines,
    LabelConfig,
    MarkdownFile,
    MaxBytes,
    ModelName,
    ModelVersion,
    RawText,
    ToName,
)
from seqtag.cli.output import check_files, open_output, show, write_forms
from seqtag.cli.process import command
from seqtag.cli.tasks import Task, stored_labelled_task
from seqtag.errors import UsageError
from seqtag.hub import find_model

if TYPE_CHECKING:
    from seqtag.cli.prediction.requests import Input, Request
    from seqtag.curation.selected import Chosen

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag select models/ner texts.jsonl -n 100 --output next.jsonl",
    "seqtag select models/ner texts.txt --text -n 50 --format label-studio --output tasks.json --label-config l.xml",
    "seqtag select models/ner pool.conll --labelled train.conll --by entropy --html next.html --output next.jsonl",
    "seqtag select models/mood reviews.csv:text=review --format doccano --output next.jsonl",
)
ANNOTATING = "How long annotating takes"
_WITH_NOTES = ("jsonl", "label-studio", "doccano", "prodigy")  # formats whose records may hold more keys


@command
def select(
    folder: ModelName,
    source: Annotated[
        str,
        typer.Argument(
            metavar="TEXTS",
            help="The texts to choose from: whatever `seqtag predict` reads, or - for standard input.",
        ),
    ],
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many texts to choose.")] = 100,
    by: Annotated[
        str,
        typer.Option(
            metavar="errors|entropy|margin",
            help="What a text has to give: errors, the number of wrong spans, tags or classes that the model expects "
            "in its own answer; entropy, that of all its answers; margin, for a classifier, how near the second class "
            "comes. The texts with the most of it per minute of annotation are chosen.",
        ),
    ] = "errors",
    labelled: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXTS",
            help="Texts that are annotated already, in any form that TEXTS may have: what is the same, or nearly so, "
            "is not chosen. May be repeated.",
        ),
    ] = None,
    sentences: Annotated[
        bool,
        typer.Option(
            "--sentences", help="Choose single sentences of the texts; each record says where in its text it began."
        ),
    ] = False,
    spread: Annotated[
        bool,
        typer.Option(
            "--spread/--no-spread",
            help="Choose from clusters of texts, so that the chosen ones are not alike; or take those with the most "
            "to gain, whatever they are.",
        ),
    ] = True,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="What to write: jsonl, label-studio, doccano, prodigy, or any other form that `seqtag predict` "
            "writes. The model's answers are filled in.",
        ),
    ] = "jsonl",
    output: Annotated[str, typer.Option(metavar="FILE", help="Where to write the texts; - is standard output.")] = "-",
    text: RawText = False,
    jsonl: JsonLines = False,
    text_seconds: Annotated[
        float, typer.Option(rich_help_panel=ANNOTATING, metavar="S", help="Seconds for each text.")
    ] = 3.0,
    token_seconds: Annotated[
        float, typer.Option(rich_help_panel=ANNOTATING, metavar="S", help="Seconds for each token.")
    ] = 0.3,
    correction_seconds: Annotated[
        float,
        typer.Option(rich_help_panel=ANNOTATING, metavar="S", help="Seconds for each label that is to be corrected."),
    ] = 5.0,
    label_config: LabelConfig = None,
    model_version: ModelVersion = None,
    from_name: FromName = None,
    to_name: ToName = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the clusters.")] = 0,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    device: Device = "auto",
    engine: Engine = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Choose the texts that teach a model most per minute of annotation, and write them with its answers filled in.

    The texts come with the most to gain first, and keep all keys of their records. Of near copies one is chosen. All
    texts are held in memory. A page of the choice is written with --html, its figures with --json.
    """
    from seqtag.cli.prediction.format_writers import about_model
    from seqtag.cli.prediction.forms import check_form, find_input, make_writer
    from seqtag.corpora.formats.writers.label_studio import labelling_interface
    from seqtag.curation.selection import Seconds
    from seqtag.curation.selection import select as choose

    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    if output == "-" and "-" in files.values():
        raise UsageError("standard output can't have both the texts and a report; name a file with --output")
    seconds = Seconds(text_seconds, token_seconds, correction_seconds)
    folder = str(find_model(folder))
    task = stored_labelled_task(folder)
    given = find_input(source, task, text=text, jsonl=jsonl)
    check_form(form, task)
    options = {"model_version": model_version, "from_name": from_name, "to_name": to_name}
    changes = {name: value for name, value in options.items() if value is not None}
    if form == "label-studio":
        changes = {"model_version": Path(folder).resolve().name} | changes
    model = task.load(folder, device=device, engine=engine)
    writer = make_writer(model, task.name, form, given, attention=False, changes=changes)
    requests = _read(given)
    if sentences:
        requests = list(_cut(requests, given, model.language, has_notes=form in _WITH_NOTES))
    known = [request for one in labelled or () for request in _read(_labelled(one, task, given))]
    if not requests:
        raise UsageError(f"{source}: holds no text to choose from")
    selection = choose(
        model,
        [request.content for request in requests],
        n=n,
        by=by,
        seconds=seconds,
        labelled=[request.content for request in known],
        spread=spread,
        seed=seed,
    )
    chosen = tuple(
        replace(each, place=requests[each.row].place or f"sentence {each.row + 1}") for each in selection.chosen
    )
    selection = replace(selection, source=given.path, model=Path(folder).resolve().name, chosen=chosen)
    if label_config is not None:
        with open_output(label_config) as target:
            target.write(labelling_interface(about_model(model, **changes)) + "\n")
    taken = [requests[each.row] for each in chosen]
    if form in _WITH_NOTES:
        taken = [_noted(request, each, rank) for rank, (request, each) in enumerate(zip(taken, chosen), 1)]
    with open_output(output, is_binary=writer.is_binary) as target:
        target.write(writer.head())
        target.writelines(map(writer.add, writer.lines(taken)))
        target.write(writer.foot())
    writer.close()
    logger.info("%s", selection.summary())
    if output == "-":
        write_forms(selection, files)
    else:
        show(selection, files)


def _read(given: "Input") -> list["Request"]:
    """Read texts; lines of a column file that belong to no sentence are left out."""
    from seqtag.cli.prediction.requests import read_requests

    return [each for each in read_requests(given, sys.stdin.buffer, lambda: None) if not each.is_blank]


def _labelled(source: str, task: Task, given: "Input") -> "Input":
    """Find out what texts are that are annotated already; UsageError for standard input that has a use already."""
    from seqtag.cli.prediction.forms import find_input

    if source.startswith("-") and given.path == "-":
        raise UsageError("--labelled -: standard input holds the texts to choose from; name a file")
    return find_input(source, task, text=False, jsonl=False)


def _cut(requests: Iterable["Request"], given: "Input", language: str, *, has_notes: bool) -> Iterator["Request"]:
    """Cut texts into sentences; what came as tokens is one already. UsageError for documents of spaCy."""
    from seqtag.text.tokenizer import Tokenizer

    if given.kind == "spacy":
        raise UsageError("--sentences: a document of spaCy is written whole; leave it out")
    key = "text" if given.column is None else str(given.column)
    if given.table is not None:
        key = given.table.keys[given.table.text]
    tokenizer = Tokenizer(language)
    for request in requests:
        if request.text is None:
            yield request
            continue
        for sentence in tokenizer.sentences(request.text):
            start, end = sentence[0].start, sentence[len(sentence) - 1].end
            part = request.text[start:end]
            record = ({**request.record, key: part} if key in request.record else request.record) | (
                {"sentence_start": start} if has_notes else {}
            )
            yield replace(request, text=part, record=record)


def _noted(request: "Request", chosen: "Chosen", rank: int) -> "Request":
    """Note in the record of a text why it was chosen."""
    from seqtag.corpora.formats.writers.documents import rounded

    figures = {name: rounded(getattr(chosen, name)) for name in ("gain", "errors", "entropy", "seconds")}
    return replace(request, record=request.record | {"selection": {"rank": rank, **figures}})
