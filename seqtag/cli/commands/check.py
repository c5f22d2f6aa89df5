"""`seqtag check`: which data is meant, and how findings are shown. The looking is done in text/check.py."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seqtag.cli.sources import write_json
from seqtag.corpora.source_names import parse_labelled_source, parse_source
from seqtag.corpora.splits import split_name
from seqtag.errors import SeqtagError, UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.linter.findings import Findings

_TASKS = ("tag", "classify")
_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_WORDS_A_TEXT = 2  # tokens of a column file, read as texts, have hardly more than one
_SHOWN_LABELS = 5

Watch = Callable[[str], None]


def check(data: Sequence[str], *, task: str | None, language: str, json_file: str | None) -> int:
    """Look through the data and show what is found; gives 1 where there are errors, else 0."""
    if task is not None and task not in _TASKS:
        raise UsageError(f"--task {task}: unknown; {near_miss(task, _TASKS)}")
    if task is None and any(map(_names_texts, data)):
        task = "classify"
    source = data[0] if len(data) == 1 else name_data(data, task)
    with _progress() as watch:
        findings = _look(source, task, language, watch)
    if json_file is not None:
        write_json(json_file, findings.to_dict(), sys.stdout)
    if json_file != "-":
        _show(findings)
    return int(findings.has_errors)


def name_data(data: Sequence[str], task: str | None) -> dict[str, str]:
    """Name the split that each of several DATA is: as the file's name or else its folder says, else by the file's name.

    >>> name_data(["news/train.conll", "web.tsv:tag=1"], "tag")
    {'train': 'news/train.conll', 'web.tsv': 'web.tsv:tag=1'}
    """
    paths = [Path(_path(each, task)) for each in data]
    shared = os.path.commonpath([path.absolute().parent for path in paths])
    below = [path.absolute().relative_to(shared) for path in paths]
    names = [split_name(path.name) or split_name(str(path.parent)) or path.name for path in below]
    # of files with one name that is no split's, the folders tell which is which
    names = [
        str(path) if names.count(name) > 1 and name == path.name and split_name(name) is None else name
        for name, path in zip(names, below)
    ]
    for name in names:
        if names.count(name) > 1:
            claims = [each for each, own in zip(data, names) if own == name]
            raise UsageError(
                f"{' and '.join(claims)}: each is the split {name!r}; give one of them, or check them one by one"
            )
    return dict(zip(names, data))


def _path(source: str, task: str | None) -> str:
    return (parse_labelled_source if task == "classify" else parse_source)(source)[0]


def _names_texts(source: str) -> bool:
    """Say whether the columns that are named with a source are those of labelled texts."""
    try:
        parse_source(source)
    except UsageError:
        try:
            parse_labelled_source(source)
        except UsageError:
            return False
        return True
    return False


def _look(source: str | Mapping[str, str], task: str | None, language: str, watch: Watch) -> "Findings":
    from datasets import disable_progress_bars
    from datasets.utils.logging import CRITICAL, set_verbosity

    from seqtag.linter.linter import check_corpus

    disable_progress_bars()
    set_verbosity(CRITICAL)  # what it can't read is a finding of ours
    findings = check_corpus(source, task=task or "tag", language=language, watch=watch)
    if task is None and _are_doubtful(findings):
        watch("reading as labelled texts")
        try:
            texts = check_corpus(source, task="classify")
        except SeqtagError:
            return findings
        if _are_texts(texts):
            raise _suggestion(findings, texts)
    return findings


def _are_doubtful(findings: "Findings") -> bool:
    """Say whether what was read as tagged tokens may be something else: nothing, or each file one sentence."""
    return all(split.num_rows == 1 for split in findings.splits) and findings.scheme in (None, "plain")


def _are_texts(findings: "Findings") -> bool:
    rows, words = (sum(getattr(split, size) for split in findings.splits) for size in ("num_rows", "num_tokens"))
    return rows > 0 and words >= _WORDS_A_TEXT * rows and findings.of_kind("wrong_column") is None


def _suggestion(tagged: "Findings", texts: "Findings") -> UsageError:
    labels = list(dict.fromkeys(label for split in texts.splits for label in split.labels))
    left = len(labels) - _SHOWN_LABELS
    listed = ", ".join(labels[:_SHOWN_LABELS]) + (f" and {left} more" if left > 0 else "")
    found = "each file would be one sentence" if tagged.splits else "nothing can be read"
    return UsageError(
        f"{tagged.source}: as tagged tokens, {found}; as labelled texts, there are "
        f"{sum(split.num_rows for split in texts.splits):,} with the labels {listed}. If that is what it holds, add "
        "--task classify; else --task tag shows what is wrong with its tags"
    )


def _show(findings: "Findings") -> None:
    """Print the findings; how bad they are has a colour in a terminal."""
    if not sys.stdout.isatty():
        print(findings)
        return
    from rich.console import Console
    from rich.text import Text

    text = Text(str(findings))
    for severity, colour in _COLOURS.items():
        text.highlight_regex(rf"(?m)^{severity}(?=: )", colour)
    Console(highlight=False, soft_wrap=True).print(text)


@contextmanager
def _progress() -> Iterator[Watch]:
    """Say on a terminal what is being done."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("opening") as status:
        yield lambda what: status.update(Text(what))
