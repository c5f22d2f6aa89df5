"""The classes of a classifier: their order, what counts as one of them, and labels that come back as they went in."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.text.classes import ClassSet

kinds_of_labels = st.one_of(
    st.lists(st.text(min_size=1), min_size=1),
    st.lists(st.integers(-99, 99), min_size=1),
    st.lists(st.booleans(), min_size=1),
)


@given(labels=kinds_of_labels)
def test_classes_are_the_distinct_labels_in_order(labels):
    classes = ClassSet.build(labels)
    assert list(classes.labels) == sorted(set(labels))
    assert [type(label) for label in classes.labels] == [type(labels[0])] * len(classes)
    assert [classes.find(label) for label in classes.labels] == list(range(len(classes)))
    assert classes.names == tuple(str(label) for label in classes.labels)
    assert ClassSet.build(reversed(labels)) == classes


def test_numbers_are_ordered_by_size_and_not_by_their_digits():
    assert ClassSet.build([10, 9, -1, 100]).labels == (-1, 9, 10, 100)
    assert ClassSet.build(["10", "9"]).labels == ("10", "9")


def test_the_likeliest_class_is_chosen_and_of_several_all_that_reach_their_threshold():
    probability_NL, threshold_L = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]]), np.array([0.2, 0.6, 0.3])
    assert ClassSet(("a", "b", "c")).choose(probability_NL, threshold_L).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert ClassSet(("a", "b", "c"), True).choose(probability_NL, threshold_L).tolist() == [[1, 0, 1], [1, 0, 1]]


@given(labels=kinds_of_labels, is_multi=st.booleans())
def test_classes_come_back_from_json_with_their_kind(labels, is_multi):
    classes = ClassSet.build(labels, is_multi=is_multi)
    read = ClassSet.from_dict(json.loads(json.dumps(classes.to_dict())))
    assert read == classes
    assert [type(label) for label in read.labels] == [type(label) for label in classes.labels]


@pytest.mark.parametrize(
    ("labels", "other", "number"),
    [
        ((0, 1, 10), "10", 2),
        ((0, 1, 10), "2", -1),
        ((0, 1), True, 1),
        ((False, True), "True", 1),
        ((False, True), 1, 1),
        (("1", "2"), 2, 1),
        (("neg", "pos"), "Pos", -1),
    ],
    ids=str,
)
def test_a_label_that_a_file_wrote_as_a_string_is_found(labels, other, number):
    assert ClassSet(labels).find(other) == number


@given(ids=st.lists(st.integers(0, 3), max_size=8))
def test_one_label_a_text_goes_to_indicators_and_back(ids):
    classes = ClassSet(("a", "b", "c", "d"))
    indicators_NL = classes.indicators(ids)
    assert indicators_NL.dtype == np.float32
    assert indicators_NL.tolist() == [[float(i == number) for i in range(4)] for number in ids]
    assert classes.decode(indicators_NL > 0) == ["abcd"[number] for number in ids]
    assert classes.indicators(np.array(ids, np.int64)).tolist() == indicators_NL.tolist()


@given(ids=st.lists(st.sets(st.integers(0, 3)), max_size=8))
def test_several_labels_a_text_go_to_indicators_and_back(ids):
    classes = ClassSet((5, 6, 7, 8), is_multi=True)
    indicators_NL = classes.indicators([sorted(labels) for labels in ids])
    assert indicators_NL.tolist() == [[float(i in labels) for i in range(4)] for labels in ids]
    assert classes.decode(indicators_NL > 0) == [[number + 5 for number in sorted(labels)] for labels in ids]
