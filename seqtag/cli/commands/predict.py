"""`seqtag predict`: requests in, answers out, in order, a handful at a time."""

import logging
import os
import sys

from seqtag.cli.prediction.requests import Input, Request, read_requests
from seqtag.cli.prediction.tables import open_table
from seqtag.cli.sources import open_output
from seqtag.cli.tasks import Task, load_model, stored_task
from seqtag.errors import UsageError, near_miss

logger = logging.getLogger("seqtag")

# Requests that are answered together at most: enough for full batches, few enough that memory stays flat.
_MOST = 512

_KINDS = {
    "conll": "a column file with a token a line",
    "text": "text, one a line (--text)",
    "jsonl": "JSON lines (--jsonl)",
    "csv": "a table with a text a row",
}


def predict(
    folder: str,
    source: str,
    *,
    kind: str | None,
    form: str | None,
    output: str,
    attention: bool,
    device: str,
    engine: str | None,
) -> None:
    """Tag or classify what `source` holds with the model in `folder`; `kind` and `form` are of input and output.

    Standard input is answered whenever no more of it is there yet, so that a program on the other end may wait for each
    answer.
    """
    task = stored_task(folder)
    given = find_input(source, task, kind)
    form = form or given.kind
    if form not in task.answers.FORMS:
        raise UsageError(f"--format {form}: unknown for a {task.noun}; {near_miss(form, task.answers.FORMS)}")
    model = load_model(task, folder, device=device, engine=engine)
    answers = task.answers(model, form, given, attention=attention)
    if given.path == "-" and sys.stdin.isatty():
        logger.info("reading from the keyboard; Ctrl-D ends it")
    waiting: list[Request] = []
    with open_output(output, sys.stdout) as target:

        def answer() -> None:
            if waiting:
                target.writelines(answers.lines(waiting))
                target.flush()
                waiting.clear()

        target.write(answers.head())
        for request in read_requests(given, sys.stdin.buffer, answer):
            waiting.append(request)
            if len(waiting) == _MOST:
                answer()
        answer()
    answers.close()


def find_input(source: str, task: Task, kind: str | None) -> Input:
    """Say what INPUT is, by its name where `kind` does not say it; a table is looked into.

    Raises UsageError for what a model of this task can't read.
    """
    path, column = task.cut_source(source)
    ending = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    kind = kind or task.endings.get(ending, task.kind)
    if kind not in task.answers.FORMS:
        takes = ", or ".join(_KINDS[form] for form in task.answers.FORMS)
        raise UsageError(
            f"{path}: by its name this is {_KINDS[kind]}, and the model is a {task.noun}, which takes {takes}"
        )
    if column is not None and (kind == "text" or (kind == "jsonl" and not task.by_text)):
        raise UsageError(f"{source}: this input has no columns; leave out {source.removeprefix(path)}")
    table = open_table(path, column) if kind == "csv" else None
    return Input(path, kind, column, table, task.by_text)


def input_kind(*, text: bool, jsonl: bool) -> str | None:
    """Read the two flags for the kind of input; None where the name decides."""
    if text and jsonl:
        raise UsageError("--text and --jsonl: the input is one of the two; leave out the other")
    return "text" if text else "jsonl" if jsonl else None
