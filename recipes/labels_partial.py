"""Learn from entities of which some have lost their labels: read as O, as unknown, or with an expected share.

    python recipes/labels_partial.py --data uner_da_ddt bc5cdr crossner/politics --seeds 3      # hours
    python recipes/labels_partial.py --data data/news --lost 0.5 --set epochs=5

In the training data a share of the entities, drawn by the seed, loses its labels; dev and test stay whole. Each way of
reading what is left is trained and scored on test, strict F1:

    outside    the tokens of a lost entity have the tag O, as in a corpus that somebody annotated in haste
    unknown    they have the tag ?, as where it is known which words nobody looked at
    share      they have the tag O, and the tagger is told that O is unknown, and which share of the tokens is inside of
               entities (`unlabelled="unknown"`, `entity_share=` that of the whole training data): the Expected Entity
               Ratio of Effland and Collins (2021), who gained 12.7 points of F1 on Mayhew et al. (2019) and 2.3 on Li
               et al. (2021) on average over seven data sets with 1,000 annotations, with pretrained transformers

`whole` is the model that has all labels.
"""

import argparse
import json
import statistics
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from seqtag import Tagger, load_corpus

WAYS = ("outside", "unknown", "share")


def sentences_of(data):
    """Give the tokens and the tags of a split as strings."""
    names = data.features["tags"].feature.names
    return data["tokens"][:], [[names[number] for number in row] for row in data["tags"]]


def lose_labels(tags, share, seed, *, written):
    """Write another tag over a share of the entities, in IOB2, drawn by a seed."""
    random = np.random.default_rng(seed)
    result = []
    for row in tags:
        row = list(row)
        starts = [position for position, tag in enumerate(row) if tag.startswith("B-")]
        for start, following in pairwise([*starts, len(row)]):
            end = next((at for at in range(start + 1, following) if not row[at].startswith("I-")), following)
            if random.random() < share:
                row[start:end] = [written] * (end - start)
        result.append(row)
    return result


def run(corpus, way, lost, seed, options):
    """Train on what is left of the labels, and give the F1 on test."""
    tokens, tags = sentences_of(corpus["train"])
    inside = sum(tag != "O" for row in tags for tag in row) / sum(map(len, tags))
    if way == "share":
        options = {**options, "unlabelled": "unknown", "entity_share": round(inside, 3)}
    left = tags if way == "whole" else lose_labels(tags, lost, seed, written="?" if way == "unknown" else "O")
    tagger = Tagger(seed=seed, **options).fit(tokens, left, dev=corpus["dev"], watchers=[])
    return 100 * tagger.score(corpus["test"])


def setting(text):
    """Read KEY=VALUE, whose value may be written as JSON."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="corpora with train, dev and test")
    parser.add_argument("--lost", nargs="+", type=float, default=[0.5, 0.8], help="shares of the entities")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", nargs="*", type=setting, default=[], dest="options", metavar="KEY=VALUE")
    args = parser.parse_args()
    options = dict(args.options)
    table = Table("corpus", "lost", *args.ways, "whole", title=f"strict F1 on test, {args.seeds} seeds")
    with Progress(console=Console(stderr=True)) as progress:
        turns = len(args.data) * (1 + len(args.lost) * len(args.ways)) * args.seeds
        task = progress.add_task("training", total=turns)

        def scores(corpus, way, lost):
            found = []
            for seed in range(args.seeds):
                found.append(run(corpus, way, lost, seed, options))
                progress.advance(task)
            spread = f" ± {statistics.stdev(found):.1f}" if len(found) > 1 else ""
            return f"{statistics.mean(found):.1f}{spread}"

        for name in args.data:
            corpus = load_corpus(name, scheme="IOB2")
            whole = scores(corpus, "whole", 0.0)
            for lost in args.lost:
                row = [scores(corpus, way, lost) for way in args.ways]
                table.add_row(name, f"{lost:.0%}", *row, whole)
                progress.console.print(f"{name} {lost:.0%} {dict(zip(args.ways, row))} whole {whole}")
    Console().print(table)


if __name__ == "__main__":
    main()
