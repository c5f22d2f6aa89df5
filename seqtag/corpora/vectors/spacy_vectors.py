"""Read the word vectors of a spaCy pipeline: a folder, or an installed package, as data. None of its code runs.

The files are those of `nlp.to_disk`: in `vocab` the table `vectors`, the row of each word by its hash in `key2row`, the
strings in `strings.json`, and in `vectors.cfg` whether the table is floret's, whose rows are of hashed n-grams.
"""

import json
from collections.abc import Container
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from seqtag.errors import DataError, one_line
from seqtag.text.word_pieces import FloretNgrams
from seqtag.text.word_vectors import WordVectors

_AGAIN = "save the pipeline, or install the package, again"
_MOST_BYTES = 1 << 30  # of the files beside the table


def installed_pipeline(name: str) -> Path | None:
    """Find the folder of an installed pipeline package by its name, without importing it."""
    try:
        found = find_spec(name) if name.isidentifier() else None
    except (ImportError, ValueError):  # of what is imported and has no place, such as __main__
        found = None
    return pipeline_folder(Path(found.origin).parent) if found is not None and found.origin else None


def pipeline_folder(folder: Path) -> Path | None:
    """Find the folder with the data of a pipeline: the given one, or NAME-VERSION inside a package."""
    places = [folder, *sorted(folder.glob(f"{folder.name}-*"), reverse=True)]
    return next((place for place in places if (place / "vocab" / "vectors").is_file()), None)


def read_spacy(folder: Path, *, words: Container[str] | None = None) -> WordVectors:
    """Read the vectors of a pipeline's folder, of all words or of `words`.

    Raises DataError where a file of them is missing, damaged or of no use.
    """
    vocab = folder / "vocab"
    path = vocab / "vectors"
    try:
        values_ND = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path}: is no table of numpy ({one_line(error)}); {_AGAIN}") from None
    if values_ND.ndim != 2 or values_ND.dtype.kind != "f":
        raise DataError(f"{path}: is no table of vectors; {_AGAIN}")
    if not values_ND.size:
        raise DataError(f"{path}: this pipeline has no word vectors; take a larger one of its language, such as _md")
    config = _json(vocab / "vectors.cfg") if (vocab / "vectors.cfg").is_file() else {}
    mode = config.get("mode", "default") if isinstance(config, dict) else None
    if mode == "floret":
        return WordVectors({}, values_ND, pieces=_floret(config, len(values_ND), vocab / "vectors.cfg"))
    if mode != "default":
        raise DataError(f"{vocab / 'vectors.cfg'}: the mode {mode!r} is neither default nor floret; {_AGAIN}")
    rows = _rows(vocab, len(values_ND))
    return WordVectors({word: row for word, row in rows.items() if words is None or word in words}, values_ND)


def _rows(vocab: Path, num_rows: int) -> dict[str, int]:
    from spacy.strings import get_string_id
    from srsly import msgpack  # type: ignore[import-untyped]

    strings, path = _json(vocab / "strings.json"), vocab / "key2row"
    if not isinstance(strings, list) or not all(isinstance(word, str) for word in strings):
        raise DataError(f"{vocab / 'strings.json'}: is no list of strings; {_AGAIN}")
    try:
        # With a hook of our own none of those runs that packages may have registered.
        rows = msgpack.unpackb(_content(path), object_pairs_hook=dict, raw=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise DataError(f"{path}: is damaged ({one_line(error)}); {_AGAIN}") from None
    if not isinstance(rows, dict) or not all(type(row) is int and row < num_rows for row in rows.values()):
        raise DataError(f"{path}: does not give the rows of a table with {num_rows:,}; {_AGAIN}")
    known = ((word, rows.get(get_string_id(word), -1)) for word in strings)
    return {word: row for word, row in known if row >= 0}


def _floret(config: dict[str, Any], num_rows: int, path: Path) -> FloretNgrams:
    from spacy.attrs import ORTH

    numbers: dict[str, Any] = {name: config.get(name) for name in ("minn", "maxn", "hash_count", "hash_seed")}
    marks: dict[str, Any] = {name: config.get(name) for name in ("bow", "eow")}
    if (
        not all(type(one) is int and 0 <= one < 1 << 32 for one in numbers.values())
        or not all(isinstance(mark, str) and len(mark) < 10 for mark in marks.values())
        or not 1 <= numbers["hash_count"] <= 4
        or config.get("attr", ORTH) != ORTH
    ):
        raise DataError(f"{path}: these settings of floret can't be read here: {str(config)[:200]}; {_AGAIN}")
    return FloretNgrams(**numbers, **marks, num_rows=num_rows)


def _json(path: Path) -> Any:
    try:
        return json.loads(_content(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON ({one_line(error)}); {_AGAIN}") from None


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: has {path.stat().st_size:,} bytes, and no such file has; {_AGAIN}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror or error}); {_AGAIN}") from None
