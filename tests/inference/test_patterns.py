"""Patterns: the matches of spaCy's own EntityRuler, files line by line, and what can't be asked for."""

import copy
import pickle
import sys
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from seqtag import DataError, Patterns, UsageError
from seqtag.inference.patterns import _OF_PIPELINES, _OF_WORDS

WORDS = ["New", "York", "new", "Times", "of", "the", "U.S.", "Ada", "12", "!"]
words = st.lists(st.sampled_from(WORDS), max_size=8)
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
token_patterns = st.lists(
    st.sampled_from(
        [
            {"LOWER": "new"},
            {"TEXT": {"REGEX": "^[A-Z]"}},
            {"IS_TITLE": True, "OP": "+"},
            {"LIKE_NUM": True},
            {"lower": {"IN": ["the", "of"]}, "OP": "?"},
            {"SHAPE": "Xxx", "LENGTH": {">=": 2}},
            {"IS_PUNCT": True, "OP": "!"},
        ]
    ),
    min_size=1,
    max_size=3,
)
entries = st.builds(lambda label, pattern: {"label": label, "pattern": pattern}, st.just("A"), phrases | token_patterns)
BLANK = spacy.blank("en")


def by_spacy(patterns, tokens, **config):
    ruler = BLANK.create_pipe("entity_ruler", config=config)
    ruler.add_patterns(patterns)
    doc = ruler(Doc(BLANK.vocab, words=tokens))
    return [(span.start, span.end, span.label_) for span in doc.ents]


def found(patterns, tokens, language="en"):
    return [(span.start, span.end, span.label) for span in patterns.match(tokens, language)]


@given(given_patterns=st.lists(entries, min_size=1, max_size=5), tokens=words)
def test_matches_are_those_of_spacys_entity_ruler(given_patterns, tokens):
    assert found(Patterns(given_patterns), tokens) == by_spacy(given_patterns, tokens)


@given(given_patterns=st.lists(phrases, min_size=1, max_size=5), tokens=words)
def test_phrases_in_any_case_are_those_of_spacys_entity_ruler(given_patterns, tokens):
    given_patterns = [{"label": "A", "pattern": phrase} for phrase in given_patterns]
    patterns = Patterns(given_patterns, ignore_case=True)
    assert found(patterns, tokens) == by_spacy(given_patterns, tokens, phrase_matcher_attr="LOWER")


def test_a_phrase_is_found_however_its_words_are_cut_but_never_across_its_spaces():
    patterns = Patterns([{"label": "PER", "pattern": "Jean-Luc Picard"}, {"label": "X", "pattern": "to get her"}])
    assert found(patterns, ["Jean", "-", "Luc", "Picard", "met"]) == [(0, 4, "PER")]
    assert found(patterns, ["Jean-Luc", "Picard"]) == [(0, 2, "PER")]
    assert found(patterns, ["together"]) == found(patterns, ["to", "gether"]) == []
    assert found(Patterns([{"label": "LOC", "pattern": "北京大学"}]), ["在", "北京", "大学"]) == [(1, 3, "LOC")]


def test_of_two_labels_for_the_same_tokens_the_first_pattern_counts():
    patterns = [{"label": label, "pattern": "Ada"} for label in ("B", "A", "C")]
    assert found(Patterns(patterns), ["Ada"]) == [(0, 1, "B")]


def test_a_file_is_read_line_by_line_as_spacy_writes_it(tmp_path: Path):
    given_patterns = [
        {"label": "LOC", "pattern": "New York", "id": "nyc"},
        {"label": "PER", "pattern": [{"LOWER": "ada"}]},
    ]
    ruler = BLANK.create_pipe("entity_ruler")
    ruler.add_patterns(given_patterns)
    ruler.to_disk(tmp_path / "patterns.jsonl")
    patterns = Patterns.load(tmp_path / "patterns.jsonl")
    assert (len(patterns), patterns.labels) == (2, ["LOC", "PER"])
    assert found(patterns, ["ADA", "in", "New", "York"]) == [(0, 1, "PER"), (2, 4, "LOC")]
    for other in (copy.deepcopy(patterns), pickle.loads(pickle.dumps(patterns))):
        assert found(other, ["ADA", "in", "New", "York"]) == [(0, 1, "PER"), (2, 4, "LOC")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"3", "3 is no pattern"),
        (b'{"label": "A"}', "is no pattern"),
        (b'{"label": "", "pattern": "x"}', "is no pattern"),
        (b'{"label": "A", "pattern": " "}', "the phrase is blank"),
        (b'{"label": "A", "pattern": []}', "a list of objects, one per token"),
        (b'{"label": "A", "pattern": ["x"]}', "a list of objects, one per token"),
        (b'{"label": "A", "pattern": [{"POS": "NOUN"}]}', "POS is what a trained pipeline says"),
        (b'{"label": "A", "pattern": [{"lemma": "be"}]}', "lemma is what a trained pipeline says"),
        (b'{"label": "A", "pattern": [{"_": {"x": 1}}]}', "_ is what a trained pipeline says"),
        (b'{"label": "A", "pattern": [{"LOWR": "x"}]}', "did you mean 'LOWER'"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: bytes, words: str):
    file = tmp_path / "p.jsonl"
    file.write_bytes(b'{"label": "A", "pattern": "x"}\n\n' + line + b"\n")
    with pytest.raises(DataError, match=words) as error:
        Patterns.load(file)
    assert str(error.value).startswith(f"{file}:3: ")


@pytest.mark.parametrize(
    "token", [{"LOWER": {"REGEX": "("}}, {"OP": "x"}, {"LOWER": 3}, {"LENGTH": {">=": "x"}}, {"IS_TITLE": "yes"}]
)
def test_a_token_pattern_that_spacy_refuses_is_named(token):
    patterns = Patterns([{"label": "A", "pattern": "x"}, {"label": "A", "pattern": [token]}])
    with pytest.raises(DataError, match="pattern 2: spaCy can't read the token pattern") as error:
        patterns.check(["A"], "en")
    assert "\n" not in str(error.value)


def test_files_without_patterns_and_labels_that_a_model_lacks_are_said(tmp_path: Path):
    with pytest.raises(UsageError, match=r"none\.jsonl: can't be read: No such file"):
        Patterns.load(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"empty\.jsonl: has no patterns"):
        Patterns.load(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match=r"pattern 1: the label 'Loc' is none of the model's; .* did you mean 'LOC'"):
        Patterns([{"label": "Loc", "pattern": "x"}]).check(["LOC", "PER"], "en")


def test_without_spacy_phrases_are_found_and_token_patterns_say_what_is_missing(monkeypatch):
    for name in [name for name in sys.modules if name == "spacy" or name.startswith("spacy.")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert found(Patterns([{"label": "A", "pattern": "New York"}]), ["New", "York"]) == [(0, 2, "A")]
    patterns = Patterns([{"label": "A", "pattern": "x"}, {"label": "A", "pattern": [{"LOWER": "new"}]}])
    with pytest.raises(UsageError, match=r'pattern 2: token patterns need spaCy, .* pip install "spacy>=3.8"'):
        patterns.match(["new"])


def test_every_attribute_that_spacy_knows_is_sorted():
    """Those of words are found, those of pipelines refused; a new one of spaCy is looked at."""
    from spacy.schemas import TokenPattern

    known = {(field.alias or name).upper() for name, field in TokenPattern.model_fields.items()}
    assert known <= {*_OF_WORDS, *_OF_PIPELINES}


def test_words_are_forgotten_again():
    patterns = Patterns([{"label": "A", "pattern": [{"LOWER": "new"}]}])
    patterns.match(["new"], "en")
    vocab = patterns._matcher("en")._vocab
    before = len(vocab.strings)
    for number in range(50):
        patterns.match([f"word{number}", "", "new"], "en")
    assert len(vocab.strings) == before
