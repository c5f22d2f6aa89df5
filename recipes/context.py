"""What a tagger gains by the states of character language models that were trained on unlabelled text (context=).

    python recipes/context.py --data ../shared/data --out context                  # all corpora
    python recipes/context.py --data ../shared/data --out context wnut17 ud_en_ewt  # some of them

The text, 14 million characters: train sentences of English corpora and wikitext2, without any sentence of dev or test
of what is measured. A language model in each direction learns from it, once; models in `--out` are used again.
A row holds strict F1 on test (of ud_en_ewt the accuracy of UPOS) without and with them, with the deviation over the
seeds, and the minutes that a tagger takes to train.
"""

import argparse
import statistics
import time
from pathlib import Path

from few_labels import language_model
from unlabelled import english, unlabelled

from seqtag import Tagger, load_corpus

DOMAINS = ("politics", "science", "music", "literature", "ai")
CORPORA = {
    "wnut17": "wnut17",
    "ncbi_disease": "ncbi_disease",
    **{f"crossner_{name}": f"crossner/{name}" for name in DOMAINS},
    "ud_en_ewt": "ud_en_ewt",
}
TEXTS = ("wikigold/wikigold.conll.txt", "bc5cdr", "ud_en_atis", *CORPORA.values())


def scores(corpus, seeds, **options):
    """Train taggers of some seeds; give the mean and the deviation of their test scores, and the minutes of one."""
    start = time.perf_counter()
    taggers = (Tagger(**options, seed=seed).fit(corpus["train"], dev=corpus["dev"]) for seed in range(seeds))
    found = [100 * tagger.score(corpus["test"]) for tagger in taggers]
    minutes = (time.perf_counter() - start) / 60 / seeds
    return statistics.mean(found), statistics.stdev(found) if seeds > 1 else 0.0, minutes


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=f"some of: {', '.join(CORPORA)}")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder for the text and the language models")
    for option, default in {"--hidden-size": 256, "--epochs": 2, "--context-size": 64, "--seeds": 3}.items():
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--only", choices=("forward", "backward"), help="train this language model and nothing else")
    args = parser.parse_args(argv)
    if unknown := set(args.corpora) - set(CORPORA):
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; choose from {', '.join(CORPORA)}")
    args.out.mkdir(parents=True, exist_ok=True)
    text = args.out / "unlabelled.txt"
    if not text.exists():  # all that is ever measured stays out of it
        corpora = [load_corpus(args.data / folder) for folder in CORPORA.values()]
        sentences = [f"{sentence}\n" for sentence in unlabelled(english(args.data, TEXTS), corpora)]
        text.write_text("".join(sentences), encoding="utf-8")
    size = {"hidden_size": args.hidden_size, "epochs": args.epochs}
    directions = [args.only] if args.only else ["forward", "backward"]
    context = [language_model(name, text, args.out / name, **size) for name in directions]
    if args.only:
        return
    print("| corpus | without | with context | gain | minutes without | minutes with |\n" + "|---" * 6 + "|")
    for name in args.corpora or CORPORA:
        corpus = load_corpus(args.data / CORPORA[name])
        (before, first, minutes), (after, second, longer) = (
            scores(corpus, args.seeds, **own) for own in ({}, {"context": context, "context_size": args.context_size})
        )
        told = f"{before:.1f} ± {first:.1f} | {after:.1f} ± {second:.1f} | {after - before:+.1f}"
        print(f"| {name} | {told} | {minutes:.1f} | {longer:.1f} |", flush=True)


if __name__ == "__main__":
    main()
