"""seqtag in the benchmark: trained with torch, exported, and asked through torch.

    python recipes/benchmark.py --help

The model is `Tagger(hidden_size=256)` on the CPU, all else by default. Exports stand in folders of their own, so that
each row of the table is the engine that it names.
"""

from benchmarking.limit import multiply_adds
from benchmarking.onnx import EXPORTS, spans, tags

from seqtag import Tagger, __version__

__all__ = ["VERSION", "load", "needed", "save", "spans", "tags", "train"]

VERSION = __version__


class EpochTimes:
    """A watcher of `fit`: the seconds of training, without those of scoring dev."""

    def __init__(self, after_epoch):
        self.after_epoch, self.seconds = after_epoch, 0.0

    def start(self, *, epochs, steps):
        """Training begins."""
        self.steps = steps

    def step(self, **progress):
        """One step is done."""

    def epoch(self, record):
        """One epoch is done; its score on dev is the strict F1 that a report would have."""
        self.seconds += record.seconds
        self.after_epoch(self.seconds, f1=100 * record.dev_score)

    def close(self):
        """Training has ended."""


def train(job, train, dev, after_epoch):
    watcher = EpochTimes(after_epoch)
    tagger = Tagger(hidden_size=job["hidden_size"], epochs=job["epochs"], device="cpu")
    tagger.fit(*train, dev=dev, watchers=[watcher])
    num_tokens, passes = sum(map(len, train[0])), len(tagger.history_)
    params, num_tags = tagger.get_params(), len(tagger.tagset_.names)
    sizes = params, num_tags, tagger.vocabulary_.num_characters
    return tagger, {
        "train": passes * num_tokens / watcher.seconds,
        "passes": passes,
        "train_operations": multiply_adds(*sizes, num_tokens / watcher.steps),
        "predict_operations": multiply_adds(*sizes, params["max_tokens"]),
    }


def save(tagger, folder):
    tagger.save(folder / "torch")
    for name, _, options in EXPORTS.values():
        tagger.save(folder / name)
        tagger.export(folder / name, **options)


def load(job, folder):
    return Tagger.load(folder / "torch", device="cpu")


def needed(job, folder):
    return [folder / "torch" / file for file in ("config.json", "vocabulary.json", "model.safetensors")]
