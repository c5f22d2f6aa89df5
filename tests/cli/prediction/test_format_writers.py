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


FOREIGN = {
    "id": "a-1",
    "text": TEXTS[0],
    "label": [[0, 1, "OLD"]],
    "score": 0.5,
    "scores": [0.5],
    "options": ["a", "b"],
    "answer": "reject",
    "data": {"url": "x"},
    "title": "A title",
    "tags": ["x"],
    "meta": "mine",
    "given": 3,
    "_task_hash": 9,
    "regions": [{"start": 0, "end": 1, "labels": ["OLD"]}],
}
# What a format has a use of its own for, or would be read as a mark.
TAKEN = {"label", "score", "scores", "answer", "tags", "_task_hash", "regions"}


@pytest.mark.parametrize("form", ["displacy", "doccano", "hf", "label-studio", "prodigy", "spacy", "jsonl"])
def test_every_key_of_a_foreign_record_is_kept(form: str, run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    out = written(run, model, form, tmp_path, json.dumps(FOREIGN) + "\n")
    if form == "spacy":
        (doc,) = DocBin(store_user_data=True).from_disk(out).get_docs(spacy.blank("en").vocab)
        fields = {key: value for key, value in FOREIGN.items() if key != "text"}
        assert json.loads(json.dumps({key: doc.user_data[key] for key in fields})) == fields  # tuples are lists
        return
    content = out.read_text(encoding="utf-8")
    record = json.loads(content)[0]["data"] if form == "label-studio" else json.loads(content)
    taken = set() if form in ("label-studio", "jsonl") else TAKEN
    for key, value in FOREIGN.items():
        if key in taken or (key == "given" and taken):
            assert record["given"][key] == value
        else:
            assert record[key] == value
    if form != "jsonl":  # which is no form of a corpus: all keys stay where they were
        assert read(out) == predicted(tagger, TEXTS[:1])


def test_marks_that_a_record_had_are_replaced(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    old = {"text": TEXTS[0], "label": [[0, 1, "OLD"]], "spans": [], "ner": [{"start": 0, "end": 1, "labels": ["OLD"]}]}
    for form in ("doccano", "label-studio", "prodigy", "hf"):
        out = written(run, model, form, tmp_path, json.dumps(old) + "\n")
        assert read(out) == predicted(tagger, TEXTS[:1])


@pytest.mark.parametrize("form", ["displacy", "doccano", "hf", "prodigy"])
def test_a_rating_is_kept_and_nan_is_null(form: str, run: Run, model: Path, tmp_path: Path):
    content = '{"text": "Ada left Quito .", "score": 5, "price": NaN, "most": Infinity}\n'
    record = json.loads(written(run, model, form, tmp_path, content).read_text(encoding="utf-8"))
    assert (record["score"], record["price"], record["most"]) == (5, None, None)


def test_a_number_that_is_too_large_is_refused_for_spacy(run: Run, model: Path, tmp_path: Path):
    (tmp_path / "in.jsonl").write_text(f'{{"text": "Ada left.", "id": {2**70}}}\n', encoding="utf-8")
    result = run("predict", model, tmp_path / "in.jsonl", "--format", "spacy", "--output", tmp_path / "out.spacy")
    assert result.exit_code == 1
    assert "the fields id hold a number of more than 64 bits, which can't stand in a document of spaCy" in result.stderr


def test_an_empty_token_is_refused_for_spacy(run: Run, model: Path, tmp_path: Path):
    (tmp_path / "in.jsonl").write_text('{"tokens": ["Ada", "", "left"]}\n', encoding="utf-8")
    result = run("predict", model, tmp_path / "in.jsonl", "--format", "spacy", "--output", tmp_path / "out.spacy")
    assert result.exit_code == 1
    assert "the token '' can't stand in a document of spaCy; use --format jsonl" in result.stderr


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
    texts = TEXTS * 90  # more than one block of requests, and the offsets of WebAnno go on from block to block
    alone = written(run, model, "webanno", tmp_path, json_lines(texts)).read_bytes()
    assert written(run, model, "webanno", tmp_path, json_lines(texts), "--workers", "2").read_bytes() == alone


class TestWhatHasNoPlace:
    """What an input holds beside its texts, and the form can't hold, is named once, on standard error."""

    @pytest.mark.parametrize(
        ("form", "names"),
        [
            ("webanno", "id, meta, n"),
            ("conll", "id, meta, n"),
            ("text", "id, meta, n"),
            ("conllu", "meta"),
            ("doccano", ""),
            ("jsonl", ""),
            ("spacy", ""),
        ],
    )
    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_fields(self, form: str, names: str, workers: str, run: Run, model: Path, tmp_path: Path):
        if workers == "2" and form != "webanno":
            pytest.skip("who takes note is the same for all forms")
        records = [{"id": 1, "text": "Ada left."}, {"text": "Bo left.", "meta": {"a": 1}}, {"text": "", "n": 2.5}]
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        out = tmp_path / f"out.{'spacy' if form == 'spacy' else 'x'}"
        result = run("predict", model, tmp_path / "in.jsonl", "--format", form, "--output", out, "--workers", workers)
        assert result.exit_code == 0, result.stderr
        said = f"--format {form} has no place for what the input holds besides, left out: {names}\n"
        assert result.stderr.count("has no place") == bool(names)
        assert said in result.stderr if names else True

    def test_columns_and_comments(self, run: Run, model: Path, tmp_path: Path):
        source = tmp_path / "in.conllu"
        blank = "\t_" * 6
        source.write_text(
            "# sent_id = s-1\n# text = Ada's left.\n# a remark\n"
            + "".join(f"{n}\t{word}\t_\tX{blank}\n" for n, word in enumerate(["Ada", "'s", "left", "."], 1))
            + "\n# sent_id = s-2\n# text = Du coup\n1-2\tDu\t_\t_"
            + f"{blank}\n1\tDe\t_\tX{blank}\n2\tle\t_\tX{blank}\n3\tcoup\t_\tX{blank}\n\n",
            encoding="utf-8",
        )
        result = run("predict", model, f"{source}:token=form", "--format", "doccano")
        first, second = map(json.loads, result.stdout.splitlines())
        assert (first["sent_id"], first["text"], "given" in first) == ("s-1", "Ada's left.", False)
        assert [token["text"] for token in first["tokens"]] == ["Ada", "'s", "left", "."]
        # The words of the second are not the ones of its text, which is kept all the same.
        assert (second["sent_id"], second["text"], second["given"]) == ("s-2", "De le coup", {"text": "Du coup"})
        assert "left out: other columns, comments, rows that are no words\n" in result.stderr
        lines = run("predict", model, source, "--format", "jsonl").stdout.splitlines()
        assert [json.loads(line)["sent_id"] for line in lines] == ["s-1", "s-2"]

    def test_tokens_with_the_text_that_they_were_cut_from(self, run: Run, model: Path, tagger: Tagger, tmp_path: Path):
        records = [
            {"id": 1, "text": "Ada Lovelace's  here.", "tokens": ["Ada", "Lovelace", "'s", "here", "."]},
            {"id": 2, "text": "another text", "tokens": ["Ada", "left"]},
        ]
        out = written(run, model, "doccano", tmp_path, "".join(json.dumps(each) + "\n" for each in records))
        first, second = map(json.loads, out.read_text(encoding="utf-8").splitlines())
        assert (first["text"], "given" in first) == (records[0]["text"], False)
        assert (second["text"], second["given"]) == ("Ada left", {"text": "another text"})
        spans = tagger.predict_token_spans([each["tokens"] for each in records])
        assert [[label for _, _, label in each["label"]] for each in (first, second)] == [
            [span.label for span in row] for row in spans
        ]
        assert read(out) == [list(zip(each["tokens"], tagger.predict([each["tokens"]])[0])) for each in records]

    def test_layers_of_documents_of_spacy(self, run: Run, model: Path, tmp_path: Path):
        doc = Doc(spacy.blank("en").vocab, ["Ada", "left"], pos=["PROPN", "VERB"], ents=["B-OLD", "O"])
        DocBin(docs=[doc]).to_disk(tmp_path / "in.spacy")
        for form, names in (("doccano", "ents, pos"), ("spacy", "ents")):
            result = run("predict", model, tmp_path / "in.spacy", "--format", form, "--output", tmp_path / "o.spacy")
            assert (
                f"--format {form} has no place for what the input holds besides, left out: {names}\n" in result.stderr
            )
