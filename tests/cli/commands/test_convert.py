"""`seqtag convert`: every format out and in again, the counts, what gets lost, and what is never overwritten."""

import json
import re
from pathlib import Path

import pytest
import spacy
from small_corpus import LABELLED, SENTENCES, SEVERAL, Run, conll, table
from spacy.tokens import DocBin

from seqtag.corpora.conversion import documents, read_tagged
from seqtag.corpora.formats.writers.formats import FORMATS
from seqtag.corpora.loading import load_corpus

# A sentence with what makes formats differ: emoji, a blank in a token, Han, marks that TSV and JSON escape, no blanks.
ODD = [
    ("😀", "O"),
    ("Ada_[1]", "B-PER"),
    ("Love|lace", "I-PER"),
    ("東京", "B-a->b;c_d"),
    ("#x", "O"),
    ("à\u00a0la", "O"),
]
TAGGED = [name for name, form in FORMATS.items() if "tag" in form.tasks and form.is_read] + ["parquet"]
CLASSIFIED = [name for name, form in FORMATS.items() if "classify" in form.tasks and form.is_read] + ["parquet"]


def tokens_and_tags(source, **options):
    rows = load_corpus(str(source), split="train", **options)
    names = rows.features["tags"].feature.names
    return rows["tokens"][:], [[names[tag] for tag in row] for row in rows["tags"]]


def labels_of(source):
    rows = load_corpus(str(source), split="train", task="classify")
    several = "labels" in rows.features
    names = rows.features["labels"].feature.names if several else rows.features["label"].names
    return [[names[i] for i in ids] if several else [names[ids]] for ids in rows["labels" if several else "label"]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.conll"
    path.write_text(conll([*SENTENCES[:3], ODD, [("right", "O"), ("שלום", "B-PER")]]), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", TAGGED)
def test_tagged_tokens_come_back(form: str, source: Path, run: Run, tmp_path: Path):
    out = tmp_path / "out" / f"x{FORMATS[form].ending if form in FORMATS else '.parquet'}"
    result = run("convert", source, out, "--to", form)
    assert result.exit_code == 0, result.stderr
    assert "differs" not in result.stdout
    assert re.search(r"spans PER +5 +5\n", result.stdout)
    assert tokens_and_tags(out, tag="misc:NE" if form == "conllu" else None) == tokens_and_tags(source)


@pytest.mark.parametrize("form", TAGGED)
def test_plain_tags_come_back(form: str, run: Run, tmp_path: Path):
    source = tmp_path / "in.conllu"
    words = [("Ada", "PROPN"), ("left", "VERB")], [("Bo", "PROPN")]
    blank = "\t_"
    rows = ["".join(f"{n}\t{w}\t_\t{t}{blank * 6}\n" for n, (w, t) in enumerate(own, 1)) + "\n" for own in words]
    source.write_text("".join(rows), encoding="utf-8")
    out = tmp_path / f"x{FORMATS[form].ending if form in FORMATS else '.parquet'}"
    result = run("convert", source, out, "--to", form)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"tokens tagged PROPN +2 +2\n", result.stdout)
    is_kept = "plain" in FORMATS[form].holds if form in FORMATS else True
    assert is_kept == ("can't hold tags of single tokens" not in result.stdout)
    tags = tokens_and_tags(out, tag="pos" if form == "spacy" else None)[1]
    assert tags == ([["PROPN", "VERB"], ["PROPN"]] if is_kept else [["B-PROPN", "B-VERB"], ["B-PROPN"]])


@pytest.mark.parametrize("form", CLASSIFIED)
@pytest.mark.parametrize("kind", ["single", "several"])
def test_labelled_texts_come_back(form: str, kind: str, run: Run, tmp_path: Path):
    source = tmp_path / ("in.csv" if kind == "single" else "in.jsonl")
    texts = [*LABELLED[::5], ("😀 \u2028 #", "good"), ("", "bad")]
    source.write_text(table(texts) if kind == "single" else SEVERAL, encoding="utf-8")
    out = tmp_path / f"x{FORMATS[form].ending if form in FORMATS else '.parquet'}"
    result = run("convert", source, out, "--to", form, "--task", "classify")
    assert result.exit_code == 0, result.stderr
    assert "differs" not in result.stdout
    assert labels_of(out) == labels_of(source)
    assert (form == "doccano" and kind == "single") == ("can't hold that a text has exactly one label" in result.stdout)
    texts = [load_corpus(str(path), split="train", task="classify")["text"][:] for path in (source, out)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("form", ["doccano", "prodigy", "label-studio", "hf", "displacy", "spacy", "conllu", "jsonl"])
def test_texts_with_offsets_stay_as_they_are(form: str, run: Run, tmp_path: Path):
    texts = ["  Ada\r\n lives in 😀 Oslo. ", "Ada Lovelace!  ", " ", "\tBo"]
    marks = [[[2, 5, "PER"], [19, 23, "LOC"]], [[0, 12, "PER"]], [], [[1, 3, "PER"]]]
    source = tmp_path / "in.jsonl"
    lines = [json.dumps({"text": text, "label": own}) + "\n" for text, own in zip(texts, marks)]
    source.write_text("".join(lines), encoding="utf-8")
    out = tmp_path / f"x{FORMATS[form].ending}"
    result = run("convert", source, out, "--to", form)
    assert result.exit_code == 0, result.stderr
    assert "texts and the places" not in result.stdout
    if form == "conllu":
        assert "# text = Ada  lives in 😀 Oslo.\n" in out.read_text(encoding="utf-8")
        assert "SpaceAfter=No" in out.read_text(encoding="utf-8")
        return
    if form == "spacy":
        assert [doc.text for doc in DocBin().from_disk(out).get_docs(spacy.blank("xx").vocab)] == texts
    if form in ("spacy", "doccano", "prodigy", "label-studio", "hf", "displacy"):
        corpus = read_tagged(str(out))
        again = [(each.text, [(s.start, s.end, s.label) for s in each.spans]) for each in documents(corpus, "train")]
        assert again == [(text, [tuple(mark) for mark in own]) for text, own in zip(texts, marks)]


def test_a_corpus_with_splits_becomes_a_folder(corpus: Path, run: Run, tmp_path: Path):
    result = run("convert", corpus, tmp_path / "out", "--to", "conll", "--scheme", "BIOES")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dev.conll", "test.conll", "train.conll"]
    found, given = load_corpus(tmp_path / "out"), load_corpus(corpus, scheme="BIOES")
    for split, rows in given.items():
        names = [each.features["tags"].feature.names for each in (rows, found[split])]
        assert names[0] == names[1]
        assert found[split]["tags"][:] == rows["tags"][:]
    result = run("convert", corpus, tmp_path / "tasks", "--to", "label-studio", "--scheme", "BIOES")
    assert "label-studio can't hold the scheme" in result.stdout


def test_documents_stay_where_a_format_has_them(run: Run, tmp_path: Path):
    source = tmp_path / "in.conll"
    source.write_text("-DOCSTART-\n\nAda B-PER\n\nBo B-PER\n\n-DOCSTART-\n\nCy B-PER\n\n", encoding="utf-8")
    for form in ("conll", "conllu", "jsonl", "parquet"):
        out = tmp_path / f"x.{form}"
        assert "can't hold" not in run("convert", source, out).stdout
        rows = load_corpus(f"{out}{':tag=misc:NE' if form == 'conllu' else ''}", split="train")
        assert rows["document"][0] == rows["document"][1] != rows["document"][2]
    assert (
        "doccano can't hold where documents begin"
        in run("convert", source, tmp_path / "y.jsonl", "--to", "doccano").stdout
    )


def test_text_for_people_is_not_read_back(source: Path, run: Run, tmp_path: Path):
    result = run("convert", source, tmp_path / "x.txt", "--to", "text")
    assert "text is for people to read" in result.stdout
    assert "[Ada Lovelace](PER) lives in [Turin](LOC) ." in (tmp_path / "x.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x.txt"], "x.txt: its ending says no format; add --to with one of conll, conllu, jsonl"),
        (["x", "--to", "docano"], "--to docano: unknown; choose from"),
        (["x.csv"], "--to csv: can't hold the data of --task tag; choose from conll"),
        (["x", "--to", "webanno", "--task", "classify"], "--to webanno: can't hold the data of --task classify"),
        (["x.jsonl", "--task", "classify", "--scheme", "IO"], "--scheme IO: is for entity tags"),
        (
            ["x", "--to", "doccano"],
            "x: a file of the format doccano is known by its ending; name a file that ends in .js",
        ),
        (["in.conll"], "in.conll: there is in.conll already; name another place, or add --overwrite"),
    ],
)
def test_mistakes(words, message, source: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = run("convert", source, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.conll"]


def test_a_file_for_several_splits_is_refused(corpus: Path, run: Run, tmp_path: Path):
    result = run("convert", corpus, tmp_path / "x.conll")
    assert result.exit_code == 2
    assert "the corpus has the splits train, dev, test, and each gets a file" in result.stderr


def test_overwriting_is_asked_for(source: Path, run: Run, tmp_path: Path):
    (tmp_path / "x.jsonl").write_text("old", encoding="utf-8")
    assert run("convert", source, tmp_path / "x.jsonl", "--overwrite").exit_code == 0
    assert (tmp_path / "x.jsonl").read_text(encoding="utf-8").startswith('{"tokens"')
