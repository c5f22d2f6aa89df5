"""How the benchmark's workers measure: memory, size, speed, and the latency of single sentences.

    python recipes/benchmark.py --help

Needs the standard library alone. Times are of the wall clock.
"""

import math
import resource
import sys
import time
from pathlib import Path

MOST_SENTENCES = 500


def peak_mib():
    """The most memory that this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # here ru_maxrss would begin with what the parent held when it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def size_mb(system, job):
    """The MB of the files that a system needs to predict: those that it names, else all that it saved."""
    folder = Path(job["model"])
    needed = system.needed(job, folder) if hasattr(system, "needed") else folder.rglob("*")
    return sum(path.stat().st_size for path in needed if path.is_file()) / 1e6


def percentile(values, share):
    """The smallest value that at least this share of the values does not exceed (nearest rank).

    >>> percentile([40, 10, 30, 20], 0.5), percentile([40, 10, 30, 20], 0.99)
    (20, 40)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def speed(answer, questions, seconds, *, num_tokens=None):
    """Tokens a second: whole passes over the questions until the time is over, at least one."""
    num_tokens = num_tokens or sum(map(len, questions))
    started, passes = time.perf_counter(), 0
    while not passes or time.perf_counter() - started < seconds:
        answer(questions)
        passes += 1
    return passes * num_tokens / (time.perf_counter() - started)


def latencies(answer, sentences, seconds):
    """Median and 99th percentile of the milliseconds that one sentence takes, asked alone."""
    answer(sentences[:1])
    spent, end = [], time.perf_counter() + 3 * seconds
    for sentence in sentences[:MOST_SENTENCES]:
        started = time.perf_counter()
        answer([sentence])
        spent.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > end:
            break
    return {"p50_ms": percentile(spent, 0.5), "p99_ms": percentile(spent, 0.99)}
