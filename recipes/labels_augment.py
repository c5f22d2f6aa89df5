"""More from the same labels: sentences whose mentions, words or case change while a tagger trains.

    python recipes/labels_augment.py --data crossner/politics crossner/ai bc5cdr:100 --seeds 3
    python recipes/labels_augment.py --data data:100 --kinds none mention --seeds 1

NAME:N is a corpus with its first N training sentences. Mentions and words change as in Dai and Adel (2020),
https://aclanthology.org/2020.coling-main.343/; case and drop are beside that:

    none       nothing changes
    mention    mentions become others of the same label, anew in each epoch: the option `augment=` of a tagger
    copy       the same, drawn once: a changed copy of each sentence stands beside it, as in the paper
    word       words become others of the same tag, in such a copy
    case       the copy of a sentence, or one of its mentions, changes its case: all lower, all upper, titles
    drop       words of mentions become one word that says nothing, in such a copy: dropout by label

`--share` is how much of what could change does; where there are copies, half as many epochs take as many steps. Dev and
test are cut to their first sentences, alike for all kinds, so that many trainings take an hour and not a day. Each row
is written as a line of JSON as soon as it is there, and rows of an earlier run with the same settings are not trained
again.
"""

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from seqtag import Tagger, load_corpus

KINDS = ("none", "mention", "copy", "word", "case", "drop")
SHARES = {"none": 0.0, "mention": 1.0, "copy": 0.5, "word": 0.1, "case": 0.1, "drop": 0.3}
CASES = (str.lower, str.upper, str.title)


def sentences_of(data, most):
    """Give the tokens and tags of the first sentences of a split as strings."""
    data = data.select(range(min(most, len(data))))
    names = data.features["tags"].feature.names
    return data["tokens"][:], [[names[number] for number in row] for row in data["tags"]]


def mentions_of(names):
    """Give the place and the label of each mention of a sentence in IOB2.

    >>> mentions_of(["B-PER", "I-PER", "O", "B-LOC"])
    [(slice(0, 2, None), 'PER'), (slice(3, 4, None), 'LOC')]
    """
    starts = [place for place, name in enumerate(names) if name[0] == "B"]
    return [(slice(start, next_outside(names, start + 1)), names[start][2:]) for start in starts]


def next_outside(names, start):
    """Give the first place from a start on that goes on with no mention."""
    return next((place for place in range(start, len(names)) if names[place][0] != "I"), len(names))


def changed(tokens, tags, kind, share, seed):
    """Give a copy of the sentences that is changed in one way."""
    random = np.random.default_rng(seed)
    mentions, words = defaultdict(dict), defaultdict(list)
    for row, names in zip(tokens, tags):
        for place, label in mentions_of(names):
            mentions[label][tuple(row[place])] = None
        for word, name in zip(row, names):
            words[name].append(word)
    mentions = {label: list(found) for label, found in mentions.items()}
    new_tokens, new_tags = [], []
    for row, names in zip(tokens, tags):
        row, names = list(row), list(names)
        if kind == "word":
            for place in np.flatnonzero(random.random(len(row)) < share):
                row[place] = str(random.choice(words[names[place]]))
        elif kind == "case" and random.random() < share:
            change = CASES[random.integers(2)]
            row = [change(word) for word in row]
        else:
            for place, label in reversed(mentions_of(names)):
                if random.random() >= share:
                    continue
                if kind == "copy":
                    mention = mentions[label][random.integers(len(mentions[label]))]
                    row[place], names[place] = mention, [f"B-{label}", *[f"I-{label}"] * (len(mention) - 1)]
                elif kind == "case":
                    row[place] = map(CASES[random.integers(3)], row[place])
                else:
                    row[place] = ["_"] * len(row[place])
        new_tokens.append(row)
        new_tags.append(names)
    return new_tokens, new_tags


def run(corpus, kind, share, seed, epochs, options):
    """Train on sentences that change in one way; give the F1, or accuracy, on dev and test."""
    (tokens, tags), dev, test = corpus
    if kind == "mention":
        options = {**options, "augment": share}
    elif kind != "none":
        more = changed(tokens, tags, kind, share, seed)
        tokens, tags, epochs = tokens + more[0], tags + more[1], epochs // 2
    # The copies shall not change the size of the batches, which goes by the number of sentences.
    options = {"batch_size": 8 if len(corpus[0][0]) < 1000 else 32, **options}
    tagger = Tagger(seed=seed, epochs=epochs, **options).fit(tokens, tags, dev=dev, watchers=[])
    return {"dev": 100 * max(tagger.seed_scores_), "test": 100 * tagger.score(*test)}


def setting(text):
    """Read KEY=VALUE, whose value may be written as JSON."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def show(rows, seeds):
    """Print the means by corpus and kind, on dev and test."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    for split in ("dev", "test"):
        table = Table("corpus", *kinds, title=f"strict F1 on {split}, or accuracy")
        for name in dict.fromkeys(row["data"] for row in rows):
            cells = []
            for kind in kinds:
                these = [row for row in rows if (row["data"], row["kind"]) == (name, kind) and row["seed"] < seeds]
                found = [row[split] for row in these]
                spread = f" ± {statistics.stdev(found):.1f}" if len(found) > 1 else ""
                cells.append(f"{statistics.mean(found):.1f}{spread}" if found else "")
            table.add_row(name, *cells)
        Console().print(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="corpora with train, dev and test")
    parser.add_argument("--scheme", default="IOB2", help="plain for parts of speech, with the kinds none and mention")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--share", type=float, help="default: mention 1, copy 0.5, word and case 0.1, drop 0.3")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--dev", type=int, default=100, help="the first sentences of dev that are used")
    parser.add_argument("--test", type=int, default=1000, help="the first sentences of test that are used")
    parser.add_argument("--out", type=Path, default=Path("labels_augment.jsonl"), help="rows that are there already")
    parser.add_argument("--set", nargs="*", type=setting, default=[], dest="options", metavar="KEY=VALUE")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    settings = {"epochs": args.epochs, "first": [args.dev, args.test], "options": dict(args.options)}
    for seed in range(args.seeds):
        for name in args.data:
            path, _, most = name.partition(":")
            splits = load_corpus(path, scheme=args.scheme)
            sizes = {"train": int(most or 10**9), "dev": args.dev, "test": args.test}
            corpus = [sentences_of(splits[split], size) for split, size in sizes.items()]
            for kind in args.kinds:
                share = SHARES[kind] if args.share is None or kind == "none" else args.share
                row = {"data": name, "kind": f"{kind} {share:g}" if share else kind, "seed": seed, **settings}
                if any(row.items() <= old.items() for old in rows):
                    continue
                row |= run(corpus, kind, share, seed, args.epochs, dict(args.options))
                rows.append(row)
                with args.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)
    show([row for row in rows if settings.items() <= row.items()], args.seeds)


if __name__ == "__main__":
    main()
