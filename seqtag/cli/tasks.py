"""The tasks that the commands know, and all in which they differ: estimator, reading, answers.

Of a language model only the name is here: it has no labels, so no command but train and evaluate is for both.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.cli.prediction.class_writers import ClassAnswers
from seqtag.cli.prediction.tag_writers import Answers, TagAnswers
from seqtag.cli.sources import column_source, text_source
from seqtag.errors import ModelError, UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.corpora.formats.conll import Column

LANGUAGE = "lm"

_JSON_LINES = {".jsonl": "jsonl", ".ndjson": "jsonl"}
COLUMN_FILES = (".conll", ".conllu", ".conll2003", ".bio", ".iob", ".iob2")


@dataclass(frozen=True, slots=True)
class Task:
    """What the commands have to know of a task with labels."""

    name: str  # as --task and config.json have it
    noun: str
    estimator: Callable[[], Any]  # imports its class, and torch with it
    answers: type[Answers]
    reading: Callable[[Any], dict[str, Any]]  # what load_corpus is told for an estimator, trained or not
    cut_source: "Callable[[str], tuple[str, Column | None]]"  # INPUT of predict -> path, column of tokens or text
    endings: Mapping[str, str]  # of files -> the kind of INPUT that they hold, which may be one for another task
    kind: str  # of standard input and of any other file
    by_text: bool  # of a JSON object `text` counts before `tokens`, and a missing text is an empty one


def load_model(task: Task, folder: str, *, device: str, engine: str | None) -> Any:
    """Load the model of a task, on an engine where one is named; UsageError where it can't run on that."""
    from seqtag.models.options import ENGINES

    if engine is not None and engine not in ENGINES:
        raise UsageError(f"--engine {engine}: unknown; {near_miss(engine, ENGINES)}")
    return task.estimator().load(folder, device=device, engine=engine)


def _tagger() -> Any:
    from seqtag import Tagger

    return Tagger


def _classifier() -> Any:
    from seqtag import Classifier

    return Classifier


def _tag_reading(tagger: Any) -> dict[str, Any]:
    is_trained = hasattr(tagger, "tagset_")
    return {"language": tagger.language, "scheme": tagger.scheme_ if is_trained else None}


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            "tag",
            noun="tagger",
            estimator=_tagger,
            answers=TagAnswers,
            reading=_tag_reading,
            cut_source=lambda source: column_source(source)[:2],
            # a column file may end in anything, but what ends so has its columns between commas
            endings={**_JSON_LINES, ".csv": "csv"},
            kind="conll",
            by_text=False,
        ),
        Task(
            "classify",
            noun="classifier",
            estimator=_classifier,
            answers=ClassAnswers,
            reading=lambda classifier: {},
            cut_source=text_source,
            endings={**_JSON_LINES, ".csv": "csv", ".tsv": "csv", **dict.fromkeys(COLUMN_FILES, "conll")},
            kind="text",
            by_text=True,
        ),
    )
}


def find_task(name: str) -> Task:
    """Give the task with labels of a name; UsageError for one that there is not."""
    if name not in TASKS:
        raise UsageError(f"--task {name}: unknown; {near_miss(name, TASKS)}")
    return TASKS[name]


def find_estimator(name: str) -> Any:
    """Give the class of estimator that learns a task, a language model's too; UsageError for an unknown task."""
    if name == LANGUAGE:
        from seqtag import LanguageModel

        return LanguageModel
    if name not in TASKS:
        raise UsageError(f"--task {name}: unknown; {near_miss(name, (*TASKS, LANGUAGE))}")
    return TASKS[name].estimator()


def stored_task(folder: str) -> Task:
    """Say which task with labels the model in a folder is for; UsageError for a language model, too."""
    name = stored_name(folder)
    if name == LANGUAGE:
        raise UsageError(
            f"{folder}: holds a language model, which knows no tags or classes; seqtag generate writes with it, seqtag "
            "evaluate measures it on text"
        )
    return TASKS[name]


def stored_name(folder: str) -> str:
    """Name the task of the model in a folder; UsageError where it holds none, ModelError for a damaged one."""
    from seqtag.store import read_model

    try:
        name = json.loads((Path(folder) / "config.json").read_bytes())["task"]
    except (OSError, ValueError, KeyError, TypeError):
        # Says what is wrong with the folder, unless it mends what a kill between two renames left.
        name = read_model(folder).config.get("task")
    if name not in (*TASKS, LANGUAGE):
        known = ", ".join((*TASKS, LANGUAGE))
        raise ModelError(f"{folder}: holds a model for the task {name!r}, and the tasks here are {known}")
    return str(name)
