"""Learn word vectors with gensim from unlabelled text of your own, and show what a tagger gains by them.

    pip install "seqtag[vectors]"
    python recipes/word_vectors.py mails.txt.gz reports/ reviews.csv:text --language en --corpus data
    python recipes/word_vectors.py --corpus data --vectors en_core_web_md cc.en.300.bin potion-base-8M/

A TEXT is a file of plain text, gzipped or not, a folder of such files, or a column of a table (csv, json, parquet) or
of a saved dataset. It is cut into words by spaCy's rules for `--language`, or at blanks without it. If a corpus is
given, its train split is learned from too, but never dev and test; then taggers are trained on it without the vectors
and with them. Vectors from elsewhere (`--vectors`, see the option `vectors`) are measured beside them, kept in int8.
A Tagger looks words up in lower case and with each digit as 0, so the vectors are learned in that form.
"""

import argparse
import re
import statistics
import tempfile
import time
from itertools import chain
from pathlib import Path

import spacy
from datasets import load_dataset, load_from_disk

from seqtag import DataError, Tagger, UsageError, load_corpus

TABLES = ("csv", "json", "parquet")


def read_texts(source):
    """Yield the texts of FILE, of the .txt and .txt.gz files in FOLDER, or of TABLE:COLUMN, one by one."""
    name, column = (source, "text") if Path(source).exists() else source.rpartition(":")[::2]
    path = Path(name)
    if not (name and path.exists()):
        raise UsageError(f"{source}: no such file or folder; write a column as in reviews.csv:text")
    if (path / "state.json").exists():
        rows = load_from_disk(name)
    else:
        kind = next((kind for kind in TABLES if f".{kind}" in path.name), "text")
        files = f"{name}/*.txt*" if path.is_dir() else name
        rows = load_dataset(kind, data_files=files, split="train", streaming=True)
    for row in rows:
        if column not in row:
            raise UsageError(f"{name}: no column {column!r}; write {name}:COLUMN with one of {', '.join(row)}")
        yield row[column] or ""


def learn_vectors(sentences, path, *, cbow=False, size=100, window=5, min_count=2, epochs=5):
    """Learn a vector for each word that comes `min_count` times in the token lists; write word2vec's text form."""
    from gensim.models.word2vec import LineSentence, Word2Vec

    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words.txt"  # gensim reads the text once for the words, and once per epoch
        with words.open("w", encoding="utf-8") as file:
            file.writelines(re.sub("[0-9]", "0", " ".join(tokens).lower()) + "\n" for tokens in sentences)
        model = Word2Vec(vector_size=size, window=window, min_count=min_count, sg=int(not cbow), workers=1, seed=0)
        model.build_vocab(LineSentence(str(words)))
        if not len(model.wv):
            raise DataError(f"no word of the text comes {min_count} times or more; give more text")
        model.train(LineSentence(str(words)), total_examples=model.corpus_count, epochs=epochs)
    model.wv.save_word2vec_format(str(path))


def measure(name, corpus, *, seeds=3, before=None, **options):
    """Train a tagger with these options for each seed, print a row of figures, and return the mean score.

    The row holds the mean and the deviation of the score on test, the gain over the mean score `before`, and the
    minutes that one tagger takes.
    """
    start = time.perf_counter()
    taggers = (Tagger(**options, seed=seed).fit(corpus["train"], dev=corpus.get("dev")) for seed in range(seeds))
    scores = [100 * tagger.score(corpus["test"]) for tagger in taggers]
    mean, deviation = statistics.mean(scores), statistics.stdev(scores) if seeds > 1 else 0.0
    gain = "-" if before is None else f"{mean - before:+.1f}"
    minutes = (time.perf_counter() - start) / 60 / seeds
    print(f"| {name} | {mean:.1f} | {deviation:.1f} | {gain} | {minutes:.1f} |", flush=True)
    return mean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="FILE, FOLDER or TABLE:COLUMN to learn from")
    parser.add_argument("--out", default="vectors.txt", help="file to write the vectors to (default: %(default)s)")
    parser.add_argument("--language", help="language whose rules cut the texts into words (default: cut at blanks)")
    parser.add_argument("--corpus", help="a corpus with tags to measure the gain on")
    parser.add_argument("--vectors", nargs="+", default=[], metavar="PLACE", help="vectors from elsewhere, to measure")
    parser.add_argument("--seeds", type=int, default=3, help="taggers to train in each case (default: %(default)s)")
    parser.add_argument("--cbow", action="store_true", help="learn by continuous bag of words in place of skip-gram")
    args = parser.parse_args()

    if not args.texts and not (args.corpus and args.vectors):
        parser.error("give texts to learn from, or --corpus and --vectors to measure")
    corpus = load_corpus(args.corpus) if args.corpus else {"train": {"tokens": []}}
    cut = spacy.blank(args.language).tokenizer if args.language else str.split
    sentences = (map(str, cut(text)) for source in args.texts for text in read_texts(source))
    if args.texts:
        learn_vectors(chain(sentences, corpus["train"]["tokens"]), args.out, cbow=args.cbow)
    if args.corpus:
        print("| vectors | strict F1 | deviation | gain | minutes |\n" + "|---" * 5 + "|")
        without = measure("none", corpus, seeds=args.seeds)
        if args.texts:
            measure(args.out, corpus, seeds=args.seeds, before=without, vectors=args.out)
        for place in args.vectors:
            options = {"vectors": place, "vectors_precision": "int8"}
            measure(place, corpus, seeds=args.seeds, before=without, **options)


if __name__ == "__main__":
    main()
