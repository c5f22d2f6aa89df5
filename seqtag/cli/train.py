"""`seqtag train`: data in, a model folder out; what can go wrong is found before the training where it can be."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.cli.session import INTERRUPTED, is_main_process
from seqtag.cli.sources import pick_split, read_corpus
from seqtag.cli.tasks import TASKS
from seqtag.cli.texts import is_running_text
from seqtag.errors import DataError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset

    from seqtag.models.classifier import Classifier
    from seqtag.models.tagger import Tagger

logger = logging.getLogger("seqtag")


@dataclass(frozen=True, slots=True)
class Splits:
    """The rows that a training needs."""

    train: "Dataset"
    dev: "Dataset | None"  # None: the estimator holds some of train out
    test: "Dataset | None"  # None: nothing is measured at the end
    test_source: str  # for the report's heading


def train(
    data: str,
    estimator: "Tagger | Classifier",
    *,
    out: Path,
    dev: str | None,
    test: str | None,
    resume: bool,
    overwrite: bool,
    tensorboard: Path | None,
) -> int:
    """Train, save, then measure on test; gives the exit code.

    The run's state lies beside `out` until the model is saved. Ctrl-C saves the best model so far and keeps the state,
    so that `resume` can go on.
    """
    state = state_folder(out)
    found = check_out(out, state, resume=resume, overwrite=overwrite)
    try:
        splits = read_splits(data, dev, test, task=estimator.task, **TASKS[estimator.task].reading(estimator))
    except DataError as error:
        if is_running_text(data):
            raise DataError(f"{error}; if this is running text to learn a language model from: --task lm") from None
        raise
    make_room(out, state, found=found, resume=resume)
    fit = partial(estimator.fit, splits.train, dev=splits.dev, tensorboard=tensorboard)
    code = fit_and_save(estimator, fit, out, resume=resume, describe=lambda best: f"dev score {100 * best:.2f}")
    if code == 0 and splits.test is not None and is_main_process():
        print(replace(estimator.evaluate(splits.test), source=splits.test_source).summary())
        logger.info("what goes wrong, and where: seqtag evaluate %s DATA --html report.html", out)
    return code


def fit_and_save(
    estimator: Any, fit: Callable[..., Any], out: Path, *, resume: bool, describe: Callable[[float], str]
) -> int:
    """Train with the state of the run beside `out`, and save; gives the exit code. `describe` words a dev score.

    The model is saved before anything is measured: whatever is wrong with test data must not cost the training.
    """
    state = state_folder(out)
    try:
        fit(checkpoint=state, resume=resume)
    finally:
        with suppress(OSError):
            state.rmdir()  # goes where nothing was kept in it
    if not is_main_process():
        return 0
    estimator.save(out)
    best = max(estimator.history_, key=lambda record: record.dev_score)
    logger.info("saved in %s: epoch %d, %s", out, best.epoch, describe(best.dev_score))
    if estimator.interrupted_:
        logger.warning("the training was interrupted; the same command with --resume goes on with it")
        return INTERRUPTED
    shutil.rmtree(state, ignore_errors=True)
    return 0


def state_folder(out: Path) -> Path:
    """Give the folder beside a model folder that holds the state of its training.

    >>> state_folder(Path("models/ner")).name
    '.ner.checkpoint'
    """
    place = out.absolute()
    return place.with_name(f".{place.name}.checkpoint")


def check_out(out: Path, state: Path, *, resume: bool, overwrite: bool) -> bool:
    """Make sure, before anything is read, that the model may stand in `out`; says whether there is a run to resume.

    Raises UsageError for a place that holds something else, or a model that nobody said may be replaced.
    """
    from seqtag.store import check_place

    holds_model = check_place(out)
    found = state.is_dir() and any(state.iterdir())
    if holds_model and not overwrite and not (resume and found):
        what = "and there is no interrupted run to resume" if resume else "which would be lost"
        raise UsageError(f"{out}: holds a model already, {what}; add --overwrite to replace it, or name another folder")
    return found


def make_room(out: Path, state: Path, *, found: bool, resume: bool) -> None:
    """Make the folder for the state of the run; one that is `found` there stays if it is to be resumed.

    Raises UsageError where nothing can be written, which is better found before the training than after it.
    """
    if found and not resume:
        logger.info("the interrupted run beside %s is discarded; --resume would have gone on with it", out)
    elif resume and not found:
        logger.info("--resume: there is no interrupted run beside %s, so the training starts anew", out)
    try:
        if found and not resume and is_main_process():
            shutil.rmtree(state)
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: nothing can be written there ({error}); name another folder") from None


def read_splits(data: str, dev: str | None, test: str | None, **options: Any) -> Splits:
    """Read the splits: those of `data`, but for dev and test where they have sources of their own."""
    corpus = read_corpus(data, **options)
    if "train" not in corpus:
        raise UsageError(
            f"{data}: has the splits {', '.join(corpus)}, and none is called train; give the file to train on"
        )
    others = {}
    for name, source in (("dev", dev), ("test", test)):
        if source is None:
            others[name] = corpus.get(name)
        else:
            found = read_corpus(source, **options)
            others[name] = pick_split(found, name, source=source, advice="give the file of one split")
    return Splits(corpus["train"], others["dev"], others["test"], test or f"{data}, test")
