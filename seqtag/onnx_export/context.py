"""Write the language models that lend a network their states as ONNX nodes: characters in, one vector per token out.

The nodes compute what `seqtag.nn.context` does, in windows of characters as well: memory holds the states of one window
and those that were picked so far, however long a text is. The time axis comes first, as in
`seqtag.onnx_export.recurrent`. This file knows no torch.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from seqtag.onnx_export.nodes import Nodes
from seqtag.onnx_export.recurrent import Encoder, Weights, add_carried_layer, add_table

# M language models, B texts, C characters, W characters of a window, T tokens of a row, R rows (texts or segments of
# them), V symbols, E embedding, H hidden of a layer, D any width

_CONTEXT = "embedder.context."
_MOST_CHARACTERS = 1 << 15  # of a window, padding included


def add_context(
    nodes: Nodes, weights: Weights, cells: Sequence[str], picks_MRT: str, texts_R: str, *, int8: bool
) -> str:
    """Add the language models and the projection of their states; gives (T, R, D), arbitrary at padding.

    `cells` are the kinds of their encoders. Reads the input `symbols_MBC`, as in `seqtag.nn.batch.Batch`; `picks_MRT`
    are places in the text that `texts_R` tells for each row. `int8` is for LSTMs and the tables of symbols.
    """
    mixed, num_mixes = [], 0
    for m, cell in enumerate(cells):
        number = nodes.whole(m, scalar=True)
        symbols_CB = nodes.add("Transpose", nodes.add("Gather", "symbols_MBC", number), perm=[1, 0])
        picks_TR = nodes.add("Transpose", nodes.add("Gather", picks_MRT, number), perm=[1, 0])
        model = f"{_CONTEXT}networks.{m}."
        encoder = Encoder(weights, f"{model}encoder.rnn.", cell, int8 and cell == "lstm")
        vectors_VE = weights[f"{model}embedding.weight"]
        scale = np.float32(vectors_VE.shape[1] ** 0.5)  # as the encoder reads them
        table_VE = add_table(nodes, f"context{m}.symbols", vectors_VE * scale, int8=int8)
        layers = _picked_states(nodes, encoder, f"context{m}.", table_VE, symbols_CB, picks_TR, texts_R)
        mix_N = np.zeros(1)
        if len(layers) > 1:  # a model with a single layer has nothing to mix
            mix_N = weights[f"{_CONTEXT}mixes.{num_mixes}"].astype(np.float64)
            num_mixes += 1
        shares_N = np.exp(mix_N - mix_N.max())
        shares_N /= shares_N.sum()
        scaled = []
        for layer, (states_TRH, share) in enumerate(zip(layers, shares_N)):
            scale_H = nodes.constant(f"context{m}.share{layer}", np.full(encoder.size, share))
            scaled.append(nodes.add("LayerNormalization", states_TRH, scale_H, axis=-1, epsilon=1e-5))
        mixed.append(reduce(lambda left, right: nodes.add("Add", left, right), scaled))
    mixed_TRH = nodes.add("Concat", *mixed, axis=-1)
    matrix = nodes.constant("context.linear", weights[f"{_CONTEXT}linear.weight"].T)
    bias_D = nodes.constant("context.bias", weights[f"{_CONTEXT}linear.bias"])
    return nodes.add("Add", nodes.add("MatMul", mixed_TRH, matrix), bias_D)


def _picked_states(
    nodes: Nodes, encoder: Encoder, prefix: str, table_VE: str, symbols_CB: str, picks_TR: str, texts_R: str
) -> list[str]:
    """Add the loop over the windows of one model; gives the states that are picked from each layer, (T, R, H).

    `prefix` is that of the model's names in the graph.
    """
    one, size = nodes.whole(1), nodes.whole(encoder.size)
    num_characters = nodes.add("Shape", symbols_CB, start=0, end=1)
    num_texts = nodes.add("Shape", symbols_CB, start=1, end=2)
    window = nodes.add("Max", nodes.add("Div", nodes.whole(_MOST_CHARACTERS), num_texts), one)
    num_windows = nodes.add("Div", nodes.add("Sub", nodes.add("Add", num_characters, window), one), window)

    body = Nodes(nodes, prefix)
    start = body.add("Mul", f"{prefix}number", window)
    symbols_WB = body.add("Slice", symbols_CB, start, body.add("Add", start, window), body.whole(0))
    length = body.add("Shape", symbols_WB, start=0, end=1)
    place_TR = body.add("Sub", picks_TR, start)
    begun_TR = body.add("GreaterOrEqual", place_TR, body.whole(0))
    here_TR = body.add("And", begun_TR, body.add("Less", place_TR, length))
    here_TR1 = body.add("Unsqueeze", here_TR, body.whole(2))
    # States lie character by character, and at each character text by text.
    inside_TR = body.add("Max", body.add("Min", place_TR, body.add("Sub", length, one)), body.whole(0))
    index_TR = body.add("Add", body.add("Mul", inside_TR, num_texts), texts_R)

    # What goes on from window to window, by its name: the value before the first one, and the value after one.
    carried: dict[str, tuple[str, str]] = {}
    zeros_1BH = nodes.add("ConstantOfShape", nodes.add("Concat", one, num_texts, size, axis=0))
    zeros_TRH = nodes.add("ConstantOfShape", nodes.add("Concat", nodes.add("Shape", picks_TR), size, axis=0))
    picked = [f"{prefix}picked{layer}" for layer in range(encoder.num_layers)]
    hidden_WBD = body.add("Gather", table_VE, symbols_WB)
    for layer, name in enumerate(picked):
        state = [f"{prefix}{part}{layer}" for part in ("hidden", "cell")[: 2 if encoder.cell == "lstm" else 1]]
        hidden_WBD, next_state = add_carried_layer(body, encoder, layer, hidden_WBD, state)
        carried |= {part: (zeros_1BH, after) for part, after in zip(state, next_state)}
        found_TRH = body.add("Gather", body.add("Reshape", hidden_WBD, body.whole(-1, encoder.size)), index_TR)
        carried[name] = zeros_TRH, body.add("Where", here_TR1, found_TRH, name)

    starts, afters = zip(*carried.values())
    number, go_on = f"{prefix}number", f"{prefix}go_on"
    begins, ends = [body.value_info(number, np.int64, [])], []
    for name, after in ((go_on, go_on), *zip(carried, afters)):
        kind = (np.bool_, []) if name == go_on else (np.float32, [f"{name}_0", f"{name}_1", encoder.size])
        body.name(after, f"{name}.next")
        begins.append(body.value_info(name, *kind))
        ends.append(body.value_info(f"{name}.next", *kind))
    graph = body.graph(f"{prefix}window", begins, ends)
    found = dict(zip(carried, nodes.add_several("Loop", [num_windows, "", *starts], len(carried), body=graph)))
    return [found[name] for name in picked]
