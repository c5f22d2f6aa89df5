"""Known spans against enumeration of every sequence of tags: all schemes, both heads, on torch and in the runtime."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle_spans import span_masks

from seqtag.inference.held_batch import HeldBatch, KnownError, KnownSpan, ways_of
from seqtag.inference.span_probabilities import SpanChain, chain_moves
from seqtag.models.tagging.engine import runtime_head
from seqtag.models.tagging.inference import _ScoredByTorch
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.runtime.heads import ScoredBatch
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.tagset import TagSet

# The tags of the data; some labels lack a letter.
TAG_SETS = {
    "plain": ["NOUN", "VERB", "X"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B"],
    "IOB2": ["O", "B-A", "I-A", "B-C"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "S-B"],
    "BILOU": ["O", "B-A", "I-A", "L-A", "U-A", "U-B"],
    "BMES": ["O", "B-A", "M-A", "E-A", "S-A"],
}
CASES = [(scheme, kind) for scheme in TAG_SETS for kind in ("crf", "linear")]


def make_batch(scheme, kind, *, seed, lengths, scale=2.0, temperature=1.0):
    tagset = TagSet.build(TAG_SETS[scheme], scheme)
    num_tags = len(tagset.names)
    generator = torch.Generator().manual_seed(seed)
    legal = tuple(map(torch.from_numpy, tagset.legal))
    head = CRFHead(3, num_tags, legal=legal) if kind == "crf" else LinearHead(3, num_tags)
    head = head.double().eval().requires_grad_(False)
    for parameter in head.parameters():
        parameter.normal_(generator=generator)
    head.temperature.fill_(temperature)
    emissions = scale * torch.randn(len(lengths), max(lengths), num_tags, generator=generator, dtype=torch.float64)
    return tagset, head, emissions


def scored(head, emissions, lengths, engine):
    if engine == "torch":
        return _ScoredByTorch(head, emissions, torch.tensor(lengths))
    return ScoredBatch(runtime_head(head), emissions.numpy(), np.array(lengths))


def all_paths(tagset, head, emissions_TL):
    """Every sequence of tags, by ids, with its probability."""
    paths = np.array(list(product(range(len(tagset.names)), repeat=len(emissions_TL))))
    start_L, transitions_LL, end_L = (part.double().numpy() for part in head.scores())
    totals = start_L[paths[:, 0]] + end_L[paths[:, -1]] + transitions_LL[paths[:, :-1], paths[:, 1:]].sum(1)
    totals = (totals + emissions_TL.numpy()[range(len(emissions_TL)), paths].sum(1)) / float(head.temperature)
    weights = np.exp(totals - totals.max())
    return paths, weights / weights.sum()


def are_in(span, paths, tagset, kind, *, bordered=False):
    """Say for each sequence whether a span is in it.

    Where all sequences are legal, that is what the scheme reads off them. A linear head gives others too: there a span
    is in a sequence that has its tags, and is `bordered` where no tag that would go on with it follows.
    """
    if kind == "crf":
        wanted = (span.start, span.end, span.label)
        read = [spans_from_tags([tagset.names[tag] for tag in path], tagset.scheme) for path in paths]
        return np.array([wanted in [(each.start, each.end, each.label) for each in spans] for spans in read])
    masks = span_masks(Span(*span[:3]), paths.shape[1], tagset.names, tagset.scheme)
    found = np.zeros(len(paths), bool)
    for mask in masks:
        found |= mask[np.arange(paths.shape[1]), paths].all(1)
    if bordered and tagset.scheme in ("BIOES", "BILOU", "BMES") and span.end < paths.shape[1]:
        goes_on = [name[0] in "IELM" and name[2:] == span.label for name in tagset.names]
        found &= ~np.array(goes_on)[paths[:, span.end]]
    return found


def all_spans(tagset, length):
    labels = tagset.names if tagset.scheme == "plain" else sorted({name[2:] for name in tagset.names if name != "O"})
    for start, end, label in product(range(length), range(1, length + 1), labels):
        if start < end and (tagset.scheme != "plain" or end == start + 1):
            yield KnownSpan(start, end, label)


@st.composite
def known_spans(draw, tagset, length):
    """Up to three spans that the model can spell, certain ones without overlap."""
    possible = [span for span in all_spans(tagset, length) if ways_of(tagset, span)]
    spans = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3, unique=True))
    strengths = draw(st.lists(st.sampled_from([None, 0.01, 1.0, 5.0]), min_size=3, max_size=3))
    spans = [span._replace(strength=strength) for span, strength in zip(spans, strengths)]
    taken = [False] * length
    for span in spans:
        if span.strength is None:
            assume(not any(taken[span.start : span.end]))
            taken[span.start : span.end] = [True] * (span.end - span.start)
    return spans


def check_nbest(found, paths, expected):
    """Each of the best sequences stands once, in order, with its probability."""
    assert len({tuple(tags) for tags, _ in found}) == len(found) == min(4, np.count_nonzero(expected))
    for (tags, log_probability), best in zip(found, np.sort(expected)[::-1]):
        [number] = np.flatnonzero((paths == tags).all(1))
        assert np.exp(log_probability) == pytest.approx(expected[number], rel=1e-7, abs=1e-12)
        assert expected[number] == pytest.approx(best, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("engine", ["torch", "runtime"])
@pytest.mark.parametrize(("scheme", "kind"), CASES)
@settings(max_examples=12)
@given(
    data=st.data(),
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    scale=st.sampled_from([0.3, 2.0, 30.0]),
    temperature=st.sampled_from([1.0, 0.5, 3.0]),
)
def test_all_answers_are_those_of_enumeration(scheme, kind, engine, data, seed, lengths, scale, temperature):
    tagset, head, emissions = make_batch(scheme, kind, seed=seed, lengths=lengths, scale=scale, temperature=temperature)
    row = data.draw(st.integers(0, len(lengths) - 1))
    length = lengths[row]
    known = data.draw(known_spans(tagset, length))
    batch = scored(head, emissions, lengths, engine)
    paths, expected = all_paths(tagset, head, emissions[row, :length])
    for span in known:
        inside = are_in(span, paths, tagset, kind, bordered=True)
        expected = expected * (inside if span.strength is None else np.where(inside, np.exp(span.strength), 1.0))
    if not expected.any():
        with pytest.raises(KnownError, match=f"scheme {tagset.scheme}"):
            HeldBatch.build(batch, {row: known}, tagset)
        return
    held = HeldBatch.build(batch, {row: known}, tagset)
    best = held.best()[row, :length]
    [number] = np.flatnonzero((paths == best).all(1))
    assert expected[number] == pytest.approx(expected.max(), rel=1e-9)
    expected = expected / expected.sum()
    check_nbest(held.nbest(row, 4), paths, expected)
    marginals_TL = [[expected[paths[:, t] == tag].sum() for tag in range(len(tagset.names))] for t in range(length)]
    np.testing.assert_allclose(held.marginals()[row, :length], marginals_TL, atol=1e-9)

    rows = np.arange(len(lengths))
    chain = SpanChain.build(tagset, *held.chain(rows, *chain_moves(tagset)))
    chain = replace(chain, known=held.known(rows))
    probabilities = {span[:3]: expected[are_in(span, paths, tagset, kind)].sum() for span in all_spans(tagset, length)}
    places = [(row, start, end, chain.labels.index(label)) for start, end, label in probabilities]
    got = chain.probabilities(*np.array(places).T)
    np.testing.assert_allclose(got, list(probabilities.values()), rtol=1e-7, atol=1e-9)
    for span in known:
        if span.strength is None:
            assert got[list(probabilities).index(span[:3])] == 1.0

    found = chain.candidates(0.05)
    of_row = found.rows_N == row
    names = [chain.labels[label] for label in found.labels_N[of_row]]
    there = sorted(zip(found.starts_N[of_row].tolist(), found.ends_N[of_row].tolist(), names))
    sure = [place for place, each in probabilities.items() if each >= 0.05 + 1e-9]
    likely = [place for place, each in probabilities.items() if each >= 0.05 - 1e-9]
    assert set(sure) <= set(there) <= set(likely)
    assert len(there) == len(set(there))


@pytest.mark.parametrize("engine", ["torch", "runtime"])
@pytest.mark.parametrize("kind", ["crf", "linear"])
def test_rows_without_known_spans_are_answered_as_ever(kind, engine):
    tagset, head, emissions = make_batch("IOB2", kind, seed=3, lengths=[4, 6, 2])
    batch = scored(head, emissions, [4, 6, 2], engine)
    held = HeldBatch.build(batch, {1: [KnownSpan(0, 2, "A"), KnownSpan(3, 4, "C", 2.0)]}, tagset)
    others, rows, moves = [0, 2], np.arange(3), chain_moves(tagset)
    np.testing.assert_array_equal(held.best()[others], batch.best()[others])
    np.testing.assert_array_equal(held.marginals()[others], batch.marginals()[others])
    for mine, theirs in zip(held.chain(rows, *moves), batch.chain(rows, *moves), strict=True):
        np.testing.assert_array_equal(mine[others], theirs[others])
    assert held.known(np.array(others)).rows_N.tolist() == []
    assert held.known(np.array([2, 1])).rows_N.tolist() == [1, 1]


@pytest.mark.parametrize("strength", [0.001, 0.7, 20.0, 800.0])
def test_a_strength_is_what_is_added_to_the_log_odds(strength):
    tagset, head, emissions = make_batch("BIOES", "crf", seed=8, lengths=[6])
    batch, rows, span = scored(head, emissions, [6], "runtime"), np.array([0]), np.array([[0], [2], [5], [0]])
    before = SpanChain.build(tagset, *batch.chain(rows, *chain_moves(tagset))).probabilities(*span).item()
    held = HeldBatch.build(batch, {0: [KnownSpan(2, 5, "A", strength)]}, tagset)
    chain = replace(SpanChain.build(tagset, *held.chain(rows, *chain_moves(tagset))), known=held.known(rows))
    log_odds = np.log(before / (1 - before)) + strength
    assert chain.probabilities(*span).item() == pytest.approx(1 / (1 + np.exp(-log_odds)), rel=1e-9)


def test_a_long_sentence_with_many_known_spans_loses_nothing():
    """Against the chain in which the certain spans are set by closing all other tags of their tokens."""
    tagset, head, emissions = make_batch("BIOES", "crf", seed=1, lengths=[600], scale=5.0)
    ids = {name: tag for tag, name in enumerate(tagset.names)}
    spans = [KnownSpan(start, start + 3, "A") for start in range(0, 600, 6)]
    closed = emissions.clone()
    for span in spans:
        closed[0, span.start : span.end] = -torch.inf
        for place, name in enumerate(("B-A", "I-A", "E-A"), span.start):
            closed[0, place, ids[name]] = emissions[0, place, ids[name]]
    held = HeldBatch.build(scored(head, emissions, [600], "runtime"), {0: spans}, tagset)
    masked = scored(head, closed, [600], "torch")
    np.testing.assert_allclose(held.marginals(), masked.marginals(), atol=1e-9)
    np.testing.assert_array_equal(held.best(), masked.best())
