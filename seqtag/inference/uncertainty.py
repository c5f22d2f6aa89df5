"""How unsure a tagger is of a sentence: the exact entropy of its tag sequences, and the errors to expect in its tags.

Given a sentence its tags are a Markov chain (see nn/crf.py), so both are sums over tokens of what forward-backward
gives: no sequence is enumerated and none is drawn. Knows marginals and moves; knows no network and no text.
"""

# B sentences, T tokens, L tags of the model, R some rows of a batch

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from seqtag.inference.span_probabilities import SpanChain, chain_moves
from seqtag.text.schemes import Span
from seqtag.text.tagset import TagSet

# Gives the marginals of some rows, (R, T, L), and the probability of each move, (R, T, P): `Scored.chain`.
Chain: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_MOST_MOVES = 1 << 21  # moves at tokens that are looked at together: 16 MB for each array of them


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How unsure a model is of one sentence or text."""

    entropy: float  # of all answers, in nats; 0 where one answer is certain
    errors: float  # expected in the answer: spans to take out or to put in, or wrong tags where they are plain


NO_DOUBT = Uncertainty(0.0, 0.0)  # about nothing at all: a sentence without a token


def path_entropies(marginals_BTL: np.ndarray, moved_BTLL: np.ndarray) -> np.ndarray:
    """Give the entropy of the tag sequences of each sentence in nats, (B,).

    Takes the probability of each tag at each token, and that of each tag given the one before, [from, to]. The entropy
    of a Markov chain is that of its first state and the mean entropy of each next one given the one before (Cover and
    Thomas, Elements of Information Theory, section 4.2).

    >>> marginals = np.array([[[0.5, 0.5], [0.5, 0.5]]])
    >>> both_ways = np.array([[np.zeros((2, 2)), [[1.0, 0.0], [0.0, 1.0]]]])  # the second tag is the first one again
    >>> path_entropies(marginals, both_ways).round(4).tolist()
    [0.6931]
    """
    first_B = _surprise(marginals_BTL[:, :1]).sum((1, 2))
    next_BTL = _surprise(moved_BTLL[:, 1:]).sum(-1)
    entropy_B: np.ndarray = first_B + (marginals_BTL[:, :-1] * next_BTL).sum((1, 2))
    return entropy_B


def _surprise(probabilities: np.ndarray) -> np.ndarray:
    """Give -p log p, which is 0 where p is."""
    surprise: np.ndarray = -probabilities * np.log(np.where(probabilities > 0, probabilities, 1.0))
    return surprise


def uncertainties(
    tagset: TagSet, chain: Chain, lengths_B: np.ndarray, spans: Sequence[Sequence[Span]]
) -> list[Uncertainty]:
    """Say how unsure a model is of each sentence of a batch, of which it predicts these spans.

    The expected errors are the predicted spans that are not there and the spans that are there and not predicted: the
    expected number of spans, plus those predicted, less twice the expected number of right ones.
    """
    rows_B = np.arange(len(lengths_B))
    spans_chain = SpanChain.build(tagset, *chain(rows_B, *chain_moves(tagset)))
    predicted_B = np.array([len(found) for found in spans])
    right_B = np.array([sum(span.score or 0.0 for span in found) for found in spans_chain.scored(spans)])
    errors_B = (spans_chain.expected() + predicted_B - 2 * right_B).clip(0.0)
    if tagset.scheme == "plain":
        errors_B /= 2  # a wrong tag is one error, and not a tag too many and a tag too few
    return list(map(Uncertainty, _entropies(len(tagset.names), chain, lengths_B).tolist(), errors_B.tolist()))


def _entropies(num_tags: int, chain: Chain, lengths_B: np.ndarray) -> np.ndarray:
    """Give the entropies of a batch, a few sentences at a time: there are L x L moves at each token."""
    from_P, to_P = (side.ravel() for side in np.indices((num_tags, num_tags)))
    together = max(1, _MOST_MOVES // (len(from_P) * int(lengths_B.max(initial=1))))
    entropies = [np.zeros(0)]
    for first in range(0, len(lengths_B), together):
        rows_R = np.arange(first, min(first + together, len(lengths_B)))
        marginals_RTL, moved_RTP = chain(rows_R, from_P, to_P)
        entropies.append(path_entropies(marginals_RTL, moved_RTP.reshape(*marginals_RTL.shape, num_tags)))
    return np.concatenate(entropies)
