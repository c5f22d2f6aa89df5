"""Measure seqtag beside its peers on one machine and the same sentences: speed, latency, memory, size, F1.

    python recipes/benchmark.py                                              # on data/, in some minutes
    python recipes/benchmark.py --data CORPUS --peer-python flair=venv-flair/bin/python --json runs.json
    python recipes/benchmark.py --until 60                                   # seconds of training until F1 on dev is 60
    python recipes/benchmark.py --cost                                       # cost against length, batch, stream: long

Leave the machine alone meanwhile. In each round every system is trained once and asked once, each time in fresh
processes, and rounds take turns (A B A B). The table shows medians with their range, ratios to seqtag with torch in the
same round, and the share of the machine's measured matrix product that the counted operations reach. Speed is that of
dev and test together, cut into tokens beforehand; "raw text" is the same with a blank between tokens, and the cutting
counts. The peers are crfsuite, spacy and flair; `benchmark_systems.py` says how each is used and
`benchmark_measures.py` what is measured.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

from benchmark_measures import BASE, FailedError, ask, completed, find_peers, first_reach, summary
from benchmark_systems import ENGINES
from rich import box
from rich.console import Console
from rich.table import Table
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from seqtag import SeqtagError, UsageError, __version__, load_corpus

PEERS = ("crfsuite", "spacy", "flair")
PRODUCT_SIZE = 2048  # of the square matrices whose product is the machine's limit
FIGURES = {  # name of the figure in a run: heading and format of its column
    "train": ("train\ntokens/s", ",.0f"),
    "train_ratio": ("train\nratio", ".2f"),
    "train_share": ("train\n% of limit", ".0f"),
    "predict": ("predict\ntokens/s", ",.0f"),
    "predict_ratio": ("predict\nratio", ".2f"),
    "predict_share": ("predict\n% of limit", ".0f"),
    "raw": ("raw text\ntokens/s", ",.0f"),
    "p50_ms": ("sentence\nmedian ms", ".2f"),
    "p99_ms": ("sentence\n99th % ms", ".2f"),
    "train_mib": ("train\npeak MiB", ",.0f"),
    "predict_mib": ("predict\npeak MiB", ",.0f"),
    "size_mb": ("model\nMB", ".1f"),
    "f1": ("dev F1", ".1f"),
    "passes": ("after\npasses", ".0f"),
}
LENGTHS, BATCHES, STREAMS = (10, 30, 100, 300, 1000, 2000), (256, 1024, 4096), (1_000, 10_000, 100_000, 1_000_000)
COSTS = {"lengths": "tokens per sentence", "batches": "tokens per batch", "stream": "sentences in a stream"}


def read_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", default=str(Path(__file__).parent.parent / "data"), help="a corpus with entity tags (default: data/)")
    add("--peers", nargs="*", choices=PEERS, default=PEERS, help="peers to look for (default: all)")
    add("--peer-python", action="append", default=[], metavar="NAME=PATH", help="interpreter that has this peer")
    add("--threads", nargs="+", type=int, default=[1, 2], help="numbers of threads to measure with (default: 1 2)")
    add("--rounds", type=int, default=3, help="rounds per number of threads (default: %(default)s)")
    add("--epochs", type=int, help="passes over train (default: 2; with --until what suits each system)")
    add("--hidden-size", type=int, default=256, help="units of seqtag's encoder (default: %(default)s)")
    add("--seconds", type=float, default=1.0, help="least time to measure each speed for (default: %(default)s)")
    add("--flair-sentences", type=int, default=200, help="sentences that Flair trains on for the table (default: 200)")
    add("--until", type=float, metavar="F1", help="measure the time of training until F1 on dev is this")
    add("--cost", action="store_true", help="measure seqtag's cost against the size of its input, without peers")
    add("--streams", nargs="+", type=int, default=STREAMS, help="numbers of sentences in the streams of --cost")
    add("--device", default="cpu", help="what seqtag trains and torch predicts on, such as cuda (default: cpu)")
    add("--json", type=Path, metavar="FILE", help="write every run to this file")
    add("--markdown", type=Path, metavar="FILE", help="write what is printed to this file, as documentation has it")
    args = parser.parse_args(arguments)
    pairs = [pair.partition("=") for pair in args.peer_python]
    if wrong := [name for name, _, path in pairs if name not in PEERS or not Path(path).is_file()]:
        parser.error(f"--peer-python {wrong[0]}: give NAME=PATH, a name of {', '.join(PEERS)} and its interpreter")
    args.pythons = {name: path for name, _, path in pairs}
    return args


def write_corpus(source, folder):
    """Write token lists and IOB2 tags of each split as JSON for the workers; return how many sentences and tokens."""
    corpus = load_corpus(source, scheme="IOB2")
    if missing := {"train", "dev"} - set(corpus):
        raise UsageError(f"{source}: no split {' and '.join(sorted(missing))}; train and dev are both needed")
    sizes = {}
    for split in ("train", "dev", "test"):
        rows = corpus.get(split, corpus["train"].select([]))
        names = corpus["train"].features["tags"].feature.names
        tokens, tags = rows["tokens"][:], [[names[tag] for tag in sentence] for sentence in rows["tags"]]
        (folder / f"{split}.json").write_text(json.dumps({"tokens": tokens, "tags": tags}), encoding="utf-8")
        sizes[split] = len(tokens), sum(map(len, tokens))
    return sizes


def read_gold(job):
    return json.loads((Path(job["corpus"]) / "dev.json").read_text(encoding="utf-8"))["tags"]


def strict_f1(gold, predicted):
    """Return strict F1 in percent, read the same way for every system."""
    return 100 * f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)


def tell(text):
    print(text, file=sys.stderr, flush=True)


# -- the table: rounds of training and predicting ----------------------------------------------------------------------


def run_rounds(jobs, pythons):
    """Run the jobs in their order; return the runs, GFLOP/s by (threads, round), and why systems failed.

    A peer that fails is left out from then on; if seqtag fails, that is an error.
    """
    runs, limits, failed = [], {}, {}
    for job in jobs:
        turn, system = (job["threads"], job["round"]), job["system"]
        if turn not in limits:
            limits[turn] = ask({**job, "system": BASE, "stage": "limit", "size": PRODUCT_SIZE})["gflops"]
        if system in failed:
            continue
        try:
            runs += train_and_predict(job, pythons[system])
        except FailedError as error:
            if system == BASE:
                raise
            failed[system] = str(error)
            tell(f"{system} failed: {error}")
    return runs, limits, failed


def train_and_predict(job, python):
    """Train one system and let it predict, seqtag through each engine; return a run for each."""
    turn = f"threads {job['threads']}, round {job['round']}"
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        job = {**job, "model": str(Path(folder) / "model")}
        tell(f"{turn}: {job['system']} trains")
        trained = ask({**job, "stage": "train"}, python=python)
        for system in ENGINES if job["system"] == BASE else [job["system"]]:
            tell(f"{turn}: {system} predicts")
            predicted = ask({**job, "stage": "predict", "system": system}, python=python)
            predicted["f1"] = strict_f1(read_gold(job), predicted.pop("tags"))
            # An export has no training of its own, so its row shows none of the figures of training.
            shared = trained if system == job["system"] else {k: trained[k] for k in ("passes", "predict_operations")}
            runs.append({"system": system, "threads": job["threads"], "round": job["round"], **shared, **predicted})
    return runs


def explain(runs, limits, failed):
    """Say what the shares are shares of, what the figures do not show, and which systems failed."""
    lines = [f"{name} failed: {why}" for name, why in failed.items()]
    for threads in dict.fromkeys(threads for threads, _ in limits):
        values = [gflops for (of_threads, _), gflops in limits.items() if of_threads == threads]
        middle = f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
        lines.append(f"limit, threads {threads}: {middle} GFLOP/s in a square product of {PRODUCT_SIZE} float32")
    parts = next(run["predict_operations"] for run in runs if run["system"] == BASE)
    counted = ", ".join(f"{part} {number:,.0f}" for part, number in parts.items())
    lines.append(f"multiply-adds per token in predicting: {counted}; training takes three times as many")
    lines.append("F1 is strict, on dev, after the passes shown: enough for speed, but not for quality; see --until")
    notes = {
        "crfsuite": "crfsuite's passes are iterations of its optimiser over the whole corpus; it reads no raw text",
        "flair": "flair was trained on the first sentences only (--flair-sentences), so its F1 says nothing",
    }
    return lines + [note for system, note in notes.items() if any(run["system"] == system for run in runs)]


def table(figures):
    """Lay out what `summary` returns: a row for each system, a section for each number of threads."""
    rows = Table("threads", "system", box=box.SIMPLE, pad_edge=False)
    for heading, _ in FIGURES.values():
        rows.add_column(heading, justify="right", no_wrap=True)
    last = None
    for (threads, system), by_name in figures.items():
        if last not in (None, threads):
            rows.add_section()
        last = threads
        rows.add_row(str(threads), system, *(cell(by_name.get(name), form) for name, (_, form) in FIGURES.items()))
    return rows


def cell(figure, form):
    """Write a median, and below it the range if that shows in this format.

    >>> cell((2.0, 1.0, 3.5), ".1f"), cell((2.0, 2.0, 2.01), ".1f"), cell(None, ".1f")
    ('2.0\\n1.0-3.5', '2.0', '-')
    """
    if figure is None:
        return "-"
    median, low, high = (format(value, form) for value in figure)
    return median if low == high else f"{median}\n{low}-{high}"


# -- --until: seconds of training until an F1 is reached ---------------------------------------------------------------


def time_to_f1(jobs, pythons, wanted):
    """Train each system until its F1 on dev is what is wanted; return a table and all runs."""
    gold, runs = read_gold(jobs[0]), []
    for job in jobs:
        tell(f"threads {job['threads']}, round {job['round']}: {job['system']} trains until F1 is {wanted:g}")
        epochs = []  # seconds of training so far, and F1

        def answer(line, epochs=epochs):
            if "seconds" not in line:
                return None
            epochs.append((line["seconds"], line["f1"] if "f1" in line else strict_f1(gold, line["tags"])))
            return epochs[-1][1] < wanted

        with tempfile.TemporaryDirectory() as folder:
            step = {**job, "stage": "train", "model": str(Path(folder) / "model")}
            try:
                ask(step, python=pythons[job["system"]], answer=answer)
                runs.append({**job, "epochs_seen": epochs})
            except FailedError as error:
                tell(f"{job['system']} failed: {error}")
    title = f"Seconds of training, without the scoring of dev, until strict F1 on dev is {wanted:g}"
    rows = Table("threads", "system", "seconds", "range", "epochs", "best F1", title=title, box=box.SIMPLE)
    for threads, system in dict.fromkeys((run["threads"], run["system"]) for run in runs):
        rounds = [run["epochs_seen"] for run in runs if (run["threads"], run["system"]) == (threads, system)]
        reached = [first for epochs in rounds if (first := first_reach(epochs, wanted))]
        cells = ["not reached", f"{len(reached)} of {len(rounds)} runs did", "-"]
        if len(reached) == len(rounds):
            seconds, numbers = zip(*reached)
            cells = [f"{statistics.median(seconds):.1f}", f"{min(seconds):.1f}-{max(seconds):.1f}"]
            cells.append(f"{statistics.median(numbers):g}")
        rows.add_row(str(threads), system, *cells, f"{max(f1 for epochs in rounds for _, f1 in epochs):.1f}")
    return rows, runs


# -- --cost: what a token costs in short and long sentences, small and large batches, and endless streams --------------


def measure_cost(job, streams):
    """Measure each size with each engine; return a table and all runs.

    Flat is good: neither should the time of a token depend on the size, nor the memory on the length of a stream. Each
    stream has a process of its own, whose peak of memory is shown; the other sizes share one, so theirs is not.
    """
    runs = []
    for stage, values in [("lengths", LENGTHS), ("batches", BATCHES), *(("stream", [size]) for size in streams)]:
        for system in ENGINES:
            tell(f"{system}: {', '.join(f'{value:,}' for value in values)} {COSTS[stage]}")
            measured = ask({**job, "system": system, "stage": stage, "values": values})
            memory = {"mib": measured["mib"]} if "mib" in measured else {}
            for value, micros in zip(values, measured["micros"]):
                runs.append({"system": system, "stage": stage, "value": value, "micros": micros, **memory})
    rows = Table("", "", title=f"Cost against size, threads {job['threads']}", box=box.SIMPLE, title_justify="left")
    for system in ENGINES:
        rows.add_column(f"{system}\nmicroseconds per token", justify="right")
        rows.add_column("\npeak MiB", justify="right")
    by_size = {}
    for run in runs:
        memory = f"{run['mib']:,.0f}" if "mib" in run else "-"
        by_size.setdefault((run["value"], run["stage"]), []).extend([f"{run['micros']:.1f}", memory])
    for (value, stage), cells in by_size.items():
        rows.add_row(f"{value:,}", COSTS[stage], *cells)
    return rows, runs


def run(args, folder):
    """Measure what is asked for; return lines of text, a table, and all runs for JSON."""
    sizes = write_corpus(args.data, folder)
    corpus = ", ".join(f"{split} {n:,} sentences, {tokens:,} tokens" for split, (n, tokens) in sizes.items() if n)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{platform.machine()}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [f"{args.data}: {corpus}", machine, f"seqtag {__version__}: Tagger(hidden_size={args.hidden_size})"]
    job = {name: getattr(args, name) for name in ("epochs", "hidden_size", "seconds", "flair_sentences", "device")}
    job |= {"corpus": str(folder), "until": args.until is not None, "model": str(folder / "model")}
    if args.cost:
        job |= {"threads": args.threads[0], "epochs": args.epochs or 1}
        tell("training a model")
        ask({**job, "system": BASE, "stage": "train"})
        return lines, *measure_cost(job, args.streams)
    tell("looking for the peers")
    peers, absent = find_peers(args.peers, args.pythons)
    lines += [f"{name} {version}" for name, (_, version) in peers.items()]
    lines += [f"{name} is not here: {why}; name its Python with --peer-python" for name, why in absent.items()]
    pythons = {BASE: sys.executable} | {name: python for name, (python, _) in peers.items()}
    turns = [{"threads": threads, "round": i + 1} for threads in args.threads for i in range(args.rounds)]
    jobs = [{**job, **turn, "system": system} for turn in turns for system in pythons]
    if args.until is not None:
        return lines, *time_to_f1(jobs, pythons, args.until)
    runs, limits, failed = run_rounds([{**job, "epochs": args.epochs or 2} for job in jobs], pythons)
    runs = completed(runs, limits)
    return lines + explain(runs, limits, failed), table(summary(runs, FIGURES)), runs


def as_markdown(lines, rows, arguments):
    """Lay out lines and a table in Markdown, below the command that made them."""
    columns = [[column.header, "---", *column.cells] for column in rows.columns]
    laid_out = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in zip(*columns, strict=True)]
    command = shlex.join(["python", "recipes/benchmark.py", *arguments])
    return "\n".join([f"`{command}`", "", *(f"- {line}" for line in lines), "", *laid_out])


def main(arguments=None):
    args = read_arguments(arguments)
    console = Console(width=None if sys.stdout.isatty() else 190)
    try:
        with tempfile.TemporaryDirectory() as folder:
            lines, laid_out, runs = run(args, Path(folder))
    except (SeqtagError, FailedError) as error:
        sys.exit(str(error))
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(laid_out)
    if args.markdown:
        args.markdown.write_text(as_markdown(lines, laid_out, arguments or sys.argv[1:]) + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps({"about": lines, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
