"""Train in as many processes as a launcher starts: a program for test_loop.py.

python -m torch.distributed.run --standalone --nproc_per_node 2 tests/support/run_in_two_processes.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

from accelerate import PartialState
from tiny import TAGS, TOKENS, tiny_tagger

import seqtag

# 22 sentences in batches of three: the last batch is one sentence, so one of two processes has nothing to do. Some
# sentences are empty, so that a process may have a share from which most parameters get no gradient.
TRAIN = [*TOKENS[:19], [], [], []], [*TAGS[:19], [], [], []]
WITHOUT_CHANCE = dict.fromkeys(("dropout", "embedding_dropout", "lexical_dropout", "word_dropout"), 0.0)
RUNS: dict[str, dict[str, Any]] = {
    "adamw": {"clip": 0.5, "ema": 0.5, "class_weights": {"PER": 2.0}},
    "sgd": {"optimizer": "sgd", "head": "linear", "learning_rate": 0.1, "lexical_learning_rate": 0.1},
}


def train(name: str) -> "seqtag.Tagger":
    """Train one of RUNS, in as many processes as were launched."""
    return tiny_tagger(batch_size=3, **WITHOUT_CHANCE, **RUNS[name]).fit(*TRAIN, dev=(TOKENS, TAGS), watchers=[])


if __name__ == "__main__":
    for run in RUNS:
        folder = train(run).save(Path(sys.argv[1]) / run)
        if PartialState().is_main_process:
            (folder / "processes").write_text(str(PartialState().num_processes))
