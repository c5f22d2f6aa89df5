"""Labels in the forms that users of scikit-learn have: arrays of indicators, frames, columns, floats, missing ones."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.preprocessing import MultiLabelBinarizer
from tiny import LABELS, SEVERAL, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

from seqtag import Classifier, DataError, UsageError
from seqtag.models.classifying.inputs import as_labelled
from seqtag.runtime import load

NAMES = ["good", "loud"]
INDICATORS = MultiLabelBinarizer(classes=NAMES).fit_transform(SEVERAL)
IS_GOOD = np.array(LABELS) == "good"


@pytest.mark.parametrize(
    ("y", "columns"),
    [
        (INDICATORS, (0, 1)),
        (INDICATORS.astype(bool), (0, 1)),
        (INDICATORS.astype(np.float32), (0, 1)),
        (INDICATORS.astype(object), (0, 1)),
        (sparse.csr_matrix(INDICATORS), (0, 1)),
        (pd.DataFrame(INDICATORS, columns=NAMES), ("good", "loud")),
        (pd.DataFrame(INDICATORS, columns=NAMES).astype({"good": "boolean", "loud": "Int64"}), ("good", "loud")),
    ],
    ids=["int", "bool", "float", "object", "sparse", "frame", "nullable frame"],
)
def test_indicators_are_read_column_by_column(y, columns):
    read = as_labelled(TEXTS, y, "training", language="xx")
    assert (read.is_multi, read.columns) == (True, columns)
    assert read.labels == [[column for column, name in zip(columns, NAMES) if name in labels] for labels in SEVERAL]
    assert read.classes().labels == columns
    assert read.take(np.arange(3)).columns == columns


def test_indicators_are_given_back_as_they_came(tmp_path):
    """With a column of which the data have none: it stays a column."""
    y = np.column_stack([INDICATORS, np.zeros(len(TEXTS), int)])
    classifier = tiny_classifier(epochs=3).fit(TEXTS, y, dev=(TEXTS, y))
    predicted = classifier.predict(TEXTS)
    assert (predicted.dtype.kind, predicted.shape, set(predicted.flat)) == ("i", y.shape, {0, 1})
    chosen = [np.flatnonzero(row).tolist() for row in predicted]
    assert list(classifier.predict_stream(TEXTS)) == chosen == classifier.choose(classifier.predict_proba(TEXTS))
    assert classifier.predict([]).shape == (0, 3)
    assert classifier.score(TEXTS, y) == pytest.approx(f1_score(y, predicted, average="micro"))
    classifier.save(tmp_path / "m")
    classifier.export(tmp_path / "m", dev=(TEXTS, y))
    for again in (Classifier.load(tmp_path / "m", device="cpu"), load(tmp_path / "m")):
        np.testing.assert_array_equal(again.predict(TEXTS), predicted)
        assert again.classes_.tolist() == [0, 1, 2]


def test_a_model_that_had_names_takes_an_array_by_its_columns():
    frame = pd.DataFrame(INDICATORS, columns=NAMES)
    classifier = tiny_classifier(epochs=1).fit(TEXTS, frame, dev=(TEXTS, INDICATORS))
    assert classifier.classes_.tolist() == NAMES
    assert classifier.score(TEXTS, frame) == classifier.score(TEXTS, INDICATORS) == classifier.score(TEXTS, SEVERAL)
    assert classifier.score(TEXTS, frame[["loud", "good"]]) == classifier.score(TEXTS, frame)


def test_several_labels_are_cross_validated():
    classifier = tiny_classifier(epochs=1)
    assert len(cross_val_score(classifier, TEXTS, INDICATORS, cv=2)) == 2
    assert cross_val_score(classifier, TEXTS, INDICATORS, cv=2, scoring="f1_macro").min() >= 0
    for method in ("predict", "predict_proba"):
        assert cross_val_predict(classifier, TEXTS, INDICATORS, cv=2, method=method).shape == INDICATORS.shape


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (2 * INDICATORS, "y is an array of shape (32, 2); one with several columns has to hold indicators"),
        (INDICATORS.astype(str), "y is an array of shape (32, 2); one with several"),
        (np.zeros((32, 2, 2)), "y is an array of shape (32, 2, 2); one with several"),
        (np.full((32, 2), np.nan), "y is an array of shape (32, 2); one with several"),
        (pd.DataFrame({"a": [1, None] * 16, "b": [0, 1] * 16}).astype("Int64"), "has to hold indicators, 1 where"),
        (pd.DataFrame(INDICATORS, columns=["a", "a"]), "y has several columns of one name: a, a; rename them"),
    ],
)
def test_a_table_of_something_else_is_refused(y, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        as_labelled(TEXTS, y, "training", language="xx")


@pytest.mark.parametrize(
    "y",
    [
        IS_GOOD.astype(float),
        IS_GOOD.astype(np.float32).reshape(-1, 1),
        IS_GOOD.astype(int).reshape(-1, 1),
        pd.DataFrame({"label": IS_GOOD.astype(int)}),
        pd.Series(IS_GOOD.astype(int), dtype="Int64"),
        [1.0 if good else 0 for good in IS_GOOD],
        sparse.csc_matrix(IS_GOOD.astype(int).reshape(-1, 1)),
    ],
    ids=["floats", "column of floats", "column", "frame", "nullable", "mixed", "sparse column"],
)
def test_one_column_is_a_label_per_text_and_whole_floats_are_integers(y):
    read = as_labelled(TEXTS, y, "training", language="xx")
    assert (read.labels, read.is_multi, read.columns) == (IS_GOOD.astype(int).tolist(), False, None)
    assert {type(label) for label in read.labels} == {int}


@pytest.mark.parametrize("kind", ["category", "string", object])
def test_series_of_strings(kind):
    for y in (pd.Series(LABELS, dtype=kind), pd.DataFrame({"label": pd.Series(LABELS, dtype=kind)})):
        assert as_labelled(TEXTS, y, "training", language="xx").labels == LABELS


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_what_is_missing(missing):
    """A text that is missing is empty, as it always was; a label that is missing can't be learned."""
    read = as_labelled(["good", missing, "bad"], [1, 0, 0], "training", language="xx")
    assert read.rows == [["good"], [], ["bad"]]
    with pytest.raises(
        DataError, match=r"training data, text 2: the label is missing \((None|nan|<NA>|NaT)\); leave out"
    ):
        as_labelled(["a", "b", "c"], [1, missing, 0], "training", language="xx")
    with pytest.raises(DataError, match=r"text 2: the label 0\.5 is no string, integer or truth value"):
        as_labelled(["a", "b"], [1, 0.5], "training", language="xx")


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    y = LABELS[:20] + ["other"] * 12
    classifier = tiny_classifier(epochs=1, class_weights="balanced").fit(TEXTS, y, dev=(TEXTS, y))
    expected = compute_class_weight("balanced", classes=classifier.classes_, y=np.array(y))
    np.testing.assert_allclose(classifier.network_.head.class_weights_L, expected, rtol=1e-6)
    several = tiny_classifier(epochs=1, class_weights="balanced").fit(TEXTS, INDICATORS, dev=(TEXTS, INDICATORS))
    odds = [compute_class_weight("balanced", classes=np.array([0, 1]), y=column) for column in INDICATORS.T]
    weights_L = several.network_.head.class_weights_L
    np.testing.assert_allclose(weights_L, [yes / no for no, yes in odds], rtol=1e-6)


def test_balanced_weights_of_tags_count_tokens_by_label(tmp_path):
    from sklearn.utils.class_weight import compute_class_weight

    tagger = tiny_tagger(epochs=1, class_weights="balanced").fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    labels = np.array([tag.partition("-")[2] or tag for tags in TAGS for tag in tags])
    names = np.unique(labels)
    expected = dict(zip(names.tolist(), compute_class_weight("balanced", classes=names, y=labels)))
    assert tagger.label_weights_ == pytest.approx(expected)
    again = type(tagger).load(tagger.save(tmp_path / "m"), device="cpu")
    assert (again.class_weights, again.predict(TOKENS)) == ("balanced", tagger.predict(TOKENS))


def test_weights_by_number_are_found_whatever_type_the_number_has():
    weights = {0.0: 2, np.int64(1): 3}
    classifier = tiny_classifier(epochs=1, class_weights=weights).fit(TEXTS, IS_GOOD.astype(float))
    assert classifier.network_.head.class_weights_L.tolist() == [2, 3]


@pytest.mark.parametrize("mask", [False, [True] + [False] * 31], ids=["nothing masked", "one masked"])
def test_labels_in_masked_arrays_are_refused(mask):
    for values in (np.arange(32) % 2, np.array(LABELS), INDICATORS):
        y = np.ma.masked_array(values, np.ma.nomask if mask is False else np.resize(mask, values.shape))
        with pytest.raises(
            UsageError, match="training data: y is a masked array, and what is masked would count; fill"
        ):
            tiny_classifier().fit(TEXTS, y)
        with pytest.raises(UsageError, match="dev data: y is a masked array"):
            tiny_classifier().fit(TEXTS, LABELS, dev=(TEXTS, y))
