"""What every reader gives: runs of sentences as flat lists, on the way from a file to Arrow."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

BLOCK_TOKENS = 100_000  # tokens a block, about: big enough for vectorised work, small enough to stay out of sight

TaggedSentence: TypeAlias = tuple[Sequence[str], Sequence[str], Sequence[int]]  # tokens, tags, the line of each token


@dataclass(frozen=True, slots=True)
class Block:
    """A run of sentences; the three flat sequences have N items, one a token."""

    tokens: Any  # N strings: a list or an Arrow array
    tags: Any  # N strings: a list, or an Arrow array, which may be dictionary-encoded
    lines: Any  # N integers: where each token stands in its source (a line, a row, a document)
    lengths: Any  # S integers: the tokens of each sentence; 0 is legal


def gather(sentences: Iterable[TaggedSentence]) -> Iterator[Block]:
    """Collect sentences into blocks; no sentence is cut.

    >>> [block.lengths for block in gather([(["Ada", "spoke"], ["B-PER", "O"], [1, 2]), (["Yes"], ["O"], [4])])]
    [[2, 1]]
    """
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    lengths: list[int] = []
    for sentence_tokens, sentence_tags, sentence_lines in sentences:
        tokens.extend(sentence_tokens)
        tags.extend(sentence_tags)
        lines.extend(sentence_lines)
        lengths.append(len(sentence_tokens))
        if len(tokens) >= BLOCK_TOKENS:
            yield Block(tokens, tags, lines, lengths)
            tokens, tags, lines, lengths = [], [], [], []
    if lengths:
        yield Block(tokens, tags, lines, lengths)
