"""The methods with which a tagger predicts, whatever engine runs its network: strings in, tags and spans out.

`PredictingTagger` is the predicting half of `Tagger` and of the runtime's tagger.
"""

# B sentences, T tokens, L tags of the model, D tags of the data, R some rows of a batch, P pairs of tags

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.inference.explaining.explanation import Explanations
from seqtag.inference.explaining.tagging import MOST_READ, check_label, explain_sentence, token_span
from seqtag.inference.known_spans import Known, KnownOfOne, KnownRows, KnownSpans
from seqtag.inference.patterns import Patterns
from seqtag.inference.pipeline_calls import check_strategy, listed, token_records
from seqtag.inference.tag_engine import Sentences, TagEngine, TaggedSentence, Tokens
from seqtag.inference.uncertainty import Uncertainty
from seqtag.inference.user_input import texts, token_lists
from seqtag.text.length_batches import filled
from seqtag.text.schemes import Span, entity_labels
from seqtag.text.tagset import TagSet
from seqtag.text.text_spans import SpansOfTexts, TextSpans
from seqtag.text.tokenizer import Token, Tokenizer

# So many sentences of a prediction are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048
_CHUNK_CHARACTERS = 200_000  # of texts, which are some 2,000 sentences


EngineT = TypeVar("EngineT", bound=TagEngine, covariant=True)


class PredictingTagger(Generic[EngineT]):
    """The methods with which a tagger predicts, whatever engine runs its network."""

    language: str  # whose rules cut texts into sentences and tokens

    def _tags(self) -> TagSet:
        """Give the tag set, which is known before an engine is opened."""
        raise AssertionError("a subclass gives the tag set")

    def _engine(self) -> EngineT:
        """Give the engine that predicts."""
        raise AssertionError("a subclass gives the engine")

    def _tokenizer(self) -> Tokenizer:
        """Give what cuts texts into sentences and tokens."""
        return Tokenizer(self.language)

    @property
    def tags_(self) -> list[str]:
        """The tags of the training data, in the order of `predict_proba`'s columns."""
        return self._tags().written(self._tags().data_tags)

    @property
    def labels_(self) -> list[str]:
        """The labels of spans, or the tags themselves where they are plain."""
        return self.tags_ if self.scheme_ == "plain" else entity_labels(self._tags().data_tags)

    @property
    def scheme_(self) -> str:
        """The scheme of the training data, which is that of the predictions."""
        return self._tags().data_scheme

    def __call__(self, inputs: str | Iterable[str], *, aggregation_strategy: str = "simple") -> list[Any]:
        """Find the spans of a text, or of each of several, in the manner of the pipelines of transformers.

        A text gives a list of dictionaries with `entity_group`, `score`, `word`, `start` and `end`, several texts give
        a list of such lists. With `aggregation_strategy="none"` each token with a tag other than O has a dictionary:
        `entity` is the tag, `score` its probability and `index` the number of the token in the text, from 1; the other
        strategies of transformers all give spans, since words are never in pieces here. Plain tags are spans of one
        token. All values are JSON-able.
        """
        check_strategy(aggregation_strategy)
        answers: list[Any]
        if aggregation_strategy == "none":
            answers = list(self._token_records(texts(listed(inputs), "the call")))
        else:
            found = self.spans_stream(texts(listed(inputs), "the call"))
            answers = [[span.to_dict("hf") for span in spans] for spans in found]
        return answers[0] if isinstance(inputs, str) else answers

    def _token_records(self, X: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        columns = {tag: column for column, tag in enumerate(self.tags_)}
        outside = None if self.scheme_ == "plain" else self._tags().spelling.outside
        for _, sentences in self.tag_texts(X):
            proba = self.predict_proba([[token.text for token in tokens] for tokens, _, _ in sentences])
            tokens = [token for tokens, _, _ in sentences for token in tokens]
            tags = [tag for _, tags, _ in sentences for tag in tags]
            proba_TD = np.concatenate([*proba, np.zeros((0, len(columns)))])
            yield token_records(tokens, tags, proba_TD, columns=columns, outside=outside)

    def predict(
        self, X: Iterable[Tokens], *, known: Known | None = None, strength: float | None = None
    ) -> list[list[str]]:
        """Tag token lists: one tag per token, in the scheme and spelling of the training data; no token, no tag.

        `known` says what is known of each sentence before it is tagged: a list of `Span` or (start, end, label) per
        sentence, or `Patterns`, which find them. Each prediction has all of them, and the rest is the most probable one
        beside them. With a `strength`, a number above 0 that is added to the log odds of each known span, they are
        likely and no more. A span may bring a strength of its own: (start, end, label, strength). Raises DataError for
        spans that can't be known: two that overlap, or a label that the model lacks.
        """
        sentences = token_lists(X, "predict")
        return list(map(self._tags().written, self._engine().tags(sentences, self._known(known, strength, sentences))))

    def predict_stream(
        self, X: Iterable[Tokens], *, known: Known | None = None, strength: float | None = None
    ) -> Iterator[list[str]]:
        """Tag token lists one after the other, in order, in memory that does not grow with their number."""
        engine, source, rows = self._engine(), iter(X), self._known_rows(known, strength)
        while chunk := list(islice(source, _CHUNK)):
            sentences = token_lists(chunk, "predict_stream")
            of_sentences = None if rows is None else rows.of_sentences(sentences)
            yield from map(self._tags().written, engine.tags(sentences, of_sentences))
        if rows is not None:
            rows.finish()

    def predict_proba(
        self, X: Iterable[Tokens], *, known: Known | None = None, strength: float | None = None
    ) -> list[np.ndarray]:
        """Give the probability of each tag at each token: an array (tokens, tags) per sentence, columns as in `tags_`.

        With the CRF head these are true marginals, over all legal sequences; where spans are `known`, given these.
        """
        sentences = token_lists(X, "predict_proba")
        return self._engine().marginals(sentences, self._known(known, strength, sentences))

    def predict_token_spans(
        self, X: Iterable[Tokens], *, known: Known | None = None, strength: float | None = None
    ) -> list[list[Span]]:
        """Find the spans of token lists: offsets in tokens, with the exact probability of each.

        Where spans are `known`, as for `predict`, the probability is that given these; a certain one has 1.
        """
        sentences = token_lists(X, "predict_token_spans")
        return self._engine().spans(sentences, self._known(known, strength, sentences))[1]

    def explain(
        self,
        tokens: Tokens,
        span: Span | None = None,
        *,
        known: KnownOfOne | None = None,
        strength: float | None = None,
    ) -> Explanations:
        """Say why each span of a sentence was predicted, or for the span that is asked for why it was or was not.

        Each explanation has the exact probability of its span, and the log odds of the best path in which it stands
        against the best one in which it does not, the next best reading. These are split into what the emissions of
        each token and the moves between tags add; in torch each emission is split further, into the encoder, the
        features of the word and its neighbours, and the bias of the tag. `occlusions` say what becomes of the span
        where a word is replaced by the unknown word, or its spelling is hidden. Places count tokens. `known` spans of
        the sentence, or patterns, and their `strength` are those of `predict`: all is said given these, and a known
        span says that it is one. Raises UsageError for a span that is none of the sentence.
        """
        [words] = token_lists([tokens], "explain")
        numbered = [Token(word, i, i + 1) for i, word in enumerate(words)]
        [of_sentence] = self._known(_of_rows(known), strength, [words]) or [()]
        return Explanations(explain_sentence(self._explaining_engine(), numbered, span, known=of_sentence))

    def explain_text(
        self,
        text: str,
        span: Span | None = None,
        *,
        known: KnownOfOne | None = None,
        strength: float | None = None,
    ) -> Explanations:
        """Do what `explain` does for all sentences of a text; places, also of known spans, count its characters."""
        [text] = texts([text], "explain_text")
        cut = list(self._tokenizer().stream([text]))
        rows = self._known_rows(_of_rows(known), strength)
        cut, of_sentences = (cut, [()] * len(cut[0])) if rows is None else rows.of_texts([text], cut)
        asked = list(zip(cut[0], of_sentences))
        if span is not None:
            check_label(self._tags(), span)  # while its places are those of the text
            number, span = token_span(span, cut[0])
            asked = [asked[number]]
        engine, most_read = self._explaining_engine(), MOST_READ // max(1, len(asked))
        found = (
            explain_sentence(engine, tokens, span, text=text, known=of_sentence, most_read=most_read)
            for tokens, of_sentence in asked
        )
        return Explanations(one for explained in found for one in explained)

    def _explaining_engine(self) -> TagEngine:
        """Give the engine that explains: the one that knows most."""
        return self._engine()

    def predict_candidates(self, X: Iterable[Tokens], *, floor: float = 0.01) -> list[list[Span]]:
        """Find all spans of token lists that have a probability of at least `floor`, overlapping ones too.

        They are of any length and label, in order of start, end and label, with exact probabilities. Under plain tags
        each is the tag of one token.
        """
        if not 0 < floor <= 1:
            raise UsageError(f"floor={floor!r}: is the least probability of a span, more than 0 and at most 1")
        return self._engine().candidates(token_lists(X, "predict_candidates"), floor).lists()

    def span_probabilities(self, X: Iterable[Tokens], spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        """Give the exact probability of given spans of token lists, however unlikely; offsets are in tokens.

        A span whose label is empty, `Span(2, 5, "")`, asks for the probability that none of its tokens is in a span. A
        label that the model lacks has probability 0. Raises DataError for a span outside of its sentence.
        """
        sentences = token_lists(X, "span_probabilities")
        if len(spans) != len(sentences):
            raise DataError(f"{len(sentences)} sentences but {len(spans)} lists of spans; pair them one to one")
        for number, (tokens, several) in enumerate(zip(sentences, spans), 1):
            for span in several:
                if not 0 <= span.start < span.end <= len(tokens):
                    raise DataError(f"sentence {number}: {span} does not lie in its {len(tokens)} tokens")
        return self._engine().probabilities(sentences, spans)

    def predict_uncertainty(self, X: Iterable[Tokens]) -> list[Uncertainty]:
        """Say how unsure the model is of each sentence: the exact entropy of its tag sequences, and expected errors.

        The errors are spans that would have to be taken out of the prediction or put into it, and wrong tags where
        tags are plain.
        """
        return self._engine().uncertainties(token_lists(X, "predict_uncertainty"))

    def predict_spans(
        self, X: Iterable[str], *, known: Known | None = None, strength: float | None = None
    ) -> list[list[Span]]:
        """Find the spans of texts: offsets in characters of the text given, with the exact probability of each.

        A text is cut into sentences and tokens with spaCy's rules for the model's language. A span's score is the
        probability, over all tag sequences, that exactly this span with this label is there. `known` spans and their
        `strength` are those of `predict`, in characters of the text. They begin and end where tokens do, or are an
        error; sentences into which the same one reaches are read as one.
        """
        return SpansOfTexts(self.spans_stream(texts(X, "predict_spans"), known=known, strength=strength))

    def spans_stream(
        self, X: Iterable[str], *, known: Known | None = None, strength: float | None = None
    ) -> Iterator[list[Span]]:
        """Find the spans of texts one after the other, in order, in memory that does not grow with their number."""
        for text, sentences in self.tag_texts(X, known=known, strength=strength):
            yield text_spans(text, sentences)

    def tag_texts(
        self, X: Iterable[str], *, known: Known | None = None, strength: float | None = None
    ) -> Iterator[tuple[str, list[TaggedSentence]]]:
        """Cut texts into sentences and tag them: for each text its sentences as tokens, tags and spans of tokens."""
        engine, tokenizer, rows = self._engine(), self._tokenizer(), self._known_rows(known, strength)
        for run in filled(X, lambda text: 1 + len(text) if isinstance(text, str) else 1, _CHUNK_CHARACTERS):
            chunk = texts(run, "predict_spans")
            for text, sentences in zip(chunk, engine.texts(tokenizer, chunk, rows)):
                yield text, [(tokens, self._tags().written(tags), spans) for tokens, tags, spans in sentences]
        if rows is not None:
            rows.finish()

    def _known_rows(self, known: Known | None, strength: float | None) -> KnownRows | None:
        if known is None and strength is None:
            return None
        return KnownRows(known, strength, tagset=self._tags(), language=self.language)

    def _known(self, known: Known | None, strength: float | None, sentences: Sentences) -> KnownSpans | None:
        rows = self._known_rows(known, strength)
        if rows is None:
            return None
        of_sentences = rows.of_sentences(sentences)
        rows.finish()
        return of_sentences


def _of_rows(known: KnownOfOne | None) -> Known | None:
    """Give what is known of one row as it is given for several."""
    return known if known is None or isinstance(known, Patterns) else [known]


def text_spans(text: str, sentences: Sequence[TaggedSentence]) -> TextSpans:
    """Give the spans of the sentences of a text with their offsets in the characters of the text.

    >>> tokens = [Token("Ada", 0, 3), Token("Lovelace", 5, 13)]
    >>> text_spans("Ada  Lovelace", [(tokens, ["B-PER", "I-PER"], [Span(0, 2, "PER")])])
    [Span(start=0, end=13, label='PER', text='Ada  Lovelace')]
    """
    found = (
        Span(start, end, span.label, text[start:end], span.score)
        for tokens, _, spans in sentences
        for span in spans
        for start, end in [(tokens[span.start].start, tokens[span.end - 1].end)]
    )
    return TextSpans(found, text)
