"""Schemes against enumeration, round trips, and the two tag columns of one corpus."""

import gzip
import json
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_spans import span_masks

from seqtag.errors import DataError, UsageError
from seqtag.text.schemes import (
    SCHEMES,
    Moves,
    Span,
    convert_tags,
    detect_scheme,
    entity_labels,
    illegal_positions,
    legal_transitions,
    repair_tags,
    spans_from_tags,
    split_tag,
    tag_bigrams,
    tags_from_spans,
)

ENTITY_SCHEMES = SCHEMES[1:]
EXACT_SCHEMES = SCHEMES[2:]  # IO can't keep neighbours of one label apart
LETTERS = {"IO": "I", "IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
LABELS = ["PER", "creative-work", "X"]


def tag_set(scheme: str, labels: list[str]) -> list[str]:
    return ["O", *(f"{letter}-{label}" for label in labels for letter in LETTERS[scheme])]


def any_tags(scheme: str) -> st.SearchStrategy[list[str]]:
    """Give tag sequences in the scheme's letters, legal or not."""
    return st.lists(st.sampled_from(tag_set(scheme, LABELS)), max_size=12)


@st.composite
def sentence_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Give disjoint spans and the length of the sentence that holds them, often touching one another."""
    spans, position = [], 0
    for gap, size, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(LABELS)), max_size=5)
    ):
        spans.append(Span(position + gap, position + gap + size, label))
        position += gap + size
    return spans, position + draw(st.integers(0, 2))


def merged(spans: list[Span]) -> list[Span]:
    """Join touching spans of one label: what IO can hold."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.start and joined[-1].label == span.label:
            span = Span(joined.pop().start, span.end, span.label)
        joined.append(span)
    return joined


@pytest.mark.parametrize("scheme", ENTITY_SCHEMES)
@given(sentence_spans())
def test_spans_survive_being_written_as_tags(scheme, drawn):
    spans, length = drawn
    tags = tags_from_spans(reversed(spans), length, scheme)
    assert len(tags) == length
    assert illegal_positions(tags, scheme) == []
    assert spans_from_tags(tags, scheme) == (merged(spans) if scheme == "IO" else spans)


@settings(max_examples=300)
@given(st.sampled_from(ENTITY_SCHEMES), st.sampled_from(EXACT_SCHEMES), sentence_spans())
def test_converting_there_and_back_changes_nothing(source, target, drawn):
    tags = tags_from_spans(*drawn, source)
    assert convert_tags(convert_tags(tags, source, target), target, source) == tags


@pytest.mark.parametrize("scheme", ENTITY_SCHEMES)
@given(st.data())
def test_repair_gives_legal_tags_keeps_the_reading_and_leaves_legal_tags_alone(scheme, data):
    tags = data.draw(any_tags(scheme))
    repaired = repair_tags(tags, scheme)
    assert illegal_positions(repaired, scheme) == []
    assert spans_from_tags(repaired, scheme) == spans_from_tags(tags, scheme)
    assert (repaired == tags) == (illegal_positions(tags, scheme) == [])


def legal_by_matrices(indices: tuple[int, ...], start: np.ndarray, transitions: np.ndarray, end: np.ndarray) -> bool:
    if not indices:
        return True
    inner = all(transitions[left, right] for left, right in pairwise(indices))
    return bool(start[indices[0]] and end[indices[-1]] and inner)


@pytest.mark.parametrize("scheme", ENTITY_SCHEMES)
def test_legal_transitions_agree_with_illegal_positions(scheme):
    tags = tag_set(scheme, ["A", "B"])
    matrices = legal_transitions(tags, scheme)
    num_legal = 0
    for length in range(4):
        for indices in product(range(len(tags)), repeat=length):
            legal = legal_by_matrices(indices, *matrices)
            num_legal += legal
            assert legal == (illegal_positions([tags[index] for index in indices], scheme) == [])
    if scheme != "IO":  # the others have one legal sequence for each set of spans
        assert num_legal == sum(len(span_sets(length, ["A", "B"])) for length in range(4))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_moves_by_letter_and_label_are_those_of_the_table_of_all_pairs(scheme):
    tags = ["O", "B-A", "NOUN"] if scheme == "plain" else tag_set(scheme, ["A", "B", "C"])
    start, transitions, end = legal_transitions(tags, scheme)
    moves = Moves.build(tags, scheme)
    before, after = np.indices(transitions.shape)
    assert (moves.between(before, after) == transitions).all()
    assert (moves.start_L == start).all()
    assert (moves.end_L == end).all()


def span_sets(length: int, labels: list[str], start: int = 0) -> list[list[Span]]:
    """Enumerate every set of disjoint spans of a sentence of `length` tokens."""
    found: list[list[Span]] = [[]]
    for begin in range(start, length):
        for end in range(begin + 1, length + 1):
            for label in labels:
                found += [[Span(begin, end, label), *rest] for rest in span_sets(length, labels, end)]
    return found


@pytest.mark.parametrize("scheme", ["plain", "IO"])
def test_plain_and_io_forbid_nothing(scheme):
    tags = ["O", "I-A", "I-B"] if scheme == "IO" else ["NOUN", "VERB", "O", "B-A"]
    assert all(array.all() for array in legal_transitions(tags, scheme))


@pytest.mark.parametrize("scheme", ENTITY_SCHEMES)
@pytest.mark.parametrize("left_out", ["", "first", "last"])
def test_span_masks_hold_exactly_the_legal_sequences_that_have_the_span(scheme, left_out):
    tags = tag_set(scheme, ["A", "B"])
    tags = tags[:-1] if left_out == "last" else tags[:1] + tags[2:] if left_out == "first" else tags
    for length in range(1, 5):
        legal = {}
        for indices in product(range(len(tags)), repeat=length):
            sequence = [tags[index] for index in indices]
            if not illegal_positions(sequence, scheme):
                legal[indices] = spans_from_tags(sequence, scheme)
        for start, end, label in product(range(length), range(1, length + 1), ["A", "B"]):
            if start >= end:
                continue
            span = Span(start, end, label)
            masks = span_masks(span, length, tags, scheme)
            for indices, spans in legal.items():
                inside = sum(bool(mask[range(length), indices].all()) for mask in masks)
                assert inside == (span in spans), (span, indices, inside)  # never in two alternatives at once


def test_span_masks_of_plain_tags_and_of_spans_that_cannot_be():
    assert span_masks(Span(1, 2, "VERB"), 2, ["NOUN", "VERB"], "plain")[0].tolist() == [[True, True], [False, True]]
    assert span_masks(Span(0, 2, "VERB"), 2, ["NOUN", "VERB"], "plain") == []
    assert span_masks(Span(0, 1, "LOC"), 2, ["O", "B-PER", "I-PER"], "IOB2") == []
    with pytest.raises(DataError, match="does not lie in a sentence of 2 tokens"):
        span_masks(Span(1, 3, "PER"), 2, ["O", "B-PER", "I-PER"], "IOB2")


@pytest.mark.parametrize("scheme", EXACT_SCHEMES)
@settings(max_examples=30)
@given(st.lists(sentence_spans(), max_size=5))
def test_detection_recovers_the_scheme(scheme, drawn):
    evidence = ([Span(0, 1, "PER"), Span(1, 4, "PER"), Span(4, 5, "X"), Span(5, 7, "PER"), Span(7, 9, "PER")], 10)
    corpus = [tags_from_spans(*sentence, scheme) for sentence in [*drawn, evidence]]
    assert detect_scheme(tag_bigrams(corpus)) == scheme


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ([["O", "I-PER", "I-LOC"]], "IO"),
        ([["O", "B-PER"], ["B-LOC", "B-LOC"]], "IOB2"),
        ([["O"], []], "IOB2"),
        ([], "IOB2"),
        ([["O", "B-PER", "I-PER"], ["I-PER"]], "IOB2"),  # one violation of each: a tie
        ([["NOUN", "I-PER"]], "plain"),
        ([["O", "B-"]], "plain"),
        ([["O", "O-PER"]], "plain"),
        ([["O", "b-PER"]], "plain"),
        ([["B-PER", "E-PER"], ["U-PER"]], "plain"),  # no scheme has both E and U
        ([["B-PER", "E-PER"]], "BIOES"),
        ([["S-PER"]], "BIOES"),
        ([["U-PER", "O"]], "BILOU"),
        ([["B-PER", "I-PER", "L-PER"]], "BILOU"),
        ([["B-PER", "M-PER", "E-PER"]], "BMES"),
    ],
)
def test_detection_of_small_corpora(sentences, scheme):
    assert detect_scheme(tag_bigrams(sentences)) == scheme


def test_a_few_violations_do_not_change_the_detected_scheme():
    iob2 = [["B-PER", "I-PER", "O", "B-LOC"]] * 20 + [["O", "I-PER"]] * 3
    assert detect_scheme(tag_bigrams(iob2)) == "IOB2"
    iob1 = [["I-PER", "I-PER", "O", "I-LOC", "B-LOC"]] * 20 + [["O", "B-PER"]] * 3
    assert detect_scheme(tag_bigrams(iob1)) == "IOB1"


def test_bigrams_count_the_edges_and_empty_sentences():
    assert tag_bigrams([["O", "B-X"], ["O"], []]) == {
        (None, "O"): 2,
        ("O", "B-X"): 1,
        ("B-X", None): 1,
        ("O", None): 1,
        (None, None): 1,
    }


@pytest.mark.parametrize(
    ("tags", "scheme", "positions"),
    [
        (["I-A", "I-A", "B-A", "I-B"], "IOB2", [0, 3]),
        (["B-A", "I-A", "B-A", "O", "B-A"], "IOB1", [0, 4]),
        (["B-A", "O", "E-A", "B-A", "I-B"], "BIOES", [0, 2, 3, 4]),
        (["U-A", "L-A", "B-A", "L-A", "I-A"], "BILOU", [1, 4]),
        (["S-A", "B-A", "M-A", "E-A", "I-A"], "BMES", [4]),
        (["B-A", "I-A"], "IO", [0]),
        (["anything", "B-A"], "plain", []),
    ],
)
def test_illegal_positions_by_hand(tags, scheme, positions):
    assert illegal_positions(tags, scheme) == positions


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["I-A", "I-A", "B-A", "I-B"], [(0, 2, "A"), (2, 3, "A"), (3, 4, "B")]),
        (["E-A", "E-A", "I-A", "E-A"], [(0, 1, "A"), (1, 2, "A"), (2, 4, "A")]),
        (["S-A", "I-A", "S-A", "B-A", "S-A"], [(0, 1, "A"), (1, 2, "A"), (2, 3, "A"), (3, 4, "A"), (4, 5, "A")]),
        (["B-A", "M-A", "L-A", "U-B"], [(0, 3, "A"), (3, 4, "B")]),
    ],
)
def test_lenient_reading_by_hand(tags, spans):
    assert [(span.start, span.end, span.label) for span in spans_from_tags(tags, "BIOES")] == spans


def test_plain_tags_go_there_and_back():
    spans = spans_from_tags(["DET", "O"], "plain")
    assert spans == [Span(0, 1, "DET"), Span(1, 2, "O")]
    assert tags_from_spans(spans, 2, "plain") == convert_tags(["DET", "O"], "plain", "plain") == ["DET", "O"]
    with pytest.raises(DataError, match="3 plain tags need one span for each token, found 2"):
        tags_from_spans(spans, 3, "plain")
    with pytest.raises(UsageError, match="'plain' can't become 'IOB2'"):
        convert_tags(["DET"], "plain", "IOB2")


def test_messages_name_what_is_wrong():
    with pytest.raises(DataError, match=r"Span\(start=0, end=2, label='A'\) and Span\(start=1, end=3, label='B'\) ov"):
        tags_from_spans([Span(1, 3, "B"), Span(0, 2, "A")], 3, "IOB2")
    for span in (Span(2, 4, "A"), Span(-1, 1, "A"), Span(1, 1, "A")):
        with pytest.raises(DataError, match=r"label='A'\) does not lie in a sentence of 3 tokens"):
            tags_from_spans([span], 3, "IOB2")
    with pytest.raises(DataError, match="has no label"):
        tags_from_spans([Span(0, 1, "")], 3, "IOB2")
    with pytest.raises(
        UsageError, match="unknown scheme 'IOBES'; choose from BILOU, BIOES, BMES, IO, IOB1, IOB2, plain"
    ):
        spans_from_tags([], "IOBES")
    with pytest.raises(DataError, match="tag 'NOUN' is neither 'O' nor a letter"):
        split_tag("NOUN")
    with pytest.raises(DataError, match="tag 'E-A' has no place in scheme IOB2"):
        legal_transitions(["O", "E-A"], "IOB2")


def test_a_label_keeps_its_hyphens():
    assert split_tag("I-creative-work") == ("I", "creative-work")
    assert entity_labels(["B-b-c", "O", "I-a", "I-b-c"]) == ["a", "b-c"]


def test_a_span_shows_only_what_is_known():
    assert repr(Span(0, 3, "PER", text="Ada", score=0.5)) == "Span(start=0, end=3, label='PER', text='Ada', score=0.5)"
    assert sorted([Span(2, 3, "A"), Span(0, 2, "B"), Span(0, 1, "C")]) == [
        Span(0, 1, "C"),
        Span(0, 2, "B"),
        Span(2, 3, "A"),
    ]


def read_last_column(path: Path) -> list[list[str]]:
    blocks = gzip.decompress(path.read_bytes()).decode("utf-8").strip("\n").split("\n\n")
    return [[line.split("\t")[-1] for line in block.split("\n") if line] for block in blocks]


def test_bc5cdr_in_two_schemes_is_one_corpus(shared_data):
    iob2 = read_last_column(shared_data / "bc5cdr" / "test.tsv.gz")
    bioes = read_last_column(shared_data / "bc5cdr" / "iobes" / "test.tsv.gz")
    assert len(iob2) == len(bioes) == 4797
    assert (detect_scheme(tag_bigrams(iob2)), detect_scheme(tag_bigrams(bioes))) == ("IOB2", "BIOES")
    for left, right in zip(iob2, bioes):
        assert convert_tags(left, "IOB2", "BIOES") == right
        assert convert_tags(right, "BIOES", "IOB2") == left
    assert sum(len(spans_from_tags(tags, "IOB2")) for tags in iob2) == 9809


def test_a_span_comes_in_the_shapes_of_other_tools_and_is_json():
    span = Span(np.int64(0), np.int64(12), "PER", "Ada Lovelace", np.float32(0.5))
    shapes = {style: span.to_dict(style) for style in ("seqtag", "hf", "displacy", "presidio")}
    assert json.loads(json.dumps(shapes)) == {
        "seqtag": {"start": 0, "end": 12, "label": "PER", "text": "Ada Lovelace", "score": 0.5},
        "hf": {"entity_group": "PER", "score": 0.5, "word": "Ada Lovelace", "start": 0, "end": 12},
        "displacy": {"start": 0, "end": 12, "label": "PER"},
        "presidio": {"entity_type": "PER", "start": 0, "end": 12, "score": 0.5},
    }
    assert Span(**span.to_dict()) == span
    assert Span(0, 3, "PER").to_dict("presidio")["score"] == 1.0
    assert Span(0, 3, "PER").to_dict("hf")["score"] is None
    with pytest.raises(UsageError, match="style='spacy': choose from displacy, hf, presidio, seqtag"):
        span.to_dict("spacy")


def test_displacy_draws_its_shape():
    from spacy import displacy

    text = "Ada Lovelace met Tim"
    document = {"text": text, "ents": [Span(0, 12, "PER").to_dict("displacy")], "title": None}
    assert "Ada Lovelace" in displacy.render(document, style="ent", manual=True, jupyter=False)


@pytest.mark.parametrize(
    ("tags", "source", "target", "expected"),
    [
        ("B-A I-A ? O", "IOB2", "IOB2", "B-A I-A ? O"),
        ("B-A I-A ? O B-B", "IOB2", "BIOES", "? ? ? O S-B"),  # the span may go on
        ("? B-A O", "IOB2", "BIOES", "? S-A O"),
        ("? I-A O", "IOB2", "IOB2", "? I-A O"),  # it is no orphan
        ("B-A E-A ? S-B", "BIOES", "IOB2", "B-A I-A ? B-B"),
        ("? I-A E-A", "BIOES", "BIOES", "? I-A E-A"),
        ("I-A O ?", "IOB2", "IOB2", "B-A O ?"),
    ],
)
def test_unknown_tags_stay_unknown_and_break_no_scheme(tags, source, target, expected):
    assert convert_tags(tags.split(), source, target) == expected.split()


@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BIOES", "plain"])
def test_a_tag_beside_an_unknown_one_is_legal_if_some_tag_could_stand_there(scheme):
    for tags in (["?", "I-A", "?"], ["I-A", "?"], ["?", "?"], ["?", "I-A"]):
        legal = not illegal_positions(tags, scheme)
        names = ["O", "I-A", *{"IOB1": ["B-A"], "IOB2": ["B-A"], "BIOES": ["B-A", "E-A", "S-A"]}.get(scheme, [])]
        fillings = product(*(names if tag == "?" else [tag] for tag in tags))
        assert legal == any(not illegal_positions(filled, scheme) for filled in fillings)


def test_unknown_tags_say_nothing_about_the_scheme_and_are_in_no_span():
    assert detect_scheme(tag_bigrams([["?", "I-A", "I-A", "?"], ["B-A", "O"]])) == "IOB2"
    assert spans_from_tags(["B-A", "?", "I-A"], "IOB2") == [Span(0, 1, "A"), Span(2, 3, "A")]
    assert tags_from_spans([Span(0, 1, "A"), Span(1, 3, "?")], 4, "BIOES") == ["S-A", "?", "?", "O"]
