"""Measure seqtag beside its peers on one machine and the same rows: speed, latency, memory, size, time to quality.

    python recipes/benchmark.py                                              # a tagger on data/, in some minutes
    python recipes/benchmark.py --task classify --data data/sentiment        # a classifier
    python recipes/benchmark.py --quick --figures raw latency                # some figures, one round, one epoch
    python recipes/benchmark.py --peer-python flair=PYTHON --markdown docs/results/speed.md
    python recipes/benchmark.py --cost                                       # cost against length and stream: long

Leave the machine alone meanwhile. In each round every system is trained once and asked once, each time in fresh
processes, and rounds take turns (A B A B). The table shows medians with their range, ratios to seqtag with torch in the
same round, and the share that the counted operations reach of the machine's limit: a product of matrices as large as
those of the network's encoder, measured in the same round. Speed is that of dev and test together, with tokens given
and from raw text; of texts "tokens" are what stands between blanks. Latency is that of sentences of 20 tokens; "first"
is the first request after loading.

Time to quality is the seconds of training until the score on dev, strict F1 or accuracy, is within one point of the
best one that the system reaches there with its default number of epochs. seqtag, spaCy and Flair tell it after each
epoch, with the clock at rest. The solvers of crfsuite, TF-IDF and fastText are run anew with growing numbers of
iterations, and the seconds are those of the least number that suffices, which flatters them. Each of their iterations
counts as a pass over train. Without it, Flair trains on 200 sentences. `benchmark_systems.py` has the peers' options.
"""

import argparse
import json
import os
import platform
import re
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmark_measures import BASE, FailedError, ask, find_peers, read, summary, time_to_quality
from benchmark_systems import ENGINES
from rich import box
from rich.console import Console
from rich.table import Table
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from seqtag import SeqtagError, UsageError, __version__, load_corpus

PEERS = {"tag": ("crfsuite", "spacy", "flair"), "classify": ("tfidf", "fasttext")}
FIGURES = {  # name of the figure in a run: what it belongs to, heading and format of its column
    "train": ("train", "train\n{unit}", ",.0f"),
    "train_ratio": ("train", "train\nratio", ".2f"),
    "train_share": ("share", "train\n% of limit", ".0f"),
    "predict": ("predict", "tokens\n{unit}", ",.0f"),
    "predict_ratio": ("predict", "tokens\nratio", ".2f"),
    "predict_share": ("share", "tokens\n% of limit", ".0f"),
    "raw": ("raw", "raw text\n{unit}", ",.0f"),
    "predict_ms": ("latency", "20 tokens\nms", ".2f"),
    "predict_p99_ms": ("latency", "20 tokens\n99% ms", ".2f"),
    "raw_ms": ("latency", "raw\nms", ".2f"),
    "raw_p99_ms": ("latency", "raw\n99% ms", ".2f"),
    "first_ms": ("latency", "first\nms", ".1f"),
    "train_mib": ("memory", "train\npeak MiB", ",.0f"),
    "predict_mib": ("memory", "predict\npeak MiB", ",.0f"),
    "size_mb": ("size", "model\nMB", ".1f"),
    "quality_s": ("quality", "seconds to\nquality", ".1f"),
    "best": ("quality", "best\non dev", ".1f"),
}
GROUPS = tuple(dict.fromkeys(group for group, _, _ in FIGURES.values()))
SIZES = {"length": (10, 30, 100, 300, 1000, 2000), "stream": (1_000, 100_000, 1_000_000)}
COSTS = {"length": "tokens per sentence", "stream": "sentences in a stream"}


def read_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, every = parser.add_argument, sum(PEERS.values(), ())
    add("--data", default=str(Path(__file__).parent.parent / "data"), help="a labelled corpus (default: data/)")
    add("--task", choices=tuple(PEERS), default="tag", help="what is in the corpus (default: tag)")
    add("--peers", nargs="*", choices=every, help="peers to look for (default: all of the task)")
    add("--peer-python", action="append", default=[], metavar="NAME=PATH", help="interpreter that has this peer")
    add("--figures", nargs="+", choices=GROUPS, default=GROUPS, help="what to measure (default: all)")
    add("--quick", action="store_true", help="one round, one epoch, a fifth of a second per speed, no time to quality")
    add("--threads", nargs="+", type=int, default=[1, 2], help="numbers of threads to measure with (default: 1 2)")
    add("--rounds", type=int, default=3, help="rounds per number of threads (default: %(default)s)")
    add("--epochs", type=int, help="passes over train (default: what suits each system; 2 without time to quality)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of seqtag's estimator, as in JSON")
    add("--seconds", type=float, default=1.0, help="least time to measure each speed for (default: %(default)s)")
    add("--cost", action="store_true", help="measure a tagger's cost against the size of its input, without peers")
    add("--device", default="cpu", help="what seqtag trains and torch predicts on, such as cuda (default: cpu)")
    add("--json", type=Path, metavar="FILE", help="write every run to this file")
    add("--markdown", type=Path, metavar="FILE", help="write a section of Markdown, or renew it between its marks")
    args = parser.parse_args(arguments)
    if args.quick:
        args.rounds, args.epochs, args.seconds = 1, args.epochs or 1, min(args.seconds, 0.2)
        args.figures = [group for group in args.figures if group != "quality"]
    args.peers = [peer for peer in PEERS[args.task] if args.peers is None or peer in args.peers]
    pairs = [pair.partition("=") for pair in args.peer_python]
    if wrong := [name for name, _, path in pairs if name not in every or not Path(path).is_file()]:
        parser.error(f"--peer-python {wrong[0]}: give NAME=PATH, a name of {', '.join(every)} and its interpreter")
    args.pythons = {name: path for name, _, path in pairs}
    return args


def write_corpus(source, folder, task="tag"):
    """Write tokens, texts and gold answers of each split as JSON for the workers; return how many rows and tokens."""
    corpus = load_corpus(source, scheme="IOB2") if task == "tag" else load_corpus(source, task="classify")
    if missing := {"train", "dev"} - set(corpus):
        raise UsageError(f"{source}: no split {' and '.join(sorted(missing))}; train and dev are both needed")
    sizes = {}
    for split in ("train", "dev", "test"):
        rows = corpus.get(split, corpus["train"].select([]))
        if task == "tag":
            names, tokens = corpus["train"].features["tags"].feature.names, rows["tokens"][:]
            texts, gold = list(map(" ".join, tokens)), [[names[tag] for tag in tags] for tags in rows["tags"]]
        else:
            names, texts = corpus["train"].features["label"].names, rows["text"][:]
            tokens, gold = [text.split() for text in texts], [names[label] for label in rows["label"]]
        part = {"tokens": tokens, "texts": texts, "gold": gold}
        (folder / f"{split}.json").write_text(json.dumps(part), encoding="utf-8")
        sizes[split] = len(tokens), sum(map(len, tokens))
    return sizes


def score(job, answers):
    """Return strict F1, or accuracy, of the answers on dev in percent, read the same way for every system."""
    gold = read(job, "dev")["gold"]
    return strict_f1(gold, answers) if job["task"] == "tag" else 100 * statistics.mean(map(str.__eq__, gold, answers))


def strict_f1(gold, predicted):
    return 100 * f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)


def tell(text):
    print(text, file=sys.stderr, flush=True)


def run_rounds(jobs, pythons):
    """Run the jobs in their order; return the runs, GFLOP/s by (threads, round), and why systems failed.

    A peer that fails is left out from then on; if seqtag fails, that is an error.
    """
    runs, limits, failed = [], {}, {}
    for job in jobs:
        system = job["system"]
        if system in failed:
            continue
        try:
            runs += train_and_predict(job, pythons[system])
        except FailedError as error:
            if system == BASE:
                raise
            failed[system] = str(error)
            tell(f"{system} failed: {error}")
        if system == BASE:
            limits[job["threads"], job["round"]] = ask({**job, "stage": "limit", "shape": runs[-1]["shape"]})["gflops"]
    return runs, limits, failed


def train_and_predict(job, python):
    """Train one system and let it predict, seqtag through each engine; return a run for each."""
    runs, epochs = [], []

    def note(line):
        if "seconds" in line:
            epochs.append((line["seconds"], line["score"] if "score" in line else score(job, line["answers"])))

    with tempfile.TemporaryDirectory() as folder:
        job = {**job, "model": str(Path(folder) / "model")}
        tell(f"threads {job['threads']}, round {job['round']}: {job['system']} trains and predicts")
        trained = ask({**job, "stage": "train"}, python=python, each=note)
        trained.pop("answers", None)
        if epochs:
            trained["quality_s"], trained["best"] = time_to_quality(epochs)
        for system in ENGINES if job["system"] == BASE else [job["system"]]:
            predicted = ask({**job, "stage": "predict", "system": system}, python=python)
            predicted["score"] = score(job, predicted.pop("answers"))
            # An export has no training of its own, so its row shows none of the figures of training.
            kept = trained if system == job["system"] else {k: trained[k] for k in ("predict_operations", "shape")}
            runs.append({"system": system, "threads": job["threads"], "round": job["round"], **kept, **predicted})
    return runs


def completed(runs, limits, *, tokens_per_row=1.0):
    """Add to each run its ratios to seqtag with torch in the same round, and its shares of the limit in percent.

    `limits` holds GFLOP/s by (threads, round), `tokens_per_row` how many tokens one has of what speeds count. A
    multiply-add is two operations, and a step of training takes three times those of predicting.

    >>> peer = {"system": "peer", "threads": 1, "round": 1, "predict": 100.0}
    >>> ours = peer | {"system": "seqtag torch", "predict": 500.0, "predict_operations": {"encoder": 1000}}
    >>> [(run["predict_ratio"], run.get("predict_share")) for run in completed([ours, peer], {(1, 1): 0.002})]
    [(1.0, 50.0), (0.2, None)]
    """
    bases = {(run["threads"], run["round"]): run for run in runs if run["system"] == BASE}
    more_complete = []
    for run in runs:
        added, turn = {}, (run["threads"], run["round"])
        for stage, passes in (("train", 3), ("predict", 1)):
            if stage in run and stage in bases.get(turn, {}):
                added[f"{stage}_ratio"] = run[stage] / bases[turn][stage]
            if stage in run and f"{stage}_operations" in run:
                flops = 2 * passes * sum(run[f"{stage}_operations"].values()) * run[stage] * tokens_per_row
                added[f"{stage}_share"] = 100 * flops / (limits[turn] * 1e9)
        more_complete.append(run | added)
    return more_complete


def explain(runs, limits, failed):
    """Say what the shares are shares of, and which systems failed."""
    base = next(run for run in runs if run["system"] == BASE)
    for threads in dict.fromkeys(threads for threads, _ in limits):
        values = ", ".join(f"{gflops:.0f}" for (of_threads, _), gflops in limits.items() if of_threads == threads)
        yield f"limit, threads {threads}: {values} GFLOP/s in a float32 product of {base['shape']}"
    counted = ", ".join(f"{part} {number:,.0f}" for part, number in base["predict_operations"].items())
    yield f"multiply-adds per token in predicting: {counted}; training takes three times as many"
    yield from (f"{name} failed: {why}" for name, why in failed.items())


def table(figures, *, groups=GROUPS, unit="tokens/s"):
    """Lay out what `summary` returns: a row for each number of threads and system."""
    rows = Table("threads", "system", box=box.SIMPLE, pad_edge=False)
    shown = {name: form for name, (group, _, form) in FIGURES.items() if group in groups}
    for name in shown:
        rows.add_column(FIGURES[name][1].format(unit=unit), justify="right", no_wrap=True)
    for (threads, system), by_name in figures.items():
        rows.add_row(str(threads), system, *(cell(by_name.get(name), form) for name, form in shown.items()))
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


def measure_cost(job):
    """Measure each size with each engine, each in a process of its own; return a table and all runs.

    Flat is good: neither should the time of a token depend on the size, nor the memory on the length of a stream.
    """
    rows = Table("", "", title=f"Cost against size, threads {job['threads']}", box=box.SIMPLE, title_justify="left")
    for system in ENGINES:
        rows.add_column(f"{system}\nmicroseconds per token, peak MiB", justify="right")
    runs = []
    for kind, value in [(kind, size) for kind, sizes in SIZES.items() for size in sizes]:
        tell(f"{value:,} {COSTS[kind]}")
        asked = [{"system": system, "kind": kind, "value": value} for system in ENGINES]
        runs += (measured := [one | ask({**job, **one, "stage": "cost"}) for one in asked])
        rows.add_row(f"{value:,}", COSTS[kind], *(f"{one['micros']:.1f}, {one['mib']:,.0f}" for one in measured))
    return rows, runs


def run(args, folder):
    """Measure what is asked for; return lines of text, a table, and all runs for JSON."""
    sizes = write_corpus(args.data, folder, args.task)
    noun, unit = ("sentences", "tokens/s") if args.task == "tag" else ("texts", "texts/s")
    corpus = ", ".join(f"{split} {n:,} {noun}, {tokens:,} tokens" for split, (n, tokens) in sizes.items() if n)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{platform.machine()}, {cores} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [f"{args.data}: {corpus}", f"{time.strftime('%Y-%m-%d')}, {machine}", f"seqtag {__version__}"]
    job = {name: getattr(args, name) for name in ("seconds", "device", "task")}
    job["options"] = {key: json.loads(value) for key, _, value in (item.partition("=") for item in args.set)}
    job |= {"epochs": args.epochs or (None if "quality" in args.figures and not args.cost else 2)}
    job |= {"corpus": str(folder), "model": str(folder / "model"), "figures": args.figures, "threads": args.threads[0]}
    measured = {"train": sizes["train"], "predict": tuple(map(sum, zip(sizes["dev"], sizes["test"])))}
    job |= {f"{stage}_size": number[args.task == "tag"] for stage, number in measured.items()}
    if args.cost:
        tell("training a model")
        ask({**job, "system": BASE, "stage": "train"})
        return lines, *measure_cost(job)
    tell("looking for the peers")
    peers, absent = find_peers(args.peers, args.pythons)
    lines += [f"{name} {version}" for name, (_, version) in peers.items()]
    lines += [f"{name} is not here: {why}; name its Python with --peer-python" for name, why in absent.items()]
    pythons = {BASE: sys.executable} | {name: python for name, (python, _) in peers.items()}
    turns = [{"threads": threads, "round": i + 1} for threads in args.threads for i in range(args.rounds)]
    runs, limits, failed = run_rounds([{**job, **turn, "system": one} for turn in turns for one in pythons], pythons)
    rows, tokens = measured["predict"]
    runs = completed(runs, limits, tokens_per_row=1.0 if args.task == "tag" else tokens / rows)
    laid_out = table(summary(runs, FIGURES), groups=args.figures, unit=unit)
    return [*lines, *explain(runs, limits, failed)], laid_out, runs


def as_markdown(lines, rows, arguments):
    """Lay out lines and a table in Markdown, below the command that made them; of a path the name is enough."""
    columns = [[column.header, "---", *column.cells] for column in rows.columns]
    laid_out = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in zip(*columns, strict=True)]
    lines = [f"`{shlex.join(['python', 'recipes/benchmark.py', *arguments])}`", "", *(f"- {line}" for line in lines)]
    return re.sub(r"(?<!\w)/(?:[^\s/=:']+/)+([^\s/=:']+)", r"\1", "\n".join([*lines, "", *laid_out]))


def write_markdown(file, section, task):
    """Put a section between its marks in a file, or at its end, with the marks, where it has none."""
    begin, end = f"<!-- benchmark {task} -->", f"<!-- end of benchmark {task} -->"
    before, _, rest = (file.read_text(encoding="utf-8") if file.exists() else "").partition(begin)
    file.write_text(f"{before}{begin}\n{section}\n{end}{rest.partition(end)[2]}".rstrip() + "\n", encoding="utf-8")


def main(arguments=None):
    args = read_arguments(arguments)
    console = Console(width=None if sys.stdout.isatty() else 240)
    try:
        with tempfile.TemporaryDirectory() as folder:
            lines, laid_out, runs = run(args, Path(folder))
    except (SeqtagError, FailedError) as error:
        sys.exit(str(error))
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(laid_out)
    if args.markdown:
        write_markdown(args.markdown, as_markdown(lines, laid_out, arguments or sys.argv[1:]), args.task)
    if args.json:
        args.json.write_text(json.dumps({"about": lines, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
