"""Each field of config.json and vocabulary.json, with a checksum that fits: refused by name, by both loaders."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hostile_folders import reseal

from seqtag import Classifier, LanguageModel, ModelError, Tagger
from seqtag.inference.stored_model import check_stored
from seqtag.runtime import load

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
MODELS = FIXTURES / "models-b235350"
LOADERS: dict[str, list[Callable[[Path], Any]]] = {
    "tagger": [Tagger.load, load],
    "classifier": [Classifier.load, load],
    "language-model": [LanguageModel.load],
}


def fields(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """All places in JSON; of lists the first one stands for all."""
    for key in value if isinstance(value, dict) else range(min(1, len(value))) if isinstance(value, list) else ():
        yield (*path, key)
        yield from fields(value[key], (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    if new is KeyError:
        del value[path[-1]]
    else:
        value[path[-1]] = new


def changed(folder: Path, name: str, path: tuple[Any, ...], new: Any) -> Path:
    content = json.loads((folder / name).read_bytes())
    put(content, path, new)
    if name == "config.json":
        reseal(folder, content)
    else:
        (folder / name).write_text(json.dumps(content))
        reseal(folder)
    return folder


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("name", ["config.json", "vocabulary.json"])
def test_no_field_may_be_an_object_of_another_kind(kind, name):
    """Every field at once would be slow to load: here the check alone is asked, in the loaders' place."""
    contents = {other: json.loads((MODELS / kind / other).read_bytes()) for other in ("config.json", "vocabulary.json")}
    free = {"seqtag_version", "files", "format_version", "checksum"}  # checked elsewhere, or read by nobody
    tried = 0
    for path in fields(contents[name]):
        if path[0] in free or path[0] == "task" or "params" in path[:-1]:
            continue
        wrong = json.loads(json.dumps(contents))
        put(wrong[name], path, {"no": ["such", {"thing": None}]})
        with pytest.raises(ModelError, match=rf"{name}: '.*'.* the file is damaged"):
            check_stored(Path("m"), wrong["config.json"], wrong["vocabulary.json"])
        tried += 1
    assert tried > (5 if kind == "language-model" else 10)
    check_stored(Path("m"), contents["config.json"], contents["vocabulary.json"])


CASES = [
    ("tagger", "config.json", ("params",), KeyError, "'params' is missing"),
    ("tagger", "config.json", ("params", "language"), 7, "'params.language' must be a string, not 7"),
    ("tagger", "config.json", ("params", "max_tokens"), 0, "'params.max_tokens' must be a whole number, at least 1"),
    ("tagger", "config.json", ("params", "context"), ["backward"], "'context' must have the language models of params"),
    (
        "tagger",
        "config.json",
        ("tagset", "tags"),
        ["O", "I-PER"],
        "has 'I-PER' without the tag that begins such a span",
    ),
    ("tagger", "config.json", ("tagset", "tags"), ["O", "PER"], "has 'PER', which is no tag of the scheme IOB2"),
    ("tagger", "config.json", ("tagset", "tags"), ["O", "O"], "has the same string twice"),
    ("tagger", "config.json", ("tagset", "scheme"), "BIO", "'tagset.scheme' must be one of"),
    (
        "tagger",
        "config.json",
        ("tuning", "labels", "PER"),
        KeyError,
        "'tuning.labels' must have the labels of the tags",
    ),
    ("tagger", "config.json", ("tuning", "labels", "PER", "value"), 1.5, "must be a number from 0 to 1, not 1.5"),
    ("tagger", "config.json", ("tuning", "labels", "PER", "code"), 1, "'tuning.labels.PER.code' is no field"),
    ("tagger", "config.json", ("data", "dev_interval"), [1], "must be two numbers"),
    ("tagger", "config.json", ("context", 0, "params", "level"), "word", "must be 'character'"),
    ("tagger", "config.json", ("files",), {}, "'files' has to hold the hash of each file"),
    ("tagger", "config.json", ("sizes",), {"notes.txt": "9"}, "'sizes' has to hold the bytes"),
    ("tagger", "config.json", ("format_version",), "1", "'format_version' is '1', no version"),
    ("tagger", "vocabulary.json", ("features", "shape"), KeyError, "'features.shape' is missing"),
    ("tagger", "vocabulary.json", ("word_counts",), [1], "must have as many numbers as there are words"),
    ("tagger", "vocabulary.json", ("characters", 0), "ab", "must be a list of single characters, and has 'ab'"),
    ("tagger", "vocabulary.json", ("context", 0, "symbols", 0), "ab", "must be a list of single characters"),
    ("tagger", "vocabulary.json", ("surfaces", "PER"), "AAA", "must be hashes of 8 bytes in base64"),
    ("classifier", "config.json", ("classes", "labels"), ["a", 1], "must be different strings, whole numbers"),
    ("classifier", "config.json", ("prior",), [1.0], "must have the share of each of the 2 classes"),
    ("classifier", "config.json", ("prior",), [0.9, 0.9], "must be shares that sum to 1"),
    ("classifier", "config.json", ("seed_scores",), [], "'seed_scores' is empty"),
    ("language-model", "vocabulary.json", ("level",), "word", "must be 'character', as in config.json"),
    ("language-model", "vocabulary.json", ("symbols",), {"a": 1}, "'symbols' must be a list"),
]


@pytest.mark.parametrize(("kind", "name", "path", "new", "message"), CASES)
def test_a_field_that_no_model_can_have_is_named(tmp_path, kind, name, path, new, message):
    folder = changed(Path(shutil.copytree(MODELS / kind, tmp_path / "m")), name, path, new)
    for loader in LOADERS[kind]:
        with pytest.raises(ModelError) as caught:
            loader(folder)
        assert message in str(caught.value)
        assert str(folder / name) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        ((0, "loss"), float("nan"), "'[0].loss' must be a finite number"),
        ((0, "epoch"), KeyError, "'[0].epoch' is missing"),
        ((0, "extra"), 1, "'[0].extra' is no field of this file"),
        ((0,), [], "'[0]' must be an object, not []"),
    ],
    ids=str,
)
def test_a_history_is_checked_where_it_is_read(tmp_path, path, new, message):
    folder = changed(Path(shutil.copytree(MODELS / "tagger", tmp_path / "m")), "history.json", path, new)
    with pytest.raises(ModelError) as caught:
        Tagger.load(folder)
    assert message in str(caught.value)
    assert load(folder).predict([["Ada"]])  # which needs no history


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("params", "num_layers"), 100, "the options ask for a far larger network than there are weights for"),
        (("params", "num_layers"), 10**6, "'params.num_layers' can't be 1000000"),
        (("params", "hidden_size"), 65_536, "the options ask for a far larger network"),
        (("params", "hidden_size"), 16, "does not fit config.json: embedder|does not fit config.json: encoder"),
        (("params", "hidden_size"), "8", "'params.hidden_size' can't be '8': must be a whole number"),
        (("params", "proj_size"), 99, "does not fit config.json"),
        (("params", "encoder"), ["lstm"], "'params.encoder' can't be"),
        (("params", "learning_rate"), float("nan"), "'params.learning_rate' can't be nan"),
        (("context", 0, "params", "num_layers"), 100, "the options ask for a far larger network"),
        (("context", 0, "params", "what"), 1, "unknown option 'what'"),
        (
            ("tagset", "tags"),
            ["O", *(f"B-{i}" for i in range(50_000))],
            "has 50001 tags|must have the labels of the tags",
        ),
    ],
    ids=str,
)
def test_options_that_do_not_fit_the_weights_cost_neither_time_nor_memory(tmp_path, path, new, message):
    folder = changed(Path(shutil.copytree(MODELS / "tagger", tmp_path / "m")), "config.json", path, new)
    with pytest.raises(ModelError, match=message):
        Tagger.load(folder)


@pytest.mark.parametrize("column", ["word", "suffix4"])
def test_a_vocabulary_larger_than_the_export_is_refused_on_loading(tmp_path, column):
    folder = Path(shutil.copytree(MODELS / "tagger", tmp_path / "m"))
    words = json.loads((folder / "vocabulary.json").read_bytes())
    words["features"][column] += ["☃", "☃☃"]
    if column == "word":
        words["word_counts"] += [1, 1]
    (folder / "vocabulary.json").write_text(json.dumps(words))
    reseal(folder)
    with pytest.raises(ModelError, match=r"model\.onnx: onnxruntime can't run it"):
        load(folder)
    with pytest.raises(ModelError, match=r"model\.safetensors does not fit config\.json"):
        Tagger.load(folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("head.lexical.keys_N", torch.zeros(())),
        ("head.lexical.keys_N", torch.zeros(3)),
        ("head.lexical.rarity_N", torch.zeros(0)),
        ("head.lexical.table.weight", torch.zeros(2, 2)),
        ("head.lexical.bias_L", torch.zeros(3)),
    ],
    ids=str,
)
def test_what_training_counted_must_have_sizes_that_fit_each_other(tmp_path, name, values):
    """Their sizes stand nowhere else, so the network is built with those of the file."""
    folder = Path(shutil.copytree(MODELS / "classifier", tmp_path / "m"))
    weights = safetensors.torch.load((folder / "model.safetensors").read_bytes())
    weights[name] = values
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(weights))
    reseal(folder)
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        Classifier.load(folder)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({}, "'series.shift' is missing"),
        ({"shift": []}, "'series.shift' is empty"),
        ({"shift": [float("nan")]}, r"'series.shift\[0\]' must be a finite number"),
        ({"shift": [0.0, 1.0], "names": ["a"]}, "'series.names' must have a name for each of the 2 features"),
        ({"shift": [0.0, 1.0], "names": ["a", "a"]}, "'series.names' has the same string twice"),
        ({"shift": [0.0], "names": [7]}, "'series.names' must be a list of names, and has 7"),
        ({"shift": [0.0], "scale": [1.0]}, "'series.scale' is no field of this file"),
    ],
)
def test_how_series_are_read_is_checked(series, message):
    config = json.loads((MODELS / "classifier" / "config.json").read_bytes())
    with pytest.raises(ModelError, match=message):
        check_stored(Path("m"), {**config, "series": series}, {})
