"""The model folder: JSON and safetensors, never pickle. Written whole or not at all, read with every file checked.

Knows files; knows no model. `config.json` holds a SHA-256 of each other file that a model needs, of its exports and of
itself, so a damaged file is named before anything is built from it.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.errors import ModelError, UsageError

if TYPE_CHECKING:  # the runtime reads model folders too, and has no torch
    from torch import Tensor

FORMAT_VERSION = 1
_CONFIG, _VOCABULARY, _WEIGHTS, _HISTORY, _CARD = (
    "config.json",
    "vocabulary.json",
    "model.safetensors",
    "history.json",
    "README.md",
)

# The files that a new model replaces; an export belongs to the weights that it was made from.
_OURS = {_CONFIG, _VOCABULARY, _WEIGHTS, _HISTORY, _CARD, "model.onnx", "model.int8.onnx"}


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The content of a model folder."""

    config: dict[str, Any]  # task, params and whatever else the model wrote; JSON-able
    vocabulary: dict[str, Any]
    weights: "dict[str, Tensor]"
    history: list[dict[str, Any]]
    card: str  # Markdown

    def zeros_like(self, *names: str) -> "tuple[Tensor, ...] | None":
        """Give zeros in the sizes of some weights, to build a network that takes them; None where there are none."""
        import torch

        if names[0] not in self.weights:
            return None
        return tuple(torch.zeros_like(self.weights[name]) for name in names)


def check_place(folder: str | Path) -> bool:
    """Say whether a folder holds a model, which may be replaced; raises UsageError where it holds something else."""
    folder = Path(folder)
    _recover(folder)
    if (folder / _CONFIG).is_file():
        return True
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(f"{folder}: exists and is not a model folder; choose another place, nothing was written")
    return False


def write_model(folder: str | Path, model: StoredModel) -> Path:
    """Write a model folder beside its place and rename it there: a kill leaves the old model or the new.

    An existing model is replaced, and files in its folder that are no part of a model are kept; any other folder with
    content is left alone. Raises UsageError for a place that can't be used, ModelError where the disk is full.
    """
    folder = Path(folder)
    place = folder.resolve()  # of a link, the folder that it leads to is the one to replace
    partial, previous = _beside(place, "partial"), _beside(place, "previous")
    try:
        _recover(place)
        if place.is_file() or (place.is_dir() and any(place.iterdir()) and not _holds_model(place)):
            raise UsageError(f"{folder}: exists and is not a model folder; choose another place, nothing was written")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_files(partial, model)
        if place.exists():
            place.rename(previous)
        partial.rename(place)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        _recover(place)
        what = "no space is left on the disk" if error.errno == errno.ENOSPC else str(error)
        raise ModelError(
            f"{folder}: the model could not be saved: {what}; what stood there before is unchanged"
        ) from error
    _recover(place)
    return folder


def read_model(folder: str | Path) -> StoredModel:
    """Read a model folder; raises UsageError where there is none, ModelError naming the file that is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load as load_tensors

    folder = Path(folder)
    config, contents = read_files(folder, (_VOCABULARY, _WEIGHTS, _HISTORY))
    try:
        weights = load_tensors(contents[_WEIGHTS])
    except SafetensorError as error:
        raise ModelError(f"{folder / _WEIGHTS}: damaged ({error}); save the model again") from None
    card = folder / _CARD
    return StoredModel(
        config,
        _json(folder / _VOCABULARY, contents[_VOCABULARY]),
        weights,
        _json(folder / _HISTORY, contents[_HISTORY]),
        card.read_text(encoding="utf-8") if card.is_file() else "",
    )


@dataclass(frozen=True, slots=True)
class StoredExport:
    """The content of a model folder without the weights, for an engine that has them in a file of its own."""

    config: dict[str, Any]
    vocabulary: dict[str, Any]
    weights_sha256: str  # of model.safetensors, which an export must have been made from

    def sha256(self, name: str) -> str | None:
        """Give the hash of an export; None where an earlier release wrote it, which noted none."""
        found: str | None = self.config["files"].get(name)
        return found


def read_without_weights(folder: str | Path) -> StoredExport:
    """Read a model folder for the runtime, with the checks of `read_model`, and without torch.

    model.safetensors and history.json may be missing, since neither is read; weights that are present and damaged are
    refused all the same.
    """
    folder = Path(folder)
    config, contents = read_files(folder, (_VOCABULARY,))
    weights_sha256 = config["files"][_WEIGHTS]
    if (folder / _WEIGHTS).exists() and sha256_of(folder / _WEIGHTS) != weights_sha256:
        raise ModelError(f"{folder / _WEIGHTS}: damaged, it is not the file that was saved; save the model again")
    return StoredExport(config, _json(folder / _VOCABULARY, contents[_VOCABULARY]), weights_sha256)


def write_export(folder: Path, name: str, content: bytes) -> Path:
    """Put an export into a model folder, and its hash into config.json; gives its path.

    All is written before anything takes its place. At any moment config.json holds a hash that fits or none, so a kill
    leaves the old export or the new one. Raises ModelError where it can't be written.
    """
    path = folder / name
    config, _ = read_files(folder, ())
    others = {other: sha256 for other, sha256 in config["files"].items() if other != name}
    without, with_hash = (
        _dump({**about, "checksum": _checksum(about)})
        for files in (others, others | {name: hashlib.sha256(content).hexdigest()})
        for about in [{**config, "files": files}]
    )
    steps = [
        (folder / f".{_CONFIG}.without", without, folder / _CONFIG),
        (folder / f".{name}.partial", content, path),
        (folder / f".{_CONFIG}.partial", with_hash, folder / _CONFIG),
    ]
    try:
        for partial, written, _ in steps:
            partial.write_bytes(written)
        for partial, _, place in steps:
            partial.replace(place)
    except OSError as error:
        raise ModelError(f"{path}: can't be written: {error.strerror}; what stood there before is unchanged") from error
    finally:
        for partial, _, _ in steps:
            partial.unlink(missing_ok=True)
    return path


def read_files(folder: Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read config.json and some other files of a model folder, each checked against its hash."""
    _recover(folder.resolve())
    if not folder.is_dir() or not (folder / _CONFIG).is_file():
        what = "has no config.json" if folder.is_dir() else "is a file" if folder.is_file() else "does not exist"
        raise UsageError(
            f"{folder}: not a model folder, it {what}; give a folder that `seqtag train --out` or save() wrote"
        )
    config = _json(folder / _CONFIG, _bytes(folder / _CONFIG))
    if not isinstance(config, dict):
        raise ModelError(f"{folder / _CONFIG}: damaged, it holds no JSON object; save the model again")
    version = config.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelError(
            f"{folder}: format version {version} is newer than this release reads ({FORMAT_VERSION}); "
            f"it was saved by seqtag {config.get('seqtag_version')}: upgrade seqtag"
        )
    if config.pop("checksum", None) != _checksum(config):
        raise ModelError(f"{folder / _CONFIG}: damaged, or edited by hand; save the model again")
    contents = {}
    for name in names:
        contents[name] = _bytes(folder / name)
        if hashlib.sha256(contents[name]).hexdigest() != config["files"][name]:
            raise ModelError(f"{folder / name}: damaged, it is not the file that was saved; save the model again")
    return config, contents


def _write_files(folder: Path, model: StoredModel) -> None:
    from safetensors.torch import save as save_tensors

    from seqtag.version import __version__

    contents = {
        _VOCABULARY: _dump(model.vocabulary, indent=None),
        _WEIGHTS: save_tensors({name: tensor.cpu().contiguous() for name, tensor in model.weights.items()}),
        _HISTORY: _dump(model.history),
    }
    config = {
        "format_version": FORMAT_VERSION,
        "seqtag_version": __version__,
        **model.config,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    contents[_CONFIG] = _dump({**config, "checksum": _checksum(config)})
    contents[_CARD] = model.card.encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _dump(value: Any, indent: int | None = 1) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()


def _checksum(config: Mapping[str, Any]) -> str:
    """Hash the values of a configuration, however it is laid out."""
    return hashlib.sha256(json.dumps(config, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: missing from the model folder; save the model again") from None
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}") from None


def sha256_of(path: Path) -> str:
    """Hash a file piece by piece: weights may be larger than what a serving process has room for.

    Raises ModelError where it can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}") from None
    return digest.hexdigest()


def _json(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: damaged, it is not JSON ({error}); save the model again") from None


def _holds_model(folder: Path) -> bool:
    """Tell a model of ours, even a damaged one, from another program's folder that has a config.json as well."""
    config = folder / _CONFIG
    return config.is_file() and b'"seqtag_version"' in config.read_bytes()[:1000]


def _beside(place: Path, what: str) -> Path:
    return place.parent / f".{place.name}.{what}"


def _recover(place: Path) -> None:
    """Finish what a kill between two renames left: the old model waits beside its place, or the new one is in it."""
    previous = _beside(place, "previous")
    if not previous.is_dir():
        return
    if not place.exists():
        previous.rename(place)
        return
    for entry in previous.iterdir():
        if entry.name not in _OURS and not (place / entry.name).exists():
            entry.rename(place / entry.name)
    shutil.rmtree(previous, ignore_errors=True)
