"""The forms of input and output that `seqtag predict` knows for each task, and which of them a call means."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtag.cli.prediction.answer_writer import AnswerWriter
from seqtag.cli.prediction.class_writers import ClassWriter
from seqtag.cli.prediction.format_writers import ToolWriter
from seqtag.cli.prediction.requests import Input
from seqtag.cli.prediction.tables import open_table
from seqtag.cli.prediction.tag_writers import TagWriter
from seqtag.cli.sources import COLUMN_FILES, cut_source
from seqtag.cli.tasks import Task
from seqtag.corpora.formats.word_tables import is_word_table
from seqtag.corpora.formats.writers.formats import FORMATS
from seqtag.errors import UsageError, near_miss

_KINDS = {
    "conll": "a column file with one token per line",
    "text": "text, one per line (--text)",
    "jsonl": "JSON lines (--jsonl)",
    "csv": "a table with one text per row",
    "spacy": "a DocBin of spaCy",
}
_JSON_LINES = {".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Forms:
    """What a model of one task reads and writes."""

    writer: type[AnswerWriter]  # of the kinds of INPUT, but for documents of spaCy
    writes: tuple[str, ...]
    endings: Mapping[str, str]  # ending of a file -> kind of INPUT, which may be one that this task can't read
    kind: str  # the kind of standard input, and of files with any other ending
    by_text: bool  # whether, in a JSON object, `text` is preferred to `tokens` and a missing text counts as empty


def _written(task: str, writer: type[AnswerWriter]) -> tuple[str, ...]:
    tools = (name for name, form in FORMATS.items() if task in form.tasks)
    return tuple(dict.fromkeys([*writer.FORMS, *tools]))


FORMS: Mapping[str, Forms] = {
    "tag": Forms(
        writer=TagWriter,
        writes=_written("tag", TagWriter),
        # A column file may have any ending, but a file that ends in .csv has commas between its columns.
        endings={**_JSON_LINES, ".csv": "csv", ".spacy": "spacy"},
        kind="conll",
        by_text=False,
    ),
    "classify": Forms(
        writer=ClassWriter,
        writes=_written("classify", ClassWriter),
        endings={
            **_JSON_LINES,
            ".csv": "csv",
            ".tsv": "csv",
            ".spacy": "spacy",
            **dict.fromkeys(COLUMN_FILES, "conll"),
        },
        kind="text",
        by_text=True,
    ),
}


def find_input(source: str, task: Task, *, text: bool, jsonl: bool) -> Input:
    """Find out what INPUT is: what the flags `text` and `jsonl` say, else what its name says; look into a table.

    Raises UsageError for input that a model of this task can't read, and for both flags at once.
    """
    if text and jsonl:
        raise UsageError("--text and --jsonl: the input is one of the two; leave out the other")
    forms = FORMS[task.name]
    path, column, _ = cut_source(source, task=task.name)
    ending = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    kind = "text" if text else "jsonl" if jsonl else forms.endings.get(ending, forms.kind)
    if (
        kind == "csv"
        and task.name == "tag"
        and os.path.isfile(path)
        and is_word_table(Path(path), column, tagged=False)
    ):
        kind = "conll"
    kinds = (*forms.writer.FORMS, "spacy")
    if kind not in kinds:
        takes = ", or ".join(_KINDS[form] for form in kinds)
        raise UsageError(
            f"{path}: by its name this is {_KINDS[kind]}, and the model is a {task.noun}, which takes {takes}"
        )
    if column is not None and (kind in ("text", "spacy") or (kind == "jsonl" and not forms.by_text)):
        raise UsageError(f"{source}: this input has no columns; leave out {source.removeprefix(path)}")
    table = open_table(path, column) if kind == "csv" else None
    return Input(path, kind, column, table, forms.by_text)


def check_form(form: str, task: Task) -> None:
    """Raise UsageError for a form of output that models of a task can't write."""
    known = FORMS[task.name].writes
    if form not in known:
        raise UsageError(f"--format {form}: unknown for a {task.noun}; {near_miss(form, known)}")


def make_writer(
    model: Any, task: str, form: str, given: Input, *, attention: bool, changes: Mapping[str, str]
) -> AnswerWriter:
    """Make what writes the answers of a model; `changes` are what the user says for Label Studio, by field of `About`.

    Raises UsageError for options that do not go together.
    """
    if changes and form != "label-studio":
        raise UsageError(f"--{next(iter(changes)).replace('_', '-')}: is for --format label-studio; leave it out")
    own = FORMS[task].writer
    if form in own.FORMS and given.kind != "spacy":
        return own(model, form, given, attention=attention)
    if form not in FORMATS:
        raise UsageError(f"--format {form}: {given.path} has documents of spaCy, no rows of a table; choose jsonl")
    return ToolWriter(model, form, given, attention=attention, changes=changes)
