"""What nobody annotated counts neither for nor against a prediction: against scores of the known part alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.known import Known
from seqtag.text.schemes import Span, legal_transitions, spans_from_tags
from seqtag.text.tag_tables import SpanTable

NAMES = ["O", "B-A", "I-A", "B-B", "I-B"]


def random_tags(random, length):
    start_L, moves_LL, _ = legal_transitions(NAMES, "IOB2")
    tags = []
    for position in range(length):
        fits = start_L if not position else moves_LL[tags[-1]]
        tags.append(int(random.choice(np.flatnonzero(fits))))
    return [NAMES[tag] for tag in tags]


@given(seed=st.integers(0, 10**6))
def test_counts_are_those_of_spans_away_from_unknown_tokens(seed):
    random = np.random.default_rng(seed)
    gold = [random_tags(random, int(random.integers(1, 8))) for _ in range(4)]
    predicted = [random_tags(random, len(tags)) for tags in gold]
    hidden = [random.random(len(tags)) < 0.3 for tags in gold]
    partial = [["?" if is_hidden else tag for tag, is_hidden in zip(*pair)] for pair in zip(gold, hidden)]
    report = evaluate_tags(partial, predicted, scheme="IOB2", resamples=0)
    num_gold = num_predicted = num_right = 0
    for tags, found in zip(partial, predicted):
        # A span that stands whole between known tokens, or known borders, is known; a token of any other is not.
        known = [
            span
            for span in spans_from_tags(tags, "IOB2")
            if tags[span.end : span.end + 1] != ["?"]
            and not (tags[span.start].startswith("I") and span.start and tags[span.start - 1] == "?")
        ]
        inside = {position for span in known for position in range(span.start, span.end)}
        clear = [tag == "O" or position in inside for position, tag in enumerate(tags)]
        judged = [span for span in spans_from_tags(found, "IOB2") if all(clear[span.start : span.end])]
        num_gold, num_predicted = num_gold + len(known), num_predicted + len(judged)
        num_right += len(set(known) & set(judged))
    assert (report.num_gold, report.num_predicted) == (num_gold, num_predicted)
    assert report.errors.num_right == num_right
    assert report.num_unjudged == sum(len(spans_from_tags(tags, "IOB2")) for tags in predicted) - num_predicted
    assert report.num_tokens + report.num_unknown == sum(map(len, gold))


def test_labels_that_were_not_annotated_are_not_judged():
    gold, predicted = [["B-A", "O", "O"], ["O", "B-B"]], [["B-A", "B-B", "B-A"], ["B-B", "B-B"]]
    report = evaluate_tags(gold, predicted, scheme="IOB2", annotated=[["A"], None], resamples=0)
    assert (report.num_gold, report.num_predicted, report.errors.num_right, report.num_unjudged) == (2, 4, 2, 1)


def test_spans_of_a_table_are_judged_as_those_of_sentences():
    known = Known([["B-A", "?"], ["O", "O"]], "IOB2", [None, ["A"]])
    spans = [[Span(0, 1, "A"), Span(1, 2, "B")], [Span(0, 1, "A"), Span(1, 2, "B")]]
    table = known.judged(SpanTable.of(spans, [2, 2]))
    assert table.lists() == [known.spans(number, found) for number, found in enumerate(spans)]
    assert table.lists() == [[], [Span(0, 1, "A")]]


def test_plain_tags_are_scored_over_known_tokens():
    report = evaluate_tags([["N", "?", "V"]], [["N", "V", "N"]], scheme="plain", resamples=0)
    assert (report.accuracy, report.num_tokens, report.num_unknown, report.num_unjudged) == (0.5, 2, 1, 1)
    assert [row.label for row in report.strict.labels] == ["N", "V"]


@pytest.mark.parametrize("scheme", ["IOB2", "plain"])
def test_where_nothing_is_known_there_is_nothing_to_score(scheme):
    report = evaluate_tags([["?", "?"]], [["B-A", "B-A"]], scheme=scheme, resamples=10)
    assert (report.num_gold, report.num_predicted, report.num_tokens, report.num_unknown) == (0, 0, 0, 2)
    assert "left out, because nobody annotated them: 2 tokens and 2 predicted" in str(report)
