"""How the benchmark trains Flair: BiLSTM-CRF of 256 units on word and character embeddings, SGD, nothing pretrained.

    python recipes/benchmark.py --peer-python flair=PATH

It is slow, so for the table it trains one epoch on some of the sentences: its figures are those of speed alone.
"""

import tempfile
import time
from itertools import chain

import flair
from flair.data import Corpus, Dictionary, Sentence
from flair.datasets import FlairDatapointDataset
from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from flair.trainers.plugins import TrainerPlugin

OPTIONS = {"learning_rate": 0.1, "mini_batch_size": 32, "embeddings_storage_mode": "none"}
QUIET = {"save_final_model": False, "create_file_logs": False, "create_loss_file": False}


def train(job, train, dev, after_epoch):
    flair.set_seed(0)
    epochs, most = (job["epochs"] or 30, None) if job["until"] else (1, job["flair_sentences"])
    sentences = [labelled(*pair) for pair in zip(*train)][:most]
    corpus, clock = Corpus(train=FlairDatapointDataset(sentences), sample_missing_splits=False), TrainerPlugin()
    model = network(corpus, sentences)
    clock.seconds = 0.0

    def before(epoch):
        clock.started = time.perf_counter()

    def after(epoch):
        clock.seconds += time.perf_counter() - clock.started
        after_epoch(clock.seconds, model)

    clock.before = TrainerPlugin.mark_func_as_hook(before, "before_training_epoch")
    clock.after = TrainerPlugin.mark_func_as_hook(after, "after_training_epoch")
    with tempfile.TemporaryDirectory() as folder:
        ModelTrainer(model, corpus).train(folder, max_epochs=epochs, plugins=[clock], **OPTIONS, **QUIET)
    return model, {"train": epochs * sum(map(len, sentences)) / clock.seconds, "passes": epochs}


def network(corpus, sentences):
    characters = Dictionary()
    for character in chain.from_iterable(token.text for token in chain.from_iterable(sentences)):
        characters.add_item(character)
    words = OneHotEmbeddings.from_corpus(corpus, min_freq=1, embedding_length=100)
    embeddings = StackedEmbeddings([words, CharacterEmbeddings(characters)])
    labels = corpus.make_label_dictionary("ner", add_unk=False)
    return SequenceTagger(embeddings, labels, "ner", hidden_size=256, use_crf=True)


def labelled(tokens, tags):
    sentence = Sentence(tokens)
    for start, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = next((i for i in range(start + 1, len(tags)) if not tags[i].startswith("I-")), len(tags))
            sentence[start:end].add_label("ner", tag[2:])
    return sentence
