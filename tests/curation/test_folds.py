"""Folds: every row in one of them, documents and copies whole, models that have not seen what they are asked."""

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import RememberingClassifier, RememberingTagger

from seqtag import DataError, LanguageModel, UsageError, load_corpus
from seqtag.corpora.tag_normalising import carried_scheme
from seqtag.curation.folds import cross_fit, deal, pooled


def pool_of(tokens, documents=None):
    columns = {"tokens": tokens, "tags": [["B-PER"] + ["O"] * (len(row) - 1) for row in tokens]}
    columns |= {} if documents is None else {"document": documents}
    return pooled(Dataset.from_dict(columns), None, task="tag", language="xx")


@settings(max_examples=15)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=12, max_size=40), st.integers(2, 4), st.integers(0, 3))
def test_each_row_is_in_one_fold_and_copies_and_documents_are_whole(words, folds, seed):
    words = [*"abcd", *words]
    for pool, groups in (
        (pool_of([[word, "spoke"] for word in words]), words),
        (pool_of([[f"{number}"] for number in range(len(words))], [f"doc {word}" for word in words]), words),
    ):
        fold_N = deal(pool, folds=folds, seed=seed)
        assert np.array_equal(fold_N, deal(pool, folds=folds, seed=seed))
        assert set(fold_N.tolist()) == set(range(folds))
        for group in set(groups):
            assert len({fold for fold, name in zip(fold_N, groups) if name == group}) == 1


def test_texts_of_each_class_are_spread_evenly():
    texts = {"text": [f"text {number}" for number in range(60)], "label": ["rare"] * 10 + ["common"] * 50}
    fold_N = deal(pooled(Dataset.from_dict(texts), None, task="classify", language="xx"), folds=5, seed=0)
    assert np.bincount(fold_N[:10]).tolist() == [2] * 5


def test_splits_are_pooled_with_scheme_places_and_documents_that_stay_apart():
    rows = {"tokens": [["Ada", "Lovelace"], ["Bo"], ["It", "rained"]], "document": [0, 0, 1]}
    train = Dataset.from_dict(rows | {"tags": [["B-PER", "I-PER"], ["B-PER"], ["O", "O"]]})
    dev = Dataset.from_dict(rows | {"tags": [["B-LOC", "I-LOC"], ["B-LOC"], ["O", "O"]]})
    pool = pooled(DatasetDict(train=train, dev=dev), None, task="tag", language="xx")
    assert carried_scheme(pool.rows) == "IOB2"
    assert [pool.place(number) for number in (0, 2, 3, 5)] == [("train", 0), ("train", 2), ("dev", 0), ("dev", 2)]
    assert pool.rows["document"][:] == ["train 0", "train 0", "train 1", "dev 0", "dev 0", "dev 1"]
    again = load_corpus(pool.rows)["train"]
    assert again["tags"][:] == pool.rows["tags"][:]


def test_no_model_has_seen_the_rows_of_its_fold():
    pool = pool_of([[f"word-{number}", "spoke"] for number in range(30)])
    seen = []
    for number, fold in enumerate(cross_fit(RememberingTagger(), pool, folds=3, seed=0), 1):
        held = {tuple(row) for row in pool.rows.select(fold.rows_N)["tokens"]}
        assert fold.number == number
        assert held.isdisjoint(fold.model.sentences_)
        assert len(fold.model.sentences_) + len(held) == 30
        seen += fold.rows_N.tolist()
    assert sorted(seen) == list(range(30))


def test_rows_and_labels_may_come_as_lists():
    texts = [f"{word} text" for word in "abcdefghij"]
    pool = pooled(texts, ["x", "y"] * 5, task="classify", language="xx")
    assert (pool.task, len(pool.rows)) == ("classify", 10)
    assert len(list(cross_fit(RememberingClassifier(), pool, folds=2, seed=0))) == 2


@pytest.mark.parametrize(
    ("folds", "message"),
    [(1, "whole number of at least 2"), (True, "at least 2"), (9, "4 different sentences to deal")],
)
def test_a_wrong_number_of_folds_is_told(folds, message):
    with pytest.raises(UsageError, match=message):
        deal(pool_of([["a"], ["b"], ["c"], ["d"], ["d"]]), folds=folds, seed=0)


def test_an_error_of_a_fold_names_the_fold():
    class Failing(RememberingTagger):
        def fit(self, rows, *, dev):
            raise DataError("nothing to learn")

    with pytest.raises(DataError, match="fold 1 of 2: nothing to learn"):
        next(cross_fit(Failing(), pool_of([[word] for word in "abcdef"]), folds=2, seed=0))


def test_an_interrupted_training_ends_the_work():
    class Interrupted(RememberingTagger):
        def fit(self, rows, *, dev):
            super().fit(rows, dev=dev).interrupted_ = True
            return self

    with pytest.raises(KeyboardInterrupt):
        next(cross_fit(Interrupted(), pool_of([[word] for word in "abcdef"]), folds=2, seed=0))


def test_what_can_not_be_pooled_is_told():
    with pytest.raises(UsageError, match="text without labels; give a Tagger or a Classifier"):
        pooled("novel.txt", None, task=LanguageModel.task, language="xx")
    with pytest.raises(DataError, match="2 rows but 1 labels"):
        pooled([["a"], ["b"]], [["O"]], task="tag", language="xx")
