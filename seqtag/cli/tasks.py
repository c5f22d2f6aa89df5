"""The tasks that a model can be trained for, and which one a word of the command line or a model folder names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from seqtag.errors import ModelError, UsageError, near_miss

LANGUAGE = "lm"


@dataclass(frozen=True, slots=True)
class Task:
    """What most commands have to know of a task."""

    name: str  # as it is written in --task and config.json
    noun: str  # a model for it
    class_name: str  # of its models
    reading: Callable[[Any], dict[str, Any]] = lambda model: {}  # options of load_corpus for a model, trained or not

    def estimator(self) -> Any:
        """Import the class of the models, and torch with it."""
        return getattr(import_module("seqtag"), self.class_name)

    @property
    def has_labels(self) -> bool:
        """Whether its models give tags or classes, which a language model does not."""
        return self.name != LANGUAGE

    def load(self, folder: str, *, device: str, engine: str | None = None) -> Any:
        """Load a model of this task, on an engine if one is named; UsageError for an engine that can't run it."""
        self.check_engine(folder, engine)
        return self.estimator().load(folder, device=device, **({} if engine is None else {"engine": engine}))

    def check_engine(self, folder: str, engine: str | None) -> None:
        """Raise UsageError for an engine that there is not, or that can't run the model in a folder."""
        if engine is None:
            return
        from seqtag.models.options import ENGINES

        if not self.has_labels:
            raise UsageError(
                f"--engine {engine}: {folder} holds a language model, and engines are for taggers and classifiers; "
                "leave it out"
            )
        if engine not in ENGINES:
            raise UsageError(f"--engine {engine}: unknown; {near_miss(engine, ENGINES)}")


def _read_for_tagger(tagger: Any) -> dict[str, Any]:
    options = {"task": "tag", "language": tagger.language}
    if hasattr(tagger, "tagset_"):
        options |= {"scheme": tagger.scheme_, "outside": tagger.tagset_.outside}
    return options


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("tag", "tagger", "Tagger", _read_for_tagger),
        Task("classify", "classifier", "Classifier", lambda classifier: {"task": "classify"}),
        Task(LANGUAGE, "language model", "LanguageModel"),
    )
}
LABELLED_TASKS: Mapping[str, Task] = {name: task for name, task in TASKS.items() if task.has_labels}


def find_task(name: str, tasks: Mapping[str, Task] = TASKS) -> Task:
    """Find the task that `--task` names; UsageError if it is none of `tasks`."""
    if name not in tasks:
        raise UsageError(f"--task {name}: unknown; {near_miss(name, tasks)}")
    return tasks[name]


def stored_task(folder: str) -> Task:
    """Find the task of the model in a folder; UsageError if there is no model, ModelError if it is damaged."""
    from seqtag.model_files import shown
    from seqtag.store import read_task

    name = read_task(folder)
    if not isinstance(name, str) or name not in TASKS:
        raise ModelError(
            f"{folder}: holds a model for the task {shown(name)}, and the tasks here are {', '.join(TASKS)}; use a "
            "release of seqtag that knows this task"
        )
    return TASKS[name]


def stored_labelled_task(folder: str) -> Task:
    """Find the task of the model in a folder; UsageError for a language model, which gives no labels."""
    task = stored_task(folder)
    if not task.has_labels:
        raise UsageError(
            f"{folder}: holds a language model, which knows no tags or classes; `seqtag generate` writes with it, and "
            "`seqtag evaluate` measures it on text"
        )
    return task
