"""`Dataset.map(model.map_batch, batched=True)`: the columns it adds, their types, the cache, several processes."""

import subprocess
from pathlib import Path

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier

from seqtag import Classifier, DataError, Patterns, Tagger, UsageError

TEXT = "Ada Lovelace met Tim in Paris."


@pytest.fixture(scope="module")
def tagger(saved_tagger: Path) -> Tagger:
    return Tagger.load(saved_tagger, device="cpu")


@pytest.fixture(scope="module")
def classifier(saved_classifier: Path) -> Classifier:
    return Classifier.load(saved_classifier, device="cpu")


def test_texts_get_their_spans_even_where_the_first_batches_have_none(tagger: Tagger):
    data = Dataset.from_dict({"id": list(range(9)), "text": [""] * 8 + [TEXT]})
    found = data.map(tagger.map_batch, batched=True, batch_size=2, writer_batch_size=2)
    assert found["spans"][:8] == [[]] * 8
    assert found[8]["spans"] == [span.to_dict() for span in tagger.predict_spans([TEXT])[0]] != []
    assert found["id"][:] == list(range(9))


def test_tokens_get_their_tags_beside_those_of_the_data(tagger: Tagger):
    data = Dataset.from_dict({"tokens": [[], *TOKENS], "tags": [[], *TAGS]})
    found = data.map(tagger.map_batch, batched=True, batch_size=1)
    assert found["predicted_tags"][:] == tagger.predict(data["tokens"][:])
    assert found["tags"][:] == data["tags"][:]


def test_patterns_say_what_is_known_of_each_row(tagger: Tagger):
    rules = {"known": Patterns([{"label": "ORG", "pattern": "Paris"}]), "strength": 20.0}
    data = Dataset.from_dict({"text": [TEXT, "It rained."]})
    [span] = [
        span
        for span in data.map(tagger.map_batch, batched=True, fn_kwargs=rules)[0]["spans"]
        if "Paris" in span["text"]
    ]
    assert (span["label"], span["score"] > 0.99) == ("ORG", True)
    data = Dataset.from_dict({"tokens": TOKENS})
    assert data.map(tagger.map_batch, batched=True, batch_size=3, fn_kwargs=rules)["predicted_tags"][
        :
    ] == tagger.predict(TOKENS, **rules)
    with pytest.raises(UsageError, match="batches know patterns"):
        tagger.map_batch({"text": [TEXT]}, known=[[(0, 3, "PER")]])


def test_texts_get_their_class_and_its_probability(classifier: Classifier):
    found = Dataset.from_dict({"text": TEXTS}).map(classifier.map_batch, batched=True, batch_size=7)
    assert found["predicted_label"][:] == classifier.predict(TEXTS)
    assert found["score"][:] == pytest.approx(classifier.predict_proba(TEXTS).max(1).tolist(), abs=1e-6)


def test_texts_with_several_classes_get_lists():
    several = [[label] if number % 3 else [] for number, label in enumerate(LABELS)]
    classifier = tiny_classifier(epochs=1).fit(TEXTS, several, dev=(TEXTS, several), watchers=())
    found = Dataset.from_dict({"text": TEXTS}).map(classifier.map_batch, batched=True, batch_size=1)
    assert found["predicted_label"][:] == classifier.predict(TEXTS)
    assert [len(scores) for scores in found["score"]] == [len(labels) for labels in found["predicted_label"]]


def test_the_hash_is_that_of_the_model_in_every_process(
    saved_tagger: Path, tagger: Tagger, commands: Path, tmp_path: Path
):
    other = Tagger.load(saved_tagger, device="cpu")
    assert Hasher.hash(tagger.map_batch) == Hasher.hash(other.map_batch)
    tagger.predict(TOKENS)  # what a prediction leaves behind does not count
    script = tmp_path / "hash.py"  # with another seed of Python's own hashes
    script.write_text(
        "from datasets.fingerprint import Hasher\nfrom seqtag import Tagger\n"
        f"print(Hasher.hash(Tagger.load({str(saved_tagger)!r}, device='cpu').map_batch))"
    )
    done = subprocess.run([commands / "forked-python", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Hasher.hash(tagger.map_batch)
    changed = Tagger.load(saved_tagger, device="cpu").tune(TOKENS, TAGS, recall=0.9)
    assert Hasher.hash(changed.map_batch) != Hasher.hash(tagger.map_batch)


def test_a_second_run_comes_from_the_cache(tagger: Tagger, saved_tagger: Path, tmp_path: Path):
    Dataset.from_dict({"text": [TEXT] * 3}).save_to_disk(tmp_path / "data")
    first, second = (
        Dataset.load_from_disk(tmp_path / "data").map(model.map_batch, batched=True)
        for model in (tagger, Tagger.load(saved_tagger, device="cpu"))
    )
    assert first.cache_files == second.cache_files != []
    assert first[:] == second[:]


def test_several_processes_give_what_one_gives(tagger: Tagger):
    data = Dataset.from_dict({"text": [TEXT, "It rained.", ""] * 4})
    alone, together = (data.map(tagger.map_batch, batched=True, num_proc=number)["spans"][:] for number in (None, 2))
    # Scores differ in the last digits, as batches have other sizes.
    places = [[[(s["start"], s["end"], s["label"]) for s in spans] for spans in found] for found in (alone, together)]
    assert places[0] == places[1]
    scores = [[span["score"] for spans in found for span in spans] for found in (alone, together)]
    assert scores[0] == pytest.approx(scores[1])


def test_no_column_of_the_data_is_lost_and_a_missing_one_is_named(tagger: Tagger, classifier: Classifier):
    for model, row, name in (
        (tagger, {"text": [TEXT], "spans": [[]]}, "spans"),
        (tagger, {"tokens": [["Ada"]], "predicted_tags": [["O"]]}, "predicted_tags"),
        (classifier, {"text": [TEXT], "score": [1.0]}, "score"),
    ):
        with pytest.raises(UsageError, match=f"the data have a column '{name}' already, which would be lost"):
            Dataset.from_dict(row).map(model.map_batch, batched=True)
        with pytest.raises(UsageError, match="there is no column text or tokens among body, id; rename"):
            Dataset.from_dict({"body": [TEXT], "id": [1]}).map(model.map_batch, batched=True)


def test_a_missing_cell_is_named_by_its_row_for_both_tasks(tagger: Tagger, classifier: Classifier):
    for model, column, cells in (
        (tagger, "text", [TEXT, None]),
        (classifier, "text", [TEXT, None]),
        (tagger, "tokens", [["Ada"], None]),
        (classifier, "tokens", [["Ada"], None]),
    ):
        with pytest.raises(DataError, match=f"map_batch: row 1 of a batch of 2, .* the column '{column}' is None"):
            model.map_batch({column: cells})
