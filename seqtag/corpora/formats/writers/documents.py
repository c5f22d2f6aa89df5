"""What every writer is given: annotated texts as records, and what is known of all of them. Knows no format.

A writer turns a document into a piece, which depends on that document alone and may be made in another process, and
adds the pieces to its file in their order.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, ClassVar

from seqtag.errors import DataError
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Token

# An answer should not depend on the batch that it was computed in, and the last digits of a float do.
DIGITS = 4
# Keys by which the readers of JSON know a form and find what is marked in a text. Where one of these forms is written,
# a record can't keep under them what it had there.
_MARK_KEYS = {
    *("text", "tokens", "tags", "spans", "ents", "entities", "label", "labels", "annotations", "predictions", "ner"),
    *("named_entities", "mentions", "accept", "answer", "completions", "tokenized_text", "paragraphs", "offset_unit"),
    *("_input_hash", "_task_hash"),
}
GIVEN = "given"  # the key under which a record keeps it


@dataclass(frozen=True, slots=True)
class Document:
    """A text with what is marked in it: spans and tags for a tagger, classes for a classifier."""

    text: str
    tokens: Sequence[Token] = ()
    tags: Sequence[str] = ()  # one per token, as the data spells them
    spans: Sequence[Span] = ()  # in characters, in order; `score` is None for what people marked
    cuts: Sequence[int] = ()  # the tokens, after the first one, that begin a sentence
    labels: Sequence[str] = ()  # the classes of the text
    scores: Mapping[str, float] = field(default_factory=dict)  # the probability of every class; empty if not known
    fields: Mapping[str, Any] = field(default_factory=dict)  # what else its record held, such as an id
    own_tokens: bool = False  # the source brought the tokens, so that cutting the text may give others
    has_text: bool = True  # False: the source had tokens only, and the text is made of them
    begins_document: bool = False  # it is the first sentence of a document of several
    docbin: bytes = b""  # the spaCy document that it came from, with its other annotations

    @property
    def sentences(self) -> Iterator[tuple[int, int]]:
        """The first token of each sentence, and the token after its last one; nothing for a text without tokens."""
        return pairwise([0, *self.cuts, len(self.tokens)]) if self.tokens else iter(())

    def token_span(self, span: Span) -> tuple[int, int]:
        """Give the number of the first token of a span, and that of the token after its last one."""
        first = bisect_right(self.tokens, span.start, key=lambda token: token.end)
        return first, bisect_left(self.tokens, span.end, lo=first, key=lambda token: token.start)


@dataclass(frozen=True, slots=True)
class About:
    """What is known of all documents of a file, and what the user says of it."""

    task: str  # tag or classify
    labels: Sequence[str]  # of spans, tags or classes
    is_plain: bool = False  # tags stand for single tokens, such as parts of speech
    is_multi: bool = False  # a text may have any number of classes
    is_predicted: bool = False  # by a model, so that people still have to look at it
    language: str = "xx"  # whose rules cut texts into tokens where a format needs tokens and there are none
    model_version: str = ""
    from_name: str = "label"  # what a labelling interface of Label Studio calls its labels, and its text
    to_name: str = "text"


class FormatWriter(ABC):
    """Writes documents in one format. A format that is not plain text gives bytes."""

    is_binary: ClassVar[bool] = False

    def __init__(self, about: About) -> None:
        self.about = about

    def head(self) -> Any:
        """Give what stands before all documents."""
        return b"" if self.is_binary else ""

    @abstractmethod
    def piece(self, document: Document) -> Any:
        """Turn a document into a piece; needs nothing of other documents."""

    def add(self, piece: Any) -> Any:
        """Give what a piece adds to the file; called once for each piece, in order."""
        return piece

    def foot(self) -> Any:
        """Give what stands after all documents."""
        return b"" if self.is_binary else ""

    def unheld(self, fields: Mapping[str, Any]) -> Iterable[str]:
        """Name the fields of a document that have no place in the format: all, unless a writer says otherwise."""
        return fields


def joined(words: Sequence[str]) -> tuple[str, list[Token]]:
    """Make a text of tokens that came without one, and give their places in it."""
    text, offsets = join_tokens(words)
    return text, [Token(word, *place) for word, place in zip(words, offsets)]


def placed(text: str, words: Sequence[str]) -> list[Token] | None:
    """Find words in the text that they were cut from; None for another text, in which more than white space is left.

    >>> placed("Ada left. ", ["Ada", "left", "."])
    [Token(text='Ada', start=0, end=3), Token(text='left', start=4, end=8), Token(text='.', start=8, end=9)]
    >>> placed("Ada left.", ["Ada", "left"])
    """
    tokens: list[Token] = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if not word or start < 0 or text[end:start].strip():
            return None
        end = start + len(word)
        tokens.append(Token(word, start, end))
    return None if text[end:].strip() else tokens


def set_aside(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Give a record in which some names are free: what it had under them, it has under GIVEN, and an older GIVEN there.

    >>> set_aside({"id": 7, "label": "old"}, {"label"})
    {'id': 7, 'given': {'label': 'old'}}
    """
    moved = {key: value for key, value in fields.items() if key in names}
    if not moved:
        return dict(fields)
    kept = {key: value for key, value in fields.items() if key not in names and key != GIVEN}
    return kept | {GIVEN: moved | ({GIVEN: fields[GIVEN]} if GIVEN in fields else {})}


def unmarked(fields: Mapping[str, Any], own: Collection[str] = ()) -> dict[str, Any]:
    """Give a record in which nothing can be taken for a mark, and in which the names that a writer has are free.

    A score beside a label belongs to it; another one is a rating.
    """
    names = {key for key, value in fields.items() if key in _MARK_KEYS or key in own or _has_marks(value)}
    return set_aside(fields, names | ({"score", "scores"} if names & {"label", "labels"} else set()))


def _has_marks(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) and "start" in item for item in value)


def rounded(score: float) -> float:
    """Round a probability to the digits that do not depend on the batch."""
    return round(score, DIGITS)


def utf16_offsets(text: str) -> Callable[[int], int]:
    """Give a function that turns offsets in characters into offsets in UTF-16 units, in which browsers and Java count.

    >>> to_units = utf16_offsets("😀 Ada")
    >>> to_units(0), to_units(2), to_units(5)
    (0, 3, 6)
    """
    if text.isascii() or max(text, default="") <= "\uffff":
        return lambda offset: offset
    return list(accumulate((1 + (letter > "\uffff") for letter in text), initial=0)).__getitem__


def cell(token: str, form: str = "jsonl") -> str:
    """Give a token that can stand in a column file unchanged; DataError, which names another form, for others."""
    if not token.strip(" ") or any(character in token for character in "\t\n\r"):
        raise DataError(f"the token {token!r} can't stand in a column file; use --format {form}")
    return token


def one_line(text: str) -> str:
    r"""Write line breaks as spaces.

    >>> one_line("two\r\nlines")
    'two lines'
    """
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")


def mark(text: str, spans: Sequence[Span]) -> str:
    """Mark spans in their text, with their probabilities if these are known.

    >>> mark("Ada spoke.", [Span(0, 3, "PER", "Ada", 0.984)])
    '[Ada](PER 0.98) spoke.'
    """
    pieces, place = [], 0
    for span in spans:
        score = "" if span.score is None else f" {span.score:.2f}"
        pieces += [text[place : span.start], f"[{text[span.start : span.end]}]({span.label}{score})"]
        place = span.end
    return "".join([*pieces, text[place:]])
