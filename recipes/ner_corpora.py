"""Train the default tagger on NER corpora with three seeds and nothing pretrained; print strict test F1 beside peers'.

    python recipes/ner_corpora.py --data ../shared/data                      # all nine
    python recipes/ner_corpora.py --data ../shared/data wnut17 uner_da_ddt   # some of them

A row holds the mean and the deviation of strict IOB2 F1 on the test split; the dev split chose the epoch. The corpora
are public: wnut17, ncbi_disease, bc5cdr, mobie_de, Universal NER (zh, da, pt) and CrossNER. `--set hidden_size=256`
gives the Tagger an option. The peers were trained from scratch on the same files: sklearn-crfsuite 0.5.0 with the usual
features (word, affixes, shape, neighbours), and spaCy 3.8.18's NER, of whose 12 epochs dev chose the best.
`pos_ud.py` and `text_corpora.py` use `compare` for their corpora, and `known.py` uses `measure` for any corpus.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from seqtag import Tagger, load_corpus

PEERS = {  # corpus: its folder, and the figure of each peer
    "wnut17": ("wnut17", {"crfsuite": 15.7, "spaCy": 18.2}),
    "ncbi_disease": ("ncbi_disease", {"crfsuite": 78.7, "spaCy": 78.7}),
    "bc5cdr": ("bc5cdr", {"crfsuite": 78.8, "spaCy": 78.2}),
    "mobie_de": ("mobie_de", {"crfsuite": 66.1, "spaCy": 64.0}),
    "uner_zh_gsdsimp": ("uner_zh_gsdsimp", {"crfsuite": 58.4, "spaCy": 63.3}),
    "uner_da_ddt": ("uner_da_ddt", {"crfsuite": 70.6, "spaCy": 67.4}),
    "uner_pt_bosque": ("uner_pt_bosque", {"crfsuite": 76.3, "spaCy": 72.5}),
    "crossner_politics": ("crossner/politics", {"crfsuite": 53.6, "spaCy": 24.8}),
    "crossner_science": ("crossner/science", {"crfsuite": 47.7, "spaCy": 19.7}),
}


def read_options(items):
    """Read `--set` KEY=VALUE, whose value is JSON.

    >>> read_options(["hidden_size=256", "encoder=null"])
    {'hidden_size': 256, 'encoder': None}
    """
    return {key: json.loads(value) for key, _, value in (item.partition("=") for item in items)}


def measure(name, corpus, *, estimator, options, seeds):
    """Train a model for each seed; return the mean and the deviation of the scores on test, and minutes per run."""
    start, scores = time.perf_counter(), []
    for seed in range(seeds):
        model = estimator().set_params(**options, seed=seed).fit(corpus["train"], dev=corpus.get("dev"))
        scores.append(100 * model.score(corpus["test"]))
        print(f"{name}, seed {seed}: {scores[-1]:.2f}", file=sys.stderr)
    deviation = statistics.stdev(scores) if seeds > 1 else 0.0
    return statistics.mean(scores), deviation, (time.perf_counter() - start) / 60 / seeds


def compare(table, *, description, estimator=Tagger, read=load_corpus):
    """Train on the corpora that the command line names and print a row of figures for each.

    `table` has the form of PEERS; `read` loads a corpus from its folder.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=f"some of: {', '.join(table)} (default: all)")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    parser.add_argument("--seeds", type=int, default=3, help="models to train on each corpus (default: %(default)s)")
    option = f"an option of the {estimator.__name__}, its value as in JSON; can be given several times"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=option)
    args = parser.parse_args()
    if unknown := set(args.corpora) - set(table):
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; choose from {', '.join(table)}")
    options = read_options(args.set)

    leads = []  # over the best peer, in points
    _, figures_of_peers = next(iter(table.values()))
    names = list(figures_of_peers)
    print(f"| corpus | seqtag | deviation | {' | '.join(names)} | ahead of the best by | minutes per run |")
    print("|---" * (5 + len(names)) + "|")
    for name in args.corpora or table:
        folder, peers = table[name]
        corpus = read(args.data / folder)
        mean, deviation, minutes = measure(name, corpus, estimator=estimator, options=options, seeds=args.seeds)
        leads.append(mean - max(peers.values()))
        figures = " | ".join(f"{peers[peer]:.1f}" if peer in peers else "-" for peer in names)
        print(f"| {name} | {mean:.1f} | {deviation:.1f} | {figures} | {leads[-1]:+.1f} | {minutes:.1f} |", flush=True)
    print(f"\nAhead of the best peer by {statistics.mean(leads):+.1f} points on average over {len(leads)} corpora.")


def main():
    compare(PEERS, description=__doc__)


if __name__ == "__main__":
    main()
