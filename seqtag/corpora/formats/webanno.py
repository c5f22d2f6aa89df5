r"""Read the TSV 3 form of WebAnno and INCEpTION: rows of tokens, in which columns hold layers of annotation.

A layer is named in the header (`#T_SP=webanno.custom.NE|value`). In a cell, `PER[3]` is one span wherever the number
is the same, `|` stands between stacked spans, and a backslash stands before a character that means itself. Rows
numbered like 1-2.1 mark a part of a token. Of nested spans the longest counts, and the log says how many others there
are.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from seqtag.corpora.column_roles import Column
from seqtag.corpora.lines import LineBlock, numbered_lines, open_bytes
from seqtag.corpora.span_alignment import AnnotatedText, SpanAccount, SpanRules
from seqtag.corpora.tagged_blocks import Part
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Token

logger = logging.getLogger("seqtag")

FORMAT_LINE = "#FORMAT=WebAnno TSV 3"
_ROW = re.compile(r"(\d+)-(\d+)(\.\d+)?\t(\d+)-(\d+)\t([^\t]*)(?:\t(.*))?")
_LAYER = re.compile(r"#T_(SP|CH|RL)=([^|]*)\|?(.*)")
_STACKED = re.compile(r"(?<!\\)\|")
_NUMBERED = re.compile(r"(.*)(?<!\\)\[(\d+)\]", re.S)
_NAMED_ENTITIES = ("NamedEntity", "NE")


@dataclass(frozen=True, slots=True)
class _Feature:
    """A column with a feature of a layer of spans."""

    layer: str  # the whole name, such as webanno.custom.NE
    name: str  # empty if the layer has no features
    cell: int  # the column, from 0 after the token

    @property
    def short(self) -> str:
        """The last word of the layer's name."""
        return self.layer.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.short}|{self.name}" if self.name else self.short


@dataclass(frozen=True, slots=True)
class _Row:
    """A line with a token, or with a part of one."""

    line: int
    sentence: str
    is_part: bool
    start: int  # in the document, in units of UTF-16
    end: int
    text: str
    cells: list[str]


def is_webanno(path: Path) -> bool:
    """Say whether a file begins as WebAnno TSV 3 does."""
    with open_bytes(path) as handle:
        return begins_webanno(handle.read(100))


def begins_webanno(head: bytes) -> bool:
    """Say whether bytes begin as those of WebAnno TSV 3 do."""
    return head.removeprefix(b"\xef\xbb\xbf").startswith(FORMAT_LINE.encode())


def webanno_part(path: Path, rules: SpanRules, *, layer: Column | None = None) -> Part:
    """Make a file a part of a corpus, tagged in IOB2.

    `layer` is the name of a layer or of its feature, or both: `NamedEntity`, `value`, `NamedEntity|value`. By default
    it is the only layer of spans, or the one of named entities. Raises UsageError if that is not clear.
    """
    if rules.overlaps == "error":
        rules = replace(rules, overlaps="longest")
    account = SpanAccount(str(path), rules)
    features = _features(path)
    feature = _choose(features, layer, str(path))
    logger.info("%s: spans of the layer %s", path, feature)
    account.pass_over(str(each) for each in features if each != feature)
    blocks = account.blocks(_texts(path, feature, account))
    return Part(str(path), "", blocks, faults=account.faults, others=account.others)


def webanno_sentences(blocks: Iterable[LineBlock], name: str) -> Iterator[tuple[list[str], Sequence[Sequence[str]]]]:
    """Give the tokens of each sentence and the cells of their rows, as `conll.iter_sentences` does."""
    num_parts = 0
    rows: list[_Row] = []
    for row in _rows((numbered for first, lines in blocks for numbered in enumerate(lines, first)), name):
        num_parts += row.is_part
        if rows and row.sentence != rows[-1].sentence:
            yield [each.text for each in rows], [_cells(each) for each in rows]
            rows = []
        rows += [] if row.is_part else [row]
    if rows:
        yield [each.text for each in rows], [_cells(each) for each in rows]
    if num_parts:
        logger.info("%s: %d rows for parts of tokens left out", name, num_parts)


def _cells(row: _Row) -> list[str]:
    return [row.text, *row.cells]


def _rows(numbered: Iterable[tuple[int, str]], name: str) -> Iterator[_Row]:
    for number, line in numbered:
        if not line.strip() or line.startswith("#"):
            continue
        match = _ROW.fullmatch(line)
        if match is None:
            raise DataError(
                f"{name}:{number}: {line[:60]!r} is no row of WebAnno TSV 3, such as '1-1<tab>0-3<tab>Ada<tab>PER'; "
                "export the file again"
            )
        cells = (match[7] or "").split("\t")
        yield _Row(number, match[1], match[3] is not None, int(match[4]), int(match[5]), match[6], cells)


def _features(path: Path) -> list[_Feature]:
    """Give the features of all layers of spans; columns of relations and chains are counted, but not given."""
    features: list[_Feature] = []
    column = 0
    for _, line in numbered_lines(path):
        if line.strip() and not line.startswith("#"):
            break
        if line.startswith("#Text="):
            break
        if match := _LAYER.fullmatch(line):
            names = match[3].split("|")
            if match[1] == "SP":
                # After a feature that links to other spans, a column follows with the type of these.
                links = {at + after for at, name in enumerate(names) if name.startswith("ROLE_") for after in (0, 1)}
                features += [_Feature(match[2], name, column + at) for at, name in enumerate(names) if at not in links]
            column += len(names)
    return features


def _choose(features: list[_Feature], asked: Column | None, name: str) -> _Feature:
    listed = ", ".join(map(str, features)) or "none"
    if not features:
        raise DataError(f"{name}: no layer of spans (#T_SP=...) is in the header; export the file with one")
    found = features
    if asked is not None:
        found = [f for f in features if asked in (f.layer, f.short, f.name, str(f), f"{f.layer}|{f.name}")]
        if not found:
            raise UsageError(f"{name}: no layer {asked!r} for tag=; {near_miss(str(asked), map(str, features))}")
    elif len({feature.layer for feature in features}) > 1:
        found = [feature for feature in features if feature.short in _NAMED_ENTITIES] or features
    if len(found) > 1 and len({feature.layer for feature in found}) == 1:
        found = [feature for feature in found if feature.name == "value"] or [
            feature for feature in found if feature.name != "identifier"
        ]
    if len(found) != 1:
        raise UsageError(f"{name}: several layers or features may hold the labels ({listed}); name one: tag={found[0]}")
    return found[0]


def _texts(path: Path, feature: _Feature, account: SpanAccount) -> Iterator[AnnotatedText]:
    """Give the document with its tokens, one blank between two that do not touch, and its spans."""
    tokens: list[Token] = []
    lines: list[int] = []
    cuts: list[int] = []
    pieces: dict[object, list[Span]] = {}  # by the number of a span, or by line and place in the cell if it has none
    last: _Row | None = None
    for row in _rows(numbered_lines(path), str(path)):
        if len(row.cells) <= feature.cell:
            raise DataError(f"{path}:{row.line}: {len(row.cells)} cells after the token, and {feature} needs more")
        if not row.is_part:
            start = tokens[-1].end + (last is None or row.start > last.end) if tokens else 0
            if last is None or row.sentence != last.sentence:
                cuts.append(len(tokens))
                start = tokens[-1].end + 1 if tokens else 0
            tokens.append(Token(row.text, start, start + len(row.text)))
            lines.append(row.line)
            last = row
        start, end = tokens[-1].start, tokens[-1].end
        if row.is_part and last is not None:
            units = last.text.encode("utf-16-le")
            before = units[: 2 * (row.start - last.start)].decode("utf-16-le", "replace")
            start += len(before)
            end = start + len(row.text)
        for place, (number, label) in enumerate(_values(row.cells[feature.cell], feature)):
            key = number or (row.line, place)
            pieces.setdefault(key, []).append(Span(start, end, label))
    text = "".join(
        token.text + " " * (after.start - token.end) for token, after in zip(tokens, [*tokens[1:], *tokens[-1:]])
    )
    spans = []
    for parts in pieces.values():
        gaps = (text[left.end : right.start] for left, right in pairwise(parts))
        if any(gap.strip() for gap in gaps):
            account.note("discontinuous spans left out")
        else:
            spans.append(Span(parts[0].start, parts[-1].end, parts[0].label))
    if tokens:
        yield AnnotatedText(str(path), 1, text, spans, tokens, lines, cuts)


def _values(cell: str, feature: _Feature) -> Iterator[tuple[str, str]]:
    """Give the number, which may be empty, and the label of each span in a cell; the label * is that of the layer."""
    if cell in ("_", ""):
        return
    for value in _STACKED.split(cell):
        match = _NUMBERED.fullmatch(value)
        label, number = (match[1], match[2]) if match else (value, "")
        if label == "*":  # a span whose feature has no value
            label = "" if feature.name else feature.short
        yield number, re.sub(r"\\(.)", r"\1", label)
