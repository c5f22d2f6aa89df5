"""Recurrent cells written gate by gate from their equations: one sentence, one token at a time, no padding, no batch.

The equations are those on the pages of torch.nn.LSTM, torch.nn.GRU and torch.nn.RNN. They go back to

- LSTM: Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000
- LSTM with projection: Sak, Senior and Beaufays 2014, https://arxiv.org/abs/1402.1128
- GRU: Cho et al. 2014, https://arxiv.org/abs/1406.1078; torch applies the reset gate after the recurrent product
- RNN: Elman 1990
"""

from collections.abc import Mapping

import torch
from torch import Tensor

# T tokens, E embedding, G gates times hidden, S hidden (cell), D hidden of one direction (S, or the projection), H all


class Weights:
    """One direction of one layer, under the names that torch gives its parameters."""

    def __init__(self, parameters: Mapping[str, Tensor], *, layer: int, backward: bool) -> None:
        end = f"_l{layer}" + ("_reverse" if backward else "")
        self.input_GE = parameters["weight_ih" + end]
        self.hidden_GD = parameters["weight_hh" + end]
        zero_G = self.input_GE.new_zeros(len(self.input_GE))
        self.input_bias_G = parameters.get("bias_ih" + end, zero_G)
        self.hidden_bias_G = parameters.get("bias_hh" + end, zero_G)
        self.projection_DS = parameters.get("weight_hr" + end)

    def from_input(self, input_E: Tensor, gate: int, num_gates: int) -> Tensor:
        """W_i x + b_i for one gate."""
        rows = gate_rows(self.input_GE, gate, num_gates)
        return self.input_GE[rows] @ input_E + self.input_bias_G[rows]

    def from_hidden(self, hidden_D: Tensor, gate: int, num_gates: int) -> Tensor:
        """W_h h + b_h for one gate."""
        rows = gate_rows(self.hidden_GD, gate, num_gates)
        return self.hidden_GD[rows] @ hidden_D + self.hidden_bias_G[rows]


def gate_rows(matrix: Tensor, gate: int, num_gates: int) -> slice:
    """Find the rows of one gate: torch stacks LSTM's as input, forget, cell, output and GRU's as reset, update, new."""
    size = len(matrix) // num_gates
    return slice(gate * size, (gate + 1) * size)


def lstm_pass(sentence_TE: Tensor, weights: Weights) -> list[Tensor]:
    hidden_D = sentence_TE.new_zeros(weights.hidden_GD.shape[1])
    cell_S = sentence_TE.new_zeros(len(weights.hidden_GD) // 4)
    outputs = []
    for input_E in sentence_TE:
        total = [weights.from_input(input_E, gate, 4) + weights.from_hidden(hidden_D, gate, 4) for gate in range(4)]
        input_gate = torch.sigmoid(total[0])
        forget_gate = torch.sigmoid(total[1])
        candidate = torch.tanh(total[2])
        output_gate = torch.sigmoid(total[3])
        cell_S = forget_gate * cell_S + input_gate * candidate
        hidden_D = output_gate * torch.tanh(cell_S)
        if weights.projection_DS is not None:
            hidden_D = weights.projection_DS @ hidden_D
        outputs.append(hidden_D)
    return outputs


def gru_pass(sentence_TE: Tensor, weights: Weights) -> list[Tensor]:
    hidden_D = sentence_TE.new_zeros(weights.hidden_GD.shape[1])
    outputs = []
    for input_E in sentence_TE:
        reset_gate = torch.sigmoid(weights.from_input(input_E, 0, 3) + weights.from_hidden(hidden_D, 0, 3))
        update_gate = torch.sigmoid(weights.from_input(input_E, 1, 3) + weights.from_hidden(hidden_D, 1, 3))
        candidate = torch.tanh(weights.from_input(input_E, 2, 3) + reset_gate * weights.from_hidden(hidden_D, 2, 3))
        hidden_D = (1 - update_gate) * candidate + update_gate * hidden_D
        outputs.append(hidden_D)
    return outputs


def rnn_tanh_pass(sentence_TE: Tensor, weights: Weights) -> list[Tensor]:
    hidden_D = sentence_TE.new_zeros(weights.hidden_GD.shape[1])
    outputs = []
    for input_E in sentence_TE:
        hidden_D = torch.tanh(weights.from_input(input_E, 0, 1) + weights.from_hidden(hidden_D, 0, 1))
        outputs.append(hidden_D)
    return outputs


def rnn_relu_pass(sentence_TE: Tensor, weights: Weights) -> list[Tensor]:
    hidden_D = sentence_TE.new_zeros(weights.hidden_GD.shape[1])
    outputs = []
    for input_E in sentence_TE:
        total = weights.from_input(input_E, 0, 1) + weights.from_hidden(hidden_D, 0, 1)
        hidden_D = torch.where(total > 0, total, 0.0)
        outputs.append(hidden_D)
    return outputs


PASSES = {"lstm": lstm_pass, "gru": gru_pass, "rnn_tanh": rnn_tanh_pass, "rnn_relu": rnn_relu_pass}


def encode(
    sentence_TE: Tensor,
    parameters: Mapping[str, Tensor],
    *,
    encoder: str,
    num_layers: int = 1,
    bidirectional: bool = True,
    merge: str = "concat",
) -> Tensor:
    """Encode one sentence of at least one token, (T, E) -> (T, H), with a torch module's parameters by their names."""
    one_pass = PASSES[encoder]
    layer_TE = sentence_TE
    for layer in range(num_layers):
        directions = [torch.stack(one_pass(layer_TE, Weights(parameters, layer=layer, backward=False)))]
        if bidirectional:
            from_the_end = one_pass(layer_TE.flip(0), Weights(parameters, layer=layer, backward=True))
            directions.append(torch.stack(from_the_end[::-1]))
        layer_TE = torch.cat(directions, dim=-1)
    return directions[0] + directions[1] if bidirectional and merge == "sum" else layer_TE
