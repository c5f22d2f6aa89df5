"""The three sentences and the next steps of a report are true, whatever was counted: checked against the counts."""

import re
from collections import Counter
from dataclasses import replace
from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.next_steps import longer_training, more_labels
from seqtag.evaluation.slices import Slice
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.slices import TrainingKnowledge
from seqtag.evaluation.training_curve import Epoch
from seqtag.evaluation.wording import out_of
from seqtag.reporting.sections import Points
from seqtag.text.schemes import Span
from seqtag.text.tag_tables import SpanTable
from seqtag.text.training_surfaces import Surfaces

SPAN_TAGS = st.sampled_from(["O", "O", "B-A", "B-B", "I-A", "B-shifted"])
PAIRS = st.lists(st.lists(st.tuples(SPAN_TAGS, SPAN_TAGS), max_size=8), min_size=1, max_size=8)
PLAIN = st.lists(
    st.lists(st.tuples(st.sampled_from("XYZ"), st.sampled_from("XYZ")), max_size=6), min_size=1, max_size=6
)
COUNT = re.compile(r"\d[\d,]*")


def sentences_of(report) -> list[str]:
    return list(report.sections()[0].blocks[1].lines)


def sides(rows):
    return [[pair[0] for pair in row] for row in rows], [[pair[1] for pair in row] for row in rows]


@given(st.integers(1, 5000), st.data())
def test_a_share_of_100_is_never_off_by_more_than_rounding_and_never_all_or_none_by_it(whole, data):
    part = data.draw(st.integers(0, whole))
    words = out_of(part, whole)
    assert ("all" in words) == (part == whole > 1)
    assert ("none" in words) == (part == 0 and whole > 1)
    numbers = [int(found.replace(",", "")) for found in COUNT.findall(words)]
    if words.startswith("more than 99"):
        assert 0.99 < part / whole < 1
    elif words.startswith("fewer than 1"):
        assert 0 < part / whole < 0.01
    elif "(" in words:
        assert numbers[1:] == [100, part, whole]
        assert abs(100 * part / whole - numbers[0]) <= 0.5


@given(PAIRS)
def test_what_is_said_of_spans_is_what_was_counted(rows):
    gold, predicted = sides(rows)
    report = evaluate_tags(gold, predicted, scheme="IOB2", resamples=0)
    found, wrong, confused = sentences_of(report)
    errors = report.errors
    if not report.num_gold:
        assert found.startswith("Gold has no spans")
        assert ("none are predicted" in found) == (report.num_predicted == 0)
    elif not report.num_predicted:
        assert found.startswith(f"Finds none of the {report.num_gold} spans of gold: nothing is predicted")
    else:
        first, second = (out_of(errors.num_right, whole) for whole in (report.num_gold, report.num_predicted))
        assert f"Finds {first} spans" in found
        assert f"predicted {second} " in found
    counts = {kind: count for kind, count in errors.counts.items() if count}
    if not counts:
        assert wrong == "There are no errors."
    else:
        top = max(counts.values())
        for kind in (kind for kind, count in counts.items() if count == top):
            assert kind in wrong.replace("boundary", "boundary")
        if wrong.startswith("More than half"):
            assert 2 * top > errors.total
        if wrong.startswith("Half"):
            assert 2 * top == errors.total
        if label := re.search("most of them “(.+)”", wrong):
            (kind,) = (kind for kind, count in counts.items() if count == top)
            side = 0 if kind == "missed" else 1
            named = sum(pair[2] for pair in errors.confusions if pair[side] == label[1] and pair[1 - side] is None)
            assert 2 * named > top
    check_confused(confused, {(a, b): n for a, b, n in errors.confusions if a and b and a != b})


def check_confused(words: str, pairs: dict) -> None:
    if not pairs:
        assert re.fullmatch("No (label|tag|class) is taken for another.", words)
        return
    a, b = re.match("“(.+?)” is taken for “(.+?)” ", words).groups()
    both = Counter()
    for (gold, predicted), count in pairs.items():
        both[frozenset((gold, predicted))] += count
    assert both[frozenset((a, b))] == max(both.values())
    said = [1 if number == "once" else int(number.split()[0]) for number in re.findall(r"once|\d+ times", words)]
    assert said == [count for count in (pairs[a, b], pairs.get((b, a), 0)) if count]


@given(PLAIN)
def test_what_is_said_of_plain_tags_is_what_was_counted(rows):
    gold, predicted = sides(rows)
    report = evaluate_tags(gold, predicted, scheme="plain", resamples=0)
    right, confused, weakest = sentences_of(report)
    pairs = Counter(zip(chain(*gold), chain(*predicted)))
    if not report.num_tokens:
        assert right == "The sentences have no tokens."
        assert weakest == "Gold has no tag."
        return
    num_right = sum(count for (a, b), count in pairs.items() if a == b)
    assert right.lower() == f"{out_of(num_right, report.num_tokens)} tokens have the right tag."
    check_confused(confused, {pair: count for pair, count in pairs.items() if pair[0] != pair[1]})
    check_weakest(weakest, [(row.label, row.f1, row.support) for row in report.strict.labels])


def check_weakest(words: str, rows: list) -> None:
    low = min(f1 for _, f1, support in rows if support)
    if low == 1:
        assert words.endswith("is found without error.")
    else:
        assert f"{100 * low:.2f}" in words
        assert all(f1 == low for label, f1, support in rows if support and f"“{label}”" in words)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("ab")), min_size=1, max_size=30))
def test_what_is_said_of_classes_is_what_was_counted(pairs):
    gold, predicted = zip(*pairs)
    report = evaluate_labels(list(gold), list(predicted), labels=list("ab"), resamples=0)
    right, confused, weakest = sentences_of(report)
    num_right = sum(a == b for a, b in pairs)
    assert right.lower().startswith(f"{out_of(num_right, len(pairs))} texts get the right class; always saying ")
    assert out_of(max(Counter(gold).values()), len(pairs)) in right
    check_confused(confused, Counter(pair for pair in pairs if pair[0] != pair[1]))
    check_weakest(weakest, [(row.label, row.f1, row.support) for row in report.classes])


@given(st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("ab"))), min_size=1, max_size=20))
def test_what_is_said_of_several_labels_is_what_was_counted(pairs):
    gold, predicted = ([sorted(side) for side in column] for column in zip(*pairs))
    report = evaluate_labels(gold, predicted, labels=list("ab"), resamples=0)
    found, wrong, weakest = sentences_of(report)
    num_gold, num_predicted = sum(map(len, gold)), sum(map(len, predicted))
    num_right = sum(len(a & b) for a, b in pairs)
    if num_gold and num_predicted:
        assert f"Finds {out_of(num_right, num_gold)} labels" in found
        assert f"predicted {out_of(num_right, num_predicted)} " in found
    assert (wrong == "There are no errors.") == (num_gold + num_predicted == 2 * num_right)
    if num_gold:
        check_weakest(weakest, [(row.label, row.f1, row.support) for row in report.classes])
    else:
        assert weakest == "Gold has no label."


def steps_of(report) -> tuple[str, ...]:
    blocks = report.sections()[0].blocks
    return blocks[2].lines if len(blocks) > 2 and isinstance(blocks[2], Points) else ()


def test_a_threshold_is_advised_where_it_raises_f1_and_by_how_much():
    gold, predicted = ["a"] * 40 + ["b"] * 10, ["a"] * 50
    sure = np.r_[np.full(40, 0.95), np.full(10, 0.55)]
    report = evaluate_labels(gold, predicted, labels=["a", "b"], probabilities=np.c_[sure, 1 - sure], resamples=0)
    assert steps_of(report) == (
        "Leave unsure texts to a person: of the surest 80% (probability 0.9500 or more) 100.0% are right, "
        "of all 80.0%.",
    )
    # 20 spans found with 0.8, and 20 spurious ones with 0.3: F1 2 * 20 / (40 + 20) becomes 2 * 20 / (20 + 20)
    rows = [["B-A", "O"]] * 20
    spans = SpanTable.of([[Span(0, 1, "A", score=0.8), Span(1, 2, "A", score=0.3)]] * 20, [2] * 20)
    tags = [["B-A", "B-A"]] * 20
    assert steps_of(evaluate_tags(rows, tags, scheme="IOB2", spans=spans, resamples=0)) == (
        "Try a threshold: without what is less probable than 0.8000, F1 on these data would be 100.0 instead of 66.7; "
        "choose the threshold on dev data, with seqtag tune.",
    )


def test_labels_with_few_examples_and_errors_that_the_model_was_sure_of_are_named():
    rows = [["B-A"]] * 10 + [["B-B"]] * 9
    scores = [0.5] * 17 + [0.91, 0.99]
    spans = SpanTable.of([[Span(0, 1, "A", score=score)] for score in scores], [1] * 19)
    few, sure = steps_of(evaluate_tags(rows, [["B-A"]] * 19, scheme="IOB2", spans=spans, resamples=0))
    assert few == "Measure on more examples of “B”: with fewer than 10 in these data, its figures say little."
    assert "probability of 0.9 or more (sentence 19, sentence 18)" in sure
    assert steps_of(evaluate_tags(rows[:10], rows[:10], scheme="IOB2", resamples=0)) == ()


def test_more_labels_are_advised_where_training_had_not_what_goes_wrong():
    def slices(group, *counts):
        return [Slice(group, f"part {number}", gold, gold, right) for number, (gold, right) in enumerate(counts)]

    (step,) = more_labels([*slices("tags in training", (9, 9)), *slices("unknown words", (50, 50), (10, 9), (10, 8))])
    assert step.startswith(
        "Label more: of the texts without unknown words 100.0% come out right, of the others 85.0%; "
    )
    assert "seqtag curve" in step
    assert "seqtag select" in step
    for few in ([], [(50, 50), (9, 0)], [(9, 9), (50, 0)], [(50, 50), (50, 46)]):
        assert not list(more_labels(slices("surface in training", *few)))


def test_what_to_label_is_advised_for_models_that_seqtag_trained():
    tokens, tags = [["Ada"]] * 10 + [["Bo"]] * 10, [["B-A"]] * 20
    known = TrainingKnowledge(Surfaces.of([("Ada", "A")]))
    predicted = [["B-A"]] * 10 + [["O"]] * 10
    report = evaluate_tags(tags, predicted, scheme="IOB2", tokens=tokens, training=known, resamples=0)
    assert steps_of(report) == ()
    (step,) = steps_of(replace(report, history=(Epoch(1, 2.0, 0.6), Epoch(2, 1.0, 0.6))))
    assert step.startswith(
        "Label more: of the spans of gold that training had 100.0% come out right, of the others 0.0%; "
    )


def test_more_epochs_are_advised_only_where_the_last_one_was_the_best():
    rising, falling = [Epoch(1, 2.0, 0.5), Epoch(2, 1.0, 0.6)], [Epoch(1, 2.0, 0.6), Epoch(2, 1.0, 0.6)]
    assert len(list(longer_training(rising))) == 1
    assert list(longer_training(falling)) == list(longer_training(rising[:1])) == list(longer_training([])) == []
