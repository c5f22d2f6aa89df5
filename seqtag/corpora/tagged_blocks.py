"""What the readers of tagged tokens give: splits in blocks, which are runs of sentences as flat lists.

Imports no library of data sets, so that predicting a file does without one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from seqtag.text.length_batches import filled
from seqtag.text.tag_spelling import DEFAULT_SPELLING, TagSpelling

BLOCK_TOKENS = 100_000  # tokens per block, about: enough for vectorised work, and little memory


class SentenceText(NamedTuple):
    """A sentence before it was cut into tokens."""

    text: str
    starts: Sequence[int]  # where each token begins in it


class TaggedSentence(NamedTuple):
    """A sentence as it stands in a file."""

    tokens: Sequence[str]
    tags: Sequence[str]
    lines: Sequence[int]  # where each token stands
    document: int = 0  # the number of its document; the same for all sentences if the source tells none apart
    text: SentenceText | None = None  # None if the source has tokens only
    annotated: Sequence[str] | None = None  # the labels that were annotated here; None: all


@dataclass(frozen=True, slots=True)
class Block:
    """A run of S sentences; the three flat sequences have N items, one per token."""

    tokens: Any  # N strings: a list or an Arrow array
    tags: Any  # N strings: a list, or an Arrow array, which may be dictionary-encoded
    lines: Any  # N integers: where each token stands in its source (a line, a row, a document)
    lengths: Any  # S integers: the tokens of each sentence; 0 is legal
    documents: Any = None  # S integers, or strings in an Arrow array: the document of each sentence; None: not known
    texts: Sequence[SentenceText | None] | None = None  # S texts; None: the source has tokens only
    annotated: Any = None  # S lists of the labels that were annotated, None in it for all; None: all everywhere


def gather(sentences: Iterable[TaggedSentence]) -> Iterator[Block]:
    """Collect sentences into blocks; no sentence is cut.

    >>> ada, yes = TaggedSentence(["Ada", "spoke"], ["B-PER", "O"], [1, 2]), TaggedSentence(["Yes"], ["O"], [4])
    >>> [block.lengths for block in gather([ada, yes])]
    [[2, 1]]
    """
    for run in filled(sentences, lambda sentence: len(sentence.tokens), BLOCK_TOKENS):
        *lists, documents, texts, annotated = zip(*run)
        tokens, tags, lines = (list(chain.from_iterable(each)) for each in lists)
        lengths = [len(sentence.tokens) for sentence in run]
        yield Block(tokens, tags, lines, lengths, list(documents), texts, list(annotated))


@dataclass(frozen=True, slots=True)
class SpanFault:
    """A span of an annotated text that can't be taken as it was marked."""

    kind: str  # as the linter names it: misaligned_span, few_misaligned or overlapping_span
    place: str  # file:line, or the number of the record in a JSON array, from 1
    text: str  # what is wrong, and what becomes of the span

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Part:
    """A split that is being read: where it comes from, and its sentences, which can be read once."""

    origin: str  # a file, or the name of a split
    unit: str  # what `lines` count: "" for the lines of a file, else "row", "document", ...
    blocks: Iterable[Block]
    declared: tuple[str, ...] = ()  # tags that the source has names for, whether or not they occur
    documents_named: bool = False  # documents have names, else numbers
    scheme: str | None = None  # the scheme in which the tags were settled before
    faults: Sequence[SpanFault] = ()  # fills while the blocks are read, if the source has spans of characters
    others: Iterable[str] = ()  # names what the source holds besides; to be looked at once the blocks are read
    spelling: TagSpelling = DEFAULT_SPELLING  # in which the tags stood in the file that they came from
    unknown: str | None = None  # how unknown tags are written, if the name of the source says it

    def place(self, line: int, position: int = -1) -> str:
        """Say where a token stands, as file:line where there is one; without a position, where its sentence stands."""
        if not self.unit:
            return f"{self.origin}:{line}"
        return f"{self.origin}, {self.unit} {line}" + (f", token {position}" if position >= 0 else "")
