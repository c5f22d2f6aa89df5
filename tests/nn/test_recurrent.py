"""The encoder against cells written out gate by gate and against torch's packed module: values and gradients."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_cells import PASSES, encode
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtag.errors import UsageError
from seqtag.nn.recurrent import RecurrentEncoder

INPUT_SIZE = 3
PATHS = ("_packed", "_padded")


@st.composite
def options(draw, encoder: str, path: str = "_packed") -> dict:
    return {
        "encoder": encoder,
        "hidden_size": draw(st.integers(2, 4)),
        "num_layers": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "merge": draw(st.sampled_from(["concat", "sum"])),
        "proj_size": draw(st.integers(0, 1)) if encoder == "lstm" and path == "_packed" else 0,
    }


@st.composite
def lengths_and_width(draw, shortest: int = 0) -> tuple[Tensor, int]:
    """Lengths of one to five sentences, and a number of columns that may be more than any of them needs."""
    lengths = draw(st.lists(st.integers(shortest, 6), min_size=1, max_size=5))
    return torch.tensor(lengths), max([1, *lengths]) + draw(st.integers(0, 2))


def build(options: dict, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> RecurrentEncoder:
    torch.manual_seed(seed)
    return RecurrentEncoder(INPUT_SIZE, **options).to(dtype)


def batch_of(lengths_B: Tensor, num_tokens: int, *, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random vectors, also in the padding, and larger there: whoever reads them is found out."""
    generator = torch.Generator().manual_seed(seed)
    embedded_BTE = torch.randn(len(lengths_B), num_tokens, INPUT_SIZE, generator=generator, dtype=dtype)
    padding_BT1 = (torch.arange(num_tokens) >= lengths_B.unsqueeze(-1)).unsqueeze(-1)
    return torch.where(padding_BT1, embedded_BTE * 10, embedded_BTE)


def oracle(encoder: RecurrentEncoder, embedded_BTE: Tensor, lengths_B: Tensor, options: dict) -> Tensor:
    """Encode sentence by sentence, and lay the results out as a padded batch of zeros."""
    parameters = dict(encoder.rnn.named_parameters())
    choices = {name: options[name] for name in ("encoder", "num_layers", "bidirectional", "merge")}
    rows = []
    for sentence_TE, length in zip(embedded_BTE, lengths_B.tolist(), strict=True):
        row_TH = embedded_BTE.new_zeros(embedded_BTE.shape[1] - length, encoder.output_size)
        if length:
            row_TH = torch.cat([encode(sentence_TE[:length], parameters, **choices), row_TH])
        rows.append(row_TH)
    return torch.stack(rows)


def gradients(hidden_BTH: Tensor, encoder: RecurrentEncoder, embedded_BTE: Tensor) -> list[Tensor]:
    """Differentiate a sum in which every hidden value has a weight of its own."""
    weights = torch.linspace(-1, 2, hidden_BTH.numel(), dtype=hidden_BTH.dtype).view(hidden_BTH.shape)
    return list(torch.autograd.grad((hidden_BTH * weights).sum(), [embedded_BTE, *encoder.parameters()]))


def force(encoder: RecurrentEncoder, path: str) -> RecurrentEncoder:
    """Send every batch down one of the two paths."""
    encoder._prefers_padded = lambda lengths_B: path == "_padded"
    return encoder


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", PASSES)
def test_values_and_gradients_equal_the_gates_written_out(name, path):
    @settings(max_examples=20, deadline=None)
    @given(options(name, path), lengths_and_width())
    def check(options, lengths_and_width):
        lengths_B, num_tokens = lengths_and_width
        encoder = force(build(options), path)
        embedded_BTE = batch_of(lengths_B, num_tokens).requires_grad_()
        hidden_BTH = encoder(embedded_BTE, lengths_B)
        expected_BTH = oracle(encoder, embedded_BTE, lengths_B, options)
        torch.testing.assert_close(hidden_BTH, expected_BTH, rtol=0, atol=1e-10)
        if lengths_B.any():
            got = gradients(hidden_BTH, encoder, embedded_BTE)
            for tensor, expected in zip(got, gradients(expected_BTH, encoder, embedded_BTE), strict=True):
                torch.testing.assert_close(tensor, expected, rtol=0, atol=1e-8)

    check()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("name", "proj_size", "path"),
    [("lstm", 2, "_packed"), *((name, 0, path) for name in PASSES for path in PATHS)],
)
def test_encoder_equals_torch_packed_module_in_float32(name, proj_size, path, training):
    """Float32 is where the CPU has kernels of its own (oneDNN), with their own gradients, in and out of training."""
    options = {"encoder": name, "hidden_size": 5, "num_layers": 2, "proj_size": proj_size}
    lengths_B = torch.tensor([7, 1, 4, 7, 2])
    embedded_BTE = batch_of(lengths_B, 8, dtype=torch.float32).requires_grad_()
    encoder = build(options, dtype=torch.float32).train(training)
    packed = pack_padded_sequence(embedded_BTE, lengths_B, batch_first=True, enforce_sorted=False)
    reference_BTH, _ = pad_packed_sequence(encoder.rnn(packed)[0], batch_first=True, total_length=8)
    hidden_BTH = force(encoder, path)(embedded_BTE, lengths_B)
    torch.testing.assert_close(hidden_BTH, reference_BTH, rtol=0, atol=1e-5)
    reference = gradients(reference_BTH, encoder, embedded_BTE)
    for tensor, expected in zip(gradients(hidden_BTH, encoder, embedded_BTE), reference, strict=True):
        torch.testing.assert_close(tensor, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", PASSES)
def test_backward_direction_sees_the_last_real_token_first(name, path):
    encoder = force(build({"encoder": name, "hidden_size": 4}), path)
    lengths_B = torch.tensor([3, 6])
    embedded_BTE = batch_of(lengths_B, 6)
    backward_TH = encoder(embedded_BTE, lengths_B)[0, :3, 4:]

    # At the last real token it has read that token alone, from a state of zeros: as if the sentence had no other
    alone_H = encoder(embedded_BTE[:1, 2:3], torch.tensor([1]))[0, 0, 4:]
    torch.testing.assert_close(backward_TH[2], alone_H, rtol=0, atol=1e-12)

    # A different last token reaches every earlier place; a different first one, only its own
    for changed, reached in [(2, [True, True, True]), (0, [True, False, False]), (3, [False, False, False])]:
        other_BTE = embedded_BTE.clone()
        other_BTE[0, changed] += 1.0
        difference_T = (encoder(other_BTE, lengths_B)[0, :3, 4:] - backward_TH).abs().amax(dim=-1)
        assert (difference_T > 1e-9).tolist() == reached


@pytest.mark.parametrize("name", PASSES)
def test_a_sentence_does_not_depend_on_neighbours_order_or_padding(name):
    @settings(max_examples=20, deadline=None)
    @given(options(name), lengths_and_width(shortest=1), st.randoms(use_true_random=False))
    def check(options, lengths_and_width, random):
        lengths_B, num_tokens = lengths_and_width
        encoder = build(options, dtype=torch.float32).eval()
        embedded_BTE = batch_of(lengths_B, num_tokens, dtype=torch.float32)
        order = random.sample(range(len(lengths_B)), len(lengths_B))
        for recorded in (torch.enable_grad, torch.no_grad):  # the choice of path depends on it
            with recorded():
                together_BTH = encoder(embedded_BTE, lengths_B)
                shuffled_BTH = encoder(embedded_BTE[order], lengths_B[order])
                for place, row in enumerate(order):
                    length = int(lengths_B[row])
                    alone_TH = encoder(embedded_BTE[row : row + 1, :length], lengths_B[row : row + 1])[0]
                    for batch_TH in (together_BTH[row], shuffled_BTH[place]):
                        torch.testing.assert_close(batch_TH[:length], alone_TH, rtol=0, atol=1e-5)
                        assert not batch_TH[length:].any()

    check()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", PASSES)
def test_dropout_acts_between_layers_and_only_in_training(name, path):
    options = {"encoder": name, "hidden_size": 4, "num_layers": 2, "bidirectional": True, "merge": "concat"}
    encoder = force(build({**options, "dropout": 1.0}), path)
    lengths_B = torch.tensor([4, 3])
    embedded_BTE = batch_of(lengths_B, 4)
    torch.testing.assert_close(
        encoder.eval()(embedded_BTE, lengths_B), oracle(encoder, embedded_BTE, lengths_B, options)
    )

    # With everything dropped, the second layer reads zeros: what it gives is a one-layer encoder's output on zeros
    second = RecurrentEncoder(8, encoder=name, hidden_size=4).double()
    weights = encoder.rnn.state_dict().items()
    second.rnn.load_state_dict({key.replace("_l1", "_l0"): weight for key, weight in weights if "_l1" in key})
    expected_BTH = second(torch.zeros(2, 4, 8, dtype=torch.float64), lengths_B)
    torch.testing.assert_close(encoder.train()(embedded_BTE, lengths_B), expected_BTH)


@pytest.mark.parametrize("path", PATHS)
def test_dropout_follows_the_global_seed_and_has_its_mean_and_variance(path):
    encoder = force(build({"encoder": "rnn_relu", "hidden_size": 4, "num_layers": 2, "dropout": 0.25}), path)
    # Without recurrence, biases or negative weights ReLU is the identity, and dropout's moments can be written down
    for name, parameter in encoder.rnn.named_parameters():
        parameter.data.abs_() if name.startswith("weight_ih") else parameter.data.zero_()
    parameters = dict(encoder.rnn.named_parameters())
    first_layer, second_layer = (
        torch.cat([parameters[f"weight_ih_l{layer}"], parameters[f"weight_ih_l{layer}_reverse"]]) for layer in (0, 1)
    )
    parts_HH = second_layer * first_layer.sum(dim=1)  # what each unit of the first layer adds to each of the second

    embedded_BTE = torch.ones(20_000, 1, INPUT_SIZE, dtype=torch.float64)
    lengths_B = torch.ones(20_000, dtype=torch.long)
    torch.manual_seed(3)
    hidden_BH = encoder(embedded_BTE, lengths_B)[:, 0]
    torch.testing.assert_close(hidden_BH.mean(dim=0), parts_HH.sum(dim=1), rtol=0.03, atol=0)
    torch.testing.assert_close(hidden_BH.var(dim=0), parts_HH.square().sum(dim=1) * 0.25 / 0.75, rtol=0.1, atol=0)
    assert not torch.equal(encoder(embedded_BTE, lengths_B)[:, 0], hidden_BH)
    torch.manual_seed(3)
    assert torch.equal(encoder(embedded_BTE, lengths_B)[:, 0], hidden_BH)


def test_empty_batches_and_empty_sentences_give_zeros_without_a_gradient():
    encoder = build({"encoder": "lstm", "hidden_size": 4})
    assert encoder(torch.zeros(0, 5, INPUT_SIZE), torch.zeros(0, dtype=torch.long)).shape == (0, 5, 8)
    assert encoder(torch.zeros(2, 0, INPUT_SIZE), torch.zeros(2, dtype=torch.long)).shape == (2, 0, 8)
    for path in PATHS:
        embedded_BTE = batch_of(torch.tensor([0, 0]), 3).requires_grad_()
        hidden_BTH = force(encoder, path)(embedded_BTE, torch.tensor([0, 0]))
        assert torch.equal(hidden_BTH, torch.zeros(2, 3, 8, dtype=torch.float64))
        assert not any(gradient.any() for gradient in gradients(hidden_BTH, encoder, embedded_BTE))


def test_a_relu_state_that_explodes_over_padding_leaves_finite_gradients():
    encoder = RecurrentEncoder(1, encoder="rnn_relu", hidden_size=1, bias=False, bidirectional=False)
    for parameter, value in zip(encoder.parameters(), (1.0, 2.0), strict=True):
        parameter.data.fill_(value)
    # The short sentence's state would double 299 times over its padding; all others stay at zero
    lengths_B = torch.tensor([1] + [300] * 9)
    embedded_BTE = torch.full((10, 300, 1), -1.0)
    embedded_BTE[0] = torch.tensor([[1.0]] + [[0.0]] * 299)
    encoder(embedded_BTE.requires_grad_(), lengths_B).sum().backward()
    assert [parameter.grad.item() for parameter in encoder.parameters()] == [1.0, 0.0]


@pytest.mark.parametrize("name", PASSES)
def test_bfloat16_autocast_leaves_the_cpu_result_as_it_is(name):
    lengths_B = torch.tensor([5, 5, 4])
    encoder = build({"encoder": name, "hidden_size": 4, "num_layers": 2}, dtype=torch.float32)
    embedded_BTE = batch_of(lengths_B, 5, dtype=torch.float32).bfloat16()  # as an embedder under autocast may give it
    for path in PATHS:
        force(encoder, path)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden_BTH = encoder(embedded_BTE, lengths_B)
        assert torch.equal(hidden_BTH, encoder(embedded_BTE.float(), lengths_B))
        hidden_BTH.sum().backward()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", PASSES)
def test_gpu_equals_cpu(name):
    lengths_B = torch.tensor([7, 0, 4, 7, 2])
    embedded_BTE = batch_of(lengths_B, 8)
    encoder = build({"encoder": name, "hidden_size": 4, "num_layers": 2})
    expected_BTH = encoder(embedded_BTE, lengths_B)
    hidden_BTH = encoder.cuda()(embedded_BTE.cuda(), lengths_B.cuda())
    torch.testing.assert_close(hidden_BTH.cpu(), expected_BTH, rtol=0, atol=1e-5)
    state = random_state(encoder.cpu(), 5)
    expected = encoder.forward_with_state(embedded_BTE, lengths_B, initial_state=state)
    there = tuple(part_KBD.cuda() for part_KBD in state)
    found = encoder.cuda().forward_with_state(embedded_BTE.cuda(), lengths_B, initial_state=there)
    for mine, theirs in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=0, atol=1e-5)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        rounded_BTH = encoder.float()(embedded_BTE.cuda().float(), lengths_B)
    torch.testing.assert_close(rounded_BTH.cpu().double(), expected_BTH, rtol=0, atol=0.05)


def test_parameters_are_torch_s_own():
    """A model's file holds what torch.nn.LSTM itself would write and read."""
    encoder = build({"encoder": "lstm", "hidden_size": 4, "num_layers": 2, "proj_size": 2})
    plain = torch.nn.LSTM(INPUT_SIZE, 4, num_layers=2, proj_size=2, bidirectional=True).double()
    plain.load_state_dict({key.removeprefix("rnn."): value for key, value in encoder.state_dict().items()})
    embedded_BTE = batch_of(torch.tensor([5]), 5)
    expected_TH = plain(embedded_BTE[0])[0]
    torch.testing.assert_close(encoder(embedded_BTE, torch.tensor([5]))[0], expected_TH, rtol=0, atol=1e-12)


# -- states passed in and taken out -----------------------------------------------------------


def torchs_own(encoder: RecurrentEncoder, options: dict) -> torch.nn.RNNBase:
    """A module of torch's with the same weights, which has never seen our code."""
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(options["encoder"], torch.nn.RNN)
    extra = {"nonlinearity": options["encoder"][4:]} if kind is torch.nn.RNN else {}
    names = ("hidden_size", "num_layers", "bias", "bidirectional", *(["proj_size"] if kind is torch.nn.LSTM else []))
    sizes = {name: options[name] for name in names if name in options}
    module = kind(INPUT_SIZE, batch_first=True, **sizes, **extra).to(next(encoder.parameters()).dtype)
    module.load_state_dict(encoder.rnn.state_dict())
    return module


def random_state(encoder: RecurrentEncoder, batch_size: int, *, seed: int = 2) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    parts = encoder.start(batch_size)
    return tuple(torch.randn(part.shape, generator=generator, dtype=part.dtype).requires_grad_() for part in parts)


def read_alone(module: torch.nn.RNNBase, sentence_TE: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Read one sentence without padding or packing: hidden states of both directions, then the final state."""
    if not len(sentence_TE):  # torch refuses it; a state that nothing was read from stays as it is
        width = state[0].shape[-1] * (2 if module.bidirectional else 1)
        return (sentence_TE.new_zeros(0, width), *state)
    hidden_TH, after = module(sentence_TE, state if len(state) > 1 else state[0])
    return (hidden_TH, *(after if isinstance(after, tuple) else (after,)))


def read_each_alone(
    module: torch.nn.RNNBase, embedded_BTE: Tensor, lengths_B: Tensor, state: tuple[Tensor, ...], merge: str
) -> list[Tensor]:
    """What `forward_with_state` promises, sentence by sentence: padded hidden states, and the parts of the state."""
    rows = [
        read_alone(module, sentence_TE[:length], tuple(part_KBD[:, row] for part_KBD in state))
        for row, (sentence_TE, length) in enumerate(zip(embedded_BTE, lengths_B.tolist(), strict=True))
    ]
    missing = [(0, 0, 0, embedded_BTE.shape[1] - len(hidden_TH)) for hidden_TH, *_ in rows]
    hidden_BTH = torch.stack([torch.nn.functional.pad(row[0], space) for row, space in zip(rows, missing)])
    if merge == "sum" and module.bidirectional:
        ahead_BTD, back_BTD = hidden_BTH.chunk(2, -1)
        hidden_BTH = ahead_BTD + back_BTD
    return [hidden_BTH, *(torch.stack(parts, 1) for parts in list(zip(*rows))[1:])]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", PASSES)
def test_states_in_and_out_equal_torchs_module_on_each_sentence_alone(name, path):
    @settings(max_examples=30, deadline=None)
    @given(options(name, path), lengths_and_width(), st.booleans(), st.booleans())
    def check(options, lengths_and_width, are_even, begins_at_zero):
        lengths_B, num_tokens = lengths_and_width
        if are_even:  # where the padded path of an LSTM knows the final cells
            lengths_B = lengths_B[:1].expand_as(lengths_B)
        encoder = force(build(options), path)
        module = torchs_own(encoder, options)
        embedded_BTE = batch_of(lengths_B, num_tokens).requires_grad_()
        state = random_state(encoder, len(lengths_B))
        if begins_at_zero:
            state = tuple(torch.zeros_like(part_KBD).requires_grad_() for part_KBD in state)
        given_state = None if begins_at_zero else state

        expected = read_each_alone(module, embedded_BTE, lengths_B, state, options["merge"])
        hidden_BTH, final = encoder.forward_with_state(embedded_BTE, lengths_B, initial_state=given_state)
        found = [hidden_BTH, *final]
        assert [part.shape for part in found] == [part.shape for part in expected]
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)
        again_BTH = encoder(embedded_BTE, lengths_B, initial_state=given_state)
        torch.testing.assert_close(again_BTH, hidden_BTH, rtol=0, atol=1e-10)

        if not begins_at_zero and lengths_B.any():
            shares = [torch.linspace(-1, 2, part.numel(), dtype=part.dtype).view(part.shape) for part in expected]
            sums = [sum((part * share).sum() for part, share in zip(parts, shares)) for parts in (found, expected)]
            mine, theirs = (
                torch.autograd.grad(total, [embedded_BTE, *state, *owner.parameters()])
                for total, owner in zip(sums, (encoder.rnn, module))
            )
            for gradient, expected_gradient in zip(mine, theirs, strict=True):
                torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-8)

    check()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("lengths", [[7, 1, 4, 7, 2], [7, 7, 7, 7, 7]])
@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(
    ("name", "proj_size", "path"),
    [("lstm", 2, "_packed"), *((name, 0, path) for name in PASSES for path in PATHS)],
)
def test_states_equal_torchs_packed_module_in_float32(name, proj_size, path, bidirectional, merge, lengths, training):
    options = {"encoder": name, "hidden_size": 5, "num_layers": 2, "proj_size": proj_size} | {
        "bidirectional": bidirectional,
        "merge": merge,
    }
    lengths_B = torch.tensor(lengths)
    embedded_BTE = batch_of(lengths_B, 8, dtype=torch.float32)
    encoder = force(build(options, dtype=torch.float32).train(training), path)
    state = random_state(encoder, 5)
    packed = pack_padded_sequence(embedded_BTE, lengths_B, batch_first=True, enforce_sorted=False)
    packed, after = torchs_own(encoder, options)(packed, state if name == "lstm" else state[0])
    expected_BTH, _ = pad_packed_sequence(packed, batch_first=True, total_length=8)
    if merge == "sum" and bidirectional:
        expected_BTH = expected_BTH[..., : encoder.output_size] + expected_BTH[..., encoder.output_size :]
    for recorded in (torch.enable_grad, torch.no_grad):
        with recorded():
            hidden_BTH, final = encoder.forward_with_state(embedded_BTE, lengths_B, initial_state=state)
        torch.testing.assert_close(hidden_BTH, expected_BTH, rtol=0, atol=1e-5)
        for mine, theirs in zip(final, after if name == "lstm" else [after], strict=True):
            assert mine.shape[0] == (4 if bidirectional else 2)
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", PASSES)
def test_texts_of_different_length_go_on_from_their_final_state(name, path):
    encoder = force(build({"encoder": name, "hidden_size": 4, "num_layers": 2, "bidirectional": False}), path)
    lengths_B, cuts_B = torch.tensor([6, 3, 5, 0]), torch.tensor([2, 3, 0, 0])
    embedded_BTE = batch_of(lengths_B, 6)
    whole_BTH, whole = encoder.forward_with_state(embedded_BTE, lengths_B)
    first_BTH, state = encoder.forward_with_state(embedded_BTE, cuts_B)
    rests = [text_TE[cut:length] for text_TE, cut, length in zip(embedded_BTE, cuts_B, lengths_B)]
    rest_BTE = torch.nn.utils.rnn.pad_sequence(rests, batch_first=True)
    rest_BTH, final = encoder.forward_with_state(rest_BTE, lengths_B - cuts_B, initial_state=state)
    for row, (cut, length) in enumerate(zip(cuts_B, lengths_B)):
        joined_TH = torch.cat([first_BTH[row, :cut], rest_BTH[row, : length - cut]])
        torch.testing.assert_close(joined_TH, whole_BTH[row, :length], rtol=0, atol=1e-12)
    for mine, theirs in zip(final, whole, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_nothing_to_read_leaves_the_state_as_it_was():
    encoder = build({"encoder": "lstm", "hidden_size": 4, "num_layers": 2, "proj_size": 2})
    for num_sentences, num_tokens in ((0, 5), (2, 0)):
        embedded_BTE, lengths_B = torch.zeros(num_sentences, num_tokens, INPUT_SIZE), torch.zeros(num_sentences).long()
        assert [part.shape for part in encoder.forward_with_state(embedded_BTE, lengths_B)[1]] == [
            (4, num_sentences, 2),
            (4, num_sentences, 4),
        ]
        state = random_state(encoder, num_sentences)
        _, final = encoder.forward_with_state(embedded_BTE, lengths_B, initial_state=state)
        assert all(torch.equal(mine, before) for mine, before in zip(final, state, strict=True))


def test_an_initial_state_of_another_shape_is_refused():
    encoder = build({"encoder": "gru", "hidden_size": 4})
    with pytest.raises(UsageError, match=r"shapes \[\(1, 1, 4\)\], but this encoder needs \[\(2, 1, 4\)\]"):
        encoder(torch.zeros(1, 2, INPUT_SIZE).double(), torch.tensor([2]), initial_state=(torch.zeros(1, 1, 4),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "ltsm"}, "unknown encoder 'ltsm'; choose from gru, lstm, rnn_relu, rnn_tanh; did you mean 'lstm'"),
        ({"merge": "add"}, "unknown merge 'add'; choose from concat, sum"),
        ({"encoder": "gru", "proj_size": 2}, "proj_size=2 needs encoder='lstm' (is 'gru')"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        RecurrentEncoder(INPUT_SIZE, **options)


@pytest.mark.parametrize("lengths", [[2], [2, 4], [2, 2, 2]])
def test_lengths_that_do_not_fit_the_batch_are_refused(lengths):
    with pytest.raises(UsageError, match="don't fit a batch of 2 sentences with up to 3 tokens"):
        RecurrentEncoder(INPUT_SIZE)(torch.zeros(2, 3, INPUT_SIZE), torch.tensor(lengths))


# -- a token at a time ------------------------------------------------------------------------


@pytest.mark.parametrize("name", PASSES)
def test_a_state_carried_token_by_token_is_that_of_torchs_module_over_the_whole_text(name, monkeypatch):
    """The way of generation: of an LSTM a single token goes through torch's cell, layer by layer."""
    calls = []
    cell = torch.lstm_cell
    monkeypatch.setattr(torch, "lstm_cell", lambda *given: calls.append(len(given)) or cell(*given))

    @settings(max_examples=30, deadline=None)
    @given(
        st.tuples(st.integers(2, 4), st.integers(1, 3), st.booleans(), st.booleans()),
        st.lists(st.integers(1, 3), min_size=1, max_size=5),
        st.integers(1, 3),
        st.integers(0, 1000),
    )
    def check(shape, window_sizes, batch_size, seed):
        size, num_layers, bias, training = shape
        options = {"encoder": name, "hidden_size": size, "num_layers": num_layers, "bias": bias, "bidirectional": False}
        encoder = build(options, seed=seed).train(training)
        text_BTE = torch.randn(batch_size, sum(window_sizes), INPUT_SIZE, dtype=torch.float64).requires_grad_()
        start = tuple(torch.randn_like(part_NBD).requires_grad_() for part_NBD in encoder.start(batch_size))
        calls.clear()

        state, hidden = start, []
        for window_BTE in text_BTE.split(window_sizes, 1):
            hidden_BTH, state = encoder.carry(window_BTE, state)
            hidden.append(hidden_BTH)
        assert len(calls) == (num_layers * window_sizes.count(1) if name == "lstm" else 0)

        module = torchs_own(encoder, options)
        expected_BTH, after = module(text_BTE, start if name == "lstm" else start[0])
        expected = [expected_BTH, *(after if name == "lstm" else [after])]
        found = [torch.cat(hidden, 1), *state]
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)
        shares = [torch.randn_like(part) for part in expected]
        wanted = [text_BTE, *start]
        totals = [sum((part * share).sum() for part, share in zip(parts, shares)) for parts in (found, expected)]
        mine, theirs = (
            torch.autograd.grad(total, [*wanted, *owner.parameters()])
            for total, owner in zip(totals, (encoder.rnn, module))
        )
        for gradient, expected_gradient in zip(mine, theirs, strict=True):
            torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-8)

    check()
