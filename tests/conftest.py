"""Fixtures shared by all tests: where the public corpora lie, and no network for anybody."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Networks here are tiny: a second thread waits more than it works, and on a busy machine it waits for ever.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

# Shared machines stall now and then; a slow example is no failure.
settings.register_profile("seqtag", deadline=None)
settings.load_profile("seqtag")

REPOSITORY = Path(__file__).resolve().parent.parent


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
