"""What a tagger keeps of its training, so that its scores on what it knew can be told from the others."""

import json

import pytest
from datasets import Dataset
from tiny import TAGS, TOKENS, tiny_tagger

from seqtag import Tagger
from seqtag.text.schemes import spans_from_tags

NAMES = {
    (" ".join(words[span.start : span.end]), span.label)
    for words, tags in zip(TOKENS, TAGS)
    for span in spans_from_tags(tags, "IOB2")
}
PLAIN = [
    ["NAME" if tag != "O" else "MARK" if word == "." else "WORD" for word, tag in zip(*pair)]
    for pair in zip(TOKENS, TAGS)
]


def stored_vocabulary(folder):
    return json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))


def test_a_tagger_knows_the_names_of_train_and_none_of_dev_also_when_it_is_loaded(tmp_path):
    dev = ([["Bo", "Diddley", "met", "Ada", "Lovelace"]], [["B-PER", "I-PER", "O", "B-LOC", "I-LOC"]])
    tagger = tiny_tagger(epochs=1).fit(TOKENS, TAGS, dev=dev)
    folder = tagger.save(tmp_path / "m")
    assert set(stored_vocabulary(folder)["surfaces"]) == {"PER", "LOC", "ORG"}
    for one in (tagger, Tagger.load(folder)):
        known = one._training_knowledge().surfaces
        assert {(name, label) for name, _ in NAMES for label in known.labels_of(name)} == NAMES
        assert len(known.hashes_N) == len(NAMES)
        assert known.num_labels("Bo Diddley") == 0
        assert known.labels_of("Ada Lovelace") == ("PER",)  # dev says LOC


def test_held_out_sentences_are_no_training():
    tokens = [[f"Name{number}", "spoke"] for number in range(20)]
    tagger = tiny_tagger(epochs=1, dev_share=0.25).fit(tokens, [["B-PER", "O"]] * 20)
    known = tagger.surfaces_
    seen = [words[0] for words in tokens if known.num_labels(words[0])]
    assert len(seen) == len(known.hashes_N) == 15
    assert [word in tagger._training_knowledge().words for word in ("name3", "unheard")] == [
        True,
        False,
    ]  # digits merge


def test_words_of_pretrained_vectors_are_known_only_where_training_had_them(tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("ada 1 2 3\nzebra 3 2 1\n", encoding="utf-8")
    tagger = tiny_tagger(epochs=1, vectors=str(vectors)).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert "zebra" in tagger.vocabulary_.indices["word"]
    for one in (tagger, Tagger.load(tagger.save(tmp_path / "m"))):
        words = one._training_knowledge().words
        assert [word in words for word in ("Ada", "ADA", "Rhine", "zebra", "Lisbon", "")] == [True] * 3 + [False] * 3


def test_rare_words_without_an_id_are_unknown():
    words = tiny_tagger(epochs=1, min_freq=2).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))._training_knowledge().words
    assert [word in words for word in ("the", "Curie", "Rhine")] == [True, True, False]


def test_plain_tags_keep_the_tags_of_each_word(tmp_path):
    tokens, tags = [*TOKENS, ["Paris", "rained", "."]], [*PLAIN, ["WORD", "WORD", "MARK"]]
    tagger = tiny_tagger(epochs=1).fit(tokens, tags, dev=(TOKENS, PLAIN))
    known = Tagger.load(tagger.save(tmp_path / "m"))._training_knowledge().surfaces
    assert [known.labels_of(word) for word in ("Paris", "paris", ".", "Lisbon")] == [
        ("NAME", "WORD"),
        (),
        ("MARK",),
        (),
    ]


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES"])
def test_the_scheme_of_the_data_makes_no_difference(scheme):
    from seqtag.text.schemes import convert_tags

    data = Dataset.from_dict({"tokens": TOKENS, "tags": [convert_tags(tags, "IOB2", scheme) for tags in TAGS]})
    tagger = tiny_tagger(epochs=1).fit(data, dev=data)
    assert {(name, label) for name, _ in NAMES for label in tagger.surfaces_.labels_of(name)} == NAMES


def test_a_folder_of_an_earlier_release_says_that_it_knows_no_names(tmp_path):
    from pathlib import Path

    tagger = Tagger.load(Path(__file__).resolve().parents[2] / "fixtures" / "model-v1")
    knowledge = tagger._training_knowledge()
    assert knowledge.surfaces is None
    assert ["Ada" in knowledge.words, "Lisbon" in knowledge.words] == [True, False]
    again = tagger.save(tmp_path / "again")
    assert "surfaces" not in stored_vocabulary(again)
    assert Tagger.load(again).surfaces_ is None
