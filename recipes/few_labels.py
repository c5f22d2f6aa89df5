"""Few labels and much text: what unlabelled text adds, step by step, on 200 labelled sentences or another corpus.

    pip install "seqtag[vectors]"
    python recipes/few_labels.py --data ../shared/data --out few_labels                    # crossner_politics
    python recipes/few_labels.py --data ../shared/data --out few_labels wnut17 ud_en_ewt --steps alone context

The text is that of `unlabelled.py`: no sentence of dev or test of a corpus that can be named here is in it. It teaches
word vectors and a character language model in each direction, once; what lies in `--out` is used again. Taggers learn
from the labels alone, with either, and with both. A row holds the score on test (strict F1; of ud_en_ewt the accuracy
of UPOS), its deviation over the seeds, the gain on labels alone, and the minutes that one tagger takes.
"""

import argparse
import time
from pathlib import Path

import unlabelled
from word_vectors import learn_vectors, measure, read

from seqtag import LanguageModel, load_corpus

LANGUAGE_MODEL = {"embedding_size": 64, "dropout": 0.1, "learning_rate": 4e-3, "weight_decay": 0.0, "bptt": 100}
STEPS = {"alone": "labels alone", "vectors": "+ word vectors", "context": "+ language models", "both": "+ both"}


def language_model(direction, text, folder, **options):
    """Train a character model on the text and save it, or take the one in the folder; give the folder."""
    start, kept = time.perf_counter(), folder.with_suffix(".checkpoint")  # a run that was cut short goes on
    if not folder.exists():
        model = LanguageModel(direction=direction, **LANGUAGE_MODEL, **options)
        model.fit(text, checkpoint=kept, resume=kept.exists()).save(folder)
        print(f"language model, {direction}: {(time.perf_counter() - start) / 60:.1f} minutes", flush=True)
    return str(folder)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpora = unlabelled.MEASURED
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=f"some of: {', '.join(corpora)}")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder for the text, the vectors and the models")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS), help="what to measure")
    for option, default in {"--hidden-size": 256, "--epochs": 2, "--seeds": 3}.items():
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--only", choices=("forward", "backward"), help="train this language model and nothing else")
    args = parser.parse_args(argv)
    if unknown := set(args.corpora) - set(corpora):
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; choose from {', '.join(corpora)}")
    args.out.mkdir(parents=True, exist_ok=True)
    text, vectors = args.out / "unlabelled.txt", args.out / "vectors.txt"
    if not text.exists():
        unlabelled.write(args.data, text, tagged=unlabelled.TAGGED, without=corpora.values())
    size = {"hidden_size": args.hidden_size, "epochs": args.epochs}
    if args.only:
        return language_model(args.only, text, args.out / args.only, **size)
    words, characters = {"vectors": str(vectors)}, {"context_size": 64}
    if {"context", "both"} & set(args.steps):
        directions = ("forward", "backward")
        characters["context"] = [language_model(name, text, args.out / name, **size) for name in directions]
    if not vectors.exists() and {"vectors", "both"} & set(args.steps):
        part = args.out / "vectors.part.txt"  # what was cut short is not taken for the whole
        learn_vectors(map(str.split, read(str(text))), part)
        part.rename(vectors)
    options = {"alone": {}, "vectors": words, "context": characters, "both": words | characters}
    print("| corpus | learned from | score | deviation | gain | minutes |\n" + "|---" * 6 + "|")
    for name in args.corpora or ["crossner_politics"]:
        corpus, alone = load_corpus(args.data / corpora[name]), None
        for step in sorted(args.steps, key=list(STEPS).index):
            told = f"{name} | {STEPS[step]}"
            found = measure(told, corpus, seeds=args.seeds, before=alone, **options[step])
            alone = found if step == "alone" else alone


if __name__ == "__main__":
    main()
