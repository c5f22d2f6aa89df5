"""Make plain text of public corpora to learn from without labels, and keep out of it what is to be measured on.

    python recipes/unlabelled.py --data ../shared/data --out text.txt

The text: the train sentences of tagged English corpora (`--tagged`), their tokens with a blank between, and wikitext2,
a sentence a line; 14 million characters. A sentence of dev or test of some corpora (`--without`; by default of all that
few_labels.py measures) is left out wherever it stands.
"""

import argparse
import re
from itertools import chain
from pathlib import Path

from word_vectors import read

from seqtag import load_corpus

DOMAINS = ("politics", "science", "music", "literature", "ai")
MEASURED = {
    "wnut17": "wnut17",
    "ncbi_disease": "ncbi_disease",
    **{f"crossner_{name}": f"crossner/{name}" for name in DOMAINS},
    "ud_en_ewt": "ud_en_ewt",
}
TAGGED = ("wikigold/wikigold.conll.txt", "bc5cdr", "ud_en_atis", *MEASURED.values())
WIKITEXT = {" @-@ ": "-", " @,@ ": ",", " @.@ ": ".", " . ": " .\n"}  # its marks; then a line a sentence


def english(data, tagged):
    """Give the train sentences of tagged corpora, blanks between their tokens, and then the texts of wikitext2."""
    yield from (" ".join(tokens) for name in tagged for tokens in load_corpus(data / name)["train"]["tokens"])
    yield from (
        text for text in read(str(data / "wikitext2" / "train.txt.gz")) if not text.startswith(" =")
    )  # headings


def unlabelled(texts, corpora):
    """Cut texts into sentences and leave out those that are in dev or test of one of the corpora."""

    def sentences(text):
        for mark, plain in WIKITEXT.items():
            text = text.replace(mark, plain)
        return [sentence.strip() for sentence in text.split("\n") if sentence.strip()]

    def letters(sentence):
        return re.sub(r"\W", "", sentence).lower()

    splits = (corpus[split]["tokens"] for corpus in corpora for split in ("dev", "test"))
    held_out = {letters(sentence) for text in map(" ".join, chain(*splits)) for sentence in sentences(text)}
    for text in texts:
        yield from (sentence for sentence in sentences(text) if letters(sentence) not in held_out)


def write(data, path, *, tagged, without):
    """Write the text into a file, a sentence a line."""
    corpora = [load_corpus(data / name) for name in without]
    text = "".join(f"{sentence}\n" for sentence in unlabelled(english(data, tagged), corpora))
    part = path.with_name(f"{path.name}.part")  # what was cut short is not taken for the whole
    part.write_text(text, encoding="utf-8")
    part.rename(path)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    for option, default, what in (
        ("--tagged", TAGGED, "corpora whose train sentences to take"),
        ("--without", list(MEASURED.values()), "corpora whose dev and test to leave out"),
    ):
        parser.add_argument(option, nargs="*", default=default, metavar="CORPUS", help=what)
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    args = parser.parse_args(argv)
    write(args.data, args.out, tagged=args.tagged, without=args.without)


if __name__ == "__main__":
    main()
