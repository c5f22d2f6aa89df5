"""Annotators side by side: which texts must be the same, what is unknown, and which counts pairs get."""

import numpy as np
import pytest
from datasets import Dataset

from seqtag.corpora.loading import load_corpus
from seqtag.curation.annotations import side_by_side
from seqtag.errors import DataError, UsageError
from seqtag.text.schemes import convert_tags

TOKENS = [["Ada", "Byron", "met", "Bo"], ["It", "rained", "in", "Oslo"]]
ADA = [["B-PER", "I-PER", "O", "B-PER"], ["O", "O", "O", "B-LOC"]]


def tagged(tags, tokens=TOKENS, **columns):
    return Dataset.from_dict({"tokens": tokens, "tags": tags, **columns})


def labelled(labels, texts=("Fine.", "Bah!", "Hm.")):
    rows = Dataset.from_dict({"text": list(texts), "label": labels})
    return load_corpus(rows, task="classify")["train"]


def test_tokens_count_by_their_label_whatever_the_scheme():
    schemes = ("IOB2", "BIOES", "BILOU", "IOB1")
    corpora = {name: load_corpus(tagged([convert_tags(row, "IOB2", name) for row in ADA]))["train"] for name in schemes}
    found = side_by_side(corpora)
    assert found.categories == ("O", "LOC", "PER")
    assert found.codes_AN.tolist() == [[2, 2, 0, 2, 0, 0, 0, 1]] * 4
    assert found.scheme == "IOB2"
    right, first, second = found.counts(0, 1)
    assert right.tolist() == first.tolist() == second.tolist() == [[0, 2], [1, 0]]


def test_unknown_tags_are_missing_and_spans_at_them_count_for_nobody():
    bo = [["B-PER", "?", "O", "B-PER"], ["O", "?", "O", "O"]]
    found = side_by_side({"ada": tagged(ADA), "bo": tagged(bo)})
    assert found.task == "spans"
    assert found.codes_AN[1].tolist() == [2, -1, 0, 2, 0, -1, 0, 0]
    right, ada, other = found.counts(0, 1)
    assert (right.tolist(), ada.tolist(), other.tolist()) == ([[0, 1], [0, 0]], [[0, 1], [1, 0]], [[0, 1], [0, 0]])
    assert found.by_label(0).tolist() == [[0, 0, 0, 0, 0, 0, 0, 1], [0, -1, 0, 0, 0, -1, 0, 0]]


def test_where_only_some_labels_were_looked_for_a_token_outside_may_be_any_other():
    bo = tagged([["O"] * 4, ["O"] * 4], annotated_labels=[["PER"], None])
    found = side_by_side({"ada": tagged(ADA), "bo": bo})
    assert found.codes_AN[1].tolist() == [-2] * 4 + [0] * 4
    loc, per = found.by_label(0)[1], found.by_label(1)[1]
    assert (loc.tolist(), per.tolist()) == ([-1] * 4 + [0] * 4, [0] * 8)
    turned = side_by_side({"bo": bo, "ada": tagged([["B-LOC", "O", "O", "B-PER"], ["O"] * 4])})
    assert [array.tolist() for array in turned.counts(0, 1)] == [[[0, 0]] * 2, [[0, 0]] * 2, [[0, 1], [0, 0]]]


def test_documents_are_the_units():
    found = side_by_side({name: tagged(ADA * 2, TOKENS * 2, document=[1, 1, 2, 2]) for name in ("ada", "bo")})
    assert (found.unit, found.num_units) == ("documents", 2)
    assert found.counts(0, 1)[0].tolist() == [[1, 2], [1, 2]]


def test_plain_tags_and_labels_of_texts():
    plain = [["NOUN", "NOUN", "VERB", "?"]]
    found = side_by_side({name: tagged(plain, TOKENS[:1]) for name in ("ada", "bo")})
    assert (found.task, found.categories) == ("tags", ("NOUN", "VERB"))
    assert found.codes_AN.tolist() == [[0, 0, 1, -1]] * 2
    assert found.counts(0, 1)[0].tolist() == [[2, 1]]
    texts = side_by_side({"ada": labelled(["good", "bad", "bad"]), "bo": labelled(["good", "good", "bad"])})
    assert (texts.task, texts.unit, texts.labels) == ("labels", "texts", ("bad", "good"))
    assert texts.codes_AN.tolist() == [[1, 0, 0], [1, 1, 0]]


def test_lists_of_labels_are_compared_as_sets_and_by_label():
    lists = {"ada": [["late", "rude"], []], "bo": [["rude", "late"], ["rude"]]}
    corpora = {
        name: load_corpus(Dataset.from_dict({"text": ["a", "b"], "labels": rows}), task="classify")["train"]
        for name, rows in lists.items()
    }
    found = side_by_side(corpora)
    assert found.codes_AN[:, 0].tolist() == [0, 0]
    assert len(set(found.codes_AN[:, 1].tolist())) == 2
    assert found.by_label(1).tolist() == [[1, 0], [1, 1]]
    assert [array.sum(0).tolist() for array in found.counts(0, 1)] == [[1, 1], [1, 1], [1, 2]]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ([TOKENS[0], ["It", "rained", "at", "Oslo"]], "sentence 2 differs: ada has 'It | rained | in | Oslo' .token 3"),
        ([TOKENS[0], ["It", "rained", "in"]], "'rained | in' .token 4 of 3"),
        (TOKENS[:1], "sentence 2 is in ada only: 'It rained in Oslo'; ada has 2 and bo 1"),
        ([*TOKENS, ["More"]], "sentence 3 is in bo only: 'More'"),
    ],
)
def test_other_texts_are_one_message_with_both_versions(other, message):
    bo = tagged([["O"] * len(tokens) for tokens in other], other)
    with pytest.raises(DataError, match=message):
        side_by_side({"ada": tagged(ADA), "bo": bo})


def test_other_texts_of_a_classifier():
    with pytest.raises(DataError, match=r"text 2 differs: ada has 'Bah!', bo has 'Baa!'; annotators are compared"):
        side_by_side({"ada": labelled(["a"] * 3), "bo": labelled(["a"] * 3, ["Fine.", "Baa!", "Hm."])})


def test_annotators_of_one_export_may_lack_texts():
    again = [*TOKENS, TOKENS[0]]  # a text that is there twice
    ada = tagged([*ADA, ["O"] * 4], again)
    found = side_by_side({"ada": ada, "bo": tagged(ADA[1:], TOKENS[1:])}, by_text=True)
    assert found.texts == again
    assert found.codes_AN[1].tolist() == [-1] * 4 + [0, 0, 0, 1] + [-1] * 4
    turned = side_by_side({"bo": tagged(ADA[1:], TOKENS[1:]), "ada": ada}, by_text=True)
    assert turned.texts == [TOKENS[1], TOKENS[0], TOKENS[0]]
    assert turned.origins == [(0, 0), (1, 0), (1, 2)]


def test_wrong_use_is_one_message():
    with pytest.raises(UsageError, match="there is 1 annotator; agreement needs two"):
        side_by_side({"ada": tagged(ADA)})
    for wrong in (["ada.conll", "bo.conll"], {"ada": "ada.conll", "bo": "bo.conll"}):
        with pytest.raises(UsageError, match="the annotators are names with a dataset each"):
            side_by_side(wrong)
    with pytest.raises(UsageError, match="some annotators have tags and others have labels"):
        side_by_side({"ada": tagged(ADA), "bo": labelled(["a"] * 3)})
    with pytest.raises(DataError, match=r"bo has plain tags and ada entity tags \(IOB2\)"):
        side_by_side({"ada": tagged(ADA), "bo": tagged([["NOUN"] * 4] * 2)})
    with pytest.raises(DataError, match="there are no texts to compare"):
        side_by_side({"ada": tagged(ADA).select([]), "bo": tagged(ADA).select([])})
    assert np.array_equal(side_by_side({"a": tagged(ADA), "b": tagged(ADA)}).row_N, [0] * 4 + [1] * 4)
