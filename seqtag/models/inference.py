"""Run a trained tagging network over sentences: tags, marginals, n-best, spans with their probabilities.

Batches hold sentences of like length; answers come in the order of the questions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from seqtag.batching import collate, sorted_batches
from seqtag.nn.batch import Batch
from seqtag.nn.network import TagNetwork
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.span_masks import span_masks
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Token, Tokenizer
from seqtag.text.vocabulary import Vocabulary

# Numbers that the constrained passes hold at once: many spans of a long sentence take turns.
_MOST_CELLS = 4_000_000

Sentences = Sequence[Sequence[str]]
TaggedSentence = tuple[list[Token], list[str], list[Span]]


@dataclass(frozen=True)
class TagPredictor:
    """A network with the indices that it was trained with."""

    network: TagNetwork
    vocabulary: Vocabulary
    tagset: TagSet
    max_tokens: int  # padded tokens a batch

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

    def tags(self, sentences: Sentences) -> list[list[str]]:
        """The best tags of each sentence, in the data's scheme."""
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

    def spans(self, sentences: Sentences) -> tuple[list[list[str]], list[list[Span]]]:
        """The best tags of each sentence, and the spans that they spell with their exact probabilities."""
        tags: list[list[str]] = [[] for _ in sentences]
        spans: list[list[Span]] = [[] for _ in sentences]
        with torch.inference_mode():
            for indices, batch in self.batches(sentences):
                emissions_BTL = self.network.emissions(batch)
                paths_BT = self.network.head.best(emissions_BTL, batch.lengths_B).cpu().numpy()
                for i, path_T in zip(indices, paths_BT):
                    tags[i] = self.tagset.decode(path_T[: len(sentences[i])])
                    spans[i] = spans_from_tags(tags[i], self.tagset.data_scheme)
                scores = iter(self._span_probabilities([spans[i] for i in indices], emissions_BTL, batch.lengths_B))
                for i in indices:
                    spans[i] = [Span(span.start, span.end, span.label, score=next(scores)) for span in spans[i]]
        return tags, spans

    def texts(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[TaggedSentence]]:
        """The sentences of each text as tokens, tags and spans of tokens."""
        cut = list(tokenizer.stream(texts))
        tagged = zip(*self.spans([[token.text for token in sentence] for text in cut for sentence in text]))
        for sentences in cut:
            yield [(tokens, *next(tagged)) for tokens in sentences]

    def _span_probabilities(
        self, spans: Sequence[Sequence[Span]], emissions_BTL: Tensor, lengths_B: Tensor
    ) -> list[float]:
        """Probability of each span of a batch: a sum over the ways in which tags can spell it."""
        num_tokens, num_tags = emissions_BTL.shape[1:]
        tagset, lengths = self.tagset, lengths_B.tolist()
        numbered = enumerate((row, span) for row, found in enumerate(spans) for span in found)
        ways = (
            (number, row, mask_TL)
            for number, (row, span) in numbered
            for mask_TL in span_masks(span, lengths[row], tagset.names, tagset.scheme)
        )
        probabilities_S = np.zeros(sum(map(len, spans)))
        while part := list(islice(ways, max(1, _MOST_CELLS // (num_tokens * num_tags)))):
            numbers, rows, masks = zip(*part)
            rows_N = torch.tensor(rows, device=emissions_BTL.device)
            masks_NTL = np.ones((len(part), num_tokens, num_tags), bool)
            for padded_TL, mask_TL in zip(masks_NTL, masks):
                padded_TL[: len(mask_TL)] = mask_TL
            log_N = self.network.head.masked_log_probability(
                emissions_BTL[rows_N], lengths_B[rows_N], torch.from_numpy(masks_NTL).to(emissions_BTL.device)
            )
            np.add.at(probabilities_S, list(numbers), log_N.exp().cpu().numpy())
        return [float(p) for p in probabilities_S.clip(0.0, 1.0)]
