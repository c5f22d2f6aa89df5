"""Long texts in segments: the states are those of each segment read alone, however many are read together."""

from itertools import pairwise

import pytest
import torch
from batches import segments_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.graph import saved_tensors_hooks

from seqtag.nn.pooling import POOLINGS, LastPooling
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.segments import SegmentedEncoder

EMBEDDING = 3


def make_encoder(**options):
    torch.manual_seed(6)
    return RecurrentEncoder(EMBEDDING, **{"hidden_size": 4} | options)


def in_segments(encoder, *, segment_size, max_tokens=10**9):
    return SegmentedEncoder(encoder, segment_size=segment_size, max_tokens=max_tokens)


def random_texts(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    texts = torch.randn(len(lengths), max(lengths), EMBEDDING, generator=generator, dtype=torch.float64)
    return texts, torch.tensor(lengths)


def states_and_gradients(encoder, embedded_BTE, lengths_B, parameters):
    """States, and the gradient of a sum of them, each with a factor of its own, by embeddings and parameters."""
    embedded_BTE = embedded_BTE.clone().requires_grad_()
    hidden_BTH = encoder(embedded_BTE, lengths_B)
    factors = torch.randn(hidden_BTH.shape, generator=torch.Generator().manual_seed(1), dtype=hidden_BTH.dtype)
    return hidden_BTH, torch.autograd.grad((hidden_BTH * factors).sum(), [embedded_BTE, *parameters])


class SegmentBySegment(torch.nn.Module):
    """The oracle: each segment goes through the plain encoder alone, and the states are put together."""

    def __init__(self, encoder, segment_size):
        super().__init__()
        self.encoder, self.segment_size = encoder, segment_size

    def forward(self, embedded_BTE, lengths_B):
        hidden_BTH = embedded_BTE.new_zeros(*embedded_BTE.shape[:2], self.encoder.output_size)
        for b, length in enumerate(lengths_B.tolist()):
            for start, end in segments_of(length, self.segment_size):
                hidden_BTH[b, start:end] = self.encoder(embedded_BTE[b : b + 1, start:end], torch.tensor([end - start]))
        return hidden_BTH


@settings(max_examples=20)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4).filter(any),
    segment_size=st.integers(1, 15),
    max_tokens=st.sampled_from([1, 20, 60, 10**9]),
    options=st.sampled_from(
        [{}, {"encoder": "gru", "num_layers": 2}, {"bidirectional": False}, {"merge": "sum"}, {"encoder": "rnn_tanh"}]
    ),
)
def test_states_and_gradients_are_those_of_each_segment_alone(lengths, segment_size, max_tokens, options):
    encoder = make_encoder(**options).double()
    batch = random_texts(lengths)
    parameters = list(encoder.parameters())
    segmented = in_segments(encoder, segment_size=segment_size, max_tokens=max_tokens)
    hidden_BTH, gradients = states_and_gradients(segmented, *batch, parameters)
    wanted_BTH, wanted = states_and_gradients(SegmentBySegment(encoder, segment_size), *batch, parameters)
    torch.testing.assert_close(hidden_BTH, wanted_BTH)
    for mine, theirs in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(mine, theirs)
    padding_BT = torch.arange(max(lengths)) >= batch[1][:, None]
    assert not hidden_BTH[padding_BT].any()
    assert not gradients[0][padding_BT].any()


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any), max_tokens=st.sampled_from([1, 10**9]))
def test_texts_within_one_segment_get_exactly_what_the_plain_encoder_gives(lengths, max_tokens):
    encoder = make_encoder().double()
    batch = random_texts(lengths)
    segmented = in_segments(encoder, segment_size=9, max_tokens=max_tokens)
    assert torch.equal(segmented(*batch), encoder(*batch))


def test_a_short_text_beside_a_long_one_is_read_as_without_it():
    encoder = make_encoder().double()
    embedded_BTE, lengths_B = random_texts([35, 4])
    together_BTH = in_segments(encoder, segment_size=10)(embedded_BTE, lengths_B)
    torch.testing.assert_close(together_BTH[1, :4], encoder(embedded_BTE[1:, :4], lengths_B[1:])[0])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_states_that_are_computed_again_have_the_same_gradients(monkeypatch, dropout):
    """Dropout between layers draws the same places the second time."""
    encoder = make_encoder(num_layers=2, dropout=dropout).double().train()
    batch = random_texts([90, 33])
    parameters = list(encoder.parameters())
    segmented = in_segments(encoder, segment_size=10, max_tokens=30)

    def run():
        torch.manual_seed(8)
        return states_and_gradients(segmented, *batch, parameters)

    again_BTH, again = run()
    monkeypatch.setattr("seqtag.nn.segments.checkpoint", lambda part, *given, use_reentrant: part(*given))
    kept_BTH, kept = run()
    assert torch.equal(again_BTH, kept_BTH)
    assert dropout or torch.allclose(kept_BTH, in_segments(encoder, segment_size=10)(*batch), atol=1e-12)
    for mine, theirs in zip(again, kept, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_no_more_than_the_budget_is_read_together_and_kept():
    encoder = make_encoder(hidden_size=16)
    sizes = []
    encoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[0] * given[0].shape[1]))

    def kept_for_the_gradient(num_tokens, max_tokens):
        embedded_BTE = torch.randn(1, num_tokens, EMBEDDING).requires_grad_()
        kept = []
        with saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            in_segments(encoder, segment_size=32, max_tokens=max_tokens)(embedded_BTE, torch.tensor([num_tokens]))
        return sum(kept)

    within = kept_for_the_gradient(3000, max_tokens=256)
    assert max(sizes) <= 256
    assert sum(sizes) >= 3000
    assert within < kept_for_the_gradient(3000, max_tokens=10**9) / 3


@pytest.mark.parametrize("name", ["mean", "attention"])
def test_every_token_of_a_long_text_has_a_part_in_what_is_pooled(name):
    encoder = make_encoder().double()
    pooling = POOLINGS[name](encoder.output_size, bidirectional=True, segment_size=64).double()
    embedded_BTE, lengths_B = random_texts([1000])
    embedded_BTE.requires_grad_()
    hidden_BTH = in_segments(encoder, segment_size=64, max_tokens=256)(embedded_BTE, lengths_B)
    pooling(hidden_BTH, lengths_B).sum().backward()
    assert (embedded_BTE.grad[0].abs().amax(-1) > 1e-6).all()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_last_pooling_over_segments_is_the_mean_of_their_final_states(bidirectional):
    encoder = make_encoder(bidirectional=bidirectional).double()
    pooling = LastPooling(encoder.output_size, bidirectional=bidirectional, segment_size=10)
    lengths = [47, 10, 11, 3, 40]
    embedded_BTE, lengths_B = random_texts(lengths)
    pooled_BH = pooling(in_segments(encoder, segment_size=10)(embedded_BTE, lengths_B), lengths_B)
    for b, length in enumerate(lengths):
        finals = [encoder.rnn(embedded_BTE[b, start:end])[1][0] for start, end in segments_of(length, 10)]
        torch.testing.assert_close(pooled_BH[b], torch.stack(finals).mean(0).flatten())


def test_nothing_crosses_the_border_of_a_segment():
    """So the states of one segment stay as they are when another one changes."""
    encoder = make_encoder()
    embedded_BTE, lengths_B = random_texts([100])
    embedded_BTE = embedded_BTE.float()
    segmented = in_segments(encoder, segment_size=30)
    before_TH = segmented(embedded_BTE, lengths_B)[0]
    spans = segments_of(100, 30)
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    start, end = spans[1]
    embedded_BTE[0, start] += 1.0
    changed_T = (segmented(embedded_BTE, lengths_B)[0] - before_TH).abs().amax(-1) > 1e-7
    assert changed_T[start]
    assert not changed_T[:start].any()
    assert not changed_T[end:].any()
