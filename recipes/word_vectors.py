"""Learn word vectors with gensim from unlabelled text of your own, and show what a tagger gains by them.

    pip install "seqtag[vectors]"
    python recipes/word_vectors.py mails.txt.gz reports/ reviews.csv:text --language en --corpus data

A TEXT is a file, gzipped or not, a folder of them, or a column of a table (csv, json, parquet) or saved dataset. spaCy
cuts it into words by its rules for `--language`, else blanks do. Of the corpus, train is learned from too, dev and test
never. A Tagger looks words up in lower case with digits as 0: so are these.
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


def read(source):
    """Give the texts of FILE, of the .txt and .txt.gz in FOLDER, or of TABLE:COLUMN, one by one."""
    name, column = (source, "text") if Path(source).exists() else source.rpartition(":")[::2]
    if not (name and Path(name).exists()):
        raise UsageError(f"{source}: no such file or folder; write a column as in reviews.csv:text")
    kind = next((kind for kind in ("csv", "json", "parquet") if f".{kind}" in Path(name).name), "text")
    files = f"{name}/*.txt*" if Path(name).is_dir() else name
    saved = (Path(name) / "state.json").exists()
    for row in load_from_disk(name) if saved else load_dataset(kind, data_files=files, split="train", streaming=True):
        if column not in row:
            raise UsageError(f"{name}: no column {column!r}; write {name}:COLUMN with one of {', '.join(row)}")
        yield row[column] or ""


def learn_vectors(sentences, path, *, cbow=False, size=100, window=5, min_count=2, epochs=5):
    """Learn a vector for each word of token lists that comes `min_count` times; the file has word2vec's text form."""
    from gensim.models.word2vec import LineSentence, Word2Vec

    with tempfile.TemporaryDirectory() as folder:  # gensim reads the text once an epoch, and once before
        words = Path(folder) / "words.txt"
        with words.open("w", encoding="utf-8") as file:
            file.writelines(re.sub("[0-9]", "0", " ".join(tokens).lower()) + "\n" for tokens in sentences)
        model = Word2Vec(vector_size=size, window=window, min_count=min_count, sg=int(not cbow), workers=1, seed=0)
        model.build_vocab(LineSentence(str(words)))
        if not len(model.wv):
            raise DataError(f"no word of the text comes {min_count} times or more; give more text")
        model.train(LineSentence(str(words)), total_examples=model.corpus_count, epochs=epochs)
    model.wv.save_word2vec_format(str(path))


def measure(name, corpus, *, seeds=3, before=None, **options):
    """Print strict test F1 (mean, deviation) of taggers, the gain on `before` and the minutes of one; give the mean."""
    start = time.perf_counter()
    taggers = (Tagger(**options, seed=seed).fit(corpus["train"], dev=corpus.get("dev")) for seed in range(seeds))
    scores = [100 * tagger.score(corpus["test"]) for tagger in taggers]
    mean, deviation = statistics.mean(scores), statistics.stdev(scores) if seeds > 1 else 0.0
    gain, minutes = "-" if before is None else f"{mean - before:+.1f}", (time.perf_counter() - start) / 60 / seeds
    print(f"| {name} | {mean:.1f} | {deviation:.1f} | {gain} | {minutes:.1f} |", flush=True)
    return mean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    for option, default in {"--out": "vectors.txt", "--language": None, "--corpus": None, "--seeds": 3}.items():
        parser.add_argument(option, default=default, type=type(default or ""))
    parser.add_argument("--cbow", action="store_true", help="in the place of skip-gram")
    args = parser.parse_args()
    corpus = load_corpus(args.corpus) if args.corpus else {"train": {"tokens": []}}
    cut = spacy.blank(args.language).tokenizer if args.language else str.split
    texts = (map(str, cut(text)) for source in args.texts for text in read(source))
    learn_vectors(chain(texts, corpus["train"]["tokens"]), args.out, cbow=args.cbow)
    if args.corpus:
        print("| vectors | strict F1 | deviation | gain | minutes |\n" + "|---" * 5 + "|")
        without = measure("none", corpus, seeds=args.seeds)
        measure(args.out, corpus, seeds=args.seeds, before=without, vectors=args.out)
