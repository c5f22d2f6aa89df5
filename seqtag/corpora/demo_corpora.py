"""Find the demo corpora: in the data/ of a clone, or inside the installed package. Reads nothing and trains nothing."""

from pathlib import Path

from seqtag.errors import DataError, UsageError, near_miss

# For each task: the folder inside data/, the files that it has to hold, and the command for data of one's own.
_CORPORA = {
    "tag": (".", ("train.conll", "dev.conll", "test.conll"), "seqtag train DATA --out DIR"),
    "classify": ("sentiment", ("train.csv", "dev.csv", "test.csv"), "seqtag train DATA --out DIR --task classify"),
}


def demo_folder(task: str = "tag") -> Path:
    """Give the folder of a task's demo corpus: named entities for `tag`, sentiment for `classify`.

    A wheel carries the clone's top folder data/ as seqtag/data, so both places hold the same files. A folder counts
    only with train, dev and test in it. Raises DataError where neither has all three, UsageError for another task.

    >>> demo_folder().name, demo_folder("classify").name
    ('data', 'sentiment')
    """
    if task not in _CORPORA:
        raise UsageError(f"there is no demo corpus for the task {task!r}; {near_miss(str(task), _CORPORA)}")
    inside, names, command = _CORPORA[task]
    package = Path(__file__).resolve().parent.parent
    places = (package / "data" / inside, package.parent / "data" / inside)
    for folder in places:
        if all((folder / name).is_file() for name in names):
            return folder
    raise DataError(
        f"the demo corpus is not there: neither {places[0]} nor {places[1]} holds {', '.join(names)}; "
        f"install seqtag again, or clone its repository, or train on data of your own: {command}"
    )
