"""The heads against torch's own losses, and their probabilities against the scores that they come from."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from seqtag.batching import collate, collate_series
from seqtag.nn.batch import SeriesBatch
from seqtag.nn.classification import MultiLabelHead, SingleLabelHead
from seqtag.nn.network import ClassNetwork
from seqtag.nn.ngrams import NgramScores, count_ngrams
from seqtag.nn.pooling import AttentionPooling, MeanPooling
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.text.vocabulary import Vocabulary

HIDDEN, NUM_CLASSES = 5, 4
HEADS = [SingleLabelHead, MultiLabelHead]


def make_head(make, **options):
    torch.manual_seed(2)
    return make(HIDDEN, NUM_CLASSES, pooling=MeanPooling(), **options)


def random_batch(labels_BL, weights_B=None, seed=0):
    """States, and a batch that a head without `lexical` looks at no further than lengths and labels of."""
    generator = torch.Generator().manual_seed(seed)
    lengths_B = torch.randint(1, 5, (len(labels_BL),), generator=generator)
    hidden_BTH = 2 * torch.randn(len(labels_BL), 5, HIDDEN, generator=generator)
    return hidden_BTH, SeriesBatch(hidden_BTH, lengths_B, labels_BL, weights_B)


def scores_of(head, hidden_BTH, batch):
    return head.output(torch.stack([states[:n].mean(0) for states, n in zip(hidden_BTH, batch.lengths_B, strict=True)]))


def probabilities_of(head, hidden_BTH, batch):
    return head.mix(head.views(hidden_BTH, batch))


some_weights = st.none() | st.lists(st.floats(0.1, 9), min_size=NUM_CLASSES, max_size=NUM_CLASSES).map(torch.tensor)


@settings(max_examples=40)
@given(
    gold=st.lists(st.integers(0, NUM_CLASSES - 1), min_size=1, max_size=6),
    smoothing=st.floats(0, 0.9),
    class_weights_L=some_weights,
    seed=st.integers(0, 99),
)
def test_the_loss_of_one_label_is_torchs_cross_entropy(gold, smoothing, class_weights_L, seed):
    """Smoothed as torch smooths; a class weight multiplies the loss of the texts of its class."""
    head = make_head(SingleLabelHead, label_smoothing=smoothing, class_weights_L=class_weights_L)
    gold_B = torch.tensor(gold)
    hidden_BTH, batch = random_batch(functional.one_hot(gold_B, NUM_CLASSES).float(), seed=seed)
    scores_BL = scores_of(head, hidden_BTH, batch)
    weights_B = 1.0 if class_weights_L is None else class_weights_L[gold_B]
    expected_B = weights_B * functional.cross_entropy(scores_BL, gold_B, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(head.losses(hidden_BTH, batch), expected_B)
    torch.testing.assert_close(head.loss(hidden_BTH, batch), expected_B.mean())


@settings(max_examples=40)
@given(
    gold=st.lists(st.lists(st.booleans(), min_size=NUM_CLASSES, max_size=NUM_CLASSES), min_size=1, max_size=6),
    smoothing=st.floats(0, 0.9),
    class_weights_L=some_weights,
    seed=st.integers(0, 99),
)
def test_the_loss_of_several_labels_is_torchs_binary_cross_entropy(gold, smoothing, class_weights_L, seed):
    """A sum over the labels of a text; smoothing draws both answers towards one half."""
    head = make_head(MultiLabelHead, label_smoothing=smoothing, class_weights_L=class_weights_L)
    labels_BL = torch.tensor(gold).float()
    hidden_BTH, batch = random_batch(labels_BL, seed=seed)
    scores_BL = scores_of(head, hidden_BTH, batch)
    smooth_BL = labels_BL * (1 - smoothing) + 0.5 * smoothing
    expected_BL = functional.binary_cross_entropy_with_logits(
        scores_BL, smooth_BL, pos_weight=class_weights_L, reduction="none"
    )
    torch.testing.assert_close(head.losses(hidden_BTH, batch), expected_BL.sum(1))
    torch.testing.assert_close(head.loss(hidden_BTH, batch), expected_BL.sum(1).mean())


@pytest.mark.parametrize("make", HEADS)
def test_weights_of_texts_are_their_shares_in_the_loss(make):
    """As the trainer gives them: a text of weight 0 plays no part, not even in the gradient."""
    head = make_head(make)
    labels_BL = functional.one_hot(torch.tensor([0, 3, 1]), NUM_CLASSES).float()
    weights_B = torch.tensor([0.5, 0.0, 0.2])
    hidden_BTH, batch = random_batch(labels_BL, weights_B)
    hidden_BTH = hidden_BTH.requires_grad_()
    loss = head.loss(hidden_BTH, batch)
    torch.testing.assert_close(loss, (head.losses(hidden_BTH, batch) * weights_B).sum())
    loss.backward()
    assert [bool(gradient.any()) for gradient in hidden_BTH.grad] == [True, False, True]


@given(seed=st.integers(0, 99), size=st.sampled_from([0.1, 1.0, 300.0]))
def test_probabilities_are_those_of_the_scores(seed, size):
    labels_BL = torch.zeros(4, NUM_CLASSES)
    hidden_BTH, batch = random_batch(labels_BL, seed=seed)
    hidden_BTH = size * hidden_BTH
    for make, normalise in ((SingleLabelHead, lambda s: s.softmax(-1)), (MultiLabelHead, torch.sigmoid)):
        head = make_head(make)
        probability_BL = probabilities_of(head, hidden_BTH, batch)
        wanted_BL = normalise(scores_of(head, hidden_BTH, batch).double())
        torch.testing.assert_close(probability_BL, wanted_BL, atol=1e-4, rtol=1e-3)
        assert ((probability_BL >= 0) & (probability_BL <= 1)).all()
        if make is SingleLabelHead:
            torch.testing.assert_close(probability_BL.sum(1), torch.ones(4).double(), atol=1e-12, rtol=0)


# -- with n-grams beside the states -----------------------------------------------------------

TEXTS = [["good", "bread"], ["bad", "bread", "bad"], ["good", "good"], []]


def lexical_batch(labels_BL):
    vocabulary = Vocabulary.build({"good": 3, "bad": 2, "bread": 2})
    batch = collate(vocabulary, TEXTS, labels_BL=labels_BL.numpy())
    folded_C, num_words = torch.tensor(vocabulary.folded_characters()), vocabulary.feature_sizes["word"]
    counted = count_ngrams(lambda step: [batch], folded_C, num_words=num_words)
    return batch, NgramScores(counted, folded_C, num_words=num_words)


@pytest.mark.parametrize("make", HEADS)
def test_with_ngrams_probabilities_are_probabilities_and_both_views_learn(make):
    labels_BL = functional.one_hot(torch.tensor([0, 1, 0, 2]), NUM_CLASSES).float()
    batch, lexical = lexical_batch(labels_BL)
    head = make_head(make, lexical=lexical)
    hidden_BTH = torch.randn(4, 3, HIDDEN).requires_grad_()
    probability_BL = probabilities_of(head, hidden_BTH, batch).detach()
    assert ((probability_BL > 0) & (probability_BL < 1)).all()
    if make is SingleLabelHead:
        torch.testing.assert_close(probability_BL.sum(1), torch.ones(4).double(), atol=1e-12, rtol=0)
    losses_B = head.losses(hidden_BTH, batch)
    assert (losses_B > 0).all()
    losses_B.sum().backward()
    assert lexical.table.weight.grad.to_dense().any()
    assert head.output.weight.grad.any()
    assert [bool(gradient.any()) for gradient in hidden_BTH.grad] == [True, True, True, False]  # the last has no token


@pytest.mark.parametrize("make", HEADS)
def test_each_view_speaks_in_the_probabilities(make):
    batch, lexical = lexical_batch(functional.one_hot(torch.tensor([0, 1, 0, 2]), NUM_CLASSES).float())
    head = make_head(make, lexical=lexical)
    hidden_BTH = torch.zeros(4, 3, HIDDEN)
    before_BL = probabilities_of(head, hidden_BTH, batch)
    for bias_L in (head.output.bias, lexical.bias_L):
        with torch.no_grad():
            bias_L[3] += 2.0
        after_BL = probabilities_of(head, hidden_BTH, batch)
        assert (after_BL[:, 3] > before_BL[:, 3]).all()
        before_BL = after_BL


@pytest.mark.parametrize("make", HEADS)
def test_scores_are_single_precision_whatever_the_encoder_computed_in(make):
    head = make_head(make)
    hidden_BTH, batch = random_batch(functional.one_hot(torch.tensor([0, 2]), NUM_CLASSES).float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        probability_BL, losses_B = probabilities_of(head, hidden_BTH, batch), head.losses(hidden_BTH, batch)
    assert losses_B.dtype == torch.float32
    torch.testing.assert_close(losses_B, head.losses(hidden_BTH, batch), atol=0.05, rtol=0.02)
    if make is SingleLabelHead:
        torch.testing.assert_close(probability_BL.sum(1), torch.ones(2).double(), atol=1e-12, rtol=0)


# -- in a network -----------------------------------------------------------------------------


class Through(nn.Module):
    """An embedder for series that are as they should be."""

    def forward(self, batch):
        return batch.values_BTD


def grad_of(parameter):
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()


@pytest.mark.parametrize("make", HEADS)
def test_loss_and_gradient_of_a_batch_are_those_of_its_rows(make):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(2, hidden_size=3)
    head = make(encoder.output_size, NUM_CLASSES, pooling=AttentionPooling(encoder.output_size))
    network = ClassNetwork(Through(), encoder, head).double()
    series = [torch.randn(n, 2).numpy() for n in (4, 1, 0, 6)]
    labels_BL = functional.one_hot(torch.tensor([0, 3, 1, 1]), NUM_CLASSES).float().numpy()

    def gradient(rows):
        batch = collate_series([series[i] for i in rows], labels_BL[rows])
        network.zero_grad()
        loss = network(SeriesBatch(batch.values_BTD.double(), batch.lengths_B, batch.labels_BL.double()))
        loss.backward()
        return loss.item(), [grad_of(p) for p in network.parameters()]

    loss, together = gradient([0, 1, 2, 3])
    alone = [gradient([i]) for i in range(4)]
    assert loss == pytest.approx(sum(each for each, _ in alone) / 4, rel=1e-5)
    for mine, *theirs in zip(together, *(each for _, each in alone), strict=True):
        torch.testing.assert_close(mine, sum(theirs) / 4, rtol=1e-5, atol=1e-7)
