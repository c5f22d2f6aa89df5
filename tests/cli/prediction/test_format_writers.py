"""`seqtag predict` for other tools: what it writes is read back as the same spans and classes, with other fields."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import spacy
from small_corpus import SENTENCES, Run, conll
from spacy.tokens import Doc, DocBin, Span

from seqtag import Classifier, Tagger
from seqtag.corpora.loading import load_corpus

TEXTS = [
    "😀 Zoë Baird lives in Łódź . 👩‍🚒 Kurt Gödel wrote from New York .",
    "",
    "Last year Ada Lovelace\r\nleft Quito for good .",
    "שלום Ada Lovelace lives in Oslo . مرحبا",
    "他来自 Turin 。 We saw Emmy Noether near San Marino .",
    "𝔸 b",
]
READ = {"displacy", "doccano", "hf", "label-studio", "prodigy", "spacy", "webanno", "conllu"}


def json_lines(texts) -> str:
    return "".join(json.dumps({"id": n, "text": text, "meta": {"source": [n]}}) + "\n" for n, text in enumerate(texts))


@pytest.fixture(scope="module")
def tagger(model: Path) -> Tagger:
    return Tagger.load(model, device="cpu")


def written(run: Run, model: Path, form: str, folder: Path, content: str, *more: str) -> Path:
    """Predict JSON lines, and give the file with the answers."""
    source = folder / "texts.jsonl"
    source.write_text(content, encoding="utf-8")
    endings = {"label-studio": "json", "spacy": "spacy", "webanno": "tsv", "conllu": "conllu", "conll": "conll"}
    out = folder / f"out.{endings.get(form, 'jsonl')}"
    result = run("predict", model, source, "--format", form, "--output", out, *more)
    assert result.exit_code == 0, result.stderr
    return out


def read(path: Path, **options) -> list[list[tuple[str, str]]]:
    rows = load_corpus(str(path), split="train", language="en", **options)
    names = rows.features["tags"].feature.names
    return [[(token, names[tag]) for token, tag in zip(row["tokens"], row["tags"])] for row in rows]


def predicted(tagger: Tagger, texts) -> list[list[tuple[str, str]]]:
    answers = tagger.tag_texts(texts)
    return [[(t.text, tag) for tokens, tags, _ in found for t, tag in zip(tokens, tags)] for _, found in answers]


@pytest.mark.parametrize("form", sorted(READ))
def test_what_is_written_is_read_back(form: str, run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    out = written(run, model, form, tmp_path, json_lines(TEXTS))
    found = read(out, tag="misc:NE" if form == "conllu" else None)
    flat = [pair for row in predicted(tagger, TEXTS) for pair in row]
    assert [pair for row in found for pair in row] == flat
    assert sum(tag.startswith("B") for _, tag in flat) > 5
    if form not in ("webanno", "conllu", "spacy"):  # these cut a text into its sentences
        assert found == predicted(tagger, TEXTS)


@pytest.mark.parametrize("form", ["displacy", "doccano", "hf", "prodigy"])
def test_lines_keep_the_fields_and_have_scores(form: str, run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    out = written(run, model, form, tmp_path, json_lines(TEXTS))
    spans = tagger.predict_spans(TEXTS)
    for number, line in enumerate(out.read_text(encoding="utf-8").splitlines()):
        record = json.loads(line)
        assert (record["id"], record["text"], record["meta"]) == (number, TEXTS[number], {"source": [number]})
        marks = record.get("ents") or record.get("entities") or record.get("spans") or []
        scores = [mark["score"] for mark in marks] or record.get("scores", [])
        assert scores == pytest.approx([span.score for span in spans[number]], abs=1e-4)


def test_doccano_counts_in_utf16_and_says_so(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    out = written(run, model, "doccano", tmp_path, json_lines(TEXTS))
    for text, line in zip(TEXTS, out.read_text(encoding="utf-8").splitlines()):
        record = json.loads(line)
        units = text.encode("utf-16-le")
        words = [units[2 * start : 2 * end].decode("utf-16-le") for start, end, _ in record["label"]]
        assert words == [span.text for span in tagger.predict_spans([text])[0]]
        assert record.get("offset_unit") == (None if len(units) == 2 * len(text) else "utf-16")


def test_prodigy_has_tokens_and_the_last_one_of_a_span_belongs_to_it(run: Run, model: Path, tmp_path: Path):
    out = written(run, model, "prodigy", tmp_path, json_lines(TEXTS))
    for line in out.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        tokens = record["tokens"]
        assert all(record["text"][each["start"] : each["end"]] == each["text"] for each in tokens)
        assert [each["id"] for each in tokens] == list(range(len(tokens)))
        assert all(each["ws"] == record["text"][each["end"] : each["end"] + 1].isspace() for each in tokens)
        for span in record["spans"]:
            assert tokens[span["token_start"]]["start"] == span["start"]
            assert tokens[span["token_end"]]["end"] == span["end"]
        assert "answer" not in record


def test_label_studio_gets_predictions_and_an_interface(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    names = ["--label-config", str(tmp_path / "labels.xml"), "--from-name", "ner", "--to-name", "body"]
    out = written(run, model, "label-studio", tmp_path, json_lines(TEXTS), *names, "--model-version", "v 1")
    tasks = json.loads(out.read_text(encoding="utf-8"))
    for number, (task, spans) in enumerate(zip(tasks, tagger.predict_spans(TEXTS))):
        assert task["data"] == {"id": number, "meta": {"source": [number]}, "text": TEXTS[number]}
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "v 1"
        values = [
            (each["value"]["start"], each["value"]["end"], *each["value"]["labels"]) for each in prediction["result"]
        ]
        assert values == [(span.start, span.end, span.label) for span in spans]
        assert all(
            (each["from_name"], each["to_name"], each["type"]) == ("ner", "body", "labels")
            for each in prediction["result"]
        )
        scores = [each["score"] for each in prediction["result"]]
        assert prediction.get("score") == min(scores, default=None)
    interface = ElementTree.parse(tmp_path / "labels.xml").getroot()
    labels = interface.find("Labels")
    assert (labels.get("name"), labels.get("toName"), interface.find("Text").get("name")) == ("ner", "body", "body")
    assert [label.get("value") for label in labels] == tagger.labels_


def test_no_text_at_all_is_an_empty_file_of_the_format(run: Run, model: Path):
    result = run("predict", model, "--text", "--format", "label-studio", stdin="")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_marks_that_a_record_had_are_replaced(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    old = {"text": TEXTS[0], "label": [[0, 1, "OLD"]], "spans": [], "ner": [{"start": 0, "end": 1, "labels": ["OLD"]}]}
    for form in ("doccano", "label-studio", "prodigy", "hf"):
        out = written(run, model, form, tmp_path, json.dumps(old) + "\n")
        assert read(out) == predicted(tagger, TEXTS[:1])


def test_tokens_of_a_column_file_stay(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    source = tmp_path / "in.conll"
    rows = [[("Ada", "O"), ("Love-lace's", "O"), ("😀lives", "O")], *SENTENCES[:2]]
    source.write_text(conll(rows), encoding="utf-8")
    tokens = [[token for token, _ in row] for row in rows]
    expected = [list(zip(words, tags)) for words, tags in zip(tokens, tagger.predict(tokens))]
    for form, ending in (("doccano", "jsonl"), ("label-studio", "json"), ("hf", "jsonl"), ("spacy", "spacy")):
        out = tmp_path / f"out.{ending}"
        assert run("predict", model, source, "--format", form, "--output", out).exit_code == 0
        assert read(out) == expected


class TestSpacyFiles:
    """A DocBin in: the documents' own tokens are tagged, and their other annotations stay."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        vocabulary = spacy.blank("en").vocab
        first = Doc(
            vocabulary, ["\n", "Ada", "Love-lace", "left", "Oslo", "."], [False, True, True, True, False, False]
        )
        first[1].pos_, first[1].lemma_, first[3].tag_ = "PROPN", "ada", "VBD"
        first.user_data["id"] = 7
        first.spans["parts"] = [Span(first, 1, 3, label="X")]
        first.cats["old"] = 0.5
        starts = [True, False, False, False, True, False, False, False]
        second = Doc(vocabulary, ["Kurt", "Gödel", "left", "Quito", "We", "saw", "Emmy", "Noether"], sent_starts=starts)
        second.set_ents([Span(second, 0, 1, label="OLD")])
        path = tmp_path / "in.spacy"
        DocBin(docs=[first, second], store_user_data=True).to_disk(path)
        return path

    def test_documents_keep_what_they_have(self, source: Path, run: Run, model: Path, tagger: Tagger, tmp_path: Path):
        out = tmp_path / "out.spacy"
        result = run("predict", model, source, "--format", "spacy", "--output", out)
        assert result.exit_code == 0, result.stderr
        first, second = DocBin(store_user_data=True).from_disk(out).get_docs(spacy.blank("en").vocab)
        assert (first[1].pos_, first[1].lemma_, first[3].tag_, first.user_data["id"]) == ("PROPN", "ada", "VBD", 7)
        assert (first.text, first.cats, [span.text for span in first.spans["parts"]]) == (
            "\nAda Love-lace left Oslo.",
            {"old": 0.5},
            ["Ada Love-lace"],
        )
        expected = tagger.predict_token_spans([["Ada", "Love-lace", "left", "Oslo", "."]])[0]
        assert [(each.start - 1, each.end - 1, each.label_) for each in first.ents] == [
            (span.start, span.end, span.label) for span in expected
        ]
        sentences = [[token.text for token in sentence] for sentence in second.sents]
        assert len(sentences) == 2
        found = [[(e.start - s.start, e.end - s.start, e.label_) for e in s.ents] for s in second.sents]
        spans = tagger.predict_token_spans(sentences)
        assert found == [[(span.start, span.end, span.label) for span in row] for row in spans]
        if not Span.has_extension("seqtag_score"):
            Span.set_extension("seqtag_score", default=None)
        scores = [getattr(each, "_").seqtag_score for each in second.ents]  # noqa: B009 - no private name of seqtag
        assert scores == pytest.approx([span.score for row in spans for span in row], abs=1e-4)

    def test_other_forms_take_the_same_tokens(self, source: Path, run: Run, model: Path, tagger: Tagger):
        for form in ("conll", "jsonl", "prodigy", "text"):
            result = run("predict", model, source, "--format", form)
            assert result.exit_code == 0, result.stderr
            assert "Love-lace" in result.stdout
        rows = [line.split("\t")[0] for line in run("predict", model, source, "--format", "conll").stdout.splitlines()]
        assert rows[:5] == ["Ada", "Love-lace", "left", "Oslo", "."]


@pytest.mark.parametrize("form", ["doccano", "hf", "jsonl", "label-studio", "prodigy", "spacy"])
@pytest.mark.parametrize("kind", ["single", "several"])
def test_classes_are_read_back(
    form: str, kind: str, run: Run, classifier_folder: Path, several_folder: Path, tmp_path: Path
):
    folder = classifier_folder if kind == "single" else several_folder
    texts = ["The room was lovely. 😀", "They were rude and late.", "My order is a mess\r\nagain!", "They were here."]
    expected = Classifier.load(folder, device="cpu").predict(texts)
    out = written(run, folder, form, tmp_path, json_lines(texts))
    rows = load_corpus(str(out), split="train", task="classify")
    assert rows["text"][:] == texts
    lists = "labels" in rows.features
    names = rows.features["labels"].feature.names if lists else rows.features["label"].names
    found = [[names[i] for i in ids] for ids in rows["labels"]] if lists else [names[i] for i in rows["label"]]
    as_lists = [[label] for label in expected] if kind == "single" and form == "doccano" else expected
    if kind == "several" and not lists:  # all texts happened to get one class
        as_lists = [one for (one,) in expected]
    assert found == list(as_lists)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "doccano", "--model-version", "x"], "--model-version: is for --format label-studio"),
        (["--format", "displacy", "--attention"], "--attention"),
        (["in.spacy:token=1"], "in.spacy:token=1: this input has no columns"),
    ],
)
def test_mistakes(words, message, run: Run, model: Path):
    result = run("predict", model, *words, stdin="Ada")
    assert result.exit_code == 2
    assert message in result.stderr


def test_several_processes_write_the_same(run: Run, model: Path, tmp_path: Path):
    texts = TEXTS * 120  # more than one block of requests, and the offsets of WebAnno go on from block to block
    alone = written(run, model, "webanno", tmp_path, json_lines(texts)).read_bytes()
    assert written(run, model, "webanno", tmp_path, json_lines(texts), "--workers", "2").read_bytes() == alone
