"""Share the work of training among the cores of a CPU, by threads of this process.

The products of a small network are too small for torch to spread them over cores. What spreads well are the two
directions of a recurrent layer, which are read at the same time (see nn/side_by_side.py), and the parts of a batch
where a network carries states, as language models do. Parts of a batch of sentences were tried as well: a tagger
computes them in so many small operations that the threads wait for each other. With two cores and 128 units they
reached 1.0 times the speed of one thread, where directions reach 1.3; with 256 units 1.3 and 1.5.

No timing shows in the weights. Directions give the same numbers in whatever thread. Each part of a batch draws from a
generator of its own, which depends on the seed, the step and the part alone, and gradients are added in the order of
the parts, so what comes out depends on the number of threads only.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial, reduce
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from seqtag.nn import chance
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.side_by_side import helped_by

Result = TypeVar("Result")

# A part has at least so many rows: a step of a recurrent layer takes nearly as long for fewer.
_LEAST_ROWS = 8


class Cores:
    """The threads that share the work of a training: as many as torch computes with when the training begins.

    `loss(network, rows, weight)` gives the loss of some rows, of which each counts `weight`. A network carries states
    from step to step in its buffers with names that begin with `carried_`, shaped (any number, rows of a batch, ...).
    """

    def __init__(
        self, network: nn.Module, loss: Callable[[nn.Module, np.ndarray, float], Tensor], *, seed: int, shares: bool
    ) -> None:
        self.network, self.loss, self.seed = network, loss, seed
        self.num_threads = torch.get_num_threads()
        shares = shares and self.num_threads > 1
        encoders = [module for module in network.modules() if isinstance(module, RecurrentEncoder)]
        self.has_pairs = shares and any(encoder.reads_in_pairs for encoder in encoders)
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.carried = [name for name, _ in network.named_buffers() if name.startswith("carried_")]
        self.most_parts = self.num_threads if shares and self.carried else 1
        self.threads_of_each = max(1, self.num_threads // (2 if self.has_pairs else self.most_parts))
        self.copies = [self._copy() for _ in range(self.most_parts)] if self.carried else []
        self.generators = [torch.Generator() for _ in self.copies]
        # Threads begin when they get work. Each is told how many threads its products may use: OpenMP asks by thread.
        self.pool = ThreadPoolExecutor(
            max(1, self.most_parts - 1), "seqtag-core", torch.set_num_threads, (self.threads_of_each,)
        )

    def num_parts(self, num_rows: int) -> int:
        """Say in how many parts a batch is computed; a single one is left to the caller, see `as_whole`."""
        return max(1, min(self.most_parts, num_rows // _LEAST_ROWS))

    def set_gradients(self, indices: np.ndarray, *, step: int) -> float:
        """Give all parameters the gradient of the mean loss of some windows of one length; give that loss."""
        num_parts = self.num_parts(len(indices))
        places = [np.arange(part, len(indices), num_parts) for part in range(num_parts)]
        self._split_carried(places)

        def compute(part: int) -> tuple[float, Sequence[Tensor | None]]:
            generator = self.generators[part].manual_seed(_seed(self.seed, step, part))
            with chance.drawing_from(generator):
                loss = self.loss(self.copies[part], indices[places[part]], 1 / len(indices))
                return loss.item(), torch.autograd.grad(loss, self.parameters, allow_unused=True)

        losses, gradients = zip(*self.side_by_side([partial(compute, part) for part in range(num_parts)]))
        for parameter, *parts in zip(self.parameters, *gradients):
            # Fused AdamW reads a gradient as if it were laid out like its parameter, whatever its strides are.
            found = [part.contiguous() for part in parts if part is not None]
            parameter.grad = reduce(torch.add, found) if found else None
        self._join_carried(places)
        return math.fsum(losses)

    def side_by_side(self, works: Sequence[Callable[[], Result]]) -> list[Result]:
        """Do several pieces of work, at the same time and the first in this thread where cores are shared."""
        if not self.has_pairs and self.most_parts == 1:
            return [work() for work in works]
        futures: list[Future[Result]] = [self.pool.submit(_on, self.threads_of_each, work) for work in works[1:]]
        try:
            return [_on(self.threads_of_each, works[0]), *(future.result() for future in futures)]
        finally:
            wait(futures)

    @contextmanager
    def as_whole(self) -> Iterator[None]:
        """Compute a batch as a whole, inside a `with` block: directions at the same time where there are two."""
        if self.has_pairs:
            _use(self.threads_of_each)
            with helped_by(self.pool):
                yield
        else:
            self.use_all()
            yield

    def use_all(self) -> None:
        """Let torch compute with all threads, for what is not done side by side."""
        _use(self.num_threads)

    def close(self) -> None:
        """End the threads, and let torch compute with as many as before."""
        self.pool.shutdown()
        self.use_all()

    def _copy(self) -> nn.Module:
        """Copy the network with its carried states; all other tensors are the same ones."""
        buffers = [buffer for name, buffer in self.network.named_buffers() if name not in self.carried]
        shared = {id(tensor): tensor for tensor in (*self.network.parameters(), *buffers)}
        return copy.deepcopy(self.network, shared).train()

    def _split_carried(self, places: Sequence[np.ndarray]) -> None:
        num_rows = sum(map(len, places))
        for name in self.carried:
            whole = self.network.get_buffer(name)
            for network, part in zip(self.copies, places):
                # Before the first step there is no state of any row.
                setattr(network, name, whole[:, part] if whole.shape[1] == num_rows else whole)

    def _join_carried(self, places: Sequence[np.ndarray]) -> None:
        back = np.argsort(np.concatenate(places))
        for name in self.carried:
            parts = [network.get_buffer(name) for network, _ in zip(self.copies, places)]
            setattr(self.network, name, torch.cat(parts, 1)[:, back])


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _on(num_threads: int, work: Callable[[], Result]) -> Result:
    _use(num_threads)
    return work()


def _use(num_threads: int) -> None:
    """Let torch compute with some threads when it is called from this one."""
    if torch.get_num_threads() != num_threads:
        torch.set_num_threads(num_threads)
