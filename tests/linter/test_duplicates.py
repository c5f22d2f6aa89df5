"""Rows that stand in a corpus twice, against comparing each pair."""

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from linting import texts

from seqtag.linter.duplicates import near_pairs, near_rows
from seqtag.linter.linter import check_corpus


def tagged(*sentences):
    rows = [[pair.rpartition("/")[::2] for pair in sentence.split()] for sentence in sentences]
    return Dataset.from_dict({"tokens": [[w for w, _ in r] for r in rows], "tags": [[t for _, t in r] for r in rows]})


def places(finding):
    return [(example.split, example.place) for example in finding.examples]


def jaccard(left, right):
    left, right = set(left.tolist()), set(right.tolist())
    return len(left & right) / len(left | right) if left | right else 0.0


def assert_equals_all_pairs(queries, rows):
    found = near_rows(queries, rows)
    expected = {
        n for n, query in enumerate(queries) if any(jaccard(query, row) >= 0.9 - 1e-12 for row in rows if len(row))
    }
    assert set(found) == expected
    assert all(jaccard(queries[n], rows[m]) >= 0.9 - 1e-12 for n, m in found.items())
    pairs = list(near_pairs(queries, rows))
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == {
        (n, m) for n in expected for m, row in enumerate(rows) if len(row) and jaccard(queries[n], row) >= 0.9 - 1e-12
    }
    assert {n: min(m for query, m in pairs if query == n) for n in expected} == found


@given(st.data())
def test_near_rows_are_those_that_comparing_each_pair_finds(data):
    def sets():
        return [np.array(ids, np.int64) for ids in data.draw(st.lists(st.lists(st.integers(0, 14), max_size=20)))]

    assert_equals_all_pairs(sets(), sets())


@pytest.mark.parametrize("size", [8, 9, 10, 19, 20, 57, 58, 64, 65, 71, 72, 90, 200])
def test_near_rows_finds_every_copy_at_the_border_whatever_its_size(size):
    # around 64 words the keys change from pairs of words to single ones
    rng = np.random.default_rng(size)
    base = [rng.choice(2000, size, replace=False) for _ in range(12 if size < 90 else 4)]
    changed = []
    for row in base:
        for num_left_out in range(0, size // 8 + 2):
            for num_added in range(0, size // 8 + 2, 2):
                changed.append(np.concatenate((row[num_left_out:], 2000 + rng.choice(500, num_added, replace=False))))
    assert_equals_all_pairs(changed, base)
    assert_equals_all_pairs(base, changed)


def test_copies_between_splits_are_counted_apart_by_who_is_spoilt():
    corpus = {
        "train": texts(["one fine day in May", "I like it a lot", "yes"]),
        "dev": texts(["I  like it\na lot", "quite another thing indeed", "yes"]),
        "test": texts(["one fine day in May", "quite another thing indeed", "ONE fine day in May"]),
    }
    findings = check_corpus(corpus, task="classify")
    with_train = findings.of_kind("shared_with_train")
    assert dict(with_train.counts) == {"dev in train": 1, "test in train": 1}
    assert [(e.place, e.text) for e in with_train.examples] == [
        ("split dev, row 0", "as split train, row 1: 'I  like it\\na lot'"),
        ("split test, row 0", "as split train, row 0: 'one fine day in May'"),
    ]
    assert "33.3% of dev, 33.3% of test" in with_train.message
    assert dict(findings.of_kind("shared_held_out").counts) == {"test in dev": 1}
    assert dict(findings.of_kind("near_copy").counts) == {"test in train": 1}  # but for its case
    assert dict(findings.of_kind("short_shared").counts) == {"dev in train": 1}


@pytest.mark.parametrize(("num_test", "kind"), [(200, "shared_with_train"), (201, "few_shared_with_train")])
def test_copies_are_many_from_one_in_a_hundred_on(num_test, kind):
    rows = [f"these are the words number {n}" for n in range(num_test)]
    findings = check_corpus({"train": texts(rows[:2]), "test": texts(rows)}, task="classify")
    assert {each for each in ("shared_with_train", "few_shared_with_train") if findings.of_kind(each)} == {kind}
    assert findings.of_kind(kind).count == 2


def test_rows_of_letters_are_no_near_copies_for_sharing_an_alphabet():
    rng = np.random.default_rng(0)
    rows = [[chr(97 + letter) for letter in rng.integers(0, 20, 60)] for _ in range(300)]
    splits = {"train": rows[:200], "test": rows[200:]}
    findings = check_corpus(
        {name: tagged(*(" ".join(f"{c}/O" for c in row) for row in rows)) for name, rows in splits.items()}
    )
    assert findings.of_kind("near_copy") is None


def test_every_copy_is_an_error_only_where_a_held_out_split_has_it():
    twice = ["the same five words again", "the same five words again"]
    findings = check_corpus(texts(twice), task="classify")
    assert [finding.kind for finding in findings.findings if finding.severity == "error"] == ["too_little"]
    assert places(findings.of_kind("repeated_row")) == [("train", "split train, row 1")]


def test_other_tags_on_the_same_words_are_shown_where_they_first_differ():
    corpus = {
        "train": tagged("Ada/B-PER met/O Jordan/B-PER", "Ada/B-PER slept/O"),
        "test": tagged("Ada/B-PER met/O Jordan/B-LOC", "ada/O met/O Jordan/B-LOC", "Ada/B-PER met/O Jordan/B-LOC"),
    }
    finding = check_corpus(corpus).of_kind("two_labels")
    assert finding.count == 1
    assert [(e.split, e.place, e.text) for e in finding.examples] == [
        ("test", "split test, row 0", "'Jordan' is 'B-LOC' here, 'B-PER' at split train, row 0, token 2")
    ]


def test_texts_with_two_labels_are_found_and_the_order_of_several_labels_means_nothing():
    single = check_corpus(texts(["so so", "so so", "fine"], ["good", "bad", "good"]), task="classify")
    assert [e.text for e in single.of_kind("two_labels").examples] == [
        "'bad' here, 'good' at split train, row 0: 'so so'"
    ]
    several = Dataset.from_dict({"text": ["so so", "so so", "so so"], "labels": [["a", "b"], ["b", "a"], []]})
    found = check_corpus(several, task="classify").of_kind("two_labels")
    assert [(e.place, e.text) for e in found.examples] == [
        ("split train, row 2", "without a label here, 'a', 'b' at split train, row 0: 'so so'")
    ]


@given(st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), min_size=1, max_size=12))
def test_repeated_rows_and_shared_rows_are_those_that_counting_finds(rows):
    half = len(rows) // 2 + 1
    parts = {"train": rows[:half], "test": rows[half:]}
    corpus = {name: texts([" ".join(row) for row in rows]) for name, rows in parts.items() if rows}
    findings = check_corpus(corpus, task="classify")
    expected = {
        name: sum(len(row) >= 4 and row in rows[:n] for n, row in enumerate(rows)) for name, rows in parts.items()
    }
    repeated = findings.of_kind("repeated_row")
    assert dict(repeated.counts if repeated else {}) == {name: count for name, count in expected.items() if count}
    shared = findings.of_kind("shared_with_train")
    assert (shared.count if shared else 0) == sum(len(row) >= 4 and row in parts["train"] for row in parts["test"])
