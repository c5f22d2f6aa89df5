"""`seqtag select`: what it writes is what was chosen, filled in by the model, with all that the records held."""

import json
from pathlib import Path

import pytest
import spacy
from small_corpus import LABELLED, SENTENCES, Run, conll, table
from spacy.tokens import DocBin

from seqtag import Classifier, Tagger
from seqtag.corpora.loading import load_corpus
from seqtag.curation.selection import select

TEXTS = [" ".join(token for token, _ in rows) for rows in SENTENCES[1::5]]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    lines = [json.dumps({"id": f"a-{number}", "text": text}) + "\n" for number, text in enumerate(TEXTS)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def records(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_the_texts_with_the_most_to_gain_come_first_with_all_that_they_held(run: Run, model: Path, texts: Path):
    result = run("select", model, texts, "-n", "5", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    found = records(result.stdout)
    tagger = Tagger.load(model, device="cpu")
    expected = select(tagger, TEXTS, n=5)
    assert [each["id"] for each in found] == [f"a-{each.row}" for each in expected.chosen]
    assert [each["text"] for each in found] == [TEXTS[each.row] for each in expected.chosen]
    for rank, (each, chosen) in enumerate(zip(found, expected.chosen, strict=True), 1):
        spans = tagger.predict_spans([each["text"]])[0]
        assert [(s["start"], s["end"], s["label"]) for s in each["spans"]] == [(s.start, s.end, s.label) for s in spans]
        assert each["selection"]["rank"] == rank
        assert each["selection"]["gain"] == pytest.approx(chosen.gain, abs=1e-3)
    assert f"5 of {len(TEXTS)} texts" in result.stderr


@pytest.mark.parametrize("form", ["label-studio", "doccano", "prodigy", "jsonl"])
def test_tools_get_what_they_import_and_it_reads_back(form: str, run: Run, model: Path, texts: Path, tmp_path: Path):
    out = tmp_path / ("out.json" if form == "label-studio" else "out.jsonl")
    config = ["--label-config", tmp_path / "labels.xml"] if form == "label-studio" else []
    files = ["--json", tmp_path / "r.json", "--html", tmp_path / "r.html"]
    result = run("select", model, texts, "-n", "4", "--format", form, "--output", out, *config, *files)
    assert result.exit_code == 0, result.stderr
    assert "What to label next" in result.stdout
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    rows = load_corpus(out, split="train", language="en")
    assert [" ".join(tokens) for tokens in rows["tokens"]] == [each["text"] for each in report["chosen"]]
    assert report["chosen"][0]["place"].startswith(f"{texts}:")
    assert report["model"] == "ner"
    assert "what the model finds" not in result.stdout
    assert "what the model finds" in (tmp_path / "r.html").read_text(encoding="utf-8")
    if config:
        tasks = json.loads(out.read_text(encoding="utf-8"))
        assert [task["data"]["selection"]["rank"] for task in tasks] == [1, 2, 3, 4]
        assert 'value="PER"' in (tmp_path / "labels.xml").read_text(encoding="utf-8")


def test_column_files_keep_their_columns_and_labelled_ones_are_left_out(run: Run, model: Path, tmp_path: Path):
    pool, known = tmp_path / "pool.conll", tmp_path / "known.conll"
    pool.write_text(conll(SENTENCES[:12]), encoding="utf-8")
    known.write_text(conll(SENTENCES[:6]), encoding="utf-8")
    result = run(
        "select", model, pool, "-n", "20", "--labelled", known, "--format", "conll", "--output", tmp_path / "o"
    )
    assert result.exit_code == 0, result.stderr
    found = load_corpus(f"{tmp_path / 'o'}:token=0,tag=1", split="train")["tokens"][:]
    left = [[token for token, _ in rows] for rows in SENTENCES[6:12]]
    assert sorted(found) == sorted(left)


def test_sentences_are_chosen_from_texts_and_say_where_they_began(run: Run, model: Path, tmp_path: Path):
    path = tmp_path / "texts.jsonl"
    text = "Ada Lovelace lives in Turin. We saw Kurt near Oslo.  It rained."
    path.write_text(json.dumps({"id": 7, "text": text}) + "\n", encoding="utf-8")
    result = run("select", model, path, "--sentences")
    assert result.exit_code == 0, result.stderr
    found = records(result.stdout)
    assert sorted(each["sentence_start"] for each in found) == [0, 29, 53]
    for each in found:
        assert each["id"] == 7
        assert text[each["sentence_start"] :].startswith(each["text"])
    whole = records(run("select", model, path).stdout)
    assert [each["text"] for each in whole] == [text]


def test_documents_of_spacy_stay_documents(run: Run, model: Path, tmp_path: Path):
    blank = spacy.blank("en")
    docs = [blank(text) for text in TEXTS[:5]]
    for number, doc in enumerate(docs):
        doc.user_data["id"] = number
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "in.spacy")
    words = ["select", model, tmp_path / "in.spacy", "-n", "2"]
    assert run(*words, "--format", "spacy", "--output", tmp_path / "out.spacy").exit_code == 0
    found = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(blank.vocab))
    as_lines = records(run(*words).stdout)
    assert [doc.text for doc in found] == [each["text"] for each in as_lines]
    assert all(each["id"] == TEXTS.index(each["text"]) for each in as_lines)
    assert "a document of spaCy is written whole" in run(*words, "--sentences").stderr


def test_classes(run: Run, classifier_folder: Path, tmp_path: Path):
    path = tmp_path / "texts.csv"
    path.write_text(table([(str(i), text) for i, (text, _) in enumerate(LABELLED)], ("id", "words")), encoding="utf-8")
    given = ["select", classifier_folder, f"{path}:text=words", "-n", "6", "--by", "margin"]
    result = run(*given)
    assert result.exit_code == 0, result.stderr
    found = records(result.stdout)
    classifier = Classifier.load(classifier_folder, device="cpu")
    expected = select(classifier, [text for text, _ in LABELLED], n=6, by="margin")
    assert [each["id"] for each in found] == [str(each.row) for each in expected.chosen]
    as_table = run(*given, "--format", "csv")
    assert as_table.stdout.splitlines()[0] == "id,words,label,score"
    assert run(*given, "--format", "prodigy").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "margin"], "choose errors or entropy"),
        (["--by", "doubt"], "choose from entropy, errors, margin"),
        (["--format", "xml"], "--format xml: unknown for a tagger"),
        (["--json", "-"], "name a file with --output"),
        (["--token-seconds", "-1"], "seconds per token"),
        (["--labelled", "nowhere.conll"], "nowhere.conll"),
        (["--from-name", "x"], "--from-name: is for --format label-studio"),
    ],
)
def test_a_wrong_call_gets_one_message(words: list[str], message: str, run: Run, model: Path, texts: Path):
    result = run("select", model, texts, *words)
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert result.stdout == ""


def test_no_text_at_all(run: Run, model: Path):
    result = run("select", model, "-", "--text", stdin="\n  \n")
    assert result.exit_code == 2
    assert "-: holds no text to choose from" in result.stderr
    two = run("select", model, "-", "--labelled", "-", "--text", stdin="Ada left.\n")
    assert "standard input holds the texts" in two.stderr
