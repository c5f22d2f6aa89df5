"""Hold the forecasts of `seqtag curve` against what twice as many sentences really give.

    python recipes/labels_curve.py --data ../shared/data uner_da_ddt wnut17
    python recipes/labels_curve.py --data ../shared/data uner_da_ddt wnut17 --of 1/2 --seeds 2   # quicker

A sixteenth to a half of a corpus make the forecast for all of it; then all of it is trained on. A row holds the
sentences of the largest part, what was forecast for twice as many with its interval, what these gave (a figure for each
seed), and how many of these lie in the interval, which should be 19 of 20. The last rows sum up, over the corpora and,
as further cases, over their labels with at least `--support` spans in test. With `--of 1/2` half of the corpus stands
for all of it. The JSON of each run stays in `--out`, and a run that is there already is not done again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

SHARES = ("1/16", "1/8", "1/4", "1/2")


def run_curve(corpus, fractions, path, *, seeds, options):
    """Run `seqtag curve` on a corpus unless its result is there, and return what it writes as JSON."""
    if not path.exists():
        words = ["--fractions", ",".join(map(str, fractions)), "--seeds", str(seeds), "--json", str(path)]
        words += [word for option in options for word in ("--set", option)]
        subprocess.run(
            [sys.executable, "-m", "seqtag.cli", "curve", str(corpus), *words], check=True, stdout=sys.stderr
        )
    return json.loads(path.read_text(encoding="utf-8"))


def cases_of(name, forecast, real, *, support):
    """Return what was forecast and what came, for all labels together and for each label with enough spans.

    >>> score = {"value": 0.7, "low": 0.68, "high": 0.72}
    >>> law = {"trainings": [{"num_rows": 4}], "forecasts": [{"number": 8, "score": score}], "labels": []}
    >>> cases_of("news", law, {"trainings": [{"score": 0.71, "labels": {}}]}, support=50)
    [('news', 4, {'value': 0.7, 'low': 0.68, 'high': 0.72}, [0.71])]
    """
    largest = max(training["num_rows"] for training in forecast["trainings"])

    def pick(forecasts):
        return min(forecasts, key=lambda found: abs(found["number"] - 2 * largest))["score"]

    cases = [(name, largest, pick(forecast["forecasts"]), [training["score"] for training in real["trainings"]])]
    for label in forecast["labels"]:
        if label["support"] >= support and label["forecasts"]:
            scores = [training["labels"].get(label["label"], 0.0) for training in real["trainings"]]
            cases.append((f"{name} {label['label']}", largest, pick(label["forecasts"]), scores))
    return cases


def inside(case):
    """Count the scores that lie in the interval of the forecast."""
    _, _, score, real = case
    return sum(score["low"] <= each <= score["high"] for each in real)


def row_of(case):
    """Write a case as a row of the table."""
    name, largest, score, real = case
    interval = f"{100 * score['low']:.1f}-{100 * score['high']:.1f}"
    came = ", ".join(f"{100 * each:.1f}" for each in real)
    return (
        f"| {name} | {largest:,} | {100 * score['value']:.1f} | {interval} | {came} | {inside(case)} of {len(real)} |"
    )


def sum_of(name, cases):
    """Sum cases up: the mean miss of the forecasts, the mean width of the intervals, and what lies in them."""
    misses = [abs(score["value"] - statistics.mean(real)) for _, _, score, real in cases]
    widths = [score["high"] - score["low"] for _, _, score, _ in cases]
    hits, number = sum(map(inside, cases)), sum(len(real) for _, _, _, real in cases)
    miss, width = 100 * statistics.mean(misses), 100 * statistics.mean(widths)
    return (
        f"{name}: forecasts miss by {miss:.1f} points on average, intervals are {width:.1f} wide, {hits} of {number} in"
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="+", metavar="CORPUS", help="corpora, each with a split train and test")
    add("--data", type=Path, default=Path(), help="folder that holds them (default: here)")
    add("--out", type=Path, default=Path("labels_curve"), help="folder for the results (default: %(default)s)")
    add("--seeds", type=int, default=3, help="trainings of each size (default: %(default)s)")
    add("--of", default="1", metavar="SHARE", help="what stands for all of the corpus (default: %(default)s)")
    add("--support", type=int, default=50, help="least spans of a label in test (default: %(default)s)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the model, as in seqtag train")
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)

    whole = Fraction(args.of)
    cases = []
    print("| corpus | sentences | twice: forecast | 95% | real | in |\n" + "|---" * 6 + "|")
    for name in args.corpora:
        stem = name.replace("/", "_")
        options = {"seeds": args.seeds, "options": args.set}
        parts = [whole * Fraction(share) for share in SHARES]
        forecast = run_curve(args.data / name, parts, args.out / f"{stem}-parts.json", **options)
        real = run_curve(args.data / name, [whole], args.out / f"{stem}-all.json", **options)
        found = cases_of(name, forecast, real, support=args.support)
        cases += found
        print("\n".join(map(row_of, found)), flush=True)
    corpora = [case for case in cases if case[0] in args.corpora]
    print()
    print(sum_of("corpora", corpora))
    if len(cases) > len(corpora):
        print(sum_of("labels", [case for case in cases if case[0] not in args.corpora]))


if __name__ == "__main__":
    main()
