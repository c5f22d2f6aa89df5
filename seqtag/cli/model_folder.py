"""Where a command puts the model that it trains: a folder, and beside it the state of a run that is not saved yet."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtag.cli.process import INTERRUPTED
from seqtag.errors import UsageError
from seqtag.training.launch import is_main_process

logger = logging.getLogger("seqtag")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder `out` of a model that is to be trained; a command calls the methods in the order they stand in."""

    out: Path
    resume: bool = False  # whether an interrupted run is to go on
    has_interrupted_run: bool = False

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
        """Make sure, before any data is read, that the model may be saved in `out`.

        Raises UsageError if something else stands there, or a model without `overwrite` that allows to replace it.
        """
        from seqtag.store import check_place

        holds_model = check_place(out)
        state = cls(out).state
        has_interrupted_run = state.is_dir() and any(state.iterdir())
        if holds_model and not overwrite and not (resume and has_interrupted_run):
            problem = "and there is no interrupted run to resume" if resume else "which would be lost"
            raise UsageError(
                f"{out}: holds a model already, {problem}; add --overwrite to replace it, or name another folder"
            )
        return cls(out, resume, has_interrupted_run)

    def make_room(self) -> None:
        """Make the folder for the state of the run; the state of an interrupted run is kept if that is to be resumed.

        Raises UsageError if nothing can be written there, which is better known before the training than after it.
        """
        is_discarded = self.has_interrupted_run and not self.resume
        if is_discarded:
            logger.info("the interrupted run beside %s is discarded; --resume would have gone on with it", self.out)
        elif self.resume and not self.has_interrupted_run:
            logger.info("--resume: there is no interrupted run beside %s, so the training starts anew", self.out)
        try:
            if is_discarded and is_main_process():
                shutil.rmtree(self.state)
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.out}: nothing can be written there ({error}); name another folder") from None

    def fill(self, estimator: Any, fit: Callable[..., Any], *, describe: Callable[[float], str]) -> int:
        """Train with `fit`, save the model and return the exit code; `describe` puts a dev score into words.

        Ctrl-C saves the best model so far and keeps the state of the run, so that `resume` can go on with it.
        """
        try:
            fit(checkpoint=self.state, resume=self.resume)
        finally:
            with suppress(OSError):
                self.state.rmdir()  # this fails, and keeps the folder, if it holds a state
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
