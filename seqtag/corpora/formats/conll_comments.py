"""Tell comments of a column file from tokens, on the first sentences of the file; a token may start with `#`."""

import re

BLANKS = re.compile(r"[ \t]+")
SKIPPED_NODE = re.compile(r"\d+(?:-(\d+)|\.\d+)")  # 3-4: a multiword token, whose words follow; 5.1: an empty node
_STATED = re.compile(r"#\s*([^\s=][^=]*?)\s*=\s*(.*)")
_COMMENT = re.compile(r"#\s*(\S+\s*=|(newdoc|newpar|id)\b)")


def stated_by(line: str) -> tuple[str, str] | None:
    """Give the key and the value of a comment; None for any other line.

    >>> stated_by("# sent_id = news-7"), stated_by("# a remark")
    (('sent_id', 'news-7'), None)
    """
    found = _STATED.fullmatch(line)
    return (found[1], found[2]) if found else None


def other_line(line: str) -> str:
    """Name what a line is that holds no token and states no key; "" for one that begins or ends a document."""
    if line.lower().startswith(("-docstart-", "#begin document", "#end document")) or not line.strip():
        return ""
    return "comments" if line[0] == "#" else "rows that are no words" if SKIPPED_NODE.match(line) else ""


def without_comments(sentence: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Leave out the lines before the first one that does not start with `#`."""
    start = next((index for index, (_, line) in enumerate(sentence) if line[0] != "#"), len(sentence))
    return sentence[start:]


def have_comments(sentences: list[list[tuple[int, str]]]) -> bool:
    """Say whether each sentence opens with a comment; a single sentence needs one that looks like `# key = value`."""
    opening = [sentence[0][1] for sentence in sentences]
    if not all(line.startswith("#") for line in opening) or not any(map(without_comments, sentences)):
        return False
    return (
        all(map(_COMMENT.match, opening))
        or (len(opening) > 1 and all(line.startswith("# ") for line in opening))
        or _are_numbered(sentences)
    )


def _are_numbered(sentences: list[list[tuple[int, str]]]) -> bool:
    """Say whether rows of three columns or more are numbered in each sentence, as in GermEval 2014, below comments."""
    rows = [[BLANKS.split(line) for _, line in without_comments(sentence)] for sentence in sentences]
    return (
        sum(map(len, rows)) > 1
        and min(len(cells) for sentence in rows for cells in sentence) > 2
        and all(is_numbered([cells[0] for cells in sentence]) for sentence in rows)
    )


def is_numbered(ids: list[str]) -> bool:
    """Say whether the first column counts the words of a sentence, as in CoNLL-U, from 1 or, as in other files, 0."""
    words = [word for word in ids if not SKIPPED_NODE.fullmatch(word)]
    return any(words and words == [str(first + index) for index in range(len(words))] for first in (1, 0))
