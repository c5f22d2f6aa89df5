"""What `seqtag predict` writes for other tools: the answers of a tagger or a classifier in a shared format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from seqtag.cli.prediction.answer_writer import AnswerWriter
from seqtag.cli.prediction.class_writers import classify
from seqtag.cli.prediction.requests import Input, Request
from seqtag.corpora.formats.writers.documents import About, Document, joined, placed
from seqtag.corpora.formats.writers.formats import FORMATS
from seqtag.errors import UsageError
from seqtag.inference.tagging import text_spans
from seqtag.text.schemes import Span, tags_from_spans
from seqtag.text.tokenizer import Token, Tokenizer

if TYPE_CHECKING:
    from seqtag.models.classifying.classifier import Classifier
    from seqtag.models.tagging.tagger import Tagger


class ToolWriter(AnswerWriter):
    """Answers requests, and writes the answers as a tool imports them."""

    FORMS: ClassVar[tuple[str, ...]] = tuple(FORMATS)

    def __init__(
        self,
        model: Any,
        form: str,
        given: Input,
        *,
        attention: bool,
        changes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if attention:
            raise UsageError(f"--attention: {form} has no place for the weights of words; choose text, jsonl or csv")
        super().__init__(model, form, given, attention=attention)
        self.writer = FORMATS[form].writer(about_model(model, **changes))
        self.is_binary = self.writer.is_binary

    def head(self) -> Any:
        """Give what stands before all answers."""
        return self.writer.head()

    def lines(self, requests: Sequence[Request]) -> Iterator[Any]:
        """Answer some requests, in order."""
        requests = [each for each in requests if each.text is not None or each.tokens or not each.rows]
        requests = list(map(self._with_text, requests))
        make = _classified if self.writer.about.task == "classify" else _tagged
        for request, answer in zip(requests, make(self.model, requests)):
            answer["fields"] = self._fields(request)
            yield self.writer.piece(Document(**answer, docbin=request.docbin))

    def add(self, piece: Any) -> Any:
        """Give what a piece adds to the output."""
        return self.writer.add(piece)

    def foot(self) -> Any:
        """Give what stands behind all answers."""
        return self.writer.foot()

    def unheld(self, request: Request) -> Iterable[str]:
        """Name the fields, columns and layers that have no place in the format."""
        names = [*self.writer.unheld(self._fields(self._with_text(request))), *request.other_rows()]
        return [*names, *(request.layers if self.form != "spacy" else self._replaced(request))]

    def _replaced(self, request: Request) -> Iterable[str]:
        """Name the layer of a document of spaCy in whose place the answer stands."""
        about = self.writer.about
        own = {"cats"} if about.task == "classify" else {"pos", "tag"} if about.is_plain else {"ents"}
        return [layer for layer in request.layers if layer in own]

    def _with_text(self, request: Request) -> Request:
        """Give a request that brought tokens to a tagger the text of its record, if they were cut from it."""
        text = request.record.get(str(self.given.text_key)) if request.text is None else None
        tokens = placed(text, request.tokens) if isinstance(text, str) and self.writer.about.task == "tag" else None
        if tokens is None:
            return request
        places = [(token.start, token.end) for token in tokens]
        return replace(request, text=text, places=places, cuts=(), record=request.beside(self.given.text_key))

    def _fields(self, request: Request) -> dict[str, Any]:
        """Give the fields of a record beside what is written as the text, or as the tokens, of its document."""
        fields = request.beside(self.given.text_key)
        has_text = request.text is not None and fields.get(str(self.given.text_key)) == request.text
        return {key: value for key, value in fields.items() if not (has_text and key == self.given.text_key)}


def about_model(model: Any, *, model_version: str = "", from_name: str = "label", to_name: str = "text") -> About:
    """Say what the answers of a tagger or a classifier have in common; the names are those in Label Studio."""
    is_tagger = hasattr(model, "tagset_")
    return About(
        "tag" if is_tagger else "classify",
        model.labels_ if is_tagger else list(map(str, model.class_set_.names)),
        is_plain=is_tagger and model.scheme_ == "plain",
        is_multi=not is_tagger and model.class_set_.is_multi,
        is_predicted=True,
        language=model.language,
        model_version=model_version,
        from_name=from_name,
        to_name=to_name,
    )


def _classified(classifier: "Classifier", requests: Sequence[Request]) -> Iterator[dict[str, Any]]:
    for request, answer in zip(requests, classify(classifier, requests)):
        text, tokens = (request.text, []) if request.text is not None else joined(request.tokens)
        labels = [str(label) for label in answer.labels]
        yield {"text": text, "tokens": tokens, "labels": labels, "scores": dict(answer.scores)}


def _tagged(tagger: "Tagger", requests: Sequence[Request]) -> Iterator[dict[str, Any]]:
    texts = tagger.tag_texts([each.text for each in requests if each.text is not None and not _brings_tokens(each)])
    tokenizer = Tokenizer(tagger.language)
    own = [_own_sentences(each, tokenizer) for each in requests if _brings_tokens(each)]
    words = [[token.text for token in sentence] for _, sentences in own for sentence in sentences]
    found = iter(tagger.predict_token_spans(words))
    own_texts = iter(own)
    for request in requests:
        if not _brings_tokens(request):
            text, sentences = next(texts)
        else:
            text, given = next(own_texts)
            sentences = [
                (tokens, tagger.tagset_.written(tags_from_spans(spans, len(tokens), tagger.scheme_)), spans)
                for tokens, spans in ((tokens, next(found)) for tokens in given)
            ]
        yield _answer(text, sentences) | {
            "own_tokens": _brings_tokens(request),
            "has_text": request.text is not None,
        }


def _brings_tokens(request: Request) -> bool:
    return request.text is None or bool(request.docbin or request.places)


def _answer(text: str, sentences: Sequence[tuple[Sequence[Token], list[str], list[Span]]]) -> dict[str, Any]:
    tokens: list[Token] = []
    tags: list[str] = []
    cuts: list[int] = []
    for words, their_tags, _ in sentences:
        cuts += [len(tokens)] * bool(tokens)
        tokens += words
        tags += their_tags
    return {"text": text, "tokens": tokens, "tags": tags, "spans": text_spans(text, sentences), "cuts": cuts}


def _own_sentences(request: Request, tokenizer: Tokenizer) -> tuple[str, list[list[Token]]]:
    """Give the text of a request that brought tokens, and these in sentences.

    A document of spaCy whose sentences are not marked is cut where a sentence of its text begins with a token.
    """
    if request.text is None:
        text, tokens = joined(request.tokens)
        return text, [tokens]
    cuts = request.cuts
    if cuts is None:
        begins = {sentence.starts[0] for sentence in tokenizer.sentences(request.text)}
        cuts = [number for number, (start, _) in enumerate(request.places) if start in begins]
    tokens = [Token(word, *place) for word, place in zip(request.tokens, request.places)]
    borders = sorted({0, *cuts, len(tokens)})
    return request.text, [tokens[start:end] for start, end in pairwise(borders)]
