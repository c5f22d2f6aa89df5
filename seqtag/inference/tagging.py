"""From scored sentences to what users are given: tags, marginals, spans with their probabilities.

`TagEngine` is what all engines of a tagger share, `PredictingTagger` the predicting half of `Tagger` and of the
runtime's tagger. Both know tags and spans; how a network scores sentences is the business of each engine. Batches come
in any order, predictions in the order of the sentences. Thresholds say how sure a model must be of a span.
"""

# B sentences, T tokens, L tags of the model, D tags of the data, R some rows of a batch, P pairs of tags

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from seqtag.inference.pipeline_calls import check_strategy, listed, token_records
from seqtag.inference.span_probabilities import SpanArrays, SpanChain, chain_moves, span_labels
from seqtag.inference.span_selection import labels_apart, side_by_side
from seqtag.inference.uncertainty import NO_DOUBT, Uncertainty, uncertainties
from seqtag.inference.user_input import texts, token_lists
from seqtag.text.length_batches import filled
from seqtag.text.schemes import Span, entity_labels, spans_from_tags, tags_from_spans
from seqtag.text.tag_tables import SpanTable, offsets_of
from seqtag.text.tagset import TagSet
from seqtag.text.text_spans import SpansOfTexts, TextSpans
from seqtag.text.tokenizer import Token, Tokenizer

Tokens = Sequence[str]
Sentences = Sequence[Tokens]
TaggedSentence = tuple[Sequence[Token], list[str], list[Span]]

# So many sentences of a prediction are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048
_CHUNK_CHARACTERS = 200_000  # of texts, which are some 2,000 sentences


class Scored(Protocol):
    """A batch of sentences, none of them empty, that an engine has scored."""

    def best(self) -> np.ndarray:
        """Give the best tag ids, (B, T)."""

    def marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, (B, T, L)."""

    def chain(self, rows_R: np.ndarray, from_P: np.ndarray, to_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the marginals of some rows, (R, T, L), and the probability of each move, (R, T, P); see `nn.crf`."""


class TagEngine:
    """What runs the network of a tagger: tags, marginals and spans of sentences from the scores of its batches."""

    tagset: TagSet
    thresholds: Mapping[str, float] | None  # by label: the least probability of a span; None: the best tags

    def scored(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences batch by batch: give their numbers and the batch. Empty sentences are in no batch."""
        raise AssertionError("a subclass scores sentences")

    def tags(self, sentences: Sentences) -> list[list[str]]:
        """Give the tags of each sentence in the scheme of the data: the best ones, or those of `spans`."""
        if self.thresholds is not None:
            return self.spans(sentences)[0]
        tags: list[list[str]] = [[] for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
        return tags

    def marginals(self, sentences: Sentences) -> list[np.ndarray]:
        """Give the probability of each tag of the data at each token: one array (tokens, tags) per sentence."""
        to_data_L, num_tags = self.tagset.to_data, len(self.tagset.data_tags)
        to_data_LD = np.zeros((len(to_data_L), num_tags))
        to_data_LD[np.arange(len(to_data_L)), to_data_L] = 1.0
        probabilities = [np.zeros((0, num_tags)) for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, probability_TL in zip(indices, batch.marginals()):
                probabilities[i] = probability_TL[: len(sentences[i])] @ to_data_LD
        return probabilities

    def spans(self, sentences: Sentences) -> tuple[list[list[str]], list[list[Span]]]:
        """Give the tags of each sentence, and the spans that they spell with their exact probabilities.

        These are the best tags; where there are thresholds, they are the tags of those spans that `side_by_side` takes
        among all that reach the threshold of their label.
        """
        if self.thresholds is not None:
            candidates = self.candidates(sentences, min(self.thresholds.values()))
            return self._chosen(sentences, candidates, self.thresholds)
        tags: list[list[str]] = [[] for _ in sentences]
        spans: list[list[Span]] = [[] for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
                spans[i] = spans_from_tags(found, self.tagset.data_scheme)
            # Only the sentences with spans, which are the smaller part in many corpora, need the sums.
            rows_R = np.array([row for row, i in enumerate(indices) if spans[i]], np.int64)
            if not len(rows_R):
                continue
            chain = self._chain(batch, rows_R)
            for i, scored in zip(indices[rows_R], chain.scored([spans[i] for i in indices[rows_R]])):
                spans[i] = scored
        return tags, spans

    def candidates(self, sentences: Sentences, floor: float = 0.01) -> SpanTable:
        """Give all spans with a probability of at least `floor`, in each sentence in order of start, end and label.

        They are of any label and length and may overlap; the probabilities are exact in every scheme. Under 'plain'
        each span is the tag of one token. Thresholds leave no span out.
        """
        pieces = _Pieces(sentences)
        for indices, batch in self.scored(sentences):
            pieces.add(indices, self._chain(batch, np.arange(len(indices))).candidates(floor))
        return pieces.table(span_labels(self.tagset))

    def spans_and_candidates(
        self, sentences: Sentences, floor: float = 0.01
    ) -> tuple[list[list[str]], SpanTable, SpanTable]:
        """Give what `spans` gives, and the `candidates`; the network runs once for both."""
        if self.thresholds is not None:
            wider = self.candidates(sentences, min(floor, *self.thresholds.values()))
            tags, spans = self._chosen(sentences, wider, self.thresholds)
            assert wider.scores_K is not None
            return tags, SpanTable.of(spans, list(map(len, sentences))), wider.chosen(wider.scores_K >= floor)
        tags = [[] for _ in sentences]
        found, candidates = _Pieces(sentences), _Pieces(sentences)
        for indices, batch in self.scored(sentences):
            decoded = self._decoded(sentences, indices, batch)
            for i, names in zip(indices, decoded):
                tags[i] = names
            chain = self._chain(batch, np.arange(len(indices)))
            found.add(indices, chain.read(decoded, self.tagset.data_scheme))
            candidates.add(indices, chain.candidates(floor))
        labels = span_labels(self.tagset)
        return tags, found.table(labels), candidates.table(labels)

    def uncertainties(self, sentences: Sentences) -> list[Uncertainty]:
        """Say how unsure the network is of each sentence: see `inference.uncertainty`."""
        found = [NO_DOUBT] * len(sentences)
        chosen = None if self.thresholds is None else self.spans(sentences)[1]
        for indices, batch in self.scored(sentences):
            if chosen is None:
                decoded = self._decoded(sentences, indices, batch)
                spans = [spans_from_tags(tags, self.tagset.data_scheme) for tags in decoded]
            else:
                spans = [chosen[i] for i in indices]
            lengths_B = np.array([len(sentences[i]) for i in indices], np.int64)
            for i, doubt in zip(indices, uncertainties(self.tagset, batch.chain, lengths_B, spans)):
                found[i] = doubt
        return found

    def texts(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[TaggedSentence]]:
        """Give the sentences of each text as tokens, tags and spans of tokens."""
        cut = list(tokenizer.stream(texts))
        tagged = zip(*self.spans([sentence.words for text in cut for sentence in text]))
        for sentences in cut:
            yield [(tokens, *next(tagged)) for tokens in sentences]

    def _decoded(self, sentences: Sentences, indices: np.ndarray, batch: Scored) -> list[list[str]]:
        return self.tagset.decode_rows(batch.best(), np.array([len(sentences[i]) for i in indices], np.int64))

    def _chain(self, batch: Scored, rows_R: np.ndarray) -> SpanChain:
        return SpanChain.build(self.tagset, *batch.chain(rows_R, *chain_moves(self.tagset)))

    def _chosen(
        self, sentences: Sentences, candidates: SpanTable, thresholds: Mapping[str, float]
    ) -> tuple[list[list[str]], list[list[Span]]]:
        apart = labels_apart(self.tagset)
        least_K = np.array([thresholds[label] for label in candidates.labels])[candidates.labels_K]
        assert candidates.scores_K is not None
        likely = candidates.chosen(candidates.scores_K >= least_K)
        spans = [side_by_side(found, apart) for found in likely.lists()]
        scheme = self.tagset.data_scheme
        return [tags_from_spans(found, len(tokens), scheme) for found, tokens in zip(spans, sentences)], spans


class _Pieces:
    """Collects the spans of batches, of which there may be many, and puts them into the order of the sentences."""

    def __init__(self, sentences: Sentences) -> None:
        self.offsets = offsets_of(list(map(len, sentences)))
        integers = np.zeros(0, np.int32)
        self.columns: list[list[np.ndarray]] = [[integers], [integers], [integers], [np.zeros(0)]]

    def add(self, indices: np.ndarray, found: SpanArrays) -> None:
        """Add the spans of a batch; `indices` are the numbers of its sentences."""
        first_N = self.offsets[indices[found.rows_N]]
        places = (first_N + found.starts_N, first_N + found.ends_N, found.labels_N)
        for column, values in zip(self.columns, (*(place.astype(np.int32) for place in places), found.probabilities_N)):
            column.append(values)

    def table(self, labels: tuple[str, ...]) -> SpanTable:
        """Give all of them."""
        order = np.argsort(np.concatenate(self.columns[0]), kind="stable")
        starts, ends, numbers, scores = (np.concatenate(column)[order] for column in self.columns)
        return SpanTable(labels, self.offsets, starts, ends, numbers, scores)


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

    def predict(self, X: Iterable[Tokens]) -> list[list[str]]:
        """Tag token lists: one tag per token, in the scheme and spelling of the training data; no token, no tag."""
        return list(map(self._tags().written, self._engine().tags(token_lists(X, "predict"))))

    def predict_stream(self, X: Iterable[Tokens]) -> Iterator[list[str]]:
        """Tag token lists one after the other, in order, in memory that does not grow with their number."""
        engine, source = self._engine(), iter(X)
        while chunk := list(islice(source, _CHUNK)):
            yield from map(self._tags().written, engine.tags(token_lists(chunk, "predict_stream")))

    def predict_proba(self, X: Iterable[Tokens]) -> list[np.ndarray]:
        """Give the probability of each tag at each token: an array (tokens, tags) per sentence, columns as in `tags_`.

        With the CRF head these are true marginals, over all legal sequences.
        """
        return self._engine().marginals(token_lists(X, "predict_proba"))

    def predict_token_spans(self, X: Iterable[Tokens]) -> list[list[Span]]:
        """Find the spans of token lists: offsets in tokens, with the exact probability of each."""
        return self._engine().spans(token_lists(X, "predict_token_spans"))[1]

    def predict_uncertainty(self, X: Iterable[Tokens]) -> list[Uncertainty]:
        """Say how unsure the model is of each sentence: the exact entropy of its tag sequences, and expected errors.

        The errors are spans that would have to be taken out of the prediction or put into it, and wrong tags where
        tags are plain.
        """
        return self._engine().uncertainties(token_lists(X, "predict_uncertainty"))

    def predict_spans(self, X: Iterable[str]) -> list[list[Span]]:
        """Find the spans of texts: offsets in characters of the text given, with the exact probability of each.

        A text is cut into sentences and tokens with spaCy's rules for the model's language. A span's score is the
        probability, over all tag sequences, that exactly this span with this label is there.
        """
        return SpansOfTexts(self.spans_stream(texts(X, "predict_spans")))

    def spans_stream(self, X: Iterable[str]) -> Iterator[list[Span]]:
        """Find the spans of texts one after the other, in order, in memory that does not grow with their number."""
        for text, sentences in self.tag_texts(X):
            yield text_spans(text, sentences)

    def tag_texts(self, X: Iterable[str]) -> Iterator[tuple[str, list[TaggedSentence]]]:
        """Cut texts into sentences and tag them: for each text its sentences as tokens, tags and spans of tokens."""
        engine, tokenizer = self._engine(), self._tokenizer()
        for run in filled(X, lambda text: 1 + len(text) if isinstance(text, str) else 1, _CHUNK_CHARACTERS):
            chunk = texts(run, "predict_spans")
            for text, sentences in zip(chunk, engine.texts(tokenizer, chunk)):
                yield text, [(tokens, self._tags().written(tags), spans) for tokens, tags, spans in sentences]


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
