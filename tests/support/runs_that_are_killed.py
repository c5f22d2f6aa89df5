"""Train in child processes that die by SIGKILL at given moments and are started again: for test_checkpoint.py.

    python tests/support/runs_that_are_killed.py FOLDER

trains each run of RUNS and saves its model as FOLDER/NAME. The first process of a run dies at the run's first moment,
the next resumes and dies at the second, and so on until one comes to the end.
"""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# What training loads late is loaded here, once and not in each child.
import accelerate  # noqa: F401
import safetensors.torch
import torch
import torch._dynamo  # noqa: F401
from tiny import TAGS, TOKENS, tiny_tagger

from seqtag import LanguageModel
from seqtag.models import fitting
from seqtag.models.tagging.dev_score import DevScore

_BEFORE_ANY = [("step", 1, 1)]
_MOMENTS = [
    ("step", 1, 2),  # after checkpoints in the middle of the epoch
    ("epoch", 1, 0),  # between epochs, before the checkpoint of its end
    ("write", 2, 0),  # half of a checkpoint is on the disk
    ("rename", 2, 0),  # the whole of it is, under another name
    ("step", 3, 1),
    ("dev score", 3, 0),
    ("epoch", 3, 0),  # the last
]
# Of twelve steps an epoch; a language model's dev score is no DevScore.
_OF_A_TEXT = [
    *_BEFORE_ANY,
    ("step", 1, 2),
    ("step", 1, 7),  # twice in one epoch
    ("epoch", 1, 0),
    ("write", 2, 0),
    ("rename", 2, 0),
    ("step", 3, 11),
]
_TEXT = ["the rain in spain falls on the plain, and then it stays.\n" * 8]
_SMALL = {"hidden_size": 6, "embedding_size": 5, "bptt": 9, "batch_size": 4, "device": "cpu"}


def _tagger(**options: Any) -> Callable[..., Any]:
    return partial(tiny_tagger(epochs=3, **options).fit, TOKENS[:12], TAGS[:12], dev=(TOKENS, TAGS))


def _tagger_whose_context_learns(**options: Any) -> Callable[..., Any]:
    lent = LanguageModel(**_SMALL, epochs=1).fit([" ".join(tokens) for tokens in TOKENS], watchers=())
    return _tagger(context=[lent], context_learning_rate=0.003, **options)


def _language_model(**options: Any) -> Callable[..., Any]:
    return partial(LanguageModel(**_SMALL, epochs=3, **options).fit, _TEXT)


# what gives a `fit` with its data, options, seconds between checkpoints, moments
RUNS: dict[str, tuple[Callable[..., Callable[..., Any]], dict[str, Any], float, list[tuple[str, int, int]]]] = {
    "adamw": (_tagger, {"dropout": 0.0, "word_dropout": 0.0, "embedding_dropout": 0.0}, 0.0, _BEFORE_ANY + _MOMENTS),
    "dropout and average": (_tagger, {"ema": 0.9, "encoder": "gru", "num_layers": 2}, 0.0, _MOMENTS),
    "no checkpoint within an epoch": (
        _tagger,
        {"ema": 0.9, "patience": 2},
        1e9,
        [*_BEFORE_ANY, ("step", 2, 2), ("epoch", 2, 0)],
    ),
    "sgd": (_tagger, {"optimizer": "sgd", "head": "linear", "seeds": 2}, 0.0, [("step", 2, 2), ("write", 2, 0)]),
    "context that learns": (_tagger_whose_context_learns, {}, 0.0, [("step", 1, 2), ("step", 3, 1)]),
    "language model": (
        _language_model,
        {"num_layers": 2, "weight_drop": 0.2, "embedding_dropout": 0.1},
        0.0,
        _OF_A_TEXT,
    ),
    "language model, no checkpoint within an epoch": (
        _language_model,
        {"encoder": "gru", "ema": 0.9, "direction": "backward"},
        1e9,
        [*_BEFORE_ANY, ("step", 2, 5), ("epoch", 2, 0)],
    ),
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    """A watcher that ends its process at one moment."""

    def __init__(self, moment: tuple[str, int, int] | None) -> None:
        self.kind, self.epoch_number, self.step_number = moment or ("never", 0, 0)
        self.epoch_now = 0
        if self.kind == "write":
            safetensors.torch.save_file = self._half_a_file
        if self.kind == "rename":
            Path.replace = self._no_rename  # type: ignore[method-assign,assignment]
        if self.kind == "dev score":
            whole = DevScore.__call__
            DevScore.__call__ = lambda score, network: self._at("dev score") or whole(score, network)  # type: ignore[method-assign]

    def _at(self, kind: str, step: int = 0) -> None:
        if (self.kind, self.epoch_number, self.step_number) == (kind, self.epoch_now, step):
            _die()

    def _half_a_file(self, tensors: Any, path: Any, metadata: Any) -> None:
        content = safetensors.torch.save(tensors, metadata)
        Path(path).write_bytes(content[: len(content) // 2])
        self._at("write")
        Path(path).write_bytes(content)

    def _no_rename(self, target: Any) -> None:
        self._at("rename")
        os.replace(str(target) + ".partial", target)

    def start(self, *, epochs: int, steps: int) -> None:
        """Nothing dies here."""

    def step(self, *, epoch: int, step: int, steps: int, loss: float, tokens: int) -> None:
        """A step is done, its checkpoint not yet."""
        self.epoch_now = epoch
        self._at("step", step)

    def epoch(self, record: Any) -> None:
        """An epoch is done, its checkpoint not yet."""
        self.epoch_now = record.epoch
        self._at("epoch")

    def close(self) -> None:
        """Nothing is open."""


def train(folder: Path, name: str, moment: tuple[str, int, int] | None) -> None:
    """Train one run, from its checkpoint if there is one, and save its model."""
    make, options, seconds, _ = RUNS[name]
    fitting.Trainer = partial(fitting.Trainer, checkpoint_seconds=seconds)  # type: ignore[misc,assignment]
    fit, place = make(**options), folder / "checkpoints" / name
    fit(checkpoint=place, resume=True, watchers=[Killer(moment)]).save(folder / name)


def main(folder: Path) -> None:
    """Train all runs; each attempt in a fork, which is as good as a new process, and quicker than importing torch."""
    tiny_tagger(epochs=1).fit(TOKENS, TAGS, watchers=())  # fills what libraries look up once in a process
    gc.freeze()
    for name, (*_, moments) in RUNS.items():
        for moment in [*moments, None]:
            child = os.fork()
            if not child:
                try:
                    train(folder, name, moment)
                    os._exit(0)
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status != (0 if moment is None else -signal.SIGKILL):
                sys.exit(f"run {name!r} with the moment {moment} ended with {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
