"""Kinds of error against the best of all pairings, found by trying each; totals that add up; cases by hand."""

from itertools import chain, combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqtag.errors import DataError
from seqtag.evaluation.tagging.metrics import score_spans
from seqtag.evaluation.tagging.span_errors import KINDS, find_errors, pair_spans
from seqtag.text.schemes import Span, spans_from_tags
from seqtag.text.tag_tables import TagTable

WRONG = set(KINDS) - {"right", "missed", "spurious"}


# Few tokens and little outside, so that many spans overlap; a pair has a token in common, so there are seven at most.
TAGS = st.lists(st.sampled_from(["B-PER", "B-LOC", "I-PER", "I-LOC", "I-LOC", "O"]), max_size=7)
SIDES = st.builds(spans_from_tags, TAGS, st.just("IOB2"))
CORPORA = st.lists(st.tuples(SIDES, SIDES), max_size=4)


def common(gold, predicted):
    return len(set(range(gold.start, gold.end)) & set(range(predicted.start, predicted.end)))


def all_pairings(gold, predicted):
    """Every set of overlapping pairs in which no span stands twice; pairs from left to right."""
    overlaps = [(g, p) for g in gold for p in predicted if common(g, p)]
    for size in range(len(overlaps) + 1):
        for pairs in combinations(overlaps, size):
            if len({g for g, _ in pairs}) == len({p for _, p in pairs}) == size:
                yield list(pairs)


@settings(max_examples=400)
@given(SIDES, SIDES)
@example([Span(0, 2, "PER"), Span(2, 4, "PER")], [Span(1, 3, "PER")])  # all alike: the one further left
@example([Span(0, 4, "PER")], [Span(0, 1, "PER"), Span(1, 2, "PER"), Span(2, 4, "LOC")])  # tokens before label
@example([Span(0, 1, "LOC"), Span(1, 4, "PER")], [Span(0, 3, "PER"), Span(3, 4, "LOC")])  # two pairs before one
@example([Span(0, 1, "LOC"), Span(1, 3, "PER"), Span(3, 4, "LOC")], [Span(0, 2, "PER"), Span(2, 4, "ORG")])  # labels
def test_the_pairing_is_the_best_of_all(gold, predicted):
    def worth(pairs):
        # more tokens in common, more pairs, more of equal label; then the last pair, the last but one ... further left
        places = [(-g.start, -p.start) for g, p in reversed(pairs)]
        return sum(common(g, p) for g, p in pairs), len(pairs), sum(g.label == p.label for g, p in pairs), places

    assert pair_spans(gold, predicted) == max(all_pairings(gold, predicted), key=worth)


@given(SIDES, SIDES)
def test_the_order_that_spans_come_in_changes_nothing(gold, predicted):
    assert pair_spans(gold[::-1], predicted[::-1]) == pair_spans(gold, predicted)
    assert find_errors([gold[::-1]], [predicted[::-1]]) == find_errors([gold], [predicted])


@given(CORPORA)
def test_every_span_has_one_outcome_and_totals_add_up(corpus):
    gold, predicted = [g for g, _ in corpus], [p for _, p in corpus]
    found = find_errors(gold, predicted)
    for side, corpus_side in (("gold", gold), ("predicted", predicted)):
        held = [(o.sentence, getattr(o, side)) for o in found.outcomes if getattr(o, side) is not None]
        assert sorted(held) == sorted((number, span) for number, spans in enumerate(corpus_side) for span in spans)
    counts = found.counts
    assert list(counts) == list(KINDS)
    assert sum(counts.values()) == len(found.outcomes) == sum(found.confusions.values())
    wrong = sum(counts[kind] for kind in WRONG)
    assert counts["right"] + wrong + counts["missed"] == sum(map(len, gold))
    assert counts["right"] + wrong + counts["spurious"] == sum(map(len, predicted))
    assert [o.sentence for o in found.outcomes] == sorted(o.sentence for o in found.outcomes)


@given(CORPORA)
def test_each_kind_means_what_it_says(corpus):
    for outcome in find_errors([g for g, _ in corpus], [p for _, p in corpus]).outcomes:
        gold, predicted = (set(range(s.start, s.end)) if s else set() for s in (outcome.gold, outcome.predicted))
        if not (gold and predicted):
            assert outcome.kind == ("spurious" if predicted else "missed")
            continue
        assert gold & predicted
        same_label = outcome.gold.label == outcome.predicted.label
        if gold == predicted:
            assert outcome.kind == ("right" if same_label else "wrong type")
        elif not same_label:
            assert outcome.kind == "wrong type and boundary"
        else:
            kinds = {(True, False): "too long", (False, True): "too short", (True, True): "shifted"}
            assert outcome.kind == kinds[bool(predicted - gold), bool(gold - predicted)]


@given(CORPORA)
def test_both_sides_exchanged_exchange_what_they_mean(corpus):
    gold, predicted = [g for g, _ in corpus], [p for _, p in corpus]
    found, back = find_errors(gold, predicted).counts, find_errors(predicted, gold).counts
    for kind, other in (("right", "right"), ("missed", "spurious"), ("spurious", "missed"), ("wrong type",) * 2):
        assert found[kind] == back[other]
    assert sum(found[kind] for kind in WRONG) == sum(back[kind] for kind in WRONG)


@given(CORPORA)
def test_right_spans_are_those_of_the_strict_scores(corpus):
    gold, predicted = [g for g, _ in corpus], [p for _, p in corpus]
    right = sum(len(set(g) & set(p)) for g, p in corpus)
    assert find_errors(gold, predicted).counts["right"] == right


def test_a_case_of_each_kind():
    rows = [
        "PER PER . .   LOC LOC . ORG . ORG ORG ORG . PER PER .   . . LOC LOC .",
        "PER PER . LOC LOC LOC . PER . .   ORG ORG . .   PER PER . . PER .   .",
    ]
    expected, found = (
        spans_from_tags(["O" if label == "." else f"I-{label}" for label in row.split()], "IO") for row in rows
    )
    gone = [Span(22, 23, "MISC")]
    found_errors = find_errors([expected, gone, []], [found, [], gone])
    assert [(o.sentence, o.kind) for o in found_errors.outcomes] == [
        (0, "right"),
        (0, "too long"),
        (0, "wrong type"),
        (0, "too short"),
        (0, "shifted"),
        (0, "wrong type and boundary"),
        (1, "missed"),
        (2, "spurious"),
    ]
    assert found_errors.counts == dict.fromkeys(KINDS, 1)
    assert list(found_errors.confusions.items()) == [
        (("PER", "PER"), 2),
        ((None, "MISC"), 1),
        (("LOC", "LOC"), 1),
        (("LOC", "PER"), 1),
        (("MISC", None), 1),
        (("ORG", "ORG"), 1),
        (("ORG", "PER"), 1),
    ]


def test_one_gold_span_cut_in_two_is_one_wrong_boundary_and_one_spurious_span():
    counts = find_errors([[Span(0, 5, "PER")]], [[Span(0, 2, "PER"), Span(2, 5, "PER")]]).counts
    assert {kind: count for kind, count in counts.items() if count} == {"too short": 1, "spurious": 1}


def test_text_and_score_of_a_span_make_no_error():
    assert find_errors([[Span(0, 3, "PER", "Ada")]], [[Span(0, 3, "PER", "Ada", 0.9)]]).counts["right"] == 1


@given(st.integers(0, 30), st.integers(0, 40))
def test_examples_are_spread_over_the_corpus(number, most):
    spans = [[Span(0, 1, "PER")]] * number
    found = [o.sentence for o in find_errors(spans, [[]] * number).examples("missed", most=most)]
    assert len(found) == len(set(found)) == min(number, most)
    assert found == sorted(found)
    steps = {right - left for left, right in zip(found, [*found[1:], number])}
    assert not steps or max(steps) - min(steps) <= 1


def test_examples_are_those_of_their_kind():
    gold = [[Span(2, 4, "PER")]] * 3
    found = find_errors(gold, [[Span(1, 4, "PER")], [Span(2, 3, "PER")], [Span(3, 5, "PER")]])
    assert [o.sentence for o in found.examples("shifted", most=9)] == [2]


def test_spans_that_tags_could_not_hold_are_refused_by_sentence():
    overlapping = [Span(0, 2, "PER"), Span(1, 3, "LOC")]
    with pytest.raises(DataError, match=r"sentence 2: predicted .* overlap"):
        find_errors([[], []], [[], overlapping])
    with pytest.raises(DataError, match=r"sentence 1: gold .* overlap"):
        find_errors([overlapping[::-1]], [[]])
    with pytest.raises(DataError, match=r"sentence 1: gold .* is empty"):
        find_errors([[Span(1, 1, "PER")]], [[]])
    with pytest.raises(DataError, match="1 gold sentences but 2 predicted"):
        find_errors([[]], [[], []])


@pytest.mark.parametrize("system", ["arcada", "mic-cis", "spinningbytes"])
def test_totals_of_real_submissions(shared_data, system):
    folder = shared_data / "wnut17"
    sides = []
    for name in ("emerging.test.annotated", f"submissions/{system}"):
        text = (folder / name).read_bytes().decode("utf-8").replace("\r\n", "\n")
        sentences = [[line.split()[-1] for line in block.split("\n") if line.strip()] for block in text.split("\n\n")]
        sides.append([tags for tags in sentences if tags])
    gold, predicted = ([spans_from_tags(tags, "IOB2") for tags in side] for side in sides)
    found = find_errors(gold, predicted)
    counts = found.counts
    num_gold, num_predicted = len([*chain(*gold)]), len([*chain(*predicted)])
    assert num_gold == 1079 == len(found.outcomes) - counts["spurious"]
    assert num_predicted == len(found.outcomes) - counts["missed"]
    _, conlleval, _ = score_spans(*map(TagTable.of, sides), scheme="IOB2")
    assert (counts["right"] / num_predicted, counts["right"] / num_gold) == (conlleval.precision, conlleval.recall)
