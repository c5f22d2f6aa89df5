"""`seqtag score --train`: what training data a report may be cut by, and the mistakes that one can make with it."""

from pathlib import Path

import pytest
from small_corpus import PEOPLE, PLACES, SENTENCES, Run, conll

from seqtag.cli.commands.score import training_knowledge
from seqtag.errors import DataError
from seqtag.text.schemes import convert_tags


def write(path: Path, sentences: list[list[tuple[str, str]]]) -> Path:
    path.write_text(conll(sentences), encoding="utf-8")
    return path


PLAIN = [[(token, "NAME" if tag != "O" else "WORD") for token, tag in rows] for rows in SENTENCES]


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_names_and_words_of_the_training_data_are_known_as_they_stand(scheme: str, tmp_path: Path):
    rows = [
        list(zip([token for token, _ in sentence], convert_tags([tag for _, tag in sentence], "IOB2", scheme)))
        for sentence in SENTENCES
    ]
    knowledge = training_knowledge(str(write(tmp_path / "train.conll", rows)), scheme="IOB2")
    assert knowledge.surfaces is not None
    assert knowledge.words is not None
    labels = {name: knowledge.surfaces.labels_of(name) for name in [*PEOPLE, *PLACES, "oslo", "Ada"]}
    assert labels == dict.fromkeys(PEOPLE, ("PER",)) | dict.fromkeys(PLACES, ("LOC",)) | {"oslo": (), "Ada": ()}
    assert [word in knowledge.words for word in ("lives", "Łódź", "Lives", "Lisbon")] == [True, True, False, False]


def test_of_a_corpus_the_split_train_is_training(corpus: Path, tmp_path: Path):
    write(tmp_path / "train.conll", [[("Oslo", "B-LOC"), ("fell", "O")]])
    write(tmp_path / "test.conll", [[("Quito", "B-LOC"), ("rose", "O")]])
    knowledge = training_knowledge(str(tmp_path), scheme="BILOU")
    assert knowledge.words == {"Oslo", "fell"}
    assert [knowledge.surfaces.num_labels(name) for name in ("Oslo", "Quito")] == [1, 0]


def test_plain_tags_give_the_tags_of_each_word(tmp_path: Path):
    knowledge = training_knowledge(str(write(tmp_path / "train.conll", PLAIN)), scheme="plain")
    assert [knowledge.surfaces.labels_of(word) for word in ("lives", "Oslo", "oslo")] == [("WORD",), ("NAME",), ()]


def test_plain_tags_and_entities_do_not_go_together(run: Run, tmp_path: Path):
    plain, entities = write(tmp_path / "plain.conll", PLAIN), write(tmp_path / "entities.conll", SENTENCES)
    with pytest.raises(
        DataError, match=r"entities\.conll: training data with entity tags \(IOB2\), but gold has plain"
    ):
        training_knowledge(str(entities), scheme="plain")
    result = run("score", entities, entities, "--train", plain)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "training data with plain tags, but gold has entity tags (IOB2); is the tag column" in result.stderr


def test_training_data_that_is_not_there_is_named(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold.conll", SENTENCES)
    result = run("score", gold, gold, "--train", tmp_path / "nowhere" / "train.conll")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "train.conll" in result.stderr
    for name in ("dev", "test"):
        (tmp_path / "corpus").mkdir(exist_ok=True)
        write(tmp_path / "corpus" / f"{name}.conll", SENTENCES[:3])
    result = run("score", gold, gold, "--train", tmp_path / "corpus")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no split 'train' among dev, test; name the file of the training data" in result.stderr
