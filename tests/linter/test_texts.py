"""What the linter finds in words, texts and labels as strings."""

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from linting import examples, kinds, texts

from seqtag.linter.linter import check_corpus
from seqtag.text.characters import character_name, has_ink, unseen_in


def sentences(*tokens):
    return Dataset.from_dict({"tokens": list(tokens), "tags": [["O"] * len(words) for words in tokens]})


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("Dubbz\ufeff", ["\ufeff"]),
        ("basic\u00adally", ["\u00ad"]),
        ("line\u2028end\u0085", ["\u2028", "\u0085"]),
        ("a tab\tand\r\nlines\u00a0here", []),
        ("می‌خواهم", []),  # Persian is spelled with U+200C
        ("plain\u200cword", ["\u200c"]),
        ("👩\u200d🚀", []),
        ("cafe\u200d", ["\u200d"]),
        ("hangul\u3164filler", ["\u3164"]),
        ("السلام عليكم", []),
        ("क्‍ष", []),
        ("ｆｕｌｌ　width é", []),
    ],
)
def test_unseen_characters_are_those_that_no_spelling_asks_for(text, unseen):
    assert unseen_in(text) == unseen


@given(st.text())
def test_what_can_be_printed_and_read_is_never_unseen(text):
    letters = "".join(character for character in text if character.isalnum() and character.isprintable())
    assert set(unseen_in(letters)) <= set("\u115f\u1160\u3164\uffa0")
    assert has_ink(letters + ".")


@given(st.characters())
def test_every_character_has_a_name_with_its_number(character):
    assert character_name(character).startswith(f"U+{ord(character):04X}")


def test_odd_tokens_are_each_found_by_their_kind_and_nothing_else_is():
    findings = check_corpus(
        sentences(["fine", "was\u200bis"], ["", "x"], ["New York", "\u200b"], ["l\ufffdst", "c'est", "."], [], ["\xa0"])
    )
    assert examples(findings, "invisible_character") == [
        ("split train, row 0, token 1", "'was\\u200bis': U+200B ZERO WIDTH SPACE"),
        ("split train, row 2, token 1", "'\\u200b': U+200B ZERO WIDTH SPACE"),
    ]
    assert [place for place, _ in examples(findings, "blank_token")] == [
        "split train, row 1, token 0",
        "split train, row 2, token 1",
        "split train, row 5, token 0",
    ]
    assert examples(findings, "space_in_token") == [("split train, row 2, token 0", "'New York'")]
    assert examples(findings, "replacement_character") == [("split train, row 3, token 0", "'l\ufffdst'")]
    assert [place for place, _ in examples(findings, "blank_row")] == ["split train, row 4", "split train, row 5"]
    assert len(findings.findings) == 5 + 1
    assert examples(findings, "too_little")[0][1].startswith("there is no label but O")


def test_texts_are_shown_around_what_is_wrong_with_them():
    long_text = "word " * 60 + "was\x85is" + " word" * 60
    findings = check_corpus(texts([long_text, "  \n", "\u200b", None, "l\ufffdst", "good"]), task="classify")
    (first, second) = examples(findings, "invisible_character")
    assert first[0] == "split train, row 0"
    assert first[1].startswith("U+0085 in ")
    assert "was\\x85is" in first[1]
    assert second == ("split train, row 2", "U+200B in '\\u200b'")
    assert "U+0085 NEXT LINE, which is '…' in Windows-1252" in findings.of_kind("invisible_character").message
    assert examples(findings, "replacement_character") == [("split train, row 4", "'l\ufffdst'")]
    assert [place for place, _ in examples(findings, "blank_row")] == [f"split train, row {row}" for row in (1, 2, 3)]


def test_a_sentence_far_longer_than_the_others_is_found_and_long_documents_are_not():
    short = [["w"] * 10 for _ in range(20)]
    findings = check_corpus(sentences(*short, ["v"] * 101))
    assert examples(findings, "long_row")[0][0] == "split train, row 20"
    assert "more than 100 tokens, where the median is 10" in findings.of_kind("long_row").message
    assert "long_row" not in kinds(check_corpus(sentences(*short, ["v"] * 100)))
    documents = texts([f"{n} " + "word " * 700 for n in range(9)] + ["word " * 3000])
    assert "long_row" not in kinds(check_corpus(documents, task="classify"))


def test_a_file_that_is_one_sentence_and_a_token_without_end_are_named():
    findings = check_corpus(sentences(["w"] * 2_001, ["a", "b" * 501]))
    assert [text for _, text in examples(findings, "long_row")] == [f"2,001 tokens: {'w ' * 24 + 'w'!r}"]
    assert examples(findings, "long_token") == [("split train, row 1, token 1", f"501 characters, {'b' * 40!r} ...")]
    assert kinds(check_corpus(sentences(["w"] * 2_000, ["b" * 500]))).count("long_token") == 0
    assert "long_row" in kinds(check_corpus(sentences(["w"] * 28_000)))  # the only sentence, so the median is no help
