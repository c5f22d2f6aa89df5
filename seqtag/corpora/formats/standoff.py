"""Read brat's standoff form: each document is a `.txt` file, and its annotations lie in the `.ann` file beside it.

Text-bound annotations are the spans. Discontinuous ones are left out, as are relations, events, attributes and notes,
and the log says how many. Documents are cut into sentences as `seqtag predict` cuts running text.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from seqtag.corpora.lines import raw_lines
from seqtag.corpora.span_alignment import AnnotatedText, SpanAccount, SpanRules, same_words
from seqtag.corpora.splits import find_split_folders, group_by_split
from seqtag.corpora.tagged_blocks import Part
from seqtag.errors import DataError
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Tokenizer

_TEXT_BOUND = re.compile(r"T[^\t]*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
_OTHERS = ("R", "E", "A", "M", "N", "#", "*")


def standoff_folders(folder: Path) -> dict[str, list[Path]]:
    """Give the annotation files of each split in a folder of documents; an empty mapping for another folder.

    The names of the documents or those of their folders may say which split they are; otherwise all are train.
    """
    found = _annotations(folder)
    if not any(path.parent == folder for path in found) and (
        by_folder := find_split_folders(folder, lambda path: bool(_annotations(path)))
    ):
        return {split: _annotations(path) for split, path in by_folder.items()}
    by_name = group_by_split(found)
    if "train" in by_name and sum(map(len, by_name.values())) == len(found):
        return by_name
    return {"train": found} if found else {}


def _annotations(folder: Path) -> list[Path]:
    # No deeper, because a look at the wrong folder would go through all that lies below it.
    found = sorted([*folder.glob("*.ann"), *folder.glob("*/*.ann")])
    return found if any(path.with_suffix(".txt").is_file() for path in found) else []


def standoff_part(paths: Sequence[Path], origin: str, rules: SpanRules) -> Part:
    """Make documents a part of a corpus, tagged in IOB2; `paths` are their annotation files."""
    account = SpanAccount(origin, rules)
    folders = {path.parent for path in paths} if Path(origin).is_dir() else set()
    texts = [path for folder in sorted(folders) for path in sorted(folder.glob("*.txt"))]
    if lonely := sum(not path.with_suffix(".ann").is_file() for path in texts):
        account.note("texts without an .ann file left out", lonely)
    account.pass_over(["names of documents"])
    blocks = account.blocks(_texts(paths, account))
    return Part(origin, "document", blocks, faults=account.faults, others=account.others)


def _texts(paths: Sequence[Path], account: SpanAccount) -> Iterator[AnnotatedText]:
    tokenizer = Tokenizer(account.rules.language)
    for number, path in enumerate(paths, 1):
        source = path.with_suffix(".txt")
        if not source.is_file():
            raise DataError(f"{path}: the text that it annotates, {source.name}, is not beside it; add that file")
        text = "".join(raw_lines(source))
        marks = list(_marks(path, account))
        # The offsets may have been counted before or after line ends were converted: the stated words tell.
        unix = text.replace("\r\n", "\n")
        text = max(text, unix, key=lambda each: sum(same_words(each[a:b], words) for (a, b), *_, words in _ends(marks)))
        spans = []
        for label, fragments, words, place in marks:
            start, end = fragments[0][0], fragments[-1][1]
            # Where a span goes over a line break, brat writes a fragment for each line.
            if any(text[left[1] : right[0]].strip() for left, right in pairwise(fragments)):
                account.note("discontinuous annotations left out")
                continue
            if not 0 <= start < end <= len(text) and not words.strip():
                raise DataError(
                    f"{place}: the {label} span {start}:{end} does not lie in the text of {len(text)} characters; "
                    "mend the offsets (the end is exclusive)"
                )
            spans.append(Span(start, end, label, words or None))
        sentences = tokenizer.sentences(text)
        tokens = [token for sentence in sentences for token in sentence]
        cuts = list(accumulate(map(len, sentences)))
        yield AnnotatedText(str(path), number, text, spans, tokens, cuts=cuts, document=number)


def _ends(marks: Sequence[tuple[str, list[tuple[int, int]], str, str]]) -> Iterator[tuple[tuple[int, int], str]]:
    for _, fragments, words, _ in marks:
        yield (fragments[0][0], fragments[-1][1]), words


def _marks(path: Path, account: SpanAccount) -> Iterator[tuple[str, list[tuple[int, int]], str, str]]:
    """Give the label, the fragments and the stated words of each text-bound annotation, and its place."""
    for number, raw in enumerate(raw_lines(path), 1):
        line = raw.rstrip("\r\n")
        if match := _TEXT_BOUND.fullmatch(line):
            borders = list(map(int, re.split("[ ;]", match[2])))
            fragments = sorted(zip(borders[::2], borders[1::2]))
            yield match[1], fragments, match[3] or "", f"{path}:{number}"
        elif line.startswith(_OTHERS):
            account.note("relations, events, attributes and notes left out")
            account.pass_over(["relations, events, attributes and notes"])
        elif line.strip():
            raise DataError(
                f"{path}:{number}: {line[:60]!r} is no annotation of brat, such as 'T1<tab>PER 0 9<tab>Ada Byron'; "
                "mend the line or leave it out"
            )
