"""Every mistake ends in one error that says what, where, what was found and what to do; nothing is guessed."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict
from tiny import LABELS, TEXTS, fitted_classifier, tiny_classifier

from seqtag import Classifier, DataError, ModelError, SeqtagError, UsageError
from seqtag.models.classifying.inputs import as_labelled
from seqtag.models.options import checks_of
from seqtag.store import read_model, write_model

SERIES = [np.random.default_rng(i).normal(i % 2, 0.5, (3 + i % 4, 2)) for i in range(12)]
NUMBERS = [i % 2 for i in range(12)]
TABLE = {"text": TEXTS, "label": LABELS}


@pytest.fixture(scope="module")
def classifier():
    return fitted_classifier()


@pytest.fixture(scope="module")
def of_series():
    return tiny_classifier(epochs=1).fit(SERIES, NUMBERS, dev=(SERIES, NUMBERS))


def call(classifier, verb, X):
    found = getattr(classifier, verb)(X)
    return list(found) if verb == "predict_stream" else found


PREDICTING = ["predict", "predict_proba", "predict_stream", "predict_attention"]
EXAMPLE = r'\(\["What a day!"\]\)'


def said(verb):
    return "predict" if verb == "predict_stream" else verb


# -- predict ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", PREDICTING)
@pytest.mark.parametrize(
    ("X", "found"),
    [
        ("What a day!", "a list of texts, not one string"),
        (b"What a day!", "a list of texts, not bytes"),
        (None, "a list of texts, not NoneType"),
        (7, "a list of texts, not int"),
        ({"text": "What a day!"}, "a list of texts, not dict"),
        (np.array("What a day!"), "a list of texts, not ndarray"),
        (["fine", 7], "texts, but number 2 is int"),
        (["fine", {"text": "What a day!"}], "texts, but number 2 is dict"),
        ([b"What a day!"], "texts, but number 1 is bytes"),
    ],
    ids=str,
)
def test_what_is_no_list_of_texts_is_refused_with_the_right_call(classifier, verb, X, found):
    with pytest.raises(UsageError, match=rf"^{said(verb)} takes {found}: {said(verb)}{EXAMPLE}$"):
        call(classifier, verb, X)


@pytest.mark.parametrize("verb", PREDICTING)
@pytest.mark.parametrize(
    "table", [Dataset.from_dict(TABLE), DatasetDict({"test": Dataset.from_dict(TABLE)}), pd.DataFrame(TABLE)], ids=type
)
def test_a_table_is_not_read_as_the_names_of_its_columns(classifier, verb, table):
    name = type(table).__name__
    with pytest.raises(UsageError, match=rf"takes a list of texts, not {name}: {said(verb)}\("):
        call(classifier, verb, table)
    if name == "DataFrame":
        assert call(classifier, "predict", table["text"]) == classifier.predict(TEXTS)


@pytest.mark.parametrize("verb", PREDICTING)
def test_half_a_character_is_refused_by_its_place(classifier, verb):
    for broken in ("no \ud83d", ["no", "\ud83d"]):
        with pytest.raises(DataError, match=r"text number 2 holds '\\ud83d', a surrogate, which is half a character"):
            call(classifier, verb, ["fine", broken])


@pytest.mark.parametrize("verb", PREDICTING)
def test_texts_and_other_things_are_not_mixed(classifier, verb):
    with pytest.raises(UsageError, match=r"row 1 is a text or a list of tokens, row 3 not; give texts, lists of"):
        call(classifier, verb, ["fine", ["also", "fine"], ["not", None]])
    with pytest.raises(UsageError, match=r"row 2 is a text or a list of tokens, row 1 not"):
        call(classifier, verb, [SERIES[0], ""])


def test_a_row_is_counted_from_the_beginning_of_a_stream(classifier, of_series, monkeypatch):
    monkeypatch.setattr("seqtag.inference.classifying.MOST_TOGETHER", 4)
    stream = classifier.predict_stream(iter([*TEXTS[:9], 7]))
    assert [next(stream) for _ in range(8)] == classifier.predict(TEXTS[:8])
    with pytest.raises(UsageError, match="number 10 is int"):
        next(stream)
    with pytest.raises(DataError, match="series number 6, step 2 holds"):
        list(of_series.predict_stream(iter([*SERIES[:5], np.array([[1, 2], [np.nan, 0]])])))


@pytest.mark.parametrize("verb", PREDICTING)
def test_a_model_of_texts_takes_no_series_and_the_other_way_round(classifier, of_series, verb):
    with pytest.raises(UsageError, match="was trained on texts and takes such; found other rows"):
        call(classifier, verb, SERIES)
    with pytest.raises(UsageError, match="was trained on series of numbers and takes such; found other rows"):
        call(of_series, verb, TEXTS)


@pytest.mark.parametrize("num_features", [1, 3])
def test_series_with_other_features_than_in_training_are_refused(of_series, num_features):
    X = [np.zeros((4, num_features))] * 2
    message = f"the series have {num_features} features per step, those of the training data 2; give each step the same"
    for verb in PREDICTING:
        with pytest.raises(DataError, match=message):
            call(of_series, verb, X)
    with pytest.raises(DataError, match=f"evaluate: {message}"):
        of_series.evaluate(X, [0, 1])


def test_attention_needs_its_pooling():
    classifier = tiny_classifier(pooling="mean", epochs=1).fit(TEXTS, LABELS)
    with pytest.raises(UsageError, match="predict_attention needs pooling='attention'; this model has 'mean'"):
        classifier.predict_attention(TEXTS)


# -- fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (TEXTS, None, UsageError, r'the training data needs labels: give a dataset .* or fit\(\["What a day!"'),
        (TEXTS, LABELS[:-1], DataError, "training data: 32 texts but 31 labels"),
        ("What a day!", ["good"], UsageError, "fit takes a list of texts, not one string"),
        (pd.DataFrame(TABLE), LABELS, UsageError, r'not DataFrame: fit\(data\["text"\]\)'),
        (TEXTS, "good", UsageError, "training data: y takes one label per text, not str"),
        (TEXTS, {"label": LABELS}, UsageError, "y takes one label per text, not dict"),
        (TEXTS, 7, UsageError, "y takes one label per text, not int"),
        (
            ["a", "b"],
            ["x", None],
            DataError,
            r"training data, text 2: the label is missing \(None\); leave out such texts",
        ),
        (["a", "b"], ["x", ""], DataError, "training data, text 2: the label '' is no string"),
        (["a", "b"], [0.5, 1.0], DataError, "training data, text 1: the label 0.5 is no string, integer or truth"),
        (
            ["a", "b"],
            [np.nan, 1],
            DataError,
            r"training data, text 1: the label is missing \(nan\); leave out such texts",
        ),
        (["a", "b", "c"], ["1", "1", 1], DataError, r"several kinds: str \(text 1\), int \(text 3\); give all as"),
        (["a", "b"], [1, True], DataError, r"several kinds: int \(text 1\), bool \(text 2\)"),
        (["a", "b"], [["x"], "y"], UsageError, "training data, text 2: 'y' is no list, but other texts have lists"),
        (["a", "b"], [["x"], [3]], DataError, r"several kinds: str \(text 1\), int \(text 2\)"),
        (
            ["a", "b"],
            3 * np.eye(2, dtype=int),
            UsageError,
            r"y is an array of shape \(2, 2\); one with several columns has to",
        ),
        ([], [], DataError, "the training data holds no text; give at least one of each class"),
        (["a"], ["x"], DataError, "one training text and no dev data: give `dev`, or more texts"),
        (["a", "b"], ["x", "y"], DataError, "no class has two texts, so none can be held out: give `dev`, or more"),
        (TEXTS, ["x"] * 32, DataError, "has no class but x: there is nothing to learn; is the label column the right"),
        (TEXTS, [[]] * 32, DataError, "has no class but none: there is nothing to learn"),
        (["", " ", None], ["x", "x", "y"], DataError, "the training data has not one word; give texts with words"),
        (["a", SERIES[0]], ["x", "y"], UsageError, "fit: row 1 is a text or a list of tokens, row 2 not"),
        (["a", "b \ud83d"], ["x", "y"], DataError, "fit: text number 2 holds .* a surrogate"),
        ([[["a"]], [["b"]]], [0, 1], UsageError, "fit: row 1 is neither a text, a list of tokens nor an array of num"),
        (np.zeros((4, 3)), [0, 1, 0, 1], UsageError, r"series number 1 has the shape \(3,\); it must be \(steps, fea"),
        (np.zeros((4, 3, 0)), [0, 1, 0, 1], UsageError, r"series number 1 has the shape \(3, 0\)"),
        (np.zeros((4, 0, 3)), [0, 1, 0, 1], DataError, "the training series have not one step; give series with"),
        (
            [np.ones((2, 3)), np.ones((2, 4))],
            [0, 1],
            DataError,
            "series number 2 has 4 features per step, number 1 has 3; each step of each series needs the same ones",
        ),
        ([[[1.0], [np.inf]]] * 2, [0, 1], DataError, r"series number 1, step 2 holds \[inf\]; mend or fill it"),
        (Dataset.from_dict({"text": [], "label": []}), None, DataError, "the training data holds no text"),
        (Dataset.from_dict({"review": [], "stars": []}), None, DataError, "the training data holds no text"),
        (Dataset.from_dict({"text": TEXTS}), None, SeqtagError, "label"),
        (Dataset.from_dict(TABLE), LABELS, UsageError, "a dataset brings its own labels: leave y out, or give texts"),
        (
            DatasetDict({"train": Dataset.from_dict(TABLE)}),
            None,
            UsageError,
            r'the training data is a whole corpus with the splits train; give one, such as corpus\["train"\]',
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_training_data_that_fall_short(X, y, error, message):
    with pytest.raises(error, match=message):
        tiny_classifier().fit(X, y)


@pytest.mark.parametrize(
    ("dev", "message"),
    [
        (([], []), "the dev data holds no text; leave it out to hold out a share of the training data"),
        ((TEXTS,), r"dev is a tuple of 1; give a dataset, or the pair \(texts, labels\)"),
        ((TEXTS, LABELS[1:]), "dev data: 32 texts but 31 labels"),
        (TEXTS, "the dev data needs labels"),
        ((SERIES, NUMBERS), "the training data are texts, the dev data are not; give both in one form"),
        ((TEXTS, [[label] for label in LABELS]), "the training data have one label per text, the dev data have not"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_dev_data_that_fall_short(dev, message):
    with pytest.raises(SeqtagError, match=message):
        tiny_classifier().fit(TEXTS, LABELS, dev=dev)


def test_dev_data_of_another_form_than_the_training_data():
    several = [[label] for label in LABELS]
    with pytest.raises(UsageError, match="the training data have a list of labels per text, the dev data have not"):
        tiny_classifier().fit(TEXTS, several, dev=(TEXTS, LABELS))
    with pytest.raises(UsageError, match="the training data are series of numbers, the dev data are not"):
        tiny_classifier().fit(SERIES, NUMBERS, dev=(TEXTS, LABELS))
    with pytest.raises(DataError, match="the training series have 2 features per step, the dev series 3; each step of"):
        tiny_classifier().fit(SERIES, NUMBERS, dev=([np.ones((2, 3))], [1]))


def test_evaluation_data_that_fall_short(classifier, of_series):
    with pytest.raises(DataError, match="the evaluation data holds no text"):
        classifier.evaluate([], [])
    with pytest.raises(UsageError, match="the evaluation data needs labels"):
        classifier.evaluate(TEXTS)
    with pytest.raises(UsageError, match="evaluate: this model was trained on texts and takes such"):
        classifier.evaluate(SERIES, NUMBERS)
    with pytest.raises(UsageError, match="evaluate: this model was trained on series of numbers and takes such"):
        of_series.evaluate(TEXTS, LABELS)
    with pytest.raises(DataError, match="has only the labels 'x', 'y' not known to the model, which has bad, good"):
        classifier.evaluate(TEXTS[:2], ["x", "y"])
    with pytest.raises(DataError, match="the dev data has only the label 'x' not known"):
        tiny_classifier().fit(TEXTS, LABELS, dev=(TEXTS[:1], ["x"]))


def test_labels_that_a_model_lacks_are_told_and_count_as_wrong(classifier, caplog):
    report = classifier.evaluate([TEXTS[0], TEXTS[0]], [classifier.predict(TEXTS[:1])[0], "x"])
    assert report.accuracy == 0.5
    assert "the evaluation data has the label 'x' not known to the model, which has bad, good" in caplog.text


# -- options and models -----------------------------------------------------------------------


def test_all_wrong_options_are_named_at_once_with_the_near_miss():
    wrong = {
        "encoder": "ltsm",
        "pooling": "atention",
        "segment_size": 0,
        "label_smoothing": 1.0,
        "hidden_size": 0.5,
        "class_weights": {"good": 0},
    }
    with pytest.raises(UsageError) as caught:
        Classifier(**wrong).fit(TEXTS, LABELS)
    message = str(caught.value)
    assert message.startswith("Classifier: ")
    for name, value in wrong.items():
        assert f"{name}={value!r}: " in message
    assert message.count("\n") == len(wrong) - 1
    for line in (
        "pooling='atention': unknown; choose from attention, last, max, mean; did you mean 'attention'?",
        "segment_size=0: must be a whole number, at least 1",
        "label_smoothing=1.0: must be a number, at least 0 and less than 1",
    ):
        assert line in message


@pytest.mark.parametrize("name", sorted(checks_of(Classifier)))
def test_every_option_is_checked(name):
    assert set(checks_of(Classifier)) == set(Classifier().get_params())
    for nonsense in (object(), [], -1.5):
        with pytest.raises(UsageError, match=f"^Classifier: {name}="):
            Classifier(**{name: nonsense})._check_options()


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        (LABELS, {"goood": 2.0}, "class_weights: unknown label 'goood'; choose from bad, good; did you mean 'good'?"),
        ([len(text) % 2 for text in TEXTS], {2: 2.0}, "class_weights: unknown label 2; choose from 0, 1"),
        ([len(text) % 2 for text in TEXTS], {0.5: 2.0}, "class_weights: unknown label 0.5; choose from 0, 1"),
    ],
    ids=["near miss", "integer", "number"],
)
def test_a_weight_for_a_class_that_the_data_lack(y, weights, message):
    with pytest.raises(UsageError) as caught:
        tiny_classifier(class_weights=weights).fit(TEXTS, y)
    assert message in str(caught.value)


def test_a_language_and_a_vectors_file_that_are_none(tmp_path):
    with pytest.raises(UsageError, match="language 'zz'"):
        tiny_classifier(language="zz").fit(TEXTS, LABELS)
    with pytest.raises(SeqtagError, match=r"none\.vec"):
        tiny_classifier(vectors=str(tmp_path / "none.vec")).fit(TEXTS, LABELS)


def test_weights_that_do_not_fit_the_classes_are_refused(classifier, tmp_path):
    stored = read_model(classifier.save(tmp_path / "m"))
    stored.config["classes"]["labels"] = ["bad", "fair", "good"]
    config = {k: v for k, v in stored.config.items() if k not in ("format_version", "seqtag_version", "files")}
    write_model(tmp_path / "m", type(stored)(config, stored.vocabulary, stored.weights, stored.history, stored.card))
    with pytest.raises(ModelError, match=r"config\.json: 'prior' must have the share of each of the 3 classes"):
        Classifier.load(tmp_path / "m")


@pytest.mark.parametrize("kind", [int, float, bool])
def test_rows_of_0_and_1_are_indicators_and_no_names(kind):
    rows = [[kind(value) for value in row] for row in ([1, 0, 1], [0, 0, 0], [0, 1, 0])]
    for y in (rows, pd.Series(rows), [np.array(row) for row in rows], iter(rows), tuple(map(tuple, rows))):
        data = as_labelled(["a", "b", "c"], y, "training", language="en")
        assert (data.labels, data.columns) == ([[0, 2], [], [1]], (0, 1, 2))
    # lists of other lengths are lists of labels
    assert as_labelled(["a", "b"], [[0], [0, 1]], "training", language="en").labels == [[0], [0, 1]]


def test_a_pair_in_the_place_of_texts_and_labels_is_told_the_right_call():
    with pytest.raises(UsageError, match=r"the evaluation data is one pair; .* as two arguments: evaluate\(X, y\)"):
        as_labelled((["a"], ["x"]), None, "evaluation", language="en")
    with pytest.raises(UsageError, match=r"needs labels: give a dataset with text and label, or evaluate\(\["):
        as_labelled(["a"], None, "evaluation", language="en")


def test_the_rows_hold_a_word_once_however_many_texts_have_it():
    texts = [f"A rather{'long' * 20}word stands in text {i % 7}" for i in range(2100)]
    data = as_labelled(texts, ["a"] * len(texts), "training", language="en")
    rows = data.rows
    assert rows == data.part(0, len(data))
    words = [word for row in rows for word in row]
    assert len(set(map(id, words))) == len(set(words)) == 12
