"""Tools that seqtag works with and does not bring along: their tests skip visibly without them, and never in CI."""

import os
from importlib.util import find_spec

import pytest


def need(name: str) -> None:
    """Skip the tests of a module where a package is not installed; fail in CI, which installs it."""
    if find_spec(name) is None:
        in_ci = os.environ.get("CI") == "true"  # by name: a failing assert shows what it was made of
        assert not in_ci, f"CI must have {name}: .ci/run installs it"
        pytest.skip(f"needs the package {name}", allow_module_level=True)
