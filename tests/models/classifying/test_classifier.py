"""The classifier end to end: it learns, its answers are those of each text alone, and labels come as they went in."""

import logging
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import LABELS, SEVERAL, TEXTS, UNSEEN_TEXTS, fitted_classifier, tiny_classifier

from seqtag import Classifier
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.models.classifying.inference import ClassDevScore
from seqtag.nn.pooling import POOLINGS
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.text.tokenizer import Tokenizer
from seqtag.training.watchers import DevFigures

EASY = {"dropout": 0.0, "embedding_dropout": 0.0, "lexical_dropout": 0.0, "word_dropout": 0.0}
words = st.sampled_from([*sorted({word for text in TEXTS for word in text.split()}), "unheard", "42", "é", "A B"])
texts = st.lists(st.lists(words, max_size=12).map(" ".join), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def classifier():
    return fitted_classifier(epochs=4)


@pytest.fixture(scope="module", params=sorted(POOLINGS))
def in_segments(request):
    """One model for each pooling, with segments so short that most texts have several; one of them multi-label."""
    y = SEVERAL if request.param == "max" else LABELS
    return tiny_classifier(pooling=request.param, segment_size=5).fit(TEXTS, y, dev=(TEXTS, y))


def weights(classifier):
    return {name: tensor.clone() for name, tensor in classifier.network_.state_dict().items()}


def assert_same_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def keep_the_last_epoch(monkeypatch):
    rising = iter(range(1000))
    monkeypatch.setattr(ClassDevScore, "__call__", lambda *_: DevFigures(next(rising)))


# -- learning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lexical", [True, False])
@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_it_overfits_32_texts(pooling, lexical):
    options = {"hidden_size": 16, "epochs": 14, "batch_size": 8, "learning_rate": 0.02}
    classifier = tiny_classifier(pooling=pooling, lexical=lexical, **options, **EASY)
    classifier.fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
    assert classifier.predict(TEXTS) == LABELS
    assert classifier.score(TEXTS, LABELS) == classifier.evaluate(TEXTS, LABELS).accuracy == 1.0
    assert classifier.history_[-1].loss < 0.5 * classifier.history_[0].loss


def test_the_encoder_learns_beside_the_ngrams(monkeypatch):
    """The linear view is quick; it must not leave the encoder nothing to learn."""
    keep_the_last_epoch(monkeypatch)
    classifier = tiny_classifier(hidden_size=16, epochs=12, **EASY).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
    classifier.network_.head.lexical = None
    assert classifier.score(TEXTS, LABELS) == 1.0


@pytest.mark.parametrize(
    "kind",
    [
        ["neg", "pos"],
        [0, 1],
        [10, 9],
        [-1, 3],
        [False, True],
        list(np.array([3, 5])),
        list(np.array([True, False])),
        list(np.array(["no", "yes"])),
        ["10", "9"],
    ],
    ids=str,
)
def test_labels_come_back_as_they_went_in(kind, tmp_path):
    plain = [label.item() if isinstance(label, np.generic) else label for label in kind]
    y = [kind[label == "good"] for label in LABELS]
    classifier = tiny_classifier(epochs=3, batch_size=8, **EASY).fit(TEXTS, y, dev=(TEXTS, y))
    loaded = Classifier.load(classifier.save(tmp_path / "m"), device="cpu")
    for model in (classifier, loaded):
        predicted = model.predict(TEXTS)
        assert predicted == [plain[label == "good"] for label in LABELS]
        assert {type(label) for label in predicted} == {type(plain[0])}
        assert model.classes_.tolist() == sorted(plain)
        assert model.score(TEXTS, [str(label) for label in y]) == 1.0  # as a file would write them


def test_several_labels_a_text_end_to_end(tmp_path):
    classifier = tiny_classifier(hidden_size=16, epochs=20, batch_size=8, learning_rate=0.02, **EASY)
    classifier.fit(TEXTS, [set(labels) for labels in SEVERAL], dev=(TEXTS, SEVERAL))
    assert classifier.classes_.tolist() == ["good", "loud"]
    assert [] in SEVERAL
    assert classifier.predict(TEXTS) == SEVERAL
    assert classifier.score(TEXTS, SEVERAL) == 1.0
    thresholds = classifier.network_.head.threshold_L.numpy()
    probability_NL = classifier.predict_proba(UNSEEN_TEXTS)
    assert ((probability_NL > 0) & (probability_NL < 1)).all()
    chosen = [
        [name for name, yes in zip(["good", "loud"], row, strict=True) if yes] for row in probability_NL >= thresholds
    ]
    assert classifier.predict(UNSEEN_TEXTS) == chosen
    loaded = Classifier.load(classifier.save(tmp_path / "m"), device="cpu")
    assert loaded.predict(UNSEEN_TEXTS) == chosen


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("weight", [0.25, 9.0])
def test_a_heavier_class_is_said_more_often(weight, several, monkeypatch):
    """Where the data say yes as often as no, the best answer for a weight w of yes has odds of w."""
    X, y = ["Paris"] * 20, [1, 0] * 10
    y = [["yes"] * label for label in y] if several else y
    keep_the_last_epoch(monkeypatch)
    options = EASY | {"epochs": 60, "batch_size": 20, "learning_rate": 0.03, "schedule": "cosine", "lexical": False}
    options["label_smoothing"] = 0.0
    key = "yes" if several else 1
    classifier = tiny_classifier(class_weights={key: weight}, **options).fit(X, y, dev=(X, y))
    assert classifier.predict_proba(["Paris"])[0, -1] == pytest.approx(weight / (1 + weight), abs=0.03)


def test_weights_of_integers_may_be_named_by_them_or_by_their_digits():
    y = [int(label == "good") for label in LABELS]
    by_number, by_name = (tiny_classifier(class_weights={key: 5.0}).fit(TEXTS, y, dev=(TEXTS, y)) for key in (1, "1"))
    assert_same_weights(by_number, by_name)
    assert by_number.predict_proba(TEXTS)[:, 1].mean() > fitted_classifier().predict_proba(TEXTS)[:, 1].mean()


def test_pretrained_vectors_start_the_words(tmp_path, caplog):
    path = tmp_path / "small.vec"
    path.write_text("soup 1 2 3 4\nbread -1 0 1 0\nunheard 9 9 9 9\n", encoding="utf-8")
    with caplog.at_level("INFO", "seqtag"):
        classifier = tiny_classifier(vectors=str(path), freeze_vectors=True, word_dropout=0.0).fit(TEXTS, LABELS)
    table, index = classifier.network_.embedder.word.weight, classifier.vocabulary_.indices["word"]
    assert table[index["soup"]].tolist() == [1, 2, 3, 4]
    assert table[index["unheard"]].tolist() == [9, 9, 9, 9]  # a word that training lacks
    assert re.search(r"3 vectors of 4 numbers; [1-9]\.\d% of the training tokens have one", caplog.text)
    loaded = Classifier.load(classifier.save(tmp_path / "m"), device="cpu")
    assert loaded.predict_proba(UNSEEN_TEXTS).tobytes() == classifier.predict_proba(UNSEEN_TEXTS).tobytes()
    assert loaded.vectors == "small.vec"  # no path to elsewhere


# -- what comes in ----------------------------------------------------------------------------


def test_texts_tokens_and_datasets_train_the_same():
    by_texts = fitted_classifier()
    tokens = [[token.text for token in Tokenizer("xx").tokens(text)] for text in TEXTS]
    numbers = [["bad", "good"].index(label) for label in LABELS]
    named = Features({"review": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    for data in (
        Dataset.from_dict({"text": TEXTS, "label": LABELS}),
        Dataset.from_dict({"review": TEXTS, "label": numbers}, features=named),
        Dataset.from_dict({"tokens": tokens, "label": LABELS}),
    ):
        other = tiny_classifier().fit(data, dev=data)
        assert_same_weights(by_texts, other)
        assert other.data_["fingerprint"] == by_texts.data_["fingerprint"]
        found, expected = other.evaluate(data), by_texts.evaluate(TEXTS, LABELS)
        # tokens are shown with blanks between them
        assert replace(found, errors=replace(found.errors, right_examples=())) == (
            replace(expected, errors=replace(expected.errors, right_examples=()))
        )
        assert [example.note for example in found.errors.right_examples] == [
            example.note for example in expected.errors.right_examples
        ]
    by_tokens = tiny_classifier().fit(tokens, LABELS, dev=([np.array(words, object) for words in tokens], LABELS))
    assert_same_weights(by_texts, by_tokens)
    assert by_texts.predict_proba(tokens).tobytes() == by_texts.predict_proba(TEXTS).tobytes()


def test_a_dataset_with_lists_of_labels_is_multi_label():
    data = Dataset.from_dict({"text": TEXTS, "labels": SEVERAL})
    by_lists = tiny_classifier().fit(TEXTS, SEVERAL, dev=(TEXTS, SEVERAL))
    assert_same_weights(tiny_classifier().fit(data, dev=data), by_lists)


def test_blank_texts_get_the_prior_in_their_places_and_one_warning(caplog):
    y = ["a"] * 20 + ["b"] * 12
    classifier = tiny_classifier().fit(TEXTS, y, dev=(TEXTS, y))
    X = ["", TEXTS[0], None, float("nan"), " \n\u00a0\t", TEXTS[1], [], "."]
    probability_NL = classifier.predict_proba(X)
    [record] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert record.getMessage() == (
        "predict_proba: 5 of the texts without a word (number 1, 3, 4, 5, 7); "
        "these get the shares of the classes in training"
    )
    blank = np.array([0, 2, 3, 4, 6])
    np.testing.assert_allclose(probability_NL[blank], [[20 / 32, 12 / 32]] * 5, atol=1e-12)
    rest = np.setdiff1d(np.arange(8), blank)
    assert probability_NL[rest].tobytes() == classifier.predict_proba([TEXTS[0], TEXTS[1], "."]).tobytes()
    assert [classifier.predict(X)[i] for i in blank] == ["a"] * 5
    caplog.clear()
    classifier.predict(["fine"] * 3 + [""] * 8)
    assert "8 of the texts without a word (number 4, 5, 6, 7, 8, ...)" in caplog.text


def test_blank_texts_in_training_are_told_and_do_not_disturb_it(caplog):
    X, y = ["", *TEXTS, None, "  "], ["good", *LABELS, "bad", "bad"]
    classifier = tiny_classifier(batch_size=1).fit(X, y, dev=(TEXTS, LABELS))
    assert "the training data: 3 of the texts without a word (number 1, 34, 35)" in caplog.text
    assert classifier.data_["train"] == 35
    assert classifier.history_[1].loss < classifier.history_[0].loss
    assert classifier.evaluate(X, y).num_texts == 35


# -- what comes out ---------------------------------------------------------------------------


def test_columns_follow_the_classes_and_rows_sum_to_one(classifier):
    assert classifier.classes_.tolist() == ["bad", "good"]
    every = [*UNSEEN_TEXTS, *TEXTS]
    probability_NL = classifier.predict_proba(every)
    np.testing.assert_allclose(probability_NL.sum(1), 1.0, atol=1e-9)
    assert classifier.predict(every) == classifier.classes_[probability_NL.argmax(1)].tolist()
    is_good = np.array(LABELS) == "good"
    shares_NL = classifier.predict_proba(TEXTS)
    assert shares_NL[is_good, 1].mean() > 0.5 > shares_NL[~is_good, 1].mean()
    assert classifier.predict([]) == []
    assert classifier.predict_proba([]).shape == (0, 2)


def test_a_generator_and_a_table_column_are_lists_of_texts(classifier):
    expected = classifier.predict(UNSEEN_TEXTS)
    column = Dataset.from_dict({"text": UNSEEN_TEXTS})["text"]
    for X in (iter(UNSEEN_TEXTS), tuple(UNSEEN_TEXTS), np.array(UNSEEN_TEXTS), np.array(UNSEEN_TEXTS, object), column):
        assert classifier.predict(X) == expected


def test_a_stream_is_read_as_it_is_used(classifier, monkeypatch, caplog):
    monkeypatch.setattr("seqtag.inference.classifying.MOST_TOGETHER", 4)
    taken = []
    X = [*UNSEEN_TEXTS, "", *TEXTS]
    stream = classifier.predict_stream(taken.append(1) or text for text in X)
    first = next(stream)
    assert len(taken) == 4
    assert [first, *stream] == classifier.predict(X)
    assert "(number 6)" in caplog.text


def test_evaluation_reads_a_few_thousand_rows_at_a_time_and_reports_the_same(classifier, monkeypatch):
    whole = classifier.evaluate(TEXTS, LABELS)
    monkeypatch.setattr("seqtag.models.classifying.classifier.MOST_TOGETHER", 4)
    parts = classifier.evaluate(TEXTS, LABELS)
    assert parts.slices == whole.slices
    assert parts.errors == whole.errors
    assert parts.log_loss == pytest.approx(whole.log_loss)


@settings(max_examples=8)
@given(texts=texts, random=st.randoms(use_true_random=False), budget=st.sampled_from([1, 7, 4096]))
def test_neighbours_order_and_token_budget_change_nothing(in_segments, texts, random, budget):
    order = random.sample(range(len(texts)), len(texts))
    together_NL = in_segments.predict_proba(texts)
    encoder = in_segments.network_.encoder
    before = in_segments.max_tokens, encoder.max_tokens
    in_segments.max_tokens = encoder.max_tokens = budget
    try:
        shuffled_NL = in_segments.predict_proba([texts[i] for i in order])
        alone_NL = np.concatenate([in_segments.predict_proba([text]) for text in texts])
    finally:
        in_segments.max_tokens, encoder.max_tokens = before
    np.testing.assert_allclose(shuffled_NL, together_NL[order], atol=1e-5)
    np.testing.assert_allclose(alone_NL, together_NL, atol=1e-5)


def test_the_report_is_that_of_the_predictions(classifier):
    gold = [*LABELS[:-1], "unheard of"]
    expected = evaluate_labels(
        gold,
        classifier.predict(TEXTS),
        labels=["bad", "good"],
        probabilities=classifier.predict_proba(TEXTS),
        texts=TEXTS,
    )
    report = classifier.evaluate(TEXTS, gold)
    assert replace(report, slices=()) == expected
    assert {cut.group for cut in report.slices} == {"tokens of the text", "unknown words"}
    assert report.unknown == ("unheard of",)
    assert classifier.score(TEXTS, gold) == report.accuracy


# -- long texts -------------------------------------------------------------------------------


def test_a_text_of_5000_tokens_trains_and_predicts_within_the_budget_and_to_its_end(monkeypatch):
    sizes = []
    forward = RecurrentEncoder.forward
    monkeypatch.setattr(
        RecurrentEncoder, "forward", lambda self, x, n: sizes.append(x.shape[0] * x.shape[1]) or forward(self, x, n)
    )
    filler = " ".join(["and so it went on"] * 1000)
    X = [f"{filler} {end}" for end in ("lovely", "awful")] + TEXTS
    y = ["good", "bad", *LABELS]
    # One text may be as large as eight batches before it is read in parts.
    classifier = tiny_classifier(pooling="mean", max_tokens=64, segment_size=64, lexical=False).fit(X, y, dev=(X, y))
    probability_NL = classifier.predict_proba(X)
    assert max(sizes) <= 512
    assert sum(sizes) >= 3 * 2 * 5000  # two epochs with their dev scores, and the prediction
    for place in (0, 2500, 5000):
        tokens = X[0].split()
        tokens[place] = "soup"
        assert abs(classifier.predict_proba([tokens]) - classifier.predict_proba([X[0].split()])).max() > 1e-8
    np.testing.assert_allclose(probability_NL.sum(1), 1.0, atol=1e-9)
