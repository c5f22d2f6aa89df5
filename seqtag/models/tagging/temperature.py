"""Fit the temperature of a trained tagger on labelled data: how far its probabilities are too sure, or not enough."""

# B sentences, T tokens, L tags, N events

import logging
from collections.abc import Sequence
from math import exp, log

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from seqtag.inference.span_probabilities import SpanChain, chain_moves
from seqtag.inference.tag_engine import Sentences
from seqtag.models.tagging.inference import NbestTagEngine
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.text.schemes import spans_from_tags
from seqtag.text.tagset import TagSet

logger = logging.getLogger("seqtag")

# The least probability of the spans that a temperature is fitted on.
_LEAST = 0.01
_COLDEST, _HOTTEST = 0.05, 20.0

# Row, start, end and number of the label of each event of a batch, (N, 4), and whether it is right, (N,).
Events = tuple[np.ndarray, np.ndarray]


def fit_temperature(engine: NbestTagEngine, sentences: Sentences, gold: Sentences) -> float:
    """Set the temperature of the head to where its probabilities fit the gold tags best, and give it.

    All scores are divided by it, so the best sequences stay the same (Guo et al. 2017, On Calibration of Modern
    Neural Networks, https://arxiv.org/abs/1706.04599). The events are what users see, as Kuleshov and Liang have it for
    structures (Calibrated Structured Prediction, 2015): each span with a probability of at least 0.01 at the
    temperature 1, and whether it is in gold. The temperature makes their mean log loss least; under 'plain' it is that
    of the gold tags. Training data would make the network look far surer than it may be; dev data that chose the epoch
    flatter it only a little, since there is one number to fit.
    """
    head = engine.network.head
    chosen = float(head.temperature)
    try:
        chosen = _fit(engine, sentences, gold)
    finally:
        head.temperature.fill_(chosen)
    return chosen


def _fit(engine: NbestTagEngine, sentences: Sentences, gold: Sentences) -> float:
    head, tagset = engine.network.head, engine.tagset
    is_plain = tagset.data_scheme == "plain"
    head.temperature.fill_(1.0)
    # The network runs once; each temperature only sums again.
    batches = []
    for indices, emissions_BTL, lengths_B in engine.emissions(sentences):
        tags = [gold[i] for i in indices]
        if is_plain:
            events = _gold_tags(tagset.names, tags)
        else:
            events = _candidates(engine, tags, emissions_BTL, lengths_B)
        batches.append((emissions_BTL, lengths_B, *events))
    num_events = sum(len(right_N) for *_, right_N in batches)
    if not num_events:
        logger.warning("there is nothing in the data to fit a temperature on; it is 1")
        return 1.0

    def loss(log_temperature: float) -> float:
        head.temperature.fill_(exp(log_temperature))
        total = 0.0
        for emissions_BTL, lengths_B, places_N4, right_N in batches:
            chain = span_chain(head, tagset, emissions_BTL, lengths_B)
            sure_N = chain.probabilities(*places_N4.T)
            total -= float(np.log(np.where(right_N, sure_N, 1 - sure_N).clip(1e-12)).sum())
        return total / num_events

    before = loss(0.0)
    bounds = log(_COLDEST), log(_HOTTEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    best, after = (float(found.x), float(found.fun)) if found.fun < before else (0.0, before)
    what = "gold tags" if is_plain else "candidate spans"
    logger.info("temperature %.3f: log loss of %d %s %.4f, before %.4f", exp(best), num_events, what, after, before)
    if min(abs(best - bound) for bound in bounds) < 0.01:
        logger.warning("this temperature is the end of the range; the data are too few to find it")
    return exp(best)


@torch.no_grad()
def span_chain(head: LinearHead | CRFHead, tagset: TagSet, emissions_BTL: Tensor, lengths_B: Tensor) -> SpanChain:
    """Give what the spans of a batch are made of, from the emissions of its sentences."""
    from_P, to_P = (torch.from_numpy(ids_P).to(emissions_BTL.device) for ids_P in chain_moves(tagset))
    marginals_BTL, moved_BTP = head.chain(emissions_BTL, lengths_B, from_P, to_P)
    return SpanChain.build(tagset, marginals_BTL.cpu().numpy(), moved_BTP.cpu().numpy())


def _candidates(
    engine: NbestTagEngine, tags: Sequence[Sequence[str]], emissions_BTL: Tensor, lengths_B: Tensor
) -> Events:
    """Give the candidate spans of a batch, and say which of them are in gold."""
    chain = span_chain(engine.network.head, engine.tagset, emissions_BTL, lengths_B)
    found = chain.candidates(_LEAST)
    gold = {
        (row, span.start, span.end, span.label)
        for row, names in enumerate(tags)
        for span in spans_from_tags(names, engine.tagset.data_scheme)
    }
    places_N4 = np.stack([found.rows_N, found.starts_N, found.ends_N, found.labels_N], axis=1)
    right = [(row, start, end, chain.labels[label]) in gold for row, start, end, label in places_N4.tolist()]
    return places_N4, np.array(right, bool)


def _gold_tags(names: Sequence[str], tags: Sequence[Sequence[str]]) -> Events:
    """Give the gold tags of a batch, each a span of one token; tags that the model lacks have no probability."""
    number = {name: i for i, name in enumerate(names)}
    places = [
        (row, t, t + 1, number[tag]) for row, found in enumerate(tags) for t, tag in enumerate(found) if tag in number
    ]
    return np.array(places, np.int64).reshape(-1, 4), np.ones(len(places), bool)
