"""Flair in the benchmark: a trained model is saved, loaded and asked; `benchmarking/flair_training.py` trains it.

python recipes/benchmark.py --peer-python flair=PATH
"""

import flair
from benchmarking.flair_training import train
from flair.data import Sentence
from flair.models import SequenceTagger

__all__ = ["VERSION", "load", "save", "spans", "tags", "train"]

VERSION = flair.__version__


def save(model, folder):
    folder.mkdir(parents=True)
    model.save(folder / "model.pt")


def load(job, folder):
    return SequenceTagger.load(folder / "model.pt")


def tags(model, sentences):
    tags = [["O"] * len(tokens) for tokens in sentences]
    for found, spans_of_one in zip(tags, _predict(model, [Sentence(list(tokens)) for tokens in sentences])):
        for span in spans_of_one:
            first, last = span[0].idx - 1, span[-1].idx
            found[first:last] = [f"B-{span.tag}", *[f"I-{span.tag}"] * (last - first - 1)]
    return tags


def spans(model, texts):
    return _predict(model, [Sentence(text) for text in texts])


def _predict(model, sentences):
    model.predict(sentences, mini_batch_size=32, embedding_storage_mode="none")
    return [sentence.get_spans("ner") for sentence in sentences]
