"""Walk from the equations of RNN, LSTM and GRU to torch's own results, on real text and in both directions.

    python recipes/rnn_from_scratch.py [SENTENCE ...] [--picture docs/howto/gradients-over-time.svg]

Reads the first sentences of data/, or those given, and prints three tables:

1. How far each cell, written out below, is from torch.nn.RNN, LSTM and GRU, from a random initial state to the final
   one, on packed sentences; and what goes wrong where torch is given the padded sentences without packing.
2. How far three readings of the GRU's reset gate are from torch.nn.GRU, and how well each of them remembers.
3. How much each step of a sequence counts in the gradient, which vanishes or explodes, and what clipping does to that
   and to training. `--picture` draws this one.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqtag import load_corpus

EMBEDDING, HIDDEN = 50, 64

# -- the steps: a token's vector and the state before it give the state after it -----------------


def rnn_step(x, state, weight_ih, weight_hh, bias_ih, bias_hh, *, activation):
    """Mix the input with the old state (Elman 1990); the activation is tanh or ReLU."""
    (hidden,) = state
    return (activation(weight_ih @ x + bias_ih + weight_hh @ hidden + bias_hh),)


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


def paper_gru_step(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """Reset the past before the product with the weights, as the paper does; torch resets it after the product."""
    (hidden,) = state
    reset_x, update_x, new_x = (weight_ih @ x + bias_ih).chunk(3)
    reset_h, update_h, _ = (weight_hh @ hidden + bias_hh).chunk(3)
    reset, update = torch.sigmoid(reset_x + reset_h), torch.sigmoid(update_x + update_h)
    candidate = torch.tanh(new_x + weight_hh.chunk(3)[2] @ (reset * hidden) + bias_hh.chunk(3)[2])
    return ((1 - update) * candidate + update * hidden,)


def wrong_gru_step(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """WRONG: the candidate sees all of the past, and the reset gate multiplies the past in the mix at the end."""
    (hidden,) = state
    reset_x, update_x, new_x = (weight_ih @ x + bias_ih).chunk(3)
    reset_h, update_h, new_h = (weight_hh @ hidden + bias_hh).chunk(3)
    reset, update = torch.sigmoid(reset_x + reset_h), torch.sigmoid(update_x + update_h)
    candidate = torch.tanh(new_x + new_h)
    return ((1 - update) * candidate + update * (reset * hidden),)


CELLS = {  # the step, the number of parts of its state, and torch's module
    "RNN tanh": (partial(rnn_step, activation=torch.tanh), 1, torch.nn.RNN),
    "RNN ReLU": (partial(rnn_step, activation=torch.relu), 1, partial(torch.nn.RNN, nonlinearity="relu")),
    "LSTM": (lstm_step, 2, torch.nn.LSTM),
    "GRU": (gru_step, 1, torch.nn.GRU),
}


def read(sentence, step, weights, state):
    """Carry the state from token to token; give what the network shows of each token, and the final state."""
    shown = []
    for x in sentence:
        state = step(x, state, *weights)
        shown.append(state[0])  # of an LSTM's state the hidden part is shown, and the cell is not
    return torch.stack(shown), state


# -- 1. against torch: packed and not packed ------------------------------------------------------


def compare_cells(vectors):
    """Print the largest differences between the cells written out and torch, for tokens and for final states."""
    lengths = [len(v) for v in vectors]
    padded = torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)
    packed = pack_padded_sequence(padded, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    print("\nlargest difference from torch     real tokens            final states")
    print(f"{'cell':10}{'direction':11}{'packed':>12}{'not packed':>12}{'packed':>12}{'not packed':>12}")
    for name, (step, num_parts, module) in CELLS.items():
        network = module(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True)
        initial = torch.randn(num_parts, 2, len(vectors), HIDDEN)  # parts, directions, sentences, units
        given = tuple(initial) if num_parts == 2 else initial[0]
        right, right_final = network(packed, given)
        right = pad_packed_sequence(right, batch_first=True)[0]
        wrong, wrong_final = network(padded, given)
        for way, direction in enumerate(("forward", "backward")):
            gaps = torch.zeros(len(vectors), 4)
            for i, sentence in enumerate(vectors):
                state = tuple(initial[:, way, i])
                # The backward direction begins at the last real token
                ours, final = read(sentence.flip(0) if way else sentence, step, network.all_weights[way], state)
                ours = ours.flip(0) if way else ours
                for column, shown in enumerate((right, wrong)):
                    gaps[i, column] = (shown.chunk(2, -1)[way][i, : lengths[i]] - ours).abs().max()
                for column, finals in enumerate((right_final, wrong_final), 2):
                    theirs = torch.stack(finals if num_parts == 2 else (finals,))[:, way, i]
                    gaps[i, column] = (theirs - torch.stack(final)).abs().max()
            print(f"{name:10}{direction:11}" + "".join(f"{gap:12.1e}" for gap in gaps.amax(0).tolist()))
    print("Not packed, the backward direction reads the padding first and brings its traces to the real tokens;")
    print("the forward direction reads it last, so its tokens are right and its final state is that of the padding.")


# -- 2. three readings of the reset gate ----------------------------------------------------------


def compare_grus(vectors):
    """Print how far each reading is from torch, and what it keeps of a state when the update gate says: keep all."""
    network = torch.nn.GRU(EMBEDDING, HIDDEN)
    keeps = torch.nn.GRU(EMBEDDING, HIDDEN)
    with torch.no_grad():
        keeps.bias_ih_l0[HIDDEN : 2 * HIDDEN] = 20.0  # sigmoid(20 + ...) is 1 to eight digits
    start = (torch.randn(HIDDEN),)
    text = torch.cat(vectors)[:20]
    theirs = torch.cat([network(v)[0] for v in vectors])
    print(f"\n{'GRU, the reset gate':36}{'largest difference':>20}{'in % of torch':>15}{'kept of a state':>17}")
    for name, step in (
        ("after the product, as torch", gru_step),
        ("before the product, as the paper", paper_gru_step),
        ("WRONG, on the old state at the end", wrong_gru_step),
    ):
        ours = torch.cat([read(v, step, network.all_weights[0], (torch.zeros(HIDDEN),))[0] for v in vectors])
        (after,) = read(text, step, keeps.all_weights[0], start)[1]
        figures = f"{(ours - theirs).abs().max():20.1e}{100 * (ours - theirs).norm() / theirs.norm():15.1f}"
        print(f"{name:36}{figures}{after.norm() / start[0].norm():17.1e}")
    print(f"In % of torch: the norm of all differences. Kept: the norm of a state {len(text)} tokens later, where the")
    print("update gate is 1 and a GRU keeps all. Reset at the end, the state shrinks at each step all the same.")


# -- 3. gradients over time -----------------------------------------------------------------------


def gradient_shares(scale, steps=40):
    """Give each step's share in the gradient of the recurrent weights, for a loss at the last step alone.

    Every step gets a copy of the weights; the gradient of a copy is the share, and all shares add up to the gradient.
    """
    torch.manual_seed(0)
    sequence, goal = torch.randn(steps, EMBEDDING), torch.randn(HIDDEN)
    weight_ih = 0.3 * torch.randn(HIDDEN, EMBEDDING) / EMBEDDING**0.5
    weight_hh = scale * torch.nn.init.orthogonal_(torch.empty(HIDDEN, HIDDEN))
    copies = [weight_hh.clone().requires_grad_() for _ in range(steps)]
    state, zero = (torch.zeros(HIDDEN),), torch.zeros(HIDDEN)
    for x, copy in zip(sequence, copies, strict=True):
        state = rnn_step(x, state, weight_ih, copy, zero, zero, activation=torch.tanh)
    (state[0] - goal).square().mean().backward()
    return torch.stack([copy.grad for copy in copies])


def training_norms(clip, updates=100):
    """Train an RNN to add up five numbers of a sequence; give the gradient's norm at each update, and the last loss."""
    torch.manual_seed(0)
    network, last = torch.nn.RNN(8, 32, batch_first=True), torch.nn.Linear(32, 1)
    torch.nn.init.orthogonal_(network.weight_hh_l0)
    parameters = [*network.parameters(), *last.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.2)
    norms = []
    for _ in range(updates):
        x = torch.randn(32, 30, 8)
        loss = (last(network(x)[0][:, -1]) - x[:, -5:, 0].sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, clip).item())  # the norm before it is clipped
        optimizer.step()
    return norms, loss.item()


def measure_gradients():
    """Print the third table; give the curves of the picture, for each panel."""
    over_steps, over_updates = {}, {}
    print(f"\n{'share of one step in the gradient':40}{'last step':>12}{'20th from end':>15}{'39th from end':>15}")
    for name, scale in (("vanishes, weights x 0.7", 0.7), ("explodes, weights x 3", 3.0)):
        shares = gradient_shares(scale)
        sizes = shares.flatten(1).norm(dim=1)[1:].flip(0)  # the first step has no state to multiply
        clipping = min(1.0, 1.0 / shares.sum(0).norm().item())  # brings the whole gradient to a norm of 1 at most
        over_steps[f"{name}, clipped or not" if clipping == 1 else name] = sizes.tolist()
        if clipping < 1:
            over_steps[f"{name}, clipped"] = (clipping * sizes).tolist()
    for name, sizes in over_steps.items():
        print(f"{name:40}{sizes[0]:12.1e}{sizes[19]:15.1e}{sizes[38]:15.1e}")
    print(f"\n{'norm of the gradient in training':40}{'first':>12}{'largest':>15}{'loss at the end':>17}")
    for name, clip in (("not clipped", math.inf), ("clipped to a norm of 1", 1.0)):
        norms, loss = training_norms(clip)
        largest = max(norm for norm in norms if not math.isnan(norm))
        print(f"{name:40}{norms[0]:12.1e}{largest:15.1e}{loss:17.2f}")
        over_updates[name] = norms
    return over_steps, over_updates


def draw(panels, path):
    """Write curves on a logarithmic scale as an SVG; a curve ends where it leaves its panel or is no number."""
    colors = {"vanishes": "#1b6ca8", "explodes": "#c0392b", "not": "#c0392b", "clipped": "#2e7d32"}
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 350" font-family="sans-serif" font-size="12">',
        '<rect width="860" height="350" fill="white"/>',
    ]
    for left, (title, below, (low, high), curves) in zip((60, 490), panels, strict=True):
        parts.append(f'<text x="{left}" y="24" font-size="14">{title}</text>')
        parts.append(f'<text x="{left + 170}" y="336" text-anchor="middle">{below}</text>')
        height = 240 / (high - low)  # of a factor of ten
        for power in range(low, high + 1, 2):
            y = 290 - height * (power - low)
            parts.append(f'<path d="M{left} {y:.1f}h340" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>')
        longest = max(len(values) for values in curves.values())
        for step in (1, longest // 2, longest):
            x = left + 340 * (step - 1) / (longest - 1)
            parts.append(f'<text x="{x:.1f}" y="308" text-anchor="middle">{step}</text>')
        for row, (name, values) in enumerate(curves.items()):
            points = []
            for step, value in enumerate(values):
                if not (math.isfinite(value) and low <= math.log10(value) <= high):
                    break
                points.append(f"{left + 340 * step / (longest - 1):.1f},{290 - height * (math.log10(value) - low):.1f}")
            style = f'stroke="{colors[name.split()[0].strip(",")]}" stroke-width="2"'
            style += ' stroke-dasharray="6 4"' * name.endswith(", clipped")
            parts.append(f'<polyline fill="none" {style} points="{" ".join(points)}"/>')
            y = 280 - 16 * (len(curves) - 1 - row)
            parts.append(f'<path d="M{left + 8} {y - 4}h24" {style}/><text x="{left + 38}" y="{y}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", nargs="*", metavar="SENTENCE", help="tokens between blanks")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the third table")
    args = parser.parse_args()
    corpus = Path(__file__).parent.parent / "data"
    sentences = [s.split() for s in args.sentences if s.strip()] or load_corpus(str(corpus))["train"]["tokens"][:8]
    words = {word: i for i, word in enumerate(sorted({word for s in sentences for word in s}))}
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(len(words), EMBEDDING)
    vectors = [embedding(torch.tensor([words[word] for word in s])).detach() for s in sentences]
    print("sentence lengths:", *(len(s) for s in sentences))
    with torch.no_grad():
        compare_cells(vectors)
        compare_grus(vectors)
    over_steps, over_updates = measure_gradients()
    if args.picture is not None:
        left = ("Share of each step in one gradient", "steps from the end", (-10, 6), over_steps)
        right = ("Norm of the gradient while training, before clipping", "updates", (-4, 10), over_updates)
        draw([left, right], args.picture)


if __name__ == "__main__":
    main()
