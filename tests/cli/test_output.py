"""Files of results that several processes write at once, or that a dead one has left; test_evaluate.py has errors."""

import os
import stat
from pathlib import Path

import pytest

from seqtag.cli.output import open_output


def test_of_two_that_write_one_file_the_last_wins_whole(tmp_path: Path):
    path = tmp_path / "out.txt"
    with open_output(str(path)) as first:
        first.write("first\n" * 1000)
        with open_output(str(path)) as second:
            second.write("second\n")
        assert path.read_text() == "second\n"
    assert path.read_text() == "first\n" * 1000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="needs locks of files")
def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path: Path):
    path = tmp_path / "out[1].txt"
    left, other = tmp_path / ".out[1].txt.0123abcd.partial", tmp_path / ".out1.txt.0123abcd.partial"
    left.touch()
    other.touch()
    with open_output(str(path)) as output:
        output.write("whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, other])
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
