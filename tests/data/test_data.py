"""The demo corpus keeps what data/README.md promises. Reads the files by hand, to be an oracle for the readers too."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from seqtag.corpora.demo_corpora import demo_folder
from seqtag.errors import DataError

DATA = Path(__file__).resolve().parents[2] / "data"
SPLITS = ("train", "dev", "test")
TYPES = ("PER", "LOC", "ORG", "MISC")

Row = tuple[str, str]


def read_split(split: str) -> list[list[Row]]:
    text = (DATA / f"{split}.conll").read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text.endswith("\n")
    sentences = []
    for block in text[:-1].split("\n\n"):
        rows = []
        for line in block.split("\n"):
            token, tag = line.split("\t")
            rows.append((token, tag))
        sentences.append(rows)
    return sentences


CORPUS = {split: read_split(split) for split in SPLITS}
EVERYTHING = [sentence for split in SPLITS for sentence in CORPUS[split]]


def masked(sentence: list[Row]) -> str:
    """The sentence in lower case with each entity as its type alone."""
    return " ".join(tag[2:] if tag[0] == "B" else token.lower() for token, tag in sentence if tag[0] != "I")


def words(sentence: list[Row]) -> str:
    return " ".join(token.lower() for token, _ in sentence)


def test_the_corpus_has_enough_sentences_and_all_types_in_each_split():
    assert len(EVERYTHING) >= 700
    for split in SPLITS:
        assert {tag[2:] for sentence in CORPUS[split] for _, tag in sentence if tag != "O"} == set(TYPES)


def test_no_two_sentences_are_alike_with_entities_masked():
    repeated = [text for text, count in Counter(map(masked, EVERYTHING)).items() if count > 1]
    assert repeated == []


def test_masking_would_find_a_template():
    first = [("Ada", "B-PER"), ("Lovelace", "I-PER"), ("left", "O"), ("Turin", "B-LOC")]
    second = [("Bob", "B-PER"), ("Left", "O"), ("New", "B-LOC"), ("York", "I-LOC")]
    assert masked(first) == masked(second) == "PER left LOC"


@pytest.mark.parametrize("split", ["dev", "test"])
def test_held_out_sentences_are_not_in_train(split):
    assert {words(sentence) for sentence in CORPUS["train"]}.isdisjoint(words(sentence) for sentence in CORPUS[split])


def test_dev_and_test_share_no_sentence():
    assert {words(sentence) for sentence in CORPUS["dev"]}.isdisjoint(words(sentence) for sentence in CORPUS["test"])


def test_tags_are_known_and_legal_iob2():
    known = {"O"} | {f"{letter}-{label}" for letter in "BI" for label in TYPES}
    for sentence in EVERYTHING:
        tags = [tag for _, tag in sentence]
        assert set(tags) <= known, sentence
        orphans = [here for left, here in pairwise(["O", *tags]) if here[0] == "I" and left[1:] != here[1:]]
        assert orphans == [], sentence


def test_tokens_hold_no_space_and_nothing_invisible():
    for sentence in EVERYTHING:
        assert sentence
        for token, _ in sentence:
            assert re.fullmatch(r"\S+", token), sentence
            assert token.isprintable(), sentence


def test_tokens_are_those_of_spacys_english_rules():
    # The text itself is not kept, so this looks at single tokens: one that the rules cut further is a slip of the hand.
    import spacy

    cut = spacy.blank("en").tokenizer
    # 's, 'm and 've are tokens after a word and would be cut only because they stand alone here
    tokens = {token for sentence in EVERYTHING for token, _ in sentence if not token.startswith("'")}
    assert {token for token in tokens if len(cut(token)) > 1} == set()


def test_readme_table_equals_the_files():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (train|dev|test) \| (.*) \|$", readme, flags=re.MULTILINE))
    for split in SPLITS:
        labels = Counter(tag[2:] for sentence in CORPUS[split] for _, tag in sentence if tag[0] == "B")
        plain = sum(all(tag == "O" for _, tag in sentence) for sentence in CORPUS[split])
        counts = [len(CORPUS[split]), sum(map(len, CORPUS[split])), *(labels[label] for label in TYPES)]
        counts += [sum(labels.values()), plain]
        assert rows[split] == " | ".join(f"{count:,}" for count in counts), f"| {split} | should be {counts}"


def test_readme_says_how_many_entities_of_test_are_new():
    def entities(split: str) -> list[str]:
        marked = (" ".join(f"{tag[0]}{token}" for token, tag in sentence) for sentence in CORPUS[split])
        return [entity for text in marked for entity in re.findall(r"(?:^| )(B\S+(?: I\S+)*)", text)]

    in_train = set(entities("train"))
    of_test = entities("test")
    share = sum(entity not in in_train for entity in of_test) / len(of_test)
    assert 0.8 < share < 0.9, f"data/README.md says more than four out of five; it is {share:.0%}"


def test_demo_folder_is_the_clones_data():
    assert demo_folder() == DATA


def test_demo_folder_without_a_corpus_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "seqtag.corpora.demo_corpora.__file__", str(tmp_path / "seqtag" / "corpora" / "demo_corpora.py")
    )
    with pytest.raises(DataError, match=r"neither .*seqtag.data nor .*data holds train\.conll.*install seqtag again"):
        demo_folder()
    (tmp_path / "data").mkdir()
    for name in ("train.conll", "dev.conll"):
        (tmp_path / "data" / name).touch()
    with pytest.raises(DataError):  # two of three files are not a corpus
        demo_folder()
    (tmp_path / "data" / "test.conll").touch()
    assert demo_folder() == tmp_path.resolve() / "data"
