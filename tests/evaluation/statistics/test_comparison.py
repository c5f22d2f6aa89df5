"""Reports compared: every figure that of the counts, against enumeration, and no word that goes further than it may."""

import json
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from rich.cells import cell_len

import seqtag
from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.comparison import compare
from seqtag.evaluation.statistics.counts import Counts
from seqtag.evaluation.statistics.measurement import Measurement
from seqtag.evaluation.statistics.randomisation import compare_counts, holm
from seqtag.evaluation.statistics.ranking import rank
from seqtag.evaluation.statistics.resampling import bootstrap
from seqtag.reporting.markdown import render_markdown
from seqtag.reporting.sections import Table

DATA, OTHER = "a" * 64, "b" * 64


@dataclass(frozen=True)
class Report:
    source: str
    score: float
    measurement: Measurement


def report(counts, source="", *, task="spans", unit="sentences", data=DATA):
    total = counts.gold_SL.sum() + counts.predicted_SL.sum()
    return Report(source, float(2 * counts.right_SL.sum() / total), Measurement(task, data, unit, counts))


def systems(shares, *, num_units=300, labels=("LOC", "ORG", "PER"), seed=0):
    """Counts of systems that find the same gold spans with these shares of success, each with as many as gold."""
    random = np.random.default_rng(seed)
    gold = random.poisson(0.6, (num_units, len(labels)))
    return [Counts(labels, random.binomial(gold, share), gold, gold) for share in shares]


def classified(rows):
    """One label a text: (gold, of a, of b) as numbers below three."""
    coded = np.eye(3, dtype=int)
    gold, *sides = (coded[list(column)] for column in zip(*rows))
    return [Counts(("x", "y", "z"), gold * side, gold, side) for side in sides]


TEXTS = [(0, 0, 0), (1, 1, 0), (2, 0, 2), (0, 1, 0), (1, 1, 1), (2, 1, 2), (0, 2, 0), (1, 2, 1)]


def test_p_and_interval_of_accuracy_equal_enumeration():
    a, b = (report(counts, task="labels", unit="texts") for counts in classified(TEXTS))
    found = compare(a, b, confidence=0.6, resamples=100_000).difference
    right = np.array([[gold == one, gold == other] for gold, one, other in TEXTS], float)
    assert (found.a, found.b) == tuple(right.mean(0))
    exchanged = [
        sum((other - one) * (-1) ** turn for (one, other), turn in zip(right, turns)) / 8
        for turns in product((0, 1), repeat=8)
    ]
    expected = np.mean(np.abs(exchanged) >= abs(found.difference) - 1e-12)
    assert found.p_value == pytest.approx(expected, abs=0.01)
    # a unit that is drawn adds -1, 0 or 1, and eight are drawn: their sum has the eightfold convolution
    shares = [np.mean(right @ [-1, 1] == step) for step in (-1, 0, 1)]
    sums = np.array([1.0])
    for _ in range(8):
        sums = np.convolve(sums, shares)
    bounds = [(int(np.searchsorted(np.cumsum(sums), tail)) - 8) / 8 for tail in (0.2, 0.8)]
    assert [found.low, found.high] == bounds


def test_the_figures_are_those_of_the_counts():
    one, other = systems([0.6, 0.8])
    expected = compare_counts(one, other, resamples=500, seed=3)
    found = compare(report(one), report(other), resamples=500, seed=3)
    assert list(found.figures) == [f"{x}_{y}" for x in ("micro", "macro") for y in ("precision", "recall", "f1")]
    assert found.figures["micro_f1"] == found.difference == expected.micro.f1
    assert found.figures["macro_recall"] == expected.macro.recall
    assert {row.label: row.differences for row in found.labels} == expected.labels
    assert [row.support for row in found.labels] == one.gold_SL.sum(0).tolist()
    assert [row.p_corrected for row in found.labels] == holm([row.f1.p_value for row in expected.labels.values()])
    assert found.verdict == "b is better"


def test_plain_tags_and_single_labels_have_an_accuracy_and_no_micro_average():
    for task, unit in (("labels", "texts"), ("tags", "sentences")):
        a, b = (report(counts, task=task, unit=unit) for counts in classified(TEXTS))
        found = compare(a, b, resamples=50)
        assert list(found.figures) == ["accuracy", "macro_precision", "macro_recall", "macro_f1"]
        assert (found.difference.a, found.difference.b) == (3 / 8, 7 / 8)
        assert rank([a, b], resamples=50).figure == "accuracy"


def test_several_labels_a_text_have_a_micro_average():
    gold = np.array([[1, 1, 0], [0, 0, 1]])
    counts = Counts(("x", "y", "z"), gold, gold, gold)
    found = compare(*[report(counts, task="labels", unit="texts")] * 2, resamples=50)
    assert "micro_f1" in found.figures


def test_equal_systems_are_never_told_apart():
    (counts,) = systems([0.7])
    found = compare(report(counts, "first"), report(counts, "second"), resamples=50)
    assert found.verdict == "no difference shown"
    assert {row.verdict for row in found.labels} == {"no difference shown"}
    assert "micro F1: no difference shown (p 1.0000)" in str(found)
    ranking = rank([report(counts, name) for name in "abc"], resamples=50)
    assert [system.name for system in ranking.systems] == ["a", "b", "c"]  # of one score, in the order given
    assert "no difference shown between 1 and 2, 3" in str(ranking)


def test_a_label_that_chance_alone_would_show_is_not_called_better():
    # of ten labels one differs with p near 0.03: alone that would be a difference, among ten it is none
    gold = np.zeros((60, 10), int)
    gold[:6], gold[6:, 1:] = 1, 1
    right_a = gold.copy()
    right_a[:6, 0] = 0
    labels = tuple("ABCDEFGHIJ")
    found = compare(report(Counts(labels, right_a, gold, gold)), report(Counts(labels, gold, gold, gold)))
    row = found.labels[0]
    assert row.differences.f1.verdict == "b is better"
    assert row.p_corrected == pytest.approx(10 * row.differences.f1.p_value)
    assert row.verdict == "no difference shown"
    assert found.to_dict()["labels"][0]["verdict"] == "no difference shown"


def test_ranking_sorts_and_sets_each_beside_the_best():
    counts = systems([0.5, 0.9, 0.88, 0.7])
    ranking = rank([report(each, name) for each, name in zip(counts, "wxyz")], resamples=400, seed=1)
    assert [system.name for system in ranking.systems] == ["x", "y", "z", "w"]
    drawn = [bootstrap(counts["wxyz".index(system.name)], resamples=400, seed=1) for system in ranking.systems]
    assert [(system.score, system.macro_f1) for system in ranking.systems] == [
        (each.micro.f1, each.macro.f1) for each in drawn
    ]
    pairs = [
        compare_counts(counts[1], counts["wxyz".index(system.name)], resamples=400, seed=1).micro.f1
        for system in ranking.systems[1:]
    ]
    assert [system.difference for system in ranking.systems] == [None, *pairs]
    assert [system.p_corrected for system in ranking.systems[1:]] == holm([pair.p_value for pair in pairs])
    assert [system.verdict for system in ranking.systems] == [
        *("", "no difference shown", "the best is better", "the best is better")
    ]
    assert ranking.support == dict(zip(("LOC", "ORG", "PER"), counts[0].gold_SL.sum(0).tolist()))


def test_the_pair_and_the_ranking_of_two_agree_to_the_last_digit():
    one, other = (report(counts, name) for counts, name in zip(systems([0.8, 0.7]), ("m1", "m2")))
    pair, ranking = compare(other, one, resamples=300), rank([other, one], resamples=300)
    mirrored = ranking.systems[1].difference
    assert mirrored.difference == -pair.difference.difference
    assert (mirrored.low, mirrored.high) == (-pair.difference.high, -pair.difference.low)
    assert mirrored.p_value == pair.difference.p_value == ranking.systems[1].p_corrected


def test_a_score_that_is_read_otherwise_is_said():
    one, other = (report(counts, name) for counts, name in zip(systems([0.8, 0.7]), ("m1", "m2")))
    strict = replace(one, score=0.5)
    assert "1: its own report says 50.00, by another reading than this" in str(rank([strict, other], resamples=50))
    assert "by another reading" not in str(rank([one, other], resamples=50))


@pytest.mark.parametrize("call", [compare, lambda a, b: rank([a, b])])
def test_reports_that_do_not_go_together_are_named_with_what_they_have(call):
    one, other = systems([0.8, 0.7])
    good = report(one, "m1")
    for bad, message in (
        (
            report(other, "m2", data=OTHER),
            r"they measure different data \(m1: aaaaaaaaaaaa\.\.\., 300 sentences; m2: bb",
        ),
        (report(other, "m2", task="labels"), r"they count different things \(m1: spans; m2: labels\)"),
        (report(other, "m2", unit="documents"), r"they count by different units \(m1: sentences; m2: documents\)"),
    ):
        with pytest.raises(DataError, match=message):
            call(good, bad)
    fewer = Counts(one.labels, *(array[:-1] for array in (one.right_SL, one.gold_SL, one.predicted_SL)))
    with pytest.raises(DataError, match=r"300 units .* and b has 299"):
        call(good, report(fewer, "m2"))


def test_one_report_alone_is_refused():
    with pytest.raises(UsageError, match="1 report to compare; give two or more"):
        rank([report(systems([0.8])[0])])
    with pytest.raises(UsageError, match="resamples=0"):
        rank([report(each) for each in systems([0.8, 0.7])], resamples=0)


def test_reports_without_a_name_of_their_own_are_numbered():
    one, other = systems([0.8, 0.7])
    assert compare(report(one, "test.conll"), report(other, "test.conll"), resamples=9).names == (
        "report 1",
        "report 2",
    )
    assert [s.name for s in rank([report(other), report(one)], resamples=9).systems] == ["report 2", "report 1"]


def test_terminal_and_markdown_have_the_figures_within_80_columns():
    name = "out/a-system-with-a-name-that-is-long.conll against corpora/gold.conll"
    one, other = (report(counts, source) for counts, source in zip(systems([0.5, 0.9]), (name, "m2")))
    for found in (compare(one, other, resamples=200), rank([one, other], resamples=200)):
        text = str(found)
        assert max(map(cell_len, text.split("\n"))) <= 80
        assert name in text.replace("\n", " ")
        assert f"{100 * other.score:.2f}" in text
        assert f"{100 * other.score:.2f}" in render_markdown(found.sections())
    assert "micro F1: b is better (p 0.0050)" in str(compare(one, other, resamples=200))


def test_more_systems_than_a_terminal_has_room_for_keep_their_columns_in_the_details():
    ranking = rank([report(counts, f"m{n}") for n, counts in enumerate(systems([0.7] * 11))], resamples=20)
    assert max(map(cell_len, str(ranking).split("\n"))) <= 80
    shown, whole = ranking.sections()[-1].blocks[0], ranking.sections()[-1].details[0]
    assert shown.caption == "systems by their number above; the first 8 of 11 systems"
    assert [row[:10] for row in whole.rows] == list(shown.rows)
    assert whole.header[-1] == "11"


def test_of_many_labels_those_that_differ_most_come_first():
    labels = tuple(f"L{n:02}" for n in range(40))
    one, other = systems([0.8, 0.8], labels=labels, num_units=200)
    right = other.right_SL.copy()
    right[:, 33] = 0
    found = compare(report(one), report(Counts(labels, right, other.gold_SL, other.predicted_SL)), resamples=2000)
    table = next(block for block in found.sections()[-1].blocks if isinstance(block, Table))
    assert table.rows[0][0] == "L33"
    assert table.caption == "p is corrected for the 40 labels (Holm 1979); those that differ most come first"
    assert [row.label for row in found.labels] == list(labels)


def test_a_comparison_answers_first_and_draws_its_differences():
    one, other = (report(counts, name) for counts, name in zip(systems([0.5, 0.9]), ("m1", "m2")))
    found = compare(one, other, resamples=200)
    glance, pictures = found.sections()[:2]
    verdict, sentences = glance.blocks
    assert verdict.figure == f"{100 * found.difference.difference:+.2f} points"
    assert verdict.about[:2] == ("a: m1", "b: m2")
    assert sentences.lines[0].startswith("In micro F1, b is better: ")
    figures, labels = pictures.blocks
    for bars, differences in (
        (figures, list(found.figures.values())),
        (labels, [row.differences.f1 for row in found.labels if row.support]),
    ):
        drawn = [(row.value, row.low, row.high) for row in bars.rows]
        assert drawn == [(100 * each.difference, 100 * each.low, 100 * each.high) for each in differences]
        assert bars.start <= min(low for _, low, _ in drawn) <= max(high for *_, high in drawn) <= bars.end
    same = compare(one, one, resamples=50)
    assert same.sections()[0].blocks[1].lines[0].startswith("No difference is shown between a and b in micro F1: ")
    assert "<svg" in same.to_html()


def test_json_has_the_documented_keys():
    one, other = (report(counts, name) for counts, name in zip(systems([0.8, 0.7]), ("m1", "m2")))
    pair = json.loads(json.dumps(compare(one, other, resamples=50).to_dict()))
    assert list(pair) == [
        *("names", "task", "unit", "num_units", "confidence", "resamples", "seed", "verdict", "figures", "labels")
    ]
    assert list(pair["figures"]["micro_f1"]) == ["a", "b", "difference", "low", "high", "p_value", "verdict"]
    assert list(pair["labels"][0]) == ["label", "support", "precision", "recall", "f1", "p_corrected", "verdict"]
    ranking = json.loads(json.dumps(rank([one, other], resamples=50).to_dict()))
    assert list(ranking) == [
        *("figure", "task", "unit", "num_units", "confidence", "resamples", "seed", "systems", "labels")
    ]
    assert list(ranking["systems"][1]) == [
        *("name", "reported", "score", "macro_f1", "difference", "p_corrected", "verdict")
    ]
    assert ranking["systems"][0]["difference"] is None
    assert ranking["labels"][0]["f1"] == [
        pair["labels"][0]["f1"]["a"],
        pair["labels"][0]["f1"]["b"],
    ]


def test_compare_is_public():
    assert seqtag.compare is compare
