"""Whose folders of rows are removed, and when."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks, locks and kills")

START = "import os, sys; from seqtag.corpora.workspace import workspace; print(workspace(), flush=True); "


def folder_of(script: str, place: Path, *, ends_by: int = 0) -> Path:
    """Run a process that makes a workspace and then a script; gives the folder of that process."""
    result = subprocess.run(
        [sys.executable, "-c", START + script],
        env={**os.environ, "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (-ends_by, "")
    return Path(result.stdout.split()[0]).parent


def test_a_process_removes_its_folder_and_those_of_the_dead_but_not_those_of_the_living(tmp_path: Path):
    other = tmp_path / "seqtag-of-somebody-else"
    other.mkdir()
    linked = tmp_path / "seqtag-link"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "in-use.lock").touch()
    linked.symlink_to(tmp_path / "home")
    dead = folder_of("os.kill(os.getpid(), 9)", tmp_path, ends_by=signal.SIGKILL)
    assert dead.parent == tmp_path
    assert dead.is_dir()
    with subprocess.Popen(
        [sys.executable, "-c", START + "sys.stdin.read()"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as living:
        assert living.stdout is not None
        alive = Path(living.stdout.readline().strip()).parent
        assert not dead.exists()
        removed = folder_of("", tmp_path)
        assert alive.is_dir()
        assert not removed.exists()
        living.communicate("")
    assert not alive.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "seqtag-link", "seqtag-of-somebody-else"]
    assert (tmp_path / "home" / "in-use.lock").exists()


def test_a_forked_child_that_ends_leaves_the_folder_of_its_parent_alone(tmp_path: Path):
    script = (
        "child = os.fork()\n"
        "if child == 0: assert workspace().parent != workspace.__globals__['first']; sys.exit()\n"
        "os.waitpid(child, 0); sys.exit(0 if workspace().is_dir() else 'gone')"
    )
    folder_of("first = workspace().parent; workspace.__globals__['first'] = first\n" + script, tmp_path)
    assert list(tmp_path.iterdir()) == []
