"""Best paths with and without a span against all paths of a short sentence, in every scheme and with illegal paths."""

from itertools import pairwise, product

import numpy as np
import pytest

from seqtag.inference.explaining.rivals import Lattice
from seqtag.inference.held_lattice import HeldLattice
from seqtag.inference.scored import Potentials
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.tagset import TagSet

# The tags of the data; some labels lack a letter.
TAG_SETS = {
    "plain": ["NOUN", "VERB", "X"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B", "B-C"],
    "IOB2": ["O", "B-A", "I-A", "B-B"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-B"],
    "BILOU": ["O", "B-A", "I-A", "L-A", "U-A"],
    "BMES": ["O", "B-A", "M-A", "E-A", "S-A"],
}


def make(scheme: str, head: str, *, seed: int, num_rows: int, num_tokens: int) -> tuple[list[Potentials], TagSet]:
    tagset, random = TagSet.build(TAG_SETS[scheme], scheme), np.random.default_rng(seed)
    num_tags = len(tagset.names)
    emissions_BTL = random.normal(size=(num_rows, num_tokens, num_tags))
    if head == "linear":
        free = np.zeros(num_tags), np.zeros((num_tags, num_tags)), np.zeros(num_tags)
        return [Potentials(emissions_TL, *free) for emissions_TL in emissions_BTL], tagset
    scores = (random.normal(size=is_legal.shape) for is_legal in tagset.legal)
    chain = [np.where(is_legal, score, -np.inf) for is_legal, score in zip(tagset.legal, scores)]
    return [Potentials(emissions_TL, *chain) for emissions_TL in emissions_BTL], tagset


def all_paths(potentials: Potentials, tagset: TagSet) -> list[tuple[float, tuple[int, ...], list[Span]]]:
    """Give every path that is not forbidden: its score, its ids, and the spans that are read off it."""
    emissions_TL, start_L, moves_LL, end_L = potentials
    found = []
    for path in product(range(len(start_L)), repeat=len(emissions_TL)):
        score = start_L[path[0]] + end_L[path[-1]] + sum(emissions_TL[t, tag] for t, tag in enumerate(path))
        score += sum(moves_LL[left, right] for left, right in pairwise(path))
        if score > -np.inf:
            found.append((score, path, spans_from_tags(tagset.decode(np.array(path)), tagset.data_scheme)))
    return found


@pytest.mark.parametrize("num_tokens", [1, 2, 4])
@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("scheme", TAG_SETS)
def test_both_paths_are_the_best_of_all(scheme: str, head: str, num_tokens: int):
    potentials, tagset = make(scheme, head, seed=num_tokens, num_rows=2, num_tokens=num_tokens)
    lattice = Lattice.build([HeldLattice(each, []) for each in potentials], tagset)
    labels = sorted({label for label in lattice.reading.labels if label})
    every = [all_paths(row, tagset) for row in potentials]
    for start, end, label in product(range(num_tokens), range(1, num_tokens + 1), labels):
        if start >= end or (scheme == "plain" and end - start > 1):
            continue
        span = Span(start, end, label)
        sides = [
            [[found for found in paths if (span in found[2]) == stands] for paths in every] for stands in (True, False)
        ]
        for got_B, paths_B in zip(lattice.scores(span), sides, strict=True):
            expected = [max((score for score, _, _ in paths), default=-np.inf) for paths in paths_B]
            np.testing.assert_allclose(got_B, expected, rtol=1e-12)
        for path_T, side in zip(lattice.paths(span), sides, strict=True):
            if side[0]:
                assert tuple(path_T) == max(side[0])[1]


def test_what_can_not_be_otherwise_has_infinite_odds():
    free = np.zeros(1), np.zeros((1, 1)), np.zeros(1)
    lattice = Lattice.build([HeldLattice(Potentials(np.zeros((2, 1)), *free), [])], TagSet.build(["X"], "plain"))
    assert lattice.log_odds(Span(0, 1, "X")).tolist() == [np.inf]
    # B-C never stands on two tokens: the data had none, so the model has no tag for it
    potentials, tagset = make("IOB2", "crf", seed=0, num_rows=1, num_tokens=3)
    lattice = Lattice.build([HeldLattice(each, []) for each in potentials], tagset)
    assert lattice.log_odds(Span(0, 2, "B")).tolist() == [-np.inf]


def test_many_tags_and_long_sentences_agree_with_a_pass_over_the_whole_sentence():
    """A path with the span forced and one with it forbidden at its first token bound what is found."""
    potentials, tagset = make("BIOES", "crf", seed=5, num_rows=3, num_tokens=30)
    lattice = Lattice.build([HeldLattice(each, []) for each in potentials], tagset)
    best_B = (lattice.befores[-1] + potentials[0].end_L).max(-1)
    for span in (Span(0, 3, "A"), Span(7, 9, "A"), Span(29, 30, "B"), Span(4, 5, "B")):
        with_B, without_B = lattice.scores(span)
        np.testing.assert_allclose(np.maximum(with_B, without_B), best_B, rtol=1e-12)
