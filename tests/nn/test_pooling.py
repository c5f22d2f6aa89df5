"""Pooling against a loop over texts that stand alone, without padding: values, and gradients by every state."""

import math

import pytest
import torch
from batches import segments_of
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.nn.pooling import POOLINGS, AttentionPooling, even_size
from seqtag.nn.recurrent import RecurrentEncoder

HIDDEN = 6
lengths_of_texts = st.lists(st.integers(0, 7), min_size=1, max_size=5)


def make_pooling(name, *, bidirectional=True, segment_size=0, hidden_size=HIDDEN):
    torch.manual_seed(4)
    return POOLINGS[name](hidden_size, bidirectional=bidirectional, segment_size=segment_size).double()


def pool_alone(pooling, name, states_TH, *, bidirectional=True, segment_size=0):
    """What pooling means, of the states of one text: (T, H) -> (H,)."""
    if not len(states_TH):
        return states_TH.new_zeros(states_TH.shape[1])
    if name == "mean":
        return torch.stack(list(states_TH)).mean(0)
    if name == "max":
        return torch.stack([column.max() for column in states_TH.T])
    if name == "attention":
        scores = torch.stack([pooling.query(torch.tanh(pooling.key(state))).squeeze() for state in states_TH])
        return sum(weight * state for weight, state in zip(scores.softmax(0), states_TH, strict=True))
    ahead = HIDDEN // 2 if bidirectional else HIDDEN
    parts = [
        torch.cat([states_TH[end - 1, :ahead], states_TH[start, ahead:]])
        for start, end in segments_of(len(states_TH), segment_size)
    ]
    return torch.stack(parts).mean(0)


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(POOLINGS)),
    lengths=lengths_of_texts,
    bidirectional=st.booleans(),
    segment_size=st.integers(0, 4),
    on_padding=st.sampled_from([0.0, 1e6, -1e6]),
    more=st.integers(0, 3),
    seed=st.integers(0, 9),
)
def test_pooling_equals_a_loop_whatever_stands_on_padding(
    name, lengths, bidirectional, segment_size, on_padding, more, seed
):
    generator = torch.Generator().manual_seed(seed)
    options = {"bidirectional": bidirectional, "segment_size": segment_size}
    pooling = make_pooling(name, **options)
    texts = [torch.randn(n, HIDDEN, generator=generator, dtype=torch.float64) for n in lengths]
    direction_BH = torch.randn(len(texts), HIDDEN, generator=generator, dtype=torch.float64)
    hidden_BTH = torch.full((len(texts), max(lengths) + more, HIDDEN), on_padding, dtype=torch.float64)
    for row, text in zip(hidden_BTH, texts, strict=True):
        row[: len(text)] = text
    hidden_BTH.requires_grad_()
    pooled_BH = pooling(hidden_BTH, torch.tensor(lengths))
    (gradient_BTH,) = torch.autograd.grad((pooled_BH * direction_BH).sum(), hidden_BTH)
    for b, text in enumerate(texts):
        text.requires_grad_()
        alone_H = pool_alone(pooling, name, text, **options)
        torch.testing.assert_close(pooled_BH[b], alone_H)
        assert not gradient_BTH[b, len(text) :].any()
        if len(text):
            (wanted_TH,) = torch.autograd.grad((alone_H * direction_BH[b]).sum(), text)
            torch.testing.assert_close(gradient_BTH[b, : len(text)], wanted_TH)
        else:
            assert not pooled_BH[b].any()


@pytest.mark.parametrize("name", sorted(POOLINGS))
@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": False}, {"merge": "sum"}, {"encoder": "gru", "num_layers": 2}, {"encoder": "rnn_relu"}],
    ids=str,
)
def test_a_text_in_a_batch_is_encoded_and_pooled_as_if_alone(name, options):
    torch.manual_seed(2)
    encoder = RecurrentEncoder(5, **{"hidden_size": 4} | options).double()
    has_two = options.get("bidirectional", True) and options.get("merge", "concat") == "concat"
    pooling = make_pooling(name, bidirectional=has_two, hidden_size=encoder.output_size)
    parameters = [*encoder.parameters(), *pooling.parameters()]
    lengths = [3, 1, 7, 0, 5]
    texts = [torch.randn(n, 5, dtype=torch.float64) for n in lengths]
    embedded_BTE = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=9.0)
    pooled_BH = pooling(encoder(embedded_BTE, torch.tensor(lengths)), torch.tensor(lengths))
    direction_BH = torch.randn_like(pooled_BH)
    together = torch.autograd.grad((pooled_BH * direction_BH).sum(), parameters)
    loss = torch.zeros((), dtype=torch.float64)
    for b, text in enumerate(texts):
        alone_1H = pooling(encoder(text[None], torch.tensor([len(text)])), torch.tensor([len(text)]))
        torch.testing.assert_close(pooled_BH[b], alone_1H[0])
        loss = loss + (alone_1H[0] * direction_BH[b]).sum()
    for mine, theirs in zip(together, torch.autograd.grad(loss, parameters), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_last_pooling_is_the_final_state_that_torch_gives(bidirectional):
    torch.manual_seed(3)
    encoder = RecurrentEncoder(4, hidden_size=3, bidirectional=bidirectional)
    pooling = POOLINGS["last"](encoder.output_size, bidirectional=bidirectional)
    lengths, embedded_BTE = torch.tensor([2, 6, 1]), torch.randn(3, 6, 4)
    pooled_BH = pooling(encoder(embedded_BTE, lengths), lengths)
    for b, length in enumerate(lengths.tolist()):
        _, (final_DH, _) = encoder.rnn(embedded_BTE[b, :length])
        torch.testing.assert_close(pooled_BH[b], final_DH.flatten())


@given(lengths=lengths_of_texts, seed=st.integers(0, 9))
def test_attention_weights_sum_to_one_and_are_zero_on_padding(lengths, seed):
    torch.manual_seed(seed)
    pooling = AttentionPooling(HIDDEN)
    lengths_B = torch.tensor(lengths)
    hidden_BTH = 3 * torch.randn(len(lengths), max(lengths) + 1, HIDDEN)
    weights_BT = pooling.weights(hidden_BTH, lengths_B)
    for weights_T, hidden_TH, length in zip(weights_BT, hidden_BTH, lengths, strict=True):
        assert not weights_T[length:].any()
        assert (weights_T[:length] > 0).all()
        assert weights_T.sum().item() == pytest.approx(float(length > 0), abs=1e-6)
        pooled_1H = pooling(hidden_TH[None], torch.tensor([length]))
        torch.testing.assert_close(pooled_1H[0], weights_T @ hidden_TH, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_a_batch_without_a_single_token_pools_to_zero(name):
    pooled_BH = make_pooling(name)(torch.zeros(3, 0, HIDDEN, dtype=torch.float64), torch.zeros(3, dtype=torch.int64))
    assert pooled_BH.tolist() == [[0.0] * HIDDEN] * 3


@given(length=st.integers(1, 500), most=st.integers(1, 60))
def test_segments_are_as_few_and_as_even_as_can_be(length, most):
    size = even_size(torch.tensor([length]), most).item()
    assert size <= most
    parts = [min(size, length - start) for start in range(0, length, size)]
    assert len(parts) == math.ceil(length / most)
    assert sum(parts) == length
    # a smaller size would need another segment
    assert size == 1 or math.ceil(length / (size - 1)) > len(parts)
