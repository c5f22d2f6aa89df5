"""Batches of every kind: the same answers as the model gives by itself, in the same rows; one load per process."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from tiny import LABELS, SEVERAL, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS

from seqtag import Classifier, Patterns, Tagger
from seqtag.errors import DataError, ModelError, SeqtagError, UsageError
from seqtag.integrations import batches
from seqtag.integrations.batches import BatchPredictor
from seqtag.models.predictor import load_predictor

ROWS = [" ".join(tokens) for tokens in TOKENS] + UNSEEN_TEXTS + [""]
SPANS = pa.list_(
    pa.struct(
        [
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("label", pa.string()),
            ("score", pa.float64()),
            ("text", pa.string()),
        ]
    )
)


def numpy_batch(rows: list) -> dict[str, np.ndarray]:
    column = np.empty(len(rows), object)
    column[:] = rows
    return {"id": np.arange(len(rows)), "text": column}


def record_batch(rows: list) -> pa.RecordBatch:
    return pa.record_batch({"id": pa.array(range(len(rows)), pa.int64()), "text": pa.array(rows)})


KINDS = {
    "lists": lambda rows: {"id": list(range(len(rows))), "text": list(rows)},
    "numpy": numpy_batch,
    "pandas": lambda rows: pd.DataFrame({"id": range(len(rows)), "text": rows}, index=range(7, 7 + len(rows))),
    "arrow": lambda rows: pa.Table.from_batches([record_batch(rows)]),
    "record batch": record_batch,
}


def column_of(batch: Any, name: str) -> list:
    """A column as Python's own values."""
    if isinstance(batch, dict):
        return [cell if isinstance(cell, list) else pd.NA if cell is None else cell for cell in list(batch[name])]
    if isinstance(batch, pd.DataFrame):
        return batch[name].tolist()
    return batch.column(name).to_pylist()


def records(spans: list) -> list[dict]:
    return [{name: getattr(s, name) for name in ("start", "end", "label", "score", "text")} for s in spans]


def rounded(answers: list[list[dict]]) -> list[list[dict]]:
    """Answers without the last digits of their scores, which differ between batches of other sizes."""
    return [[{**span, "score": round(span["score"], 6)} for span in spans] for spans in answers]


@pytest.fixture(scope="module")
def spans_alone(exported_tagger: Path) -> list[list[dict]]:
    found = load_predictor(exported_tagger, engine="onnx").predict_spans(ROWS)
    assert any(found)
    return list(map(records, found))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_batch_of_each_kind_gets_the_spans_that_the_model_finds(
    kind: str, exported_tagger: Path, spans_alone: list[list[dict]]
):
    batch = KINDS[kind](ROWS)
    answered = BatchPredictor(exported_tagger)(batch)
    assert type(answered) is type(batch)
    assert column_of(answered, "spans") == spans_alone
    assert column_of(answered, "id") == list(range(len(ROWS)))
    assert "spans" not in batch if isinstance(batch, dict) else "spans" not in getattr(batch, "columns", ())
    if kind == "pandas":
        assert answered.index.equals(batch.index)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_token_lists_get_spans_that_count_tokens(kind: str, engine: str, exported_tagger: Path):
    wanted = list(map(records, load_predictor(exported_tagger, engine=engine).predict_token_spans(UNSEEN)))
    answered = BatchPredictor(exported_tagger, engine=engine, output="found")(KINDS[kind](UNSEEN))
    assert column_of(answered, "found") == wanted
    assert any(wanted)


def test_numpy_rows_of_one_length_are_token_lists(exported_tagger: Path):
    predict = BatchPredictor(exported_tagger)
    tokens = [["Ada", "met", "Tim"], ["We", "had", "soup"]]
    assert predict({"text": np.array(tokens)})["spans"].tolist() == predict({"text": tokens})["spans"]


def test_a_classifier_adds_the_class_and_its_probability(kind: str, exported_classifier: Path):
    model = load_predictor(exported_classifier, engine="onnx")
    probabilities = model.predict_proba(UNSEEN_TEXTS).max(axis=1)
    answered = BatchPredictor(exported_classifier, output="mood")(KINDS[kind](UNSEEN_TEXTS))
    assert column_of(answered, "mood") == model.predict(UNSEEN_TEXTS)
    assert column_of(answered, "mood_score") == pytest.approx(probabilities.tolist())


def test_several_classes_are_lists_with_a_score_each(tmp_path: Path):

    classifier = Classifier(encoder=None, epochs=2, device="cpu").fit(TEXTS, SEVERAL)
    predictor = BatchPredictor(classifier.save(tmp_path / "several"), engine="torch")
    table = predictor(pa.table({"text": TEXTS}))
    assert table.schema.field("label").type == pa.list_(pa.string())
    assert table.column("label").to_pylist() == classifier.predict(TEXTS)
    assert list(map(len, table.column("label_score").to_pylist())) == list(map(len, classifier.predict(TEXTS)))


def test_classes_that_are_numbers_stay_numbers(tmp_path: Path):

    classifier = Classifier(encoder=None, epochs=1, device="cpu").fit(TEXTS, [int(label == "good") for label in LABELS])
    predictor = BatchPredictor(classifier.save(tmp_path / "numbers"))
    assert predictor(pa.table({"text": TEXTS[:2]})).schema.field("label").type == pa.int64()
    assert predictor({"text": np.array(TEXTS[:2])})["label"].dtype.kind == "i"


def test_the_schema_is_the_same_whatever_the_rows_hold(exported_tagger: Path):
    predictor = BatchPredictor(exported_tagger, on_error="null")
    given = pa.schema([("text", pa.string())])
    wanted = pa.schema([("text", pa.string()), ("spans", SPANS)])
    assert predictor.schema(given) == wanted
    for rows in (ROWS, [], [""], [None, None]):
        table = pa.table({"text": pa.array(rows, pa.string())})
        assert predictor(table).schema == wanted
        assert (
            pa.Table.from_pandas(predictor(table.to_pandas()), preserve_index=False).schema.field("spans").type == SPANS
        )


FAULTS = {
    "None": (None, "holds no text, but None"),
    "nan": (float("nan"), "holds no text, but nan"),
    "NA": (pd.NA, "holds no text, but <NA>"),
    "a number": (1.5, "holds 1.5 (float), which is neither a text nor a list of tokens"),
    "bytes": (b"Ada", "holds b'Ada' (bytes), which is neither a text nor a list of tokens"),
    "a list with a number": (["Ada", 3], "holds ['Ada', 3] (list), which is neither a text nor a list of tokens"),
    "half a character": ("Ada met \ud800", "the text that begins with 'Ada met \\ud800' holds '\\ud800'"),
}


@pytest.mark.parametrize(("cell", "said"), FAULTS.values(), ids=FAULTS)
def test_a_cell_that_is_no_text_is_named_kept_as_null_or_dropped(cell: Any, said: str, exported_tagger: Path):
    rows = [ROWS[0], cell, ROWS[1]]
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        BatchPredictor(exported_tagger)(KINDS["lists"](rows))
    assert str(caught.value).startswith("row 1 of a batch of 3, counted from 0: the cell in the column 'text' ")
    assert 'on_error="null"' in str(caught.value)
    whole = BatchPredictor(exported_tagger)(KINDS["lists"]([ROWS[0], ROWS[1]]))["spans"]
    for_null = BatchPredictor(exported_tagger, on_error="null")(KINDS["lists"](rows))
    assert for_null["spans"] == [whole[0], None, whole[1]]
    dropped = BatchPredictor(exported_tagger, on_error="drop")(KINDS["lists"](rows))
    assert dropped == {"id": [0, 2], "text": [ROWS[0], ROWS[1]], "spans": whole}


@pytest.mark.parametrize("on_error", ["null", "drop"])
def test_rows_without_a_text_in_each_kind_of_batch(kind: str, on_error: str, exported_classifier: Path):
    rows = [None, TEXTS[0], None, TEXTS[1]]
    answered = BatchPredictor(exported_classifier, on_error=on_error)(KINDS[kind](rows))
    labels = BatchPredictor(exported_classifier)({"text": TEXTS[:2]})["label"]
    if on_error == "drop":
        assert column_of(answered, "id") == [1, 3]
        assert column_of(answered, "label") == labels
    else:
        assert column_of(answered, "id") == [0, 1, 2, 3]
        assert [x for x in column_of(answered, "label") if not pd.isna(x)] == labels
        assert [pd.isna(x) for x in column_of(answered, "label_score")] == [True, False, True, False]


def test_a_wrong_call_is_told_what_is_right(exported_tagger: Path):
    with pytest.raises(UsageError, match=r"unknown on_error 'skip'; choose from drop, null, stop"):
        BatchPredictor(exported_tagger, on_error="skip")
    with pytest.raises(UsageError, match="threads is 0; name the number of cores"):
        BatchPredictor(exported_tagger, threads=0)
    with pytest.raises(UsageError, match="no column 'text'; choose from id, txt; did you mean 'txt'"):
        BatchPredictor(exported_tagger)({"id": [], "txt": []})
    with pytest.raises(UsageError, match="has a column 'spans' already; choose another name with output="):
        BatchPredictor(exported_tagger)({"text": ["Ada"], "spans": [1]})
    with pytest.raises(
        UsageError, match=r"a batch is a dict of columns, a pandas\.DataFrame or an Arrow table, not list"
    ):
        BatchPredictor(exported_tagger)(["Ada lives in Turin."])
    with pytest.raises(UsageError, match="no column 3; choose from text"):
        BatchPredictor(exported_tagger, column=3)({"text": ["Ada"]})
    for column in ("Ada lives in Turin.", None, 3):
        with pytest.raises(UsageError, match="the column 'text' of the batch is no list of texts, but"):
            BatchPredictor(exported_tagger)({"text": column})
    with pytest.raises(UsageError, match="several columns 'text'"):
        BatchPredictor(exported_tagger)(pd.DataFrame([["Ada", "Bo"]], columns=["text", "text"]))


def test_a_path_is_never_asked_for_on_the_hub(hub, exported_tagger: Path, tmp_path: Path, monkeypatch):
    with pytest.raises(UsageError, match="me/ner: not a model folder, it does not exist"):
        BatchPredictor(Path("me/ner"))({"text": ["Ada"]})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    assert BatchPredictor("models/nre").model == str(tmp_path / "models" / "nre")  # mistyped, as elsewhere
    assert hub.requests == []


def test_a_name_on_the_hub_is_the_commit_that_it_means_now(hub, exported_tagger: Path, saved_tagger: Path):
    hub.add("me/ner", exported_tagger)
    predictor = BatchPredictor("me/ner")
    commit = hub.repositories["me/ner"].refs["main"]
    assert predictor.model == f"me/ner@{commit}"
    assert predictor.fingerprint == BatchPredictor(exported_tagger).fingerprint != ""
    assert not any("model.onnx" in request for request in hub.requests)  # the workers load it
    wanted = BatchPredictor(exported_tagger)({"text": ROWS})
    hub.repositories["me/ner"].commit("main", {"README.md": b"# Something else\n"})
    assert predictor({"text": ROWS}) == pickle.loads(pickle.dumps(predictor))({"text": ROWS}) == wanted
    with pytest.raises(UsageError, match="me/ner: this is not a model of seqtag"):
        BatchPredictor("me/ner")
    assert BatchPredictor(f"me/ner@{commit}").model == predictor.model


def test_a_cache_of_datasets_knows_a_name_on_the_hub_in_another_process(
    hub, exported_tagger: Path, commands: Path, tmp_path: Path
):
    hub.add("me/ner", exported_tagger)
    script = tmp_path / "hash.py"
    places = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "other-cache"),
        "HF_HUB_OFFLINE": False,
    }
    script.write_text(  # with another seed of Python's own hashes
        "from datasets.fingerprint import Hasher\nfrom huggingface_hub import constants\nfrom seqtag import Tagger\n"
        f"from seqtag.integrations.batches import BatchPredictor\nvars(constants).update({places!r})\n"
        "print(Hasher.hash(BatchPredictor('me/ner')))\n"
        "print(Hasher.hash(Tagger.from_pretrained('me/ner', device='cpu').map_batch))"
    )
    done = subprocess.run([commands / "forked-python", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = Tagger.from_pretrained("me/ner", device="cpu")
    assert done.stdout.split() == [Hasher.hash(BatchPredictor("me/ner")), Hasher.hash(here.map_batch)]
    assert Hasher.hash(here.map_batch) == Hasher.hash(Tagger.load(exported_tagger, device="cpu").map_batch)
    hub.repositories["me/ner"].commit("main", {**hub.files("me/ner"), "README.md": b"# News\n"})
    assert Hasher.hash(BatchPredictor("me/ner")) != done.stdout.split()[0]  # another commit


def test_the_schema_for_spark_without_spark_says_what_to_install(
    exported_tagger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pyspark.sql.types", None)
    with pytest.raises(UsageError, match=r'pip install "seqtag\[spark\]"'):
        BatchPredictor(exported_tagger).spark_schema()


def test_it_travels_as_a_few_strings_and_finds_its_model_from_any_folder(
    exported_tagger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spans_alone: list[list[dict]]
):
    monkeypatch.chdir(exported_tagger.parent)
    predictor = BatchPredictor(exported_tagger.name)
    predictor({"text": ROWS})
    sent = pickle.dumps(predictor)
    assert len(sent) < 1000
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(sent)({"text": ROWS})["spans"] == spans_alone
    assert sent == pickle.dumps(BatchPredictor(exported_tagger)), "a cache that hashes it knows it again"


def test_copies_and_threads_of_a_process_load_the_model_once(folder: Path, monkeypatch: pytest.MonkeyPatch):
    loads = []

    def load(model: str, **options: Any) -> Any:
        loads.append(options)
        return load_predictor(model, **options)

    monkeypatch.setattr(batches, "load_predictor", load)
    sent = pickle.dumps(BatchPredictor(folder, threads=1))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: pickle.loads(sent)({"text": ROWS})["spans"], range(8)))
    assert loads == [{"device": "cpu", "engine": "auto", "threads": 1}]
    assert all(answer == answers[0] for answer in answers)


def test_a_model_that_has_changed_or_gone_is_refused(folder: Path):
    predictor = BatchPredictor(folder)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"more": 1}))
    with pytest.raises(ModelError, match="changed since this BatchPredictor was made; make a new one"):
        predictor({"text": ROWS})
    assert BatchPredictor(folder).fingerprint != predictor.fingerprint
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match=r"no model on the machine .*; each worker loads it by itself"):
        predictor({"text": ROWS})


def test_torch_uses_the_threads_that_are_named_and_only_for_the_batch(
    saved_tagger: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    seen = []
    predictor = BatchPredictor(saved_tagger, engine="torch", threads=1)
    model = predictor._model()
    original = type(model).predict_spans
    monkeypatch.setattr(
        type(model), "predict_spans", lambda self, X: seen.append(torch.get_num_threads()) or original(self, X)
    )
    torch.set_num_threads(2)
    try:
        predictor({"text": ROWS})
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("num_proc", [None, 2])
def test_a_dataset_keeps_its_rows_in_order_in_several_processes(
    num_proc: int | None, exported_tagger: Path, spans_alone: list[list[dict]]
):
    rows = ["", *ROWS]  # the first batch has no span: its type has to be known all the same
    dataset = Dataset.from_dict({"text": rows}).with_format("arrow")
    predictor = BatchPredictor(exported_tagger)
    predictor(dataset[:2])  # a fork gets a model that is open already, and opens its own
    mapped = dataset.map(predictor, batched=True, batch_size=1, num_proc=num_proc).with_format(None)
    assert mapped["text"][:] == rows
    assert rounded(mapped["spans"][:]) == rounded([[], *spans_alone])


def test_a_process_that_was_forked_opens_a_model_of_its_own(exported_tagger: Path):
    predictor = BatchPredictor(exported_tagger)
    model = predictor._model()
    assert predictor._model() is model
    batches._LOCKS[os.getpid()].acquire()  # as if another thread were loading at the moment of the fork
    try:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(write, bytes([predictor._model() is not model]))
            os._exit(0)
    finally:
        batches._LOCKS[os.getpid()].release()
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"\x01"


def test_errors_are_errors_of_seqtag(exported_tagger: Path):
    error = pickle.loads(pickle.dumps(DataError("row 1")))
    assert isinstance(error, SeqtagError)
    assert str(error) == "row 1"


def test_patterns_are_known_in_every_batch(exported_tagger: Path, exported_classifier: Path):
    patterns = Patterns([{"label": "ORG", "pattern": "Ada Lovelace"}, {"label": "LOC", "pattern": [{"LOWER": "it"}]}])
    for strength in (None, 3.0):
        predictor = pickle.loads(pickle.dumps(BatchPredictor(exported_tagger, known=patterns, strength=strength)))
        found = predictor({"text": ROWS})["spans"]
        expected = load_predictor(exported_tagger).predict_spans(ROWS, known=patterns, strength=strength)
        assert [[(s["start"], s["end"], s["label"]) for s in spans] for spans in found] == [
            [(span.start, span.end, span.label) for span in spans] for spans in expected
        ]
    for known, strength in (([[]], None), (None, 3.0), ("patterns.jsonl", None)):
        with pytest.raises(UsageError, match=r"batches know patterns"):
            BatchPredictor(exported_tagger, known=known, strength=strength)
    with pytest.raises(UsageError, match="a number above 0"):
        BatchPredictor(exported_tagger, known=patterns, strength=-1.0)
    with pytest.raises(UsageError, match="which a tagger finds"):
        BatchPredictor(exported_classifier, known=patterns)({"text": ROWS})
