"""The scores of SemEval-2013 task 9.1 against its own scenarios, cases by hand, and counts made from the definition."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.cli.commands.score import read_sentences
from seqtag.evaluation.tagging.partial_credit import PartialScore, partial_scores
from seqtag.evaluation.tagging.span_errors import find_errors, pair_spans
from seqtag.text.schemes import Span, spans_from_tags

SCORES = ("strict", "exact", "partial", "type")
# gold and predicted labels by token, and what each score calls them; the six scenarios that the definition tells apart
SCENARIOS = {
    "all agrees": (". DRUG .", ". DRUG .", "COR COR COR COR"),
    "a span of nothing": (". . .", ". BRAND .", "SPU SPU SPU SPU"),
    "a span not found": (". BRAND .", ". . .", "MIS MIS MIS MIS"),
    "another label": (". DRUG .", ". BRAND .", "INC COR COR INC"),
    "other borders": (". DRUG .", "DRUG DRUG .", "INC INC PAR COR"),
    "another label and other borders": (". GROUP .", "DRUG DRUG .", "INC INC PAR INC"),
}
COUNTS = ("COR", "INC", "PAR", "MIS", "SPU")


def spans(labels):
    return spans_from_tags(["O" if label == "." else f"I-{label}" for label in labels.split()], "IO")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_scenario_counts_as_defined(scenario):
    gold, predicted, names = SCENARIOS[scenario]
    scores = partial_scores(find_errors([spans(gold)], [spans(predicted)]))
    for score, name in zip(SCORES, names.split()):
        assert astuple(getattr(scores, score)) == tuple(int(name == count) for count in COUNTS)


def test_all_scenarios_together_give_the_figures_worked_by_hand():
    corpus = [(spans(gold), spans(predicted)) for gold, predicted, _ in [*SCENARIOS.values(), SCENARIOS["all agrees"]]]
    scores = partial_scores(find_errors(*zip(*corpus)))
    assert astuple(scores.strict) == (2, 3, 0, 1, 1)
    assert astuple(scores.exact) == (3, 2, 0, 1, 1)
    assert astuple(scores.partial) == (3, 0, 2, 1, 1)
    assert astuple(scores.type) == (3, 2, 0, 1, 1)
    # six spans on either side: 2/6, 3/6, (3 + 2/2)/6, 3/6
    for score, figure in zip(SCORES, (1 / 3, 1 / 2, 2 / 3, 1 / 2)):
        found = getattr(scores, score)
        assert (found.possible, found.actual) == (6, 6)
        assert (found.precision, found.recall, found.f1) == pytest.approx((figure,) * 3)


def test_precision_and_recall_differ_where_the_numbers_of_spans_do():
    # 4 gold, 5 predicted: one right, one too long, two missed, three spurious
    gold = [spans("PER . LOC LOC . ORG . ORG")]
    predicted = [[Span(0, 1, "PER"), Span(1, 4, "LOC"), Span(4, 5, "PER"), Span(6, 7, "ORG"), Span(8, 9, "ORG")]]
    scores = partial_scores(find_errors(gold, predicted))
    assert (scores.partial.possible, scores.partial.actual) == (4, 5)
    assert (scores.partial.precision, scores.partial.recall) == (1.5 / 5, 1.5 / 4)
    assert scores.partial.f1 == pytest.approx(3 / 9)
    assert (scores.strict.precision, scores.strict.recall) == (1 / 5, 1 / 4)
    assert (scores.type.precision, scores.type.recall) == (2 / 5, 2 / 4)


LABELS = st.lists(st.sampled_from([".", ".", "PER", "LOC"]), min_size=8, max_size=8).map(" ".join)


CREDIT = {  # of two spans that overlap: whether their borders agree, and their labels
    "strict": lambda borders, label: 1.0 * (borders and label),
    "exact": lambda borders, label: 1.0 * borders,
    "partial": lambda borders, label: 1.0 if borders else 0.5,
    "type": lambda borders, label: 1.0 * label,
}


def matchings(gold, predicted):
    """Every way to pair overlapping spans one to one."""
    if not gold:
        yield []
        return
    yield from matchings(gold[1:], predicted)
    for number, found in enumerate(predicted):
        if max(gold[0].start, found.start) < min(gold[0].end, found.end):
            for rest in matchings(gold[1:], predicted[:number] + predicted[number + 1 :]):
                yield [(gold[0], found), *rest]


@given(st.lists(st.tuples(LABELS, LABELS), max_size=4))
def test_each_score_has_the_credit_of_the_best_of_all_matchings(rows):
    gold, predicted = [spans(left) for left, _ in rows], [spans(right) for _, right in rows]
    scores = partial_scores(find_errors(gold, predicted))
    for name, credit in CREDIT.items():
        best = [
            max(
                (sum(credit((g.start, g.end) == (p.start, p.end), g.label == p.label) for g, p in pairs), len(pairs))
                for pairs in matchings(left, right)
            )
            for left, right in zip(gold, predicted)
        ]
        found = getattr(scores, name)
        assert found.correct + found.partial / 2 == sum(points for points, _ in best)
        assert found.correct + found.partial + found.incorrect == sum(pairs for _, pairs in best)
        assert (found.possible, found.actual) == (sum(map(len, gold)), sum(map(len, predicted)))
        harmonic = 2 * found.precision * found.recall / (found.precision + found.recall or 1)
        assert found.f1 == pytest.approx(harmonic)
    assert scores.strict.f1 <= min(scores.exact.f1, scores.type.f1) <= 1
    assert scores.exact.f1 <= scores.partial.f1
    mirrored = [[[Span(8 - s.end, 8 - s.start, s.label) for s in row] for row in side] for side in (gold, predicted)]
    assert partial_scores(find_errors(*mirrored)) == scores


def test_the_best_pairing_of_one_score_is_not_that_of_another():
    gold, predicted = [[Span(0, 4, "LOC")]], [[Span(0, 1, "LOC"), Span(1, 4, "PER")]]
    assert pair_spans(gold[0], predicted[0]) == [(gold[0][0], predicted[0][1])]  # three tokens in common, not one
    assert partial_scores(find_errors(gold, predicted)).type == PartialScore(1, 0, 0, 0, 1)


# counts of nervaluate 1.2.1: correct pairs of its measure ent_type; it goes from left to right, so it may lose some
NERVALUATE = {"arcada": (425, 426), "mic-cis": (415, 416), "spinningbytes": (465, 467)}
EQUAL = {"arcada": (47.40, 67.98, 73.63), "mic-cis": (40.97, 56.00, 62.51), "spinningbytes": (47.09, 62.50, 70.27)}


@pytest.mark.parametrize("system", NERVALUATE)
def test_published_submissions_beside_nervaluate(shared_data, system):
    folder = shared_data / "wnut17"
    files = (folder / "emerging.test.annotated", 1), (folder / "submissions" / system, -1)
    sides = [[spans_from_tags(s.tags, "IOB2") for s in read_sentences(f"{path}:tag={tag}")] for path, tag in files]
    scores = partial_scores(find_errors(*sides))
    precisions = tuple(round(100 * getattr(scores, name).precision, 2) for name in SCORES[:3])
    assert precisions == EQUAL[system]
    theirs, ours = NERVALUATE[system]
    assert scores.type.correct == ours >= theirs


def test_no_span_anywhere_scores_zero():
    assert partial_scores(find_errors([[]], [[]])).strict == PartialScore(0, 0, 0, 0, 0)
    assert PartialScore(0, 0, 0, 0, 0).f1 == PartialScore(0, 0, 0, 0, 3).recall == 0
