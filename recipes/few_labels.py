"""Measure step by step what unlabelled text adds to few labels: 200 sentences of politics, or another corpus.

    pip install "seqtag[vectors]"
    python recipes/few_labels.py --data ../shared/data --out few_labels                    # crossner_politics
    python recipes/few_labels.py --data ../shared/data --out few_labels wnut17 ud_en_ewt --steps alone context
    python recipes/few_labels.py --data ../shared/data --out few_labels --only text        # write the text, then stop

The text has 14 million characters, one sentence per line: the train sentences of tagged English corpora (`--tagged`),
with blanks between their tokens, and wikitext2. A sentence that stands in dev or test of one of the corpora that can be
measured here (`--without`) is left out wherever it comes. The text teaches word vectors, a character language model in
each direction, and the words and the encoder of a tagger (`Tagger.pretrain`). All of this is made once; files that
`--out` already holds are used again.

Then taggers are trained from the labels alone, with the vectors, with the language models, with both, and from the
pretrained one. A row holds
the score on test (strict F1, or for ud_en_ewt the accuracy of UPOS), its deviation over the seeds, the gain over the
labels alone, and the minutes that one tagger takes.
"""

import argparse
import re
import time
from itertools import chain
from pathlib import Path

from word_vectors import learn_vectors, measure, read_texts

from seqtag import LanguageModel, Tagger, load_corpus

DOMAINS = ("politics", "science", "music", "literature", "ai")
MEASURED = {  # corpus: its folder
    "wnut17": "wnut17",
    "ncbi_disease": "ncbi_disease",
    **{f"crossner_{name}": f"crossner/{name}" for name in DOMAINS},
    "ud_en_ewt": "ud_en_ewt",
}
TAGGED = ("wikigold/wikigold.conll.txt", "bc5cdr", "ud_en_atis", *MEASURED.values())
# How wikitext2 writes hyphens, commas and points inside of words and numbers; and the end of a sentence.
WIKITEXT = {" @-@ ": "-", " @,@ ": ",", " @.@ ": ".", " . ": " .\n"}
LANGUAGE_MODEL = {"embedding_size": 64, "dropout": 0.1, "learning_rate": 4e-3, "weight_decay": 0.0, "bptt": 100}
DIRECTIONS = ("forward", "backward")
STEPS = {
    "alone": "labels alone",
    "vectors": "+ word vectors",
    "context": "+ language models",
    "both": "+ both",
    "pretrained": "pretrained",
}


# -- the text ----------------------------------------------------------------------------------------------------------


def english_texts(data, tagged):
    """Yield the train sentences of tagged corpora, with blanks between their tokens, and wikitext2 but for headings."""
    for name in tagged:
        yield from map(" ".join, load_corpus(data / name)["train"]["tokens"])
    for text in read_texts(str(data / "wikitext2" / "train.txt.gz")):
        if not text.startswith(" ="):
            yield text


def cut_sentences(text):
    """Write the marks of wikitext2 as plain text and return the sentences.

    >>> cut_sentences("A third @-@ party vote of 1 @,@ 000 . It rained . ")
    ['A third-party vote of 1,000 .', 'It rained .']
    """
    for mark, plain in WIKITEXT.items():
        text = text.replace(mark, plain)
    return [sentence.strip() for sentence in text.split("\n") if sentence.strip()]


def letters_of(sentence):
    """Return the letters and digits of a sentence in lower case, by which two copies of it are known."""
    return re.sub(r"\W", "", sentence).lower()


def unlabelled_sentences(texts, corpora):
    """Yield the sentences of the texts, but for those that stand in dev or test of one of the corpora."""
    splits = (corpus[split]["tokens"] for corpus in corpora for split in ("dev", "test"))
    held_out = {letters_of(part) for tokens in chain(*splits) for part in cut_sentences(" ".join(tokens))}
    for text in texts:
        yield from (sentence for sentence in cut_sentences(text) if letters_of(sentence) not in held_out)


def write_text(data, path, *, tagged, without):
    """Write the sentences into a file, one per line."""
    corpora = [load_corpus(data / name) for name in without]
    sentences = unlabelled_sentences(english_texts(data, tagged), corpora)
    part = path.with_name(f"{path.name}.part")  # so that a file that was cut short is not taken for the whole
    part.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
    part.rename(path)


# -- what is learned from it -------------------------------------------------------------------------------------------


def train_language_model(direction, text, folder, **options):
    """Train a character model on the text and save it, unless the folder exists; return the folder."""
    start, checkpoint = time.perf_counter(), folder.with_suffix(".checkpoint")  # a run that was cut short goes on
    if not folder.exists():
        model = LanguageModel(direction=direction, **LANGUAGE_MODEL, **options)
        model.fit(text, checkpoint=checkpoint, resume=checkpoint.exists()).save(folder)
        print(f"language model, {direction}: {(time.perf_counter() - start) / 60:.1f} minutes", flush=True)
    return str(folder)


def train_vectors(text, path):
    """Learn word vectors from the text, unless the file exists; return its name."""
    if not path.exists():
        part = path.with_name("vectors.part.txt")  # so that a file that was cut short is not taken for the whole
        learn_vectors(map(str.split, read_texts(str(text))), part)
        part.rename(path)
    return str(path)


def pretrain(text, folder):
    """Let a tagger read the text and save it, unless the folder exists; return the folder."""
    start = time.perf_counter()
    if not folder.exists():
        Tagger(language="en").pretrain(text).save(folder)
        print(f"pretraining: {(time.perf_counter() - start) / 60:.1f} minutes", flush=True)
    return str(folder)


def read_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="*", metavar="CORPUS", help=f"some of: {', '.join(MEASURED)} (default: crossner_politics)")
    add("--data", type=Path, required=True, help="folder that holds the corpora")
    add("--out", type=Path, required=True, help="folder for the text, the vectors and the language models")
    add("--steps", nargs="+", choices=STEPS, default=list(STEPS), help="what to measure (default: all)")
    add("--hidden-size", type=int, default=256, help="units of each language model (default: %(default)s)")
    add("--epochs", type=int, default=2, help="passes of each language model (default: %(default)s)")
    add("--seeds", type=int, default=3, help="taggers to train at each step (default: %(default)s)")
    add("--only", choices=("text", *DIRECTIONS), help="make the text, or this language model, and nothing else")
    add("--tagged", nargs="*", default=TAGGED, metavar="FOLDER", help="corpora whose train sentences are in the text")
    add(
        "--without",
        nargs="*",
        default=list(MEASURED.values()),
        metavar="FOLDER",
        help="corpora whose dev and test sentences are kept out of the text",
    )
    args = parser.parse_args(arguments)
    if unknown := set(args.corpora) - set(MEASURED):
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; choose from {', '.join(MEASURED)}")
    return args


def main(arguments=None):
    args = read_arguments(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    text = args.out / "unlabelled.txt"
    if not text.exists():
        write_text(args.data, text, tagged=args.tagged, without=args.without)
    size = {"hidden_size": args.hidden_size, "epochs": args.epochs}
    if args.only:
        if args.only in DIRECTIONS:
            train_language_model(args.only, text, args.out / args.only, **size)
        return

    words, characters = {}, {}  # options of the Tagger
    if {"context", "both"} & set(args.steps):
        folders = [train_language_model(name, text, args.out / name, **size) for name in DIRECTIONS]
        characters = {"context": folders, "context_size": 64}
    if {"vectors", "both"} & set(args.steps):
        words = {"vectors": train_vectors(text, args.out / "vectors.txt")}
    start = {"start_from": pretrain(text, args.out / "pretrained")} if "pretrained" in args.steps else {}
    options = {
        "alone": {},
        "vectors": words,
        "context": characters,
        "both": words | characters,
        "pretrained": start,
    }

    print("| corpus | learned from | score | deviation | gain | minutes |\n" + "|---" * 6 + "|")
    for name in args.corpora or ["crossner_politics"]:
        corpus, alone = load_corpus(args.data / MEASURED[name]), None
        for step in sorted(args.steps, key=list(STEPS).index):  # "alone" comes first, because the gain is over it
            score = measure(f"{name} | {STEPS[step]}", corpus, seeds=args.seeds, before=alone, **options[step])
            if step == "alone":
                alone = score


if __name__ == "__main__":
    main()
