"""Run the forward-backward pass of a torch head that the probabilities of spans are put together from."""

import torch
from torch import Tensor

from seqtag.inference.span_probabilities import SpanChain, chain_moves
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.text.tagset import TagSet


@torch.no_grad()
def span_chain(head: LinearHead | CRFHead, tagset: TagSet, emissions_BTL: Tensor, lengths_B: Tensor) -> SpanChain:
    """Give what the spans of a batch are made of, by the emissions of its sentences."""
    from_P, to_P = (torch.from_numpy(ids_P).to(emissions_BTL.device) for ids_P in chain_moves(tagset))
    marginals_BTL, moved_BTP = head.chain(emissions_BTL, lengths_B, from_P, to_P)
    return SpanChain.build(tagset, marginals_BTL.cpu().numpy(), moved_BTP.cpu().numpy())
