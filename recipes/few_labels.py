"""Few labels and much text: what unlabelled text adds, step by step, on a corpus of 200 labelled sentences.

    pip install "seqtag[vectors]"
    python recipes/few_labels.py --data ../shared/data --out few_labels

The text (wikitext2 and train sentences of corpora of the same encyclopedia; a dev or test sentence of the corpus that
is measured never) teaches word vectors and a character language model in each direction; the taggers learn from the
labelled sentences with none of them, either, and both. A row holds strict F1 on test, its deviation over the seeds, the
gain on labels alone, and minutes. `--hidden-size` and `--epochs` are of the language models; those in `--out` are kept.
"""

import argparse
import time
from pathlib import Path

from unlabelled import ROWS, english, unlabelled
from word_vectors import learn_vectors, measure, read

from seqtag import LanguageModel, load_corpus

LANGUAGE_MODEL = {"embedding_size": 64, "dropout": 0.1, "learning_rate": 4e-3, "weight_decay": 0.0, "bptt": 100}


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
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder for the text, the vectors and the models")
    parser.add_argument("--corpus", default="crossner/politics", help="its folder in --data")
    for option, default in {"--hidden-size": 400, "--epochs": 2, "--seeds": 3}.items():
        parser.add_argument(option, type=int, default=default)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(args.data / args.corpus)
    text, vectors = args.out / "unlabelled.txt", str(args.out / "vectors.txt")
    with text.open("w", encoding="utf-8") as file:
        file.writelines(sentence + "\n" for sentence in unlabelled(english(args.data, ROWS), [corpus]))
    learn_vectors(map(str.split, read(str(text))), vectors)
    size = {"hidden_size": args.hidden_size, "epochs": args.epochs}
    context = [language_model(name, text, args.out / name, **size) for name in ("forward", "backward")]
    print("| learned from | strict F1 | deviation | gain | minutes |\n" + "|---" * 5 + "|")
    alone = measure("labels alone", corpus, seeds=args.seeds)
    words, characters = {"vectors": vectors}, {"context": context, "context_size": 64}
    for name, options in {"word vectors": words, "language models": characters, "both": words | characters}.items():
        measure(f"+ {name}", corpus, seeds=args.seeds, before=alone, **options)


if __name__ == "__main__":
    main()
