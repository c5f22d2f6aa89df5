"""The rows that the tests of the training loop train on."""

import pytest
from trainers import tiny_rows

from seqtag.batching import TaggedRows


@pytest.fixture(scope="session")
def rows() -> TaggedRows:
    """Twenty sentences."""
    return tiny_rows()
