"""Measure how well wrong labels are found: 5% of the spans of a corpus are spoilt by seed, then looked for.

    pip install cleanlab
    python recipes/labels_suspects.py --data ../shared/data                       # uner_da_ddt
    python recipes/labels_suspects.py --data ../shared/data wnut17 --seed 1 --keep spoilt.json

A third of the spoilt spans lose their label (dropped), a third get another label (type), and a third get a border that
is a token off (border); which ones, and how, depends on the seed alone, and `--keep` writes them down. `find_suspects`
looks for them, and so does cleanlab's method for tokens (Wang and Mueller 2022, https://arxiv.org/abs/2210.03920), with
the same out-of-fold probabilities of tokens: by self-confidence, and in the order of its find_label_issues. Without
cleanlab installed, only the first is computed: it is the probability of the label that a token has.

"Log odds alone" is the order of `find_suspects` without its trust in models on each label.

An item of a ranking is right if it touches a spoilt span, is passed over if it touches one that was found before, and
is wrong otherwise; a token next to one that is listed already, of the same sentence, is passed over too. AP is the
average precision over all spoilt spans. Places that were wrong before count against all methods alike.
"""

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np

from seqtag import Span, Tagger, find_suspects, load_corpus

CORPORA = {"uner_da_ddt": "uner_da_ddt", "wnut17": "wnut17", "ncbi_disease": "ncbi_disease"}
KINDS = ("dropped", "type", "border")


# -- spoiling ----------------------------------------------------------------------------------------------------------


def spans_of(tags):
    """Return the spans of tags in IOB2.

    >>> spans_of(["B-PER", "I-PER", "O", "B-LOC"])
    [Span(start=0, end=2, label='PER'), Span(start=3, end=4, label='LOC')]
    """
    starts = [at for at, tag in enumerate(tags) if tag[0] == "B"]
    ends = [next((at for at in range(start + 1, len(tags)) if tags[at][0] != "I"), len(tags)) for start in starts]
    return [Span(start, end, tags[start][2:]) for start, end in zip(starts, ends)]


def tags_of(spans, length):
    """Return the tags in IOB2 of spans."""
    tags = ["O"] * length
    for span in spans:
        tags[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return tags


def other_borders(span, spans, length):
    """Return the spans whose first or last token is one further in or out, where there is room."""
    taken = {at for other in spans if other != span for at in range(other.start, other.end)}
    moved = [(span.start + by, span.end) for by in (-1, 1)] + [(span.start, span.end + by) for by in (-1, 1)]
    return [
        Span(start, end, span.label)
        for start, end in moved
        if 0 <= start < end <= length and taken.isdisjoint(range(start, end))
    ]


def spoil(tags, share, seed):
    """Spoil a share of the spans; return the new tags and what was done: rows of sentence, kind, span before and after.

    >>> spoil([["B-PER", "O"], ["B-LOC", "O"]], 0.5, 0)[1]
    [(1, 'border', Span(start=0, end=1, label='LOC'), Span(start=0, end=2, label='LOC'))]
    """
    chance = random.Random(seed)
    spans = [spans_of(sentence) for sentence in tags]
    labels = sorted({span.label for found in spans for span in found})
    places = [(row, span) for row, found in enumerate(spans) for span in found]
    chosen = chance.sample(places, round(share * len(places)))
    done = []
    for number, (row, span) in enumerate(chosen):
        kind = KINDS[(number + 2) % len(KINDS)]
        others = other_borders(span, spans[row], len(tags[row])) if kind == "border" else []
        if kind == "border" and not others:
            kind = "type"
        if kind == "type":
            others = [Span(span.start, span.end, label) for label in labels if label != span.label]
        kind = kind if others else "dropped"
        after = chance.choice(others) if others else None
        spans[row] = sorted([*(other for other in spans[row] if other != span), *([after] if after else [])])
        done.append((row, kind, span, after))
    return [tags_of(found, len(sentence)) for found, sentence in zip(spans, tags)], sorted(
        done, key=lambda each: each[:3]
    )


# -- measuring ---------------------------------------------------------------------------------------------------------


def regions(done):
    """Return the tokens of each sentence that a spoilt span has, before or after."""
    found = {}
    for number, (row, _, before, after) in enumerate(done):
        ends = [span for span in (before, after) if span]
        for at in range(min(span.start for span in ends), max(span.end for span in ends)):
            found.setdefault((row, at), number)
    return found


def measure(ranking, spoilt, total):
    """Return precision among the first 50 and 100, and average precision, of items that are (sentence, start, end).

    >>> measure([(0, 0, 1), (3, 0, 1), (0, 0, 1), (1, 2, 4)], {(0, 0): 0, (1, 3): 1}, 2)[2]
    0.8333333333333333
    """
    found, num_right, num_listed, area, precisions = set(), 0, 0, 0.0, []
    for row, start, end in ranking:
        touched = {spoilt[row, at] for at in range(start, end) if (row, at) in spoilt}
        new = touched - found
        if touched and not new:
            continue
        found |= new
        num_listed, num_right = num_listed + 1, num_right + bool(new)
        precisions.append(num_right / num_listed)
        area += len(new) * precisions[-1]
    first = [precisions[min(most, num_listed) - 1] if precisions else 0.0 for most in (50, 100)]
    return (*first, area / total)


def apart(tokens):
    """Yield tokens, given as sentence and position, but for those next to one that was yielded before.

    >>> list(apart([(0, 3), (0, 4), (0, 5), (1, 4)]))
    [(0, 3), (0, 5), (1, 4)]
    """
    seen = set()
    for row, at in tokens:
        if not seen & {(row, at - 1), (row, at + 1)}:
            seen.add((row, at))
            yield row, at


def token_rankings(tags, names, probabilities):
    """Return the rankings of tokens that cleanlab gives, each a list of sentence and position, the worst first."""
    number = {name: place for place, name in enumerate(names)}
    labels = [[number[tag] for tag in sentence] for sentence in tags]
    scores = [p_TD[np.arange(len(row)), row] for p_TD, row in zip(probabilities, labels)]
    rankings = {"self-confidence of tokens": scores}
    filtered = {}
    try:
        from cleanlab.token_classification.filter import find_label_issues
        from cleanlab.token_classification.rank import get_label_quality_scores
    except ImportError:
        pass
    else:
        options = {"labels": labels, "pred_probs": probabilities}
        rankings = {
            f"cleanlab, {method}": get_label_quality_scores(token_score_method=method, **options)[1]
            for method in ("self_confidence", "normalized_margin")
        }
        filtered = {"cleanlab, find_label_issues": find_label_issues(**options)}
    for name, scores in rankings.items():
        flat = [(score, row, at) for row, each in enumerate(scores) for at, score in enumerate(np.asarray(each))]
        filtered[name] = [(row, at) for _, row, at in sorted(flat)]
    return filtered


def read_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="*", metavar="CORPUS", help=f"some of: {', '.join(CORPORA)} (default: uner_da_ddt)")
    add("--data", type=Path, required=True, help="folder that holds the corpora")
    add("--share", type=float, default=0.05, help="share of the spans that are spoilt (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the spoiling, the folds and the models (default: %(default)s)")
    add("--folds", type=int, default=5, help="models to train (default: %(default)s)")
    add("--epochs", type=int, default=8, help="passes of each model (default: %(default)s)")
    add("--keep", type=Path, metavar="FILE", help="write what was spoilt as JSON")
    args = parser.parse_args(arguments)
    if unknown := set(args.corpora) - set(CORPORA):
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; choose from {', '.join(CORPORA)}")
    return args


def main(arguments=None):
    args = read_arguments(arguments)
    kept = {}
    print("| corpus | method | first 50 | first 100 | AP |\n|---|---|---|---|---|")
    for name in args.corpora or ["uner_da_ddt"]:
        train = load_corpus(args.data / CORPORA[name], scheme="IOB2")["train"]
        tokens, names = train["tokens"][:], train.features["tags"].feature.names
        spoilt, done = spoil([[names[tag] for tag in row] for row in train["tags"]], args.share, args.seed)
        kept[name] = [{"row": row, "kind": kind, "before": str(a), "after": str(b)} for row, kind, a, b in done]
        probabilities, columns = [None] * len(tokens), []

        def collect(fold, tokens=tokens, probabilities=probabilities, columns=columns):
            columns[:] = fold.model.tags_  # the same in each fold
            for row, p_TD in zip(fold.rows_N, fold.model.predict_proba([tokens[row] for row in fold.rows_N])):
                probabilities[row] = p_TD

        start = time.perf_counter()
        tagger = Tagger(epochs=args.epochs, seed=args.seed)
        options = {"folds": args.folds, "seed": args.seed, "least": -100}  # the whole ranking
        report = find_suspects(tagger, tokens, spoilt, watch=collect, **options)
        minutes = (time.perf_counter() - start) / 60
        by_odds = sorted(report.suspects, key=lambda each: -each.score / each.weight)
        rankings = {
            "find_suspects": [(each.row, *each.region) for each in report.suspects],
            "log odds alone": [(each.row, *each.region) for each in by_odds],
        }
        for method, ranking in token_rankings(spoilt, columns, probabilities).items():
            rankings[method] = [(row, at, at + 1) for row, at in apart(ranking)]
        for method, ranking in rankings.items():
            figures = measure(ranking, regions(done), len(done))
            print(f"| {name} | {method} | {' | '.join(f'{figure:.2f}' for figure in figures)} |", flush=True)
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(kind for _, kind, *_ in done).items())
        print(f"\n{name}: {len(done)} spans spoilt ({kinds}), {len(train):,} sentences, {minutes:.0f} minutes\n")
    if args.keep:
        args.keep.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
