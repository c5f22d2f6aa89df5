"""`seqtag train`: data in, a model folder out; what can go wrong is found before the training where it can be."""

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.cli.model_folder import Place
from seqtag.cli.process import is_main_process
from seqtag.cli.sources import pick_split, read_corpus
from seqtag.cli.tasks import TASKS
from seqtag.cli.text_sources import is_running_text
from seqtag.errors import DataError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset

    from seqtag.models.classifying.classifier import Classifier
    from seqtag.models.tagging.tagger import Tagger

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

    The model is saved before anything is measured: whatever is wrong with test data must not cost the training.
    """
    place = Place.check(out, resume=resume, overwrite=overwrite)
    try:
        splits = read_splits(data, dev, test, task=estimator.task, **TASKS[estimator.task].reading(estimator))
    except DataError as error:
        if is_running_text(data):
            raise DataError(f"{error}; if this is running text to learn a language model from: --task lm") from None
        raise
    place.make_room()
    fit = partial(estimator.fit, splits.train, dev=splits.dev, tensorboard=tensorboard)
    code = place.fill(estimator, fit, describe=lambda best: f"dev score {100 * best:.2f}")
    if code == 0 and splits.test is not None and is_main_process():
        print(replace(estimator.evaluate(splits.test), source=splits.test_source).summary())
        logger.info("what goes wrong, and where: seqtag evaluate %s DATA --html report.html", out)
    return code


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
