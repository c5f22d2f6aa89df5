"""Ask a model for the spans of a million sentences in which no word comes twice: memory flat, answers right?

python recipes/soak.py EXPORTED_MODEL [--sentences N] [--engines torch onnx onnx-int8] [--bound MB]

Processes share the sentences, and in each many threads call one model. Prints sentences/s and each process's peak of
resident memory, a line a tenth. Exit code 1 where one grew by more than the bound after three tenths (bounded caches
take some 200,000 words to fill), or answers differ from those of one thread. For Linux and macOS. A model for it:
seqtag demo, then seqtag export seqtag-demo-model --dev data, and again with --int8.
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

CALL, CHECKED = 50, range(0, 1000, 50)  # sentences a call; the calls whose answers are compared
LETTERS = str.maketrans("0123456789abcdef", "aeioulnrstmkdpbg")


def ask(model, start: int) -> tuple[int, float]:
    """Say what a model finds in some new sentences: a checksum of the spans, and the sum of their probabilities."""
    words = [f"{number:x}".translate(LETTERS).title() for number in range(start * 16, (start + CALL) * 16)]
    found = model.predict_spans([" ".join(words[16 * n : 16 * n + 3 + n % 13]) + " met Ada." for n in range(CALL)])
    places = repr([[(span.start, span.end, span.label) for span in spans] for spans in found])
    return zlib.crc32(places.encode()), sum(span.score for spans in found for span in spans)


def resident() -> float:
    if (pages := Path("/proc/self/statm")).exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(os.getpid())])) / 2**10


def soak(engine: str, folder: str, starts: range, threads: int):
    if engine == "torch":
        from seqtag import Tagger  # here, so that the others stay without

        model = Tagger.load(folder, engine="torch")
    else:
        from seqtag.runtime import load

        model = load(folder, int8=engine == "onnx-int8", threads=1)
    tenths, alone = [], [ask(model, start) for start in CHECKED]
    with ThreadPoolExecutor(threads) as pool:
        for tenth in range(10):
            begin, part = time.perf_counter(), starts[tenth * len(starts) // 10 : (tenth + 1) * len(starts) // 10]
            peak = max([resident() for _ in pool.map(lambda start: ask(model, start), part)], default=resident())
            tenths.append((len(part) * CALL / (time.perf_counter() - begin), peak))
            print(f"{engine}, process {os.getpid()}: {tenth + 1}/10, {peak:.0f} MB", file=sys.stderr)
        return tenths, alone, list(pool.map(lambda start: ask(model, start), CHECKED))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--engines", nargs="+", default=["torch", "onnx", "onnx-int8"])
    for name, default in {"sentences": 1_000_000, "threads": 8, "processes": 2, "bound": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help="default: %(default)s")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # many callers: each call takes one core
    starts, good = range(CHECKED.stop, CHECKED.stop + given.sentences, CALL), True
    for engine in given.engines:
        shares = [(engine, given.model, starts[n :: given.processes], given.threads) for n in range(given.processes)]
        with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
            tenths, *answers = zip(*pool.map(soak, *zip(*shares)))
        for n, columns in enumerate(zip(*tenths), 1):
            peaks = "".join(f"{peak:8.0f} MB" for _, peak in columns)
            print(f"{engine:10}{n:3}/10{sum(speed for speed, _ in columns):9,.0f} sentences/s{peaks}")
        grown = max(max(peak for _, peak in own[3:]) - max(peak for _, peak in own[:3]) for own in tenths)
        first, *others = [answer for side in answers for answer in side]
        same = all(a == b and math.isclose(p, q, rel_tol=1e-4) for o in others for (a, p), (b, q) in zip(first, o))
        print(f"{engine:10}grew by {grown:+.1f} MB after the warm-up; answers {'agree' if same else 'DIFFER'}")
        good = good and same and grown <= given.bound
    sys.exit(not good)
