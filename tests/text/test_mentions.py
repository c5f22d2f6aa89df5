"""Replaced mentions: legal tags in every scheme, mentions of the same label from the data, and nothing else touched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqtag.text.mentions import Mentions
from seqtag.text.schemes import SCHEMES, illegal_positions, open_spans, repair_tags, spans_from_tags

LETTERS = {"IO": "I", "IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
WORDS = ["Ada", "ada", "éclair", "U.S.", "", "of", "東京"]


@st.composite
def corpora(draw):
    """A scheme, and sentences in it, of which some tags are unknown."""
    scheme = draw(st.sampled_from(SCHEMES))
    tags = [f"{letter}-{label}" for letter in LETTERS.get(scheme, "X") for label in ("A", "B")] + ["O", "?"]
    sentences = []
    for row in draw(st.lists(st.lists(st.sampled_from(tags), max_size=8), min_size=1, max_size=4)):
        words = draw(st.lists(st.sampled_from(WORDS), min_size=len(row), max_size=len(row)))
        sentences.append((words, row if scheme == "plain" else repair_tags(row, scheme)))
    return scheme, sentences


def parts(tokens, tags, scheme):
    """Cut a sentence into its mentions, as a label and words, and all other tokens, each with its tag and word."""
    kept = {span for span in spans_from_tags(tags, scheme) if span.label != "?"} - set(open_spans(tags, scheme))
    inside = {place for span in kept for place in range(span.start, span.end)}
    found = [(place, f"tag {tags[place]}", (tokens[place],)) for place in range(len(tags)) if place not in inside]
    found += [(span.start, span.label, tuple(tokens[span.start : span.end])) for span in kept]
    return [(name, words) for _, name, words in sorted(found)]


@given(corpora(), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 99))
def test_mentions_become_others_of_their_label_and_nothing_else_changes(corpus, share, seed):
    scheme, sentences = corpus
    mentions = Mentions.of(sentences, scheme)
    known = {part for sentence in sentences for part in parts(*sentence, scheme) if not part[0].startswith("tag ")}
    assert {(label, words) for label, found in mentions.by_label.items() for words in found} == known
    for tokens, tags in sentences:
        new_tokens, new_tags = mentions.replaced(tokens, tags, share=share, random=np.random.default_rng(seed))
        again = mentions.replaced(tokens, tags, share=share, random=np.random.default_rng(seed))
        assert (new_tokens, new_tags) == again
        assert len(new_tokens) == len(new_tags)
        if not illegal_positions(tags, scheme):  # a span that goes on in an unknown tag may have begun without B
            assert not illegal_positions(new_tags, scheme)
        assert share or (new_tokens, new_tags) == (tokens, tags)
        before, after = parts(tokens, tags, scheme), parts(new_tokens, new_tags, scheme)
        assert [name for name, _ in before] == [name for name, _ in after]
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            if old == new:
                continue
            assert not old[0].startswith("tag ")
            label, words = new
            capital = {
                (label, (first[:1].upper() + first[1:], *rest)) for name, (first, *rest) in known if name == label
            }
            assert new in known or (number == 0 and tokens[0][:1].isupper() and (label, words) in capital)


def test_every_other_mention_of_the_label_is_as_likely():
    sentences = [
        (["Ada"], ["S-PER"]),
        (["Ada"], ["S-PER"]),
        (["Rome"], ["S-LOC"]),
        (["the", "Pope"], ["B-PER", "E-PER"]),
    ]
    mentions, random = Mentions.of(sentences, "BIOES"), np.random.default_rng(0)
    drawn = [mentions.replaced(["saw", "Bo"], ["O", "S-PER"], share=1.0, random=random) for _ in range(1000)]
    assert {tuple(tokens) for tokens, _ in drawn} == {("saw", "Ada"), ("saw", "the", "Pope")}
    assert 450 < sum(tags == ["O", "S-PER"] for _, tags in drawn) < 550
