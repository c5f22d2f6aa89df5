"""Slices as a table, and quartiles of lengths."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from seqtag.evaluation.slices import Slice, slice_table
from seqtag.evaluation.tagging.slices import TrainingKnowledge, score_slices
from seqtag.reporting.sections import Section
from seqtag.reporting.terminal import render_text
from seqtag.text.schemes import Span
from seqtag.text.tag_tables import SpanTable
from seqtag.text.training_surfaces import Surfaces

LABELS = {"Ada": ["PER"], "Bo": ["LOC", "PER"], "Ada Bo": ["PER"]}


SURFACES = Surfaces.of([(surface, label) for surface, labels in LABELS.items() for label in labels])


VOCABULARY = {"Ada", "York"}


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40))
def test_quartiles_hold_whole_lengths_and_split_the_sentences_evenly(lengths):
    tokens = [["x"] * length for length in lengths]
    spans = SpanTable.of([[Span(0, 1, "PER")] for _ in lengths], lengths)
    slices = [s for s in score_slices(tokens, spans, spans) if s.group == "tokens of the sentence"]
    assert len(slices) <= 4
    ranges = [list(map(int, s.name.split("-"))) for s in slices]
    assert ranges == sorted(ranges)
    assert all(left[-1] < right[0] for left, right in pairwise(ranges))
    ordered = sorted(lengths)
    bounds = [ordered[-(-len(lengths) * quarter // 4) - 1] for quarter in (1, 2, 3)]  # of the last in each quarter
    quarters = Counter(sum(bound < length for bound in bounds) for length in lengths)
    assert [s.num_gold for s in slices] == [quarters[quarter] for quarter in sorted(quarters)]


def test_the_table_holds_each_slice_and_fits_a_terminal():
    tokens = [["Ada"] * number for number in (3, 120_000, 5, 80, 81, 200)]
    found = ([[Span(0, 3, "PER")] for _ in tokens], [[] for _ in tokens])
    sides = (SpanTable.of(spans, list(map(len, tokens))) for spans in found)
    slices = score_slices(tokens, *sides, training=TrainingKnowledge(SURFACES, VOCABULARY))
    largest = Slice("tokens of the sentence", "100000-120000", 1_234_567, 1_234_567, 1_234_567)
    table = slice_table([*slices, largest])
    assert [row[:2] for row in table.rows] == [(s.group, s.name) for s in (*slices, largest)]
    rows = {row[:2]: row[2:] for row in table.rows}
    assert rows["surface in training", "unseen"] == ("6", "0", "-", "0.00", "0.00")
    assert rows["tokens of the span", "2"] == ("0", "0", "-", "-", "-")
    assert table.rows[-1][2:] == ("1,234,567", "1,234,567", "100.00", "100.00", "100.00")
    shown = render_text([Section("By what training knew", (table,))]).split("\n")
    for row in table.rows:
        assert any(line.split() == " ".join(row).split() for line in shown)
    assert max(map(len, shown)) <= 80


def test_the_table_of_tokens_or_texts_gives_the_accuracy():
    table = slice_table(
        [Slice("unknown words", "none", 4, 4, 3), Slice("unknown words", "over 25%", 0, 0, 0)], unit="texts"
    )
    assert table.header[2:] == ("texts", "accuracy")
    assert table.rows == (("unknown words", "none", "4", "75.00"), ("unknown words", "over 25%", "0", "-"))
