"""A sentence's tags and scores are its own: they don't change with the batch that it stands in, or its place there."""

from dataclasses import replace

import pytest
import torch
from batches import make_batch, random_words
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.nn.recurrent import RecurrentEncoder

SIZES, NUM_CHARACTERS, NUM_TAGS, NUM_WORDS = (12, 6, 5), 10, 5, 20
ENCODERS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
FEATURES, SPELLINGS = random_words(NUM_WORDS, feature_sizes=SIZES, num_characters=NUM_CHARACTERS, longest=12)


def make_network(encoder="lstm", head="crf", *, characters="cnn", lexical=True, dropout=0.0, **options):
    torch.manual_seed(5)
    embedder = Embedder(
        SIZES,
        word_size=6,
        feature_widths={1: 3},
        characters=characters,
        num_characters=NUM_CHARACTERS,
        character_size=6,
        dropout=dropout,
    )
    recurrent = RecurrentEncoder(embedder.output_size, encoder=encoder, hidden_size=7, **options)
    scores = LexicalScores(SIZES, NUM_TAGS, dropout=dropout) if lexical else None
    make = CRFHead if head == "crf" else LinearHead
    network = TagNetwork(embedder, recurrent, make(recurrent.output_size, NUM_TAGS, lexical=scores), dropout=dropout)
    if scores is not None:
        nn.init.normal_(scores.table.weight)
    return network


def outputs(network, sentences):
    batch = make_batch(sentences, FEATURES, SPELLINGS)
    emissions = network.emissions(batch).detach()
    tags, marginals = (
        network.head.best(emissions, batch.lengths_B),
        network.head.marginals(emissions, batch.lengths_B).detach(),
    )
    return [(tags[b, :n], emissions[b, :n], marginals[b, :n]) for b, n in enumerate(map(len, sentences))]


@pytest.mark.parametrize("head", ["linear", "crf"])
@pytest.mark.parametrize(
    ("encoder", "characters", "options"),
    [
        *((encoder, "cnn", {}) for encoder in ENCODERS),
        ("lstm", "lstm", {"num_layers": 2, "proj_size": 3}),
        ("gru", "gru", {"merge": "sum"}),
        ("lstm", None, {"bidirectional": False, "bias": False}),
    ],
    ids=str,
)
def test_a_sentence_alone_in_a_batch_and_in_another_order(head, encoder, characters, options):
    network = make_network(encoder, head, characters=characters, **options).eval()

    @settings(max_examples=6)
    @given(
        sentences=st.lists(st.lists(st.integers(0, NUM_WORDS - 1), min_size=1, max_size=9), min_size=2, max_size=7),
        random=st.randoms(use_true_random=False),
    )
    def holds(sentences, random):
        order = random.sample(range(len(sentences)), len(sentences))
        together = outputs(network, sentences)
        shuffled = outputs(network, [sentences[i] for i in order])
        for place, i in enumerate(order):
            alone = outputs(network, [sentences[i]])[0]
            for other in (together[i], shuffled[place]):
                assert torch.equal(other[0], alone[0])
                for mine, theirs in zip(other[1:], alone[1:], strict=True):
                    torch.testing.assert_close(mine.double(), theirs.double(), rtol=0, atol=1e-5)

    holds()


@pytest.mark.parametrize("head", ["linear", "crf"])
def test_loss_and_gradient_of_a_batch_are_those_of_its_sentences(head):
    network = make_network(head=head)
    sentences, tags = [[0, 1, 2, 3], [4], [3, 5, 3]], [[0, 1, 2, 3], [4], [1, 1, 0]]

    def gradient(sentences, tags):
        network.zero_grad()
        loss = network(make_batch(sentences, FEATURES, SPELLINGS, tags))
        loss.backward()
        return loss.item(), [p.grad.to_dense().clone() for p in network.parameters()]

    loss, together = gradient(sentences, tags)
    alone = [gradient([s], [t]) for s, t in zip(sentences, tags, strict=True)]
    assert loss == pytest.approx(sum(each for each, _ in alone) / 3, rel=1e-5)
    for mine, *theirs in zip(together, *(each for _, each in alone), strict=True):
        torch.testing.assert_close(mine, sum(theirs) / 3, rtol=1e-4, atol=1e-6)


def test_nothing_random_is_left_in_eval_mode():
    network = make_network(dropout=0.5)
    batch = make_batch([[0, 1, 2]], FEATURES, SPELLINGS)
    torch.manual_seed(0)
    assert not torch.equal(network.train().emissions(batch), network.emissions(batch))
    assert torch.equal(network.eval().emissions(batch), network.emissions(batch))


def test_gold_tags_do_not_leak_into_predictions():
    network = make_network().eval()
    batch = make_batch([[0, 1, 2], [3]], FEATURES, SPELLINGS)
    with_tags = replace(batch, tags_BT=torch.ones_like(batch.slots_BT))
    assert torch.equal(network.emissions(batch), network.emissions(with_tags))
