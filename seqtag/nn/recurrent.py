"""Let every token of a sentence see its neighbours: (B, T, E) -> (B, T, H). The one place that packs.

Wraps torch's own LSTM, GRU and RNN and keeps their parameters, names and initial values. Word dropout, and dropout
before and after the encoder, belong to the network around it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtag.errors import UsageError, near_miss
from seqtag.nn import chance
from seqtag.nn.side_by_side import both

# The state of an encoder before or after some tokens: the hidden state, and for an LSTM the cell as well. Each is
# (layers * directions, B, D) in torch's order: layer by layer, and within each the forward direction first.
State: TypeAlias = tuple[Tensor, ...]

# B sentences, T tokens, E embedding, H hidden (of both directions, merged), D hidden of one direction (or the cell),
# N = B * T rows, K = layers * directions

_MODULES: dict[str, Callable[..., nn.RNNBase]] = {
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
    "rnn_tanh": partial(nn.RNN, nonlinearity="tanh"),
}
# The functions behind those modules; that of the LSTM takes and returns two parts of a state, the others one.
_FUNCTIONS: dict[str, Callable[..., Any]] = {"gru": torch.gru, "rnn_relu": torch.rnn_relu, "rnn_tanh": torch.rnn_tanh}

# CPU: the share of real tokens in a batch below which reading the padding costs more than packing does
_PADDED_FROM = 0.8


class RecurrentEncoder(nn.Module):
    """Read each sentence with an LSTM, GRU or RNN, by default in both directions.

    `encoder` is `gru`, `lstm`, `rnn_relu` or `rnn_tanh`; `dropout` acts between layers, so not on a single one;
    `merge="concat"` puts the two directions side by side, `"sum"` adds them; `proj_size` (LSTM only) narrows the hidden
    state, see Sak et al. 2014, https://arxiv.org/abs/1402.1128. The width that comes out is `output_size`.

    Raises UsageError for another name, and in a call for lengths or a state that don't fit the batch.

    >>> encoder = RecurrentEncoder(3, encoder="gru", hidden_size=4)
    >>> hidden_BTH = encoder(torch.ones(2, 5, 3), torch.tensor([5, 2]))
    >>> hidden_BTH.shape, encoder.output_size
    (torch.Size([2, 5, 8]), 8)
    >>> hidden_BTH[1].any(dim=-1)
    tensor([ True,  True, False, False, False])
    """

    def __init__(
        self,
        input_size: int,
        *,
        encoder: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = True,
        merge: str = "concat",
        proj_size: int = 0,
    ) -> None:
        super().__init__()
        if encoder not in _MODULES:
            raise UsageError(f"unknown encoder {encoder!r}; {near_miss(encoder, _MODULES)}")
        if merge not in ("concat", "sum"):
            raise UsageError(f"unknown merge {merge!r}; {near_miss(merge, ('concat', 'sum'))}")
        if proj_size and encoder != "lstm":
            raise UsageError(f"proj_size={proj_size} needs encoder='lstm' (is {encoder!r})")
        self.encoder = encoder
        self.rnn = _MODULES[encoder](
            input_size,
            hidden_size,
            num_layers=num_layers,
            bias=bias,
            batch_first=True,
            # torch warns of dropout that it can't apply: there is nothing between the layers of a single one
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
            **({"proj_size": proj_size} if proj_size else {}),
        )
        self._sums = bidirectional and merge == "sum"
        direction_size = proj_size or hidden_size
        self.output_size = direction_size * (2 if bidirectional and not self._sums else 1)

    def forward(self, embedded_BTE: Tensor, lengths_B: Tensor, *, initial_state: State | None = None) -> Tensor:
        """Give hidden_BTH, exactly zero at padding; a sentence may have length 0, and T stays as it came in.

        A sentence's hidden states depend on its own tokens only: not on what fills its padding, not on its neighbours.
        They begin at `initial_state`, see `forward_with_state`. On a CPU autocast is off in here: bf16 is slower there,
        and the result comes in the parameters' own type.
        """
        return self._encode(embedded_BTE, lengths_B, initial_state, wants_final=False)[0]

    def forward_with_state(
        self, embedded_BTE: Tensor, lengths_B: Tensor, *, initial_state: State | None = None
    ) -> tuple[Tensor, State]:
        """Give hidden_BTH as `forward` does, and the final state of every sentence.

        `initial_state=None` is all zeros; `start` makes such a state. Each direction begins with its initial state at
        the first token that it reads. The final state of the forward direction is that after the last token of each
        sentence, the final state of the backward direction that after the first token, whatever the padding; that of
        an empty sentence is its initial state. `merge` joins hidden states only: a state keeps its directions apart.

        >>> encoder = RecurrentEncoder(3, encoder="gru", hidden_size=4)
        >>> hidden_BTH, (final_KBD,) = encoder.forward_with_state(torch.ones(2, 5, 3), torch.tensor([5, 2]))
        >>> final_KBD.shape, torch.equal(final_KBD[0, 1], hidden_BTH[1, 1, :4])
        (torch.Size([2, 2, 4]), True)
        """
        return self._encode(embedded_BTE, lengths_B, initial_state, wants_final=True)

    def carry(
        self,
        embedded_BTE: Tensor,
        state: State | None,
        *,
        weight_drop: float = 0.0,
        between: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, State]:
        """Read windows without padding from a state on; gives hidden_BTH and the state after the last token.

        `state=None` is all zeros. One direction only, no projection, and of `dropout` nothing: in training `between`
        acts on what one layer hands to the next, and each recurrent weight is dropped with probability `weight_drop`,
        the same ones at every token of the window (Merity et al. 2018, https://arxiv.org/abs/1708.02182).

        >>> encoder = RecurrentEncoder(3, encoder="gru", hidden_size=4, bidirectional=False).eval()
        >>> text_BTE = torch.ones(1, 5, 3)
        >>> whole_BTH, _ = encoder.carry(text_BTE, None)
        >>> first_BTH, state = encoder.carry(text_BTE[:, :2], None)
        >>> rest_BTH, _ = encoder.carry(text_BTE[:, 2:], state)
        >>> torch.allclose(torch.cat([first_BTH, rest_BTH], 1), whole_BTH, atol=1e-6)
        True
        """
        assert not self.rnn.bidirectional, "a state goes on in one direction"
        assert not self.rnn.proj_size, "a projection is not carried"
        if state is None:
            state = self.start(len(embedded_BTE))
        if embedded_BTE.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                return self._carry(embedded_BTE.to(self._dtype), state, weight_drop, between)
        return self._carry(embedded_BTE, state, weight_drop, between)

    def start(self, batch_size: int) -> State:
        """Give the state before any token: zeros, on the device of the parameters."""
        num_rows = self.rnn.num_layers * (2 if self.rnn.bidirectional else 1)
        zeros_KBD = next(self.rnn.parameters()).new_zeros(num_rows, batch_size, self.rnn.hidden_size)
        hidden_KBD = zeros_KBD[..., : self.rnn.proj_size or None]  # a projection narrows the hidden state, not the cell
        return (hidden_KBD, zeros_KBD) if self.encoder == "lstm" else (hidden_KBD,)

    def read_layer(self, layer: int, input_BTE: Tensor, state: State) -> tuple[Tensor, State]:
        """Read windows without padding with a single layer; give hidden_BTD and the state after the last token.

        Both states are those of this layer alone, (1, B, D). One direction only, and neither dropout nor a projection.
        """
        assert not self.rnn.bidirectional, "the layer above needs both directions"
        return self._one_pass(input_BTE, self.rnn.all_weights[layer], state)

    def _encode(
        self, embedded_BTE: Tensor, lengths_B: Tensor, state: State | None, *, wants_final: bool
    ) -> tuple[Tensor, State]:
        """Give hidden_BTH and the final state; where that is not wanted it may be anything."""
        batch_size, num_tokens, _ = embedded_BTE.shape
        lengths_B = lengths_B.cpu()  # packing wants them there, and each look at them from here on is free
        if lengths_B.shape != (batch_size,) or (batch_size and int(lengths_B.max()) > num_tokens):
            shape = f"a batch of {batch_size} sentences with up to {num_tokens} tokens"
            raise UsageError(f"the lengths {lengths_B.tolist()} don't fit {shape}; give the length of each sentence")
        if batch_size == 0 or num_tokens == 0:
            hidden_BTH = embedded_BTE.new_zeros(batch_size, num_tokens, self.output_size)
            return hidden_BTH, self.start(batch_size) if state is None else state
        if state is not None:
            found, wanted = ([tuple(part.shape) for part in parts] for parts in (state, self.start(batch_size)))
            if found != wanted:
                raise UsageError(f"the initial state has shapes {found}, but this encoder needs {wanted}")

        if embedded_BTE.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                embedded_BTE = embedded_BTE.to(self._dtype)
                # A padded LSTM gives its last cell only, which has read the padding of each shorter sentence
                loses_cells = wants_final and self.encoder == "lstm" and bool((lengths_B != lengths_B[0]).any())
                if self._prefers_padded(lengths_B) and not loses_cells:
                    hidden_BTH, final = self._padded(embedded_BTE, lengths_B, state, wants_final=wants_final)
                else:
                    hidden_BTH, final = self._packed(embedded_BTE, lengths_B, state)
        else:
            hidden_BTH, final = self._packed(embedded_BTE, lengths_B, state)

        if self._sums:
            hidden_BTH = hidden_BTH.unflatten(-1, (2, -1)).sum(dim=-2)
        padding_BT = torch.arange(num_tokens) >= lengths_B.unsqueeze(-1)
        hidden_BTH = hidden_BTH.masked_fill(padding_BT.unsqueeze(-1).to(hidden_BTH.device), 0.0)
        if wants_final and not lengths_B.all():  # both paths read one token of padding of an empty sentence
            is_empty_B1 = (lengths_B == 0).unsqueeze(-1).to(hidden_BTH.device)
            initial = self.start(batch_size) if state is None else state
            final = tuple(torch.where(is_empty_B1, before, after) for before, after in zip(initial, final))
        return hidden_BTH, final

    def _carry(
        self, input_BTE: Tensor, state: State, weight_drop: float, between: Callable[[Tensor], Tensor] | None
    ) -> tuple[Tensor, State]:
        if not self.training or not (weight_drop or between):
            assert not (self.training and self.rnn.num_layers > 1 and self.rnn.dropout), "say `between` instead"
            if self.encoder == "lstm" and input_BTE.shape[1] == 1 and input_BTE.device.type == "cpu":
                return self._one_step(input_BTE[:, 0], state)
            return self._whole(input_BTE, state)
        afters: list[State] = []
        for layer, (input_weights, hidden_weights, *biases) in enumerate(self.rnn.all_weights):
            if layer and between:
                input_BTE = between(input_BTE)
            weights = [input_weights, chance.dropout(hidden_weights, weight_drop), *biases]
            input_BTE, after = self._one_pass(input_BTE, weights, _part_of(state, layer))
            afters.append(after)
        return input_BTE, tuple(torch.cat(parts) for parts in zip(*afters))

    def _one_step(self, input_BE: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token with torch's cell: oneDNN lays the weights out anew for each call, which costs more."""
        afters = []
        for layer, weights in enumerate(self.rnn.all_weights):
            after = torch.lstm_cell(input_BE, (state[0][layer], state[1][layer]), *weights)
            input_BE = after[0]
            afters.append(after)
        return input_BE.unsqueeze(1), tuple(torch.stack(parts) for parts in zip(*afters))

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.rnn.parameters()).dtype

    @property
    def _can_be_padded(self) -> bool:
        # ReLU is unbounded: over a long run of padding it may overflow, and infinity times a gradient of 0 is NaN.
        # oneDNN has no LSTM with a projection: torch would warn, and fall back on what the packed path runs anyway.
        return self.encoder != "rnn_relu" and not self.rnn.proj_size

    @property
    def reads_in_pairs(self) -> bool:
        """Say whether training on a CPU may read both directions at the same time, see nn/side_by_side.py."""
        return self.rnn.bidirectional and self._can_be_padded

    def _prefers_padded(self, lengths_B: Tensor) -> bool:
        """Say which of two equal paths is the quicker one on a CPU, by what was measured.

        One thread, B=32, E=200, H=128 and 256, sentences of 12 to 60 tokens: from that share of real tokens on, padded
        passes train in 0.55 to 0.97 of the packed time. Without gradients oneDNN's LSTM (float32) takes 0.8 to 1.0 of
        it, but a GRU or RNN up to 1.25.
        """
        if not self._can_be_padded:
            return False
        lengths_B = lengths_B.clamp(min=1)
        is_full = int(lengths_B.sum()) >= _PADDED_FROM * len(lengths_B) * int(lengths_B.max())
        has_onednn = self.encoder == "lstm" and self._dtype == torch.float32
        return is_full and (has_onednn or torch.is_grad_enabled())

    def _packed(self, embedded_BTE: Tensor, lengths_B: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run torch's module on the packed batch: no padding is read, in either direction."""
        # Packing refuses a length of 0; such a sentence is read as one token of padding, which `_encode` undoes
        packed = pack_padded_sequence(embedded_BTE, lengths_B.clamp(min=1), batch_first=True, enforce_sorted=False)
        packed, final = self._whole(packed, state)
        hidden_BTH, _ = pad_packed_sequence(packed, batch_first=True, total_length=embedded_BTE.shape[1])
        return hidden_BTH, final

    def _whole(self, sequences: Any, state: State | None) -> tuple[Any, State]:
        """Run torch's module, of which a state of one part is no tuple."""
        hidden, after = self.rnn(sequences, state if state is None or len(state) > 1 else state[0])
        return hidden, after if isinstance(after, tuple) else (after,)

    def _padded(
        self, embedded_BTE: Tensor, lengths_B: Tensor, state: State | None, *, wants_final: bool
    ) -> tuple[Tensor, State]:
        """Run each layer as two passes over right-padded sentences; values at padding are meaningless. No projection.

        The forward direction meets padding only behind the last real token. The backward direction would meet it first,
        so each sentence is reversed within its own length, read forwards like the other, and reversed again. The final
        hidden state is taken at the last real token; the final cell is right only if all sentences have one length.
        """
        longest = max(int(lengths_B.max()), 1)
        hidden_BTH = embedded_BTE[:, :longest]
        reversed_N = _reversed_rows(lengths_B, longest)
        directions = self.rnn.all_weights  # in the order of a state
        step = 2 if self.rnn.bidirectional else 1
        start = self.start(len(lengths_B)) if state is None else state
        finals: list[State] = []
        for first in range(0, len(directions), step):
            if first and self.rnn.dropout:
                hidden_BTH = functional.dropout(hidden_BTH, self.rnn.dropout, self.training)
            inputs = []
            for number in range(first, first + step):
                input_BTE = _take_rows(hidden_BTH, reversed_N) if number > first else hidden_BTH
                inputs.append((input_BTE, directions[number], _part_of(start, number)))
            if wants_final or step == 1:
                passes = []
                for each in inputs:
                    read_BTD, after = self._one_pass(*each)
                    if wants_final:
                        last_BD = read_BTD[torch.arange(len(lengths_B)), (lengths_B - 1).clamp(min=0)]
                        finals.append((last_BD.unsqueeze(0), *after[1:]))
                    passes.append(read_BTD)
            else:
                passes = list(both(self._read_pass, *((read, *before, *weights) for read, weights, before in inputs)))
            hidden_BTH = torch.cat([passes[0], *(_take_rows(read_BTD, reversed_N) for read_BTD in passes[1:])], dim=-1)
        hidden_BTH = functional.pad(hidden_BTH, (0, 0, 0, embedded_BTE.shape[1] - longest))
        return hidden_BTH, tuple(torch.cat(parts) for parts in zip(*finals))

    def _read_pass(self, input_BTE: Tensor, *tensors: Tensor) -> Tensor:
        """Read as `_one_pass` does, with the parts of the state and then the weights; give hidden_BTD alone."""
        num_parts = 2 if self.encoder == "lstm" else 1
        return self._one_pass(input_BTE, tensors[num_parts:], tensors[:num_parts])[0]

    def _one_pass(self, input_BTE: Tensor, weights: Sequence[Tensor], state: State) -> tuple[Tensor, State]:
        """Read left to right with one layer's weights of one direction; give hidden_BTD and the state after, (1, B, D).

        Whatever has a gradient counts as training, whether or not its module is in training: oneDNN and cuDNN can't go
        back through what was read otherwise.
        """
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        options = (self.rnn.bias, 1, 0.0, torch.is_grad_enabled(), False, True)
        if self.encoder == "lstm":
            hidden_BTD, hidden_1BD, cell_1BD = torch.lstm(input_BTE, state, list(weights), *options)
            return hidden_BTD, (hidden_1BD, cell_1BD)
        hidden_BTD, after_1BD = _FUNCTIONS[self.encoder](input_BTE, state[0], list(weights), *options)
        return hidden_BTD, (after_1BD,)


def _part_of(state: State, number: int) -> State:
    """Take the state of one layer in one direction, (1, B, D); cuDNN wants it contiguous."""
    return tuple(part_KBD[number : number + 1].contiguous() for part_KBD in state)


def _reversed_rows(lengths_B: Tensor, num_tokens: int) -> Tensor:
    """Number the rows of a flattened batch so that each sentence is reversed in place; applied twice, it does nothing.

    >>> _reversed_rows(torch.tensor([3, 2]), 3)
    tensor([2, 1, 0, 4, 3, 5])
    """
    position_T = torch.arange(num_tokens)
    length_B1 = lengths_B.unsqueeze(-1)
    position_BT = torch.where(position_T < length_B1, length_B1 - 1 - position_T, position_T)
    return (position_BT + num_tokens * torch.arange(len(lengths_B)).unsqueeze(-1)).flatten()


def _take_rows(input_BTE: Tensor, rows_N: Tensor) -> Tensor:
    """Reorder the tokens of a batch by row number; done twice, an order by `_reversed_rows` is what it was before."""
    taken_BTE: Tensor = _TakeRows.apply(input_BTE, rows_N)
    return taken_BTE


class _TakeRows(torch.autograd.Function):
    """Reversing undoes itself, so its gradient is taken like its value: rows are moved once, and none is added up."""

    @staticmethod
    def forward(ctx: Any, input_BTE: Tensor, rows_N: Tensor) -> Tensor:
        ctx.save_for_backward(rows_N)
        return input_BTE.flatten(0, 1).index_select(0, rows_N).view(input_BTE.shape)

    @staticmethod
    def backward(ctx: Any, gradient_BTE: Tensor) -> tuple[Tensor, None]:
        (rows_N,) = ctx.saved_tensors
        return _take_rows(gradient_BTE, rows_N), None
