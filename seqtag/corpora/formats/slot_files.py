"""Read slot-filling corpora in parallel files: `seq.in` has sentences, `seq.out` their tags, `label` their classes."""

import logging
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from seqtag.corpora.lines import numbered_lines
from seqtag.corpora.tagged_blocks import Block, TaggedSentence, gather
from seqtag.errors import DataError

logger = logging.getLogger("seqtag")

_MOST_SHOWN = 5  # blank lines that a warning names
_WORD = re.compile(r"[^ \t]+")


def is_slot_folder(folder: Path) -> bool:
    """Say whether a folder holds `seq.in` and `seq.out`."""
    return (folder / "seq.in").is_file() and (folder / "seq.out").is_file()


def slot_blocks(folder: Path) -> Iterator[Block]:
    """Read the two files side by side, words separated by runs of blanks; lines blank in both are left out, and said.

    Raises DataError, by file and line, where a line has more words than tags or the other way round.
    """
    return gather(_sentences(folder))


def is_intent_folder(folder: Path) -> bool:
    """Say whether a folder holds `seq.in` and `label`."""
    return (folder / "seq.in").is_file() and (folder / "label").is_file()


def intent_rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Read sentences as they are written, their intents and places; lines blank in both are left out, and said.

    Raises DataError, by file and line, where one file ends before the other.
    """
    blank: list[int] = []
    for number, (text, label) in enumerate(zip_longest(_lines(folder / "seq.in"), _lines(folder / "label")), 1):
        if text is None or label is None:
            raise _ends_early(folder / ("seq.in" if text is None else "label"), number)
        if text.strip() or label.strip():
            yield text, label, f"{folder / 'seq.in'}:{number}"
        else:
            blank.append(number)
    _report_blank(folder, blank)


def _ends_early(path: Path, number: int) -> DataError:
    return DataError(f"{path}:{number}: the file ends before its partner; each line needs one in the other file")


def _lines(path: Path) -> Iterator[str]:
    return (line for _, line in numbered_lines(path))


def _sentences(folder: Path) -> Iterator[TaggedSentence]:
    pairs = zip_longest(_words(folder / "seq.in"), _words(folder / "seq.out"))
    blank: list[int] = []
    for number, (tokens, tags) in enumerate(pairs, 1):
        if tokens is None or tags is None:
            raise _ends_early(folder / ("seq.in" if tokens is None else "seq.out"), number)
        if len(tokens) != len(tags):
            raise DataError(
                f"{folder / 'seq.out'}:{number}: {len(tags)} tags, but seq.in has {len(tokens)} words in this line; "
                "each word needs one tag"
            )
        if tokens:
            yield TaggedSentence(tokens, tags, [number] * len(tokens))
        else:
            blank.append(number)
    _report_blank(folder, blank)


def _report_blank(folder: Path, lines: Sequence[int]) -> None:
    if lines:
        shown = ", ".join(map(str, lines[:_MOST_SHOWN])) + ", ..." * (len(lines) > _MOST_SHOWN)
        logger.warning(
            "%s: blank lines left out, as they hold no sentence: %d (line%s %s)",
            folder / "seq.in",
            len(lines),
            "s" * (len(lines) > 1),
            shown,
        )


def _words(path: Path) -> Iterator[list[str]]:
    return (_WORD.findall(line) for line in _lines(path))
