"""Suspects of known kinds in small corpora, and what holds for all readings of a sentence."""

import math

import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st
from memory import RememberingClassifier, RememberingTagger

from seqtag import Span, UsageError, find_suspects
from seqtag.curation.suspects import Reading

# Names that a model out of fold remembers, since each stands in many sentences.
FRAMES = ["{} spoke .", "We met {} .", "{} left .", "It was {} .", "{} !", "Near {} it rained .", "Ask {} ?", "{} , no"]


def corpus_of(changes):
    """Sentences with Ada (PER), Oslo (LOC) and stone (no name), but for some that are changed: (name, frame) -> tag."""
    tokens, tags = [], []
    for name, tag in (("Ada", "B-PER"), ("Oslo", "B-LOC"), ("stone", "O")):
        for number, frame in enumerate(FRAMES):
            row = frame.format(name).split()
            tokens.append(row)
            tags.append([changes.get((name, number), tag) if token == name else "O" for token in row])
    return tokens, tags


def found_in(tokens, tags, **options):
    return find_suspects(RememberingTagger(), tokens, tags, folds=4, **options)


def test_missing_extra_and_wrong_types_are_found_with_their_probabilities():
    changes = {("Ada", 1): "O", ("Oslo", 2): "B-PER", ("stone", 3): "B-LOC"}
    report = found_in(*corpus_of(changes))
    missing, extra, wrong = report.suspects[:3]
    assert [(each.kind, each.row, each.surface) for each in (missing, extra, wrong)] == [
        ("missing", 1, "Ada"),
        ("extra", 19, "stone"),
        ("wrong type", 10, "Oslo"),
    ]
    assert (missing.gold, missing.proposed) == ((), (Span(2, 3, "PER", "Ada", 1.0),))
    assert (wrong.gold[0].label, wrong.proposed[0].label) == ("PER", "LOC")
    assert (extra.gold[0].label, extra.proposed, extra.proposed_probability) == ("LOC", (), 1.0)
    assert all(each.gold_probability == 0 for each in (missing, wrong, extra))
    # Models find fewer of the labels that the wrong ones have; the power is the trust in all labels together.
    assert 9 < missing.score < 10
    powers = [math.log(each.score / missing.score, report.trust[each.gold[0].label]) for each in (extra, wrong)]
    assert powers[0] == pytest.approx(powers[1])
    assert min(report.trust.values()) < powers[0] < max(report.trust.values())
    assert [each.score for each in report.suspects] == sorted((s.score for s in report.suspects), reverse=True)
    assert (report.num_labels, report.num_rows, report.scheme) == (16, 24, "IOB2")


def test_unknown_tags_are_no_suspects_and_labels_nobody_looked_for_are_not_missing():
    gold = [Span(0, 1, "PER", score=0.9)]
    likely = [Span(0, 2, "PER", score=0.3), Span(2, 4, "LOC", score=0.8), Span(4, 5, "ORG", score=0.9)]
    assert Reading.of(gold, likely).missing == (likely[2], likely[1])
    assert Reading.of(gold, likely, unknown=frozenset([3])).missing == (likely[2],)
    assert Reading.of(gold, likely, annotated=frozenset(["PER", "LOC"])).missing == (likely[1],)
    assert Reading.of(gold, likely).rivals == (likely[0],)


def suspects_of(gold, likely, probabilities):
    reading = Reading.of(gold, [Span(start, end, label, score=score) for start, end, label, score in likely])
    assert len(reading.asked) == len(probabilities)
    return [
        (each.kind, [span.label for span in each.gold], [(s.start, s.end, s.label) for s in each.proposed])
        for each in reading.suspects(probabilities)
    ]


@pytest.mark.parametrize(
    ("likely", "probabilities", "expected"),
    [
        # probabilities: of both spans of gold, then that nothing is at the first, at the second, at what is missing
        ([], [0.9, 0.1, 0.1, 0.9], [("extra", ["LOC"], []), ("extra", ["PER"], [])]),
        (
            [(0, 2, "ORG", 0.8)],
            [0.1, 0.9, 0.1, 0.1],
            [("wrong type", ["PER"], [(0, 2, "ORG")]), ("extra", ["LOC"], [])],
        ),
        ([(1, 2, "ORG", 0.8)], [0.1, 1, 0.1, 0], [("wrong border", ["PER"], [(1, 2, "ORG")]), ("extra", ["LOC"], [])]),
        ([(0, 4, "PER", 0.8)], [0.1, 0.1, 0.1, 0.1], [("wrong border", ["PER", "LOC"], [(0, 4, "PER")])]),
        (
            [(0, 1, "PER", 0.7), (1, 2, "PER", 0.6)],
            [0.1, 1, 0.1, 0],
            [("wrong border", ["PER"], [(0, 1, "PER"), (1, 2, "PER")]), ("extra", ["LOC"], [])],
        ),
        (
            [(4, 6, "ORG", 0.9), (5, 6, "ORG", 0.3)],
            [1, 1, 0, 0, 0.05],
            [("missing", [], [(4, 6, "ORG")]), ("extra", ["PER"], []), ("extra", ["LOC"], [])],
        ),
    ],
)
def test_the_likeliest_counter_proposal_names_the_kind(likely, probabilities, expected):
    assert suspects_of([Span(0, 2, "PER"), Span(2, 4, "LOC")], likely, probabilities) == expected


places = st.tuples(st.integers(0, 5), st.integers(1, 3), st.sampled_from(["PER", "LOC"]))


@given(st.lists(places, max_size=6), st.lists(places, max_size=8), st.randoms(use_true_random=False))
def test_what_is_proposed_goes_together_and_no_span_of_gold_is_suspected_twice(gold, likely, chance):
    spans: list[Span] = []
    for start, length, label in gold:
        if all(start >= span.end or span.start >= start + length for span in spans):
            spans.append(Span(start, start + length, label))
    candidates = [Span(start, start + length, label, score=chance.random()) for start, length, label in set(likely)]
    reading = Reading.of(sorted(spans), candidates)
    found = reading.suspects([chance.random() for _ in reading.asked])
    suspected = [(span.start, span.end) for each in found for span in each.gold]
    assert len(set(suspected)) == len(suspected)
    proposed = [span for each in found for span in each.proposed]
    kept = [span for span in spans if (span.start, span.end) not in suspected]
    taken = [at for span in (*proposed, *kept) for at in range(span.start, span.end)]
    assert len(set(taken)) == len(taken)
    for each in found:
        assert each.kind != "missing" or (not each.gold and len(each.proposed) == 1)
        assert each.kind != "extra" or (len(each.gold) == 1 and not each.proposed)


def test_plain_tags_are_suspected_token_by_token_unless_they_are_unknown():
    words = [["dogs", "bark"], ["dogs", "run"], ["cats", "run"], ["dogs", "sleep"], ["dogs", "eat"], ["cats", "bark"]]
    tags = [["NOUN", "VERB"] for _ in words]
    tags[3] = ["VERB", "VERB"]
    [suspect] = [each for each in found_in(words, tags).suspects if each.gold_probability == 0 and each.row == 3]
    assert (suspect.kind, suspect.surface, suspect.proposed) == (
        "wrong tag",
        "dogs",
        (Span(0, 1, "NOUN", "dogs", 1.0),),
    )
    tags[3] = ["?", "VERB"]
    assert [each.row for each in found_in(words, tags).suspects if each.surface == "dogs" and each.row == 3] == []


def test_sentences_with_unknown_tags_or_labels_are_looked_at_where_they_are_known():
    tokens, tags = corpus_of({("Ada", 1): "O", ("Ada", 2): "O", ("Ada", 4): "?", ("Oslo", 5): "O"})
    # only some labels were annotated in two sentences: Ada may be missing there or not, Oslo is
    labels = [["LOC"] if row in (2, 13) else None for row in range(len(tokens))]
    rows = Dataset.from_dict({"tokens": tokens, "tags": tags, "annotated_labels": labels})
    report = find_suspects(RememberingTagger(), rows, folds=4)
    assert {(each.kind, each.row) for each in report.suspects if each.kind == "missing"} == {
        ("missing", 1),
        ("missing", 13),
    }
    assert report.num_labels == 12


def test_texts_with_a_wrong_class_are_found():
    texts = [f"{word} {number}" for word in ("fine", "dull") for number in range(10)]
    labels = ["good"] * 10 + ["bad"] * 10
    labels[4] = "bad"
    report = find_suspects(RememberingClassifier(), texts, labels, folds=4)
    best = report.suspects[0]
    assert (best.kind, best.row, best.gold[0].label, best.proposed[0].label) == ("wrong class", 4, "bad", "good")
    assert (report.num_labels, report.task, report.scheme) == (20, "classify", None)


def test_of_texts_with_several_labels_each_may_be_missing_or_extra():
    texts = [f"{word} {number}" for word in ("fine", "loud") for number in range(10)]
    labels = [["good"]] * 10 + [["bad", "loud"]] * 10
    labels[3], labels[13] = ["good", "loud"], ["bad"]
    report = find_suspects(RememberingClassifier(), texts, labels, folds=4)
    found = {(each.kind, each.row, (*each.gold, *each.proposed)[0].label) for each in report.suspects[:2]}
    assert found == {("extra", 3, "loud"), ("missing", 13, "loud")}


def test_all_splits_are_looked_at_and_places_are_those_of_the_split():
    tokens, tags = corpus_of({("Ada", 1): "O"})
    rows = Dataset.from_dict({"tokens": tokens, "tags": tags})
    halves = DatasetDict(dev=rows.select(range(4)), train=rows.select(range(4, 24)))
    best = find_suspects(RememberingTagger(), halves, folds=4).suspects[0]
    assert (best.split, best.row, best.kind) == ("dev", 1, "missing")


def test_each_fold_is_shown_to_who_watches():
    seen = []
    found_in(*corpus_of({}), watch=lambda fold: seen.append((fold.number, len(fold.rows_N))))
    assert [number for number, _ in seen] == [1, 2, 3, 4]
    assert sum(size for _, size in seen) == 24


@pytest.mark.parametrize("least", ["0", None, float("nan"), True])
def test_a_least_score_that_is_none_is_told(least):
    with pytest.raises(UsageError, match=r"least=.* is the least score of a suspect"):
        find_suspects(RememberingTagger(), [["a"]], [["O"]], least=least)


def test_suspects_below_the_least_score_are_left_out():
    corpus = corpus_of({("Ada", 1): "O", ("Oslo", 2): "B-PER", ("stone", 3): "B-LOC"})
    everything = found_in(*corpus, least=-20).suspects
    assert any(each.score < 0 for each in everything)
    for least in (0, 5):
        found = found_in(*corpus, least=least)
        assert found.suspects == tuple(each for each in everything if each.score >= least)
        assert found.least == least
