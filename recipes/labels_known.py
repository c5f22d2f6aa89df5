"""Measure what patterns do for a tagger at prediction: a model of few sentences, and the names of all of train.

    python recipes/labels_known.py --data ../shared/data wnut17 crossner/politics uner_da_ddt
    python recipes/labels_known.py --data ../shared/data wnut17 --sentences 0 --write patterns.jsonl

The tagger learns from the first sentences of train alone (`--sentences`). The patterns are the names of all of train,
in the form of spaCy's EntityRuler: each surface that is a name of one label in so many of the places where train has it
(`--share`). Then test is tagged without them, with them as likely spans of several strengths, and with them as certain
ones. The strength in the last row but one is the best one on dev. A row holds strict precision, recall and F1 on test;
a line before says how many spans the patterns find there, and how many of these are right.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

from seqeval.metrics.sequence_labeling import get_entities
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from seqtag import Patterns, Tagger, load_corpus

STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)


def names_of(tokens, tags):
    """Give the names of a sentence, with their labels, as (label, first token, end).

    >>> names_of(["Ada", "met", "Bo", "Ek"], ["B-PER", "O", "B-PER", "I-PER"])
    [('PER', 0, 1), ('PER', 2, 4)]
    """
    return [(label, first, last + 1) for label, first, last in get_entities(tags)]


def patterns_of(split, share):
    """Give the patterns of the surfaces that are names of one label in at least this share of their places.

    >>> split = {"tokens": [["May", "met", "May"], ["May", "I"]], "tags": [["B-PER", "O", "B-PER"], ["O", "O"]]}
    >>> patterns_of(split, 0.6), patterns_of(split, 0.7)
    ([{'label': 'PER', 'pattern': 'May'}], [])
    """
    labels = defaultdict(Counter)
    for tokens, tags in zip(split["tokens"], split["tags"]):
        for label, start, end in names_of(tokens, tags):
            labels[" ".join(tokens[start:end])][label] += 1
    found = Patterns([{"label": surface, "pattern": surface} for surface in labels])
    places = Counter(span.label for tokens in split["tokens"] for span in found.match(tokens))
    patterns = []
    for surface, counts in labels.items():
        [(label, count)] = counts.most_common(1)
        if count >= share * max(places[surface], sum(counts.values())):
            patterns.append({"label": label, "pattern": surface})
    return patterns


def strict(gold, found):
    """Give strict precision, recall and F1, in percent."""
    scores = precision_recall_fscore_support(gold, found, average="micro", scheme=IOB2, zero_division=0)
    return [100 * float(score) for score in scores[:3]]


def measure(name, corpus, args):
    """Train on the first sentences, and print a row for each way to use the patterns."""
    tags = corpus["train"].features["tags"].feature.int2str
    splits = {
        split: {"tokens": corpus[split]["tokens"][:], "tags": list(map(tags, corpus[split]["tags"][:]))}
        for split in ("train", "dev", "test")
    }
    entries = patterns_of(splits["train"], args.share)
    if args.write:
        args.write.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    num_sentences = args.sentences or len(corpus["train"])
    train = corpus["train"].select(range(min(num_sentences, len(corpus["train"]))))
    options = {} if args.epochs is None else {"epochs": args.epochs}
    tagger = Tagger(seed=args.seed, hidden_size=args.hidden_size, **options).fit(train, dev=corpus["dev"])
    # A label that the few sentences lack is none of the model's.
    known = Patterns([entry for entry in entries if entry["label"] in tagger.labels_])

    test = splits["test"]
    matches = [(i, span.label, span.start, span.end) for i, t in enumerate(test["tokens"]) for span in known.match(t)]
    gold = {(i, *name) for i, (t, each) in enumerate(zip(test["tokens"], test["tags"])) for name in names_of(t, each)}
    right = len(gold.intersection(matches))
    print(f"{name}: {len(train)} sentences, {len(known)} patterns, {right} of {len(matches)} matches in test are right")
    on_dev = {
        strength: strict(splits["dev"]["tags"], tagger.predict(splits["dev"]["tokens"], known=known, strength=strength))
        for strength in STRENGTHS
    }
    best = max(STRENGTHS, key=lambda strength: on_dev[strength][2])
    rows = {"without": {}} | {f"strength {each:g}": {"known": known, "strength": each} for each in STRENGTHS}
    rows |= {f"best on dev: {best:g}": {"known": known, "strength": best}, "certain": {"known": known}}
    for row, what in rows.items():
        scores = strict(test["tags"], tagger.predict(test["tokens"], **what))
        print(f"| {name} | {row} | " + " | ".join(f"{score:.1f}" for score in scores) + " |", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="+", metavar="CORPUS", help="folders in the folder of corpora, in IOB2")
    add("--data", type=Path, required=True, help="folder that holds the corpora")
    add(
        "--sentences", type=int, default=500, help="of train that the tagger learns from; 0: all (default: %(default)s)"
    )
    add("--share", type=float, default=0.8, help="of its places where a surface is a name (default: %(default)s)")
    add("--hidden-size", type=int, default=128, help="of the tagger (default: %(default)s)")
    add("--epochs", type=int, help="of the tagger (default: the tagger's own)")
    add("--seed", type=int, default=0, help="of the tagger (default: %(default)s)")
    add("--write", type=Path, metavar="FILE", help="write the patterns of the last corpus here, as JSON lines")
    args = parser.parse_args(arguments)
    print("| corpus | patterns | precision | recall | F1 |\n" + "|---" * 5 + "|")
    for name in args.corpora:
        measure(name, load_corpus(args.data / name), args)


if __name__ == "__main__":
    main()
