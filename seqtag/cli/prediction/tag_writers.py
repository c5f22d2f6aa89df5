"""What `seqtag predict` writes: one answer a request; a tagger's as columns, JSON lines or text with marks."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from seqtag.cli.prediction.requests import Input, Request
from seqtag.cli.prediction.tables import one_line
from seqtag.errors import DataError, UsageError
from seqtag.text.schemes import Span, tags_from_spans

if TYPE_CHECKING:
    from seqtag.models.tagging.tagger import Tagger

# An answer should not depend on what it was batched with, and the last digits of a float do.
DIGITS = 4


class Answers(ABC):
    """Turn requests into lines of one form, with one model."""

    FORMS: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, model: Any, form: str, given: Input, *, attention: bool) -> None:
        """Take a model and one of its FORMS; raises UsageError for what does not go together."""

    def head(self) -> str:
        """Give what stands before all answers."""
        return ""

    @abstractmethod
    def lines(self, requests: Sequence[Request]) -> Iterator[str]:
        """Answer some requests, in order."""

    def close(self) -> None:  # noqa: B027 - not every task has a last word
        """Say what is to be said when all is answered."""


class TagAnswers(Answers):
    """Answers of a tagger."""

    FORMS: ClassVar[tuple[str, ...]] = ("conll", "jsonl", "text")

    def __init__(self, model: "Tagger", form: str, given: Input, *, attention: bool) -> None:
        if attention:
            raise UsageError("--attention: only a classifier weighs the words of a text; leave it out for a tagger")
        self.model, self.write = model, _WRITERS[form]

    def lines(self, requests: Sequence[Request]) -> Iterator[str]:
        """Write tags or spans."""
        return self.write(self.model, requests)


def column_lines(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[str]:
    """Write token TAB tag, a blank line after each sentence; the columns of the input stay before the tag.

    Raises DataError for a token that a column file can't hold.
    """
    texts = tagger.tag_texts([request.text for request in requests if request.text is not None])
    lists = iter(tagger.predict([request.tokens for request in requests if request.text is None]))
    for request in requests:
        if request.text is not None:
            _, sentences = next(texts)
            for tokens, tags, _ in sentences:
                yield _sentence([[token.text] for token in tokens], tags)
            if not sentences:
                yield "\n"
        else:
            yield _sentence(request.rows or [[_cell(token)] for token in request.tokens], next(lists))


def json_lines(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[str]:
    """Write one object a request: its own keys, and spans; offsets count characters of `text`, or else tokens."""
    for request, spans in zip(requests, _spans(tagger, requests)):
        answer = dict(request.record)
        if request.text is not None:
            answer |= {"text": request.text, "spans": [{**_about(span), "text": span.text} for span in spans]}
        else:
            tags = tags_from_spans(spans, len(request.tokens), tagger.scheme_)
            answer |= {"tokens": request.tokens, "tags": tags, "spans": list(map(_about, spans))}
        yield json.dumps(answer, ensure_ascii=False) + "\n"


def marked_lines(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[str]:
    """Write one line a request, to be read by people: spans in brackets, with label and probability."""
    for request, spans in zip(requests, _spans(tagger, requests)):
        if request.text is not None:
            text = mark(request.text, spans)
        else:
            ends = [0]
            for token in request.tokens:
                ends.append(ends[-1] + len(token) + 1)
            shifted = [Span(ends[s.start], ends[s.end] - 1, s.label, score=s.score) for s in spans]
            text = mark(" ".join(request.tokens), shifted)
        yield one_line(text) + "\n"


def mark(text: str, spans: Iterable[Span]) -> str:
    """Mark spans in their text, with their probabilities.

    >>> mark("Ada spoke.", [Span(0, 3, "PER", "Ada", 0.984)])
    '[Ada](PER 0.98) spoke.'
    """
    pieces, place = [], 0
    for span in spans:
        pieces += [text[place : span.start], f"[{text[span.start : span.end]}]({span.label} {span.score:.2f})"]
        place = span.end
    return "".join([*pieces, text[place:]])


Writer = Callable[["Tagger", Sequence[Request]], Iterator[str]]
_WRITERS: Mapping[str, Writer] = {"conll": column_lines, "jsonl": json_lines, "text": marked_lines}


def _spans(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[list[Span]]:
    texts = iter(tagger.predict_spans([request.text for request in requests if request.text is not None]))
    lists = iter(tagger.predict_token_spans([request.tokens for request in requests if request.text is None]))
    return (next(lists if request.text is None else texts) for request in requests)


def _about(span: Span) -> dict[str, Any]:
    assert span.score is not None
    return {"start": span.start, "end": span.end, "label": span.label, "score": round(span.score, DIGITS)}


def _sentence(rows: Sequence[Sequence[str]], tags: Sequence[str]) -> str:
    return "".join(chain(("\t".join((*row, tag)) + "\n" for row, tag in zip(rows, tags)), "\n"))


def _cell(token: str) -> str:
    if not token.strip(" ") or any(character in token for character in "\t\n\r"):
        raise DataError(f"the token {token!r} can't stand in a column file; use --format jsonl")
    return token
