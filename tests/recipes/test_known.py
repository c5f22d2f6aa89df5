"""The recipe of known corpora: it knows them by their counts, and prints their published figures beside a score."""

import doctest
import re
import runpy
from importlib import import_module
from pathlib import Path

import pytest
from tiny import LABELS, TAGS, TEXTS, TOKENS

from seqtag import Classifier, Tagger, load_corpus

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = REPOSITORY / "recipes"
FOLDERS = {  # those that a shared folder has, and that are read in a moment
    "wnut17": "wnut17",
    "crossner/ai": "crossner_ai",
    "ud_vi_vtb": "vi_vtb",
    "banking77": "banking77",
    "cr_product_reviews": "cr",
}


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    return runpy.run_path(str(RECIPES / "known.py"))


@pytest.fixture
def trained(recipe, saved_tagger: Path, saved_classifier: Path) -> list:
    """Let saved models stand for those that the recipe would train; collect the options that it gives them."""
    options = []

    def standing_for(estimator: type, folder: Path) -> type:
        class Trained:
            def set_params(self, **given: object):
                options.append(given)
                return self

            def fit(self, train, *, dev):
                return estimator.load(folder, device="cpu")

        return Trained

    recipe["ESTIMATORS"]["tag"] = standing_for(Tagger, saved_tagger)
    recipe["ESTIMATORS"]["classify"] = standing_for(Classifier, saved_classifier)
    return options


@pytest.fixture
def columns(tmp_path: Path) -> Path:
    rows = ["".join(f"{token}\t{tag}\n" for token, tag in zip(*pair)) for pair in zip(TOKENS, TAGS, strict=True)]
    (tmp_path / "tokens.conll").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path / "tokens.conll"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f"{label}\t{text}\n" for label, text in zip(LABELS, TEXTS, strict=True)]
    (tmp_path / "texts.tsv").write_text("".join(rows), encoding="utf-8")
    return tmp_path / "texts.tsv"


@pytest.mark.parametrize(("name", "number"), [("known", 2), ("known_figures", 1), ("ner_corpora", 1)])
def test_its_examples_hold(name: str, number: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    assert doctest.testmod(import_module(name)) == (0, number)


def test_three_files_of_tags_give_a_row(recipe, trained, columns, saved_tagger, capsys):
    recipe["main"]([str(columns)] * 3 + ["--seeds", "2", "--set", "encoder=null"])
    printed = capsys.readouterr()
    score = 100 * Tagger.load(saved_tagger, device="cpu").score(load_corpus(columns)["train"])
    assert printed.out.splitlines()[-1].startswith(f"| {columns} | {score:.1f} ± 0.0 | F1 | none known | ")
    assert trained == [{"encoder": None, "seed": 0}, {"encoder": None, "seed": 1}]
    assert "none of the known corpora" in printed.err


def test_a_corpus_that_is_named_shows_what_is_published_and_that_its_counts_differ(recipe, trained, columns, capsys):
    recipe["main"]([str(columns)] * 2 + ["--name", "conll2003", "--seeds", "1"])
    printed = capsys.readouterr()
    last = printed.out.splitlines()[-1]
    assert re.match(r"\| CoNLL-2003, English \| \d+\.\d, one seed \| F1 \| 80\.76 BiLSTM-CNN-CRF, from scratch", last)
    assert "91.21 BiLSTM-CNN-CRF, pretrained: GloVe ([Ma 2016](https://arxiv.org/abs/1603.01354))" in last
    assert "these are not the counts of conll2003: labels 3 for 4, train 20 for 14041" in printed.err


def test_texts_are_told_from_tokens_and_are_cut_where_they_have_no_test_split(recipe, trained, table, capsys):
    recipe["main"]([str(table), "--seeds", "1"])
    assert " | accuracy | none known | " in capsys.readouterr().out.splitlines()[-1]


def test_plain_tags_have_an_accuracy(recipe, trained, tmp_path, capsys):
    path = tmp_path / "pos.conll"
    path.write_text("".join(f"{token}\t{'X' if token.isalpha() else 'Y'}\n" for token in TOKENS[0]) + "\na\tX\n")

    class Plain:
        def set_params(self, **given: object):
            return self

        def fit(self, train, *, dev):
            return self

        def score(self, test):
            return 0.5

    recipe["ESTIMATORS"]["tag"] = Plain
    recipe["main"]([str(path)] * 2 + ["--seeds", "1"])
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"| {path} | 50.0, one seed | accuracy |")


def test_each_known_corpus_is_found_by_its_counts_and_by_no_others(recipe):
    for name, known in recipe["KNOWN"].items():
        counts = {split: (rows, tokens or 0) for split, (rows, tokens) in known.counts.items()}
        assert recipe["identify"](counts, known.num_labels or 99, known.task) == name
        fewer = {split: (rows * 9 // 10, tokens) for split, (rows, tokens) in counts.items()}
        assert recipe["identify"](fewer, known.num_labels or 99, known.task) is None


@pytest.mark.parametrize("folder", FOLDERS)
def test_public_corpora_are_known(recipe, shared_data, folder):
    task, corpus = recipe["find_task"]([str(shared_data / folder)])
    labels = recipe["labels_of"](corpus, task)
    assert recipe["identify"](recipe["count"](corpus, task), len(labels), task) == FOLDERS[folder]


def test_a_corpus_that_can_be_both_asks_for_the_task(recipe, trained, tmp_path, capsys):
    for split in ("train", "test"):
        for file, line in (("seq.in", "play jazz now"), ("seq.out", "O B-genre O"), ("label", "good")):
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / split / file).write_text(f"{line}\n{line}\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="say --task tag or --task classify"):
        recipe["main"]([str(tmp_path)])
    recipe["main"]([str(tmp_path), "--task", "classify", "--seeds", "1"])
    assert " | accuracy | " in capsys.readouterr().out


def test_mistakes_are_one_message(recipe, columns, capsys):
    with pytest.raises(SystemExit, match=r"^nowhere\.conll: there is no such file or folder; [^\n]*$"):
        recipe["main"](["nowhere.conll"])
    with pytest.raises(SystemExit, match=r"no split test; give TRAIN DEV TEST"):
        recipe["main"]([str(columns)])
    with pytest.raises(SystemExit, match="no option 'hiden'"):
        recipe["main"]([str(columns)] * 2 + ["--set", "hiden=1"])
    for words, message in (
        (["--set", "encoder=gru"], """such as 'encoder="gru"'"""),
        (["--seeds", "0"], "--seeds is a number of models"),
        (["--set", "seed=1"], "--seeds is a number of models"),
        (["--name", "trec", "--task", "tag"], "--name trec is --task classify"),
    ):
        with pytest.raises(SystemExit):
            recipe["main"]([str(columns), *words])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        recipe["main"]([])
    assert "give one corpus with its splits" in capsys.readouterr().err


def test_the_page_has_every_figure_with_its_source(recipe, capsys):
    page = (REPOSITORY / "docs" / "results" / "known-benchmarks.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.startswith("| ")}
    for known in recipe["KNOWN"].values():
        for figure in known.figures:
            assert f"{figure.value} {figure.model}" in rows[known.title]
            assert f"[{figure.source}]" in rows[known.title]
    for name, (title, link) in recipe["SOURCES"].items():
        assert f"[{name}]: {link}" in page.splitlines()
        assert title in page
    assert {figure.source for known in recipe["KNOWN"].values() for figure in known.figures} == set(recipe["SOURCES"])
    recipe["main"](["--list"])
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(recipe["KNOWN"])
