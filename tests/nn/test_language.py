"""The network of the language model against torch's own cells, one symbol at a time, with the state carried by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from seqtag.nn.language import LanguageNetwork, WindowBatch, sampling_shares
from seqtag.nn.recurrent import RecurrentEncoder

ENCODERS = ["rnn_tanh", "rnn_relu", "lstm", "gru"]
SYMBOLS, STREAMS, LENGTH = 7, 3, 11


def make_network(encoder="lstm", *, seed=0, **options):
    torch.manual_seed(seed)
    sizes = {"embedding_size": 4, "hidden_size": 5, "num_layers": 2, **options}
    network = LanguageNetwork(SYMBOLS, encoder=encoder, **sizes)
    with torch.no_grad():
        for parameter in network.parameters():  # biases begin at zero, where a mistake would not show
            parameter.uniform_(-0.8, 0.8)
    return network


def cells_of(network):
    """Torch's cells with the parameters of the layers."""
    rnn = network.encoder.rnn
    kinds = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn_tanh": nn.RNNCell, "rnn_relu": nn.RNNCell}
    extra = {"rnn_relu": {"nonlinearity": "relu"}}.get(network.encoder.encoder, {})
    cells = []
    for layer in range(rnn.num_layers):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = {name: getattr(rnn, f"{name}_l{layer}").detach() for name in names}
        cell = kinds[network.encoder.encoder](weights["weight_ih"].shape[1], rnn.hidden_size, **extra)
        cell.load_state_dict(weights)
        cells.append(cell)
    return cells


def losses_by_cells(network, symbols_BT):
    """Minus the log probability of each symbol but the first, in a plain loop, the state never cut."""
    cells, states = cells_of(network), [None] * network.encoder.rnn.num_layers
    losses = []
    with torch.no_grad():
        for here_B, next_B in zip(symbols_BT.T[:-1], symbols_BT.T[1:]):
            hidden_BH = network.embedding.weight[here_B] * network.embedding.embedding_dim**0.5
            for layer, cell in enumerate(cells):
                states[layer] = cell(hidden_BH, states[layer])
                hidden_BH = states[layer][0] if isinstance(cell, nn.LSTMCell) else states[layer]
            if isinstance(network.projection, nn.Linear):
                hidden_BH = hidden_BH @ network.projection.weight.T + network.projection.bias
            matrix_VE = network.embedding.weight if network.output is None else network.output.weight
            log_probs_BV = functional.log_softmax(hidden_BH @ matrix_VE.T + network.bias_V, -1)
            losses.append(-log_probs_BV.gather(1, next_B[:, None])[:, 0])
    return torch.stack(losses, 1)


def text():
    return torch.randint(SYMBOLS, (STREAMS, LENGTH + 1), generator=torch.Generator().manual_seed(3))


def windows_of(symbols_BT, sizes):
    start = 0
    for size in sizes:
        part_BT = symbols_BT[:, start : start + size + 1]
        fresh_B = torch.full((len(part_BT),), start == 0)
        yield WindowBatch(part_BT[:, :-1], part_BT[:, 1:], torch.full((len(part_BT),), size), fresh_B)
        start += size


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("options", [{}, {"tied": False}, {"embedding_size": 5}, {"num_layers": 1}], ids=str)
@pytest.mark.parametrize("sizes", [(11,), (4, 4, 3), (1,) * 11], ids=str)
def test_the_loss_of_windows_is_that_of_one_long_loop_over_torchs_cells(encoder, options, sizes):
    network, symbols_BT = make_network(encoder, **options), text()
    expected_BT = losses_by_cells(network, symbols_BT)
    start = 0
    for batch in windows_of(symbols_BT, sizes):
        loss = network(batch)
        wanted = expected_BT[:, start : start + batch.inputs_BT.shape[1]].mean()
        torch.testing.assert_close(loss.detach(), wanted, atol=1e-5, rtol=1e-5)
        start += batch.inputs_BT.shape[1]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_steps_of_any_length_give_the_log_probabilities_of_the_loop(encoder):
    network, symbols_BT = make_network(encoder).eval(), text()
    expected_BT = losses_by_cells(network, symbols_BT)
    state = network.start(STREAMS)
    found = []
    for ids_BT, next_BT in zip(symbols_BT[:, :-1].split((5, 1, 5), 1), symbols_BT[:, 1:].split((5, 1, 5), 1)):
        log_probs_BTV, state = network.step(ids_BT, state)
        assert not log_probs_BTV.requires_grad
        found.append(-log_probs_BTV.gather(2, next_BT[..., None])[..., 0])
    torch.testing.assert_close(torch.cat(found, 1), expected_BT, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_probs_BTV.exp().sum(-1), torch.ones(STREAMS, 5))


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_symbols_read_one_by_one_give_the_log_probabilities_of_the_loop_for_each_row(encoder, num_layers):
    """As generation reads them; rows that go on from elsewhere, or alone, get the same."""
    network, symbols_BT = make_network(encoder, num_layers=num_layers).eval(), text()
    expected_BT = losses_by_cells(network, symbols_BT)
    state = network.start(STREAMS)
    for t in range(LENGTH):
        log_probs_BTV, after = network.step(symbols_BT[:, t : t + 1], state)
        next_B1 = symbols_BT[:, t + 1 : t + 2]
        torch.testing.assert_close(-log_probs_BTV[:, 0].gather(1, next_B1)[:, 0], expected_BT[:, t])
        row = t % STREAMS
        alone_1TV, after_alone = network.step(symbols_BT[[row], t : t + 1], tuple(part[:, [row]] for part in state))
        torch.testing.assert_close(alone_1TV, log_probs_BTV[[row]])
        for part_N1H, part_NBH in zip(after_alone, after, strict=True):
            torch.testing.assert_close(part_N1H, part_NBH[:, [row]])
        state = after


def test_a_fresh_stream_forgets_what_was_carried_and_the_others_go_on():
    network, symbols_BT = make_network(), text()
    first, second = windows_of(symbols_BT, (6, 5))
    network(first)
    fresh_B = torch.tensor([False, True, False])
    network(WindowBatch(second.inputs_BT, second.targets_BT, second.lengths_B, fresh_B))
    went_on, anew = make_network(), make_network()
    went_on(first)
    went_on(second)
    anew(WindowBatch(second.inputs_BT, second.targets_BT, second.lengths_B, torch.ones(3, dtype=torch.bool)))
    for name in ("carried_0", "carried_1"):
        found, whole, alone = (net.get_buffer(name) for net in (network, went_on, anew))
        torch.testing.assert_close(found[:, [0, 2]], whole[:, [0, 2]])
        torch.testing.assert_close(found[:, 1], alone[:, 1])


def test_no_gradient_crosses_the_border_of_a_window():
    network = make_network()
    first, second = windows_of(text(), (6, 5))
    network(first)
    network(second).backward()  # through the first window as well, torch would complain of its freed graph
    found = network.encoder.rnn.weight_hh_l0.grad.clone()
    alone = make_network()
    alone(first)
    state = tuple(alone.get_buffer(f"carried_{i}").clone() for i in range(2))
    alone.zero_grad()
    hidden_BTH, _ = alone.encoder.carry(2 * alone.embedding(second.inputs_BT), state)
    scores_BTV = alone._scores(alone.projection(hidden_BTH))
    functional.cross_entropy(scores_BTV.flatten(0, 1), second.targets_BT.flatten()).backward()
    torch.testing.assert_close(found, alone.encoder.rnn.weight_hh_l0.grad)


def test_weights_of_streams_are_their_shares_in_the_loss():
    (batch,) = windows_of(text(), (11,))
    network = make_network()
    expected_B = losses_by_cells(network, text()).mean(-1)
    weights_B = torch.tensor([0.5, 0.0, 0.25])
    weighted = WindowBatch(batch.inputs_BT, batch.targets_BT, batch.lengths_B, batch.fresh_B, weights_B)
    torch.testing.assert_close(network(weighted).detach(), expected_B @ weights_B)


# -- dropout ----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ENCODERS)
def test_weight_drop_leaves_names_and_eval_alone(encoder):
    plain, dropped = make_network(encoder), make_network(encoder, weight_drop=0.5)
    assert plain.state_dict().keys() == dropped.state_dict().keys()
    assert not any(name.startswith("carried_") for name in dropped.state_dict())
    before = {name: value.clone() for name, value in dropped.state_dict().items()}
    (batch,) = windows_of(text(), (11,))
    assert dropped(batch) != plain(batch)
    assert all(torch.equal(value, before[name]) for name, value in dropped.state_dict().items())
    plain.eval(), dropped.eval()
    ids_BT = text()
    assert torch.equal(plain.step(ids_BT, plain.start(3))[0], dropped.step(ids_BT, dropped.start(3))[0])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_weight_drop_drops_recurrent_weights_and_scales_the_rest(encoder, monkeypatch):
    """What carry gives is what torch's module gives with the dropped matrices in place."""
    module = RecurrentEncoder(4, encoder=encoder, hidden_size=5, num_layers=2, bidirectional=False)
    inputs_BTE = torch.randn(3, 6, 4)
    torch.manual_seed(5)
    found_BTH, after = module.carry(inputs_BTE, None, weight_drop=0.4)
    torch.manual_seed(5)
    masked = {f"weight_hh_l{i}": functional.dropout(getattr(module.rnn, f"weight_hh_l{i}"), 0.4) for i in range(2)}
    assert all((matrix == 0).any() for matrix in masked.values())
    expected_BTH, expected = torch.func.functional_call(module.rnn, masked, (inputs_BTE,))
    torch.testing.assert_close(found_BTH, expected_BTH)
    for part, wanted in zip(after, expected if isinstance(expected, tuple) else (expected,), strict=True):
        torch.testing.assert_close(part, wanted)


def test_embedding_dropout_drops_a_symbol_wherever_it_stands():
    network = make_network(embedding_dropout=0.5, num_layers=1)
    seen = {}
    network.encoder.carry = lambda embedded_BTE, state, **_: (
        seen.update(e=embedded_BTE)
        or (
            embedded_BTE.new_zeros(*embedded_BTE.shape[:2], 5),
            state,
        )
    )
    ids_BT = text()[:, :-1]
    torch.manual_seed(1)
    network._read(ids_BT, network.start(3))
    kept = {}
    for symbol, vector_E in zip(ids_BT.flatten().tolist(), seen["e"].flatten(0, 1)):
        kept.setdefault(symbol, []).append(vector_E)
    for symbol, vectors in kept.items():
        assert all(torch.equal(vector, vectors[0]) for vector in vectors)
        assert not vectors[0].any() or torch.allclose(vectors[0], 2 * 2 * network.embedding.weight[symbol])
    assert {bool(vectors[0].any()) for vectors in kept.values()} == {True, False}


def test_locked_dropout_acts_between_layers_only_in_training():
    network = make_network(dropout=0.5)
    (batch,) = windows_of(text(), (11,))
    assert len({network(batch).item() for _ in range(3)}) == 3
    expected = losses_by_cells(network, text()).mean()
    network.eval()
    losses_BT, _, _ = network.losses(batch.inputs_BT, batch.targets_BT, network.start(3))
    torch.testing.assert_close(losses_BT.mean(), expected)


def one_window(num_symbols, *, seed=5):
    symbols_BT = torch.randint(num_symbols, (2, 7), generator=torch.Generator().manual_seed(seed))
    return next(windows_of(symbols_BT, [6]))


@pytest.mark.parametrize("tied", [True, False])
def test_a_sampled_softmax_of_all_symbols_is_the_whole_one(tied):
    torch.manual_seed(1)
    network = LanguageNetwork(40, embedding_size=4, hidden_size=5, tied=tied, softmax_samples=40)
    whole = LanguageNetwork(40, embedding_size=4, hidden_size=5, tied=tied)
    whole.load_state_dict(network.state_dict())
    sampled_loss, loss = network(one_window(40)), whole(one_window(40))
    torch.testing.assert_close(sampled_loss, loss)
    sampled_loss.backward()
    loss.backward()
    for ours, theirs in zip(network.parameters(), whole.parameters()):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_sum_of_a_sampled_softmax_is_right_on_average_and_measuring_takes_all_symbols():
    torch.manual_seed(2)
    network, batch = LanguageNetwork(60, embedding_size=4, hidden_size=5, softmax_samples=15), one_window(60)
    with torch.no_grad():
        network.bias_V.normal_()
        hidden_BTE, _ = network.eval().hidden(batch.inputs_BT, network.start(2))
        scores_BTV = network._scores(hidden_BTE)
        target_BT = scores_BTV.gather(-1, batch.targets_BT[..., None])[..., 0]
        draws = [(network._sampled_losses(hidden_BTE, batch.targets_BT) + target_BT).exp() for _ in range(4000)]
        sums_BT, exact_BT = torch.stack(draws), scores_BTV.exp().sum(-1)
        error_BT = sums_BT.std(0) / len(draws) ** 0.5
        assert (error_BT < 0.05 * exact_BT).all()  # or the next line would say little
        assert ((sums_BT.mean(0) - exact_BT).abs() < 5 * error_BT).all()
        losses_BT, _, _ = network.losses(batch.inputs_BT, batch.targets_BT, network.start(2))
        torch.testing.assert_close(losses_BT, exact_BT.log() - target_BT)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("piece", [7, 20, 30])  # the last piece is smaller, as large, or there is but one border
def test_a_vocabulary_scored_in_pieces_costs_what_it_costs_as_a_whole(monkeypatch, piece, tied):
    torch.manual_seed(4)
    network, batch = LanguageNetwork(60, embedding_size=4, hidden_size=5, tied=tied).eval(), one_window(60)
    with torch.no_grad():
        network.bias_V.normal_().mul_(
            30
        )  # the least probable symbols have no part in a sum, the likeliest cost nothing
    expected_BT, _, _ = network.losses(batch.inputs_BT, batch.targets_BT, network.start(2))
    monkeypatch.setattr("seqtag.nn.language._PIECE", piece)
    losses_BT, _, _ = network.losses(batch.inputs_BT, batch.targets_BT, network.start(2))
    assert (losses_BT.shape, losses_BT.dtype) == (expected_BT.shape, torch.float32)
    assert (losses_BT >= 0).all()
    torch.testing.assert_close(losses_BT, expected_BT, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_samples", [1, 50, 400, 999])
def test_so_many_symbols_are_drawn_on_average(num_samples):
    shares_V = sampling_shares(1000, num_samples)
    assert shares_V.sum().item() == pytest.approx(num_samples, rel=1e-4)
    assert (shares_V[1:] <= shares_V[:-1]).all()
    assert 0 < shares_V[-1] <= shares_V[0] <= 1
