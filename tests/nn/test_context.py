"""States of language models at the tokens of a sentence: against one symbol at a time, whatever stands beside it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.nn import context as module
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.recurrent import RecurrentEncoder

NUM_SYMBOLS = 7
ENCODERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
sentences = st.lists(
    st.tuples(st.lists(st.integers(0, NUM_SYMBOLS - 1), max_size=9), st.lists(st.integers(0, 9), max_size=5)),
    min_size=1,
    max_size=4,
)


def make_embedder(*models, size=3, dropout=0.0, tunes=False):
    torch.manual_seed(0)
    networks = [
        LanguageNetwork(NUM_SYMBOLS, encoder=encoder, embedding_size=3, hidden_size=hidden, num_layers=layers)
        for encoder, hidden, layers in models
    ]
    return ContextEmbedder(networks, size=size, dropout=dropout, tunes=tunes)


def read_by_hand(network, ids):
    """The state of each layer after the last of some symbols: torch's module, a symbol at a time."""
    embedded_1CE = network.embedding(torch.tensor([ids])) * network.scale
    state = None
    for c in range(len(ids)):
        _, state = network.encoder.rnn(embedded_1CE[:, c : c + 1], state)
    return (state[0] if isinstance(state, tuple) else state)[:, 0].flatten()


def lay_out(sentences, num_models):
    """Symbols behind a line break, for every model the same ones, with other padding for each sentence."""
    longest = max(len(symbols) for symbols, _ in sentences)
    most = max(len(picks) for _, picks in sentences)
    symbols_BC = [
        [1, *symbols, *[b % NUM_SYMBOLS] * (longest - len(symbols))] for b, (symbols, _) in enumerate(sentences)
    ]
    picks_BT = [
        [*(min(pick, len(symbols)) for pick in picks), *[0] * (most - len(picks))] for symbols, picks in sentences
    ]
    return (torch.tensor([part] * num_models, dtype=torch.int64) for part in (symbols_BC, picks_BT))


@settings(max_examples=25)
@given(sentences=sentences, encoder=st.sampled_from(ENCODERS), layers=st.integers(1, 3), window=st.integers(1, 40))
@torch.no_grad()
def test_a_picked_state_is_that_of_a_run_over_the_prefix_alone(sentences, encoder, layers, window):
    embedder = make_embedder((encoder, 4, layers), ("lstm", 5, 1)).eval()
    symbols_MBC, picks_MBT = lay_out(sentences, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_CHARACTERS", window)  # short windows too: the state goes on
        states_BTS = embedder.states(symbols_MBC, picks_MBT)
    for b, (_, picks) in enumerate(sentences):
        for t in range(len(picks)):
            prefix = symbols_MBC[0, b, : int(picks_MBT[0, b, t]) + 1].tolist()
            expected_S = torch.cat([read_by_hand(network, prefix) for network in embedder.networks])
            torch.testing.assert_close(states_BTS[b, t], expected_S, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_sentence_has_the_same_states_alone_and_beside_others():
    embedder = make_embedder(("lstm", 6, 1), ("gru", 4, 2)).eval()
    rows = [([2, 3, 4], [1, 3]), ([5] * 9, [2, 9, 4]), ([], []), ([6], [0])]
    symbols_MBC, picks_MBT = lay_out(rows, 2)
    together_BTS = embedder.states(symbols_MBC, picks_MBT)
    for b, row in enumerate(rows):
        alone_BTS = embedder.states(*lay_out([row], 2))
        torch.testing.assert_close(together_BTS[b : b + 1, : alone_BTS.shape[1]], alone_BTS)


@torch.no_grad()
def test_layers_are_mixed_by_shares_that_begin_alike_and_each_model_is_brought_to_one_scale():
    embedder = make_embedder(("lstm", 4, 2), ("gru", 5, 1)).eval()
    states_BTS = torch.randn(2, 3, 13)

    def scaled(part_BTH):
        centred_BTH = part_BTH - part_BTH.mean(-1, keepdim=True)
        return centred_BTH / (centred_BTH.square().mean(-1, keepdim=True) + 1e-5).sqrt()

    low_BTH, high_BTH, other_BTH = (scaled(part) for part in states_BTS.split([4, 4, 5], -1))
    for mix_N, shares in (([0.0, 0.0], (0.5, 0.5)), ([0.0, 1.0], (1 / (1 + torch.e), torch.e / (1 + torch.e)))):
        embedder.mixes[0].copy_(torch.tensor(mix_N))
        mixed_BTH = torch.cat([shares[0] * low_BTH + shares[1] * high_BTH, other_BTH], -1)
        torch.testing.assert_close(embedder.project(states_BTS), embedder.linear(mixed_BTH))
    assert len(embedder.mixes) == 1  # nothing to mix in a single layer


def test_language_models_learn_nothing_and_drop_nothing_and_the_projection_learns():
    embedder = make_embedder(("lstm", 4, 2), ("gru", 5, 1), dropout=0.5)
    for network in embedder.networks:
        network.dropout.probability = 0.9
    symbols_MBC, picks_MBT = lay_out([([2, 3, 4], [1, 3])], 2)
    first_BTS = embedder.train().states(symbols_MBC, picks_MBT)
    assert torch.equal(first_BTS, embedder.eval().states(symbols_MBC, picks_MBT))
    embedder.train().project(first_BTS).square().sum().backward()
    with_gradient = {name for name, parameter in embedder.named_parameters() if parameter.grad is not None}
    assert with_gradient == {"mixes.0", "linear.weight", "linear.bias"}
    assert {name for name, parameter in embedder.named_parameters() if parameter.requires_grad} == with_gradient


def test_memory_is_that_of_one_window():
    embedder = make_embedder(("lstm", 8, 1)).eval()
    seen = []
    read = RecurrentEncoder.read_layer

    def spy(encoder, layer, input_BCE, state):
        seen.append(input_BCE.shape[0] * input_BCE.shape[1])
        return read(encoder, layer, input_BCE, state)

    symbols_MBC = torch.ones(1, 3, 70_000, dtype=torch.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecurrentEncoder, "read_layer", spy)
        embedder.states(symbols_MBC, torch.tensor([[[0, 69_999]] * 3]))
    assert sum(seen) == 210_000
    assert max(seen) <= module._MOST_CHARACTERS


# -- learning ---------------------------------------------------------------------------------


def plain_gradients(embedder, symbols_MBC, picks_MBT, weights_BTS):
    """Weigh and add the states that torch's own modules of the same weights give each prefix; gradients by name."""
    gradients, offset = {}, 0
    for m, network in enumerate(embedder.networks):
        rnn = type(network.encoder.rnn)(
            3,
            network.encoder.rnn.hidden_size,
            num_layers=network.encoder.rnn.num_layers,
            **({"nonlinearity": network.encoder.rnn.mode[4:].lower()} if "RNN" in network.encoder.rnn.mode else {}),
        )
        rnn.load_state_dict(network.encoder.rnn.state_dict())
        table_VE = network.embedding.weight.detach().clone().requires_grad_()
        total, size = torch.zeros(()), rnn.hidden_size * rnn.num_layers
        for b, picks_T in enumerate(picks_MBT[m]):
            for t, pick in enumerate(picks_T.tolist()):
                _, state = rnn(table_VE[symbols_MBC[m, b, : pick + 1]] * 3**0.5)
                state_S = (state[0] if isinstance(state, tuple) else state).flatten()
                total = total + state_S @ weights_BTS[b, t, offset : offset + size]
        total.backward()
        offset += size
        gradients[f"networks.{m}.embedding.weight"] = table_VE.grad
        gradients |= {f"networks.{m}.encoder.rnn.{name}": p.grad for name, p in rnn.named_parameters()}
    return gradients


@settings(max_examples=25)
@given(
    sentences=sentences.filter(lambda rows: any(picks for _, picks in rows)),
    encoder=st.sampled_from(ENCODERS),
    layers=st.integers(1, 3),
    window=st.integers(1, 40),
    mixed_precision=st.booleans(),
)
def test_the_gradient_of_language_models_that_learn_is_that_of_torchs_modules(
    sentences, encoder, layers, window, mixed_precision
):
    embedder = make_embedder((encoder, 4, layers), ("lstm", 5, 1), tunes=True).train()
    symbols_MBC, picks_MBT = lay_out(sentences, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_CHARACTERS", window)  # short windows too: the gradient goes back through them
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed_precision):
            states_BTS = embedder.states(symbols_MBC, picks_MBT)
    weights_BTS = torch.randn(states_BTS.shape)
    (states_BTS * weights_BTS).sum().backward()
    expected = plain_gradients(embedder, symbols_MBC, picks_MBT, weights_BTS)
    found = {name: p.grad for name, p in embedder.named_parameters() if name.startswith("networks") and p.requires_grad}
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-4, rtol=1e-3, msg=lambda said, name=name: name + said)


def test_language_models_that_learn_give_the_same_states_and_drop_nothing():
    frozen, tuned = (make_embedder(("lstm", 4, 2), ("gru", 5, 1), tunes=tunes).train() for tunes in (False, True))
    symbols_MBC, picks_MBT = lay_out([([2, 3, 4], [1, 3]), ([5], [0])], 2)
    for network in tuned.networks:
        network.dropout.probability = 0.9
    expected_BTS = frozen.states(symbols_MBC, picks_MBT)
    torch.testing.assert_close(tuned.states(symbols_MBC, picks_MBT), expected_BTS)
    with torch.no_grad():  # as in a prediction
        torch.testing.assert_close(tuned.states(symbols_MBC, picks_MBT), expected_BTS)
