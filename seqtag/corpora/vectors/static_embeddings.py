"""Read folders of static embeddings: Model2Vec's, and those of sentence-transformers' StaticEmbedding.

Both hold a vector for each token of a tokenizer, `model.safetensors` and `tokenizer.json`. A word has the mean of the
vectors of its tokens, as the tools that wrote the folders have it for a text.
"""

import json
from pathlib import Path

import numpy as np

from seqtag.errors import DataError, UsageError, one_line
from seqtag.text.word_pieces import TokenizerPieces
from seqtag.text.word_vectors import WordVectors

_AGAIN = "get the folder again"
_FOLDERS = (".", "0_StaticEmbedding")
_NAMES = ("embeddings", "embedding.weight")  # of Model2Vec, of sentence-transformers
_KNOWN = {*_NAMES, "weights", "mapping"}
_MOST_NUMBERS = 1 << 31  # of the whole table
_MOST_BYTES = 1 << 28  # of the tokenizer


def static_folder(folder: Path) -> Path | None:
    """Find the folder with weights and tokenizer: the given one, or the first module inside it."""
    places = (folder / name for name in _FOLDERS)
    files = "model.safetensors", "tokenizer.json"
    return next((place for place in places if all((place / file).is_file() for file in files)), None)


def read_static(folder: Path, *, root: Path) -> WordVectors:
    """Read a folder of static embeddings, `root` being the one that it was found in.

    Raises DataError where a file is damaged or the weights are others, UsageError without the package tokenizers.
    """
    path = folder / "model.safetensors"
    values_ND = _table(path)
    tokenizer = folder / "tokenizer.json"
    try:
        if tokenizer.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has {tokenizer.stat().st_size:,} bytes")
        pieces = TokenizerPieces(tokenizer.read_bytes())
    except UsageError:  # what is needed is not installed
        raise
    except (ValueError, OSError) as error:
        raise DataError(f"{tokenizer}: {one_line(error)}; {_AGAIN}") from None
    if not 0 <= pieces.last_row() < len(values_ND):
        raise DataError(
            f"{tokenizer}: has tokens up to number {pieces.last_row():,} for {len(values_ND):,} vectors; {_AGAIN}"
        )
    return WordVectors({}, values_ND, pieces=pieces, is_unit=_is_normalised(root))


def _table(path: Path) -> np.ndarray:
    """Give a vector for each token; newer Model2Vec folders have a row and a weight for each token besides."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            names = set(stored.keys())
            shapes = {name: stored.get_slice(name).get_shape() for name in names}
            found = [name for name in _NAMES if name in names]
            if names - _KNOWN or len(found) != 1:
                raise DataError(
                    f"{path}: has the weights {', '.join(sorted(names))[:200] or '(none)'}; static embeddings have "
                    f"{' or '.join(_NAMES)}, and perhaps weights and mapping: this is another kind of model"
                )
            table = stored.get_tensor(found[0])
            weights, mapping = (stored.get_tensor(n) if n in names else None for n in ("weights", "mapping"))
    except (SafetensorError, OSError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path}: can't be read ({one_line(error)}); {_AGAIN}") from None
    num_tokens = len(table if mapping is None else mapping)
    if (
        len(shapes[found[0]]) != 2
        or not table.size
        or table.dtype.kind not in "fi"
        or (mapping is not None and (mapping.ndim != 1 or mapping.dtype.kind not in "iu" or not mapping.size))
        or (mapping is not None and not 0 <= int(mapping.min()) <= int(mapping.max()) < len(table))
        or (weights is not None and (weights.shape != (num_tokens,) or weights.dtype.kind != "f"))
        or num_tokens * table.shape[1] > _MOST_NUMBERS
    ):
        sizes = ", ".join(f"{name} {tuple(shape)}" for name, shape in sorted(shapes.items()))
        raise DataError(f"{path}: the weights {sizes} are no static embeddings; {_AGAIN}")
    if mapping is not None:
        table = table[mapping]
    values_ND: np.ndarray = table
    if weights is not None:
        values_ND = table.astype(np.float32) * weights[:, None].astype(np.float32)
    return values_ND


def _is_normalised(root: Path) -> bool:
    """Say whether vectors are brought to the length 1: by the configuration of Model2Vec, or a module that does so."""
    for name in ("config.json", "modules.json"):
        try:
            stored = json.loads((root / name).read_bytes())
        except FileNotFoundError:
            continue
        except (ValueError, OSError, RecursionError) as error:
            raise DataError(f"{root / name}: is no JSON ({one_line(error)}); {_AGAIN}") from None
        if isinstance(stored, dict) and "normalize" in stored:
            return stored["normalize"] is True
        if isinstance(stored, list):
            return any(isinstance(one, dict) and str(one.get("type")).endswith(".Normalize") for one in stored)
    return False
