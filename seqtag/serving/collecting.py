"""Keep what people have corrected: a file of JSON lines that `load_corpus` reads, one text each."""

import json
import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqtag.errors import DataError
from seqtag.text.tokenizer import Token

_SHOWN = 60  # characters of a span in a message
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


def widened(record: Mapping[str, Any], tokens: Sequence[Token]) -> tuple[dict[str, Any], list[str]]:
    """Move the ends of spans that cut a token outwards, as `load_corpus` would; gives also a sentence for each one.

    A tag belongs to a whole token. Raises DataError where two spans have a token in common: one of them would be lost.

    >>> text = {"text": "Ada left", "spans": [{"start": 0, "end": 2, "label": "PER"}]}
    >>> moved, said = widened(text, [Token("Ada", 0, 3), Token("left", 4, 8)])
    >>> moved["spans"], said
    ([{'start': 0, 'end': 3, 'label': 'PER'}], ["PER span 0:2 'Ad' cuts a token; moved to 0:3 'Ada'"])
    """
    text, starts, ends = record["text"], [token.start for token in tokens], [token.end for token in tokens]
    spans: list[dict[str, Any]] = []
    said: list[str] = []
    for span in sorted(record["spans"], key=lambda span: int(span["start"])):
        words = text[span["start"] : span["end"]]
        start = span["start"] + len(words) - len(words.lstrip())
        end = span["end"] - len(words) + len(words.rstrip())
        first, last = bisect_right(ends, start), bisect_left(starts, end) - 1
        low, high = (starts[first], ends[last]) if first <= last else (start, end)
        if spans and low < spans[-1]["end"]:
            both = text[low : max(high, spans[-1]["end"])][:_SHOWN]
            raise DataError(f"two spans lie in one token, {both!r}, and a token has one tag; remove one of them")
        if (low, high) != (start, end):
            shown = f"{span['label']} span {start}:{end} {text[start:end][:_SHOWN]!r}"
            said.append(f"{shown} cuts a token; moved to {low}:{high} {text[low:high][:_SHOWN]!r}")
            span = {**span, "start": low, "end": high}
        spans.append(span)
    return {**record, "spans": spans}, said


def _key(record: Mapping[str, Any]) -> tuple[str, str]:
    return ("id", str(record["id"])) if "id" in record else ("text", str(record["text"]))


def _finish(file: Any, content: str) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
