"""Entity tags in every spelling come back as the tags that they stand for, and plain tags stay plain."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.errors import ModelError
from seqtag.text.schemes import SCHEMES, convert_tags
from seqtag.text.tag_spelling import BARE_LABEL, FORMS, TagSpelling, find_respelling, looks_like_entities

SENTENCE = ["B-PER", "I-PER", "O", "B-E-MAIL", "O", "O", "O", "B-new_loc", "I-new_loc", "I-new_loc", "O", "O"]
SPELLINGS = st.builds(
    TagSpelling,
    outside=st.sampled_from(["O", "o", "0", "-", "_", "None", "OTHER", "–"]),
    separator=st.sampled_from("-_:/.|"),
    form=st.sampled_from(FORMS[:2]),
    is_lower=st.booleans(),
)


@given(SPELLINGS, st.sampled_from(SCHEMES[1:]))
def test_what_a_spelling_writes_is_read_as_it_was(spelling, scheme):
    tags = convert_tags(SENTENCE, "IOB2", scheme)
    written = [spelling.write(tag) for tag in tags]
    found = find_respelling(Counter(written))
    read = written if found is None else [found.read_as[tag] for tag in written]
    assert read == tags
    if found is not None:
        assert ([found.spelling.write(tag) for tag in tags], found.uneven) == (written, [])
        assert TagSpelling.from_dict(found.spelling.to_dict()) == found.spelling


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("B I O B O O", f"B-{BARE_LABEL} I-{BARE_LABEL} O B-{BARE_LABEL} O O"),
        ("b i o", f"B-{BARE_LABEL} I-{BARE_LABEL} O"),
        ("B M E S", f"B-{BARE_LABEL} M-{BARE_LABEL} E-{BARE_LABEL} S-{BARE_LABEL}"),  # words of Chinese
        ("PER PER O O O LOC", "I-PER I-PER O O O I-LOC"),
        ("PER E-MAIL O O", "I-PER I-E-MAIL O O"),
        ("_ _ OTHER PER", "O O I-OTHER I-PER"),
        ("B-PER I-PER 0 0 O", "B-PER I-PER O O O"),
        ("B-PER I_PER b-LOC O", "B-PER I-PER B-LOC O"),
        ("E-MAIL-B E-MAIL-I O", "B-E-MAIL I-E-MAIL O"),
        ("B-PER I-PER X X X", "B-PER I-PER O O O"),  # the only tag without a letter is the most frequent one
        ("B:PER I:PER . . .", "B-PER I-PER O O O"),
        ("per.b per.i O-O O-O", "B-per I-per O O"),
        ("PER N/A N/A LOC", "I-PER O O I-LOC"),
        ("B::PER I::PER B::LOC O", "B-PER I-PER B-LOC O"),
        ("B－PER I－PER O", "B-PER I-PER O"),  # FULLWIDTH HYPHEN-MINUS
        ("BPER IPER BLOC O", "B-PER I-PER B-LOC O"),
        ("bnp inp bvp O", "B-np I-np B-vp O"),
    ],
)
def test_forms_without_a_label_or_a_letter_and_uneven_ones(written, read):
    found = find_respelling(Counter(written.split()))
    assert [found.read_as[tag] for tag in written.split()] == read.split()


def test_a_separator_of_several_characters_is_written_again():
    found = find_respelling({"B - PER": 2, "I - PER": 1, "O": 5})
    assert found.read_as == {"B - PER": "B-PER", "I - PER": "I-PER", "O": "O"}
    assert (found.spelling.write("B-PER"), found.uneven) == ("B - PER", [])


@pytest.mark.parametrize(
    "tags",
    [
        "O B-PER I-PER",  # written as `schemes` writes
        "NOUN VERB O",  # a part of speech O is not the most frequent
        "N V O S L D , !",
        "B-PER B-PER O oops",
        "B-PER B-PER X X",  # nobody can tell what X is
        "0 0 1",
        "_ _",
        "B-PER S-PER L-PER o",  # letters of two schemes
        "ADJ-B NOUN O O O O ADV-X",
        "<B-PER> <I-PER> O O",  # a form that is not known is not a type of its own either
        "BEGIN-PER IN-PER O O",
    ],
)
def test_plain_tags_and_what_nobody_can_tell_are_left_alone(tags):
    found = find_respelling(Counter(tags.split()))
    assert found is None or set(found.changed) == {"NOUN", "ADJ-B", "ADV-X"}


def test_the_caller_decides_where_it_cannot_be_told():
    assert find_respelling({"B-PER": 2, "X": 2}, outside="X").changed == {"X": "O"}
    assert find_respelling({"PER": 3, "X": 2}, outside="X").changed == {"PER": "I-PER", "X": "O"}
    assert find_respelling({"PER": 3, "O": 2}) is None
    assert find_respelling({"PER": 3, "O": 2}, are_entities=True).changed == {"PER": "I-PER"}


def test_most_tags_decide_how_predictions_are_written():
    found = find_respelling({"O": 9, "0": 1, "B_PER": 5, "B-PER": 1})
    assert (found.spelling, sorted(found.uneven)) == (TagSpelling(separator="_"), ["0", "B-PER"])


def test_looking_like_entities_takes_more_than_half():
    assert looks_like_entities(["B-PER", "PER_I", "X", "O"])
    assert not looks_like_entities(["NOUN", "E-MAIL", "O"])
    assert looks_like_entities(["(begin)per", "(in)per", "O"])


@pytest.mark.parametrize("stored", [None, {}, {"outside": 0}, {**TagSpelling().to_dict(), "form": "x"}, "O"])
def test_a_damaged_spelling_is_refused(stored):
    with pytest.raises(ModelError, match="the spelling of the tags"):
        TagSpelling.from_dict(stored)
