"""`seqtag split`: what is written is read back, nothing is lost, and wrong use is told."""

from collections import Counter
from pathlib import Path

import pytest
from small_corpus import SMALL, Run

from seqtag import Tagger
from seqtag.cli.commands.train import Splits, hold_out_test
from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.loading import load_corpus
from seqtag.errors import UsageError


def documents(count: int) -> str:
    """Write documents of three sentences each, with tokens that a column file could not hold everywhere."""
    sentence = "Ada\tB-PER\nNew York\tB-LOC\n#{} \tO\n\n"
    return "".join("-DOCSTART-\tO\n\n" + sentence.format(number) * 3 for number in range(count))


def test_tagged_sentences_are_split_by_documents(run: Run, tmp_path: Path):
    data = tmp_path / "all.conll"
    data.write_text(documents(10))
    result = run("split", data, "--test", "0.2", "--dev", "0.1", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "train.conll: 21 of 30 rows" in result.stdout
    corpus = load_corpus(tmp_path / "out")
    assert {name: len(rows) for name, rows in corpus.items()} == {"train": 21, "dev": 3, "test": 6}
    whole = load_corpus(data)["train"]
    read = [row for name in corpus for row in zip(corpus[name]["tokens"], corpus[name]["tags"])]
    assert sorted(map(repr, read)) == sorted(map(repr, zip(whole["tokens"], whole["tags"])))
    assert corpus["train"].features["tags"] == whole.features["tags"]
    for names in (("train", "dev"), ("train", "test"), ("dev", "test")):
        first, second = ({row[2] for row in corpus[name]["tokens"]} for name in names)
        assert not first & second
    written = "".join((tmp_path / "out" / f"{name}.conll").read_text() for name in ("train", "dev", "test"))
    assert sorted(written.splitlines()) == sorted(data.read_text().splitlines())
    run("split", data, "--test", "0.2", "--dev", "0.1", "--out", tmp_path / "again")
    for name in ("train", "dev", "test"):
        assert (tmp_path / "again" / f"{name}.conll").read_text() == (tmp_path / "out" / f"{name}.conll").read_text()
    assert run("split", data, "--test", "0.2", "--out", tmp_path / "out").exit_code == 2


@pytest.mark.parametrize("several", [False, True])
def test_texts_are_split_by_class(run: Run, tmp_path: Path, several: bool):
    data = tmp_path / "all.csv"
    mark = "|c" if several else ""
    rows = [f'"text {number}, é",{label}{mark}\n' for number in range(20) for label in ("a", "b")]
    data.write_text("text,label\n" + "".join(rows))
    source = f"{data}:label_separator=|" if several else data
    result = run("split", source, "--task", "classify", "--test", "0.1", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    suffix = ":label_separator=|" * several
    assert not several or f"{tmp_path / 'out'}{suffix}" in result.stderr
    corpus = load_corpus(f"{tmp_path / 'out'}{suffix}", task="classify")
    assert {name: len(rows) for name, rows in corpus.items()} == {"train": 36, "test": 4}
    found = label_names(corpus["test"])
    assert Counter(map(repr, found)) == Counter(map(repr, [["a", "c"], ["b", "c"]] * 2 if several else ["a", "b"] * 2))


def test_a_folder_of_word_tables_is_read(run: Run, tmp_path: Path):
    data = tmp_path / "all.csv"
    data.write_text("sentence,word,pos,tag\n" + "".join(f"{i},Ada{i},NNP,B-PER\n{i},x,Y,O\n" for i in range(10)))
    result = run("split", data, "--test", "0.2", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    corpus = load_corpus(tmp_path / "out")
    assert {name: len(rows) for name, rows in corpus.items()} == {"train": 8, "test": 2}
    assert (tmp_path / "out" / "test.csv").read_text().startswith("sentence,word,pos,tag\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing is to be held out; give --test SHARE"),
        (["--test", "1.5"], "--test 1.5: is a share of the rows, more than 0 and less than 1"),
        (["--test", "0.5", "--dev", "0.5"], "leave nothing to train on"),
        (["--test", "0.1", "--task", "lm"], "--task lm: unknown"),
    ],
)
def test_wrong_use_is_told(run: Run, tmp_path: Path, words: list[str], message: str):
    data = tmp_path / "all.conll"
    data.write_text(documents(2))
    result = run("split", data, *words, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_corpus_with_splits_is_not_split_again(run: Run, corpus: Path, tmp_path: Path):
    result = run("split", corpus, "--test", "0.1", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "has the splits train, dev, test already" in result.stderr


def test_training_holds_out_a_test_share(run: Run, tmp_path: Path):
    (tmp_path / "all.conll").write_text(documents(10))
    rows = load_corpus(tmp_path / "all.conll")["train"]
    splits = hold_out_test(Splits(rows, None, None), 0.2, 0, "all.conll")
    assert (len(splits.train), len(splits.test or ""), splits.dev) == (24, 6, None)
    with pytest.raises(UsageError, match=r"--test-share 0.2: there is a test split, t.conll; leave the option out"):
        hold_out_test(Splits(rows, None, rows, "t.conll"), 0.2, 0, "all.conll")
    words = "train", tmp_path / "all.conll", "--out", tmp_path / "m"
    assert "--test-share 2: is a share" in run(*words, "--test-share", "2").stderr
    assert "--test-share: is for labelled data" in run(*words, "--test-share", "0.1", "--task", "lm").stderr


def test_a_training_is_scored_on_the_share_that_it_held_out(run: Run, tmp_path: Path):
    (tmp_path / "all.conll").write_text(documents(10))
    result = run("train", tmp_path / "all.conll", "--out", tmp_path / "m", "--test-share", "0.2", *SMALL)
    assert result.exit_code == 0, result.stderr
    assert "6 of 30 rows of train are held out as test" in result.stderr
    assert "3 of 24 training sentences are held out" in result.stderr  # for dev, out of what is left
    assert "all.conll, 0.2 of train\n\nIn short\n" in result.stdout
    assert "\n\nScores\n6 sentences" in result.stdout
    test = hold_out_test(Splits(load_corpus(tmp_path / "all.conll")["train"], None, None), 0.2, 0, "all.conll").test
    assert f"{Tagger.load(tmp_path / 'm').evaluate(test).f1 * 100:.2f}" in result.stdout
