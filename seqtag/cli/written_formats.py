"""Which format a command writes a corpus in: the one that --to names, or the one that the ending of the file means."""

import os
from pathlib import Path

from seqtag.errors import UsageError, near_miss

PARQUET = "parquet"
_COLUMNS = (".conll", ".bio", ".iob", ".iob2", ".conll2003")
# The formats that an ending of OUT means. Other endings, and .jsonl for Doccano, need --to.
BY_ENDING = {
    **dict.fromkeys(_COLUMNS, "conll"),
    **{".conllu": "conllu", ".jsonl": "jsonl", ".spacy": "spacy", ".parquet": PARQUET, ".csv": "csv"},
}
# Endings that a file of a format may have beside its usual one; another would be read as another form.
_MORE_ENDINGS = {"conll": (*_COLUMNS, ".txt", ".tsv"), "webanno": (".txt", ".webanno")}


def format_name(out: str, to: str | None, task: str) -> str:
    """Find the format by --to, or by the ending of OUT; UsageError if there is none, or none for the task."""
    from seqtag.corpora.formats.writers.formats import FORMATS

    known = [*FORMATS, PARQUET]
    name = to
    if name is None:
        ending = os.path.splitext(out.lower())[1]
        if ending not in BY_ENDING:
            raise UsageError(f"{out}: its ending says no format; add --to with one of {', '.join(known)}")
        name = BY_ENDING[ending]
    if name not in known:
        raise UsageError(f"--to {name}: unknown; {near_miss(name, known)}")
    if name in FORMATS and task not in FORMATS[name].tasks:
        fitting = [*(each for each, form in FORMATS.items() if task in form.tasks), PARQUET]
        raise UsageError(f"--to {name}: can't hold the data of --task {task}; choose from {', '.join(fitting)}")
    return name


def usual_ending(name: str) -> str:
    """Give the ending of the files of a format."""
    from seqtag.corpora.formats.writers.formats import FORMATS

    return FORMATS[name].ending if name in FORMATS else ".parquet"


def check_ending(out: str, name: str) -> None:
    """Raise UsageError for a file whose ending does not fit its format, because it could not be read back by it."""
    ending = usual_ending(name)
    if Path(out).suffix.lower() not in (ending, *_MORE_ENDINGS.get(name, ())):
        raise UsageError(
            f"{out}: a file of the format {name} is known by its ending; name a file that ends in {ending}, or a "
            "folder with / behind its name"
        )
