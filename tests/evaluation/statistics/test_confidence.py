"""Reliability, coverage and curves against scikit-learn, against enumeration, and by hand."""

import json
from dataclasses import asdict
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve

from seqtag.errors import DataError
from seqtag.evaluation.statistics.confidence import measure_confidence, reliability_plot, sections_of
from seqtag.reporting.sections import Paragraph, Plot, Table

# Ties and edges of bins among them.
scores = st.one_of(st.floats(0, 1), st.integers(0, 10).map(lambda i: i / 10))
events = st.lists(st.tuples(scores, st.booleans()), min_size=1, max_size=60)


def split(pairs):
    return np.array([score for score, _ in pairs]), np.array([right for _, right in pairs])


@given(events)
def test_bins_and_brier_are_those_of_scikit_learn(pairs):
    score, right = split(pairs)
    confidence = measure_confidence(score, right)
    filled = [part for part in confidence.bins if part.count]
    share, mean = calibration_curve(right, score, n_bins=10, strategy="uniform")
    np.testing.assert_allclose([part.right for part in filled], share)
    np.testing.assert_allclose([part.confidence for part in filled], mean)
    assert confidence.brier == pytest.approx(brier_score_loss(right, score, pos_label=True))
    expected = sum(part.count * abs(a - b) for part, a, b in zip(filled, share, mean, strict=True)) / len(score)
    assert confidence.ece == pytest.approx(expected, abs=1e-12)
    assert [part.low for part in confidence.bins] == pytest.approx([i / 10 for i in range(10)])
    assert confidence.num_bins == len(confidence.bins) == 10
    assert sum(part.count for part in confidence.bins) == confidence.num_events == len(score)
    assert all(part.confidence is part.right is part.right_low is None for part in confidence.bins if not part.count)


def test_the_calibration_error_by_hand():
    """Two bins with means 0.95 and 0.65; right are 3 of 4 and 1 of 2: (4 x 0.2 + 2 x 0.15) / 6."""
    confidence = measure_confidence([0.92, 0.98, 0.94, 0.96, 0.62, 0.68], [True, True, True, False, True, False])
    assert confidence.ece == pytest.approx(1.1 / 6)
    assert measure_confidence([0.0, 1.0], [False, True]).ece == 0.0
    assert measure_confidence([0.0, 1.0], [True, False]).ece == 1.0


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_wilsons(counts):
    """The bounds are the shares from which what was seen lies 1.96 standard errors away (Wilson 1927)."""
    num_right, count = counts
    confidence = measure_confidence([0.95] * count, [True] * num_right + [False] * (count - num_right))
    share, z = num_right / count, NormalDist().inv_cdf(0.975)
    for bound in (confidence.bins[-1].right_low, confidence.bins[-1].right_high):
        distance = count * (share - bound) ** 2
        assert distance == pytest.approx(z * z * bound * (1 - bound), abs=1e-9)
    assert confidence.bins[-1].right_low <= share <= confidence.bins[-1].right_high


@given(events)
def test_each_point_of_the_coverage_is_what_its_threshold_gives(pairs):
    score, right = split(pairs)
    coverage = measure_confidence(score, right).coverage
    shares = [point.share for point in coverage]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1.0
    for point in coverage:
        kept = score >= point.threshold
        assert point.share == kept.mean()
        assert point.precision == pytest.approx(right[kept].mean())
    # every twentieth is covered by the first point that keeps at least so much, and no smaller threshold would do
    for wanted in np.arange(1, 21) / 20:
        point = next(p for p in coverage if p.share >= wanted - 1e-12)
        assert (score > point.threshold).mean() < wanted


@given(events, st.integers(0, 20))
def test_the_curve_is_scikit_learns_with_recall_over_all_gold(pairs, missed):
    score, right = split(pairs)
    num_gold = int(right.sum()) + missed
    confidence = measure_confidence([0.5], [True], num_gold=num_gold, candidates=(score, right))
    if not num_gold:
        assert (confidence.curve, confidence.average_precision) == ((), None)
    elif not right.any():
        assert (confidence.curve, confidence.average_precision) == ((), 0.0)
    else:
        precision, recall, thresholds = precision_recall_curve(right, score)
        found = right.sum() / num_gold
        assert [point.threshold for point in confidence.curve] == thresholds.tolist()
        np.testing.assert_allclose([point.precision for point in confidence.curve], precision[:-1])
        np.testing.assert_allclose([point.recall for point in confidence.curve], recall[:-1] * found)
        assert confidence.average_precision == pytest.approx(average_precision_score(right, score) * found)


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_area():
    random = np.random.default_rng(0)
    score = random.random(5000)
    right = random.random(5000) < score
    confidence = measure_confidence(score, right, num_gold=int(right.sum()))
    assert len(confidence.curve) == 200
    assert (confidence.curve[0].threshold, confidence.curve[-1].threshold) == (score.min(), score.max())
    assert confidence.average_precision == pytest.approx(average_precision_score(right, score))
    assert confidence.curve[0].recall == 1.0


def test_what_there_is_no_ground_for_is_none():
    confidence = measure_confidence([], [])
    assert (confidence.num_events, confidence.ece, confidence.brier, confidence.average_precision) == (
        0,
        None,
        None,
        None,
    )
    assert confidence.coverage == confidence.curve == ()
    assert sections_of(confidence, "texts")[0].lines[0].startswith("no texts were predicted")
    assert len(sections_of(confidence)) == 1
    assert measure_confidence([0.5], [True]).curve == ()  # nobody says how many there are to be found


@given(events)
def test_it_can_be_written_as_json(pairs):
    confidence = asdict(measure_confidence(*split(pairs), num_gold=len(pairs)))
    assert json.loads(json.dumps(confidence, allow_nan=False)) == json.loads(json.dumps(confidence))
    assert set(confidence["bins"][0]) == {"low", "high", "count", "confidence", "right", "right_low", "right_high"}


@pytest.mark.parametrize(
    ("score", "right", "message"),
    [
        ([0.5], [True, False], "1 probabilities but 2 answers"),
        ([0.5, 1.5], [True, False], "1.5 is no probability"),
        ([float("nan")], [True], "nan is no probability"),
        ([-0.1], [True], "-0.1 is no probability"),
    ],
)
def test_what_is_no_probability_is_an_error(score, right, message):
    with pytest.raises(DataError, match=message):
        measure_confidence(score, right)
    with pytest.raises(DataError, match=message):
        measure_confidence([0.5], [True], candidates=(score, right))


def test_a_report_says_it_in_sentences_a_table_and_plots():
    score, right = [0.95] * 8 + [0.35] * 2, [True] * 7 + [False, False, True]
    blocks = sections_of(measure_confidence(score, right, num_gold=10), "spans")
    paragraph, coverage, curve, table = blocks
    reliability = reliability_plot(measure_confidence(score, right), "spans")
    assert isinstance(paragraph, Paragraph)
    assert paragraph.lines == (
        "spans: expected calibration error 9.0 points over 10 bins, Brier score 0.147",
        "the surest 80% of spans (probability 0.95 or more): precision 87.5; all of them: 80.0",
        "average precision over all thresholds 69.2",
    )
    assert isinstance(table, Table)
    assert table.header == ("probability", "spans", "mean", "right", "95% interval")
    assert table.rows == (
        ("0.3 to 0.4", "2", "35.0", "50.0", "9.5 to 90.5"),
        ("0.9 to 1.0", "8", "95.0", "87.5", "52.9 to 97.8"),
    )
    assert isinstance(reliability, Plot)
    assert reliability.diagonal
    assert [(bar.low, bar.height, bar.note) for bar in reliability.bars] == [
        (pytest.approx(0.3), 0.5, "2 spans, 50.0% right"),
        (pytest.approx(0.9), 0.875, "8 spans, 87.5% right"),
    ]
    assert coverage.curves[0].points == ((0.8, 0.875), (1.0, 0.8))
    assert curve.curves[0].points == ((pytest.approx(0.7), 0.875), (pytest.approx(0.8), 0.8))
    assert reliability.bars[1].interval == (pytest.approx(0.529, abs=1e-3), pytest.approx(0.978, abs=1e-3))
    for plot in (coverage, curve):
        assert all(0 <= value <= 1 for point in plot.curves[0].points for value in point)
