"""From scored sentences to what users are given: tags, marginals, spans with their probabilities.

`TagEngine` is what all engines of a tagger share, `PredictingTagger` the predicting half of `Tagger` and of the
runtime's tagger. Both know tags and spans; how a network scores sentences is the business of each engine. Batches come
in any order, predictions in the order of the sentences. Thresholds say how sure a model must be of a span.
"""

# B sentences, T tokens, L tags of the model, D tags of the data, R some rows of a batch, P pairs of tags

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from seqtag.errors import DataError, UsageError
from seqtag.inference.explaining.explanation import Explanations
from seqtag.inference.explaining.occlusion import Occluded
from seqtag.inference.explaining.tagging import MOST_READ, SharesOf, explain_sentence, token_span
from seqtag.inference.held_batch import HeldBatch
from seqtag.inference.known_spans import Known, KnownRows, KnownSpans
from seqtag.inference.pipeline_calls import check_strategy, listed, token_records
from seqtag.inference.scored import Scored
from seqtag.inference.span_probabilities import SpanArrays, SpanChain, chain_moves, span_labels
from seqtag.inference.span_selection import labels_apart, score_of, side_by_side
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


class TagEngine:
    """What runs the network of a tagger: tags, marginals and spans of sentences from the scores of its batches.

    `known` spans, a list per sentence, change the probability of all that its sentence may hold, and nothing else; see
    held_lattice.py. Raises KnownError where no tags can spell them.
    """

    tagset: TagSet
    thresholds: Mapping[str, float] | None  # by label: the least probability of a span; None: the best tags

    def scored(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences batch by batch: give their numbers and the batch. Empty sentences are in no batch."""
        raise AssertionError("a subclass scores sentences")

    def reading(self, occluded: Occluded) -> "TagEngine":
        """Give the same engine for sentences in which something is hidden."""
        raise AssertionError("a subclass knows its vocabulary")

    def shares(self, tokens: Tokens) -> SharesOf | None:
        """Give what splits the emissions of a sentence; None where only an export is there, which does not tell."""
        return None

    def tags(self, sentences: Sentences, known: KnownSpans | None = None) -> list[list[str]]:
        """Give the tags of each sentence in the scheme of the data: the best ones, or those of `spans`."""
        if self.thresholds is not None:
            return self.spans(sentences, known)[0]
        tags: list[list[str]] = [[] for _ in sentences]
        for indices, batch in self._held(sentences, known):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
        return tags

    def marginals(self, sentences: Sentences, known: KnownSpans | None = None) -> list[np.ndarray]:
        """Give the probability of each tag of the data at each token: one array (tokens, tags) per sentence."""
        to_data_L, num_tags = self.tagset.to_data, len(self.tagset.data_tags)
        to_data_LD = np.zeros((len(to_data_L), num_tags))
        to_data_LD[np.arange(len(to_data_L)), to_data_L] = 1.0
        probabilities = [np.zeros((0, num_tags)) for _ in sentences]
        for indices, batch in self._held(sentences, known):
            for i, probability_TL in zip(indices, batch.marginals()):
                probabilities[i] = probability_TL[: len(sentences[i])] @ to_data_LD
        return probabilities

    def spans(self, sentences: Sentences, known: KnownSpans | None = None) -> tuple[list[list[str]], list[list[Span]]]:
        """Give the tags of each sentence, and the spans that they spell with their exact probabilities.

        These are the best tags; where there are thresholds, they are the tags of those spans that `side_by_side` takes
        among all that reach the threshold of their label.
        """
        if self.thresholds is not None:
            candidates = self.candidates(sentences, min(self.thresholds.values()), known)
            return self._chosen(sentences, candidates, self.thresholds)
        tags: list[list[str]] = [[] for _ in sentences]
        spans: list[list[Span]] = [[] for _ in sentences]
        for indices, batch in self._held(sentences, known):
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

    def candidates(self, sentences: Sentences, floor: float = 0.01, known: KnownSpans | None = None) -> SpanTable:
        """Give all spans with a probability of at least `floor`, in each sentence in order of start, end and label.

        They are of any label and length and may overlap; the probabilities are exact in every scheme. Under 'plain'
        each span is the tag of one token. Thresholds leave no span out.
        """
        pieces = _Pieces(sentences)
        for indices, batch in self._held(sentences, known):
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

    def probabilities(self, sentences: Sentences, spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        """Give the exact probability of each of some spans, however unlikely.

        A span whose label is empty stands for its tokens outside of all spans. Labels that the model lacks have 0.
        """
        found: list[list[float]] = [[] for _ in sentences]
        labels = span_labels(self.tagset)
        for indices, batch in self.scored(sentences):
            rows_R = np.array([row for row, i in enumerate(indices) if spans[i]], np.int64)
            if not len(rows_R):
                continue
            wanted = [spans[i] for i in indices[rows_R]]
            known = [[span for span in several if span.label in labels] for several in wanted]
            scores = self._chain(batch, rows_R).scored(known)
            outside = self._outside(batch, rows_R)
            for row, (i, several) in enumerate(zip(indices[rows_R], wanted)):
                scored = iter(scores[row])
                found[i] = [
                    score_of(next(scored)) if span.label in labels else 0.0 if span.label else outside(row, span)
                    for span in several
                ]
        return found

    def _outside(self, batch: Scored, rows_R: np.ndarray) -> Callable[[int, Span], float]:
        """Give what finds the probability that all tokens of a span, of one of some rows, are outside of spans."""
        if self.tagset.scheme == "plain" or "O" not in self.tagset.names:
            return lambda row, span: 0.0
        tag_1 = np.array([self.tagset.names.index("O")])
        marginals_RTL, moved_RT1 = batch.chain(rows_R, tag_1, tag_1)
        first_RT, next_RT = marginals_RTL[..., tag_1[0]], moved_RT1[..., 0]

        def probability(row: int, span: Span) -> float:
            product = first_RT[row, span.start] * next_RT[row, span.start + 1 : span.end].prod()
            return min(1.0, float(product))

        return probability

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

    def texts(
        self, tokenizer: Tokenizer, texts: Sequence[str], known: KnownRows | None = None
    ) -> Iterator[list[TaggedSentence]]:
        """Give the sentences of each text as tokens, tags and spans of tokens."""
        cut = list(tokenizer.stream(texts))
        cut, of_sentences = (cut, None) if known is None else known.of_texts(texts, cut)
        tagged = zip(*self.spans([sentence.words for text in cut for sentence in text], of_sentences))
        for sentences in cut:
            yield [(tokens, *next(tagged)) for tokens in sentences]

    def _held(self, sentences: Sentences, known: KnownSpans | None) -> Iterator[tuple[np.ndarray, Scored]]:
        """Give what `scored` gives, where spans of sentences are known with these."""
        for indices, batch in self.scored(sentences):
            held = {} if known is None else {row: known[i] for row, i in enumerate(indices) if known[i]}
            yield indices, HeldBatch.build(batch, held, self.tagset) if held else batch

    def _decoded(self, sentences: Sentences, indices: np.ndarray, batch: Scored) -> list[list[str]]:
        return self.tagset.decode_rows(batch.best(), np.array([len(sentences[i]) for i in indices], np.int64))

    def _chain(self, batch: Scored, rows_R: np.ndarray) -> SpanChain:
        chain = SpanChain.build(self.tagset, *batch.chain(rows_R, *chain_moves(self.tagset)))
        return replace(chain, known=batch.known(rows_R)) if isinstance(batch, HeldBatch) else chain

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

    def explain(self, tokens: Tokens, span: Span | None = None) -> Explanations:
        """Say why each span of a sentence was predicted, or for the span that is asked for why it was or was not.

        Each explanation has the exact probability of its span, and the log odds of the best path in which it stands
        against the best one in which it does not, the next best reading. These are split into what the emissions of
        each token and the moves between tags add; in torch each emission is split further, into the encoder, the
        features of the word and its neighbours, and the bias of the tag. `occlusions` say what becomes of the span
        where a word is replaced by the unknown word, or its spelling is hidden. Places count tokens. Raises UsageError
        for a span that is none of the sentence.
        """
        [words] = token_lists([tokens], "explain")
        numbered = [Token(word, i, i + 1) for i, word in enumerate(words)]
        return Explanations(explain_sentence(self._explaining_engine(), numbered, span))

    def explain_text(self, text: str, span: Span | None = None) -> Explanations:
        """Do what `explain` does for all sentences of a text; places, those of `span` too, count its characters."""
        [text] = texts([text], "explain_text")
        [sentences] = self._tokenizer().stream([text])
        asked = list(sentences)
        if span is not None:
            number, span = token_span(span, asked)
            asked = [asked[number]]
        engine, most_read = self._explaining_engine(), MOST_READ // max(1, len(asked))
        found = (explain_sentence(engine, tokens, span, text=text, most_read=most_read) for tokens in asked)
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
