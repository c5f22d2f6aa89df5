"""Which data a command means: a corpus, one of its splits, or the columns of a file. Knows no model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqtag.cli.tasks import Task
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from seqtag.corpora.formats.conll import Column

COLUMN_FILES = (".conll", ".conllu", ".conll2003", ".bio", ".iob", ".iob2")  # endings that no other form has


def read_corpus(source: str, **options: Any) -> "DatasetDict":
    """Read all splits of a corpus, without the progress bars that `datasets` shows for each step."""
    from datasets import DatasetDict, disable_progress_bars

    from seqtag.corpora.loading import load_corpus

    disable_progress_bars()
    corpus = load_corpus(source, **options)
    assert isinstance(corpus, DatasetDict)
    return corpus


def read_split(source: str, split: str | None, *, default: str, **options: Any) -> "Dataset":
    """Read the split that `--split` names; without a name the split `default`, or else the only one.

    Raises UsageError for a name that the corpus does not have, and for no name where several splits may be meant.
    """
    corpus = read_corpus(source, **options)
    if split is not None and split not in corpus:
        raise UsageError(f"{source}: no split {split!r}; {near_miss(split, corpus)}")
    return pick_split(corpus, split or default, source=source, advice="choose one with --split")


def pick_split(corpus: Mapping[str, "Dataset"], wanted: str, *, source: str, advice: str) -> "Dataset":
    """Give the wanted split, or else the only one; UsageError, which ends in `advice`, if there are several others.

    >>> pick_split({"train": "rows"}, "test", source="news.conll", advice="")
    'rows'
    """
    if wanted in corpus:
        return corpus[wanted]
    if len(corpus) > 1:
        raise UsageError(f"{source}: no split {wanted!r} among {', '.join(corpus)}; {advice}")
    return next(iter(corpus.values()))


def check_share(option: str, share: float, *, task: Task) -> None:
    """Raise UsageError for what is no share of rows that can be held out, and for a task without rows."""
    if not task.has_labels:
        raise UsageError(f"{option}: is for labelled data, and a text has no rows; give --test another text")
    if not 0 < share < 1:
        raise UsageError(f"{option} {share:g}: is a share of the rows, more than 0 and less than 1, such as 0.1")


def cut_source(source: str, *, task: str) -> "tuple[str, Column | None, Column | None]":
    """Cut `file:token=0,tag=3`, or `reviews.csv:text=review` to classify, into a path, the column to read, and another.

    The other column is that of the tags or labels. A command that needs none accepts it, so that the words that named
    the training data can be used again.
    """
    from seqtag.corpora.source_names import parse_source

    path, read, other, config = parse_source(source, task=task)
    if config is not None:
        known = "a column file has token= and tag=" if task == "tag" else "a table or JSON lines have text="
        raise UsageError(f"{source}: config= is for data sets in hub layout; {known}")
    return path, read, other
