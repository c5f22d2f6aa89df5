"""Spans of every scheme and head against constrained passes, one a span, which are tested against enumeration."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_spans import span_probability

from seqtag.models.tagging.temperature import span_chain
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.text.schemes import Span
from seqtag.text.tagset import TagSet

# The tags of the data; some labels lack a letter.
TAG_SETS = {
    "plain": ["NOUN", "VERB", "X"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B", "B-C"],
    "IOB2": ["O", "B-A", "I-A", "B-B", "I-B", "B-C"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "S-B", "B-C", "E-C"],
    "BILOU": ["O", "B-A", "I-A", "L-A", "U-A", "B-B", "L-B"],
    "BMES": ["O", "B-A", "M-A", "E-A", "S-A", "B-B", "M-B", "E-B"],
}


def make_chain(scheme, kind, *, seed, lengths, scale=2.0, temperature=1.0):
    tagset = TagSet.build(TAG_SETS[scheme], scheme)
    num_tags = len(tagset.names)
    legal = tuple(map(torch.from_numpy, tagset.legal))
    generator = torch.Generator().manual_seed(seed)
    head = CRFHead(3, num_tags, legal=legal) if kind == "crf" else LinearHead(3, num_tags)
    head = head.double().eval().requires_grad_(False)
    for parameter in head.parameters():
        parameter.normal_(generator=generator)
    head.temperature.fill_(temperature)
    emissions = scale * torch.randn(len(lengths), max(lengths), num_tags, generator=generator, dtype=torch.float64)
    return head, tagset, emissions, span_chain(head, tagset, emissions, torch.tensor(lengths))


def expected_spans(head, tagset, emissions, lengths):
    """All spans of all sentences with the probability that a constrained pass gives."""
    labels = tagset.names if tagset.scheme == "plain" else sorted({n[2:] for n in tagset.names if n != "O"})
    for row, length in enumerate(lengths):
        for start, label in product(range(length), labels):
            for end in range(start + 1, length + 1):
                span = Span(start, end, label)
                passed = span_probability(head, emissions[row, :length], span, tagset.names, tagset.scheme)
                yield row, start, end, label, passed


@pytest.mark.parametrize("kind", ["crf", "linear"])
@pytest.mark.parametrize("scheme", TAG_SETS)
@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    scale=st.sampled_from([0.3, 2.0, 30.0]),
    temperature=st.sampled_from([1.0, 0.5, 3.0]),
)
def test_every_span_has_the_probability_of_a_constrained_pass(scheme, kind, seed, lengths, scale, temperature):
    head, tagset, emissions, chain = make_chain(
        scheme, kind, seed=seed, lengths=lengths, scale=scale, temperature=temperature
    )
    rows, starts, ends, labels, passed = zip(*expected_spans(head, tagset, emissions, lengths), strict=True)
    numbers = np.array([chain.labels.index(label) for label in labels])
    got = chain.probabilities(*map(np.array, (rows, starts, ends)), numbers)
    np.testing.assert_allclose(got, passed, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["crf", "linear"])
@pytest.mark.parametrize("scheme", TAG_SETS)
@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    floor=st.sampled_from([1e-6, 0.01, 0.2, 0.5]),
)
def test_candidates_are_all_spans_above_the_floor_and_no_other(scheme, kind, seed, lengths, floor):
    head, tagset, emissions, chain = make_chain(scheme, kind, seed=seed, lengths=lengths)
    expected = {spot[:4]: spot[4] for spot in expected_spans(head, tagset, emissions, lengths) if spot[4] >= floor}
    found = chain.candidates(floor)
    labels = [chain.labels[number] for number in found.labels_N]
    places = list(zip(found.rows_N, found.starts_N, found.ends_N, labels, strict=True))
    assert places == sorted(expected)
    np.testing.assert_allclose(found.probabilities_N, [expected[place] for place in sorted(expected)], rtol=1e-9)


@pytest.mark.parametrize("kind", ["crf", "linear"])
@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BMES"])
def test_a_span_over_a_whole_long_sentence_is_found(scheme, kind):
    """Nothing is cut off at some length: one label wins at every token."""
    tagset = TagSet.build(TAG_SETS[scheme], scheme)
    names = ["I-A"] * 300 if tagset.scheme in ("IO", "IOB1") else ["B-A", *["I-A"] * 298, "E-A"]
    names = [name.replace("I-", "M-") for name in names] if scheme == "BMES" else names
    emissions = torch.zeros(2, 301, len(tagset.names))
    emissions[1, range(300), [tagset.names.index(name) for name in names]] = 20.0
    legal = tuple(map(torch.from_numpy, tagset.legal))
    head = CRFHead(1, len(tagset.names), legal=legal) if kind == "crf" else LinearHead(1, len(tagset.names))
    found = span_chain(head.eval(), tagset, emissions, torch.tensor([0, 300])).candidates(0.9)
    assert [found.rows_N.tolist(), found.starts_N.tolist(), found.ends_N.tolist()] == [[1], [0], [300]]
