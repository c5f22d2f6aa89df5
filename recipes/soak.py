"""Ask a model for the spans of a million sentences in which no word comes twice: is memory flat, are answers right?

    python recipes/soak.py EXPORTED_MODEL [--sentences N] [--engines torch onnx onnx-int8] [--bound MB]

Several processes share the sentences, and in each of them many threads call one model. A line for each tenth of the
sentences shows sentences per second and the peak of each process's resident memory. The exit code is 1 if a process
grew by more than the bound after the first three tenths (bounded caches take some 200,000 words to fill), or if the
answers differ from those of one thread. It runs on Linux and macOS. To make a model for it, run `seqtag demo`, then
`seqtag export seqtag-demo-model --dev data`, and the same again with `--int8`.
"""

import argparse
import math
import os
import subprocess
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

SENTENCES_PER_CALL = 50
WORDS_PER_SENTENCE = 16  # at most; each sentence has this many numbers of its own to make words of
TENTHS_OF_WARM_UP = 3
LETTERS = str.maketrans("0123456789abcdef", "aeioulnrstmkdpbg")


def make_sentences(start: int) -> list[str]:
    """Write the sentences of one call; their words are numbers in letters, so none of them comes twice."""
    sentences = []
    for number in range(start, start + SENTENCES_PER_CALL):
        first = number * WORDS_PER_SENTENCE
        num_words = 3 + (number - start) % 13
        words = [f"{first + i:x}".translate(LETTERS).title() for i in range(num_words)]
        sentences.append(" ".join(words) + " met Ada.")
    return sentences


def ask(model, start: int) -> tuple[int, float]:
    """Return what a model finds in the sentences of one call: a checksum of the spans, and the sum of their scores."""
    found = model.predict_spans(make_sentences(start))
    places = repr([[(span.start, span.end, span.label) for span in spans] for spans in found])
    return zlib.crc32(places.encode()), sum(span.score for spans in found for span in spans)


def agree(first: list[tuple[int, float]], other: list[tuple[int, float]]) -> bool:
    """Tell whether two lists of answers hold the same spans with nearly the same scores."""
    return all(a == b and math.isclose(p, q, rel_tol=1e-4) for (a, p), (b, q) in zip(first, other))


def resident_mb() -> float:
    """Return the resident memory of this process."""
    if (pages := Path("/proc/self/statm")).exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(os.getpid())])) / 2**10


def load_model(engine: str, folder: str):
    if engine == "torch":
        from seqtag import Tagger  # imported here, so that the processes of the exports hold no torch

        return Tagger.load(folder, engine="torch")
    from seqtag.runtime import load

    return load(folder, int8=engine == "onnx-int8", threads=1)


def soak(engine: str, folder: str, checked: range, starts: range, num_threads: int):
    """Do one process's share of the work; `checked` and `starts` hold the first sentence of each call.

    Returns sentences per second and the peak of memory for each tenth, and two lists of answers to the calls that are
    checked: those of one thread before the soak, and those of many threads after it.
    """
    model, tenths = load_model(engine, folder), []
    alone = [ask(model, start) for start in checked]
    with ThreadPoolExecutor(num_threads) as pool:
        for tenth in range(10):
            part = starts[tenth * len(starts) // 10 : (tenth + 1) * len(starts) // 10]
            begin = time.perf_counter()
            peak = max([resident_mb() for _ in pool.map(lambda start: ask(model, start), part)], default=resident_mb())
            tenths.append((len(part) * SENTENCES_PER_CALL / (time.perf_counter() - begin), peak))
            print(f"{engine}, process {os.getpid()}: {tenth + 1}/10, {peak:.0f} MB", file=sys.stderr)
        return tenths, alone, list(pool.map(lambda start: ask(model, start), checked))


def soak_engine(engine: str, args: argparse.Namespace) -> bool:
    """Soak one engine in all processes and print its lines; return whether memory and answers were as they should."""
    checked = range(0, args.checked, SENTENCES_PER_CALL)
    first = len(checked) * SENTENCES_PER_CALL
    starts = range(first, first + args.sentences, SENTENCES_PER_CALL)
    shares = [(engine, args.model, checked, starts[n :: args.processes], args.threads) for n in range(args.processes)]
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        by_process, *answers = zip(*pool.map(soak, *zip(*shares)))
    for number, tenth in enumerate(zip(*by_process), 1):
        peaks = "".join(f"{peak:8.0f} MB" for _, peak in tenth)
        print(f"{engine:10}{number:3}/10{sum(speed for speed, _ in tenth):9,.0f} sentences/s{peaks}")

    growths = []
    for tenths in by_process:
        peaks = [peak for _, peak in tenths]
        growths.append(max(peaks[TENTHS_OF_WARM_UP:]) - max(peaks[:TENTHS_OF_WARM_UP]))
    reference, *others = [answer for of_processes in answers for answer in of_processes]
    same = all(agree(reference, other) for other in others)
    verdict = f"grew by {max(growths):+.1f} MB after the warm-up; answers {'agree' if same else 'DIFFER'}"
    print(f"{engine:10}{verdict}")
    return same and max(growths) <= args.bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a model that `seqtag export` has exported")
    parser.add_argument("--engines", nargs="+", default=["torch", "onnx", "onnx-int8"], help="default: all three")
    parser.add_argument("--sentences", type=int, default=1_000_000, help="sentences in all (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=8, help="threads that call the model of each process (default: 8)"
    )
    parser.add_argument("--processes", type=int, default=2, help="processes that share the sentences (default: 2)")
    parser.add_argument(
        "--checked", type=int, default=1000, help="sentences whose answers are compared (default: 1000)"
    )
    parser.add_argument("--bound", type=int, default=64, help="most MB that a process may grow by (default: 64)")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # there are many callers, so each call takes one core
    good = [soak_engine(engine, args) for engine in args.engines]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
