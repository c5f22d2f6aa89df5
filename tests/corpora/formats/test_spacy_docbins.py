"""spaCy's binary corpora: what is annotated in part, entities over the borders of sentences, damaged files."""

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.tokens import Span as DocSpan

from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError


def rows(path, **options):
    dataset = load_corpus(path, split="train", **options)
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[number] for number in row["tags"]]) for row in dataset]


def doc(words, spaces=None, entities=(), sentence_starts=None, **layers):
    made = Doc(spacy.blank("xx").vocab, words, spaces, sent_starts=sentence_starts, **layers)
    made.set_ents([DocSpan(made, start, end, label) for start, end, label in entities])
    return made


def test_spacy_entities_and_tags(tmp_path):
    path = tmp_path / "train.spacy"
    first = doc(["Ada", "\n", "Lovelace", "spoke", "."], entities=[(0, 3, "PER")])
    second = doc(["Yes", "Turin", "waits"], entities=[(1, 2, "LOC")], sentence_starts=[True, True, False])
    DocBin(docs=[first, second]).to_disk(path)
    assert rows(path) == [
        (["Ada", "Lovelace", "spoke", "."], ["B-PER", "I-PER", "O", "O"]),
        (["Yes"], ["O"]),
        (["Turin", "waits"], ["B-LOC", "O"]),
    ]
    with pytest.raises(
        DataError, match=r"train\.spacy: no document has annotations for tag='pos'; it has others: tag='ents'"
    ):
        load_corpus(path, tag="pos")
    with pytest.raises(UsageError, match=r"unknown tag='poss' for a spaCy file; .*did you mean 'pos'"):
        load_corpus(path, tag="poss")
    plain = Doc(spacy.blank("xx").vocab, ["We", "go"], pos=["PRON", "VERB"], tags=["PRP", "VBP"])
    DocBin(attrs=["POS", "TAG"], docs=[plain]).to_disk(path)
    assert rows(path, tag="pos") == [(["We", "go"], ["PRON", "VERB"])]
    assert rows(f"{path}:tag=tag") == [(["We", "go"], ["PRP", "VBP"])]
    with pytest.raises(DataError, match="tag='ents'; it has others: tag='pos'"):
        load_corpus(path)


def test_spacy_files_that_fall_short(tmp_path):
    path = tmp_path / "x.spacy"
    DocBin().to_disk(path)
    with pytest.raises(DataError, match="holds no documents"):
        load_corpus(path)
    for content in (b"", b"not a DocBin", b"x\x9c" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a spaCy DocBin, or damaged"):
            load_corpus(path)


def test_documents_without_annotation_are_left_out_and_tokens_without_one_have_unknown_tags(tmp_path, caplog):
    path = tmp_path / "x.spacy"
    whole = doc(["Ada", "left"], entities=[(0, 1, "PER")])
    bare = Doc(spacy.blank("xx").vocab, ["Bo", "left"])
    partly = Doc(spacy.blank("xx").vocab, ["Bo", "\n", "left"])
    partly.set_ents([DocSpan(partly, 0, 1, "PER")], default="missing")
    DocBin(docs=[bare, whole, bare]).to_disk(path)
    assert rows(path) == [(["Ada", "left"], ["B-PER", "O"])]
    assert f"{path}: documents without annotations for 'ents' left out: 2" in caplog.messages
    DocBin(docs=[whole, partly, bare, partly]).to_disk(path)
    assert rows(path) == [(["Ada", "left"], ["B-PER", "O"]), *[(["Bo", "left"], ["B-PER", "?"])] * 2]
    assert f"{path}: tokens without an annotation, whose tags are unknown: 2" in caplog.messages
    partly = Doc(spacy.blank("xx").vocab, ["We", "go"], pos=["PRON", ""])
    DocBin(attrs=["POS"], docs=[partly]).to_disk(path)
    assert rows(path, tag="pos") == [(["We", "go"], ["PRON", "?"])]


def test_an_entity_over_the_border_of_two_sentences_joins_them(tmp_path, caplog):
    path = tmp_path / "x.spacy"
    words = ["Ada", "met", ".", "Inc", "in", "Oslo", "She", "left"]
    starts = [True, False, False, True, False, False, True, False]
    DocBin(docs=[doc(words, entities=[(1, 4, "ORG")], sentence_starts=starts)]).to_disk(path)
    assert rows(path) == [(words[:6], ["O", "B-ORG", "I-ORG", "I-ORG", "O", "O"]), (words[6:], ["O", "O"])]
    assert f"{path}: borders of sentences left out, because an entity goes over them: 1" in caplog.messages


def test_empty_documents_stay_and_entities_without_a_label_are_counted(tmp_path, caplog):
    path = tmp_path / "x.spacy"
    nameless = doc(["Ada", "left"])
    nameless.set_ents([], blocked=[nameless[0:1]])  # spaCy's only way to write a B without a label
    DocBin(docs=[doc(["\n"]), nameless, doc(["Bo"], entities=[(0, 1, "PER")])]).to_disk(path)
    assert rows(path) == [([], []), (["Ada", "left"], ["O", "O"]), (["Bo"], ["B-PER"])]
    assert f"{path}: documents without a token, kept as empty sentences: 1" in caplog.messages
    assert f"{path}: entities without a label, read as tokens outside of entities: 1" in caplog.messages
