"""A loop on twenty sentences with what it needs, and somebody who looks on: for the tests of training."""

from dataclasses import replace

import torch
from datasets import Dataset
from tiny import TAGS, TOKENS

from seqtag.batching import TaggedRows, count_tokens
from seqtag.corpora.loading import load_corpus
from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import CRFHead, LexicalScores
from seqtag.nn.network import TagNetwork
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary
from seqtag.training.loop import Trainer
from seqtag.training.optimizers import TrainingOptions
from seqtag.training.watchers import DevFigures

OPTIONS = TrainingOptions(
    epochs=3,
    batch_size=4,
    max_tokens=1000,
    optimizer="adamw",
    learning_rate=0.01,
    lexical_learning_rate=0.02,
    context_learning_rate=0.0,
    weight_decay=0.3,
    warmup=0.2,
    schedule="linear",
    clip=5.0,
    patience=0,
    ema=0.0,
    seed=0,
    device="cpu",
    precision="fp32",
)


def tiny_rows():
    dataset = load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": TAGS}))["train"]
    tagset = TagSet.build(dataset.features["tags"].feature.names, "IOB2")
    return TaggedRows(dataset, Vocabulary.build(count_tokens(dataset)), tagset)


class Watch:
    """Look on, and call what is given at each event."""

    def __init__(self, *, step=None, epoch=None):
        self.on_step, self.on_epoch, self.events = step, epoch, []

    def start(self, **facts):
        self.events.append(("start", facts))

    def step(self, **facts):
        self.events.append(("step", facts))
        if self.on_step:
            self.on_step(facts["epoch"], facts["step"])

    def epoch(self, record):
        self.events.append(("epoch", record))
        if self.on_epoch:
            self.on_epoch(record)

    def close(self):
        self.events.append(("close", None))


def make_network(rows, *, dropout=0.0):
    torch.manual_seed(1)
    sizes = list(rows.vocabulary.feature_sizes.values())
    embedder = Embedder(
        sizes, word_size=6, num_characters=rows.vocabulary.num_characters, character_size=4, dropout=dropout
    )
    encoder = RecurrentEncoder(embedder.output_size, hidden_size=5)
    num_tags = len(rows.tagset.names)
    lexical = LexicalScores(sizes, num_tags, dropout=dropout)
    return TagNetwork(embedder, encoder, CRFHead(encoder.output_size, num_tags, lexical=lexical), dropout=dropout)


def make_trainer(rows, *, network=None, evaluate=None, sentences=20, watchers=(), **options):
    ours = {name: options.pop(name) for name in ("checkpoint", "checkpoint_seconds", "fingerprint") if name in options}
    return Trainer(
        make_network(rows) if network is None else network,
        options=replace(OPTIONS, **options),
        lengths=rows.lengths[:sentences],
        make_batch=rows.batch,
        evaluate=lambda network: DevFigures(evaluate(network) if evaluate else 0.5, 1.5),
        watchers=watchers,
        **ours,
    )


def copy_of(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
