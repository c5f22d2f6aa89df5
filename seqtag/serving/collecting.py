"""Keep what people have corrected: a file of JSON lines that `load_corpus` reads, one text each."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtag.errors import DataError

_KINDS = {"spans": "spans", "label": "a class", "labels": "lists of classes"}


class Collector:
    """Adds texts to a file; a text that is kept again takes the place of what was kept of it before.

    A file holds texts of one kind, as a corpus does: with spans, with a class, or with lists of classes.
    """

    def __init__(self, path: str | Path) -> None:
        """Read what the file holds already; DataError, by line, where that is not what was collected here."""
        self.path = Path(path)
        self._kept: dict[tuple[str, str], str] = {}
        self._kind: str | None = None
        self._lock = threading.Lock()
        try:
            with self.path.open("a+", encoding="utf-8", newline="\n") as file:
                file.seek(0)
                # Not splitlines: in a text may stand what that takes for the end of a line.
                *lines, rest = file.read().split("\n")
                for number, line in enumerate([*lines, rest] if rest else lines, 1):
                    self._read(line, number)
                if rest:
                    file.write("\n")
        except OSError as error:
            raise DataError(f"{path}: can't be read and written: {error.strerror}; name another file") from None
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not text in UTF-8 ({error.reason}); name another file") from None

    def _read(self, line: str, number: int) -> None:
        try:
            record = json.loads(line.removeprefix("\ufeff"))
            self._kept[_key(record)] = line
            self._kind = self._kind_of(record)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DataError(
                f"{self.path}:{number}: no text that was collected here: {line[:60]!r}; name another file"
            ) from None

    def __len__(self) -> int:
        return len(self._kept)

    def _kind_of(self, record: Mapping[str, Any]) -> str:
        kind = next(kind for kind in (*_KINDS, "") if kind in record or not kind)
        if not kind or self._kind not in (None, kind):
            have, given = _KINDS[self._kind or "spans"], _KINDS.get(kind, "none of them")
            raise DataError(f"the file that collects holds texts with {have}, and this one has {given}")
        return kind

    def keep(self, record: Mapping[str, Any]) -> int:
        """Add a text with its labels, safe on disk when this returns; gives how many texts there are.

        Raises DataError for a text of another kind than those in the file.
        """
        line, key = json.dumps(record, ensure_ascii=False), _key(record)
        with self._lock:
            kind = self._kind_of(record)
            if key not in self._kept:
                with self.path.open("a", encoding="utf-8", newline="\n") as file:
                    _finish(file, line + "\n")
            else:
                part = self.path.with_name(f".{self.path.name}.part")
                with part.open("w", encoding="utf-8", newline="\n") as file:
                    _finish(file, "".join(f"{line}\n" for line in {**self._kept, key: line}.values()))
                part.replace(self.path)
            self._kept[key], self._kind = line, kind
            return len(self._kept)


def _key(record: Mapping[str, Any]) -> tuple[str, str]:
    return ("id", str(record["id"])) if "id" in record else ("text", str(record["text"]))


def _finish(file: Any, content: str) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
