"""What dev data decide, against trying everything: thresholds, the mixture of the two views, the dev score."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from tiny import LABELS, TEXTS, fitted_classifier, tiny_classifier
from torch.nn import functional

from seqtag.models.classifying.inference import ClassDevScore, best_threshold, best_weights

probabilities = st.floats(1e-9, 1 - 1e-9) | st.integers(1, 9).map(lambda tenths: tenths / 10)
scored = st.lists(st.tuples(probabilities, st.booleans()), min_size=1, max_size=12)
NEAR = 0.3 + 4e-14


def f1_from(threshold, probability_N, gold_N):
    chosen_N = probability_N >= threshold
    return 2 * (chosen_N & gold_N).sum() / (chosen_N.sum() + gold_N.sum())


@given(rows=scored)
@example(rows=[(0.3, False), (NEAR, True)])
@example(rows=[(1e-14, True), (1e-15, False)])
@example(rows=[(1 - 1e-13, True), (1 - 2e-13, False)])
def test_the_best_threshold_is_as_good_as_any(rows):
    probability_N, gold_N = np.array([p for p, _ in rows]), np.array([g for _, g in rows])
    assume(gold_N.any())
    threshold = best_threshold(probability_N, gold_N)
    best = max(f1_from(cut, probability_N, gold_N) for cut in [*probability_N, 2.0])
    assert f1_from(threshold, probability_N, gold_N) == pytest.approx(best, abs=1e-12)
    assert 0 < threshold < 1
    # of equally good cuts it is the nearest to one half
    cuts = [(p + max([q for q in probability_N if q < p], default=0.0)) / 2 for p in probability_N]
    good = [cut for cut in cuts if f1_from(cut, probability_N, gold_N) >= best - 1e-12]
    assert abs(threshold - 0.5) <= min(abs(cut - 0.5) for cut in good) + 1e-9


@given(rows=st.lists(probabilities, max_size=5))
def test_without_gold_there_is_no_threshold_to_find(rows):
    assert best_threshold(np.array(rows), np.zeros(len(rows), bool)) == 0.5


@settings(max_examples=30)
@given(seed=st.integers(0, 99), is_multi=st.booleans(), num_views=st.integers(1, 2), size=st.floats(0.3, 3))
def test_of_many_dev_rows_the_weights_of_the_views_are_the_likeliest(seed, is_multi, num_views, size):
    random = np.random.default_rng(seed)
    gold_NL = np.eye(3, dtype=bool)[random.integers(0, 3, 400)]
    # each view is right to a degree, and too sure or not sure enough
    views_VNL = size * (gold_NL + random.normal(size=(num_views, 400, 3)))

    def loss(weights_V):
        scores_NL = torch.from_numpy(np.tensordot(weights_V, views_VNL, 1))
        gold = torch.from_numpy(gold_NL).double()
        if is_multi:
            return functional.binary_cross_entropy_with_logits(scores_NL, gold).item()
        return functional.cross_entropy(scores_NL, gold).item()

    found_V = best_weights(views_VNL, gold_NL, is_multi).numpy()
    assert ((found_V >= 0) & (found_V <= 3)).all()
    # what holds them near equal ones counts as much as one row
    for weights_V in product(np.linspace(0, 3, 16), repeat=num_views):
        far = ((np.array(weights_V) - 1 / num_views) ** 2).sum()
        assert loss(found_V) <= loss(weights_V) + (far + 0.1) / 400


@pytest.mark.parametrize("is_multi", [False, True])
@pytest.mark.parametrize("num_views", [1, 2])
def test_of_few_dev_rows_the_weights_stay_near_equal_ones(num_views, is_multi):
    views_VNL = np.random.default_rng(0).normal(0, 5, (num_views, 1, 4))
    none_NL = np.zeros((0, 4), bool)
    equal = [1 / num_views] * num_views
    assert best_weights(views_VNL[:, :0], none_NL, is_multi).tolist() == pytest.approx(equal)
    # a label that the model does not know says nothing of single labels
    assert is_multi or best_weights(views_VNL, np.zeros((1, 4), bool), is_multi).tolist() == pytest.approx(equal)
    one_V = best_weights(views_VNL, np.eye(4, dtype=bool)[:1], is_multi)
    assert (one_V - 1 / num_views).abs().max() < 1.5
    # a view that says the opposite of gold counts for nothing in the long run
    wrong_VNL = np.tile(-10.0 * np.eye(4), (num_views, 25, 1))
    assert best_weights(wrong_VNL, np.tile(np.eye(4, dtype=bool), (25, 1)), is_multi).max() < 0.02


def test_the_dev_score_is_that_of_scikit_learn():
    classifier = fitted_classifier()
    gold = [*LABELS[:-1], "never seen in training"]
    rows = classifier._rows(classifier._torch_engine(), TEXTS, "fit")
    score = ClassDevScore(classifier._torch_engine, rows, gold, classifier.class_set_)
    found = score(classifier.network_)
    assert found.score == pytest.approx(accuracy_score(gold, classifier.predict(TEXTS)))
    known = ClassDevScore(classifier._torch_engine, rows[:-1], gold[:-1], classifier.class_set_)(classifier.network_)
    assert found.loss == pytest.approx(known.loss)  # a label that training lacks has no likelihood
    low, high = score.interval(classifier.network_)
    assert 0 <= low <= found.score <= high <= 1


@pytest.mark.parametrize("is_multi", [False, True])
def test_the_dev_loss_is_the_train_loss_of_a_network_that_stays(is_multi: bool):
    """With a rate of 0 and nothing dropped, both measure the first network, smoothing and weights included."""
    y = [[label, "we"] if "We" in text else [label] for label, text in zip(LABELS, TEXTS)] if is_multi else LABELS
    still = dict.fromkeys(("dropout", "embedding_dropout", "lexical_dropout", "word_dropout", "learning_rate"), 0.0)
    options = {**still, "lexical_learning_rate": 0.0, "label_smoothing": 0.1, "class_weights": "balanced", "epochs": 1}
    classifier = tiny_classifier(**options).fit(TEXTS, y, dev=(TEXTS, y))
    assert classifier.history_[0].dev_loss == pytest.approx(classifier.history_[0].loss, rel=1e-5)


def test_thresholds_are_left_in_the_head_and_the_score_is_micro_f1():
    """Trained for one epoch the probabilities are bad, and the thresholds far from one half."""
    y = [["all"] + ["loud"] * ("!" in text) + ["we"] * ("We" in text) for text in TEXTS]
    classifier = tiny_classifier(epochs=1).fit(TEXTS, y, dev=(TEXTS, y))
    probability_NL = classifier.predict_proba(TEXTS)
    gold_NL = np.array([[label in labels for label in classifier.classes_] for labels in y])
    for p_N, y_N, threshold in zip(probability_NL.T, gold_NL.T, classifier.network_.head.threshold_L, strict=True):
        assert f1_from(threshold.item(), p_N, y_N) == pytest.approx(max(f1_from(p, p_N, y_N) for p in p_N), abs=1e-6)
    predicted_NL = np.array(
        [[label in labels for label in classifier.classes_] for labels in classifier.predict(TEXTS)]
    )
    assert classifier.history_[0].dev_score == pytest.approx(f1_score(gold_NL, predicted_NL, average="micro"))
    assert not torch.equal(classifier.network_.head.threshold_L, torch.full((3,), 0.5))
