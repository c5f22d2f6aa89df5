"""Run a trained tagging network over sentences: tags, marginals, n-best, spans with their probabilities.

Batches hold sentences of like length; answers come in the order of the questions. How sure the model must be of a span
is told by thresholds; how they are chosen is tuning.py's business.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqtag.batching import collate, sorted_batches
from seqtag.models.selection import labels_apart, score_of, side_by_side
from seqtag.models.span_chain import SpanChain
from seqtag.nn.batch import Batch
from seqtag.nn.network import TagNetwork
from seqtag.text.schemes import Span, spans_from_tags, tags_from_spans
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Token, Tokenizer
from seqtag.text.vocabulary import Vocabulary

Sentences = Sequence[Sequence[str]]
TaggedSentence = tuple[list[Token], list[str], list[Span]]


@dataclass(frozen=True)
class TagPredictor:
    """A network with the indices that it was trained with."""

    network: TagNetwork
    vocabulary: Vocabulary
    tagset: TagSet
    max_tokens: int  # padded tokens a batch
    thresholds: Mapping[str, float] | None = None  # by label: the least probability of a span; None: the best tags

    def batches(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Batch]]:
        """Cut sentences into batches of like length: their numbers and the batch. Empty sentences are left out."""
        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        device = next(self.network.parameters()).device
        for indices in sorted_batches(lengths, max_tokens=self.max_tokens):
            yield indices, collate(self.vocabulary, [sentences[i] for i in indices]).to(device)

    def _each(self, sentences: Sentences, compute: Callable[[Batch], Tensor]) -> Iterator[tuple[int, np.ndarray]]:
        """Compute something a token: the number of a sentence and its part of the result."""
        with torch.inference_mode():
            for indices, batch in self.batches(sentences):
                values_BT = compute(batch).cpu().numpy()
                for i, value_T in zip(indices, values_BT):
                    yield i, value_T[: len(sentences[i])]

    def emissions(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        """The numbers, emissions and lengths of sentences, batch by batch."""
        for indices, batch in self.batches(sentences):
            with torch.inference_mode():
                emissions_BTL = self.network.emissions(batch)
            yield indices, emissions_BTL, batch.lengths_B

    def tags(self, sentences: Sentences) -> list[list[str]]:
        """The tags of each sentence, in the data's scheme: the best ones, or as the thresholds have it; see `spans`."""
        if self.thresholds is not None:
            return self.spans(sentences)[0]
        tags: list[list[str]] = [[] for _ in sentences]
        for i, ids in self._each(sentences, self.network.decode):
            tags[i] = self.tagset.decode(ids)
        return tags

    def marginals(self, sentences: Sentences) -> list[np.ndarray]:
        """Probability of each tag of the data at each token: an array (tokens, tags) a sentence."""
        head, to_data = self.network.head, torch.from_numpy(self.tagset.to_data)
        to_data_LD = torch.zeros(len(to_data), len(self.tagset.data_tags), dtype=torch.float64)
        to_data_LD[torch.arange(len(to_data)), to_data] = 1.0

        def compute(batch: Batch) -> Tensor:
            return head.marginals(self.network.emissions(batch), batch.lengths_B).cpu() @ to_data_LD

        probabilities = [np.zeros((0, len(self.tagset.data_tags))) for _ in sentences]
        for i, probability_TD in self._each(sentences, compute):
            probabilities[i] = probability_TD
        return probabilities

    def nbest(self, sentences: Sentences, n: int) -> list[list[tuple[list[str], float]]]:
        """The n best tag sequences of each sentence, with their probabilities; each sequence once."""
        found: list[list[tuple[list[str], float]]] = [[([], 1.0)] if not sentence else [] for sentence in sentences]
        with torch.inference_mode():
            for indices, batch in self.batches(sentences):
                emissions_BTL = self.network.emissions(batch)
                paths_BKT, log_probability_BK = self.network.head.nbest(emissions_BTL, batch.lengths_B, n)
                for i, paths_KT, scores_K in zip(indices, paths_BKT.cpu().numpy(), log_probability_BK.tolist()):
                    seen: dict[tuple[str, ...], float] = {}
                    for path_T, score in zip(paths_KT, scores_K):
                        if score > -np.inf:
                            # A linear head has illegal paths too; several may be read as the same legal tags.
                            seen.setdefault(
                                tuple(self.tagset.decode(path_T[: len(sentences[i])])), float(np.exp(score))
                            )
                    found[i] = [(list(tags), probability) for tags, probability in seen.items()]
        return found

    @torch.inference_mode()
    def spans(self, sentences: Sentences) -> tuple[list[list[str]], list[list[Span]]]:
        """The tags of each sentence, and the spans that they spell with their exact probabilities.

        The best tags; where there are thresholds, those of the spans that `side_by_side` takes among all that reach the
        threshold of their label.
        """
        if self.thresholds is not None:
            return self._chosen(sentences, self.thresholds)
        tags: list[list[str]] = [[] for _ in sentences]
        spans: list[list[Span]] = [[] for _ in sentences]
        for indices, emissions_BTL, lengths_B in self.emissions(sentences):
            paths_BT = self.network.head.best(emissions_BTL, lengths_B).cpu().numpy()
            for i, path_T in zip(indices, paths_BT):
                tags[i] = self.tagset.decode(path_T[: len(sentences[i])])
                spans[i] = spans_from_tags(tags[i], self.tagset.data_scheme)
            rows = [row for row, i in enumerate(indices) if spans[i]]  # in many corpora the smaller part
            if not rows:
                continue
            chain = SpanChain.build(self.network.head, self.tagset, emissions_BTL[rows], lengths_B[rows])
            places_N4 = _places(chain.labels, [spans[i] for i in indices[rows]])
            scores = iter(chain.probabilities(*places_N4.T).tolist())
            for i in indices[rows]:
                spans[i] = [Span(span.start, span.end, span.label, score=next(scores)) for span in spans[i]]
        return tags, spans

    def candidates(self, sentences: Sentences, floor: float = 0.01) -> list[list[Span]]:
        """All spans of each sentence with a probability of at least `floor`, in order of start, end and label.

        Of any label and length, overlapping ones too; the probabilities are exact in every scheme. Under 'plain' the
        tags of each token. Thresholds leave none out.
        """
        spans: list[list[Span]] = [[] for _ in sentences]
        for indices, emissions_BTL, lengths_B in self.emissions(sentences):
            chain = SpanChain.build(self.network.head, self.tagset, emissions_BTL, lengths_B)
            found = chain.candidates(floor)
            columns = (found.rows_N, found.starts_N, found.ends_N, found.labels_N, found.probabilities_N)
            for row, start, end, label, probability in zip(*(column.tolist() for column in columns)):
                spans[indices[row]].append(Span(start, end, chain.labels[label], score=probability))
        return spans

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

    def texts(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[TaggedSentence]]:
        """The sentences of each text as tokens, tags and spans of tokens."""
        cut = list(tokenizer.stream(texts))
        tagged = zip(*self.spans([[token.text for token in sentence] for text in cut for sentence in text]))
        for sentences in cut:
            yield [(tokens, *next(tagged)) for tokens in sentences]


def _places(labels: Sequence[str], spans: Sequence[Sequence[Span]]) -> np.ndarray:
    """The row, start, end and number of the label of each span of a batch, (N, 4)."""
    number = {label: i for i, label in enumerate(labels)}
    places = [(row, span.start, span.end, number[span.label]) for row, found in enumerate(spans) for span in found]
    return np.array(places, np.int64).reshape(-1, 4)
