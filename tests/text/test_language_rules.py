"""The cutter cuts as spaCy does: the same tokens and sentences, for any text, in any language with rules."""

import csv
import json
import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy_cuts import cut_by_seqtag, cut_by_spacy

from seqtag.corpora.loading import load_corpus
from seqtag.text import language_rules
from seqtag.text.language_rules import Cutter, LanguageRules
from seqtag.text.spacy_pipelines import lent_pipeline, spacy_rules
from seqtag.text.tokenizer import Tokenizer

LANGUAGES = ("en", "de", "es", "it", "ru", "fa", "gd", "ar", "hu", "tr", "el", "sv", "bn", "sr", "uk", "xx")

# What stands between the exceptions of a language in the texts below: affixes, white space, addresses, other scripts.
COMMON = [
    *"()'\"-–/,.:;!?…%$&",
    "...",
    "--",
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\n\n",
    " \n \n",
    "\t",
    "\u00a0",
    "\u2028",
    "\r\n",
]
COMMON += [
    "a",
    "A",
    "Ada",
    "10",
    "km",
    "10km",
    "3.5%",
    "http://a.b/c?d",
    "x@y.com",
    "😀",
    "中文",
    "e\u0301",
    "U.S.",
    "x" * 61,
]


@pytest.fixture(scope="module")
def sides():
    """Give both ways of cutting by language; each is made once."""
    made = {}

    def of(language):
        if language not in made:
            with lent_pipeline(language) as pipeline:  # no test asks for another pipeline meanwhile
                pass
            made[language] = pipeline, Tokenizer(language, max_tokens=10**9), sorted(spacy_rules(language).exceptions)
        return made[language]

    return of


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_of_the_pieces_of_the_rules_are_cut_as_spacy_cuts_them(sides, language):
    pipeline, tokenizer, exceptions = sides(language)

    @settings(max_examples=40)
    @given(st.randoms(use_true_random=False), st.sampled_from(["", " ", "  "]))
    def check(draw, gap):
        parts = [draw.choice(exceptions if draw.random() < 0.5 else COMMON) for _ in range(draw.randint(1, 30))]
        # Parts of exceptions too, and their parts with a blank between them, which spaCy looks up once more.
        parts = [
            part if draw.random() < 0.7 else part[draw.randrange(len(part)) :][: draw.randint(1, 4)] for part in parts
        ]
        text = "".join(part + draw.choice([gap, gap, " ", ""]) for part in parts)
        assert cut_by_seqtag(tokenizer, text) == cut_by_spacy(pipeline, text)

    check()


@given(st.text(max_size=60), st.sampled_from(LANGUAGES))
@settings(max_examples=100)
def test_any_text_is_cut_as_spacy_cuts_it(sides, text, language):
    pipeline, tokenizer, _ = sides(language)
    assert cut_by_seqtag(tokenizer, text) == cut_by_spacy(pipeline, text)


@pytest.mark.parametrize("language", ["en", "hu", "tr", "id", "el"])
def test_long_chunks_are_cut_as_spacy_cuts_them(sides, language):
    pipeline, tokenizer, _ = sides(language)
    kinds = ["(", "'", "..", "10", "km", "a", "αβγ-", "1.5m", "-", "&", "%", "://", "<a>", "😀", "ά", "'s"]

    @settings(max_examples=25)
    @given(st.lists(st.sampled_from(kinds), min_size=1, max_size=3), st.sampled_from(kinds), st.randoms())
    def check(pool, last, draw):
        text = "".join(draw.choice(pool) for _ in range(draw.randint(20, 150))) + last
        assert cut_by_seqtag(tokenizer, text) == cut_by_spacy(pipeline, text)

    check()


@pytest.mark.parametrize("piece", ["(", "$", "'", "😀", "a."])
def test_the_time_per_character_stays_flat_up_to_the_longest_chunk(piece):
    def seconds(length):
        text = (piece * length)[:length]
        times = []
        for _ in range(3):
            cutter = Cutter(spacy_rules("en"))
            start = time.process_time()
            for _ in range(2000 // length):
                cutter.cuts([text])
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(1000) < 4 * seconds(100)  # of as many characters; it was 8 to 10 times as much


@pytest.mark.parametrize(
    ("language", "folder"),
    [
        ("en", "wnut17"), ("en", "ncbi_disease"), ("de", "ud_de_pud"), ("es", "ud_es_pud"), ("fr", "ud_fr_sequoia"),
        ("ar", "ud_ar_pud"), ("da", "uner_da_ddt"), ("pt", "uner_pt_bosque"), ("sv", "uner_sv_talbanken"),
        ("xx", "uner_zh_gsdsimp"),
    ],
)  # fmt: skip
def test_public_corpora_are_cut_as_spacy_cuts_them(sides, shared_data, language, folder):
    pipeline, tokenizer, _ = sides(language)
    splits = load_corpus(shared_data / folder).values()
    texts = [" ".join(tokens) for split in splits for tokens in split["tokens"][:: len(split) // 30 + 1]]
    for text in texts:
        assert cut_by_seqtag(tokenizer, text) == cut_by_spacy(pipeline, text)


def test_books_and_questions_are_cut_as_spacy_cuts_them(sides, shared_data):
    pipeline, tokenizer, _ = sides("en")
    book = (shared_data / "public_domain_books" / "frankenstein.txt").read_text(encoding="utf-8")
    with (shared_data / "banking77" / "test.csv").open(encoding="utf-8", newline="") as file:
        questions = [row["text"] for row in csv.DictReader(file)][::10]
    for text in [book[20_000:60_000], *questions]:
        assert cut_by_seqtag(tokenizer, text) == cut_by_spacy(pipeline, text)


def test_the_second_time_is_like_the_first_whatever_came_between(sides, monkeypatch):
    monkeypatch.setattr(language_rules, "_MOST_KNOWN", 5)
    pipeline, _, exceptions = sides("en")
    tokenizer, draw = Tokenizer("en", max_tokens=10**9, cutter=Cutter(spacy_rules("en"))), random.Random(0)
    for _ in range(300):
        text = " ".join(draw.choices([*exceptions[:40], *COMMON[:20]], k=6))
        assert cut_by_seqtag(tokenizer, text) == cut_by_spacy(pipeline, text)


def test_what_a_cutter_knows_is_bounded(monkeypatch):
    monkeypatch.setattr(language_rules, "_MOST_KNOWN", 400)
    cutter = Cutter(spacy_rules("xx"))
    for start in range(0, 2_000, 100):
        cutter.cuts([f"W{number:x}z" for number in range(start, start + 100)])
        assert len(cutter._known) + len(cutter._known_before) <= 800
    cutter.cuts(["y" * 61])
    assert "y" * 61 not in cutter._known


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_that_were_stored_are_the_same_rules(language):
    rules = spacy_rules(language)
    assert LanguageRules.from_dict(json.loads(json.dumps(rules.to_dict()))) == rules


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prefix": ["(", 32]}, "an expression can't be read"),
        ({"prefix": ["(" * 5_000 + ")" * 5_000, 32]}, "an expression can't be read"),
        ({"infix": ["a", "b"]}, "an expression is 'a', 'b'"),
        ({"infix": 5}, "int"),
        ({"suffix": ["a"]}, "argument"),
        ({"exceptions": {"ab": ["a", "c"]}}, "the tokens of the exception 'ab' are not its characters"),
        ({"exceptions": {"ab": ["ab", ""]}}, "the tokens of the exception 'ab' are not its characters"),
        ({"exceptions": {"a  b": ["a  b"]}}, "'a  b' has white space other than single blanks"),
        ({"exceptions": {"a": [1]}}, "str"),
        ({"exceptions": ["a"]}, "items"),
        ({"sentence_ends": 5}, "int"),
    ],
)
def test_rules_that_are_none_are_refused(change, message):
    stored = spacy_rules("xx").to_dict() | change
    with pytest.raises((ValueError, TypeError, AttributeError), match=re.escape(message)):
        LanguageRules.from_dict(stored)


def test_a_language_without_expressions_cuts_at_blanks_and_exceptions():
    rules = LanguageRules(None, None, None, None, None, {"don't": ("do", "n't")}, frozenset("."))
    assert [cut.words for cut in Cutter(rules).cuts(["(don't)", "don't"])] == [("(don't)",), ("do", "n't")]
