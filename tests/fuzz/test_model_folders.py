"""Hostile and damaged model folders end in one message of seqtag's own, or in an answer that is one.

Files are damaged byte by byte, fields replaced, weights exchanged, and links and pipes put in the place of files, with
checksums that don't fit or that somebody made fit. Nothing may end in a traceback, hang, or take memory beyond reason.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hostile_folders import reseal
from hypothesis import strategies as st

from seqtag import Classifier, LanguageModel, SeqtagError, Tagger
from seqtag.runtime import load as load_runtime
from seqtag.runtime.loading import RuntimeClassifier, RuntimeTagger

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "models-b235350"
CLASSES = {"tagger": Tagger, "classifier": Classifier, "language-model": LanguageModel}
JSON_FILES = ("config.json", "vocabulary.json", "history.json")
SECONDS = 20  # that one folder may take, on a busy machine
MOST_BYTES = 1 << 30  # that the process may grow by, over all folders

SENTENCES = [["Grace", "Turing", "flew", "to", "Lisbon", "."], [], ["x" * 40, "é", "1950"]]
TEXTS = ["What a day!", "", "It broke. " * 20]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        10**6,
        10**9,
        2**31,
        2**63 - 1,
        2**63,
        10**18,
        0.0,
        0.5,
        -0.5,
        1.5,
        1e308,
        -1e308,
    ),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "x",
        "O",
        "B-PER",
        "I-X",
        "lstm",
        "gru",
        "crf",
        "linear",
        "cuda:99",
    ),
    *("\ud800", "\x00", "\x1b[2J", "../../etc/passwd", "a\nb", "x" * 3_000, "0", "1e5"),
    *([], {}, [[]], [None], [1], ["x"], ["x", "x"], {"a": 1}, {"": None}, [0.5, 0.5], nested(40), nested(400)),
]
NUMBERS = [0, 1, 2, 3, 5, 16, 64, 1000, 10**5, 10**6, 10**9]
# Raw JSON that `json.dumps` would not write.
RAW = [
    *(
        "",
        "null",
        "[]",
        "{}",
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000,
        "1" * 5_000,
        "1e999",
        "[1,]",
        "\ufeff{}",
        "NaN",
    ),
    *('{"a": 1, "a": 2}', '"\\ud800"', '{"task": "tag"}', "\x00" * 100, "[" + "1," * 50_000 + "1]"),
]


class TooSlowError(BaseException):
    """A folder took longer than `SECONDS`."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, bool], Any]:
    """What the models answer as they are, by loader."""
    found = {}
    for kind in CLASSES:
        for is_runtime in (False, True) if kind != "language-model" else (False,):
            found[kind, is_runtime] = answer(load(FIXTURES / kind, kind, is_runtime))
    return found


def load(folder: Path, kind: str, is_runtime: bool) -> Any:
    return load_runtime(folder, threads=1) if is_runtime else CLASSES[kind].load(folder, device="cpu")


def answer(model: Any) -> tuple[Any, np.ndarray]:
    """Predict, check that what comes is a prediction, and give it: what was chosen, and its probabilities."""
    if isinstance(model, Tagger | RuntimeTagger):
        tags, probabilities = model.predict(SENTENCES), model.predict_proba(SENTENCES)
        assert [len(row) for row in tags] == [len(row) for row in SENTENCES]
        assert set().union(*map(set, tags)) <= set(model._tags().data_tags)
        for words, shares_TL in zip(SENTENCES, probabilities):
            assert shares_TL.shape[0] == len(words)
            assert np.isfinite(shares_TL).all()
            assert np.allclose(shares_TL.sum(-1), 1, atol=1e-4)
        spans = model.predict_spans(["Ada met Bo in Paris."])
        assert all(0 <= span.start < span.end <= 20 and 0 <= span.score <= 1.0001 for span in spans[0])
        return [tags, [(span.start, span.end, span.label) for span in spans[0]]], np.concatenate(probabilities)
    if isinstance(model, Classifier | RuntimeClassifier):
        shares_NL = model.predict_proba(TEXTS)
        assert np.isfinite(shares_NL).all()
        assert ((shares_NL >= 0) & (shares_NL <= 1)).all()
        if not model._classes().is_multi:
            assert np.allclose(shares_NL.sum(-1), 1, atol=1e-4)
        return list(model.predict(TEXTS)), shares_NL
    scores = model.score("It rained.")
    assert all(np.isfinite(value) and value <= 1e-6 for _, value in scores)
    return [scores, model.generate("It", num_tokens=8, seed=1)], np.zeros(0)


def try_folder(folder: Path, kind: str, is_runtime: bool) -> tuple[str, Any]:
    """Load a folder, predict, and save what came; say whether it was refused."""
    try:
        with limited():
            model = load(folder, kind, is_runtime)
            found = answer(model)
            if not is_runtime:
                model.save(folder.parent / "again")
                answer(load(folder.parent / "again", kind, False))
    except SeqtagError as error:
        message = str(error)
        assert message
        assert len(message) < 2_000
        assert message.isprintable(), "one line, and nothing that moves a terminal's cursor"
        return "refused", message
    return "answered", found


PLACES = st.lists(st.integers(0, 1 << 30), min_size=1, max_size=8)


def parts_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []


def change_field(value: Any, path: list[int], new: Any, kind: str) -> None:
    """Walk into JSON along some numbers, and replace, remove, repeat or rename what stands there."""
    for step, number in enumerate(path):
        keys = parts_of(value)
        if not keys:
            return
        key = keys[number % len(keys)]
        if step + 1 < len(path) and parts_of(value[key]):
            value = value[key]
            continue
        if kind == "remove":
            del value[key]
        elif kind == "repeat" and isinstance(value, list):
            value.append(value[key])
        elif kind == "rename" and isinstance(value, dict):
            value[str(new)[:50]] = value.pop(key)
        elif kind == "swap":
            other = keys[(number // 7) % len(keys)]
            value[key], value[other] = value[other], value[key]
        else:
            value[key] = new
        return


@st.composite
def damages(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(list(CLASSES)))
    what = draw(st.sampled_from(["field", "field", "field", "option", "bytes", "raw", "weights", "kind", "export"]))
    return {
        "model": kind,
        "what": what,
        "file": draw(
            st.sampled_from(
                JSON_FILES if what in ("field", "raw") else (*JSON_FILES, "model.safetensors", "model.onnx")
            )
        ),
        "path": draw(PLACES),
        "how": draw(st.sampled_from(["replace", "replace", "replace", "remove", "repeat", "rename", "swap"])),
        "new": draw(st.one_of(st.sampled_from(HOSTILE), st.integers(), st.floats(), st.text(max_size=4))),
        "raw": draw(st.integers(0, len(RAW) - 1)),
        "number": draw(st.sampled_from(NUMBERS)),
        "sealed": draw(st.sampled_from([True, True, False])),
        "runtime": draw(st.booleans()),
    }


def change_weights(path: Path, places: list[int], number: int, how: str, new: Any) -> None:
    weights = safetensors.torch.load(path.read_bytes())
    name = sorted(weights)[places[0] % len(weights)]
    values = weights[name]
    if how == "remove":
        del weights[name]
    elif how == "repeat":
        weights[name + "x"] = values.clone()
    elif how == "rename":
        weights[sorted(weights)[places[-1] % len(weights)]] = weights.pop(name)
    elif how == "swap":
        weights[name] = values.to([torch.float64, torch.int64, torch.bool, torch.bfloat16][number % 4])
    elif isinstance(new, float) and values.numel():
        one = torch.tensor(new if values.is_floating_point() else 0, dtype=torch.float64).to(values.dtype)
        values.view(-1)[places[-1] % values.numel()] = one
    else:
        weights[name] = torch.zeros([min(number, 50)] * (places[-1] % 4))
    path.write_bytes(safetensors.torch.save(weights))


def damage(folder: Path, plan: dict[str, Any]) -> bool:
    """Change a folder; False where the wish has no meaning there."""
    path, places = folder / plan["file"], plan["path"]
    if plan["what"] == "export":
        path = folder / "model.onnx"
    elif plan["what"] == "weights":
        path = folder / "model.safetensors"
    if not path.exists():
        return False
    config = None
    if plan["what"] == "field":
        value = json.loads(path.read_bytes())
        change_field(value, places, plan["new"], plan["how"])
        if path.name == "config.json":
            config = value
        else:
            path.write_text(json.dumps(value), encoding="utf-8", errors="surrogatepass")
    elif plan["what"] == "option":
        config = json.loads((folder / "config.json").read_bytes())
        params = [config["params"], *(lent["params"] for lent in config.get("context", []))]
        some = params[places[-1] % len(params)]
        names = [name for name, value in some.items() if type(value) is int]
        some[names[places[0] % len(names)]] = plan["number"]
    elif plan["what"] == "raw":
        path.write_text(RAW[plan["raw"]], encoding="utf-8")
        if path.name == "config.json":
            return True
    elif plan["what"] == "weights":
        change_weights(path, places, plan["number"], plan["how"], plan["new"])
    elif plan["what"] == "kind":
        path.unlink()
        make = [
            lambda: os.mkfifo(path),
            lambda: path.mkdir(),
            lambda: path.symlink_to("/dev/zero"),
            lambda: path.symlink_to(folder.parent / "elsewhere"),
            lambda: path.symlink_to(path),
            lambda: path.symlink_to("missing"),
            lambda: path.touch(mode=0),
            lambda: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 42),
        ]
        (folder.parent / "elsewhere").write_bytes((FIXTURES / plan["model"] / path.name).read_bytes())
        make[places[0] % len(make)]()
        return True
    else:
        content = bytearray(path.read_bytes())
        at = places[0] % len(content)
        if plan["how"] in ("remove", "repeat"):
            content = content[:at] if places[-1] % 2 else content[at:]
        elif plan["how"] == "rename":
            content[at:at] = bytes(place % 256 for place in places)
        elif plan["how"] == "swap":
            content[at : at + 64] = bytes(len(content[at : at + 64]))
        else:
            for place in places:
                content[place % len(content)] ^= 1 << place % 8
        path.write_bytes(content)
        if path.name == "config.json":
            return True
    if plan["sealed"]:
        reseal(folder, config)
    elif config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return True


def test_a_damaged_folder_is_refused_in_words_or_answers(fuzz, answers):
    def check(plan: dict[str, Any]) -> str:
        kind, is_runtime = plan["model"], plan["runtime"] and plan["model"] != "language-model"
        before = peak_bytes()
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(shutil.copytree(FIXTURES / kind, Path(parent) / "m"))
            if not damage(folder, plan):
                return "not tried"
            ended, found = try_folder(folder, kind, is_runtime)
            if ended == "answered" and not plan["sealed"]:
                chosen, shares = answers[kind, is_runtime]  # torch stands in for a damaged export, and rounds otherwise
                assert found[0] == chosen, "a damage that no checksum hides changed the answer"
                assert np.allclose(found[1], shares, atol=1e-4)
        assert peak_bytes() - before < MOST_BYTES
        return ended

    fuzz(check, damages(), rounds=2, examples=150)
