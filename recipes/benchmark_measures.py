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
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

BASE = "seqtag torch"
SHORT = 20  # tokens of the sentences of which the latency is measured
MOST_SHORT = 300  # of them
FEWEST_TOKENS = 20_000  # of which the cost per token is measured


@dataclass(frozen=True, kw_only=True)
class System:
    """The functions that train, save, load and ask one system."""

    module: str  # the package to import; its release is the system's
    # (job, train, dev, after_epoch) -> the model, the seconds of its training, its passes over train, other figures. A
    # split has rows and gold answers. `after_epoch` gets the seconds of training so far, and the model or its score.
    train: Callable[..., Any]
    save: Callable[..., Any]  # (model, folder) -> None
    load: Callable[..., Any]  # (job, folder) -> the model that was saved there
    tokens: Callable[..., Any] | None = None  # (model, token lists) -> tags or classes; None if it reads texts only
    texts: Callable[..., Any] | None = None  # (model, raw texts) -> spans or classes; None if it reads tokens only
    files: Callable[..., Any] = lambda job, folder: folder.rglob("*")  # those of the saved files that predicting needs


class FailedError(Exception):
    """A step ended before its work was done; holds the last line that it wrote to standard error."""


def ask(job, *, python=sys.executable, each=lambda line: None):
    """Run one step in a fresh process and return all that it wrote, as one mapping; `each` is called with each line."""
    import subprocess
    import tempfile

    names = ("OMP", "MKL", "OPENBLAS", "BLIS", "VECLIB_MAXIMUM")
    environment = {**os.environ, **{f"{name}_NUM_THREADS": str(job.get("threads", 1)) for name in names}}
    command = [python, str(Path(__file__).with_name("benchmark_systems.py")), json.dumps(job)]
    measured = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        pipes = {"stdout": subprocess.PIPE, "stderr": errors, "encoding": "utf-8"}
        with subprocess.Popen(command, env=environment, **pipes) as process:
            for line in process.stdout:
                measured |= json.loads(line)
                each(json.loads(line))
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

    version = getattr(import_module(system.module), "__version__", None)  # Python 3.10 knows few packages by module
    say(version=version or metadata.version(metadata.packages_distributions().get(system.module, [system.module])[0]))


def train(system, job, say):
    """Train and save a model; to see its quality, tell seconds and answers after each epoch, with the clock at rest."""
    dev, answer = read(job, "dev"), answers_of(system, job)

    def after_epoch(seconds, model=None, score=None):
        if "quality" in job["figures"]:
            say(seconds=seconds, **({"answers": answer(model, dev["rows"])} if score is None else {"score": score}))

    model, seconds, passes, *figures = system.train(job, read(job, "train"), dev, after_epoch)
    say(train_mib=peak_mib(), train=passes * job["train_size"] / seconds, **(figures[0] if figures else {}))
    system.save(model, Path(job["model"]))


def predict(system, job, say):
    """Measure the first request, latency and speed, with tokens and with raw text, memory and size; answer dev."""
    figures, dev, test = job["figures"], read(job, "dev"), read(job, "test")
    ways = {"predict": (system.tokens, [*dev["tokens"], *test["tokens"]])}
    ways["raw"] = system.texts, [*dev["texts"], *test["texts"]]
    short = of_length(list(itertools.chain.from_iterable(ways["predict"][1])), SHORT)[:MOST_SHORT]
    shorts = {"predict": short, "raw": [" ".join(tokens) for tokens in short]}
    model = system.load(job, Path(job["model"]))
    ways = {name: (partial(ask, model), rows) for name, (ask, rows) in ways.items() if ask is not None}
    ask, _ = ways.get("raw", ways.get("predict"))
    started = time.perf_counter()
    ask(shorts["raw" if "raw" in ways else "predict"][:1])
    say(first_ms=1000 * (time.perf_counter() - started))
    say(answers=answers_of(system, job)(model, dev["rows"]))  # this also warms the model up
    for name, (ask, rows) in ways.items():
        if "latency" in figures:
            milliseconds = latencies(ask, shorts[name], job["seconds"])
            say(**{f"{name}_ms": percentile(milliseconds, 0.5), f"{name}_p99_ms": percentile(milliseconds, 0.99)})
        if name in figures:
            say(**{name: speed(ask, rows, job["seconds"], size=job["predict_size"])})
    size = sum(path.stat().st_size for path in system.files(job, Path(job["model"])) if path.is_file())
    say(predict_mib=peak_mib(), size_mb=size / 1e6)


def cost(system, job, say):
    """Measure microseconds per token, and memory, in sentences of one length or over a stream of so many sentences."""
    model, tokens = system.load(job, Path(job["model"])), read(job, "train")["tokens"]
    if job["kind"] == "stream":
        started, num_tokens = time.perf_counter(), 0
        for tags in model.predict_stream(itertools.islice(endless(tokens), job["value"])):
            num_tokens += len(tags)
        micros = 1e6 * (time.perf_counter() - started) / num_tokens
    else:
        sentences = of_length(list(itertools.chain.from_iterable(tokens)), job["value"])
        model.predict(sentences[:2])
        micros = 1e6 / speed(model.predict, sentences, job["seconds"], size=sum(map(len, sentences)))
    say(micros=micros, mib=peak_mib())


def limit(system, job, say):
    """Measure GFLOP/s of a product of float32 matrices: the better of numpy's and torch's, whose libraries differ."""
    import numpy as np
    import torch

    rows, inner, columns = job["shape"]
    left, right = (np.random.default_rng(0).random(shape, np.float32) for shape in ((rows, inner), (inner, columns)))
    say(gflops=max(product(left, right), product(torch.from_numpy(left), torch.from_numpy(right))))


STAGES = {stage.__name__: stage for stage in (check, train, predict, cost, limit)}


def read(job, split):
    """Return a split: the rows that are trained on, with their gold answers, and the same as tokens and as texts."""
    part = json.loads(Path(job["corpus"], f"{split}.json").read_text(encoding="utf-8"))
    rows = part["tokens" if job["task"] == "tag" else "texts"]
    return {"rows": rows, **part}


def answers_of(system, job):
    """Give the function that answers rows of the task: tags of tokens, or classes of texts."""
    return system.tokens if job["task"] == "tag" else system.texts


def new_file(folder, name):
    """Return the path of a file in a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / name)


def growing(job, numbers, fit, after_epoch):
    """Train with the last number of iterations; to see the way there, anew with each number, each from the beginning.

    The seconds of a number are those of its own training alone, as if its user had known how many are enough.
    """
    for number in numbers if "quality" in job["figures"] else numbers[-1:]:
        started = time.perf_counter()
        model = fit(number)
        seconds = time.perf_counter() - started
        after_epoch(seconds, model)
    return model, seconds


def peak_mib():
    """Return the most memory that this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss begins with what the parent held when it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def speed(function, questions, seconds, *, size):
    """Return `size` per second of whole passes over the questions: at least one, and more until the time is over."""
    started, passes = time.perf_counter(), 0
    while not passes or time.perf_counter() - started < seconds:
        function(questions)
        passes += 1
    return passes * size / (time.perf_counter() - started)


def latencies(function, questions, seconds):
    """Return the milliseconds that each question takes by itself, for as long as there is time."""
    milliseconds, end = [], time.perf_counter() + 3 * seconds
    for question in questions:
        started = time.perf_counter()
        function([question])
        milliseconds.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > end:
            break
    return milliseconds


def percentile(values, share):
    """Return the smallest value that at least this share of the values does not exceed (nearest rank).

    >>> percentile([40, 10, 30, 20], 0.5), percentile([40, 10, 30, 20], 0.99)
    (20, 40)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def of_length(tokens, length):
    """Cut sentences of one length from the tokens, which begin anew at their end; some 20,000 tokens in all."""
    row = itertools.cycle(tokens)
    return [list(itertools.islice(row, length)) for _ in range(max(2, FEWEST_TOKENS // length))]


def endless(sentences):
    """Yield the sentences in turn for ever, each with a new word, so that no cache can hold them all."""
    for i, sentence in enumerate(itertools.cycle(sentences)):
        yield [*sentence, f"w{i}"]


def product(left, right):
    """Return GFLOP/s of a product, two operations per multiply-add: the best of 5 after a warm-up."""
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return 2 * left.shape[0] * left.shape[1] * right.shape[1] / min(seconds[1:]) / 1e9


# -- figures made of what was measured ---------------------------------------------------------------------------------


def multiply_adds(options, *, num_outputs, num_characters, tokens_per_batch):
    """Count the multiply-adds per token in the default network's forward pass, by part.

    - characters: V * 25 * 3 * C / tokens per batch; each of V characters, 25 wide, times the kernel of width 3 and C
      outputs, once per batch
    - encoder: 2 * 4 * H * (E + H); 4 gates of H units, in 2 directions, that read E inputs and H states
    - output: 2 * H * L; the states of both directions for each of the model's L tags or classes

    Look-ups, n-grams, the functions of the gates and the CRF are no matrix products and are left out. Training takes
    three times as many: the products of the forward pass, of the gradients of the inputs and of those of the weights.

    >>> options = {"word_size": 3, "shape_size": 1, "affix_size": 1, "character_size": 2, "hidden_size": 2}
    >>> multiply_adds(options, num_outputs=5, num_characters=10, tokens_per_batch=100)
    {'characters': 15.0, 'encoder': 192, 'output': 20}
    """
    hidden = options["hidden_size"]
    return {
        "characters": num_characters * 25 * 3 * options["character_size"] / tokens_per_batch,
        "encoder": 2 * 4 * hidden * (inputs_size(options) + hidden),
        "output": 2 * hidden * num_outputs,
    }


def inputs_size(options):
    """Return the width of what the encoder reads."""
    return options["word_size"] + options["shape_size"] + 4 * options["affix_size"] + options["character_size"]


def time_to_quality(epochs):
    """Return the seconds until a score within one point of the best one, and the best one.

    >>> time_to_quality([(1.5, 40.0), (3.0, 69.5), (4.5, 70.0)])
    (3.0, 70.0)
    """
    best = max(score for _, score in epochs)
    return min(seconds for seconds, score in epochs if score >= best - 1), best


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
