"""Keep the share of tokens that a tagger takes for entities near the share that is expected.

Where only some entities are annotated, nothing says that a token is outside of one, and a tagger that calls every token
an entity would agree with all that is known. Effland and Collins (2021, Partially Supervised Named Entity Recognition
via the Expected Entity Ratio Loss) add to the loss how far the expected share of entity tokens in a batch is from a
given one. The likelihood of what is annotated is left to heads.py.
"""

# B sentences, T tokens, L tags

from torch import Tensor

from seqtag.nn import crf

_STEP = 1e-4  # of a numerical derivative in float64
_MARGIN = 0.05  # how far the share may be off without a penalty; this and the weight are those of the paper
_WEIGHT = 10.0


def expected_count(emissions_BTL: Tensor, lengths_B: Tensor, scores: crf.Scores, counted_L: Tensor) -> Tensor:
    """Give the expected number of tokens of each sentence that have one of some tags, (B,) in float64.

    `counted_L` is 1 for those tags and 0 for the others. The count is the derivative of the log partition by a score
    that all of them share. It is taken as a central difference, whose own gradient is that of the marginals; both are
    right to about seven digits.
    """
    step_L = counted_L.double() * _STEP
    more_B, less_B = (crf.log_partition(emissions_BTL.double() + way * step_L, lengths_B, scores) for way in (1, -1))
    return (more_B - less_B) / (2 * _STEP)


def share_penalty(expected_B: Tensor, lengths_B: Tensor, share: float) -> Tensor:
    """Give the penalty for the expected numbers of entity tokens in the sentences of a batch.

    >>> import torch
    >>> share_penalty(torch.tensor([4.0]), torch.tensor([10]), 0.15).item()  # 0.4 of the tokens: 0.2 too many
    2.0
    """
    found = expected_B.sum() / lengths_B.sum().clamp(min=1)
    return _WEIGHT * ((found - share).abs() - _MARGIN).clamp(min=0)
