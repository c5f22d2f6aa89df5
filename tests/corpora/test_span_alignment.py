"""Spans whose own text contradicts their offsets, spans that overlap or come twice, and what is said of them."""

import pytest

from seqtag.corpora.span_alignment import AnnotatedText, SpanAccount, SpanRules
from seqtag.errors import DataError, UsageError
from seqtag.text.schemes import Span

TEXT = "Ada Byron lives in Oslo."


def read(*spans, text=TEXT, **rules):
    """Give the tags of one text, and what was found wrong with its spans."""
    account = SpanAccount("x.jsonl", SpanRules(**rules))
    blocks = list(account.blocks([AnnotatedText("x.jsonl:3", 3, text, spans)]))
    return [tag for block in blocks for tag in block.tags], list(map(str, account.faults))


def test_a_span_that_contradicts_its_offsets_moves_to_the_only_place_of_its_words_near_by():
    tags, faults = read(Span(10, 15, "LOC", "Oslo"), only_listed=True)
    assert tags == ["O", "O", "O", "O", "B-LOC", "O"]
    assert faults == ["LOC span 10:15 'lives' is 'Oslo' by its own text; moved to 19:23 'Oslo'"]
    tags, faults = read(Span(10, 15, "LOC", "Oslo"), text=f"{TEXT} Oslo is old.", only_listed=True)
    assert (set(tags), faults) == ({"O"}, ["LOC span 10:15 'lives' is 'Oslo' by its own text; left out"])
    far = "x " * 100
    assert set(read(Span(0, 1, "LOC", "Oslo"), text=far + TEXT, only_listed=True)[0]) == {"O"}
    # outside of the text altogether
    assert read(Span(90, 94, "LOC", "Oslo"), only_listed=True)[0] == ["O", "O", "O", "O", "B-LOC", "O"]


def test_contradictions_count_against_the_limit(caplog):
    spans = Span(0, 9, "PER", "Ada Byron"), Span(10, 15, "LOC", "Oslo")
    with pytest.raises(
        DataError, match=r"x\.jsonl: 1 of 2 spans do not fit .*x\.jsonl:3: LOC span 10:15 'lives' is 'Os"
    ):
        read(*spans)
    caplog.clear()
    assert read(*spans, max_misaligned=0.5)[0] == ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
    assert caplog.messages == ["x.jsonl:3: LOC span 10:15 'lives' is 'Oslo' by its own text; moved to 19:23 'Oslo'"]


def test_small_letters_are_no_contradiction_unless_the_words_stand_elsewhere():
    assert read(Span(0, 9, "PER", "ada byron"))[0][:2] == ["B-PER", "I-PER"]
    tags, faults = read(Span(0, 2, "LOC", "US"), text="us and US", only_listed=True)
    assert (tags, faults) == (["O", "O", "B-LOC"], ["LOC span 0:2 'us' is 'US' by its own text; moved to 7:9 'US'"])


@pytest.mark.parametrize("words", ["Ada Byron", "Ada\\nByron", " Ada  Byron\n", "", None])
def test_white_space_in_the_words_of_a_span_is_no_contradiction(words):
    assert read(Span(0, 9, "PER", words), text="Ada\nByron left.")[1] == []
    assert read(Span(0, 4, "LOC", "Vanc\u0327"), text="Vanç left.", only_listed=True)[1] == []


def test_a_span_that_was_marked_twice_is_one_span(caplog):
    caplog.set_level("INFO", "seqtag")
    tags, faults = read(Span(0, 9, "PER"), Span(0, 9, "PER", "Ada Byron"), Span(19, 23, "LOC"))
    assert (tags, faults) == (["B-PER", "I-PER", "O", "O", "B-LOC", "O"], [])
    assert caplog.messages == ["x.jsonl: spans that were marked twice with one label, read once: 1"]


def test_all_overlapping_spans_are_listed_at_once():
    account = SpanAccount("x.jsonl", SpanRules())
    texts = [AnnotatedText(f"x.jsonl:{n}", n, TEXT, [Span(0, 9, "PER"), Span(4, 9, "LAST")]) for n in range(1, 401)]
    with pytest.raises(DataError) as error:
        list(account.blocks(texts))
    message = str(error.value)
    assert message.startswith(
        "x.jsonl: 400 spans overlap another one, and a token has one tag: x.jsonl:1: PER span 0:9"
    )
    assert all(f"x.jsonl:{n}: PER span 0:9 'Ada Byron' and LAST span 4:9 'Byron' overlap" in message for n in (1, 20))
    assert "; and in 21, 22, " in message
    assert ", 400; remove one of each two, or read with overlaps='lon" in message
    assert len(account.faults) == 400


@pytest.mark.parametrize(
    ("overlaps", "tags"),
    [("longest", ["B-PER", "I-PER", "B-VERB"]), ("first", ["O", "B-LAST", "B-VERB"])],
)
def test_one_of_overlapping_spans_counts(overlaps, tags, caplog):
    caplog.set_level("INFO", "seqtag")
    spans = Span(4, 9, "LAST"), Span(0, 9, "PER"), Span(10, 15, "VERB")
    found, faults = read(*spans, overlaps=overlaps)
    assert (found, faults) == ([*tags, "O", "O", "O"], [])
    assert caplog.messages == [f"x.jsonl: overlapping spans left out (overlaps={overlaps!r}): 1"]


def test_texts_without_a_token_stay_as_empty_sentences(caplog):
    caplog.set_level("INFO", "seqtag")
    account = SpanAccount("x.jsonl", SpanRules())
    texts = [AnnotatedText(f"x.jsonl:{n}", n, text, []) for n, text in enumerate(("", "Yes", " \n"), 1)]
    (block,) = account.blocks(texts)
    assert (block.lengths, block.tokens) == ([0, 1, 0], ["Yes"])
    assert caplog.messages == ["x.jsonl: texts without a token, kept as empty sentences: 2"]


@pytest.mark.parametrize("rules", [{"overlaps": "shortest"}, {"max_misaligned": 2}])
def test_rules_that_are_out_of_range(rules):
    with pytest.raises(UsageError, match=r"choose from error, first, longest|from 0 to 1"):
        SpanRules(**rules).check()
