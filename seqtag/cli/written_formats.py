"""The format that a command writes a corpus in, which --to or the ending of the file means, and its files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from seqtag.cli.output import open_output
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.corpora.conversion import Corpus

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


def write_corpus(corpus: "Corpus", out: str, name: str, *, overwrite: bool) -> dict[str, Path]:
    """Write each split of a corpus, and give the files; UsageError where one is there already, without `overwrite`."""
    from seqtag.corpora.conversion import content
    from seqtag.corpora.formats.writers.formats import FORMATS

    files = _files(out, list(corpus.splits), name, usual_ending(name))
    if there := [str(path) for path in files.values() if path.exists() and not overwrite]:
        raise UsageError(f"{out}: there is {', '.join(there)} already; name another place, or add --overwrite")
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    for split, path in files.items():
        with open_output(os.fspath(path), is_binary=name == PARQUET or FORMATS[name].writer.is_binary) as target:
            if name == PARQUET:
                corpus.splits[split].to_parquet(target)
            else:
                target.writelines(content(corpus, split, FORMATS[name]))
    return files


def _files(out: str, splits: list[str], name: str, ending: str) -> dict[str, Path]:
    """Give the file of each split: OUT itself, or files in the folder OUT."""
    path = Path(out)
    is_folder = out.endswith(("/", os.sep)) or path.is_dir()
    if len(splits) == 1 and not is_folder:
        check_ending(out, name)
        return {splits[0]: path}
    if path.suffix.lower() in (ending, *BY_ENDING) and not is_folder:
        raise UsageError(
            f"{out}: the corpus has the splits {', '.join(splits)}, and each gets a file; name a folder without an "
            f"ending and the format with --to, or give the file of one split"
        )
    return {split: path / f"{split}{ending}" for split in splits}
