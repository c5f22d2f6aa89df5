"""From scored sentences to tags, marginals and spans with their probabilities: what all engines of a tagger share.

How a network scores sentences is the business of each engine. Batches come in any order, answers in the order of the
sentences. Thresholds say how sure a model must be of a span.
"""

# B sentences, T tokens, L tags of the model, D tags of the data, R some rows of a batch, P pairs of tags

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from seqtag.inference.explaining.occlusion import OF_EVERY_MODEL, Occluded
from seqtag.inference.explaining.tagging import SharesOf
from seqtag.inference.held_batch import HeldBatch
from seqtag.inference.known_spans import KnownRows, KnownSpans
from seqtag.inference.scored import Scored
from seqtag.inference.span_probabilities import SpanArrays, SpanChain, chain_moves, span_labels
from seqtag.inference.span_selection import labels_apart, score_of, side_by_side
from seqtag.inference.uncertainty import NO_DOUBT, Uncertainty, uncertainties
from seqtag.text.schemes import Span, spans_from_tags, tags_from_spans
from seqtag.text.tag_tables import SpanTable, offsets_of
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Token, Tokenizer

Tokens = Sequence[str]
Sentences = Sequence[Tokens]
TaggedSentence = tuple[Sequence[Token], list[str], list[Span]]


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

    def hides(self) -> Sequence[str]:
        """Name what can be hidden from the model; see `explaining.occlusion`."""
        return OF_EVERY_MODEL

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
        for indices, batch in self.held(sentences, known):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
        return tags

    def marginals(self, sentences: Sentences, known: KnownSpans | None = None) -> list[np.ndarray]:
        """Give the probability of each tag of the data at each token: one array (tokens, tags) per sentence."""
        to_data_L, num_tags = self.tagset.to_data, len(self.tagset.data_tags)
        to_data_LD = np.zeros((len(to_data_L), num_tags))
        to_data_LD[np.arange(len(to_data_L)), to_data_L] = 1.0
        probabilities = [np.zeros((0, num_tags)) for _ in sentences]
        for indices, batch in self.held(sentences, known):
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
        for indices, batch in self.held(sentences, known):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
                spans[i] = spans_from_tags(found, self.tagset.data_scheme)
            # Only the sentences with spans, which are the smaller part in many corpora, need the sums.
            rows_R = np.array([row for row, i in enumerate(indices) if spans[i]], np.int64)
            if not len(rows_R):
                continue
            chain = self.span_chain(batch, rows_R)
            for i, scored in zip(indices[rows_R], chain.scored([spans[i] for i in indices[rows_R]])):
                spans[i] = scored
        return tags, spans

    def candidates(self, sentences: Sentences, floor: float = 0.01, known: KnownSpans | None = None) -> SpanTable:
        """Give all spans with a probability of at least `floor`, in each sentence in order of start, end and label.

        They are of any label and length and may overlap; the probabilities are exact in every scheme. Under 'plain'
        each span is the tag of one token. Thresholds leave no span out.
        """
        pieces = _Pieces(sentences)
        for indices, batch in self.held(sentences, known):
            pieces.add(indices, self.span_chain(batch, np.arange(len(indices))).candidates(floor))
        return pieces.table(span_labels(self.tagset))

    def spans_and_candidates(
        self, sentences: Sentences, floor: float = 0.01, known: KnownSpans | None = None
    ) -> tuple[list[list[str]], SpanTable, SpanTable]:
        """Give what `spans` gives, and the `candidates`; the network runs once for both."""
        if self.thresholds is not None:
            wider = self.candidates(sentences, min(floor, *self.thresholds.values()), known)
            tags, spans = self._chosen(sentences, wider, self.thresholds)
            assert wider.scores_K is not None
            return tags, SpanTable.of(spans, list(map(len, sentences))), wider.chosen(wider.scores_K >= floor)
        tags = [[] for _ in sentences]
        found, candidates = _Pieces(sentences), _Pieces(sentences)
        for indices, batch in self.held(sentences, known):
            decoded = self._decoded(sentences, indices, batch)
            for i, names in zip(indices, decoded):
                tags[i] = names
            chain = self.span_chain(batch, np.arange(len(indices)))
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
            scores = self.span_chain(batch, rows_R).scored(known)
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

    def held(self, sentences: Sentences, known: KnownSpans | None) -> Iterator[tuple[np.ndarray, Scored]]:
        """Give what `scored` gives, where spans of sentences are known with these."""
        for indices, batch in self.scored(sentences):
            yield indices, self._holding(batch, indices, known)

    def _holding(self, batch: Scored, indices: np.ndarray, known: KnownSpans | None) -> Scored | HeldBatch:
        """Put a batch together with what is known of its sentences, which have these numbers."""
        held = {} if known is None else {row: known[i] for row, i in enumerate(indices) if known[i]}
        return HeldBatch.build(batch, held, self.tagset) if held else batch

    def _decoded(self, sentences: Sentences, indices: np.ndarray, batch: Scored) -> list[list[str]]:
        return self.tagset.decode_rows(batch.best(), np.array([len(sentences[i]) for i in indices], np.int64))

    def span_chain(self, batch: Scored, rows_R: np.ndarray) -> SpanChain:
        """Give what sums up the probabilities of spans in some rows, with what is known of them."""
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
