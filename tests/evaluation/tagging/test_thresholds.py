"""The choice of thresholds against a search of all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.tagging.thresholds import Threshold, choose_thresholds

events = st.lists(
    st.tuples(
        st.sampled_from(["PER", "LOC"]),
        st.one_of(st.floats(0.01, 1), st.integers(1, 9).map(lambda i: i / 10)),
        st.booleans(),
    ),
    max_size=40,
)
wishes = st.one_of(st.none(), st.tuples(st.sampled_from(["precision", "recall"]), st.floats(0.05, 1.0)))


def figures(pairs, threshold, num_gold):
    kept = [right for score, right in pairs if score >= threshold]
    num_right = sum(kept)
    return {
        "precision": num_right / len(kept) if kept else 0.0,
        "recall": num_right / num_gold,
        "f1": 2 * num_right / (len(kept) + num_gold),
    }


@given(events, st.integers(0, 5), wishes)
def test_no_other_threshold_is_better(drawn, missed, target):
    num_gold = {
        label: sum(right for name, _, right in drawn if name == label) + missed for label in ("PER", "LOC", "ORG")
    }
    wanted = {} if target is None else {target[0]: dict.fromkeys(num_gold, target[1])}
    labels, scores, right = zip(*drawn, strict=True) if drawn else ((), (), ())
    chosen = choose_thresholds(labels, scores, right, num_gold, **wanted)
    assert list(chosen) == ["PER", "LOC", "ORG"]
    for label, found in chosen.items():
        pairs = [(score, is_right) for name, score, is_right in drawn if name == label]
        if not pairs or not num_gold[label]:
            assert found.value == 0.5
            assert found.reached == (target is None)
            continue
        got = figures(pairs, found.value, num_gold[label])
        assert (found.precision, found.recall) == (pytest.approx(got["precision"]), pytest.approx(got["recall"]))
        every = [figures(pairs, score, num_gold[label]) for score, _ in pairs]
        if target is None:
            assert got["f1"] == pytest.approx(max(other["f1"] for other in every))
            assert found.reached
            continue
        figure, share = target
        other_figure = "recall" if figure == "precision" else "precision"
        good = [other for other in every if other[figure] >= share]
        assert found.reached == bool(good)
        if good:
            assert got[figure] >= share
            assert got[other_figure] == pytest.approx(max(other[other_figure] for other in good))
        else:
            assert got[figure] == pytest.approx(max(other[figure] for other in every))


def test_a_threshold_lies_half_way_so_that_noise_moves_nothing():
    scores = np.array([0.9, 0.8, 0.4, 0.2])
    right = [True, True, False, True]
    found = choose_thresholds(["PER"] * 4, scores, right, {"PER": 3}, recall={"PER": 0.6})["PER"]
    assert found == Threshold(pytest.approx(0.6), 1.0, 2 / 3, True)
    for noise in (-1e-6, 1e-6):
        assert ((scores + noise >= found.value) == (scores >= found.value)).all()
    lowest = choose_thresholds(["PER"] * 4, scores, right, {"PER": 3}, recall={"PER": 1.0})["PER"]
    assert 0.19 < lowest.value < 0.2 - 1e-6


def test_labels_that_are_not_named_get_the_best_f1():
    labels = ["PER"] * 3 + ["LOC"] * 3
    scores, right = [0.9, 0.6, 0.2] * 2, [True, False, True] * 2
    chosen = choose_thresholds(labels, scores, right, {"PER": 2, "LOC": 2}, precision={"PER": 1.0})
    assert chosen["PER"] == Threshold(0.75, 1.0, 0.5, True)
    assert (chosen["LOC"].precision, chosen["LOC"].recall) == (2 / 3, 1.0)


def test_mistakes_are_named():
    with pytest.raises(UsageError, match=r"unknown label 'PRE'; choose from PER; did you mean 'PER'\?"):
        choose_thresholds(["PER"], [0.5], [True], {"PER": 1}, recall={"PRE": 0.5})
    with pytest.raises(UsageError, match="unknown label 'LOC'"):
        choose_thresholds(["LOC"], [0.5], [True], {"PER": 1})
    with pytest.raises(DataError, match="1 labels, 2 probabilities and 1 answers"):
        choose_thresholds(["PER"], [0.5, 0.6], [True], {"PER": 1})
