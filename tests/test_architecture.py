"""The house rules that no linter knows: which way imports may point, how long files get, what an import may cost."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import seqtag
import seqtag.runtime

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "seqtag"
MODULES = sorted(PACKAGE.rglob("*.py"))
RECIPES = sorted((REPOSITORY / "recipes").rglob("*.py"))

# From top to bottom: a room may import what stands in a line below its own, and no neighbour on its own line.
# seqtag/__init__.py stands above all. A room that is not built yet gets its place here when it comes.
FLOORS = [
    ["cli"],
    ["integrations", "serving", "curation"],
    ["models"],
    ["onnx_export"],
    ["linter", "runtime", "training"],
    ["evaluation", "inference", "corpora"],
    ["batching", "hub"],
    ["store", "nn", "text"],
    ["model_files", "reporting"],
    ["errors", "folders", "version"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Packages that would undo what a room promises: strings know no tensors, tensors no strings, a runtime needs no torch.
NEVER = {
    "text": {"torch", "accelerate", "safetensors"},
    "nn": {"spacy", "datasets", "pandas", "pyarrow"},
    "inference": {"torch", "accelerate", "safetensors", "datasets", "pyarrow", "pandas"},
    "runtime": {"torch", "accelerate", "safetensors", "datasets", "pyarrow", "pandas", "spacy", "sklearn", "scipy"},
    "reporting": {"torch", "datasets", "sklearn", "scipy", "numpy"},
    "serving": {"torch", "accelerate", "safetensors", "datasets", "pyarrow", "pandas", "spacy", "sklearn", "scipy"},
    "errors": {"torch", "accelerate", "safetensors", "spacy", "datasets", "sklearn", "numpy", "rich"},
}
MOST_LINES = 450
MOST_RECIPE_LINES = 320

# Modules without a test file under their own name: each is one step of what the named file tests from end to end.
TESTED_ELSEWHERE = {
    "cli/arguments.py": "cli/test_app.py",
    "cli/language_figures.py": "cli/commands/test_train_language_model.py",
    "cli/model_folder.py": "cli/commands/test_train.py",
    "cli/prediction/answer_writer.py": "cli/commands/test_predict.py",
    "cli/prediction/class_writers.py": "cli/commands/test_predict_classifier.py",
    "cli/prediction/forms.py": "cli/commands/test_predict.py",
    "cli/prediction/known.py": "cli/commands/test_predict.py",
    "cli/prediction/requests.py": "cli/commands/test_predict.py",
    "cli/prediction/tag_writers.py": "cli/commands/test_predict.py",
    "cli/sources.py": "cli/commands/test_train.py",
    "cli/tasks.py": "cli/commands/test_options.py",
    "cli/written_formats.py": "cli/commands/test_convert.py",
    "cli/text_sources.py": "cli/commands/test_train_language_model.py",
    "corpora/arrow_files.py": "corpora/test_tagged_drafts.py",
    "corpora/conversion.py": "cli/commands/test_convert.py",
    "corpora/tagged_blocks.py": "corpora/test_tagged_drafts.py",
    "corpora/demo_corpora.py": "data/test_data.py",
    "corpora/formats/conll_comments.py": "corpora/formats/test_conll.py",
    "corpora/formats/hu_liu_reviews.py": "corpora/formats/test_class_files.py",
    "corpora/formats/slot_files.py": "corpora/formats/test_class_files.py",
    "corpora/formats/split_json.py": "corpora/formats/test_class_files.py",
    "corpora/formats/conll_layout.py": "corpora/formats/test_conll.py",
    "corpora/formats/writers/columns.py": "cli/prediction/test_format_writers.py",
    "corpora/formats/writers/csv_rows.py": "cli/commands/test_convert.py",
    "corpora/formats/writers/documents.py": "cli/prediction/test_format_writers.py",
    "corpora/formats/writers/formats.py": "cli/commands/test_convert.py",
    "corpora/formats/writers/json_lines.py": "cli/prediction/test_format_writers.py",
    "corpora/formats/writers/label_studio.py": "cli/prediction/test_format_writers.py",
    "corpora/formats/writers/spacy_docbins.py": "cli/prediction/test_format_writers.py",
    "corpora/formats/writers/webanno.py": "cli/prediction/test_format_writers.py",
    "corpora/formats/zip_archives.py": "corpora/formats/test_class_files.py",
    "corpora/labelled_drafts.py": "corpora/formats/test_arrow_tables.py",
    "corpora/source_names.py": "corpora/test_loading.py",
    "corpora/splits.py": "corpora/test_loading.py",
    "corpora/tokenised.py": "models/classifying/test_classifier.py",
    "curation/selected.py": "curation/test_selection.py",
    "curation/agreement_page.py": "curation/test_agreement.py",
    "curation/curve_page.py": "curation/test_curve.py",
    "curation/disagreements.py": "curation/test_agreement.py",
    "curation/merged_corpus.py": "curation/test_voting.py",
    "inference/tag_engine.py": "models/tagging/test_engine.py",
    "models/sequence_options.py": "models/test_options.py",
    "models/tagging/options.py": "models/test_options.py",
    "evaluation/classifying/coding.py": "evaluation/classifying/test_metrics.py",
    "evaluation/classifying/errors.py": "evaluation/classifying/test_report.py",
    "evaluation/classifying/evaluation.py": "evaluation/classifying/test_metrics.py",
    "evaluation/errors.py": "evaluation/tagging/test_span_errors.py",
    "evaluation/glossary.py": "evaluation/test_report.py",
    "evaluation/next_steps.py": "evaluation/test_wording.py",
    "evaluation/training_curve.py": "evaluation/test_pictures.py",
    "evaluation/statistics/ranking.py": "evaluation/statistics/test_comparison.py",
    "evaluation/tagging/errors.py": "evaluation/tagging/test_span_errors.py",
    "evaluation/tagging/evaluation.py": "evaluation/tagging/test_metrics.py",
    "folders.py": "test_store.py",
    "inference/held_lattice.py": "inference/test_held_batch.py",
    "inference/scored.py": "inference/test_held_batch.py",
    "inference/tagging.py": "models/tagging/test_tagger.py",
    "models/export_trial.py": "models/tagging/test_export.py",
    "models/fitting.py": "training/test_checkpoint.py",
    "models/language/scores.py": "models/language/test_language_model.py",
    "models/mean_states.py": "curation/test_selection.py",
    "models/tagging/dev_score.py": "models/tagging/test_tagger.py",
    "models/tagging/inference.py": "models/tagging/test_engine.py",
    "models/tagging/temperature.py": "models/tagging/test_tuning.py",
    "onnx_export/nodes.py": "onnx_export/test_tagging.py",
    "onnx_export/recurrent.py": "onnx_export/test_tagging.py",
    "onnx_export/weights.py": "onnx_export/test_context.py",
    "reporting/sections.py": "reporting/test_terminal.py",
    "reporting/unseen.py": "reporting/test_notebook.py",
    "runtime/classifying_engine.py": "onnx_export/test_classifying.py",
    "runtime/heads.py": "runtime/test_tagger.py",
    "runtime/tagging_engine.py": "runtime/test_tagger.py",
    "models/tagging/fitted.py": "models/tagging/test_tagger.py",
    "serving/answers.py": "serving/test_app.py",
    "serving/bodies.py": "serving/test_app.py",
    "serving/guard.py": "serving/test_app.py",
    "serving/label_studio.py": "serving/test_app.py",
    "serving/metrics.py": "serving/test_app.py",
    "serving/service.py": "serving/test_app.py",
    "serving/streaming.py": "serving/test_app.py",
    "text/characters.py": "linter/test_texts.py",
    "text/length_batches.py": "test_batching.py",
    "text/vocabulary.py": "test_batching.py",
}


def module_name(path: Path) -> str:
    """Give the dotted name of a file, of a package without its __init__."""
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


NAMES = {module_name(path): path for path in MODULES}


def imported_names(source: str) -> Iterator[str]:
    """Every import of a file, also inside functions and under TYPE_CHECKING: the full dotted names of what comes in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name, `from seqtag.… import …`"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def home_of(name: str) -> str | None:
    """The module of seqtag that a dotted name lies in; None where it is of another package."""
    if not name.startswith("seqtag."):
        assert name != "seqtag", "import the names that are meant: `from seqtag.… import …`"
        return None
    public = name.removeprefix("seqtag.")
    if public == "__version__":
        return "seqtag.version"
    if public in seqtag._HOMES:  # a public name stands for the module it lives in
        return seqtag._HOMES[public]
    while name not in NAMES:
        name = name.rpartition(".")[0]
    return name


def wrong_arrows(room: str, source: str) -> list[str]:
    wrong = []
    for name in imported_names(source):
        home = home_of(name)
        if home is None:
            if name.split(".")[0] in NEVER.get(room, ()):
                wrong.append(f"{room} may not know {name}")
            continue
        other = home.split(".")[1] if "." in home else name.split(".")[1]
        if other != room and FLOOR[room] >= FLOOR[other]:
            wrong.append(f"{room} imports {name}, which is not below it")
    return wrong


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, straight or around: strongly connected, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for other in sorted(arrows.get(module, ())):
            if other not in order:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], order[other])
        if lowest[module] == order[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1 or module in arrows.get(module, ()):
                found.append(sorted(group))

    for module in sorted(arrows):
        if module not in order:
            visit(module)
    return found


def arrows_of(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """For each module, given by name and source, the modules of seqtag that it imports."""
    return {
        module: {home for name in imported_names(source) if (home := home_of(name))}
        for module, source in modules.items()
    }


@cache
def sources() -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in NAMES.items() if name != "seqtag"}


@cache
def defined_privates(source: str) -> set[str]:
    """The private names that a file gives to functions, classes, variables and attributes."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def foreign_privates(source: str, of_others: set[str]) -> list[str]:
    """Private members of objects of other files that a file touches: all but what hangs on self, cls and super()."""
    defined = defined_privates(source)
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqtag"):
            names = [alias.name for alias in node.names]
            found += [name for name in names if name.startswith("_") and not name.startswith("__")]
        elif isinstance(node, ast.Attribute) and node.attr in of_others - defined:
            holder = node.value.func if isinstance(node.value, ast.Call) else node.value
            if not (isinstance(holder, ast.Name) and holder.id in ("self", "cls", "super")):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p != PACKAGE / "__init__.py"], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_down_only(path: Path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in FLOOR, f"a new room of the house: give {room} its place in FLOORS, and in the design"
    assert wrong_arrows(room, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("room", "line"),
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
        ("corpora", "if TYPE_CHECKING:\n    from seqtag.evaluation.report import Report"),
        ("reporting", "from seqtag.linter.findings import Findings"),
    ],
)
def test_an_arrow_that_runs_back_up_is_found(room: str, line: str):
    assert len(wrong_arrows(room, line)) == 1


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("cli", "from seqtag import Tagger, __version__"),
        ("models", "import torch"),
        ("models", "from seqtag.training.loop import Trainer"),
        ("text", "from seqtag.text.schemes import Span"),
    ],
)
def test_an_arrow_that_points_down_passes(room: str, line: str):
    assert wrong_arrows(room, line) == []


def test_no_two_files_import_each_other_straight_or_around():
    assert circles(arrows_of(sources())) == []


def test_a_circle_is_found_under_type_checking_and_inside_functions_too():
    modules = {
        "seqtag.text.schemes": "def f():\n    from seqtag.text.tagset import TagSet",
        "seqtag.text.tagset": "if TYPE_CHECKING:\n    from seqtag.text import classes",
        "seqtag.text.classes": "from seqtag.text.schemes import Span",
        "seqtag.text.vocabulary": "from seqtag.text.classes import ClassSet",
    }
    assert circles(arrows_of(modules)) == [["seqtag.text.classes", "seqtag.text.schemes", "seqtag.text.tagset"]]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"seqtag"}))
def test_no_private_member_of_another_files_object_is_used(name: str):
    texts = sources()
    of_others = set().union(*(defined_privates(text) for other, text in texts.items() if other != name))
    assert foreign_privates(texts[name], of_others) == []


@pytest.mark.parametrize(
    "line",
    ["from seqtag.text.schemes import _parse", "tagger._engine.close()", "type(tagger)._engine"],
)
def test_a_private_member_of_another_file_is_found(line: str):
    assert len(foreign_privates(line, {"_engine"})) == 1


def test_own_private_members_pass():
    assert foreign_privates("class A:\n    def f(self):\n        self._engine = super()._engine", {"_engine"}) == []


def test_each_module_has_its_test_file():
    tests = {str(path.relative_to(REPOSITORY / "tests")) for path in (REPOSITORY / "tests").rglob("test_*.py")}
    missing = set()
    for path in MODULES:
        inside = path.relative_to(PACKAGE)
        wanted = str(inside.with_name(f"test_{inside.name}"))
        if not inside.name.startswith("__") and wanted not in tests:
            missing.add(str(inside))
    assert missing == set(TESTED_ELSEWHERE)
    assert {where for where in TESTED_ELSEWHERE.values() if where not in tests} == set()


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
    assert {name for name in used - public if not is_public_integration(name)} == set()


def is_public_integration(name: str) -> bool:
    """Say whether a dotted name is `seqtag.integrations.<file>.<public name>`, or the same of `curation`."""
    module, _, member = name.rpartition(".")
    return (
        module.startswith(("seqtag.curation.", "seqtag.integrations."))
        and module in NAMES
        and not member.startswith("_")
    )


def test_a_recipe_may_use_integrations_by_their_public_names_alone():
    assert is_public_integration("seqtag.integrations.batches.BatchPredictor")
    private = ("seqtag.integrations.batches._load", "seqtag.integrations.none.Any", "seqtag.models.predictor.Predictor")
    assert not any(map(is_public_integration, private))


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
