"""The file from which a killed run goes on: tensors, and facts that JSON can hold.

It is written whole or not at all, and every byte is checked when it is read. This module knows no network and no
optimiser; training/loop.py says what the file holds.
"""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqtag.errors import ModelError


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write one file beside the old one and rename it: a kill leaves the old checkpoint or the new, never half.

    Raises ModelError where it can't be written, as on a full disk; the old file is kept.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about, sort_keys=True)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(held, partial, metadata={"about": text, "digest": _digest(held, text)})
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        what = "no space is left on the disk" if full else str(error)
        raise ModelError(
            f"{path}: the checkpoint could not be written: {what}; mend that, then resume from the one before, if any"
        ) from error


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint; raises ModelError if a byte differs from what was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable checkpoint ({error}); delete it to start anew") from None
    text = metadata.get("about", "")
    if metadata.get("digest") != _digest(tensors, text):
        raise ModelError(f"{path}: this checkpoint is damaged: its checksum does not fit; delete it to start anew")
    return tensors, json.loads(text)


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Give the tensors whose names start with the prefix, by the rest of their names."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _digest(tensors: Mapping[str, Tensor], about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"|{name} {tensor.dtype} {list(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
