"""Fixtures shared by all tests: where the public corpora lie, tiny models and their folders, no network for anybody."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Importing and collecting throw little away; looking for it costs a tenth of their time. See pytest_collection_finish.
gc.disable()
# Networks here are tiny: a second thread waits more than it works, and on a busy machine it waits for ever.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import onnxruntime themselves
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")


def _put_temporary_files_in_memory() -> None:
    """Let temporary files lie in memory where Linux has room there, since the tests make some ten thousand small ones.

    A TMPDIR that is set is kept. Programs that the tests start take it over, and some of them lie there themselves.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir() or not os.access(memory, os.W_OK):
        return
    state = os.statvfs(memory)
    if state.f_bavail * state.f_frsize >= 4 << 30 and not state.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(memory)
        tempfile.tempdir = None  # is looked up anew


_put_temporary_files_in_memory()

# Shared machines stall now and then; a slow example is no failure. CI tries a hundred examples, always the same ones;
# elsewhere each run draws others, and fewer will do. A test that names a number of its own keeps it everywhere.
settings.register_profile("seqtag", deadline=None, max_examples=100 if os.environ.get("CI") == "true" else 40)
settings.load_profile("seqtag")

REPOSITORY = Path(__file__).resolve().parent.parent
# With a process per core, a long file that starts last is what everybody waits for.
SLOWEST_FIRST = (
    *("docs/test_pages.py", "integrations/test_ray.py", "integrations/test_spark.py"),
    *("linter/test_public_corpora.py", "models/tagging/test_tagger.py"),
    *("corpora/test_loading.py", "recipes/test_context_recipes.py", "models/tagging/test_tuning.py"),
    *("models/classifying/test_classifier.py", "models/test_context_tuning.py", "fuzz/test_reading.py"),
    *("cli/commands/test_train.py", "reporting/test_html_in_browser.py", "models/classifying/test_runs.py"),
    *("models/test_estimator.py", "recipes/test_benchmark.py", "training/test_checkpoint.py", "recipes/test_soak.py"),
    *("training/test_loop.py", "cli/commands/test_predict.py", "test_runtime_packaging.py", "test_packaging.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the slowest files to the front; `make test` tells pytest-xdist to keep this order."""
    ranks = {REPOSITORY / "tests" / name: rank for rank, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_collection_finish() -> None:
    """Take what importing made, a million objects that stay, out of what each garbage collection walks through."""
    gc.enable()
    gc.collect()
    gc.freeze()


def find_shared_data() -> Path | None:
    """Return the folder of public corpora, beside the repository, or None where a user has none."""
    folder = REPOSITORY.parent / "shared" / "data"
    return folder if (folder / "counts.json").is_file() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the public corpora; skip without them, but fail in CI, where they must be."""
    folder = find_shared_data()
    if folder is None:
        in_ci = os.environ.get("CI") == "true"  # by name: a failing assert shows what it was made of
        assert not in_ci, "CI must have ../shared/data: no test on real corpora may be skipped there"
        pytest.skip("needs the public corpora in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def commands() -> Iterator[Path]:
    """A folder with `seqtag` and `forked-python`: quick to start, processes of their own, see tests/support."""
    from seqtag_command import forked_commands

    with forked_commands() as folder:
        yield folder


# -- tiny models, trained once per process --------------------------------------------------------


@pytest.fixture(scope="session")
def saved_tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny tagger's folder, which no test changes."""
    from tiny import fitted_tagger

    return fitted_tagger(epochs=8).save(tmp_path_factory.mktemp("models") / "ner")


@pytest.fixture(scope="session")
def exported_tagger(saved_tagger: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tagger with both of its exports."""
    from tiny import TAGS, TOKENS

    from seqtag import Tagger

    folder = Path(shutil.copytree(saved_tagger, tmp_path_factory.mktemp("exported") / "ner"))
    tagger = Tagger.load(folder, device="cpu")
    tagger.export(folder)
    tagger.export(folder, int8=True, dev=(TOKENS, TAGS), force=True)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Hugging Face hub on this machine, which huggingface_hub talks to during a test, with an empty cache."""
    from hub_server import running_hub, used_here

    with running_hub() as server, used_here(server, tmp_path / "hub-cache", monkeypatch):
        yield server


@pytest.fixture(scope="session")
def saved_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier's folder, which no test changes; it reads longer texts in segments."""
    from tiny import fitted_classifier

    return fitted_classifier(epochs=6, segment_size=6).save(tmp_path_factory.mktemp("models") / "mood")


@pytest.fixture(scope="session")
def exported_classifier(saved_classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same classifier with both of its exports."""
    from tiny import LABELS, TEXTS

    from seqtag import Classifier

    folder = Path(shutil.copytree(saved_classifier, tmp_path_factory.mktemp("exported") / "mood"))
    classifier = Classifier.load(folder, device="cpu").set_params(engine="onnx-int8")  # the export needs no engine
    classifier.export(folder)
    classifier.export(folder, int8=True, dev=(TEXTS, LABELS), force=True)
    return folder


@pytest.fixture(scope="session")
def saved(saved_tagger: Path) -> Path:
    """The model that `folder` is a copy of; a module whose tests need another model overrides this one alone."""
    return saved_tagger


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model folder that a test may change."""
    return Path(shutil.copytree(saved, tmp_path / "model"))
