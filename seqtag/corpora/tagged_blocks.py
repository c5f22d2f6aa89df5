"""What every reader gives: runs of sentences as flat lists, on the way from a file to Arrow."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

BLOCK_TOKENS = 100_000  # tokens a block, about: big enough for vectorised work, small enough to stay out of sight


class TaggedSentence(NamedTuple):
    """A sentence as a file has it."""

    tokens: Sequence[str]
    tags: Sequence[str]
    lines: Sequence[int]  # where each token stands
    document: int = 0  # the number of its document in the source; the same for all where it tells none apart


@dataclass(frozen=True, slots=True)
class Block:
    """A run of sentences; the three flat sequences have N items, one a token."""

    tokens: Any  # N strings: a list or an Arrow array
    tags: Any  # N strings: a list, or an Arrow array, which may be dictionary-encoded
    lines: Any  # N integers: where each token stands in its source (a line, a row, a document)
    lengths: Any  # S integers: the tokens of each sentence; 0 is legal
    documents: Any = None  # S integers, or strings in an Arrow array: the document of each sentence; None: not known


def gather(sentences: Iterable[TaggedSentence]) -> Iterator[Block]:
    """Collect sentences into blocks; no sentence is cut.

    >>> ada, yes = TaggedSentence(["Ada", "spoke"], ["B-PER", "O"], [1, 2]), TaggedSentence(["Yes"], ["O"], [4])
    >>> [block.lengths for block in gather([ada, yes])]
    [[2, 1]]
    """
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    lengths: list[int] = []
    documents: list[int] = []
    for sentence in sentences:
        tokens.extend(sentence.tokens)
        tags.extend(sentence.tags)
        lines.extend(sentence.lines)
        lengths.append(len(sentence.tokens))
        documents.append(sentence.document)
        if len(tokens) >= BLOCK_TOKENS:
            yield Block(tokens, tags, lines, lengths, documents)
            tokens, tags, lines, lengths, documents = [], [], [], [], []
    if lengths:
        yield Block(tokens, tags, lines, lengths, documents)
