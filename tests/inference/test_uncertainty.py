"""Entropies and expected errors against enumeration of all tag sequences, for every scheme and both heads."""

from itertools import product
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_spans import span_masks

from seqtag.inference.uncertainty import uncertainties
from seqtag.models.tagging.temperature import span_chain
from seqtag.nn import crf
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.tagset import TagSet

TAG_SETS = {
    "plain": ["NOUN", "VERB", "X"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B"],
    "IOB2": ["O", "B-A", "I-A", "B-B"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "S-B"],
}


def make_head(scheme, kind, seed, temperature):
    tagset = TagSet.build(TAG_SETS[scheme], scheme)
    generator = torch.Generator().manual_seed(seed)
    legal = tuple(map(torch.from_numpy, tagset.legal))
    head = CRFHead(3, len(tagset.names), legal=legal) if kind == "crf" else LinearHead(3, len(tagset.names))
    head = head.double().eval().requires_grad_(False)
    for parameter in head.parameters():
        parameter.normal_(generator=generator)
    head.temperature.fill_(temperature)
    return head, tagset, generator


def all_paths(head, tagset, emissions_TL):
    """Every sequence with its probability, from its score alone."""
    length, num_tags = emissions_TL.shape
    paths = torch.tensor(list(product(range(num_tags), repeat=length)))
    flat = crf.Scores(torch.zeros(num_tags), torch.zeros(num_tags, num_tags), torch.zeros(num_tags))
    scores = head.scores() if isinstance(head, CRFHead) else flat
    lengths = torch.full((len(paths),), length)
    scored = crf.path_score(emissions_TL.expand(len(paths), -1, -1), paths, lengths, scores) / head.temperature
    return zip(paths.tolist(), scored.softmax(0).tolist(), strict=True)


@pytest.mark.parametrize("kind", ["crf", "linear"])
@pytest.mark.parametrize("scheme", TAG_SETS)
@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    scale=st.sampled_from([0.3, 2.0, 20.0]),
    temperature=st.sampled_from([1.0, 3.0]),
)
def test_entropy_and_errors_are_those_of_all_sequences(scheme, kind, seed, lengths, scale, temperature):
    head, tagset, generator = make_head(scheme, kind, seed, temperature)
    num_tags, lengths_B = len(tagset.names), torch.tensor(lengths)
    emissions = scale * torch.randn(len(lengths), max(lengths), num_tags, generator=generator, dtype=torch.float64)

    def chain(rows, from_P, to_P):
        rows, from_P, to_P = map(torch.from_numpy, (rows, from_P, to_P))
        found = head.chain(emissions[rows], lengths_B[rows], from_P, to_P)
        return tuple(part.numpy() for part in found)

    best = head.best(emissions, lengths_B).numpy()
    predicted = [spans_from_tags(tags, tagset.data_scheme) for tags in tagset.decode_rows(best, np.array(lengths))]
    found = uncertainties(tagset, chain, np.array(lengths), predicted)
    for row, (length, doubt) in enumerate(zip(lengths, found, strict=True)):
        entropy = errors = 0.0
        for path, probability in all_paths(head, tagset, emissions[row, :length]):
            if probability == 0:
                continue
            entropy -= probability * log(probability)
            errors += probability * len(spans_of(path, tagset) ^ {(s.start, s.end, s.label) for s in predicted[row]})
        assert doubt.entropy == pytest.approx(entropy, rel=1e-9, abs=1e-9)
        assert doubt.errors == pytest.approx(errors / (2 if scheme == "plain" else 1), rel=1e-9, abs=1e-9)


def spans_of(path, tagset):
    """Spans of a sequence that may be illegal, by the sets of tags that spell each span."""
    labels = tagset.names if tagset.scheme == "plain" else {name[2:] for name in tagset.names if name != "O"}
    places = [(i, j) for i, j in product(range(len(path)), range(1, len(path) + 1)) if i < j]
    return {
        (start, end, label)
        for (start, end), label in product(places, labels)
        for mask in span_masks(Span(start, end, label), len(path), tagset.names, tagset.scheme)
        if mask[range(len(path)), path].all()
    }


def test_many_tags_are_looked_at_a_few_sentences_at_a_time(monkeypatch):
    head, tagset, generator = make_head("BIOES", "crf", 3, 1.0)
    emissions = torch.randn(5, 3, len(tagset.names), generator=generator, dtype=torch.float64)
    lengths = torch.tensor([3, 1, 2, 3, 2])

    def chain(rows, from_P, to_P):
        calls.append(len(rows))
        rows, from_P, to_P = map(torch.from_numpy, (rows, from_P, to_P))
        return tuple(part.numpy() for part in head.chain(emissions[rows], lengths[rows], from_P, to_P))

    calls: list[int] = []
    whole = uncertainties(tagset, chain, lengths.numpy(), [[]] * 5)
    monkeypatch.setattr("seqtag.inference.uncertainty._MOST_MOVES", 2 * 3 * len(tagset.names) ** 2)
    calls.clear()
    assert uncertainties(tagset, chain, lengths.numpy(), [[]] * 5) == whole
    assert calls == [5, 2, 2, 1]


@pytest.mark.parametrize("kind", ["crf", "linear"])
@pytest.mark.parametrize("scheme", TAG_SETS)
def test_the_expected_number_of_spans_is_the_sum_of_their_probabilities(scheme, kind):
    head, tagset, generator = make_head(scheme, kind, 5, 1.0)
    lengths = torch.tensor([5, 2])
    emissions = torch.randn(2, 5, len(tagset.names), generator=generator, dtype=torch.float64)
    chain = span_chain(head, tagset, emissions, lengths)
    candidates = chain.candidates(1e-12)
    sums = np.bincount(candidates.rows_N, candidates.probabilities_N, minlength=2)
    np.testing.assert_allclose(chain.expected(), sums, rtol=1e-9)
