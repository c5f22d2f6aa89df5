"""The model folder: JSON and safetensors, never pickle. Written whole or not at all, read with every file checked.

Knows files; knows no model. `config.json` holds a SHA-256 of each other file that a model needs, of its exports and of
itself, so a damaged file is named before anything is built from it.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from seqtag.errors import ModelError, UsageError, one_line
from seqtag.folders import add_what_is_missing, claim_folder, dead_folders, exchange, sole_writer, sync
from seqtag.model_files import as_path, parse_json, read_inside, sha256_of, shown

if TYPE_CHECKING:  # the runtime reads model folders too, and has no torch
    from torch import Tensor

logger = logging.getLogger("seqtag")

ReadT = TypeVar("ReadT")
FORMAT_VERSION = 1
_MOST_READS = 20
_MOST_DEPTH = 50  # of config.json; what is written there has five
_CONFIG, _VOCABULARY, _WEIGHTS = "config.json", "vocabulary.json", "model.safetensors"
_HISTORY, _CARD = "history.json", "README.md"
GAZETTEERS, VECTORS = BESIDE = ("gazetteers.bin", "vectors.bin")  # of lists; of words that training has not seen

_CHECKED = (_VOCABULARY, _WEIGHTS, _HISTORY)

# All files that a model folder may have.
MODEL_FILES = (_CONFIG, _VOCABULARY, _WEIGHTS, _HISTORY, _CARD, *BESIDE, "model.onnx", "model.int8.onnx")

# The files that a new model replaces; an export belongs to the weights that it was made from.
_OURS = {*MODEL_FILES, f".{_CONFIG}.without"}
_OURS |= {f".{name}.partial" for name in MODEL_FILES}  # of an export that was broken off


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The content of a model folder."""

    config: dict[str, Any]  # task, params and whatever else the model wrote; JSON-able
    vocabulary: dict[str, Any]
    weights: "dict[str, Tensor]"
    history: list[dict[str, Any]]
    card: str  # Markdown
    beside: Mapping[str, bytes] = field(default_factory=dict)  # the files of BESIDE that the model has

    def zeros_like(self, *names: str) -> "tuple[Tensor, ...] | None":
        """Give zeros in the sizes of some weights, to build a network that takes them; None where there are none."""
        import torch

        if any(name not in self.weights for name in names):
            return None
        return tuple(torch.zeros_like(self.weights[name]) for name in names)


def check_place(folder: str | Path) -> bool:
    """Say whether a folder holds a model, which may be replaced; raises UsageError where it holds something else."""
    folder = as_path(folder)
    _sweep(folder.resolve())
    if (folder / _CONFIG).is_file():
        return True
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise _foreign(folder)
    return False


def write_model(folder: str | Path, model: StoredModel) -> Path:
    """Write a model folder as `write_contents` does."""
    return write_contents(folder, packed(model))


def write_contents(folder: str | Path, contents: Mapping[str, bytes]) -> Path:
    """Write a model folder beside its place and exchange the two: who reads meanwhile, or after a kill, has one whole.

    `contents` are its files by name; names that no model has are left out. An existing model is replaced, and files in
    its folder that are no part of a model are kept; any other folder with content is left alone. Of several processes
    that save into one place, the last one wins. Raises UsageError for a place that can't be used, ModelError where the
    disk is full.
    """
    folder = as_path(folder)
    place = folder.resolve()  # of a link, the folder that it leads to is the one to replace
    claimed = lock = None
    try:
        _sweep(place)
        _check_replaceable(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        claimed, lock = claim_folder(place.parent, _prefix(place))
        (claimed / "new").mkdir()
        _write_files(claimed / "new", contents)
        while not _put_in_place(claimed, place):
            _check_replaceable(folder)
        sync(place.parent)
    except OSError as error:
        what = "no space is left on the disk" if error.errno == errno.ENOSPC else str(error)
        raise ModelError(
            f"{folder}: the model could not be saved: {what}; what stood there before is unchanged"
        ) from error
    finally:
        if claimed is not None:
            shutil.rmtree(claimed, ignore_errors=True)
        if lock is not None:
            os.close(lock)
    return folder


def read_model(folder: str | Path) -> StoredModel:
    """Read a model folder; raises UsageError where there is none, ModelError naming the file that is damaged."""
    return read_unchanged(folder, partial(_read_model, Path(folder)))


def _read_model(folder: Path) -> StoredModel:
    from safetensors import SafetensorError
    from safetensors.torch import load as load_tensors

    config, contents = read_files(folder, _CHECKED, may_lack=BESIDE)
    try:
        weights = load_tensors(contents[_WEIGHTS])
    except SafetensorError as error:
        raise ModelError(f"{folder / _WEIGHTS}: damaged ({one_line(error)}); save the model again") from None
    try:
        card = read_inside(folder / _CARD).decode(errors="replace")
    except ModelError:  # no answer depends on the card
        card = ""
    vocabulary, history = (parse_json(folder / name, contents[name]) for name in (_VOCABULARY, _HISTORY))
    return StoredModel(config, vocabulary, weights, history, card, {n: contents[n] for n in BESIDE if n in contents})


def read_unchanged(folder: str | Path, read: Callable[[], ReadT]) -> ReadT:
    """Read files of a model folder; once more, where they don't fit because another process saved there meanwhile."""
    for _ in range(_MOST_READS):
        before = _identity(Path(folder))
        try:
            return read()
        except (ModelError, UsageError):
            if _identity(Path(folder)) == before:
                raise
    return read()


def _identity(folder: Path) -> tuple[int, ...] | None:
    try:
        about = folder.stat()
    except (OSError, ValueError):  # ValueError: a name that holds a null character
        return None
    return about.st_dev, about.st_ino, about.st_ctime_ns  # each new name in a folder changes the last


@dataclass(frozen=True, slots=True)
class StoredExport:
    """The content of a model folder without the weights, for an engine that has them in a file of its own."""

    config: dict[str, Any]
    vocabulary: dict[str, Any]
    weights_sha256: str  # of model.safetensors, which an export must have been made from
    beside: Mapping[str, bytes] = field(default_factory=dict)

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
    config, contents = read_files(folder, (_VOCABULARY,), may_lack=BESIDE)
    weights_sha256 = config["files"][_WEIGHTS]
    weights = folder / _WEIGHTS
    if os.path.lexists(weights) and sha256_of(weights, size=config.get("sizes", {}).get(_WEIGHTS)) != weights_sha256:
        raise ModelError(f"{folder / _WEIGHTS}: damaged, it is not the file that was saved; save the model again")
    vocabulary = parse_json(folder / _VOCABULARY, contents[_VOCABULARY])
    return StoredExport(config, vocabulary, weights_sha256, {n: contents[n] for n in BESIDE if n in contents})


def read_contents(folder: str | Path) -> dict[str, bytes]:
    """Give the files of a model by name, exports included, to carry it elsewhere: what `write_contents` takes.

    Each file is checked against its hash. Weights, history and exports that are not there are left out, because the
    runtime needs no weights. Raises as `read_model` does.
    """
    return read_unchanged(folder, partial(_read_contents, Path(folder)))


def _read_contents(folder: Path) -> dict[str, bytes]:
    config, _ = read_files(folder, ())
    needed = {_VOCABULARY, *BESIDE} & set(config["files"])
    there = [name for name in MODEL_FILES if name in needed or os.path.lexists(folder / name)]
    checked = [name for name in there if name in config["files"]]
    _, contents = read_files(folder, checked)
    # An export of an earlier release has no hash here; it holds the hash of the weights that it was made from.
    contents |= {name: read_inside(folder / name) for name in there if name not in (*checked, _CARD)}
    with suppress(ModelError):  # no answer depends on the card
        contents[_CARD] = read_inside(folder / _CARD)
    if parse_json(folder / _CONFIG, contents[_CONFIG])["files"] != config["files"]:
        raise ModelError(f"{folder}: another model was saved there while this one was read; try again")
    return contents


def model_identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give what tells a model from another; exports, whose hashes and sizes are noted too, may come and go."""
    return {**config, "files": config["files"][_WEIGHTS], "sizes": None, "checksum": None}


def read_task(folder: str | Path) -> Any:
    """Give what config.json calls the task, before anything else is read; UsageError where there is no model."""
    path = Path(folder) / "config.json"
    try:
        return parse_json(path, read_inside(path))["task"]
    except (ModelError, KeyError, TypeError):
        return read_model(folder).config.get("task")  # this says what is wrong with the folder


def write_export(folder: Path, name: str, content: bytes) -> Path:
    """Put an export into a model folder, and its hash into config.json; gives its path.

    All is written before anything takes its place. At any moment config.json holds a hash that fits or none, so a kill
    leaves the old export or the new one. Raises ModelError where it can't be written.
    """
    path = folder / name
    try:
        with sole_writer(folder):
            _add_export(folder, name, content)
    except OSError as error:
        raise ModelError(f"{path}: can't be written: {error.strerror}; what stood there before is unchanged") from error
    return path


def _add_export(folder: Path, name: str, content: bytes) -> None:
    config, _ = read_files(folder, ())
    for part in ("files", "sizes"):
        config[part] = {other: noted for other, noted in config.get(part, {}).items() if other != name}
    without = _sealed(config)
    config["files"][name], config["sizes"][name] = hashlib.sha256(content).hexdigest(), len(content)
    with_hash = _sealed(config)
    steps = [
        (folder / f".{_CONFIG}.without", without, folder / _CONFIG),
        (folder / f".{name}.partial", content, folder / name),
        (folder / f".{_CONFIG}.partial", with_hash, folder / _CONFIG),
    ]
    try:
        for written, data, _ in steps:
            written.unlink(missing_ok=True)  # of an export that was broken off, or a link that somebody put there
            written.write_bytes(data)
            sync(written)
        for written, _, place in steps:
            written.replace(place)
        sync(folder)
    finally:
        for written, _, _ in steps:
            written.unlink(missing_ok=True)


def read_files(
    folder: Path, names: Sequence[str], *, may_lack: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read config.json and some other files of a model folder, each checked against its hash.

    A model may lack some: then config.json has no hash of them.
    """
    if not folder.is_dir() or not os.path.lexists(folder / _CONFIG):
        what = "has no config.json" if folder.is_dir() else "is a file" if folder.is_file() else "does not exist"
        raise UsageError(
            f"{folder}: not a model folder, it {what}; give a folder that `seqtag train --out` or save() wrote"
        )
    config = _read_config(folder / _CONFIG)
    contents = {}
    for name in (*names, *(name for name in may_lack if name in config["files"])):
        contents[name] = read_inside(folder / name, size=config.get("sizes", {}).get(name))
        if hashlib.sha256(contents[name]).hexdigest() != config["files"].get(name):
            raise ModelError(f"{folder / name}: damaged, it is not the file that was saved; save the model again")
    return config, contents


def damaged_files(folder: Path) -> list[str]:
    """Name the files of a model folder that are not those that were saved; files that are missing are not named.

    Raises UsageError where there is no model, ModelError where config.json is damaged or from a newer release.
    """
    config, _ = read_files(folder, ())
    return [
        name
        for name, expected in config["files"].items()
        if os.path.lexists(folder / name) and sha256_of(folder / name) != expected
    ]


def _read_config(path: Path) -> dict[str, Any]:
    """Read config.json, and check what this file alone says: its format, its own hash, the hashes of the others."""
    config = parse_json(path, read_inside(path))
    if not isinstance(config, dict):
        raise ModelError(f"{path}: damaged, it holds no JSON object; save the model again")
    if _depth(config) > _MOST_DEPTH:
        raise ModelError(f"{path}: damaged, its lists are nested too deeply; save the model again")
    version = config.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        saved_by = shown(config.get("seqtag_version")).strip("'")
        raise ModelError(
            f"{path.parent}: format version {version} is newer than this release reads ({FORMAT_VERSION}); "
            f"it was saved by seqtag {saved_by}: upgrade seqtag"
        )
    if config.pop("checksum", None) != _checksum(config):
        raise ModelError(f"{path}: damaged, or edited by hand; save the model again")
    files, sizes = config.get("files"), config.get("sizes", {})
    if type(version) is not int or version < 1:
        raise ModelError(
            f"{path}: 'format_version' is {shown(version)}, no version of this format; save the model again"
        )
    if not isinstance(files, dict) or not all(isinstance(files.get(name), str) for name in (*_CHECKED, *files)):
        raise ModelError(f"{path}: 'files' has to hold the hash of each file of the model; save the model again")
    if not isinstance(sizes, dict) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise ModelError(f"{path}: 'sizes' has to hold the bytes of each file of the model; save the model again")
    return config


def _depth(value: Any, level: int = 0) -> int:
    """Say how deep lists and objects are nested, as far as that matters."""
    if level > _MOST_DEPTH or not isinstance(value, (dict, list)):
        return level
    return max(
        (_depth(part, level + 1) for part in (value.values() if isinstance(value, dict) else value)), default=level
    )


def packed(model: StoredModel) -> dict[str, bytes]:
    """Give the files of a model folder by name, for what is not kept in a folder, such as a pickle."""
    from safetensors.torch import save as save_tensors

    from seqtag.version import __version__

    contents = {
        _VOCABULARY: _dump(model.vocabulary, indent=None),
        _WEIGHTS: save_tensors({name: tensor.cpu().contiguous() for name, tensor in model.weights.items()}),
        _HISTORY: _dump(model.history),
        **model.beside,
    }
    config = {
        "format_version": FORMAT_VERSION,
        "seqtag_version": __version__,
        **model.config,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "sizes": {name: len(content) for name, content in contents.items()},
    }
    contents[_CONFIG] = _sealed(config)
    contents[_CARD] = model.card.encode()
    return contents


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """Put the files of a model into a folder that exists inside a `with` block, where they are read as any others."""
    with TemporaryDirectory(prefix="seqtag-") as folder:
        for name in _OURS & set(files):
            Path(folder, name).write_bytes(files[name])
        yield Path(folder)


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        if name in MODEL_FILES:
            (folder / name).write_bytes(content)
            sync(folder / name)
    sync(folder)


def _dump(value: Any, indent: int | None = 1) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()


def _sealed(config: Mapping[str, Any]) -> bytes:
    return _dump({**config, "checksum": _checksum(config)})


def _checksum(config: Mapping[str, Any]) -> str:
    """Hash the values of a configuration, however it is laid out."""
    return hashlib.sha256(json.dumps(config, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def _holds_model(folder: Path) -> bool:
    """Tell a model of ours, even a damaged one, from another program's folder that has a config.json as well."""
    config = folder / _CONFIG
    return config.is_file() and b'"seqtag_version"' in config.read_bytes()[:1000]


def _foreign(folder: Path) -> UsageError:
    return UsageError(f"{folder}: exists and is not a model folder; choose another place, nothing was written")


def _check_replaceable(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not _holds_model(folder)):
        raise _foreign(folder)


def _prefix(place: Path) -> str:
    return f".{place.name}.saving-"


def _put_in_place(claimed: Path, place: Path) -> bool:
    """Give the new folder the name of the place; False where another process has made or taken the place meanwhile."""
    new = claimed / "new"
    if not place.exists():
        try:
            new.rename(place)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True
    try:
        with sole_writer(place):
            add_what_is_missing(place, new, but=_OURS)
            sync(new)
            if exchange(new, place):
                return True
            # Two renames, where the system has no exchange. A kill between them leaves the place empty until `_sweep`.
            place.rename(claimed / "old")
            try:
                new.rename(place)
            except OSError:
                (claimed / "old").rename(place)
                raise
    except FileNotFoundError:
        if place.exists():
            raise
        return False
    return True


def _sweep(place: Path) -> None:
    """Remove what a dead process left when it saved into a place; the old model that it had moved comes back first."""
    for claimed in dead_folders(place.parent, _prefix(place)):
        old = claimed / "old"
        if old.is_dir() and not old.is_symlink() and not os.path.lexists(place):
            old.rename(place)
            logger.warning("%s: a save was broken off here; the model that stood there before is back", place)
