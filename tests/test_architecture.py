"""The house rules that no linter knows: which way imports may point, how long files get, what an import may cost."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqtag
import seqtag.runtime

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "seqtag"
MODULES = sorted(PACKAGE.rglob("*.py"))
RECIPES = sorted((REPOSITORY / "recipes").rglob("*.py"))

# From top to bottom: a part may import what stands in a line below its own. seqtag/__init__.py stands above all.
LAYERS = [
    ["cli"],
    ["models"],
    ["onnx_export"],
    ["linter", "runtime", "training"],
    ["evaluation", "inference", "corpora"],
    ["batching"],
    ["store", "nn", "text"],
    ["reporting"],
    ["demo"],
    ["errors", "version"],
]
FLOOR = {part: floor for floor, parts in enumerate(LAYERS) for part in parts}
# On one floor nothing imports its neighbour, but for these.
NEIGHBOURS: set[tuple[str, str]] = set()
# Packages that would undo what a part promises: strings know no tensors, tensors no strings, a runtime needs no torch.
NEVER = {
    "text": {"torch", "accelerate", "safetensors"},
    "nn": {"spacy", "datasets", "pandas", "pyarrow"},
    "runtime": {"torch", "accelerate", "safetensors", "datasets", "pyarrow", "pandas", "spacy", "sklearn", "scipy"},
    "errors": {"torch", "accelerate", "safetensors", "spacy", "datasets", "sklearn", "numpy", "rich"},
}
MOST_LINES = 450
MOST_RECIPE_LINES = 320


def imported_names(source: str) -> Iterator[str]:
    """Every import of a file, inside functions too, as the full dotted name of what it brings in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name, `from seqtag.… import …`"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str | None:
    """The part of the house that a dotted name belongs to; None where it is no part: another package, the version."""
    if not name.startswith("seqtag."):
        assert name != "seqtag", "import the names that are meant: `from seqtag.… import …`"
        return None
    name = seqtag._HOMES.get(name.removeprefix("seqtag."), name)  # a public name stands for the module it lives in
    part = name.split(".")[1]
    return None if part == "__version__" else part


def wrong_arrows(part: str, source: str) -> list[str]:
    wrong = []
    for name in imported_names(source):
        target = part_of(name)
        if target is None:
            if name.split(".")[0] in NEVER.get(part, ()):
                wrong.append(f"{part} may not know {name}")
        elif target != part and (part, target) not in NEIGHBOURS and FLOOR[part] >= FLOOR[target]:
            wrong.append(f"{part} imports {name}, which is not below it")
    return wrong


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p != PACKAGE / "__init__.py"], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_down_only(path: Path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert part in FLOOR, f"a new part of the house: give {part} its place in LAYERS, and in the design"
    assert wrong_arrows(part, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("text", "from seqtag.nn.crf import CRF"),
        ("nn", "import seqtag.text.schemes"),
        ("nn", "from seqtag.batching import collate"),
        ("batching", "def f():\n    from seqtag import Tagger"),
        ("runtime", "from seqtag.training.watchers import default_watcher"),
        ("store", "from seqtag import evaluation"),
        ("errors", "from seqtag.text import schemes"),
        ("models", "from seqtag.cli import main"),
        ("text", "import torch.nn"),
        ("nn", "def f():\n    import spacy"),
        ("runtime", "def f():\n    import datasets"),
        ("runtime", "from seqtag.models.tagging.export import export_tagger"),
    ],
)
def test_an_arrow_that_runs_back_up_is_found(part: str, line: str):
    assert len(wrong_arrows(part, line)) == 1


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("cli", "from seqtag import Tagger, __version__"),
        ("cli", "from seqtag.demo import demo_folder"),
        ("models", "import torch"),
        ("models", "from seqtag.training.loop import Watcher"),
        ("text", "from seqtag.text.schemes import Span"),
    ],
)
def test_an_arrow_that_points_down_passes(part: str, line: str):
    assert wrong_arrows(part, line) == []


def test_no_file_is_too_long():
    lengths = {str(p.relative_to(REPOSITORY)): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_recipes_are_short_and_use_public_names_only(path: Path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_RECIPE_LINES
    public = {f"seqtag.{name}" for name in seqtag.__all__} | {
        f"seqtag.runtime.{name}" for name in seqtag.runtime.__all__
    }
    used = {name for name in imported_names(source) if name.split(".")[0] == "seqtag"}
    assert used - public == set()


def test_import_is_lazy_and_silent():
    script = (
        "import sys; before = set(sys.modules); import seqtag\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "sys.exit(repr(sorted(new - set(sys.stdlib_module_names) - {'seqtag'})))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    # sys.exit writes the list to standard error, and nothing else may write
    assert (run.stdout, run.stderr.strip()) == ("", "[]")


@pytest.mark.parametrize("name", sorted(seqtag.__all__))
def test_public_names_exist(name: str):
    assert getattr(seqtag, name) is not None
    assert name in dir(seqtag)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'seqtag' has no attribute 'Tager'"):
        _ = seqtag.Tager


def test_no_tracked_file_names_a_folder_of_one_machine():
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("needs git and a clone: looks through the tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, cwd=REPOSITORY, check=True)
    paths = [REPOSITORY / name.decode() for name in listed.stdout.split(b"\0") if name]
    assert REPOSITORY / "pyproject.toml" in paths
    private = [f"/{folder}/".encode() for folder in ("work", "root", "home", "Users")]
    found = [
        str(path.relative_to(REPOSITORY))
        for path in paths
        if path.is_file()  # a file that was removed but not yet committed is still listed
        and any(folder in path.read_bytes() for folder in private)
    ]
    assert found == []
