"""Counts against sets of spans and the figures of metrics.py, and the messages for counts that can't be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.counts import Counts, count_spans
from seqtag.evaluation.tagging.metrics import score_spans, score_tokens
from seqtag.text.schemes import Span
from seqtag.text.tag_tables import SpanTable, TagTable

PAIRS = st.lists(
    st.lists(st.tuples(*[st.sampled_from(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"])] * 2), max_size=6),
    min_size=1,
    max_size=6,
)


def sides(pairs):
    numbers: dict[str, int] = {}
    return [TagTable.of([[pair[side] for pair in sentence] for sentence in pairs], numbers) for side in (0, 1)]


@given(PAIRS)
def test_sums_of_the_counts_give_conlleval_s_figures(pairs):
    gold, predicted = sides(pairs)
    counts = count_spans(gold.spans("IOB2"), predicted.spans("IOB2"))
    _, scores, _ = score_spans(gold, predicted, scheme="IOB2")
    assert counts.labels == tuple(row.label for row in scores.labels)
    for row, right, in_gold, in_predicted in zip(
        scores.labels, counts.right_SL.sum(0), counts.gold_SL.sum(0), counts.predicted_SL.sum(0)
    ):
        assert row.support == in_gold
        assert row.recall == pytest.approx(right / max(in_gold, 1))
        assert row.precision == pytest.approx(right / max(in_predicted, 1))


@given(PAIRS)
def test_plain_tags_count_as_spans_of_one_token(pairs):
    gold, predicted = sides(pairs)
    counts = count_spans(gold.spans("plain"), predicted.spans("plain"))
    recalls = counts.right_SL.sum(0) / np.maximum(counts.gold_SL.sum(0), 1)
    assert recalls.tolist() == pytest.approx([row.recall for row in score_tokens(gold, predicted).labels])


def test_a_sentence_keeps_its_own_row_and_a_score_does_not_make_a_span_another():
    gold = [[Span(0, 1, "PER")], [], [Span(0, 1, "LOC"), Span(2, 3, "PER")]]
    predicted = [[], [Span(0, 1, "LOC")], [Span(0, 1, "LOC", score=0.5), Span(2, 4, "PER", text="Bo")]]
    counts = count_spans(*(SpanTable.of(spans, [1, 1, 4]) for spans in (gold, predicted)))
    assert counts.labels == ("LOC", "PER")
    assert counts.right_SL.tolist() == [[0, 0], [0, 0], [1, 0]]
    assert counts.gold_SL.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert counts.predicted_SL.tolist() == [[0, 0], [1, 0], [1, 1]]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9))
def test_documents_hold_the_sums_of_their_sentences_in_the_order_of_first_sight(rows):
    groups, gold, extra = zip(*rows)
    gold_SL, predicted_SL = np.array(gold)[:, None], np.array(gold)[:, None] + np.array(extra)[:, None]
    grouped = Counts(("PER",), gold_SL, gold_SL, predicted_SL).by_group(groups)
    names = list(dict.fromkeys(groups))
    assert grouped.gold_SL.ravel().tolist() == [sum(g for n, g, _ in rows if n == name) for name in names]
    assert (grouped.predicted_SL - grouped.gold_SL).ravel().tolist() == [
        sum(e for n, _, e in rows if n == name) for name in names
    ]
    assert grouped.right_SL.tolist() == grouped.gold_SL.tolist()


def test_what_can_not_be_is_refused():
    one = np.ones((2, 1), int)
    with pytest.raises(DataError, match="2 gold sentences but 1 predicted"):
        count_spans(SpanTable.of([[], []], [1, 1]), SpanTable.of([[]], [1]))
    with pytest.raises(DataError, match="no sentences to resample"):
        count_spans(SpanTable.of([], []), SpanTable.of([], []))
    with pytest.raises(DataError, match="sentence 2: 1 right of 1 in gold and 0 predicted of label 'PER'"):
        Counts(("PER",), one, one, np.array([[1], [0]]))
    with pytest.raises(UsageError, match=r"shapes \(2, 1\), \(2, 1\), \(1, 1\); .* a column for each of the 1 labels"):
        Counts(("PER",), one, one, one[:1])
    with pytest.raises(UsageError, match="each of the 2 labels"):
        Counts(("PER", "LOC"), one, one, one)
    with pytest.raises(DataError, match="2 sentences but 1 names of documents"):
        Counts(("PER",), one, one, one).by_group(["a"])
