"""Build a wheel of this repository, and look into it."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def copy_source(folder: Path) -> Path:
    """Copy what is built, because a build writes into its source tree and takes up what an older one left there."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    left = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for name in ("seqtag", "data", "tests", "recipes", "distributions"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=left)
    return source


def build_wheel(folder: Path, project: str = ".") -> Path:
    """Build a wheel of a copy."""
    source = copy_source(folder)
    run_quietly("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source / project))
    (built,) = folder.glob("*.whl")
    return built


def run_quietly(*arguments: str, **variables: str) -> str:
    """Run Python in a process of its own; where it fails, what it said is the test's message.

    The process runs in a folder without a clone, which Python 3.10 would look into before anything that is installed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    run = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**environment, **variables},
        cwd=tempfile.gettempdir(),
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata_of(wheel: Path) -> Message:
    (text,) = (content for name, content in files_of(wheel).items() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(text.decode("utf-8"))
