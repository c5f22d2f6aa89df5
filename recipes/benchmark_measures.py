"""Measure one step of one system of the benchmark, and turn what was measured into figures.

    python recipes/benchmark_systems.py '{"system": "crfsuite", "stage": "check"}'

A step runs in a process of its own, in the interpreter that has the system: `work` reads a job as JSON from the command
line and writes what it measured as lines of JSON; `ask`, in the process of `benchmark.py`, starts it and reads them.
A job names the system, the stage (a key of STAGES) and what the stage needs: the folders of the corpus and of the
model, the number of threads, the options of the command line. Times are of the wall clock. At the top only small parts
of the standard library are imported: a peer's interpreter has no more, and what is measured is the system's memory.
"""

import itertools
import json
import math
import os
import resource
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path

BASE = "seqtag torch"
MOST_SENTENCES = 500  # of which the latency is measured
FEWEST_TOKENS = 20_000  # of which the cost per token is measured


class FailedError(Exception):
    """A step ended before its work was done; holds the last line that it wrote to standard error."""


def ask(job, *, python=sys.executable, answer=None):
    """Run one step in a fresh process and return all that it wrote, as one mapping.

    `answer` is called with each line; if it returns True or False, the step is told to go on or to stop.
    """
    import subprocess
    import tempfile

    names = ("OMP", "MKL", "OPENBLAS", "BLIS", "VECLIB_MAXIMUM")
    environment = {**os.environ, **{f"{name}_NUM_THREADS": str(job.get("threads", 1)) for name in names}}
    command = [python, str(Path(__file__).with_name("benchmark_systems.py")), json.dumps(job)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    measured = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        with subprocess.Popen(command, env=environment, stderr=errors, **pipes) as process:
            for line in process.stdout:
                measured |= json.loads(line)
                go_on = answer(json.loads(line)) if answer else None
                if go_on is not None:
                    process.stdin.write("go on\n" if go_on else "stop\n")
                    process.stdin.flush()
        if process.returncode:
            errors.seek(0)
            lines = errors.read().strip().splitlines()
            raise FailedError(lines[-1] if lines else f"the process ended with exit code {process.returncode}")
    return measured


def find_peers(names, pythons):
    """Return interpreter and release by the name of each peer that can be imported, and why the others can't."""
    found, absent = {}, {}
    for name in names:
        python = pythons.get(name, sys.executable)
        try:
            found[name] = python, ask({"system": name, "stage": "check"}, python=python)["version"]
        except FailedError as error:
            absent[name] = str(error)
    return found, absent


# -- what a step measures ----------------------------------------------------------------------------------------------


def work(systems):
    """Do the job of the command line; each stage writes its figures with `say`."""
    job = json.loads(sys.argv[1])
    # Libraries print as well. Their lines go to standard error, so that standard output has the figures alone.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    STAGES[job["stage"]](
        systems[job["system"]], job, lambda **figures: print(json.dumps(figures), file=output, flush=True)
    )


def check(system, job, say):
    """Import the system and tell its release."""
    from importlib import metadata

    import_module(system.module)
    say(version=metadata.version(system.module))


def train(system, job, say):
    """Train and save a model; for `--until` tell how far training is after each epoch, and wait for the answer.

    The clock of the training stands still meanwhile.
    """
    dev = read(job, "dev")

    def after_epoch(seconds, model=None, f1=None):
        if job["until"]:
            say(seconds=seconds, **({"tags": system.tags(model, dev[0])} if f1 is None else {"f1": f1}))
            if sys.stdin.readline().strip() != "go on":
                sys.exit()

    model, figures = system.train(job, read(job, "train"), dev, after_epoch)
    say(train_mib=peak_mib(), **figures)
    system.save(model, Path(job["model"]))


def predict(system, job, say):
    """Measure speed and latency over dev and test, memory and size, and give the tags of dev."""
    model = system.load(job, Path(job["model"]))
    dev, test = read(job, "dev")[0], read(job, "test")[0]
    sentences, tags = dev + test, system.tags(model, dev)  # this also warms the model up
    tag = partial(system.tags, model)
    say(predict=speed(tag, sentences, job["seconds"]), **latencies(tag, sentences, job["seconds"]))
    size = sum(path.stat().st_size for path in system.files(job, Path(job["model"])) if path.is_file())
    say(predict_mib=peak_mib(), size_mb=size / 1e6, tags=tags)
    if system.spans:
        texts, find = [" ".join(tokens) for tokens in sentences], partial(system.spans, model)
        find(texts[:1])  # the imports that raw text needs do not count as its speed
        say(raw=speed(find, texts, job["seconds"], num_tokens=sum(map(len, sentences))))


def lengths(system, job, say):
    """Measure microseconds per token in sentences of each length."""
    model = system.load(job, Path(job["model"]))
    say(micros=[micros_per_token(system, job, model, length) for length in job["values"]])


def batches(system, job, say):
    """Measure microseconds per token with each number of padded tokens per batch."""
    models = (system.load_with_batches(job, Path(job["model"]), size) for size in job["values"])
    say(micros=[micros_per_token(system, job, model, 20) for model in models])


def stream(system, job, say):
    """Measure microseconds per token, and memory, over a stream of so many sentences."""
    model, [size] = system.load(job, Path(job["model"])), job["values"]
    sentences = read(job, "train")[0]
    started, tokens = time.perf_counter(), 0
    for tags in model.predict_stream(itertools.islice(endless(sentences), size)):
        tokens += len(tags)
    say(micros=[1e6 * (time.perf_counter() - started) / tokens], mib=peak_mib())


def limit(system, job, say):
    """Measure GFLOP/s of a product of float32 matrices: the better of numpy's and torch's, whose libraries differ."""
    import numpy as np
    import torch

    matrix = np.random.default_rng(0).random((job["size"], job["size"]), np.float32)
    say(gflops=max(product(matrix), product(torch.from_numpy(matrix))))


STAGES = {stage.__name__: stage for stage in (check, train, predict, lengths, batches, stream, limit)}


def read(job, split):
    """Return the token lists and the tag lists of a split."""
    part = json.loads(Path(job["corpus"], f"{split}.json").read_text(encoding="utf-8"))
    return part["tokens"], part["tags"]


def peak_mib():
    """Return the most memory that this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss begins with what the parent held when it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def speed(function, questions, seconds, *, num_tokens=None):
    """Return tokens per second of whole passes over the questions: at least one, and more until the time is over."""
    num_tokens = num_tokens or sum(map(len, questions))
    started, passes = time.perf_counter(), 0
    while not passes or time.perf_counter() - started < seconds:
        function(questions)
        passes += 1
    return passes * num_tokens / (time.perf_counter() - started)


def latencies(tag, sentences, seconds):
    """Return the median and the 99th percentile of the milliseconds that one sentence takes by itself."""
    tag(sentences[:1])
    milliseconds, end = [], time.perf_counter() + 3 * seconds
    for sentence in sentences[:MOST_SENTENCES]:
        started = time.perf_counter()
        tag([sentence])
        milliseconds.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > end:
            break
    return {"p50_ms": percentile(milliseconds, 0.5), "p99_ms": percentile(milliseconds, 0.99)}


def percentile(values, share):
    """Return the smallest value that at least this share of the values does not exceed (nearest rank).

    >>> percentile([40, 10, 30, 20], 0.5), percentile([40, 10, 30, 20], 0.99)
    (20, 40)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def micros_per_token(system, job, model, length):
    sentences = of_length(list(itertools.chain.from_iterable(read(job, "train")[0])), length)
    system.tags(model, sentences[:2])
    return 1e6 / speed(partial(system.tags, model), sentences, job["seconds"])


def of_length(tokens, length):
    """Cut sentences of one length from the tokens, which begin anew at their end; some 20,000 tokens in all."""
    row = itertools.cycle(tokens)
    return [list(itertools.islice(row, length)) for _ in range(max(2, FEWEST_TOKENS // length))]


def endless(sentences):
    """Yield the sentences in turn for ever, each with a new word, so that no cache can hold them all."""
    for i, sentence in enumerate(itertools.cycle(sentences)):
        yield [*sentence, f"w{i}"]


def product(matrix):
    """Return GFLOP/s of a matrix times itself, n^3 multiply-adds of two operations: the best of 5 after a warm-up."""
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - started)
    return 2 * len(matrix) ** 3 / min(seconds[1:]) / 1e9


# -- figures made of what was measured ---------------------------------------------------------------------------------


def multiply_adds(options, *, num_tags, num_characters, tokens_per_batch):
    """Count the multiply-adds per token in the default network's forward pass, by part.

    - characters: V * 25 * 3 * C / tokens per batch; each of V characters, 25 wide, times the kernel of width 3 and C
      outputs, once per batch
    - encoder: 2 * 4 * H * (E + H); 4 gates of H units, in 2 directions, that read E inputs and H states
    - output: 2 * H * L; the states of both directions for each of the model's L tags

    Look-ups, the functions of the gates and the CRF are no matrix products and are left out. Training takes three times
    as many: the products of the forward pass, of the gradients of the inputs and of those of the weights.

    >>> options = {"word_size": 3, "shape_size": 1, "affix_size": 1, "character_size": 2, "hidden_size": 2}
    >>> multiply_adds(options, num_tags=5, num_characters=10, tokens_per_batch=100)
    {'characters': 15.0, 'encoder': 192, 'output': 20}
    """
    hidden, characters = options["hidden_size"], options["character_size"]
    embedded = options["word_size"] + options["shape_size"] + 4 * options["affix_size"] + characters
    return {
        "characters": num_characters * 25 * 3 * characters / tokens_per_batch,
        "encoder": 2 * 4 * hidden * (embedded + hidden),
        "output": 2 * hidden * num_tags,
    }


def share_of_limit(operations, tokens_per_second, gflops, *, passes):
    """Return the share of the limit that counted multiply-adds reach at a speed; `passes` is 3 for training."""
    return 2 * passes * sum(operations.values()) * tokens_per_second / (gflops * 1e9)


def completed(runs, limits):
    """Add to each run its ratios to seqtag with torch in the same round, and its shares of the limit in percent.

    `limits` holds GFLOP/s by (threads, round).

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
                share = share_of_limit(run[f"{stage}_operations"], run[stage], limits[turn], passes=passes)
                added[f"{stage}_share"] = 100 * share
        more_complete.append(run | added)
    return more_complete


def summary(runs, names):
    """Return the median, the least and the greatest of each named figure by (threads, system)."""
    import statistics

    groups = {}
    for run in runs:
        groups.setdefault((run["threads"], run["system"]), []).append(run)
    return {
        place: {
            name: (statistics.median(values), min(values), max(values))
            for name in names
            if (values := [run[name] for run in group if name in run])
        }
        for place, group in groups.items()
    }


def first_reach(epochs, wanted):
    """Return seconds and number of the first epoch whose F1 reaches what is wanted; None if no epoch does.

    >>> first_reach([(1.5, 40.0), (3.0, 61.0), (4.5, 70.0)], 60)
    (3.0, 2)
    """
    reached = [(seconds, number) for number, (seconds, f1) in enumerate(epochs, 1) if f1 >= wanted]
    return reached[0] if reached else None
