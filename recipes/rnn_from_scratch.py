"""Walk from the gate equations of LSTM and GRU to torch's own results, on real text and in both directions.

    python recipes/rnn_from_scratch.py [SENTENCE ...]

Reads the first sentences of data/, or those given. Prints how far each cell, written out below, is from torch.nn.LSTM
and torch.nn.GRU on packed sentences; then what goes wrong where torch is given the padded sentences unpacked.
"""

import sys
from pathlib import Path

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtag import load_corpus

EMBEDDING, HIDDEN = 50, 64


def lstm_step(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """Gates decide what the cell takes in, keeps and shows (Hochreiter and Schmidhuber 1997; Gers et al. 2000)."""
    hidden, cell = state
    into, keep, new, out = (weight_ih @ x + bias_ih + weight_hh @ hidden + bias_hh).chunk(4)
    cell = torch.sigmoid(keep) * cell + torch.sigmoid(into) * torch.tanh(new)
    return torch.sigmoid(out) * torch.tanh(cell), cell


def gru_step(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """One gate resets the past inside the candidate, one mixes past and candidate (Cho et al. 2014)."""
    (hidden,) = state
    reset_x, update_x, new_x = (weight_ih @ x + bias_ih).chunk(3)
    reset_h, update_h, new_h = (weight_hh @ hidden + bias_hh).chunk(3)
    update = torch.sigmoid(update_x + update_h)
    candidate = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
    return ((1 - update) * candidate + update * hidden,)


def read(sentence, step, weights, states):
    """Carry the state from token to token, from zeros; the first part of it is what the network shows of each token."""
    state, shown = (torch.zeros(HIDDEN),) * states, []
    for x in sentence:
        state = step(x, state, *weights)
        shown.append(state[0])
    return torch.stack(shown)


def gap(ours, theirs, lengths):
    """The largest difference at any real token; ours is a list of sentences, theirs a padded batch."""
    return max((a - b[:n]).abs().max().item() for a, b, n in zip(ours, theirs, lengths, strict=True))


def main():
    corpus = Path(__file__).parent.parent / "data"
    sentences = [s.split() for s in sys.argv[1:] if s.strip()] or load_corpus(str(corpus))["train"]["tokens"][:8]
    words = {word: i for i, word in enumerate(sorted({word for s in sentences for word in s}))}
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(len(words), EMBEDDING)
    lengths = [len(s) for s in sentences]
    vectors = [embedding(torch.tensor([words[word] for word in s])) for s in sentences]
    padded = torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)
    print("sentence lengths:", *lengths)
    print(f"{'cell':6}{'direction':11}{'torch, packed':>15}{'torch, not packed':>19}   (largest difference from ours)")
    for name, step, states, module in (("LSTM", lstm_step, 2, torch.nn.LSTM), ("GRU", gru_step, 1, torch.nn.GRU)):
        network = module(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True)
        packed = pack_padded_sequence(padded, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        right = pad_packed_sequence(network(packed)[0], batch_first=True)[0].chunk(2, dim=-1)
        wrong = network(padded)[0].chunk(2, dim=-1)
        ahead, back = network.all_weights
        forward = [read(v, step, ahead, states) for v in vectors]
        backward = [read(v.flip(0), step, back, states).flip(0) for v in vectors]  # the last real token comes first
        for way, ours, good, bad in zip(("forward", "backward"), (forward, backward), right, wrong, strict=True):
            print(f"{name:6}{way:11}{gap(ours, good, lengths):15.1e}{gap(ours, bad, lengths):19.1e}")
    print("Not packed, the backward direction reads the padding first and brings its traces to the real tokens.")


if __name__ == "__main__":
    main()
