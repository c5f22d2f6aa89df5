"""Simulate choosing what to label next: F1 on test against labelled tokens, for several ways of choosing.

    python recipes/labels_select.py --data ../shared/data --out select.jsonl uner_da_ddt wnut17 bc5cdr
    python recipes/labels_select.py --data ../shared/data --out select.jsonl uner_da_ddt --pool 2000 --seeds 2
    python recipes/labels_select.py --out select.jsonl --picture select.svg        # what was measured, once more

The labels of train are hidden. A tagger learns from 50 sentences drawn at random; then, again and again, one of the
ways below chooses half as many more (`--growth 1.5`), these get their labels, and a new tagger learns from all that
are labelled. Each way starts from the same 50. A part of dev, the same for all, chooses the epoch, and is not counted.
The table says how many tokens have to be labelled until F1 is that of training on all labels, or 95% of it, read off
the curve between two rounds; "share" is that number beside what random needs. A run that was killed goes on with the
seed and the way that it had begun: each finished one is a line in the file `--out`.
"""

import argparse
import json
import random
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

from seqtag import Tagger, load_corpus
from seqtag.curation.selection import Seconds, select

PER_TEXT, PER_TOKEN = Seconds(text=1, token=0, correction=0), Seconds(text=0, token=1, correction=0)
# What `select` is given. None: it is not asked.
WAYS = {
    "random": None,
    "longest": None,
    "entropy": {"by": "entropy", "seconds": PER_TEXT, "spread": False},
    "entropy per token": {"by": "entropy", "seconds": PER_TOKEN, "spread": False},
    "errors per minute": {"by": "errors", "spread": False},
    "entropy, spread": {"by": "entropy", "seconds": PER_TEXT},
    "entropy per minute, spread": {"by": "entropy"},
    "seqtag select": {},
}
ALL = "all labels"
TOKENS_IN_ALL, LEAST_EPOCHS, MOST_EPOCHS = 200_000, 12, 25  # of a training, so that a simulation takes minutes
COLOURS = ("#777777", "#c9a227", "#c0392b", "#e67e22", "#8e44ad", "#16a085", "#5dade2", "#1b4f9c")


# -- one simulation ----------------------------------------------------------------------------------------------------


def measure(corpus, numbers, *, seed, options):
    """Train on some sentences of train and return F1 on test."""
    rows = corpus["train"].select(sorted(numbers))
    epochs = max(LEAST_EPOCHS, min(MOST_EPOCHS, TOKENS_IN_ALL // max(1, sum(map(len, rows["tokens"])))))
    tagger = Tagger(**{"epochs": epochs, "hidden_size": 64, "seed": seed, **options})
    tagger.fit(rows, dev=corpus["dev"])
    return tagger, tagger.score(corpus["test"])


def choose(way, tagger, sentences, left, labelled, *, n, seed):
    """Return the numbers of n sentences among those that are left."""
    if way == "random":
        return random.Random(f"{seed} {len(labelled)}").sample(left, min(n, len(left)))
    if way == "longest":
        return sorted(left, key=lambda number: -len(sentences[number]))[:n]
    known = [sentences[number] for number in labelled]
    found = select(tagger, [sentences[number] for number in left], n=n, labelled=known, seed=seed, **WAYS[way])
    return [left[each.row] for each in found.chosen]


def simulate(corpus, way, first, *, seed, start, growth, most, options, watch):
    """Return the points of one way: labelled tokens, labelled sentences, and F1 on test.

    All ways of a seed start from the same tagger, which the first one of them leaves in the list `first`.
    """
    sentences = corpus["train"]["tokens"][:]
    total = sum(map(len, sentences))
    everything = list(range(len(sentences)))
    labelled = everything if way == ALL else random.Random(seed).sample(everything, start)
    points = []
    while True:
        is_first = not points and way != ALL
        tagger, f1 = first[0] if is_first and first else measure(corpus, labelled, seed=seed, options=options)
        if is_first and not first:
            first.append((tagger, f1))
        points.append([sum(len(sentences[number]) for number in labelled), len(labelled), round(100 * f1, 2)])
        watch(f"{way}, seed {seed}: {points[-1]}")
        left = sorted(set(everything) - set(labelled))
        if not left or points[-1][0] >= most * total:
            return points
        n = max(1, round((growth - 1) * len(labelled)))
        chosen = choose(way, tagger, sentences, left, labelled, n=n, seed=seed)
        if not chosen:  # near copies of labelled sentences are all that is left
            return points
        labelled = labelled + chosen


# -- figures -----------------------------------------------------------------------------------------------------------


def tokens_needed(points, target):
    """Return how many labelled tokens a curve needs to reach a score, between two points by a straight line.

    >>> tokens_needed([(100, 5, 20.0), (200, 9, 40.0), (300, 14, 35.0)], 30.0)
    150.0
    """
    before, best = None, float("-inf")
    for tokens, _, f1 in points:
        if f1 >= target:
            return float(tokens) if before is None else before + (tokens - before) * (target - best) / (f1 - best)
        if f1 > best:
            best = f1
        before = tokens
    return None


def table(records, corpus):
    """Return the lines of the table of a corpus."""
    lines = [f"\n{corpus}", "| way | tokens to 95% | share | tokens to 100% | share | mean F1 |", "|---" * 6 + "|"]
    ceilings = {r["seed"]: r["points"][-1] for r in records if r["corpus"] == corpus and r["way"] == ALL}
    needed = {}
    for way in WAYS:
        runs = [r for r in records if r["corpus"] == corpus and r["way"] == way and r["seed"] in ceilings]
        if not runs:
            continue
        curves = [[*r["points"], ceilings[r["seed"]]] for r in runs]  # each one ends where all labels do
        cells = []
        for share in (0.95, 1.0):
            reached = [tokens_needed(curve, share * curve[-1][2]) for curve in curves]
            needed[way, share] = statistics.mean(reached)
            beside = needed.get(("random", share))
            cells += [f"{needed[way, share]:,.0f}", "-" if not beside else f"{needed[way, share] / beside:.2f}"]
        mean_f1 = statistics.mean(area(curve, curve[-1][0] / 2) for curve in curves)
        lines.append(f"| {way} | {' | '.join(cells)} | {mean_f1:.1f} |")
    if ceilings:
        tokens, f1 = (statistics.mean(point[i] for point in ceilings.values()) for i in (0, 2))
        lines.append(
            f"\nAll {tokens:,.0f} tokens give F1 {f1:.1f}, the mean of {len(ceilings)} seed(s). Mean F1 is that "
            "of the curve up to half of the tokens."
        )
    return lines


def area(points, last):
    """Return the mean F1 of a curve over its tokens, up to some number of them or to its end.

    >>> area([(0, 0, 10.0), (100, 9, 30.0)], 50)
    15.0
    """
    total = 0.0
    for (left, _, low), (right, _, high) in pairwise(points):
        end = min(right, last)
        if end > left:
            height = low + (high - low) * (end - left) / (right - left)
            total += (end - left) * (low + height) / 2
    return total / max(1, min(last, points[-1][0]) - points[0][0])


def places_of(right, top, high):
    """Return where tokens stand on the x axis of a panel, and F1 on the y axis."""
    return (lambda tokens: 50 + 560 * tokens / right), (lambda f1: top + 240 * (1 - f1 / high))


def draw(records, path):
    """Write a panel per corpus as SVG: F1 against labelled tokens, the mean over the seeds at each round."""
    corpora = sorted({record["corpus"] for record in records})
    height = 330 * len(corpora)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="640" height="{height}" fill="white"/>',
    ]
    for panel, corpus in enumerate(corpora):
        top = 330 * panel + 40
        mine = [record for record in records if record["corpus"] == corpus]
        right = max(point[0] for r in mine for point in r["points"])
        high = max(point[2] for r in mine for point in r["points"])
        x, y = places_of(right, top, high)
        parts.append(f'<text x="50" y="{top - 16}" font-size="14">{corpus}: F1 on test by labelled tokens</text>')
        for step in range(5):
            parts.append(f'<path d="M50 {y(high * step / 4):.1f}h560" stroke="#ddd"/>')
            parts.append(
                f'<text x="44" y="{y(high * step / 4) + 4:.1f}" text-anchor="end">{high * step / 4:.0f}</text>'
            )
            tokens = right * step / 4
            parts.append(f'<text x="{x(tokens):.1f}" y="{top + 258}" text-anchor="middle">{tokens:,.0f}</text>')
        ceiling = [r["points"][-1][2] for r in mine if r["way"] == ALL]
        if ceiling:
            level = y(statistics.mean(ceiling))
            parts.append(f'<path d="M50 {level:.1f}h560" stroke="black" stroke-dasharray="4 4"/>')
        drawn = [each for each in zip(WAYS, COLOURS, strict=True) if any(r["way"] == each[0] for r in mine)]
        for row, (way, colour) in enumerate(drawn):
            runs = [r["points"] for r in mine if r["way"] == way]
            rounds = zip(*runs)  # up to the last round that all seeds have
            means = [[statistics.mean(point[i] for point in points) for i in (0, 2)] for points in rounds]
            places = " ".join(f"{x(tokens):.1f},{y(f1):.1f}" for tokens, f1 in means)
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{places}"/>')
            at = top + 100 + 16 * row
            parts.append(f'<path d="M420 {at - 4}h24" stroke="{colour}" stroke-width="2"/>')
            parts.append(f'<text x="450" y="{at}">{way}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="*", metavar="CORPUS", help="folders in --data with train, dev and test")
    add("--data", type=Path, default=Path(), help="folder that holds the corpora")
    add("--out", type=Path, required=True, help="file of JSON lines for the curves, which a later run goes on with")
    add("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY", help=f"some of: {', '.join(WAYS)}")
    add("--seeds", type=int, default=5, help="simulations of each way (default: %(default)s)")
    add("--start", type=int, default=50, help="sentences to start from (default: %(default)s)")
    add("--growth", type=float, default=1.5, help="labelled sentences after a round by those before it")
    add("--most", type=float, default=0.7, help="share of the tokens at which to stop (default: %(default)s)")
    add("--pool", type=int, help="take so many sentences of train, drawn at random (default: all)")
    add("--dev", type=int, default=300, help="sentences of dev that choose the epoch (default: %(default)s)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the Tagger, as in JSON")
    add("--picture", type=Path, metavar="FILE.svg", help="draw the curves")
    args = parser.parse_args(arguments)
    if args.growth <= 1:
        parser.error("--growth: a round adds sentences, so it is more than 1")
    options = {key: json.loads(value) for key, _, value in (item.partition("=") for item in args.set)}
    records = []
    if args.out.exists():
        records = [json.loads(line) for line in args.out.read_text(encoding="utf-8").splitlines()]
    given = {key: getattr(args, key) for key in ("start", "growth", "most", "pool", "dev", "set")}
    if args.corpora and any(record["options"] != given for record in records):
        parser.error(f"{args.out}: holds curves that were made with other options; name another file")
    done = {(record["corpus"], record["seed"], record["way"]) for record in records}
    for name in args.corpora:
        corpus = load_corpus(args.data / name)
        parts = {"train": args.pool, "dev": args.dev}
        for split, size in parts.items():
            if size is not None and size < len(corpus[split]):
                corpus[split] = corpus[split].shuffle(seed=0).select(range(size))
        for seed in range(args.seeds):
            first = []
            for way in [ALL, *args.ways]:
                if (name, seed, way) in done:
                    continue
                begun = time.perf_counter()
                points = simulate(
                    corpus,
                    way,
                    first,
                    seed=seed,
                    start=args.start,
                    growth=args.growth,
                    most=args.most,
                    options=options,
                    watch=lambda line, name=name: print(f"{name}, {line}", file=sys.stderr, flush=True),
                )
                minutes = round((time.perf_counter() - begun) / 60, 2)
                records.append(
                    {"corpus": name, "seed": seed, "way": way, "points": points, "minutes": minutes, "options": given}
                )
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(records[-1]) + "\n")
    for name in args.corpora or sorted({record["corpus"] for record in records}):
        print("\n".join(table(records, name)), flush=True)
    if args.picture:
        draw(records, args.picture)


if __name__ == "__main__":
    main()
