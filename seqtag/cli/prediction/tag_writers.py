"""What `seqtag predict` writes for a tagger: columns, JSON lines, or text with its spans marked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from seqtag.cli.prediction.answer_writer import AnswerWriter, json_line
from seqtag.cli.prediction.requests import Input, Request
from seqtag.corpora.formats.writers.documents import cell, mark, one_line, rounded, set_aside
from seqtag.errors import UsageError
from seqtag.text.schemes import Span, tags_from_spans

if TYPE_CHECKING:
    from seqtag.models.tagging.tagger import Tagger


class TagWriter(AnswerWriter):
    """Writes the answers of a tagger."""

    FORMS: ClassVar[tuple[str, ...]] = ("conll", "jsonl", "text")

    def __init__(self, model: "Tagger", form: str, given: Input, *, attention: bool) -> None:
        if attention:
            raise UsageError("--attention: only a classifier weighs the words of a text; leave it out for a tagger")
        super().__init__(model, form, given, attention=attention)
        self.write = _WRITERS[form]

    def lines(self, requests: Sequence[Request]) -> Iterator[str]:
        """Write tags or spans; the lines behind the last sentence of a column file stand in columns alone."""
        if self.write is not column_lines:
            requests = [each for each in requests if each.tokens or not each.rows]
        return self.write(self.model, requests)

    def unheld(self, request: Request) -> Iterable[str]:
        """Name the fields of a record where the form is no JSON, and other columns where it has none."""
        if self.write is column_lines:
            return () if request.rows else request.beside(self.given.text_key)
        names = [] if self.write is json_lines else list(request.beside(self.given.text_key))
        return [*names, *request.other_rows()]


def column_lines(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[str]:
    """Write one line per token, its tag after a tab, and a blank line after each sentence.

    If the input is a column file, its other columns are kept before the tag, and comments in their places. Raises
    DataError for a token that a column file can't hold.
    """
    texts = tagger.tag_texts([request.text for request in requests if request.text is not None])
    lists = iter(tagger.predict([request.tokens for request in requests if request.text is None]))
    for request in requests:
        if request.text is None:
            yield _sentence(request.rows or [[cell(token)] for token in request.tokens], next(lists))
            continue
        _, sentences = next(texts)
        for tokens, tags, _ in sentences:
            yield _sentence([[token.text] for token in tokens], tags)
        if not sentences:
            yield "\n"


def json_lines(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[str]:
    """Write one object per request: its keys, or the comments of its sentence, and the spans that were found.

    The offsets of spans count the characters of a text; if the request brought tokens, they count these. What a request
    has under a key of an answer, such as spans, it keeps under GIVEN.
    """
    for request, spans in zip(requests, _spans(tagger, requests)):
        if request.text is not None:
            answer = {"text": request.text, "spans": [{**_span_record(span), "text": span.text} for span in spans]}
        else:
            tags = tagger.tagset_.written(tags_from_spans(spans, len(request.tokens), tagger.scheme_))
            answer = {"tokens": request.tokens, "tags": tags, "spans": list(map(_span_record, spans))}
        content = "text" if request.text is not None else "tokens"
        taken = answer.keys() - (set() if request.rows else {content})
        yield json_line(set_aside(request.record, taken) | answer)


def marked_lines(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[str]:
    """Write one line per request for people to read: spans in brackets, with label and probability."""
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


_WRITERS: Mapping[str, Callable[["Tagger", Sequence[Request]], Iterator[str]]] = {
    "conll": column_lines,
    "jsonl": json_lines,
    "text": marked_lines,
}


def _spans(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[list[Span]]:
    texts = iter(tagger.predict_spans([request.text for request in requests if request.text is not None]))
    lists = iter(tagger.predict_token_spans([request.tokens for request in requests if request.text is None]))
    return (next(lists if request.text is None else texts) for request in requests)


def _span_record(span: Span) -> dict[str, Any]:
    assert span.score is not None
    return {"start": span.start, "end": span.end, "label": span.label, "score": rounded(span.score)}


def _sentence(rows: Sequence[Sequence[str]], tags: Sequence[str]) -> str:
    each = iter(tags)
    lines = [row if isinstance(row, str) else "\t".join((*row, next(each))) for row in rows]
    return "".join(f"{line}\n" for line in (*lines, *([""] if tags or not rows else [])))
