"""Look at words and texts as strings: blanks, invisible characters, lost characters, white space, lengths."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from seqtag.linter.corpus import Corpus, Rows
from seqtag.linter.findings import Finding, Tally
from seqtag.text.characters import DAMAGED, character_name, has_ink, unseen_in

_LOST = (
    "{what} hold U+FFFD, which stands where a character was lost in decoding; go back to the source and read it in its "
    "own encoding"
)
_UNSEEN = (
    "{what} hold characters that can't be seen ({characters}); two words that look the same are two to a model, so "
    "take them out, or put what was meant in their place"
)


# Rows and words above these sizes are suspicious, however long the others are: a file without blank lines is one
# sentence, and a word of a thousand characters is a damaged line, or data of another kind.
_MOST_TOKENS = {"tag": 2_000, "classify": 20_000}  # per row, by task
_MOST_CHARACTERS = 500  # per token
_HEAD = 40  # characters of such a token that are shown


def check_texts(corpus: Corpus) -> Iterator[Finding]:
    """Find what is wrong with words and texts as strings."""
    yield from _tokens(corpus) if corpus.task == "tag" else _texts(corpus)
    yield from _blank_rows(corpus)
    yield from _long_rows(corpus)
    yield from _long_tokens(corpus)


def long_limit(lengths: np.ndarray) -> float:
    """Give the length above which a row is suspicious, from the lengths of all rows that are not empty.

    Ten times the median where that is between 60 and 200 words, else the nearer of the two; five times the median of
    texts that are long themselves.

    >>> [long_limit(np.array([length])) for length in (4, 15, 30, 700)]
    [60.0, 150.0, 200.0, 3500.0]
    """
    median = float(np.median(lengths)) if len(lengths) else 0.0
    return max(5 * median, min(200.0, max(60.0, 10 * median)))


def _tokens(corpus: Corpus) -> Iterator[Finding]:
    """Look through the vocabulary once, then find the tokens of the words that were noticed."""
    blank: list[int] = []
    spaced: list[int] = []
    damaged: list[int] = []
    unseen: dict[int, list[str]] = {}
    for number, word in enumerate(corpus.words):
        if word and word.isascii() and word.isprintable() and " " not in word:
            continue
        if DAMAGED in word:
            damaged.append(number)
        if found := unseen_in(word):
            unseen[number] = found
        if not has_ink(word):
            blank.append(number)
        elif any(character.isspace() for character in word):
            spaced.append(number)
    yield from _found(corpus, "blank_token", blank).finding(
        "tokens are empty or hold nothing that can be seen; leave their rows out"
    )
    yield from _found(corpus, "space_in_token", spaced).finding(
        "tokens have white space inside. A tokenizer that cuts at blanks gives none, so a model won't meet them in raw "
        "text, and a file with blanks between columns can't hold them; cut them, or keep to tabs and your own tokens"
    )
    tally = _found(corpus, "invisible_character", list(unseen), lambda number: f": {_names(unseen[number])}")
    characters = _names(character for found in unseen.values() for character in found)
    yield from tally.finding(_UNSEEN.format(what="tokens", characters=characters))
    yield from _found(corpus, "replacement_character", damaged).finding(_LOST.format(what="tokens"))


def _found(corpus: Corpus, kind: str, words: Sequence[int], note: Callable[[int], str] = lambda number: "") -> Tally:
    """Count the tokens that are one of some words, with the first of them as examples."""
    wanted = np.zeros(len(corpus.words), bool)
    wanted[list(words)] = True

    def example(rows: Rows, position: int) -> tuple[str, str]:
        number = int(rows.words[position])
        word = corpus.words[number]
        shown = repr(word) if len(word) <= _MOST_CHARACTERS else f"{len(word):,} characters, {word[:_HEAD]!r} ..."
        return rows.place_of(position), shown + note(number)

    return corpus.tally(kind, lambda rows: np.flatnonzero(wanted[rows.words]).tolist() if words else [], example)


def _texts(corpus: Corpus) -> Iterator[Finding]:
    unseen, damaged = Tally("invisible_character"), Tally("replacement_character")
    characters: dict[str, None] = {}
    for split, rows in corpus.splits.items():
        for mark in rows.marks:
            place = rows.place_of_row(mark.row)
            if invisible := [character for character in mark.characters if character != DAMAGED]:
                characters.update(dict.fromkeys(invisible))
                unseen.add(
                    split, 1, [(place, f"{', '.join(f'U+{ord(c):04X}' for c in invisible)} in {mark.excerpt!r}")]
                )
            if DAMAGED in mark.characters:
                damaged.add(split, 1, [(place, repr(mark.excerpt))])
    yield from unseen.finding(_UNSEEN.format(what="texts", characters=_names(characters)))
    yield from damaged.finding(_LOST.format(what="texts"))


def _names(characters: Iterable[str]) -> str:
    return "; ".join(map(character_name, sorted(set(characters))))


def _blank_rows(corpus: Corpus) -> Iterator[Finding]:
    inked = np.array([(word.isascii() and word.isalnum()) or has_ink(word) for word in corpus.words], bool)

    def blank(rows: Rows) -> list[int]:
        before = np.concatenate(([0], np.cumsum(inked[rows.words])))  # words with ink before each
        found: list[int] = np.flatnonzero(before[rows.offsets[1:]] == before[rows.offsets[:-1]]).tolist()
        return found

    tally = corpus.tally("blank_row", blank, Rows.quoted)
    what = "sentences have no token" if corpus.task == "tag" else "texts have nothing"
    yield from tally.finding(
        f"{what} that can be seen, so there is nothing to learn from; fill them in or leave them out"
    )


def _long_rows(corpus: Corpus) -> Iterator[Finding]:
    if not corpus.splits:
        return
    lengths = np.concatenate([rows.lengths for rows in corpus.splits.values()])
    lengths = lengths[lengths > 0]
    limit = min(long_limit(lengths), _MOST_TOKENS[corpus.task])

    def longest_first(rows: Rows) -> list[int]:
        found = np.flatnonzero(rows.lengths > limit)
        longest: list[int] = found[np.argsort(-rows.lengths[found], kind="stable")].tolist()
        return longest

    def example(rows: Rows, row: int) -> tuple[str, str]:
        place, text = rows.quoted(row)
        return place, f"{int(rows.lengths[row]):,} tokens: {text}"

    tally = corpus.tally("long_row", longest_first, example)
    median = np.median(lengths) if len(lengths) else 0
    yield from tally.finding(
        f"{corpus.unit} have more than {limit:.0f} tokens, where the median is {median:.0f}: look for lost blank lines "
        "between sentences, a document in one row, tables or code"
    )


def _long_tokens(corpus: Corpus) -> Iterator[Finding]:
    long = [number for number, word in enumerate(corpus.words) if len(word) > _MOST_CHARACTERS]
    tally = _found(corpus, "long_token", long)
    yield from tally.finding(
        f"tokens have more than {_MOST_CHARACTERS} characters: look for a lost blank or line end, an unclosed "
        "quotation mark, or data that are no words. A model reads little of such a token, and it costs memory"
    )
