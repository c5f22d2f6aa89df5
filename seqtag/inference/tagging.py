"""From scored sentences to what users are given: tags, marginals, spans with their probabilities.

The same for every engine. Knows tags and spans; how a network scores sentences and what it sums up, the engine says.
Batches come in any order, answers in the order of the questions. How sure a model must be of a span is told by
thresholds.
"""

# B sentences, T tokens, L tags of the model, D tags of the data, R some rows of a batch, P pairs of tags

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from seqtag.inference.span_probabilities import SpanChain, chain_moves
from seqtag.inference.span_selection import labels_apart, score_of, side_by_side
from seqtag.text.schemes import Span, spans_from_tags, tags_from_spans
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Token, Tokenizer

Sentences = Sequence[Sequence[str]]
TaggedSentence = tuple[list[Token], list[str], list[Span]]


class Scored(Protocol):
    """A batch of sentences, none of them empty, that an engine has scored."""

    def best(self) -> np.ndarray:
        """Give the best tag ids, (B, T)."""

    def marginals(self) -> np.ndarray:
        """Give the probability of each tag at each token, (B, T, L)."""

    def chain(self, rows_R: np.ndarray, from_P: np.ndarray, to_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the marginals of some rows, (R, T, L), and the probability of each move, (R, T, P); see `nn.crf`."""


class TagAnswers:
    """What an engine with a tag set can be asked."""

    tagset: TagSet
    thresholds: Mapping[str, float] | None  # by label: the least probability of a span; None: the best tags

    def scored(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences, batch by batch: their numbers and the batch. Empty sentences are in none."""
        raise AssertionError("an engine says how it scores")

    def tags(self, sentences: Sentences) -> list[list[str]]:
        """The tags of each sentence, in the data's scheme: the best ones, or as the thresholds have it; see `spans`."""
        if self.thresholds is not None:
            return self.spans(sentences)[0]
        tags: list[list[str]] = [[] for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
        return tags

    def marginals(self, sentences: Sentences) -> list[np.ndarray]:
        """Probability of each tag of the data at each token: an array (tokens, tags) a sentence."""
        to_data_L, num_tags = self.tagset.to_data, len(self.tagset.data_tags)
        to_data_LD = np.zeros((len(to_data_L), num_tags))
        to_data_LD[np.arange(len(to_data_L)), to_data_L] = 1.0
        probabilities = [np.zeros((0, num_tags)) for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, probability_TL in zip(indices, batch.marginals()):
                probabilities[i] = probability_TL[: len(sentences[i])] @ to_data_LD
        return probabilities

    def spans(self, sentences: Sentences) -> tuple[list[list[str]], list[list[Span]]]:
        """The tags of each sentence, and the spans that they spell with their exact probabilities.

        The best tags; where there are thresholds, those of the spans that `side_by_side` takes among all that reach the
        threshold of their label.
        """
        if self.thresholds is not None:
            return self._chosen(sentences, self.thresholds)
        tags: list[list[str]] = [[] for _ in sentences]
        spans: list[list[Span]] = [[] for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, found in zip(indices, self._decoded(sentences, indices, batch)):
                tags[i] = found
                spans[i] = spans_from_tags(found, self.tagset.data_scheme)
            # In many corpora the smaller part.
            rows_R = np.array([row for row, i in enumerate(indices) if spans[i]], np.int64)
            if not len(rows_R):
                continue
            chain = self._chain(batch, rows_R)
            for i, scored in zip(indices[rows_R], chain.scored([spans[i] for i in indices[rows_R]])):
                spans[i] = scored
        return tags, spans

    def candidates(self, sentences: Sentences, floor: float = 0.01) -> list[list[Span]]:
        """All spans of each sentence with a probability of at least `floor`, in order of start, end and label.

        Of any label and length, overlapping ones too; the probabilities are exact in every scheme. Under 'plain' the
        tags of each token. Thresholds leave none out.
        """
        spans: list[list[Span]] = [[] for _ in sentences]
        for indices, batch in self.scored(sentences):
            for i, found in zip(indices, self._chain(batch, np.arange(len(indices))).candidate_spans(floor)):
                spans[i] = found
        return spans

    def texts(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[TaggedSentence]]:
        """The sentences of each text as tokens, tags and spans of tokens."""
        cut = list(tokenizer.stream(texts))
        tagged = zip(*self.spans([[token.text for token in sentence] for text in cut for sentence in text]))
        for sentences in cut:
            yield [(tokens, *next(tagged)) for tokens in sentences]

    def _decoded(self, sentences: Sentences, indices: np.ndarray, batch: Scored) -> list[list[str]]:
        return self.tagset.decode_rows(batch.best(), np.array([len(sentences[i]) for i in indices], np.int64))

    def _chain(self, batch: Scored, rows_R: np.ndarray) -> SpanChain:
        return SpanChain.build(self.tagset, *batch.chain(rows_R, *chain_moves(self.tagset)))

    def _chosen(
        self, sentences: Sentences, thresholds: Mapping[str, float]
    ) -> tuple[list[list[str]], list[list[Span]]]:
        apart = labels_apart(self.tagset)
        spans = [
            side_by_side([span for span in found if score_of(span) >= thresholds[span.label]], apart)
            for found in self.candidates(sentences, min(thresholds.values()))
        ]
        scheme = self.tagset.data_scheme
        return [tags_from_spans(found, len(tokens), scheme) for found, tokens in zip(spans, sentences)], spans


def text_spans(text: str, sentences: Sequence[TaggedSentence]) -> list[Span]:
    """Give the spans of the sentences of a text with their offsets in the characters of the text.

    >>> tokens = [Token("Ada", 0, 3), Token("Lovelace", 5, 13)]
    >>> text_spans("Ada  Lovelace", [(tokens, ["B-PER", "I-PER"], [Span(0, 2, "PER")])])
    [Span(start=0, end=13, label='PER', text='Ada  Lovelace')]
    """
    return [
        Span(start, end, span.label, text[start:end], span.score)
        for tokens, _, spans in sentences
        for span in spans
        for start, end in [(tokens[span.start].start, tokens[span.end - 1].end)]
    ]
