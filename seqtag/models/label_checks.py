"""Checks of labelled data that tagging and classifying share: which split it is, and which labels a model knows."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from seqtag.errors import DataError, UsageError

logger = logging.getLogger("seqtag")


def check_single_split(X: Any, what: str) -> None:
    """Raise UsageError for a whole corpus in the place of one of its splits."""
    if isinstance(X, Mapping):  # as a DatasetDict is
        raise UsageError(
            f'the {what} data is a whole corpus with the splits {", ".join(X)}; give one, such as corpus["train"]'
        )


def dev_pair(dev: Any, wanted: str) -> tuple[Any, Any]:
    """Take dev data apart: a pair as it is, a dataset with None in the place of the labels."""
    if isinstance(dev, tuple) and len(dev) != 2:
        raise UsageError(f"dev is a tuple of {len(dev)}; give a dataset, or the pair {wanted}")
    return dev if isinstance(dev, tuple) else (dev, None)


def report_unknown(unknown: Sequence[Any], known: Sequence[str], *, what: str, column: str, all_of_them: bool) -> None:
    """Warn of labels that a model lacks; DataError where the data have no others."""
    if not unknown:
        return
    named = f"label{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))}"
    missing = f"{named} not known to the model, which has {', '.join(known)}"
    if all_of_them:
        raise DataError(f"the {what} data has only the {missing}; is the {column} column the right one?")
    logger.warning("the %s data has the %s; these count as missed", what, missing)
