"""The version stands in two files, which have to agree."""

import re
from pathlib import Path

import seqtag
from seqtag.version import __version__


def test_the_version_is_that_of_the_package_and_of_its_wheel():
    project = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    stated = re.search(r'^version = "(.+)"|^dynamic = \[.*"version"', project, re.MULTILINE)
    assert stated is not None
    assert seqtag.__version__ == __version__ == (stated[1] or __version__)
