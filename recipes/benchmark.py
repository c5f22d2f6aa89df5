"""Measure seqtag beside its peers, on one machine and the same sentences: speed, latency, memory, size, F1.

    python recipes/benchmark.py                                              # on data/, in some minutes
    python recipes/benchmark.py --data CORPUS --peer-python flair=venv-flair/bin/python --json runs.json
    python recipes/benchmark.py --until 60                                   # seconds of training until F1 on dev is 60
    python recipes/benchmark.py --cost                                       # cost against length, batch, stream: long

Leave the machine alone meanwhile. A round trains and asks each system once, each time in fresh processes; rounds take
turns (A B A B). Shown are medians with their range, ratios to seqtag with torch within a round, and the share of the
measured matrix product that the counted operations reach (`benchmarking/limit.py`). Speed is of dev + test,
pre-tokenised; "raw text" of the same with a blank between tokens, tokenising included. Peers: crfsuite, spacy, flair.
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarking.about import about, about_rounds
from benchmarking.corpus import write_corpus
from benchmarking.cost import cost
from benchmarking.figures import BASE, ENGINES, completed, summary
from benchmarking.options import read_arguments
from benchmarking.rounds import rounds
from benchmarking.runs import FailedError, ask, find
from benchmarking.table import table
from benchmarking.until import time_to_f1
from rich.console import Console

from seqtag import SeqtagError


def tell(text):
    print(text, file=sys.stderr, flush=True)


def run(args, folder):
    """Measure what is asked for; gives lines of text, a table, and all runs as JSON has them."""
    sizes = write_corpus(args.data, folder)
    job = {name: getattr(args, name) for name in ("epochs", "hidden_size", "seconds", "flair_sentences")}
    job |= {"corpus": str(folder), "until": args.until is not None, "model": str(folder / "model")}
    turns = [{"threads": threads, "round": i + 1} for threads in args.threads for i in range(args.rounds)]
    if args.cost:
        job |= {"threads": args.threads[0], "epochs": args.epochs or 1}
        tell("training a model")
        ask({**job, "system": BASE, "stage": "train"})
        return about(args, sizes, {}, {}), *cost(job, ENGINES, args.streams, tell)
    tell("looking for the peers")
    peers, absent = find(args.pythons, args.peers)
    lines = about(args, sizes, peers, absent)
    pythons = {BASE: sys.executable} | {name: python for name, (python, _) in peers.items()}
    jobs = [{**job, **turn, "system": system} for turn in turns for system in pythons]
    if args.until is not None:
        return lines, *time_to_f1(jobs, pythons, args.until, tell)
    runs, limits, failed = rounds(jobs, pythons, args.epochs or 2, tell)
    runs = completed(runs, limits)
    return lines + about_rounds(runs, limits, failed), table(summary(runs)), runs


def main(given=None):
    args = read_arguments(__doc__, given)
    console = Console(record=args.html is not None, width=None if sys.stdout.isatty() else 190)
    try:
        with tempfile.TemporaryDirectory() as folder:
            lines, laid, runs = run(args, Path(folder))
    except (SeqtagError, FailedError) as error:
        sys.exit(str(error))
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(laid)
    if args.html:
        console.save_html(str(args.html))
    if args.json:
        args.json.write_text(json.dumps({"about": lines, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
