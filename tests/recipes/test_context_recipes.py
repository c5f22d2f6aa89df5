"""The recipes that learn from unlabelled text: what they read, what they must not read, and what their rows say."""

import doctest
import gc
import gzip
import re
import runpy
import shutil
import sys
from collections import Counter
from importlib import import_module
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TAGS, TOKENS

from seqtag import DataError, LanguageModel, Tagger, UsageError, load_corpus
from seqtag.corpora.vectors.word_vectors import read_vectors

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FASTTEXT = RECIPES.parent / "tests" / "fixtures" / "fasttext" / "ngrams.bin"
TEXTS = ['Ada met "Alan", and it rained.', "", "Zoë left\u2028Turin in 1950."]
ROWS = ("wikigold/wikigold.conll.txt", *map("crossner/{}".format, ("ai", "literature", "music", "politics", "science")))


@pytest.fixture(scope="module")
def vectors_recipe():
    return runpy.run_path(str(RECIPES / "word_vectors.py"))


@pytest.fixture
def labels_recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    return runpy.run_path(str(RECIPES / "few_labels.py"))


def write_source(kind, folder):
    """Write TEXTS in one of the forms that the recipe reads; give the source's name."""
    dataset = Dataset.from_dict({"number": list(range(len(TEXTS))), "review": TEXTS})
    lines = "".join(f"{text}\n" for text in TEXTS)
    if kind == "text":
        (folder / "a.txt").write_text(lines, encoding="utf-8")
    elif kind == "gzip":
        (folder / "a.txt.gz").write_bytes(gzip.compress(lines.encode()))
    elif kind == "folder":
        (folder / "a.txt").write_text(f"{TEXTS[0]}\n", encoding="utf-8")
        (folder / "b.txt.gz").write_bytes(gzip.compress("".join(f"{text}\n" for text in TEXTS[1:]).encode()))
        (folder / "c.pdf").write_bytes(b"%PDF")
    elif kind == "csv":
        dataset.to_csv(folder / "a.csv", index=False)
    elif kind == "json":
        dataset.to_json(folder / "a.jsonl")
    elif kind == "parquet":
        dataset.to_parquet(folder / "a.parquet")
    else:
        dataset.save_to_disk(folder / "a")
    name = {"text": "a.txt", "gzip": "a.txt.gz", "folder": "", "csv": "a.csv", "json": "a.jsonl"}.get(kind, kind)
    name = {"parquet": "a.parquet", "saved": "a"}.get(kind, name)
    return f"{folder / name}" + (":review" if kind in ("csv", "json", "parquet", "saved") else "")


@pytest.mark.parametrize("kind", ["text", "gzip", "folder", "csv", "json", "parquet", "saved"])
def test_a_text_is_the_same_in_each_form(kind, vectors_recipe, tmp_path):
    assert list(vectors_recipe["read_texts"](write_source(kind, tmp_path))) == TEXTS


# `datasets` leaves the file of a stream that is not read to its end to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_no_source_is_said(vectors_recipe, tmp_path):
    table = write_source("csv", tmp_path).removesuffix(":review")
    for name in ("nowhere.txt", "nowhere.csv:review", ""):
        with pytest.raises(UsageError, match="no such file or folder"):
            list(vectors_recipe["read_texts"](name))
    with pytest.raises(UsageError, match=r"no column 'text'; .* one of number, review"):
        list(vectors_recipe["read_texts"](table))
    gc.collect()


@given(st.lists(st.lists(st.text("aAbB1é-", min_size=1, max_size=2), max_size=8), max_size=8), st.booleans())
@settings(max_examples=30)
def test_words_that_come_twice_get_a_vector_in_the_form_that_a_tagger_looks_up(tmp_path_factory, sentences, cbow):
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    learn = runpy.run_path(str(RECIPES / "word_vectors.py"))["learn_vectors"]
    counts = Counter(re.sub("[0-9]", "0", token.lower()) for tokens in sentences for token in tokens)
    frequent = {word for word, number in counts.items() if number >= 2}
    if not frequent:
        with pytest.raises(DataError, match="no word of the text comes 2 times"):
            learn(sentences, path, cbow=cbow, size=3, epochs=1)
        return
    learn(sentences, path, cbow=cbow, size=3, epochs=1)
    assert set(read_vectors(path).words) == frequent


@pytest.mark.parametrize("cbow", [False, True])
def test_words_in_like_places_get_like_vectors_and_the_same_ones_each_time(cbow, vectors_recipe, tmp_path):
    names, towns = ["ada", "bo", "cy", "di"], ["turin", "oslo", "porto", "quito"]
    rng = np.random.default_rng(0)
    sentences = [
        [str(rng.choice(names)), "eats", "bread", "."]
        if number % 2
        else ["stop", "near", str(rng.choice(towns)), "now"]
        for number in range(800)
    ]
    for name in ("one.txt", "two.txt"):
        vectors_recipe["learn_vectors"](sentences, tmp_path / name, cbow=cbow, size=16, window=2, epochs=80)
    assert (tmp_path / "one.txt").read_bytes() == (tmp_path / "two.txt").read_bytes()
    found = read_vectors(tmp_path / "one.txt")
    centred = found.matrix - found.matrix.mean(0)  # all vectors of so small a vocabulary share much
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    rows = {word: unit[i] for i, word in enumerate(found.words)}
    alike = np.mean([rows[a] @ rows[b] for group in (names, towns) for a in group for b in group if a != b])
    unlike = np.mean([rows[a] @ rows[b] for a in names for b in towns])
    assert alike > unlike + 0.5


def write_corpus(folder, sizes):
    """Write sentences of data/ as a corpus of train, dev and test of these sizes."""
    folder.mkdir(parents=True)
    corpus = load_corpus(str(RECIPES.parent / "data"))
    for split, size in sizes.items():
        rows = corpus[split].select(range(size))
        names = rows.features["tags"].feature.names
        lines = ["\n".join(f"{token} {names[tag]}" for token, tag in zip(row["tokens"], row["tags"])) for row in rows]
        (folder / f"{split}.conll").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return load_corpus(str(folder))


@pytest.fixture
def short_training(monkeypatch):
    monkeypatch.setattr(Tagger, "LEAST_EPOCHS", 2)
    monkeypatch.setattr(Tagger, "MOST_EPOCHS", 2)


def test_the_row_of_vectors_holds_what_a_tagger_with_them_scores(short_training, monkeypatch, capsys, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"train": 60, "dev": 15, "test": 15})
    (tmp_path / "text.txt").write_text("Ada doesn't wait.\n" * 40, encoding="utf-8")
    out = tmp_path / "own.txt"
    options = ["--language", "en", "--out", str(out), "--corpus", str(tmp_path / "corpus"), "--seeds", "1"]
    options += ["--vectors", str(FASTTEXT)]
    monkeypatch.setattr(sys, "argv", ["x.py", str(tmp_path / "text.txt"), *options])
    runpy.run_path(str(RECIPES / "word_vectors.py"), run_name="__main__")
    _, _, *rows = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    taggers = [
        Tagger(vectors=vectors, vectors_precision=precision, seed=0).fit(corpus["train"], dev=corpus["dev"])
        for vectors, precision in ((None, "float32"), (str(out), "float32"), (str(FASTTEXT), "int8"))
    ]
    scores = [100 * tagger.score(corpus["test"]) for tagger in taggers]
    names = "none", str(out), str(FASTTEXT)
    assert [row[:3] for row in cells] == [[name, f"{score:.1f}", "0.0"] for name, score in zip(names, scores)]
    assert [row[3] for row in cells] == ["-", *(f"{score - scores[0]:+.1f}" for score in scores[1:])]
    counts = Counter(token.lower() for tokens in corpus["train"]["tokens"] for token in tokens)
    counts.update({"ada": 40, "does": 40, "n't": 40, "wait": 40, ".": 40})
    merged = Counter()
    for word, number in counts.items():
        merged[re.sub("[0-9]", "0", word)] += number
    # Nothing of dev or test is in them: a word that only these have more than once would be one too many.
    assert set(read_vectors(out).words) == {word for word, number in merged.items() if number >= 2}


def test_a_tagger_finds_its_training_words_among_the_vectors(vectors_recipe, tmp_path, caplog):
    vectors_recipe["learn_vectors"](TOKENS, tmp_path / "own.txt", size=8, min_count=1)
    tagger = Tagger(vectors=str(tmp_path / "own.txt"), epochs=1, hidden_size=8, device="cpu", dev_share=0.2)
    with caplog.at_level("INFO", "seqtag"):
        tagger.fit(TOKENS, TAGS, watchers=())
    assert "100.0% of the training tokens have one" in caplog.text


@pytest.fixture
def data(tmp_path):
    """Make a folder as --data wants it, whose unlabelled text also has sentences of dev and test."""
    folder = tmp_path / "data"
    corpora = [write_corpus(folder / name, {"train": 30, "dev": 8, "test": 8}) for name in ("wikigold", *ROWS[1:])]
    held_out = [" ".join(tokens) for split in ("dev", "test") for tokens in corpora[0][split]["tokens"]]
    lines = ["", " = Heading = ", " A third @-@ party vote of 1 @,@ 000 . It rained . ", *held_out, held_out[0].upper()]
    (folder / "wikigold" / "train.conll").rename(folder / "wikigold" / "wikigold.conll.txt")
    (folder / "wikitext2").mkdir()
    (folder / "wikitext2" / "train.txt.gz").write_bytes(gzip.compress("".join(f"{x} \n" for x in lines * 5).encode()))
    return folder


def test_unlabelled_text_has_no_sentence_of_dev_or_test(labels_recipe, data):
    corpus = load_corpus(str(data / "crossner" / "politics"))
    train = [" ".join(tokens) for tokens in corpus["train"]["tokens"]]
    found = list(labels_recipe["unlabelled_sentences"](labels_recipe["english_texts"](data, ROWS), [corpus]))
    pieces = [part for sentence in train for part in re.split(r"(?<= [.]) ", sentence)]
    assert found == pieces * 6 + ["A third-party vote of 1,000 .", "It rained ."] * 5


def test_unlabelled_text_of_the_real_corpora_has_no_sentence_of_dev_or_test(labels_recipe, shared_data):
    corpora = [load_corpus(shared_data / name) for name in labels_recipe["MEASURED"].values()]

    def pieces(split):
        texts = (" ".join(tokens) for corpus in corpora for tokens in corpus[split]["tokens"])
        marks = labels_recipe["WIKITEXT"].items()
        for mark, plain in marks:
            texts = map(lambda text, mark=mark, plain=plain: text.replace(mark, plain), texts)
        return {piece.strip() for text in texts for piece in text.split("\n") if piece.strip()}

    texts = labels_recipe["english_texts"](shared_data, labels_recipe["TAGGED"])
    found = set(islice(labels_recipe["unlabelled_sentences"](texts, corpora), 40_000))
    assert len(found) > 30_000
    held_out = pieces("dev") | pieces("test")
    assert found & held_out == set()
    letters = [{re.sub(r"\W", "", piece).lower() for piece in some} for some in (pieces("train") - found, held_out)]
    assert letters[0] <= letters[1]  # what is left out of train is in dev or test


@pytest.fixture
def few_labels(labels_recipe, data, monkeypatch, tmp_path):
    names = labels_recipe["main"].__globals__
    corpora = {f"crossner_{name}": f"crossner/{name}" for name in ("politics", "ai")}
    monkeypatch.setitem(names, "MEASURED", corpora)
    monkeypatch.setitem(names, "TAGGED", ROWS)
    sizes = ["--hidden-size", "8", "--epochs", "1", "--seeds", "2"]
    return lambda *more: labels_recipe["main"](["--data", str(data), "--out", str(tmp_path / "out"), *sizes, *more])


def test_each_step_adds_what_its_row_says(few_labels, labels_recipe, monkeypatch, tmp_path, capsys):
    steps = []

    def note(name, corpus, *, seeds, before=None, **options):
        steps.append((name, before, options))
        return 50.0

    monkeypatch.setitem(labels_recipe["main"].__globals__, "measure", note)
    few_labels("--only", "backward")
    assert capsys.readouterr().out.count("language model, backward") == 1
    assert not steps
    few_labels()
    folders = [tmp_path / "out" / direction for direction in ("forward", "backward")]
    words = {"vectors": str(tmp_path / "out" / "vectors.txt")}
    characters = {"context": [str(folder) for folder in folders], "context_size": 64}
    assert steps == [
        ("crossner_politics | labels alone", None, {}),
        ("crossner_politics | + word vectors", 50.0, words),
        ("crossner_politics | + language models", 50.0, characters),
        ("crossner_politics | + both", 50.0, words | characters),
        ("crossner_politics | pretrained", 50.0, {"start_from": str(tmp_path / "out" / "pretrained")}),
    ]
    models = [LanguageModel.load(folder, device="cpu") for folder in folders]
    assert [(model.level, model.direction) for model in models] == [("character", name.name) for name in folders]
    text = (tmp_path / "out" / "unlabelled.txt").read_text(encoding="utf-8")
    assert set(models[0].vocabulary_.symbols) >= set(text.replace("\n", "")) - set(text[-len(text) // 20 :])
    assert capsys.readouterr().out.count("language model, ") == 1
    steps.clear()
    few_labels("crossner_ai", "--steps", "context", "alone")  # in the order that gives a gain
    assert capsys.readouterr().out.count("language model, ") == 0  # those that lie there are taken
    assert steps == [("crossner_ai | labels alone", None, {}), ("crossner_ai | + language models", 50.0, characters)]
    with pytest.raises(SystemExit):
        few_labels("crossner_law")
    for folder in folders:
        shutil.rmtree(folder)
    few_labels("--steps", "vectors")  # trains no language model that it has no use for
    assert not any(folder.exists() for folder in folders)
    assert not list((tmp_path / "out").glob("*.part*"))


def test_the_table_has_what_taggers_score_at_every_step(
    few_labels, labels_recipe, short_training, data, tmp_path, capsys
):
    few_labels()
    _, _, *lines = capsys.readouterr().out.splitlines()[-7:]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in lines]
    assert [row[1] for row in rows] == [*labels_recipe["STEPS"].values()]
    assert rows[0][4] == "-"
    for row in rows[1:]:
        assert float(row[4]) == pytest.approx(float(row[2]) - float(rows[0][2]), abs=0.11)
    corpus = load_corpus(str(data / "crossner" / "politics"))
    context = [str(tmp_path / "out" / direction) for direction in ("forward", "backward")]
    options = {"vectors": str(tmp_path / "out" / "vectors.txt"), "context": context, "context_size": 64}
    taggers = (Tagger(**options, seed=seed).fit(corpus["train"], dev=corpus["dev"]) for seed in range(2))
    found = [100 * tagger.score(corpus["test"]) for tagger in taggers]
    assert rows[3][2:4] == [f"{np.mean(found):.1f}", f"{np.std(found, ddof=1):.1f}"]


def test_the_text_of_the_command_line_is_that_of_the_functions(labels_recipe, data, tmp_path):
    corpora, tagged = ["crossner/politics", "crossner/ai"], ["crossner/politics", "wikigold/wikigold.conll.txt"]
    options = ["--data", str(data), "--without", *corpora, "--tagged", *tagged]
    labels_recipe["main"]([*options, "--only", "text", "--out", str(tmp_path / "out")])
    texts = labels_recipe["english_texts"](data, tagged)
    expected = list(labels_recipe["unlabelled_sentences"](texts, [load_corpus(str(data / name)) for name in corpora]))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["unlabelled.txt"]
    assert (tmp_path / "out" / "unlabelled.txt").read_text(encoding="utf-8").splitlines() == expected
    assert expected[0].startswith(" ".join(load_corpus(str(data / corpora[0]))["train"]["tokens"][0])[:10])


def test_the_examples_in_the_recipe_hold(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    tried = doctest.testmod(import_module("few_labels"))
    assert (tried.attempted, tried.failed) == (1, 0)
