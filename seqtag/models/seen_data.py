"""Recognise the data that a model was trained on when it is measured on them: their scores say little."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from datasets import Dataset

from seqtag.batching import sentence_key, sentence_keys

logger = logging.getLogger("seqtag")

_MODULUS = 2**128


def rows_key(rows: Dataset | Iterable[Any]) -> int:
    """Give a hash of rows (token lists, series of numbers, a dataset of tokens) that does not depend on their order.

    It is a sum over the rows, so the hash of two parts together is the sum of theirs, modulo 2^128.

    >>> rows_key([["a"], ["b", "c"]]) == rows_key([["b", "c"], ["a"]])
    True
    """
    keys = _keys_on_disk(rows) if isinstance(rows, Dataset) else map(_row_key, rows)
    return sum(int.from_bytes(key, "big") for key in keys) % _MODULUS


def _row_key(row: Any) -> bytes:
    is_series = isinstance(row, np.ndarray)
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest() if is_series else sentence_key(row)


def _keys_on_disk(rows: Dataset) -> Iterator[bytes]:
    # with a piece of the data in memory at a time
    for piece in rows.select_columns("tokens").with_format("arrow").iter(10_000):
        yield from sentence_keys(piece.column("tokens").combine_chunks())


def seen_keys(train: Dataset | Iterable[Any], dev: Dataset | Iterable[Any]) -> dict[str, str]:
    """Give the hashes of the rows that a model is trained on, for its folder."""
    return {"train": f"{rows_key(train):032x}", "dev": f"{rows_key(dev):032x}"}


def warn_of_seen(
    seen: Mapping[str, str] | None, rows: Dataset | Iterable[Any], *, before: Iterable[Mapping[str, str]] = ()
) -> None:
    """Warn if rows are those that a model learned, those that chose its epoch, or both; in any order of the rows.

    `seen` is what `seen_keys` gave; None in a model of an earlier release. `before` are those of the older models that
    it started from.
    """
    models = [(keys, "the model") for keys in (seen,) if keys is not None]
    models += [(keys, "the older model") for keys in before]
    key = rows_key(rows) if models else 0
    for keys, model in models:
        train, dev = (int(keys[name], 16) for name in ("train", "dev"))
        found = {
            train: f"the data that {model} was trained on",
            dev: f"the dev data that chose the epoch of {model}",
            (train + dev) % _MODULUS: f"the data that {model} was trained on, with those that were held out as dev",
        }.get(key)
        if found is not None:
            logger.warning("these are %s: the scores are higher than on new data; measure it on data of its own", found)
