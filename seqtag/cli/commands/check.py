"""`seqtag check`: which data is meant, and how the findings of the linter are shown."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqtag.cli.arguments import LABELLED_FORMS, HtmlFile, JsonFile, MarkdownFile, MaxBytes
from seqtag.cli.output import check_files, show
from seqtag.cli.process import command
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.errors import SeqtagError, UsageError
from seqtag.reporting.figures import listed

if TYPE_CHECKING:
    from rich.text import Text

    from seqtag.linter.findings import Findings

EXAMPLES = (
    "seqtag check my-corpus/",
    "seqtag check my-corpus/ --html findings.html",
    "seqtag check train.conll:token=0,tag=3 test.conll:token=0,tag=3 --json findings.json",
    "seqtag check reviews.csv --task classify",
    "seqtag check annotated.jsonl --language en",
)

_LEAST_WORDS_PER_TEXT = 2  # on average; the tokens of a column file, read as texts, have hardly more than one word
_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}

Watch = Callable[[str], None]


@command
def check(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA",
            help=f"The corpus. {LABELLED_FORMS} A folder may also hold files of any name. If there are several DATA, "
            "each is a split, named by its file name, and all are looked at together.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            metavar="tag|classify",
            help="tag: tokens with tags; classify: texts with labels. Default: the task whose columns DATA names, and "
            "else tag.",
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            metavar="CODE", help="The language whose rules cut texts with character offsets into tokens: en, de, ..."
        ),
    ] = "xx",
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    max_bytes: MaxBytes = None,
) -> int:
    """Look through a corpus for what would hurt a model or a score. Changes nothing.

    An [bold]error[/bold] is what `seqtag train` refuses, with the same options: unreadable (files), unnamed_splits,
    no_train, too_little (to train on), missing_label, tag_of_no_scheme, misaligned_span (more than one in twenty),
    overlapping_span, indicator_labels, foreign_labels.

    A [bold]warning[/bold] probably does harm: wrong_column, doubtful_word, doubtful_tag, odd_tag, mixed_letters and
    illegal_tag (of schemes), few_misaligned, label_not_in_train, shared_with_train (from 1% of a split on),
    few_shared_with_train, shared_held_out, near_copy, respelled_tag, joined_labels, two_labels, similar_labels,
    unused_label, missing_word, blank_row, blank_token, space_in_token, invisible_character, replacement_character,
    long_row, long_token, imbalance.

    A [bold]note[/bold] is worth a look: unknown_tag, short_shared, repeated_row, ambiguous_surface, rare_label,
    no_begin_tags; or it is a trap for other readers: filled_separator, hash_token, double_blank, line_break.

    Exit codes: 1 if there are errors, 0 if there are only warnings, notes or nothing at all, 2 wrong use.
    """
    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    if task is not None:
        find_task(task, LABELLED_TASKS)
    elif any(map(names_text_columns, data)):
        task = "classify"
    source = data[0] if len(data) == 1 else name_data(data, task)
    with _progress() as watch:
        findings = _look(source, task, language, watch)
    show(findings, files, in_colours=_coloured)
    return int(findings.has_errors)


def name_data(data: Sequence[str], task: str | None) -> dict[str, str]:
    """Name the split that each DATA is: as its file name or else its folder says, or else by the file name itself.

    >>> name_data(["news/train.conll", "web.tsv:tag=1"], "tag")
    {'train': 'news/train.conll', 'web.tsv': 'web.tsv:tag=1'}
    """
    from seqtag.corpora.source_names import parse_source
    from seqtag.corpora.splits import split_name

    paths = [Path(parse_source(source, task=task or "tag")[0]) for source in data]
    shared = os.path.commonpath([path.absolute().parent for path in paths])
    below = [path.absolute().relative_to(shared) for path in paths]
    names = [split_name(path.name) or split_name(str(path.parent)) or path.name for path in below]
    # If several files have the same name, and it does not name a split, their folders tell them apart.
    names = [
        str(path) if names.count(name) > 1 and name == path.name and split_name(name) is None else name
        for name, path in zip(names, below)
    ]
    for name in names:
        if names.count(name) > 1:
            rivals = [each for each, split in zip(data, names) if split == name]
            raise UsageError(
                f"{' and '.join(rivals)}: each is the split {name!r}; give one of them, or check them one by one"
            )
    return dict(zip(names, data))


def names_text_columns(source: str) -> bool:
    """Say whether the columns that a source names are those of labelled texts, and not of tagged tokens."""
    from seqtag.corpora.source_names import parse_source

    for task in ("tag", "classify"):
        with suppress(UsageError):
            parse_source(source, task=task)
            return task == "classify"
    return False


def _look(source: str | Mapping[str, str], task: str | None, language: str, watch: Watch) -> "Findings":
    from datasets import disable_progress_bars
    from datasets.utils.logging import CRITICAL, set_verbosity

    from seqtag.linter.linter import check_corpus

    disable_progress_bars()
    set_verbosity(CRITICAL)  # files that can't be read are among the findings
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
    """Say whether data read as tagged tokens may be something else: there are no rows, or each file is one sentence."""
    return all(split.num_rows == 1 for split in findings.splits) and findings.scheme in (None, "plain")


def _are_texts(findings: "Findings") -> bool:
    rows, words = (sum(getattr(split, size) for split in findings.splits) for size in ("num_rows", "num_tokens"))
    return rows > 0 and words >= _LEAST_WORDS_PER_TEXT * rows and findings.of_kind("wrong_column") is None


def _suggestion(tagged: "Findings", texts: "Findings") -> UsageError:
    labels = list(dict.fromkeys(label for split in texts.splits for label in split.labels))
    found = "each file would be one sentence" if tagged.splits else "nothing can be read"
    return UsageError(
        f"{tagged.source}: as tagged tokens, {found}; as labelled texts, there are "
        f"{sum(split.num_rows for split in texts.splits):,} with the labels {listed(labels)}. If that is what it "
        "holds, add --task classify; else --task tag shows what is wrong with its tags"
    )


def _coloured(findings: "Findings") -> "Text":
    """Lay findings out for a terminal; the colour says how bad each of them is."""
    from rich.text import Text

    text = Text(str(findings))
    for severity, colour in _COLOURS.items():
        text.highlight_regex(rf"(?m)^{severity}(?=: )", colour)
    return text


@contextmanager
def _progress() -> Iterator[Watch]:
    """Show what is being done, if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("opening") as status:
        yield lambda what: status.update(Text(what))
