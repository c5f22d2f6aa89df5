"""Check a machine with a GPU in at most eight minutes: the tests that need one, training, predicting, resume.

    python recipes/gpu_check.py --data ../shared/data --json gpu.json
    python recipes/gpu_check.py --data ../shared/data --device cpu --quick     # tries the script itself, in a minute

Each check is a row: what was done, its figures, and "failed" with the reason where it went wrong; the others go on. A
check that would begin after the time is up is left out by name. The exit code is 1 if any failed or was left out.

The checks: the tests of the suite that are skipped without a GPU; the default tagger, and one with head="linear" and
without lexical scores, trained on WNUT-17 in fp32 and in bf16; their dev F1 and tokens per second of training and
predicting beside the CPU's; predictions that must not depend on the batch (each sentence alone and all together); a
training stopped in the middle and resumed, which must end in the weights of one that was not; a language model of words
with 1,024 units on WikiText-2 for two epochs.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from seqtag import LanguageModel, Tagger, __version__, load_corpus

REPOSITORY = Path(__file__).parent.parent
GPU_TESTS = ("tests/nn/test_recurrent.py", "tests/training/test_device.py")
TAGGERS = {"default": {}, "linear head, encoder alone": {"head": "linear", "lexical": False}}
# What a batch may move a probability by: GPU kernels of other sizes add in another order.
MOST_MOVED = {"fp32": 1e-4, "bf16": 0.05}


class Clock:
    """A watcher that adds up the seconds of training, and may interrupt it amid its second epoch, as Ctrl-C does."""

    start = close = lambda self, **progress: None

    def __init__(self, *, interrupts=False):
        self.seconds, self.interrupts = 0.0, interrupts

    def step(self, *, epoch, step, steps, **progress):
        """Interrupt the training if it is time."""
        if self.interrupts and (epoch, step) == (2, steps // 2):
            raise KeyboardInterrupt

    def epoch(self, record):
        """Count the seconds of an epoch, without those of scoring dev."""
        self.seconds += record.seconds


def run_tests(job):
    """Run the tests that are skipped where there is no GPU."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *GPU_TESTS],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    closing = run.stdout.strip().splitlines()[-1]
    assert run.returncode == 0, f"{closing}\n{run.stdout[-2000:]}"
    assert job.device == "cpu" or "skipped" not in closing, f"tests were skipped: {closing}"
    return {"tests": closing.strip("= ")}


def train_tagger(job, options, device, precision):
    clock = Clock()
    tagger = Tagger(**options, device=device, precision=precision, epochs=job.epochs)
    tagger.fit(job.corpus["train"], dev=job.corpus["dev"], watchers=[clock])
    return tagger, job.num_tokens["train"] * len(tagger.history_) / clock.seconds


def predict_speed(tagger, sentences, seconds=2.0):
    """Give tokens per second of predicting, after one pass that is not counted."""
    tagger.predict(sentences)
    passes, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds or not passes:
        tagger.predict(sentences)
        passes += 1
    return passes * sum(map(len, sentences)) / (time.perf_counter() - started)


def check_tagger(job, options, precision):
    """Train and predict on the device, beside the CPU in fp32; a prediction must not depend on its batch."""
    tagger, speed = train_tagger(job, options, job.device, precision)
    sentences = job.corpus["dev"]["tokens"][:]
    together = tagger.predict_proba(sentences[:100])
    alone = [tagger.predict_proba([sentence])[0] for sentence in sentences[:100]]
    moved = max(float(np.abs(one - other).max(initial=0)) for one, other in zip(together, alone, strict=True))
    assert moved <= MOST_MOVED[precision], f"a batch moves a probability by {moved:.2g}"
    tagger.set_params(engine="torch")
    figures = {"train tokens/s": round(speed), "predict tokens/s": round(predict_speed(tagger, sentences))}
    return figures | {"dev F1": round(100 * tagger.evaluate(job.corpus["dev"]).f1, 1), "moved by a batch": moved}


def check_resume(job, precision):
    """Stop a training in its second epoch and resume it: the weights must be those of one that ran through."""
    few = job.corpus["train"].select(range(min(400, len(job.corpus["train"]))))
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for interrupts in (False, True):
            tagger = Tagger(device=job.device, precision=precision, epochs=2, engine="torch")
            checkpoint = Path(folder) / f"{interrupts}.checkpoint"
            with suppress(KeyboardInterrupt):
                tagger.fit(few, dev=job.corpus["dev"], watchers=[Clock(interrupts=interrupts)], checkpoint=checkpoint)
            if interrupts:
                assert checkpoint.exists(), "the interrupted training left no checkpoint"
                tagger.fit(few, dev=job.corpus["dev"], watchers=[], checkpoint=checkpoint, resume=True)
            made.append(tagger.network_.state_dict())
    differ = [name for name, values in made[0].items() if not torch.equal(values.cpu(), made[1][name].cpu())]
    assert not differ, f"weights differ after resume: {', '.join(differ)}"
    return {"equal weights": len(made[0])}


def check_language_model(job):
    """Train a language model of words for two epochs."""
    splits = [gzip.decompress((job.data / "wikitext2" / f"{name}.txt.gz").read_bytes()) for name in ("train", "valid")]
    train, dev = ([split.decode()[: 30_000 if job.quick else None]] for split in splits)
    clock, options = Clock(), {"embedding_size": 256, "hidden_size": 64 if job.quick else 1024, "bptt": 40}
    model = LanguageModel(
        level="word", language=None, min_freq=1, epochs=2, dropout=0.4, learning_rate=2e-3, device=job.device, **options
    )
    model.fit(train, dev=dev, watchers=[clock])
    return {"seconds per epoch": round(clock.seconds / 2, 1), "dev perplexity": round(model.perplexity(dev), 1)}


def checks_of(job):
    yield "tests that need a GPU", lambda: run_tests(job)
    for name, options in TAGGERS.items():
        for precision in ("fp32", "bf16"):
            yield f"tagger ({name}), {precision}", lambda o=options, p=precision: check_tagger(job, o, p)
    for precision in ("fp32", "bf16"):
        yield f"resume, {precision}", lambda p=precision: check_resume(job, p)
    yield "language model of 1,024 units", lambda: check_language_model(job)


class Job:
    """What the checks share: the arguments, and WNUT-17 as it is loaded once."""

    def __init__(self, args):
        self.data, self.device, self.quick = args.data, args.device, args.quick
        self.epochs = 1 if args.quick else 4
        corpus = load_corpus(args.data / "wnut17", scheme="IOB2")
        if args.quick:
            corpus = {split: rows.select(range(100)) for split, rows in corpus.items()}
        self.corpus = corpus
        self.num_tokens = {split: sum(map(len, rows["tokens"][:])) for split, rows in corpus.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wnut17/ and wikitext2/")
    parser.add_argument("--device", default="cuda", help="device to check (default: cuda)")
    parser.add_argument("--quick", action="store_true", help="100 sentences and small models, to try the script")
    parser.add_argument("--minutes", type=float, default=8, help="no check begins after these (default: 8)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    args = parser.parse_args(arguments)
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; --device cpu --quick tries the script itself")
    started, job, rows = time.perf_counter(), Job(args), []
    for name, check in checks_of(job):
        begun = time.perf_counter()
        if begun - started > 60 * args.minutes:
            rows.append({"check": name, "outcome": "left out: the time was up"})
            continue
        print(f"{begun - started:4.0f} s  {name}", file=sys.stderr, flush=True)
        try:
            row = {"check": name, "outcome": "ok", **check()}
        except Exception as error:  # the other checks go on, whatever went wrong in this one
            row = {"check": name, "outcome": f"failed: {type(error).__name__}: {error}"}
        rows.append(row | {"seconds": round(time.perf_counter() - begun, 1)})
    show(rows, args)
    sys.exit(any(row["outcome"] != "ok" for row in rows))


def show(rows, args):
    """Print the table, and write it as JSON where that is wanted."""
    gpu = torch.cuda.get_device_name() if args.device.startswith("cuda") else "no GPU"
    about = {"seqtag": __version__, "torch": torch.__version__, "device": args.device, "gpu": gpu}
    table = Table("check", "outcome", "figures", title=" | ".join(f"{name} {value}" for name, value in about.items()))
    for row in rows:
        figures = {name: value for name, value in row.items() if name not in ("check", "outcome")}
        table.add_row(row["check"], row["outcome"], ", ".join(f"{name} {value}" for name, value in figures.items()))
    Console(soft_wrap=True).print(table)
    if args.json is not None:
        args.json.write_text(json.dumps({**about, "checks": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
