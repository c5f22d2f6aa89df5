"""Train language models on public texts, nothing pretrained; test figures beside published recurrent ones, with sizes.

    python recipes/language_model.py --data ../shared/data                                     # all, in this order
    python recipes/language_model.py --data ../shared/data tinyshakespeare --set epochs=5 --save models

A row holds the weights in millions, perplexity on dev and test (the state is carried across the whole text), bits per
character on test, and minutes; of words a second row has a cache. The sizes are for two cores, an hour each. The first
text is cut 90/5/5 by characters; wikitext2 is in its published form with <unk>, words as they stand between blanks, a
line break ends a line as a word. Its characters are those of that form, where published figures are of raw text.
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


def read(data, name):
    """Give the texts of train, dev and test, as lists or paths."""
    if name != "tinyshakespeare":
        return [data / "wikitext2" / f"{split}.txt.gz" for split in ("train", "valid", "test")]
    text = gzip.decompress((data / name / "input.txt.gz").read_bytes()).decode()
    first, second = len(text) * 90 // 100, len(text) * 95 // 100
    return [text[:first]], [text[first:second]], [text[second:]]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(SETTINGS)}")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of LanguageModel")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep models here, and runs cut short")
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(SETTINGS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(SETTINGS)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # a line an epoch where there is no terminal
    own = {key: json.loads(value) for key, _, value in (item.partition("=") for item in args.set)}
    print("| text | system | weights (M) | dev perplexity | test perplexity | bits a character | minutes |")
    print("|---" * 7 + "|")
    for name in args.names or SETTINGS:
        train, dev, test = read(args.data, name)
        kept = args.save / f"{name}.checkpoint" if args.save else None
        start, resumed = time.perf_counter(), kept is not None and kept.exists()
        model = LanguageModel(**SETTINGS[name] | own).fit(train, dev=dev, checkpoint=kept, resume=resumed)
        minutes = (time.perf_counter() - start) / 60
        weights = sum(weight.numel() for weight in model.network_.parameters()) / 1e6
        cached = {"seqtag, with a cache": model.fit_cache(dev)} if model.level == "word" else {}
        for system, cache in ({"seqtag": None} | cached).items():
            on_dev, on_test = (model.evaluate(text, cache=cache) for text in (dev, test))
            row = f"{on_dev.perplexity:.2f} | {on_test.perplexity:.2f} | {on_test.bits_per_character:.3f}"
            print(f"| {name} | {system} | {weights:.1f} | {row} | {minutes:.1f}{' more' * resumed} |", flush=True)
        for system, size, figure in PUBLISHED[name]:
            print(f"| {name} | {system} | {size or '-'} | - | {figure} | - | - |")
        if args.save is not None:
            model.save(args.save / name)


if __name__ == "__main__":
    main()
