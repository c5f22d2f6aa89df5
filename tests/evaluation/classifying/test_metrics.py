"""Figures of classifiers against scikit-learn called with names, pairs counted one by one, and published cases."""

from itertools import product

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.preprocessing import MultiLabelBinarizer

from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.classifying.report import ClassReport

NAMES = ["sports", "b", "a|b", "zebra", "Ω"]
UNKNOWN = ["aardvark", "zz"]


def draw_probabilities(num_texts: int, num_classes: int, *, seed: int, multi_label: bool) -> np.ndarray:
    """Give random probabilities, rounded so that ties occur."""
    random = np.random.default_rng(seed)
    weights = random.integers(0, 5, (num_texts, num_classes)) + 1e-3
    return weights / 5 if multi_label else weights / weights.sum(1, keepdims=True)


@st.composite
def single_case(draw: st.DrawFn) -> tuple[list, list, list, np.ndarray]:
    """Give gold, predicted, labels and probabilities; classes may be missing from gold, from prediction, from both."""
    labels = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    pairs = draw(st.lists(st.tuples(st.sampled_from(labels + UNKNOWN), st.sampled_from(labels)), min_size=1))
    if draw(st.booleans()):
        pairs = [pair for pair in pairs if pair[0] in labels] or [(labels[0], labels[0])]
    if draw(st.booleans()):
        pairs += [(label, labels[0]) for label in labels]
    gold, predicted = map(list, zip(*pairs))
    seed = draw(st.integers(0, 99))
    return gold, predicted, labels, draw_probabilities(len(gold), len(labels), seed=seed, multi_label=False)


@st.composite
def multi_case(draw: st.DrawFn) -> tuple[list, list, list, np.ndarray]:
    labels = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    some = st.lists(st.sampled_from(labels), unique=True)
    gold = draw(st.lists(st.one_of(some, st.lists(st.sampled_from(labels + UNKNOWN), unique=True)), min_size=1))
    if draw(st.booleans()):
        gold = [[label for label in found if label in labels] for found in gold] + [[], labels]
    predicted = draw(st.lists(some, min_size=len(gold), max_size=len(gold)))
    seed = draw(st.integers(0, 99))
    return gold, predicted, labels, draw_probabilities(len(gold), len(labels), seed=seed, multi_label=True)


def area_by_pairs(is_there: list[bool], scores: np.ndarray) -> float:
    """Give the share of pairs (a text with the class, one without) that the scores put in order; a tie is a half."""
    pairs = product([s for s, y in zip(scores, is_there) if y], [s for s, y in zip(scores, is_there) if not y])
    return float(np.mean([(with_it > without) + (with_it == without) / 2 for with_it, without in pairs]))


def assert_rows(report: ClassReport, expected: dict) -> None:
    """Compare with scikit-learn's report, which has a row only for what occurs."""
    for row in report.classes:
        if str(row.label) in expected:
            found = [row.precision, row.recall, row.f1, row.support]
            assert found == pytest.approx(list(expected[str(row.label)].values()))
        else:
            assert (row.precision, row.recall, row.f1, row.support, row.num_predicted) == (0, 0, 0, 0, 0)


def assert_averages(report: ClassReport, expected: dict) -> None:
    # scikit-learn's macro average, without `labels`, also counts, as 0, a class that only the prediction has
    in_gold = [row for row in report.classes if row.support]
    assert report.macro.precision == pytest.approx(np.mean([row.precision for row in in_gold] or [0]))
    assert report.macro.recall == pytest.approx(np.mean([row.recall for row in in_gold] or [0]))
    assert report.macro.f1 == pytest.approx(np.mean([row.f1 for row in in_gold] or [0]))
    for name, found in (("weighted", report.weighted), ("micro", report.micro)):
        if found:
            assert [found.precision, found.recall, found.f1] == pytest.approx(
                list(expected[f"{name} avg"].values())[:3]
            )


@given(single_case())
def test_figures_of_single_labels_equal_scikit_learn(case):
    gold, predicted, labels, probabilities = case
    report = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities, resamples=0)
    expected = sk.classification_report(gold, predicted, output_dict=True, zero_division=0)
    assert_rows(report, expected)
    assert_averages(report, expected)
    assert report.score == report.accuracy == pytest.approx(sk.accuracy_score(gold, predicted))
    assert report.majority_share == max(map(gold.count, gold)) / len(gold)
    assert [row.num_predicted for row in report.classes] == [predicted.count(row.label) for row in report.classes]

    names = [row.label for row in report.classes]
    assert names == [*labels, *sorted(set(gold) - set(labels))]
    assert report.unknown == tuple(names[len(labels) :])
    for (i, left), (j, right) in product(enumerate(names), repeat=2):
        assert report.confusion[i][j] == list(zip(gold, predicted)).count((left, right))


@given(single_case())
def test_log_loss_and_roc_auc_of_single_labels_equal_scikit_learn(case):
    gold, predicted, labels, probabilities = case
    report = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities, resamples=0)
    by_name = np.argsort(labels)  # the order that scikit-learn asks for
    if report.unknown or len(labels) == 1:
        assert report.log_loss is report.roc_auc is None
        assert set(report.undefined) == {"log_loss", "roc_auc"}
        return
    expected = sk.log_loss(gold, probabilities[:, by_name], labels=sorted(labels))
    assert report.log_loss == pytest.approx(expected)
    if set(gold) != set(labels):
        assert report.roc_auc is None
        assert set(report.undefined) == {"roc_auc"}
        return
    areas = [area_by_pairs([y == label for y in gold], probabilities[:, i]) for i, label in enumerate(labels)]
    assert report.roc_auc == pytest.approx(np.mean(areas))
    assert report.undefined == {}
    if len(labels) > 2:
        area = sk.roc_auc_score(gold, probabilities[:, by_name], labels=sorted(labels), multi_class="ovr")
        assert report.roc_auc == pytest.approx(area)


@given(multi_case())
def test_figures_of_several_labels_equal_scikit_learn(case):
    gold, predicted, labels, probabilities = case
    report = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities, resamples=0)
    occurring = sorted({label for found in gold + predicted for label in found})
    # a column of zeros, so that scikit-learn takes a matrix of one class for what it is
    binarizer = MultiLabelBinarizer(classes=[*occurring, "nowhere"])
    left, right = binarizer.fit_transform(gold), binarizer.transform(predicted)
    assert report.accuracy == pytest.approx(sk.accuracy_score(left, right))
    assert report.score == report.micro.f1
    assert (report.confusion, report.majority_share) == (None, None)
    if occurring:
        columns = list(range(len(occurring)))
        expected = sk.classification_report(
            left, right, labels=columns, target_names=occurring, output_dict=True, zero_division=0
        )
        assert_rows(report, expected)
        assert_averages(report, expected)
    else:
        assert (report.accuracy, report.micro.f1, report.macro.f1, report.weighted.f1) == (1, 0, 0, 0)

    unknown = sorted({label for found in gold for label in found} - set(labels))
    assert report.unknown == tuple(unknown)
    if unknown:
        assert report.log_loss is report.roc_auc is None
        return
    there = np.array([[label in found for label in labels] for found in gold])
    surprise = -np.log(np.where(there, probabilities, 1 - probabilities).clip(np.finfo(float).eps))
    assert report.log_loss == pytest.approx(surprise.mean())
    if there.all(0).any() or not there.any(0).all():
        assert report.roc_auc is None
        assert set(report.undefined) == {"roc_auc"}
    else:
        areas = [area_by_pairs(list(there[:, i]), probabilities[:, i]) for i in range(len(labels))]
        assert report.roc_auc == pytest.approx(np.mean(areas))


@given(single_case(), st.sampled_from([int, bool]))
def test_the_form_of_labels_changes_no_figure(case, form):
    gold, predicted, labels, _ = case
    labels = labels[:2]
    if form is bool:  # there is no third one for what the model does not know
        gold = [label if label in labels else labels[0] for label in gold]
    predicted = [label if label in labels else labels[0] for label in predicted]
    names = [*labels, *sorted(set(gold) - set(labels))]
    as_form = {name: form(number) for number, name in enumerate(names)}
    by_name = evaluate_labels(gold, predicted, labels=labels, resamples=0)
    by_form = evaluate_labels(
        np.array([as_form[x] for x in gold]),
        [as_form[x] for x in predicted],
        labels=[as_form[x] for x in labels],
        resamples=0,
    )
    assert [type(row.label) for row in by_form.classes] == [form] * len(names)
    assert (by_form.macro, by_form.accuracy, by_form.confusion) == (by_name.macro, by_name.accuracy, by_name.confusion)
    lists = evaluate_labels([[x] for x in gold], [(x,) for x in predicted], labels=labels, resamples=0)
    assert (lists.classes, lists.accuracy, lists.macro) == (by_name.classes, by_name.accuracy, by_name.macro)
    assert lists.micro.f1 == pytest.approx(by_name.accuracy)


def test_averages_of_the_textbook():
    # Manning, Raghavan and Schütze 2008, table 13.8: two classes, pooled precision 0.83, the mean of both 0.70
    first = [["1"]] * 10 + [[]] * 10 + [["1"]] * 10 + [[]] * 970, [["1"]] * 20 + [[]] * 980
    second = [["2"]] * 90 + [[]] * 10 + [["2"]] * 10 + [[]] * 890, [["2"]] * 100 + [[]] * 900
    gold, predicted = ([a + b for a, b in zip(*sides)] for sides in zip(first, second))
    report = evaluate_labels(gold, predicted, labels=["1", "2"])
    assert report.macro.precision == pytest.approx(0.7)
    assert report.micro.precision == pytest.approx(0.83, abs=0.005)


def test_log_loss_and_roc_auc_of_the_documentation():
    # the examples of scikit-learn's pages on log_loss and roc_auc_score
    probabilities = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
    gold = ["spam", "ham", "ham", "spam"]
    report = evaluate_labels(gold, gold, labels=["ham", "spam"], probabilities=probabilities)
    assert report.log_loss == pytest.approx(0.21616, abs=5e-6)
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    report = evaluate_labels([0, 0, 1, 1], [0, 0, 0, 1], labels=[0, 1], probabilities=np.stack([1 - scores, scores], 1))
    assert report.roc_auc == pytest.approx(0.75)


def test_figures_by_hand():
    report = evaluate_labels(list("aabbc"), list("abbba"), labels=list("abcd"))
    rows = [(row.label, row.precision, row.recall, row.support, row.num_predicted) for row in report.classes]
    assert rows == [
        ("a", 1 / 2, 1 / 2, 2, 2),
        ("b", pytest.approx(2 / 3), 1.0, 2, 3),
        ("c", 0, 0, 1, 0),
        ("d", 0, 0, 0, 0),
    ]
    assert report.macro.f1 == pytest.approx((0.5 + 0.8 + 0) / 3)  # d occurs nowhere and is left out
    assert report.weighted.f1 == pytest.approx((2 * 0.5 + 2 * 0.8 + 0) / 5)
    assert report.accuracy == pytest.approx(3 / 5)
    assert report.confusion == ((1, 1, 0, 0), (0, 2, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0))


def test_single_precision_gives_the_same_figures():
    # a softmax in single precision sums to 1 only roughly, and large counts must not overflow
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(7), 3000)
    labels = list(range(7))
    gold, predicted = random.integers(0, 7, 3000), probabilities.argmax(1)
    exact = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities, resamples=0)
    rough = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities.astype(np.float32), resamples=0)
    assert (rough.log_loss, rough.roc_auc) == pytest.approx((exact.log_loss, exact.roc_auc), rel=1e-5)
    half = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities.astype(np.float16), resamples=0)
    assert half.log_loss == pytest.approx(exact.log_loss, rel=1e-2)


def test_the_interval_of_accuracy_is_that_of_the_share_of_texts():
    gold, predicted = ["a"] * 400, ["a"] * 300 + ["b"] * 100
    interval = evaluate_labels(gold, predicted, labels=["a", "b"]).accuracy_interval
    assert interval == pytest.approx(binom.ppf([0.025, 0.975], 400, 0.75) / 400, abs=0.003)
    lists = evaluate_labels([[x, "c"] for x in gold], [[x, "c"] for x in predicted], labels=["a", "b", "c"])
    assert lists.accuracy_interval == interval


def test_the_interval_of_several_labels_is_that_of_their_micro_f1():
    random = np.random.default_rng(3)
    gold, predicted = ([list("abc"[: random.integers(0, 4)]) for _ in range(300)] for _ in range(2))
    report = evaluate_labels(gold, predicted, labels=list("abc"))
    scores = []
    for _ in range(1000):  # the plain way: draw texts, score them
        drawn = random.integers(0, 300, 300)
        right = sum(len(set(gold[i]) & set(predicted[i])) for i in drawn)
        scores.append(2 * right / sum(len(gold[i]) + len(predicted[i]) for i in drawn))
    assert report.micro_interval == pytest.approx(np.quantile(scores, [0.025, 0.975]), abs=0.01)
    assert report.micro_interval[0] < report.micro.f1 < report.micro_interval[1]
