"""What a token costs by the length of its sentence, the size of the batch and the length of the stream: one process.

    python recipes/benchmark.py --cost

A worker's stages for seqtag's engines; `benchmarking/cost.py` makes tables of what they say.
"""

import itertools
import time
from functools import partial
from pathlib import Path

from benchmarking.measures import peak_mib, speed
from benchmarking.worker import read

FEWEST_TOKENS = 20_000


def of_length(tokens, length):
    """Sentences of one length, cut from a row of tokens that begins anew at its end; some 20,000 tokens in all."""
    row = itertools.cycle(tokens)
    return [list(itertools.islice(row, length)) for _ in range(max(2, FEWEST_TOKENS // length))]


def endless(sentences):
    """Sentences of a corpus in turn, each with a word that never comes again, so that no cache can hold them all."""
    for i, sentence in enumerate(itertools.cycle(sentences)):
        yield [*sentence, f"w{i}"]


def lengths(system, job, say):
    """Microseconds a token for sentences of each length."""
    model = system.load(job, Path(job["model"]))
    say(micros=[steady(system, job, model, length) for length in job["values"]])


def batches(system, job, say):
    """Microseconds a token for each number of padded tokens a batch; the model is written and exported anew for it."""
    from benchmarking.ours import EXPORTS, Tagger  # not above: a stream through an export must not import torch

    name, _, options = EXPORTS.get(job["system"], ("torch", None, None))
    micros = []
    for most in job["values"]:
        folder = Path(job["model"]) / f"batches of {most}"
        tagger = Tagger.load(Path(job["model"]) / "torch", device="cpu").set_params(max_tokens=most)
        tagger.save(folder / name)
        if options is not None:
            tagger.export(folder / name, **options)
        micros.append(steady(system, job, system.load(job, folder), 20))
    say(micros=micros)


def steady(system, job, model, length):
    sentences = of_length(list(itertools.chain.from_iterable(read(job, "train")[0])), length)
    system.tags(model, sentences[:2])
    return 1e6 / speed(partial(system.tags, model), sentences, job["seconds"])


def stream(system, job, say):
    """Microseconds a token, and memory, for a stream of so many sentences."""
    model, [size] = system.load(job, Path(job["model"])), job["values"]
    sentences = read(job, "train")[0]
    started, tokens = time.perf_counter(), 0
    for tags in model.predict_stream(itertools.islice(endless(sentences), size)):
        tokens += len(tags)
    say(micros=[1e6 * (time.perf_counter() - started) / tokens], mib=peak_mib())
