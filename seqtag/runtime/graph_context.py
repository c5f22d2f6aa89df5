"""Write the language models that lend a network their states as ONNX nodes: characters in, a vector a token out.

The same as `seqtag.nn.context`, in windows of characters too: memory holds the states of one window and those that were
picked so far, however long a text is. Time comes first, as in `seqtag.runtime.graph_recurrent`. Knows no torch.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from seqtag.runtime.graph_nodes import Nodes
from seqtag.runtime.graph_recurrent import Weights, add_carried_layer, quantised

# M language models, B texts, C characters, W characters of a window, T tokens of a row, R rows (texts or segments of
# them), V symbols, E embedding, H hidden of a layer, D any width

_CONTEXT = "embedder.context."
_MOST_CHARACTERS = 1 << 15  # of a window, padding included


def add_context(
    nodes: Nodes, weights: Weights, cells: Sequence[str], picks_MRT: str, texts_R: str, *, int8: bool
) -> str:
    """Add the language models with the projection of their states; gives (T, R, D), arbitrary at padding.

    `cells` are the kinds of their encoders. Reads the input `symbols_MBC`, as in `seqtag.nn.batch.Batch`; `picks_MRT`
    are places in it, in the text that `texts_R` tells for each row. `int8` is for LSTMs and the tables of symbols.
    """
    shares = iter([weights[name] for name in sorted(weights, key=_number) if name.startswith(f"{_CONTEXT}mixes.")])
    mixed = []
    for m, cell in enumerate(cells):
        index = nodes.whole(m, scalar=True)
        symbols_CB = nodes.add("Transpose", nodes.add("Gather", "symbols_MBC", index), perm=[1, 0])
        picks_TR = nodes.add("Transpose", nodes.add("Gather", picks_MRT, index), perm=[1, 0])
        layers = _picked_states(nodes, weights, m, cell, symbols_CB, picks_TR, texts_R, int8=int8)
        mix_N = next(shares) if len(layers) > 1 else np.zeros(1)
        shares_N = np.exp(mix_N - mix_N.max()) / np.exp(mix_N - mix_N.max()).sum()
        scaled = []
        for layer, (states_TRH, share) in enumerate(zip(layers, shares_N)):
            size = weights[f"{_networks(m)}encoder.rnn.weight_hh_l0"].shape[1]
            scale_H = nodes.constant(f"context{m}.share{layer}", np.full(size, share))
            scaled.append(nodes.add("LayerNormalization", states_TRH, scale_H, axis=-1, epsilon=1e-5))
        mixed.append(reduce(lambda left, right: nodes.add("Add", left, right), scaled))
    mixed_TRH = nodes.add("Concat", *mixed, axis=-1)
    matrix = nodes.constant("context.linear", weights[f"{_CONTEXT}linear.weight"].T)
    bias_D = nodes.constant("context.bias", weights[f"{_CONTEXT}linear.bias"])
    return nodes.add("Add", nodes.add("MatMul", mixed_TRH, matrix), bias_D)


def _networks(m: int) -> str:
    return f"{_CONTEXT}networks.{m}."


def _number(name: str) -> tuple[int, str]:
    """Sort names that end in a number by that number."""
    last = name.rpartition(".")[2]
    return (int(last), name) if last.isdigit() else (-1, name)


def _picked_states(
    nodes: Nodes,
    weights: Weights,
    m: int,
    cell: str,
    symbols_CB: str,
    picks_TR: str,
    texts_R: str,
    *,
    int8: bool,
) -> list[str]:
    """Add the loop over windows of one model: of each layer the states that are picked, (T, R, H)."""
    prefix = f"{_networks(m)}encoder.rnn."
    num_layers = 1
    while f"{prefix}weight_ih_l{num_layers}" in weights:
        num_layers += 1
    size = weights[f"{prefix}weight_hh_l0"].shape[1]
    num_parts = 2 if cell == "lstm" else 1  # of a state
    one = nodes.whole(1)

    table_VE = _table(nodes, weights, m, int8=int8)
    num_characters = nodes.add("Shape", symbols_CB, start=0, end=1)
    num_texts = nodes.add("Shape", symbols_CB, start=1, end=2)
    window = nodes.add("Max", nodes.add("Div", nodes.whole(_MOST_CHARACTERS), num_texts), one)
    last = nodes.add("Sub", nodes.add("Add", num_characters, window), one)
    num_windows = nodes.add("Div", last, window)
    zeros_1BH = nodes.add("ConstantOfShape", nodes.add("Concat", one, num_texts, nodes.whole(size), axis=0))
    zeros_TRH = nodes.add(
        "ConstantOfShape", nodes.add("Concat", nodes.add("Shape", picks_TR), nodes.whole(size), axis=0)
    )

    body = Nodes(nodes, f"context{m}.")
    number, go_on = f"context{m}.number", f"context{m}.go_on"
    states = [[f"context{m}.state{layer}_{part}" for part in range(num_parts)] for layer in range(num_layers)]
    picked = [f"context{m}.picked{layer}" for layer in range(num_layers)]
    start = body.add("Mul", number, window)
    window_WB = body.add("Slice", symbols_CB, start, body.add("Add", start, window), body.whole(0))
    length = body.add("Shape", window_WB, start=0, end=1)
    # The place of each pick in the states of this window, one text after the other at each character.
    place_TR = body.add("Sub", picks_TR, start)
    begun_TR = body.add("GreaterOrEqual", place_TR, body.whole(0))
    here_TR = body.add("And", begun_TR, body.add("Less", place_TR, length))
    inside_TR = body.add("Max", body.add("Min", place_TR, body.add("Sub", length, one)), body.whole(0))
    index_TR = body.add("Add", body.add("Mul", inside_TR, num_texts), texts_R)
    here_TR1 = body.add("Unsqueeze", here_TR, body.whole(2))
    hidden_WBD = body.add("Gather", table_VE, window_WB)
    after = []
    for layer in range(num_layers):
        hidden_WBD, state = add_carried_layer(
            body, weights, prefix, layer, hidden_WBD, states[layer], cell=cell, int8=int8
        )
        rows_KH = body.add("Reshape", hidden_WBD, body.whole(-1, size))
        found_TRH = body.add("Gather", rows_KH, index_TR)
        after.append((state, body.add("Where", here_TR1, found_TRH, picked[layer])))

    shapes = {name: (np.float32, [1, "B", size]) for parts in states for name in parts}
    shapes |= {name: (np.float32, ["T", "R", size]) for name in picked}
    begins = [number, go_on, *shapes]
    kinds = {number: (np.int64, []), go_on: (np.bool_, [])} | shapes
    results = [go_on, *(part for state, _ in after for part in state), *(found_TRH for _, found_TRH in after)]
    ends = [f"{name}.next" for name in begins[1:]]
    for value, name in zip(results, ends):
        body.name(value, name)
    graph = body.graph(
        f"window_{m}",
        [body.value_info(name, *kinds[name]) for name in begins],
        [body.value_info(name, *kinds[name.removesuffix(".next")]) for name in ends],
    )
    given = [num_windows, "", *[zeros_1BH] * (num_layers * num_parts), *[zeros_TRH] * num_layers]
    return nodes.add_several("Loop", given, len(given) - 2, body=graph)[-num_layers:]


def _table(nodes: Nodes, weights: Weights, m: int, *, int8: bool) -> str:
    """The vector of each symbol as the encoder wants it, (V, E); stored in 8 bits it is written out when loaded."""
    name = f"context{m}.symbols"
    table_VE = weights[f"{_networks(m)}embedding.weight"]
    table_VE = table_VE * np.float32(table_VE.shape[1] ** 0.5)
    if not int8:
        return nodes.constant(name, table_VE)
    integers_VE, scales_V1 = quantised(table_VE, 1)
    whole_VE = nodes.cast(nodes.constant(name, integers_VE), np.float32)
    return nodes.add("Mul", whole_VE, nodes.constant(f"{name}.scale", scales_V1))
