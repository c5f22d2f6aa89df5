"""Show how far a long piece of work has come: a bar on a terminal, a line now and then elsewhere. Knows no work.

Both go to standard error, and work that is soon done shows neither.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

logger = logging.getLogger("seqtag")

_SECONDS_TO_BAR = 1.0
_SECONDS_TO_LINE = 5.0

Item = TypeVar("Item")


_bars_are_allowed = True


@contextmanager
def bars_allowed(allowed: bool) -> Iterator[None]:
    """Say whether bars may be shown inside a block."""
    global _bars_are_allowed
    before, _bars_are_allowed = _bars_are_allowed, allowed
    try:
        yield
    finally:
        _bars_are_allowed = before


def shows_bars() -> bool:
    """Say whether progress is shown as a bar: on a terminal, unless that was ruled out."""
    return _bars_are_allowed and sys.stderr.isatty()


def watched(
    items: Iterable[Item], work: str, *, total: int, size: Callable[[Any], int] | None = None
) -> Iterator[Item]:
    """Give items one by one, and show how many of `total` are done; `size` says what an item counts, by default 1.

    >>> list(watched(["a", "b"], "reading files", total=2))
    ['a', 'b']
    """
    done, begun = 0, time.perf_counter()
    said, bar = begun, None
    try:
        for item in items:
            yield item
            done += 1 if size is None else size(item)
            now = time.perf_counter()
            if bar is not None:
                bar(done)
            elif shows_bars():
                bar = _Bar(work, total) if now - begun >= _SECONDS_TO_BAR else None
            elif now - said >= _SECONDS_TO_LINE:
                logger.info("%s: %s of %s", work, f"{min(done, total):,}", f"{total:,}")
                said = now
    finally:
        if bar is not None:
            bar.close()


class _Bar:
    def __init__(self, work: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("left"), TimeRemainingColumn()
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._progress.start()
        self._task = self._progress.add_task(work, total=total)

    def __call__(self, done: int) -> None:
        self._progress.update(self._task, completed=done)

    def close(self) -> None:
        self._progress.stop()
