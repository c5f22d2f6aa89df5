"""Write the encoder's view of a classifying network as an ONNX graph, from ids or series of numbers to pooled states.

A text comes in as one segment or several (see `seqtag.nn.segments`), each a row by itself; what they have to say is
brought together outside, so that a text of any length takes the memory of a batch. So the last linear layer and the
n-grams stand outside as well. Their numbers are constants of the graph that can be asked for as outputs, so that one
file holds all of a network. A network without an encoder is its constants alone. Knows no torch.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from seqtag.onnx_export.nodes import Nodes
from seqtag.onnx_export.recurrent import Encoder, Weights, add_encoder, add_table
from seqtag.onnx_export.tagging import GraphSpec, add_tokens
from seqtag.runtime.classifying_engine import CONSTANTS

if TYPE_CHECKING:
    import onnx

# R segments, S tokens of a segment, U distinct words, F features, C characters, D numbers of a step, E embedding,
# H hidden, A attention, L classes, V views, N known n-grams, M language models, B texts, K characters of a text

_RECURRENT, _POOLING = "encoder.encoder.rnn.", "head.pooling."


def build_graph(
    weights: Weights,
    spec: GraphSpec,
    *,
    pooling: str | None,
    int8: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> "onnx.ModelProto":
    """Write a network as an ONNX model, opset 18.

    `weights` has the names of a ClassNetwork's `state_dict`. Inputs: `lengths_R` (int32, at least 1), and `slots_RS`
    (int64), `features_UF` and `characters_UC` (int64), as in `seqtag.nn.batch.Batch`; of a network with a context also
    `symbols_MBC`, whole texts, `texts_R`, the text of each segment, and `picks_MRS`, places in that text (int64). A
    network for series has `values_RSD` (float32) in the place of all these. Outputs: `pooled_RH`, each segment by
    itself; `mass_R`, the logarithm of what a segment counts among those of its text (0 under max, where none counts
    more); `weights_RS` under attention, which sum to 1 for each segment and are 0 at padding; and the constants, such
    as those of the last linear layer. Without an encoder there are only constants, and no inputs. `int8` means what it
    means for a tagger, and holds for n-grams too. Raises UsageError where onnx is not installed.
    """
    nodes = Nodes()
    inputs: list[onnx.ValueInfoProto] = []
    outputs: list[onnx.ValueInfoProto] = []
    if spec.encoder is not None:
        _add_encoder_view(nodes, weights, spec, inputs, outputs, pooling=pooling, int8=int8)
    for name, source in CONSTANTS.items():
        if (values := weights.get(source)) is None:
            continue
        outputs.append(nodes.value_info(name, values.dtype, values.shape))
        if int8 and name == "table_NL":
            nodes.name(add_table(nodes, f"{name}.integers", values, int8=True), name)
        else:
            nodes.constant(name, values)
    return nodes.model(nodes.graph("classifier", inputs, outputs), metadata=metadata or {})


def _add_encoder_view(
    nodes: Nodes,
    weights: Weights,
    spec: GraphSpec,
    inputs: "list[onnx.ValueInfoProto]",
    outputs: "list[onnx.ValueInfoProto]",
    *,
    pooling: str | None,
    int8: bool,
) -> None:
    """Add what makes pooled states of texts or series; extends the inputs and the outputs."""
    assert spec.encoder is not None
    inputs.append(nodes.value_info("lengths_R", np.int32, ["R"]))
    if "embedder.mean_D" in weights:
        inputs.append(nodes.value_info("values_RSD", np.float32, ["R", "S", len(weights["embedder.mean_D"])]))
        values_SRD = nodes.add("Transpose", "values_RSD", perm=[1, 0, 2])
        centred_SRD = nodes.add("Sub", values_SRD, nodes.constant("mean_D", weights["embedder.mean_D"]))
        embedded_SRE = nodes.add("Div", centred_SRD, nodes.constant("scale_D", weights["embedder.scale_D"]))
    else:
        _, embedded_SRE = add_tokens(nodes, weights, spec, "RS", inputs, "texts_R", int8=int8)
        if spec.context:
            inputs.append(nodes.value_info("texts_R", np.int64, ["R"]))
    encoder = Encoder(weights, _RECURRENT, spec.encoder, int8)
    hidden_SRH = add_encoder(nodes, encoder, embedded_SRE, "lengths_R", merge=spec.merge)
    size = weights["head.output.weight"].shape[1]
    outputs.append(nodes.value_info("pooled_RH", np.float32, ["R", size]))
    outputs.append(nodes.value_info("mass_R", np.float32, ["R"]))
    two_halves = spec.merge == "concat" and f"{_RECURRENT}weight_ih_l0_reverse" in weights
    names = ["pooled_RH", "mass_R"]
    if pooling == "attention":
        outputs.append(nodes.value_info("weights_RS", np.float32, ["R", "S"]))
        names.append("weights_RS")
    assert pooling is not None
    for value, name in zip(_pooled(nodes, weights, hidden_SRH, pooling, size // 2 if two_halves else size), names):
        nodes.name(value, name)


def _pooled(nodes: Nodes, weights: Weights, hidden_SRH: str, pooling: str, forward_size: int) -> list[str]:
    """Pool the states of each segment: pooled_RH, mass_R, and under attention weights_RS."""
    one = nodes.whole(1)
    length_R = nodes.cast("lengths_R", np.float32)
    no_mass_R = nodes.add("Mul", length_R, nodes.constant("zero", np.zeros(1, np.float32)))
    hidden_RSH = nodes.add("Transpose", hidden_SRH, perm=[1, 0, 2])
    if pooling == "last":
        last_R1 = nodes.add("Unsqueeze", nodes.add("Sub", nodes.cast("lengths_R", np.int64), one), one)
        ahead_RH = nodes.add("GatherND", hidden_RSH, last_R1, batch_dims=1)
        back_RH = nodes.add("Gather", hidden_SRH, nodes.whole(0, scalar=True))
        ahead_RH = nodes.add("Slice", ahead_RH, nodes.whole(0), nodes.whole(forward_size), one)
        back_RH = nodes.add("Slice", back_RH, nodes.whole(forward_size), nodes.whole(2**31 - 1), one)
        return [nodes.add("Concat", ahead_RH, back_RH, axis=1), no_mass_R]

    length_R1 = nodes.add("Unsqueeze", nodes.cast("lengths_R", np.int64), one)
    real_RS = nodes.add("Less", nodes.counted(hidden_SRH), length_R1)
    real_RS1 = nodes.add("Unsqueeze", real_RS, nodes.whole(2))
    never = nodes.constant("never", np.full(1, -np.inf, np.float32))
    if pooling == "max":
        highest_RH = nodes.add("ReduceMax", nodes.add("Where", real_RS1, hidden_RSH, never), one, keepdims=0)
        return [highest_RH, no_mass_R]
    hidden_RSH = nodes.add("Where", real_RS1, hidden_RSH, "zero")
    # The order in which tokens are added up depends on the padding, and so on the other texts: in float64 it is lost.
    exact_RSH = nodes.cast(hidden_RSH, np.float64)
    if pooling == "mean":
        sum_RH = nodes.add("ReduceSum", exact_RSH, one, keepdims=0)
        mean_RH = nodes.add("Div", sum_RH, nodes.add("Unsqueeze", nodes.cast("lengths_R", np.float64), one))
        return [nodes.cast(mean_RH, np.float32), nodes.add("Log", length_R)]
    assert pooling == "attention", pooling
    key = nodes.constant("attention.key", weights[f"{_POOLING}key.weight"].T)
    query = nodes.constant("attention.query", weights[f"{_POOLING}query.weight"].T)
    bias = nodes.constant("attention.bias", weights[f"{_POOLING}key.bias"])
    key_RSA = nodes.add("Tanh", nodes.add("Add", nodes.add("MatMul", hidden_RSH, key), bias))
    score_RS = nodes.add("Squeeze", nodes.add("MatMul", key_RSA, query), nodes.whole(2))
    score_RS = nodes.cast(nodes.add("Where", real_RS, score_RS, never), np.float64)
    highest_R1 = nodes.add("ReduceMax", score_RS, one, keepdims=1)
    raised_RS = nodes.add("Exp", nodes.add("Sub", score_RS, highest_R1))
    sum_R1 = nodes.add("ReduceSum", raised_RS, one, keepdims=1)
    weights_RS = nodes.add("Div", raised_RS, sum_R1)
    mass_R = nodes.add("Squeeze", nodes.add("Add", highest_R1, nodes.add("Log", sum_R1)), one)
    pooled_RH = nodes.add("Squeeze", nodes.add("MatMul", nodes.add("Unsqueeze", weights_RS, one), exact_RSH), one)
    return [nodes.cast(value, np.float32) for value in (pooled_RH, mass_R, weights_RS)]
