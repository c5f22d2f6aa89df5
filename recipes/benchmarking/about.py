"""What stands above the benchmark's table: corpus, machine, systems, and what the figures are and are not.

python recipes/benchmark.py --help
"""

import os
import platform
import statistics

from benchmarking.figures import BASE

from seqtag import __version__


def about(args, sizes, peers, absent):
    """Name the corpus, the machine, and the systems with their releases; say which peers are absent, and why."""
    corpus = ", ".join(f"{split} {n:,} sentences, {tokens:,} tokens" for split, (n, tokens) in sizes.items() if n)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{platform.machine()}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [f"{args.data}: {corpus}", machine, f"seqtag {__version__}: Tagger(hidden_size={args.hidden_size})"]
    lines += [f"{name} {version}" for name, (_, version) in peers.items()]
    return lines + [f"{name} is not here: {why}; name its Python with --peer-python" for name, why in absent.items()]


def about_rounds(runs, limits, failed):
    """Say what the table's figures are shares of, what they are not, and which systems failed."""
    lines = [f"{name} failed: {why}" for name, why in failed.items()]
    for threads in dict.fromkeys(threads for threads, _ in limits):
        own = [gflops for place, gflops in limits.items() if place[0] == threads]
        middle = f"{statistics.median(own):.0f} ({min(own):.0f}-{max(own):.0f})"
        lines.append(f"limit with threads {threads}: {middle} GFLOP/s in a product of 2048 x 2048 float32")
    parts = next(run["predict_operations"] for run in runs if run["system"] == BASE)
    counted = ", ".join(f"{part} {number:,.0f}" for part, number in parts.items())
    lines.append(f"multiply-adds a token, predicting: {counted}; training: three times that")
    lines.append("F1 is strict, on dev, after the passes named: enough for speed, not for quality; see --until")
    notes = {
        "crfsuite": "crfsuite's passes are iterations of its optimiser over the whole corpus; it reads no raw text",
        "flair": "flair was trained on the first sentences only (--flair-sentences): its F1 says nothing",
    }
    return lines + [note for system, note in notes.items() if any(run["system"] == system for run in runs)]
