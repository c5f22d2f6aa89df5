"""The pictures of a report hold its figures: F1 with intervals and support, errors, confusions, the training."""

from dataclasses import replace

import pytest

from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.pictures import heat_map, label_bars
from seqtag.evaluation.report import Report
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.training_curve import Epoch, curve_plots
from seqtag.reporting.figures import nice_ticks
from seqtag.reporting.sections import Bars, HeatMap, Plot

GOLD = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "O"], ["B-ORG", "O", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC", "B-NEW"], ["O", "O", "O"]]
HISTORY = (Epoch(1, 8.0, 0.25), Epoch(2, 2.0, 0.75), Epoch(3, 1.0, 0.5))


def pictures_of(report: Report) -> tuple:
    (found,) = [section.blocks for section in report.sections() if section.title == "Pictures"]
    return found


def test_the_pictures_of_spans_hold_the_figures_of_the_report():
    report = replace(evaluate_tags(GOLD, PREDICTED, scheme="IOB2", resamples=100), history=HISTORY)
    f1, kinds, grid, loss, dev = pictures_of(report)
    assert isinstance(f1, Bars)
    by_label = {row.label: row for row in report.strict.labels}
    assert [row.name for row in f1.rows] == ["LOC", "ORG", "PER"]  # gold has no NEW
    for row in f1.rows:
        drawn = report.intervals.labels[row.name].f1
        assert (row.value, row.low, row.high) == (by_label[row.name].f1, drawn.low, drawn.high)
        assert (row.text, row.note) == (f"{100 * row.value:.1f}", f"({by_label[row.name].support})")
    assert [(row.name, row.text, row.value) for row in kinds.rows] == [
        (kind, str(count), count / report.errors.total) for kind, count in report.errors.kinds
    ]
    assert isinstance(grid, HeatMap)
    cells = {
        (row, column): count
        for row, counts in zip(grid.rows, grid.counts)
        for column, count in zip(grid.columns, counts)
        if count
    }
    assert cells == {(a or "(nothing)", b or "(nothing)"): n for a, b, n in report.errors.confusions}
    # from 0 to 8, and from 0 to 80 percent
    assert loss.curves[0].points == ((0, 1), (0.5, 0.25), (1, 0.125))
    assert dev.curves[0].points == ((0, 25 / 80), (0.5, 75 / 80), (1, 50 / 80))
    assert [text for _, text in dev.x_ticks] == ["1", "2", "3"]
    assert [text for _, text in loss.y_ticks] == ["0", "2", "4", "6", "8"]


def test_the_pictures_of_texts_hold_the_figures_of_the_report():
    report = evaluate_labels(
        list("aabc"), list("abbd"), labels=list("abcd"), probabilities=[[0.4, 0.3, 0.2, 0.1]] * 4, resamples=50
    )
    f1, _, grid, reliability = pictures_of(report)
    assert [(row.name, row.value) for row in f1.rows] == [(r.label, r.f1) for r in report.classes if r.support]
    assert grid.rows == grid.columns == tuple("abcd")
    assert grid.counts == report.confusion
    assert isinstance(reliability, Plot)
    assert [(bar.height, bar.interval) for bar in reliability.bars] == [
        (part.right, (part.right_low, part.right_high)) for part in report.confidence.bins if part.count
    ]


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ([["O"]], [["O"]], []),
        ([["O"]], [["B-A"]], [Bars, HeatMap]),
        ([["B-A"]], [["O"]], [Bars, Bars, HeatMap]),
        ([["B-A"]], [["B-A"]], [Bars, HeatMap]),
    ],
)
def test_what_has_no_figures_has_no_picture(gold, predicted, kinds):
    report = evaluate_tags(gold, predicted, scheme="IOB2", resamples=0)
    found = [section.blocks for section in report.sections() if section.title == "Pictures"]
    assert [type(block) for blocks in found for block in blocks] == kinds
    assert "Pictures" not in report.to_markdown()
    report.to_html()


def test_of_many_labels_the_most_frequent_are_drawn_and_it_is_said():
    labels = [f"l{number}" for number in range(50)]
    gold = [label for number, label in enumerate(labels) for _ in range(number + 1)]
    report = evaluate_labels(gold, gold, labels=labels, resamples=0)
    bars, grid = pictures_of(report)
    assert [row.name for row in bars.rows] == labels[:24:-1]
    assert bars.caption.endswith("the 25 most frequent of 50 labels")
    assert len(grid.rows) == 10
    assert grid.caption.endswith("the 10 most confused of 50 labels")
    pairs = [(label, label, 100) for label in labels] + [("l3", "l40", 2), ("l7", None, 50)]
    assert {"l3", "l40"} < set(heat_map(pairs, "").rows)
    assert heat_map([], "") is None
    assert label_bars([], "").rows == ()


def test_a_training_without_two_epochs_or_with_a_broken_loss_has_no_curve():
    assert list(curve_plots(HISTORY[:1])) == list(curve_plots(())) == []
    broken = (*HISTORY, Epoch(4, float("nan"), 0.5))
    assert [plot.caption for plot in curve_plots(broken)] == ["Training: dev score by epoch"]


def test_the_loss_on_dev_stands_beside_that_of_training_where_every_epoch_has_one():
    whole = tuple(replace(epoch, dev_loss=2 * epoch.loss) for epoch in HISTORY)
    loss, _ = curve_plots(whole)
    assert [curve.name.partition(":")[0] for curve in loss.curves] == ["train", "dev"]
    heights = [[height for _, height in curve.points] for curve in loss.curves]
    assert heights[1] == pytest.approx([2 * height for height in heights[0]])  # one axis for both
    (alone,) = curve_plots((*HISTORY, whole[-1]), has_score=False)
    assert [curve.name.partition(":")[0] for curve in alone.curves] == ["train"]


@pytest.mark.parametrize("bounds", [(0, 1e-7), (0, 123456.0), (-5.5, 0), (-0.1, 99.0), (0, 0.65)])
def test_ticks_are_few_and_hold_all_values(bounds):
    ticks = nice_ticks(*bounds)
    assert 4 <= len(ticks) <= 9
    assert ticks[0] <= bounds[0] <= bounds[1] <= ticks[-1]
