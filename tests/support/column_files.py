"""Column files as token lists and tag lists, for tests that hold a file against something else."""

from pathlib import Path

from seqtag.corpora.column_roles import Column
from seqtag.corpora.formats.conll import column_blocks


def read_columns(
    path: Path, *, token: Column | None = None, tag: Column | None = None
) -> tuple[list[list[str]], list[list[str]]]:
    """The tokens and tags of each sentence, neither repaired nor converted."""
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    for block in column_blocks(path, token=token, tag=tag):
        start = 0
        for length in block.lengths:
            tokens.append(list(block.tokens[start : start + length]))
            tags.append([name.strip() for name in block.tags[start : start + length]])
            start += length
    return tokens, tags
