"""What the machine could do: its measured matrix product, and the operations that seqtag's model asks for a token.

    OMP_NUM_THREADS=1 python recipes/benchmarking/limit.py

A product of n x n matrices is n^3 multiply-adds; GFLOP/s count a multiply-add as two operations.
"""

import json
import time

SIZE, TIMES = 2048, 5


def multiply_adds(params, num_tags, num_characters, tokens_a_batch):
    """Multiply-adds a token of the default network's forward pass, by part; training takes three times as many.

    - characters: V * 25 * 3 * C / tokens a batch; each of V characters, 25 wide, times the kernel of width 3 and C
      outputs, once a batch
    - encoder: 2 * 4 * H * (E + H); 4 gates of H units, in 2 directions, that read E inputs and H states
    - output: 2 * H * L; the states of both directions for each of the model's L tags

    Look-ups, the gates' functions and the CRF are no matrix products and are left out. Training takes the products of
    the forward pass, of the gradients of the inputs and of those of the weights.

    >>> sizes = {"word_size": 3, "shape_size": 1, "affix_size": 1, "character_size": 2, "hidden_size": 2}
    >>> multiply_adds(sizes, num_tags=5, num_characters=10, tokens_a_batch=100)
    {'characters': 15.0, 'encoder': 192, 'output': 20}
    """
    hidden, characters = params["hidden_size"], params["character_size"]
    embedded = params["word_size"] + params["shape_size"] + 4 * params["affix_size"] + characters
    return {
        "characters": num_characters * 25 * 3 * characters / tokens_a_batch,
        "encoder": 2 * 4 * hidden * (embedded + hidden),
        "output": 2 * hidden * num_tags,
    }


def share_of_limit(operations, tokens_per_second, gflops, *, passes):
    """The share of the limit that counted operations reach at a speed; `passes` is 3 for training."""
    return 2 * passes * sum(operations.values()) * tokens_per_second / (gflops * 1e9)


def product(matrix):
    """GFLOP/s of a matrix times itself: the best of a few, after one that wakes the machine."""
    spent = []
    for _ in range(TIMES + 1):
        started = time.perf_counter()
        matrix @ matrix
        spent.append(time.perf_counter() - started)
    return 2 * len(matrix) ** 3 / min(spent[1:]) / 1e9


def measure():
    """GFLOP/s in float32 with numpy and with torch, whose libraries differ."""
    import numpy as np
    import torch

    matrix = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    return {"numpy": product(matrix), "torch": product(torch.from_numpy(matrix))}


if __name__ == "__main__":
    print(json.dumps(measure()))
