"""Learn an encoder from text without labels: its forward states predict the next word, the backward ones the last.

Each direction has read only one side of a word, so a single layer in both directions learns from every word of a text,
as two language models that share what they read (Peters et al. 2017, https://aclanthology.org/P17-1161/).
"""

# B sentences, T tokens, H hidden, E embedding, N words that are predicted, K words drawn, V words of the vocabulary

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqtag.nn import chance
from seqtag.nn.batch import UNKNOWN, AnyBatch, Batch
from seqtag.nn.heads import Head

_POWER = 0.75  # of the counts by which words are drawn, as in word2vec


class NeighbourHead(Head):
    """Predict the words beside each token, by a softmax over the word itself and words that are drawn.

    A drawn word stands for as many as its count makes it likely to be drawn (importance sampling, Bengio and Senecal
    2008, https://doi.org/10.1109/TNN.2007.912312), so the loss is near that over all words. `vectors_VE` are the first
    vectors by which words are scored, `counts_V` how often each word occurs. Unknown words are not predicted.
    """

    def __init__(
        self, hidden_size: int, vectors_VE: Tensor, counts_V: Sequence[int], *, num_samples: int = 1024
    ) -> None:
        super().__init__()
        num_words, size = vectors_VE.shape
        self.states = nn.ModuleList([nn.Linear(hidden_size // 2, size) for _ in range(2)])
        self.output = nn.Embedding(num_words, size + 1, sparse=True)  # its last column is the bias
        with torch.no_grad():
            self.output.weight.copy_(functional.pad(vectors_VE, (0, 1)))
        weights_V = torch.tensor(counts_V, dtype=torch.float64) ** _POWER
        self.share_V = nn.Buffer(weights_V / weights_V.sum(), persistent=False)
        # The logarithm of how often each word is drawn, as a score is corrected by it.
        self.log_draws_V = nn.Buffer((self.share_V * num_samples).log(), persistent=False)
        self.num_samples = num_samples

    def losses(self, hidden_BTH: Tensor, batch: AnyBatch) -> Tensor:
        """Give the loss of each sentence, (B,): of a word on average, times the sentence's share of the words."""
        assert isinstance(batch, Batch)
        words_BT = batch.features_UF[:, 0][batch.slots_BT]
        forward_BTD, backward_BTD = hidden_BTH.chunk(2, -1)
        next_state, last_state = self.states
        states_2BTE = torch.stack([next_state(forward_BTD[:, :-1]), last_state(backward_BTD[:, 1:])])
        words_2BT = torch.stack([words_BT[:, 1:], words_BT[:, :-1]])
        # Behind the last token of a sentence is padding, whose backward state has read nothing.
        is_word_2BT = (words_2BT > UNKNOWN) & (batch.slots_BT[:, 1:] > 0)
        losses_N = self._sampled(states_2BTE[is_word_2BT], words_2BT[is_word_2BT])
        rows_N = is_word_2BT.nonzero()[:, 1]
        losses_B = losses_N.new_zeros(len(words_BT)).index_add(0, rows_N, losses_N)
        return losses_B * len(words_BT) / max(1, len(losses_N))

    def _sampled(self, states_NE: Tensor, words_N: Tensor) -> Tensor:
        # Dev data are measured with the same words each time.
        generator = chance.generator() if self.training else torch.Generator(self.share_V.device).manual_seed(0)
        drawn_K = torch.multinomial(self.share_V, self.num_samples, replacement=True, generator=generator)
        scored = self.output(torch.cat([words_N, drawn_K]))
        right_NE, right_bias_N = scored[: len(words_N), :-1], scored[: len(words_N), -1]
        drawn_KE, drawn_bias_K = scored[len(words_N) :, :-1], scored[len(words_N) :, -1]
        right_N = (states_NE * right_NE).sum(-1) + right_bias_N
        drawn_NK = states_NE @ drawn_KE.T + drawn_bias_K - self.log_draws_V[drawn_K]
        drawn_NK = drawn_NK.masked_fill(words_N[:, None] == drawn_K, -torch.inf)
        scores_NV = torch.cat([right_N[:, None], drawn_NK], 1).float()
        losses_N: Tensor = scores_NV.logsumexp(1) - scores_NV[:, 0]
        return losses_N
