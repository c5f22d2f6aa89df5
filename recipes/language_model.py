"""Train language models on public texts, nothing pretrained; print their figures on test beside published ones.

    python recipes/language_model.py --data ../shared/data                                     # all, in this order
    python recipes/language_model.py --data ../shared/data tinyshakespeare --set epochs=5 --save models

A row holds the number of weights in millions, the perplexity on dev and test (the state is carried across the whole
text), the bits per character on test, and the minutes of training. A model of words has a second row, for the same
model with a cache. The sizes are chosen for two cores and an hour each.

tinyshakespeare is cut 90/5/5 by characters. wikitext2 is read in its published form with <unk>: words are what stands
between blanks, and the end of a line is a word. Its characters are those of the same form, whereas published figures of
characters are of the raw text. The published figures are of recurrent networks.
"""

import argparse
import gzip
import json
import logging
import time
from pathlib import Path

from seqtag import LanguageModel

CHARACTERS = {"embedding_size": 64, "batch_size": 32, "bptt": 100, "learning_rate": 4e-3, "weight_decay": 0.0}
WORDS = {"level": "word", "language": None, "min_freq": 1, "embedding_size": 256, "hidden_size": 400, "bptt": 40}
SETTINGS = {
    "tinyshakespeare": CHARACTERS | {"hidden_size": 512, "epochs": 16, "dropout": 0.4},
    "wikitext2_words": WORDS | {"epochs": 8, "dropout": 0.4, "learning_rate": 2e-3, "softmax_samples": 2048},
    "wikitext2_characters": CHARACTERS | {"hidden_size": 400, "epochs": 2, "dropout": 0.0},
}
PUBLISHED = {  # system and source, weights in millions, figure on test
    "tinyshakespeare": [("three minGRUs of 384: Feng et al. 2024, arXiv:2410.01201; 90/10 split", None, "2.23 bits")],
    "wikitext2_words": [
        ("LSTM: Grave et al. 2017, arXiv:1612.04426", None, "perplexity 99.3"),
        ("two LSTMs of 256, 40 epochs: MXNet's example/gluon/word_language_model", 10, "perplexity 97.07"),
        ("AWD-LSTM, three layers: Merity et al. 2018, arXiv:1708.02182", 33, "perplexity 65.8"),
    ],
    "wikitext2_characters": [("mLSTM, raw text: Krause et al. 2017, arXiv:1609.07959, abstract", None, "1.26 bits")],
}


def read_splits(data, name):
    """Return the texts of train, dev and test: paths, or for tinyshakespeare lists of one text each."""
    if name != "tinyshakespeare":
        return [data / "wikitext2" / f"{split}.txt.gz" for split in ("train", "valid", "test")]
    text = gzip.decompress((data / name / "input.txt.gz").read_bytes()).decode()
    first, second = len(text) * 90 // 100, len(text) * 95 // 100
    return [text[:first]], [text[first:second]], [text[second:]]


def train_and_measure(name, data, *, options, save=None):
    """Train one model, print its rows and those of published figures; with `save`, keep it in that folder.

    A run that was cut short and has left its checkpoint in the folder goes on, and its minutes are marked as more.
    """
    train, dev, test = read_splits(data, name)
    checkpoint = save / f"{name}.checkpoint" if save else None
    resumed = checkpoint is not None and checkpoint.exists()
    start = time.perf_counter()
    model = LanguageModel(**SETTINGS[name] | options).fit(train, dev=dev, checkpoint=checkpoint, resume=resumed)
    minutes = f"{(time.perf_counter() - start) / 60:.1f}{' more' if resumed else ''}"
    millions = sum(weight.numel() for weight in model.network_.parameters()) / 1e6
    caches = {"seqtag": None}
    if model.level == "word":
        caches["seqtag, with a cache"] = model.fit_cache(dev)
    for system, cache in caches.items():
        on_dev, on_test = (model.evaluate(text, cache=cache) for text in (dev, test))
        figures = f"{on_dev.perplexity:.2f} | {on_test.perplexity:.2f} | {on_test.bits_per_character:.3f}"
        print(f"| {name} | {system} | {millions:.1f} | {figures} | {minutes} |", flush=True)
    for system, millions, figure in PUBLISHED[name]:
        print(f"| {name} | {system} | {millions or '-'} | - | {figure} | - | - |")
    if save is not None:
        model.save(save / name)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(SETTINGS)} (default: all)")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    option = "an option of the LanguageModel, its value as in JSON; can be given several times"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=option)
    parser.add_argument("--save", type=Path, metavar="DIR", help="folder to keep the models in, and runs cut short")
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(SETTINGS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(SETTINGS)}")
    options = {key: json.loads(value) for key, _, value in (item.partition("=") for item in args.set)}

    logging.basicConfig(level=logging.INFO, format="%(message)s")  # without a terminal, a line after each epoch
    print("| text | system | weights (M) | dev perplexity | test perplexity | bits per character | minutes |")
    print("|---" * 7 + "|")
    for name in args.names or SETTINGS:
        train_and_measure(name, args.data, options=options, save=args.save)


if __name__ == "__main__":
    main()
