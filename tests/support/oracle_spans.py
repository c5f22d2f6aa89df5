"""The probability of a span by constrained passes, one a span: what the closed forms of the package must equal.

A span is turned into the sets of tags that spell it; a forward pass over a chain in which all other tags are forbidden
sums up the sequences that hold it (Culotta and McCallum, Confidence estimation for information extraction, 2004).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seqtag.nn import crf
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.text.schemes import Span, check_scheme, check_span, span_tags


def span_masks(span: Span, length: int, tags: Sequence[str], scheme: str) -> list[np.ndarray]:
    """Say which tags may stand where for a span to be read off: mutually exclusive alternatives, bool (length, L).

    The legal sequences inside one of the alternatives are exactly the legal sequences with this span, borders and
    label. IOB1 may need two. The list is empty where no sequence over `tags` holds the span: its probability is 0.
    """
    check_scheme(scheme)
    check_span(span, length)
    if scheme == "plain" and span.end - span.start > 1:
        return []
    mask = np.ones((length, len(tags)), bool)
    written = [span.label] if scheme == "plain" else span_tags(span, scheme, touching=False)
    for position, tag in enumerate(written, span.start):
        mask[position] = [other == tag for other in tags]
    inside = f"I-{span.label}"
    if scheme in ("IO", "IOB1", "IOB2") and span.end < length:
        mask[span.end] = [other != inside for other in tags]
    alternatives = [mask]
    if scheme in ("IO", "IOB1") and span.start > 0:
        if scheme == "IOB1":
            begun = mask.copy()
            begun[span.start] = [other == f"B-{span.label}" for other in tags]
            alternatives.append(begun)
        mask[span.start - 1] = [other not in (inside, f"B-{span.label}") for other in tags]
    return [alternative for alternative in alternatives if alternative.any(axis=1).all()]


def masked_probability(
    head: LinearHead | CRFHead, emissions_NTL: Tensor, lengths_N: Tensor, masks_NTL: Tensor
) -> Tensor:
    """Probability that every token's tag is one that the mask allows, (N,)."""
    cooled_NTL = emissions_NTL.double() / head.temperature
    if isinstance(head, LinearHead):
        inside_NT = cooled_NTL.log_softmax(-1).masked_fill(~masks_NTL, -torch.inf).logsumexp(-1)
        return torch.where(crf.real_tokens(lengths_N, inside_NT.shape[1]), inside_NT, 0.0).sum(-1).exp()
    scores = crf.Scores(*(part.double() / head.temperature for part in head.scores()))
    held_NTL = cooled_NTL.masked_fill(~masks_NTL, -torch.inf)
    # Only the emissions are constrained, so both passes share one scale and the difference is exact.
    inside_N = crf.forward_backward(held_NTL, lengths_N, scores).log_partition_B
    return (inside_N - crf.forward_backward(cooled_NTL, lengths_N, scores).log_partition_B).exp()


def span_probability(
    head: LinearHead | CRFHead, emissions_TL: Tensor, span: Span, tags: Sequence[str], scheme: str
) -> float:
    """Probability of a span of one sentence: a pass for each way to spell it."""
    masks = span_masks(span, len(emissions_TL), tags, scheme)
    length = torch.tensor([len(emissions_TL)])
    return sum(
        masked_probability(head, emissions_TL[None], length, torch.from_numpy(mask)[None]).item() for mask in masks
    )
