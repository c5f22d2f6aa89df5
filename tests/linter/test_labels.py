"""What the linter finds in labels: near misses, labels that splits do not share, rare labels, and imbalance."""

import itertools

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from linting import examples, kinds, texts

from seqtag.linter.labels import similar
from seqtag.linter.linter import check_corpus


@pytest.mark.parametrize(
    ("left", "right", "how"),
    [
        (("PER", 9), ("Per", 9), "case or separators"),
        (("creative-work", 5), ("creative_work", 900), "case or separators"),
        (("organisation", 2), ("organization", 60), "spelling"),
        (("negatvie", 1), ("negative", 20), "spelling"),
        (("negatvie", 1), ("negative", 19), None),
        (("PRON", 1), ("PROPN", 1000), None),
        (("level1", 1), ("level2", 1000), None),
        (("1", 10), ("-1", 10), None),
        (("location-stop", 1), ("location-route", 99), None),
        ((".", 10), ("-", 10), None),
    ],
)
def test_labels_are_near_misses_where_one_looks_like_a_slip_of_the_other(left, right, how):
    assert similar(left[0], right[0], left[1], right[1]) == how
    assert similar(right[0], left[0], right[1], left[1]) == how


@given(st.lists(st.text("aB1-_", max_size=7).filter(str.strip), min_size=2, max_size=12, unique=True), st.data())
def test_similar_labels_are_those_that_comparing_each_pair_finds(labels, data):
    counts = {label: data.draw(st.sampled_from([1, 2, 40])) for label in labels}
    rows = [label for label in labels for _ in range(counts[label])]
    findings = check_corpus(texts([f"text {n}" for n in range(len(rows))], rows), task="classify")
    pairs = itertools.combinations(labels, 2)
    expected = {frozenset(pair) for pair in pairs if similar(*pair, *map(counts.__getitem__, pair))}
    finding = findings.of_kind("similar_labels")
    assert (finding.count if finding else 0) == len(expected)


def test_labels_that_splits_do_not_share_are_found_both_ways():
    corpus = {
        "train": texts([f"text {n}" for n in range(12)], ["a"] * 6 + ["b"] * 6),
        "dev": texts(["one", "two"], ["a", "c"]),
        "extra": texts(["three"], ["a"]),
    }
    findings = check_corpus(corpus, task="classify")
    assert examples(findings, "label_not_in_train") == [("split dev, row 1", "'c': 1 in dev, 0 in train")]
    assert examples(findings, "unused_label") == [("dev", "'b': 6 in train, 0 in dev")]
    assert kinds(findings) == ["label_not_in_train", "unused_label"]
    assert not findings.has_errors


def test_a_split_of_texts_without_a_label_of_train_is_an_error():
    train, other = texts([f"text {n}" for n in range(12)], ["a"] * 6 + ["b"] * 6), texts(["one", "two"], ["x", "y"])
    findings = check_corpus({"train": train, "test": other}, task="classify")
    assert examples(findings, "foreign_labels") == [("split test, row 0", "'x'"), ("split test, row 1", "'y'")]
    assert check_corpus({"train": train, "web": other}, task="classify").of_kind("foreign_labels") is None


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (["good", "bad|good", "bad"], r"if so, label_separator='|' cuts them"),
        (["['good', 'bad']", "good", "bad"], "label_separator=',' reads such lists"),
    ],
)
def test_labels_that_look_like_several_are_listed_with_what_cuts_them(labels, advice):
    joined = next(label for label in labels if len(label) > 5)
    rows = texts([f"text {n}" for n in range(12)], labels * 4)
    findings = check_corpus({"train": rows}, task="classify")
    finding = findings.of_kind("joined_labels")
    assert (finding.severity, finding.count, advice in finding.message) == ("warning", 4, True)
    assert finding.examples[0].text == repr(joined)
    assert (
        check_corpus({"train": texts(["a", "b", "c"], ["good|x", "bad", "bad"])}, task="classify").of_kind(
            "joined_labels"
        )
        is None
    )


def test_lists_of_indicators_are_an_error():
    rows = Dataset.from_dict({"text": ["a", "b", "c"], "labels": [[0, 1], [1, 1], [0, 0]]})
    finding = check_corpus({"train": rows}, task="classify").of_kind("indicator_labels")
    assert finding.message.startswith("Each text has a list of 2 labels, and these are only 0 and 1")


def test_rare_labels_and_a_class_that_outweighs_the_others():
    rows = [f"text {n}" for n in range(100)]
    findings = check_corpus(texts(rows, ["big"] * 79 + ["small"] * 17 + ["tiny"] * 4), task="classify")
    assert kinds(findings) == ["rare_label"]
    assert examples(findings, "rare_label") == [("split train, row 96", "'tiny': 4")]
    findings = check_corpus(texts(rows, ["big"] * 80 + ["small"] * 20), task="classify")
    assert findings.of_kind("imbalance").message.startswith("'big' has 80 of the texts of train (80%), 'small' 20:")


def test_missing_labels_are_all_listed():
    findings = check_corpus(texts(["one", "two", "three"], ["a", None, " "]), task="classify")
    assert examples(findings, "missing_label") == [("split train, row 1", "'two'"), ("split train, row 2", "'three'")]


@pytest.mark.parametrize("as_lists", [False, True])
def test_words_for_missing_values_are_named_where_they_are_labels(as_lists):
    labels = ["good", "NaN", "bad", "None"]
    rows = {"text": [f"text {n}" for n in range(4)], "label": [[label] for label in labels] if as_lists else labels}
    finding = check_corpus(Dataset.from_dict(rows), task="classify").of_kind("missing_word")
    assert (finding.count, finding.severity, len(finding.examples)) == (2, "warning", 2)
    assert [example.place.endswith(f"row {row}") for example, row in zip(finding.examples, (1, 3))] == [True, True]
