"""Write recurrent encoders as ONNX nodes: weights with torch's names and order of gates become those of ONNX.

In this file the time axis comes first, as in onnxruntime's recurrent operators. `seqtag.nn.recurrent` sets the states
at padding to zero; here they keep any value, because nothing reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from seqtag.onnx_export.nodes import CONTRIBUTED, Nodes
from seqtag.text.word_vectors import quantised

# B sentences, T tokens, E embedding, H hidden (of both directions, merged), D hidden of one direction,
# N directions, G gates of one direction side by side

Weights = Mapping[str, np.ndarray]

# The position in torch of each gate of ONNX, in the order of ONNX. LSTM: i f g o -> i o f c; GRU: r z n -> z r h.
_GATES: Mapping[str, Sequence[int]] = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,)}
_OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}
# The weights use 7 bits. A CPU without VNNI adds two products of 8 bits in 16 bits, which can overflow; with 7 bits the
# sum fits, so an export gives the same results on all CPUs.
_LARGEST = 63


def add_table(nodes: Nodes, name: str, table_VD: np.ndarray, *, int8: bool) -> str:
    """Add a table that is float32 where it is read, even if it is stored in 8 bits with a scale for each row."""
    if not int8:
        return nodes.constant(name, table_VD)
    integers_VD, scales_V1 = quantised(table_VD, 1)
    whole_VD = nodes.cast(nodes.constant(name, integers_VD), np.float32)
    return nodes.add("Mul", whole_VD, nodes.constant(f"{name}.scale", scales_V1))


@dataclass(frozen=True, slots=True)
class Encoder:
    """A recurrent encoder among the weights of a network."""

    weights: Weights
    prefix: str  # of the names of its weights
    cell: str  # gru, lstm, rnn_relu, rnn_tanh
    int8: bool = False  # whether it computes with 8 bits, which an LSTM without a projection can

    def weight(self, name: str) -> np.ndarray:
        """Give one of its weights."""
        return self.weights[self.prefix + name]

    def has(self, name: str) -> bool:
        """Say whether it has such a weight."""
        return self.prefix + name in self.weights

    @property
    def size(self) -> int:
        """Width of a layer in one direction."""
        size: int = self.weight("weight_hh_l0").shape[1]
        return size

    @property
    def num_layers(self) -> int:
        """Layers, each of one direction or two."""
        return next(layer for layer in count(1) if not self.has(f"weight_hh_l{layer}"))


def add_encoder(nodes: Nodes, encoder: Encoder, input_TBE: str, lengths_B: str, *, merge: str) -> str:
    """Add all layers of an encoder; gives hidden_TBH. `lengths_B` is int32 and at least 1."""
    hidden_TBH = input_TBE
    for layer in range(encoder.num_layers):
        states_TNBD = _layer(nodes, encoder, layer, hidden_TBH, lengths_B)[0]
        if merge == "sum" and layer == encoder.num_layers - 1:
            return nodes.add("ReduceSum", states_TNBD, nodes.whole(1), keepdims=0)
        hidden_TBH = side_by_side(nodes, states_TNBD)
    return hidden_TBH


def add_last_states(nodes: Nodes, encoder: Encoder, input_TBE: str, lengths_B: str) -> str:
    """Add the first layer; gives the states after the last token of each direction, (B, N * D)."""
    last_NBD = _layer(nodes, encoder, 0, input_TBE, lengths_B)[1]
    last_BND = nodes.add("Transpose", last_NBD, perm=[1, 0, 2])
    return nodes.add("Reshape", last_BND, nodes.whole(0, -1))


def add_carried_layer(
    nodes: Nodes, encoder: Encoder, layer: int, input_TBE: str, state: Sequence[str]
) -> tuple[str, list[str]]:
    """Add one layer of one direction that begins at a state; gives hidden_TBH and the state after the last token.

    A state is the part of `seqtag.nn.recurrent.State` that belongs to this layer: each of its tensors is (1, B, D). All
    sentences have the same length.
    """
    values = _layer(nodes, encoder, layer, input_TBE, "", state)
    return nodes.add("Squeeze", values[0], nodes.whole(1)), values[1:]


def side_by_side(nodes: Nodes, states_TNBD: str) -> str:
    """Concatenate the directions: (T, B, N * D)."""
    states_TBND = nodes.add("Transpose", states_TNBD, perm=[0, 2, 1, 3])
    return nodes.add("Reshape", states_TBND, nodes.whole(0, 0, -1))


def _layer(
    nodes: Nodes, encoder: Encoder, layer: int, input_TBE: str, lengths_B: str, state: Sequence[str] = ()
) -> list[str]:
    """Add one layer; gives states_TNBD and the last hidden states, (N, B, D).

    With a `state` to begin at, an LSTM also gives its last cells. An LSTM with a projection gives states_TNBD alone.
    """
    cell = encoder.cell
    suffixes = [f"l{layer}{end}" for end in ("", "_reverse") if encoder.has(f"weight_ih_l{layer}{end}")]
    if encoder.has("weight_hr_l0"):
        return [_projected(nodes, encoder, suffixes, input_TBE, lengths_B)]

    def stacked(kind: str) -> np.ndarray:
        parts = [encoder.weight(f"{kind}_{suffix}") for suffix in suffixes]
        shape = len(_GATES[cell]), -1
        gates = [[part.reshape(*shape, *part.shape[1:])[gate] for gate in _GATES[cell]] for part in parts]
        return np.stack([np.concatenate(part) for part in gates])

    name = f"{encoder.prefix}l{layer}."
    num_values = 2 + (cell == "lstm" and len(state) > 0)  # the cells are needed where the next window begins at them
    bias = ""
    if encoder.has(f"bias_ih_{suffixes[0]}"):
        bias = nodes.constant(f"{name}bias", np.concatenate([stacked("bias_ih"), stacked("bias_hh")], 1))
    options: dict[str, object] = {
        "hidden_size": encoder.size,
        "direction": "bidirectional" if len(suffixes) == 2 else "forward",
    }
    if encoder.int8:
        assert cell == "lstm", cell
        scales = []
        for kind in ("weight_ih", "weight_hh"):
            integers_NEG, scales_N1G = quantised(stacked(kind).transpose(0, 2, 1), 1, largest=_LARGEST)
            zeros_NG = np.zeros(scales_N1G[:, 0].shape, np.int8)
            scales.append(
                (
                    nodes.constant(f"{name}{kind}", integers_NEG),
                    nodes.constant(f"{name}{kind}.scale", scales_N1G[:, 0]),
                    nodes.constant(f"{name}{kind}.zero", zeros_NG),
                )
            )
        (read, *read_scale), (kept, *kept_scale) = scales
        inputs = [input_TBE, read, kept, bias, lengths_B, *(state or ("", "")), "", *read_scale, *kept_scale]
        return nodes.add_several("DynamicQuantizeLSTM", inputs, num_values, domain=CONTRIBUTED, **options)
    read = nodes.constant(f"{name}weight_ih", stacked("weight_ih"))
    kept = nodes.constant(f"{name}weight_hh", stacked("weight_hh"))
    if cell == "gru":
        options["linear_before_reset"] = 1  # torch applies the reset gate after the product with the state
    elif cell == "rnn_relu":
        options["activations"] = ["Relu"] * len(suffixes)
    inputs = [input_TBE, read, kept, bias, lengths_B, *state]
    return nodes.add_several(_OPERATORS[cell], inputs, num_values, **options)


def _projected(nodes: Nodes, encoder: Encoder, suffixes: Sequence[str], input_TBE: str, lengths_B: str) -> str:
    """Add an LSTM with a projection (Sak et al. 2014) as a loop over time, because ONNX has none; gives states_TNBD.

    The backward direction reads each sentence reversed within its own length, so that both directions meet the padding
    last.
    """
    lengths_B = nodes.cast(lengths_B, np.int64)
    directions = []
    for suffix in suffixes:
        is_backward = suffix.endswith("_reverse")
        read_TBE = _reversed(nodes, input_TBE, lengths_B) if is_backward else input_TBE

        def matrix(kind: str, suffix: str = suffix) -> str:
            return nodes.constant(f"{encoder.prefix}{kind}_{suffix}", encoder.weight(f"{kind}_{suffix}").T)

        gates_TBG = nodes.add("MatMul", read_TBE, matrix("weight_ih"))
        if encoder.has(f"bias_ih_{suffix}"):
            bias_G = encoder.weight(f"bias_ih_{suffix}") + encoder.weight(f"bias_hh_{suffix}")
            gates_TBG = nodes.add("Add", gates_TBG, nodes.constant(f"{encoder.prefix}bias_{suffix}", bias_G))
        kept, projection = matrix("weight_hh"), matrix("weight_hr")
        num_units, size = encoder.weight(f"weight_hr_{suffix}").shape[::-1]

        step = Nodes()
        hidden_BG = step.add("Add", "gates_BG", step.add("MatMul", "hidden_BD", kept))
        i, f, g, o = step.add_several("Split", [hidden_BG], 4, axis=-1, num_outputs=4)
        kept_cell = step.add("Mul", step.add("Sigmoid", f), "cell_BC")
        cell = step.add("Add", kept_cell, step.add("Mul", step.add("Sigmoid", i), step.add("Tanh", g)))
        hidden = step.add("MatMul", step.add("Mul", step.add("Sigmoid", o), step.add("Tanh", cell)), projection)
        for value, name in ((hidden, "next_hidden_BD"), (cell, "next_cell_BC"), (hidden, "state_BD")):
            step.name(value, name)
        body = step.graph(
            f"step_{suffix}",
            [
                step.value_info("hidden_BD", np.float32, ["B", size]),
                step.value_info("cell_BC", np.float32, ["B", num_units]),
                step.value_info("gates_BG", np.float32, ["B", 4 * num_units]),
            ],
            [
                step.value_info("next_hidden_BD", np.float32, ["B", size]),
                step.value_info("next_cell_BC", np.float32, ["B", num_units]),
                step.value_info("state_BD", np.float32, ["B", size]),
            ],
        )
        batch = nodes.add("Shape", lengths_B)
        starts = [
            nodes.add("ConstantOfShape", nodes.add("Concat", batch, nodes.whole(width), axis=0))
            for width in (size, num_units)
        ]
        states_TBD = nodes.add_several("Scan", [*starts, gates_TBG], 3, body=body, num_scan_inputs=1)[2]
        states_TBD = _reversed(nodes, states_TBD, lengths_B) if is_backward else states_TBD
        directions.append(nodes.add("Unsqueeze", states_TBD, nodes.whole(1)))
    return nodes.add("Concat", *directions, axis=1)


def _reversed(nodes: Nodes, values_TBD: str, lengths_B: str) -> str:
    return nodes.add("ReverseSequence", values_TBD, lengths_B, time_axis=0, batch_axis=1)
