"""Time to a given F1 on dev: how many seconds of training each system of the benchmark needs to get there.

python recipes/benchmark.py --until 60
"""

import json
import statistics
import tempfile
from pathlib import Path

from benchmarking.corpus import strict_f1
from benchmarking.runs import FailedError, ask
from rich import box
from rich.table import Table


def first_reach(epochs, wanted):
    """Seconds and number of the first epoch whose F1 reaches what is wanted; None where none does.

    >>> first_reach([(1.5, 40.0), (3.0, 61.0), (4.5, 70.0)], 60)
    (3.0, 2)
    """
    reached = [(seconds, i) for i, (seconds, f1) in enumerate(epochs, 1) if f1 >= wanted]
    return reached[0] if reached else None


def watch(job, python, gold, wanted):
    """Train until an epoch reaches the F1 that is wanted, or to the end; gives seconds so far and F1 of each epoch."""
    epochs = []

    def hear(said):
        if "seconds" not in said:
            return None
        f1 = said["f1"] if "f1" in said else strict_f1(gold, json.dumps(said["tags"]))
        epochs.append((said["seconds"], f1))
        return f1 < wanted

    ask(job, python, hear)
    return epochs


def time_to_f1(jobs, pythons, wanted, tell):
    """Run the jobs in their order; gives a table and all that was seen."""
    gold = json.dumps(json.loads((Path(jobs[0]["corpus"]) / "dev.json").read_text(encoding="utf-8"))["tags"])
    runs = []
    for job in jobs:
        tell(f"threads {job['threads']}, round {job['round']}: {job['system']} trains until F1 is {wanted:g}")
        with tempfile.TemporaryDirectory() as folder:
            asked = {**job, "stage": "train", "model": str(Path(folder) / "model")}
            try:
                runs.append({**job, "epochs_seen": watch(asked, pythons[job["system"]], gold, wanted)})
            except FailedError as error:
                tell(f"{job['system']} failed: {error}")
    title = f"Seconds of training, without the scoring of dev, until strict F1 on dev is {wanted:g}"
    laid = Table("threads", "system", "seconds", "range", "epochs", "best F1", title=title, box=box.SIMPLE)
    for threads, system in dict.fromkeys((run["threads"], run["system"]) for run in runs):
        own = [run["epochs_seen"] for run in runs if (run["threads"], run["system"]) == (threads, system)]
        reached = [found for epochs in own if (found := first_reach(epochs, wanted))]
        cells = ["not reached", f"{len(reached)} of {len(own)} runs did", "-"]
        if len(reached) == len(own):
            seconds = [found[0] for found in reached]
            cells = [f"{statistics.median(seconds):.1f}", f"{min(seconds):.1f}-{max(seconds):.1f}"]
            cells.append(f"{statistics.median(epoch for _, epoch in reached):g}")
        laid.add_row(str(threads), system, *cells, f"{max(f1 for epochs in own for _, f1 in epochs):.1f}")
    return laid, runs
