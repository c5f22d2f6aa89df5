"""Other labels of the same words, and near copies that are labelled otherwise, counted by hand."""

from dataclasses import replace

from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from seqtag import Span
from seqtag.curation.folds import pooled
from seqtag.curation.surroundings import Sentences, surfaces_of, with_copies, with_copies_of_texts
from seqtag.curation.suspect_report import Copy, Suspect

LONG = ["the", "mayor", "of", "Washington", "opened", "the", "old", "bridge"]


def sentences_of(*rows, unknown=()):
    """Sentences of one split, each as its words and its spans."""
    tokens = [tuple(words) for words, _ in rows]
    sets = [frozenset(unknown) if row == len(rows) - 1 else frozenset() for row in range(len(rows))]
    return Sentences(lambda row: ("train", row), tokens, [spans for _, spans in rows], sets, [None] * len(rows))


def suspect_of(sentences, row, gold=(), proposed=()):
    tokens = sentences.tokens[row]
    return Suspect("wrong type", "train", row, tuple(gold), tuple(proposed), 0.1, 0.9, tokens, " ".join(tokens))


def test_the_labels_of_the_same_words_are_counted_and_where_they_have_none():
    place, person = Span(3, 4, "LOC"), Span(3, 4, "PER")
    sentences = sentences_of(*[(LONG, [place])] * 12, *[(LONG, [person])] * 3, (LONG, []), (LONG, [Span(2, 4, "ORG")]))
    suspects = [suspect_of(sentences, row, [person], [place]) for row in (12, 13)]
    [surface] = surfaces_of(suspects, sentences, is_plain=False)
    assert (surface.words, str(surface), surface.num_suspects) == ("Washington", "12 LOC, 3 PER, 1 O", 2)
    # words whose tag is not known are not counted as having none
    hidden = replace(sentences, unknown=[*sentences.unknown[:15], frozenset([3]), frozenset()])
    assert str(surfaces_of(suspects, hidden, is_plain=False)[0]) == "12 LOC, 3 PER"
    assert (
        surfaces_of(
            suspects[:1], sentences_of((LONG, [person])) and replace(sentences, gold=[[person]] * 17), is_plain=False
        )
        == ()
    )


words = st.lists(st.sampled_from(["New", "York", "is"]), max_size=6)


@given(st.lists(st.tuples(words, st.integers(0, 5)), min_size=1, max_size=5))
def test_free_occurrences_are_those_that_looking_at_each_place_finds(rows):
    built = [(tokens, [Span(start, start + 1, "X")] if start < len(tokens) else []) for tokens, start in rows]
    base = (["New", "York", "is"], [Span(0, 2, "LOC")])
    sentences = sentences_of(base, *built)
    found = surfaces_of([suspect_of(sentences, 0, [Span(0, 2, "LOC")])], sentences, is_plain=False)
    free = sum(
        tokens[at : at + 2] == ["New", "York"] and not any(span.start < at + 2 and at < span.end for span in spans)
        for tokens, spans in built
        for at in range(len(tokens))
    )
    assert dict(found[0].labels if found else {}).get("O", 0) == free


def test_near_copies_that_label_the_same_words_otherwise_are_named():
    place = Span(3, 4, "LOC")
    other = [*LONG[:-1], "Bridge"]  # case does not count
    sentences = sentences_of(
        (LONG, [place]), (other, [Span(3, 4, "PER")]), (LONG, [place]), (LONG, []), (["Washington"], [])
    )
    [first, second] = with_copies(
        [suspect_of(sentences, 0, [place]), suspect_of(sentences, 1, [Span(3, 4, "PER")])], sentences
    )
    assert first.copies == (Copy("train", 1, ("PER",)), Copy("train", 3, ()))
    assert second.copies == (Copy("train", 0, ("LOC",)), Copy("train", 2, ("LOC",)), Copy("train", 3, ()))


def test_unknown_words_of_a_copy_say_nothing():
    place = Span(3, 4, "LOC")
    sentences = sentences_of((LONG, [place]), (LONG, []), unknown=[3])
    assert with_copies([suspect_of(sentences, 0, [place])], sentences)[0].copies == ()


def test_copies_of_texts_with_another_label_are_named():
    texts, labels = ["what a long dull day it was", "What a long dull day it was", "short"], ["bad", "good", "good"]
    rows = Dataset.from_dict({"text": texts, "label": labels})
    suspect = Suspect("wrong class", "train", 0, (Span(0, 5, "bad"),), (Span(0, 5, "good"),), 0.1, 0.9, (), texts[0])
    pool = pooled(rows, None, task="classify", language="xx")
    assert with_copies_of_texts([suspect], pool, texts, labels)[0].copies == (Copy("train", 1, ("good",)),)
    assert with_copies_of_texts([suspect], pool, texts, ["bad"] * 3)[0].copies == ()
