"""One system in one process: what it is asked comes as JSON, what it measured goes out as lines of JSON.

    python -m benchmarking.worker '{"system": "spacy", "stage": "check"}'

`benchmark.py` starts it, in the system's interpreter. A system's file has train, save, load, tags; where it can, spans.
"""

import json
import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmarking.measures import latencies, peak_mib, size_mb, speed

MODULES = {  # system: the file beside this one that knows it
    "seqtag torch": "benchmarking.ours",
    "seqtag onnx": "benchmarking.onnx",
    "seqtag int8": "benchmarking.onnx",
    "crfsuite": "benchmarking.crfsuite",
    "spacy": "benchmarking.spacy",
    "flair": "benchmarking.flair",
}


def read(job, split):
    """The sentences of a split: lists of tokens, lists of tags."""
    part = json.loads(Path(job["corpus"], f"{split}.json").read_text(encoding="utf-8"))
    return part["tokens"], part["tags"]


def check(system, job, say):
    say(version=system.VERSION)


def train(system, job, say):
    dev = read(job, "dev")

    def after_epoch(seconds, model=None, f1=None):
        """Tell how far training is, and wait: what the parent does with it must cost the training nothing."""
        if job["until"]:
            say(seconds=seconds, **({"tags": system.tags(model, dev[0])} if f1 is None else {"f1": f1}))
            if sys.stdin.readline().strip() != "more":
                sys.exit()

    model, figures = system.train(job, read(job, "train"), dev, after_epoch)
    say(train_mib=peak_mib(), **figures)
    system.save(model, Path(job["model"]))


def predict(system, job, say):
    model = system.load(job, Path(job["model"]))
    dev_tokens, test_tokens = read(job, "dev")[0], read(job, "test")[0]
    sentences, tags = dev_tokens + test_tokens, system.tags(model, dev_tokens)  # also the warm-up
    tag = partial(system.tags, model)
    say(predict=speed(tag, sentences, job["seconds"]), **latencies(tag, sentences, job["seconds"]))
    say(predict_mib=peak_mib(), size_mb=size_mb(system, job), tags=tags)
    if hasattr(system, "spans"):
        texts, find = [" ".join(tokens) for tokens in sentences], partial(system.spans, model)
        find(texts[:1])  # what it imports for raw text is no part of its speed
        say(raw=speed(find, texts, job["seconds"], num_tokens=sum(map(len, sentences))))


def main():
    job = json.loads(sys.argv[1])
    # Libraries print as well: to standard output goes only what is said here.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**figures):
        print(json.dumps(figures), file=out, flush=True)

    here = {"check": check, "train": train, "predict": predict}
    stages = here if job["stage"] in here else vars(import_module("benchmarking.scaling"))
    stages[job["stage"]](import_module(MODULES[job["system"]]), job, say)


if __name__ == "__main__":
    main()
