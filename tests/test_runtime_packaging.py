"""The wheel of seqtag-runtime: what serving imports and no more, and it serves where there is no torch."""

import ast
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
from toy_export import WORDS, toy_engine, write_toy
from wheels import REPOSITORY, build_wheel, files_of, metadata_of, run_quietly

import seqtag
from seqtag.runtime import load

PACKAGE = REPOSITORY / "seqtag"
SENTENCES = [WORDS, [], ["Ada", "met", "B-52", "unknown"], ["Turin"]]

# Before anything of the package is imported: a machine that has what the wheel asks for, and nothing else.
ONLY = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        known = {*sys.stdlib_module_names, "seqtag", "numpy", *ALSO}
        if name.partition(".")[0] not in known and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
SERVE = """
import json
from seqtag.runtime import load

served = load(FOLDER, threads=1)
proba = [array.tolist() for array in served.predict_proba(SENTENCES)]
print(json.dumps([served.predict(SENTENCES), proba, sys.modules["seqtag"].__file__]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"), "distributions/runtime")


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    run_quietly("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel))
    return target


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "m", toy_engine("IOB2", "crf"))


def run_there(site: Path, script: str, *also: str, **names: object) -> str:
    """Run a script on the installed wheel, with no other package in reach than numpy and those that are named."""
    # -P: not the current folder, where a clone may lie. -S: nor a clone that `pip install -e` has linked.
    flags = ["-S", *(["-P"] if sys.version_info >= (3, 11) else [])]
    places = os.pathsep.join([str(site), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}])
    given = "".join(f"{name} = {value!r}\n" for name, value in {"ALSO": also, **names}.items())
    return run_quietly(*flags, "-c", given + ONLY + script, PYTHONPATH=places)


def file_of(module: str) -> Path:
    path = REPOSITORY.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Every module of seqtag that a file imports when it runs, inside functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("seqtag"):
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                yield name if file_of(name).is_file() else node.module
        yield from imported_modules(node)


def what_serving_imports() -> set[str]:
    waiting = [
        *(
            f"seqtag.{room}.{path.stem}"
            for room in ("runtime", "serving")
            for path in (PACKAGE / room).glob("[!_]*.py")
        ),
        *("seqtag.cli.__main__", "seqtag.cli.commands.serve", "seqtag.integrations.spacy"),
    ]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imported_modules(ast.parse(file_of(name).read_text(encoding="utf-8")))
    return found


def test_the_wheel_has_what_serving_imports_and_nothing_else(wheel: Path):
    wanted = {file_of(name).relative_to(REPOSITORY).as_posix() for name in what_serving_imports()}
    rooms = (
        "cli",
        "cli/commands",
        "corpora",
        "inference",
        "inference/explaining",
        "integrations",
        "models",
        "reporting",
        "runtime",
    )
    rooms += ("serving", "text", "training", "corpora/formats/writers")
    wanted |= {"seqtag/__init__.py", "seqtag/py.typed", *(f"seqtag/{room}/__init__.py" for room in rooms)}
    wanted |= {path.relative_to(REPOSITORY).as_posix() for path in (PACKAGE / "serving" / "page").iterdir()}
    files = {name: content for name, content in files_of(wheel).items() if ".dist-info/" not in name}
    assert wanted - set(files) == set(), (
        "serving needs it: add it to py-modules in distributions/runtime/pyproject.toml"
    )
    assert set(files) - wanted == set(), "serving doesn't need it: take it out of py-modules there"
    assert files == {name: (REPOSITORY / name).read_bytes() for name in files}


def test_version_licence_and_lower_bounds_are_those_of_the_whole(wheel: Path):
    metadata, lines = metadata_of(wheel), (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert metadata["Version"] == seqtag.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"
    (licence,) = (content for name, content in files_of(wheel).items() if name.endswith("/licenses/LICENSE"))
    assert licence == (REPOSITORY / "LICENSE").read_bytes()
    required = metadata.get_all("Requires-Dist")
    assert {line.split(";")[0].split(">")[0] for line in required} == {
        *("numpy", "onnxruntime", "spacy", "huggingface_hub", "fastapi", "uvicorn", "prometheus-client", "typer"),
        *("pydantic", "tokenizers"),
    }
    for line in required:
        bound = line.split(";")[0].strip()
        assert bound.startswith("numpy") or f'"{bound}"' in lines, f"{bound}: pyproject.toml has another bound"


def test_it_predicts_what_torch_predicts_with_numpy_and_onnxruntime_alone(site: Path, model: Path):
    theirs = toy_engine("IOB2", "crf")
    out = run_there(site, SERVE, "onnxruntime", "flatbuffers", "google", FOLDER=str(model), SENTENCES=SENTENCES)
    tags, probabilities, module = json.loads(out)
    assert Path(module).samefile(site / "seqtag" / "__init__.py")
    assert tags == theirs.tags(SENTENCES)
    for ours, other in zip(probabilities, theirs.marginals(SENTENCES), strict=True):
        np.testing.assert_allclose(np.reshape(ours, other.shape), other, atol=1e-5)


SERVICE = """
import json
from starlette.testclient import TestClient
from seqtag.cli.app import app
from seqtag.serving.app import make_app
from seqtag.serving.settings import Settings

print([command.callback.__name__ for command in app.registered_commands])
with TestClient(make_app(Settings({"ner": FOLDER})), base_url="http://localhost") as client:
    print(client.get("/health").status_code, client.get("/").status_code)
    answers = client.post("/models/ner/predict", json={"texts": ["Ada met Marie in Oslo."]}).json()["answers"]
    print(json.dumps([[span["start"], span["label"]] for span in answers[0]["spans"]]))
"""


def test_it_serves_raw_text_over_http(site: Path, exported_tagger: Path):
    pytest.importorskip("fastapi", reason="needs the extra serve: pip install 'seqtag[serve]'")
    pytest.importorskip("prometheus_client", reason="needs the extra serve: pip install 'seqtag[serve]'")
    also = ("onnxruntime", "flatbuffers", "google", "fastapi", "starlette", "uvicorn", "h11", "prometheus_client")
    also += ("pydantic", "pydantic_core", "annotated_types", "typing_inspection", "typing_extensions", "annotated_doc")
    also += ("anyio", "idna", "sniffio", "opentelemetry", "exceptiongroup", "typer", "click", "rich", "shellingham")
    also += ("httpx", "httpx2", "httpcore", "httpcore2", "certifi", "pygments", "markdown_it", "mdurl")
    out = run_there(site, SERVICE, *also, FOLDER=str(exported_tagger)).splitlines()
    spans = load(exported_tagger).predict_spans(["Ada met Marie in Oslo."])[0]
    assert out == ["['serve']", "200 200", json.dumps([[span.start, span.label] for span in spans])]


@pytest.mark.parametrize("name", ["Tagger", "Classifier", "load_corpus", "Report", "compare"])
def test_what_is_not_inside_says_what_to_install(site: Path, name: str):
    script = f"""
try:
    from seqtag import {name}
except Exception as error:
    from seqtag import SeqtagError
    print(isinstance(error, SeqtagError), error)
"""
    assert run_there(site, script) == (
        f"True seqtag.{name} is no part of seqtag-runtime, which only predicts, with seqtag.runtime.load; for all of "
        "seqtag run: pip uninstall seqtag-runtime, then: pip install seqtag\n"
    )


def test_missing_packages_are_one_message_each(site: Path, model: Path):
    script = """
from seqtag import SeqtagError
from seqtag.runtime import load
try:
    load(FOLDER).predict_spans(["Ada met Bo."])
except SeqtagError as error:
    print(error)
"""
    assert 'onnxruntime is not installed; run: pip install "' in run_there(site, script, FOLDER=str(model))
    out = run_there(site, script, "onnxruntime", "flatbuffers", "google", FOLDER=str(model))
    assert out.startswith("raw text needs spaCy, which is not installed; run: pip install")


def test_a_model_on_the_hub_needs_one_more_package_and_the_message_names_it(site: Path, model: Path):
    script = (
        "from seqtag import UsageError\nfrom seqtag.runtime import load\n"
        "try:\n    load('ada/ner')\nexcept UsageError as error:\n    print(error)\n"
        "print(load(FOLDER).predict([['Ada']]) != [])"
    )
    told, served = run_there(site, script, "onnxruntime", FOLDER=str(model)).splitlines()
    assert told.startswith("ada/ner: there is no such folder here, and for a model on the Hugging Face hub the package")
    assert told.endswith('is missing: pip install "seqtag-runtime[hub]"')
    assert served == "True"


def test_spacy_finds_the_component_and_needs_no_torch_for_it(site: Path, model: Path):
    script = """
import spacy

nlp = spacy.blank("en")
nlp.add_pipe("seqtag", config={"model": FOLDER})
doc = nlp(spacy.tokens.Doc(nlp.vocab, WORDS))
print([(e.start, e.end, e.label_) for e in doc.ents], "torch" in sys.modules, sys.modules["seqtag"].__file__)
"""
    installed = {module.name for module in iter_modules()}
    also = sorted(installed - {"torch", "datasets", "safetensors", "accelerate", "sklearn"})
    words = list(filter(None, WORDS))  # spaCy has no empty token
    (spans,) = toy_engine("IOB2", "crf").spans([words])[1]
    assert spans
    places = [(span.start, span.end, span.label) for span in spans]
    out = run_there(site, script, *also, FOLDER=str(model), WORDS=words)
    assert out == f"{places} False {site / 'seqtag' / '__init__.py'}\n"
