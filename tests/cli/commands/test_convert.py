"""`seqtag convert`: every format out and in again, the counts, what gets lost, and what is never overwritten."""

import json
import re
from pathlib import Path

import pytest
import spacy
from datasets import Dataset
from small_corpus import LABELLED, SENTENCES, SEVERAL, Run, conll, table
from spacy.tokens import Doc, DocBin

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


# A file, and the names of what is not converted of it.
TAGGED_CASES = {
    "doccano": ("x.jsonl", '{"id": 1, "text": "Ada", "label": [[0, 3, "PER"]], "meta": {}}', "id, meta"),
    "prodigy": (
        "x.jsonl",
        '{"text": "Ada", "spans": [{"start": 0, "end": 3, "label": "PER", "score": 1, "token_end": 0}], "answer": '
        '"accept", "_input_hash": 7, "url": "x"}',
        "score of spans, url",
    ),
    "label studio": (
        "x.json",
        '[{"id": 3, "data": {"text": "Ada", "doc": 5}, "annotations": [{"result": [{"value": {"start": 0, "end": 3,'
        ' "labels": ["PER"]}}, {"type": "rating", "value": {"rating": 3}}]}]}]',
        "results of the type rating, doc, id",
    ),
    "spacy": ("x.json", '[["Ada", {"entities": [[0, 3, "PER"]], "cats": {}}]]', "cats"),
    "conll": ("x.conll", "Ada NNP I-NP B-PER\nleft VBD I-VP O\n\n", "column 1, column 2"),
    "header": ("x.tsv", "token\tpos\tner\nAda\tNNP\tB-PER\nleft\tVBD\tO\n\n", "pos"),
    "conllu": (
        "x.conllu",
        "# sent_id = s1\n# a remark\n1-2\tau\t_\t_\t_\t_\t_\t_\t_\t_\n1\tà\tà\tADP\t_\t_\t_\t_\t_\t_\n"
        "2\tle\tle\tDET\t_\t_\t_\t_\t_\t_\n\n",
        "lemma, xpos, feats, head, deprel, deps, misc, sent_id, comments, rows that are no words",
    ),
    "words": ("x.csv", "sentence,word,pos,tag\n1,Ada,NNP,B-PER\n1,left,VBD,O\n2,Bo,NNP,B-PER\n", "pos"),
    "rows": ("x.jsonl", '{"tokens": ["Ada"], "tags": ["B-PER"], "url": "x"}', "url"),
    "nothing": ("x.conll", "-DOCSTART- O\n\nAda B-PER\n\n-DOCSTART- O\n\nBo B-PER\n\n", ""),
    "nothing in json": ("x.jsonl", '{"text": "Ada", "label": [[0, 3, "PER"]]}', ""),
}
LABELLED_CASES = {
    "csv": ("x.csv", "id,text,label\n1,It was fine.,good\n2,It was bad.,bad\n", "id"),
    "jsonl": ("x.jsonl", '{"id": 1, "text": "Fine.", "label": "good"}\n{"text": "Bah!", "label": "bad"}', "id"),
    "prodigy": (
        "x.jsonl",
        '{"text": "Fine.", "options": [], "accept": ["good"], "answer": "accept", "meta": {"n": 1}}',
        "meta",
    ),
    "label studio": (
        "x.json",
        '[{"id": 1, "data": {"text": "Fine."}, "annotations": [{"result": [{"value": {"choices": ["good"]}}]}]}]',
        "id",
    ),
    "nothing": ("x.csv", "text,label\nIt was fine.,good\nIt was bad.,bad\n", ""),
}


class TestWhatIsNotConverted:
    """The fields, ids and layers of this very input are named; nothing is where there are none."""

    @pytest.mark.parametrize("case", [*TAGGED_CASES, *(f"{name} labelled" for name in LABELLED_CASES)])
    def test_it_is_named(self, case: str, run: Run, tmp_path: Path):
        is_labelled = case.endswith(" labelled")
        cases = LABELLED_CASES if is_labelled else TAGGED_CASES
        name, content, others = cases[case.removesuffix(" labelled")]
        (tmp_path / name).write_text(content, encoding="utf-8")
        out, task = tmp_path / "out" / "x.jsonl", "classify" if is_labelled else "tag"
        result = run("convert", tmp_path / name, out, "--to", "jsonl", "--task", task)
        assert result.exit_code == 0, result.stderr
        kept = "texts and labels" if is_labelled else "tokens and tags"
        said = [line for line in result.stdout.splitlines() if line.startswith("not converted")]
        assert said == ([f"not converted, as a corpus keeps {kept} only: {others}"] if others else [])

    def test_layers_of_documents_of_spacy(self, run: Run, tmp_path: Path):
        doc = Doc(spacy.blank("en").vocab, ["Ada", "left"], pos=["PROPN", "VERB"], ents=["B-PER", "O"])
        doc.user_data["id"] = 7
        doc.cats["good"] = 1.0
        DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in.spacy")
        result = run("convert", tmp_path / "in.spacy", tmp_path / "x.jsonl")
        assert "as a corpus keeps tokens and tags only: cats, pos, id\n" in result.stdout
        result = run("convert", tmp_path / "in.spacy", tmp_path / "y.jsonl", "--task", "classify")
        assert "as a corpus keeps texts and labels only: ents, pos, id\n" in result.stdout

    def test_a_folder_of_brat_and_a_table(self, run: Run, tmp_path: Path):
        (tmp_path / "brat").mkdir()
        (tmp_path / "brat" / "a.txt").write_text("Ada", encoding="utf-8")
        (tmp_path / "brat" / "a.ann").write_text("T1\tPER 0 3\tAda\nA1\tSure T1\n", encoding="utf-8")
        result = run("convert", tmp_path / "brat", tmp_path / "x.jsonl")
        assert "only: names of documents, relations, events, attributes and notes\n" in result.stdout
        Dataset.from_dict({"tokens": [["Ada"]], "ner_tags": [["B-PER"]], "id": [7]}).to_parquet(tmp_path / "t.parquet")
        assert "tags only: id\n" in run("convert", tmp_path / "t.parquet", tmp_path / "y.jsonl").stdout
