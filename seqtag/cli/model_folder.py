"""Where a command puts the model that it trains: a folder, and beside it the state of the run until that is saved."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtag.cli.process import INTERRUPTED, is_main_process
from seqtag.errors import UsageError

logger = logging.getLogger("seqtag")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder `out` of a model to be. In the order of the methods: checked, made ready, filled."""

    out: Path
    resume: bool = False  # an interrupted run is to go on
    found: bool = False  # there is one

    @property
    def state(self) -> Path:
        """The folder beside `out` that holds the state of the training.

        >>> Place(Path("models/ner")).state.name
        '.ner.checkpoint'
        """
        place = self.out.absolute()
        return place.with_name(f".{place.name}.checkpoint")

    @classmethod
    def check(cls, out: Path, *, resume: bool, overwrite: bool) -> "Place":
        """Make sure, before anything is read, that the model may stand in `out`.

        Raises UsageError for a place that holds something else, or a model that nobody said may be replaced.
        """
        from seqtag.store import check_place

        holds_model = check_place(out)
        state = cls(out).state
        found = state.is_dir() and any(state.iterdir())
        if holds_model and not overwrite and not (resume and found):
            what = "and there is no interrupted run to resume" if resume else "which would be lost"
            raise UsageError(
                f"{out}: holds a model already, {what}; add --overwrite to replace it, or name another folder"
            )
        return cls(out, resume, found)

    def make_room(self) -> None:
        """Make the folder for the state of the run; one that was found there stays if it is to be resumed.

        Raises UsageError where nothing can be written, which is better found before the training than after it.
        """
        if self.found and not self.resume:
            logger.info("the interrupted run beside %s is discarded; --resume would have gone on with it", self.out)
        elif self.resume and not self.found:
            logger.info("--resume: there is no interrupted run beside %s, so the training starts anew", self.out)
        try:
            if self.found and not self.resume and is_main_process():
                shutil.rmtree(self.state)
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.out}: nothing can be written there ({error}); name another folder") from None

    def fill(self, estimator: Any, fit: Callable[..., Any], *, describe: Callable[[float], str]) -> int:
        """Train with `fit`, the state of the run kept, and save; gives the exit code. `describe` words a dev score.

        Ctrl-C saves the best model so far and keeps the state, so that `resume` can go on.
        """
        try:
            fit(checkpoint=self.state, resume=self.resume)
        finally:
            with suppress(OSError):
                self.state.rmdir()  # goes where nothing was kept in it
        if not is_main_process():
            return 0
        estimator.save(self.out)
        best = max(estimator.history_, key=lambda record: record.dev_score)
        logger.info("saved in %s: epoch %d, %s", self.out, best.epoch, describe(best.dev_score))
        if estimator.interrupted_:
            logger.warning("the training was interrupted; the same command with --resume goes on with it")
            return INTERRUPTED
        shutil.rmtree(self.state, ignore_errors=True)
        return 0
