"""Keep what people have corrected: a file of JSON lines that `load_corpus` reads, one text each."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtag.errors import DataError


class Collector:
    """Adds texts to a file; a text that is kept again takes the place of what was kept of it before."""

    def __init__(self, path: str | Path) -> None:
        """Read what the file holds already; DataError, by line, where that is not what was collected here."""
        self.path = Path(path)
        self._kept: dict[str, str] = {}
        self._lock = threading.Lock()
        if self.path.exists():
            for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
                try:
                    self._kept[_key(json.loads(line))] = line
                except (ValueError, KeyError, TypeError):
                    raise DataError(
                        f"{self.path}:{number}: no text that was collected here: {line[:60]!r}; name another file"
                    ) from None
        else:
            self.path.touch()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, record: Mapping[str, Any]) -> int:
        """Add a text with its labels, safe on disk when this returns; gives how many texts there are."""
        line, key = json.dumps(record, ensure_ascii=False), _key(record)
        with self._lock:
            is_new = key not in self._kept
            self._kept[key] = line
            if is_new:
                with self.path.open("a", encoding="utf-8") as file:
                    _finish(file, line + "\n")
            else:
                part = self.path.with_name(f".{self.path.name}.part")
                with part.open("w", encoding="utf-8") as file:
                    _finish(file, "".join(f"{line}\n" for line in self._kept.values()))
                part.replace(self.path)
            return len(self._kept)


def _key(record: Mapping[str, Any]) -> str:
    return f"#{record['id']}" if "id" in record else str(record["text"])


def _finish(file: Any, content: str) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
