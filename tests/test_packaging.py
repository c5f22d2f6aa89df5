"""The wheel: built once, looked into, and installed into an empty folder to find its demo corpora there."""

import configparser
import sys
from pathlib import Path

import pytest
from wheels import REPOSITORY, build_wheel, copy_source, files_of, metadata_of, run_quietly

CORPORA = {
    *(f"seqtag/data/{name}" for name in ("train.conll", "dev.conll", "test.conll", "README.md", "LICENSE")),
    *(f"seqtag/data/sentiment/{name}" for name in ("train.csv", "dev.csv", "test.csv", "README.md")),
}

PAGE = {
    f"seqtag/reporting/page/{name}" for name in ("report.html.jinja", "pictures.html.jinja", "style.css", "script.js")
}
PAGE |= {f"seqtag/serving/page/{name}" for name in ("index.html", "page.css", "page.js", "icon.svg")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_wheel_has_every_module_the_corpora_and_nothing_else(wheel: Path):
    modules = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "seqtag").rglob("*.py")}
    inside = {name for name in files_of(wheel) if ".dist-info/" not in name}
    assert modules - inside == set(), "a package is missing from [tool.setuptools] packages in pyproject.toml"
    assert inside == modules | CORPORA | PAGE | {"seqtag/py.typed"}


def test_wheel_carries_the_corpora_and_the_page_unchanged(wheel: Path):
    files = files_of(wheel)
    for name in CORPORA:
        assert files[name] == (REPOSITORY / name.removeprefix("seqtag/")).read_bytes()
    for name in PAGE:
        assert files[name] == (REPOSITORY / name).read_bytes()


def test_wheel_brings_the_command_and_the_spacy_component(wheel: Path):
    (text,) = (content for name, content in files_of(wheel).items() if name.endswith(".dist-info/entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(text.decode("utf-8"))
    assert dict(points["console_scripts"]) == {"seqtag": "seqtag.cli:main"}
    assert dict(points["spacy_factories"]) == {"seqtag": "seqtag.integrations.spacy:seqtag_component"}


def test_metadata_names_licence_python_and_dependencies(wheel: Path):
    metadata = metadata_of(wheel)
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"
    core = {r.split(";")[0].split(">")[0] for r in metadata.get_all("Requires-Dist") if "extra ==" not in r}
    names = "torch datasets spacy seqeval scikit-learn scipy accelerate safetensors typer rich jinja2 huggingface_hub"
    assert core == {*names.split(), "tomli"}
    (licence,) = (content for name, content in files_of(wheel).items() if name.endswith("/licenses/LICENSE"))
    assert licence == (REPOSITORY / "LICENSE").read_bytes()


def test_version_is_the_same_everywhere(wheel: Path):
    import seqtag

    assert metadata_of(wheel)["Version"] == seqtag.__version__
    assert f"## {seqtag.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_installed_package_finds_its_own_corpora(wheel: Path, tmp_path: Path):
    target = tmp_path / "site"
    run_quietly("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel))
    script = "import seqtag; from seqtag.corpora.demo_corpora import demo_folder as find; "
    script += "print(seqtag.__file__, find(), find('classify'), sep='\\n')"
    # -P: not the current folder, where a clone may lie, but PYTHONPATH and what is installed
    flags = ["-P"] if sys.version_info >= (3, 11) else []
    module, tagging, sentiment = run_quietly(*flags, "-c", script, PYTHONPATH=str(target)).splitlines()
    assert Path(module) == target / "seqtag" / "__init__.py"
    assert Path(tagging).samefile(target / "seqtag" / "data")
    assert Path(sentiment).samefile(target / "seqtag" / "data" / "sentiment")


def test_an_editable_install_is_a_path_that_type_checkers_and_editors_follow(tmp_path: Path):
    source = copy_source(tmp_path)
    script = "import os, sys; from setuptools.build_meta import build_editable; "
    script += "os.chdir(sys.argv[1]); build_editable(sys.argv[2])"
    run_quietly("-c", script, str(source), str(tmp_path))
    (built,) = tmp_path.glob("*.whl")
    inside = {name: content for name, content in files_of(built).items() if ".dist-info/" not in name}
    assert [name.endswith(".pth") for name in inside] == [True], "a hook of the import system hides the package"
    (path,) = (content.decode("utf-8").strip() for content in inside.values())
    assert Path(path).samefile(source)


def test_constraints_pin_one_version_a_python_and_name_no_place():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert "torch==2.13.0" in pins
    for pin in pins:
        requirement, _, marker = pin.partition(" ; ")
        name, _, version = requirement.partition("==")
        assert name, pin
        assert version.replace(".", "").isalnum(), f"{pin}: an exact version, with no local tag, place or address"
        assert marker in ("", 'python_version < "3.11"', 'python_version >= "3.11"'), pin
    keys = [(pin.partition("==")[0].lower(), pin.partition(" ; ")[2]) for pin in pins]
    assert len(keys) == len(set(keys))


def test_constraints_pin_all_that_the_package_asks_for(wheel: Path):
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines}
    asked = metadata_of(wheel).get_all("Requires-Dist")
    wanted = {r.split(";")[0].split(">")[0].strip() for r in asked if "extra ==" not in r or 'extra == "dev"' in r}
    assert wanted - pinned == set()
