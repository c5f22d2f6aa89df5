"""A cache beside a language model: what came after places like this one, a little earlier in the same text.

Grave, Joulin and Usunier 2017, https://arxiv.org/abs/1612.04426. Nothing in it is trained. Never sees a string.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from seqtag.errors import UsageError

# T symbols of a window, M remembered before it, E width of the scores' input, F values of flatness


@dataclass(frozen=True, slots=True)
class Cache:
    """How a cache reads along: how far back, how it compares places, and how much it says.

    A place that is remembered counts e to `flatness` times its likeness to this one (the product of what the network's
    scores are made of); 0 counts all alike. What the cache says has `share` of the whole, the network the rest. Raises
    UsageError for a size below 1, a flatness below 0 and a share that is not between 0 and 1.
    """

    size: int = 2000
    flatness: float = 0.3
    share: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not isinstance(self.size, Integral) or isinstance(self.size, bool) or self.size < 1:
            raise UsageError(f"size: must be a whole number, at least 1, not {self.size!r}")
        if not (self.flatness >= 0 and 0 < self.share < 1):
            raise UsageError(f"{self}: flatness must be at least 0, and share between 0 and 1")

    def mix(self, losses_T: Tensor, cache_losses_T: Tensor) -> Tensor:
        """Give the losses of both together, from those of the network and those of the cache, in nats."""
        share = losses_T.new_tensor(self.share)
        return -torch.logaddexp(torch.log1p(-share) - losses_T, share.log() - cache_losses_T)


class CacheMemory:
    """The places of one text, each with the symbol that came there; the latest `size` of them are kept.

    >>> memory, hidden_TE = CacheMemory(5, width=2), torch.zeros(3, 2)
    >>> memory.losses(hidden_TE, torch.tensor([7, 8, 7]), torch.tensor([1.5, 1.5, 1.5]), [0.3])
    tensor([[1.5000,    inf, 0.6931]])
    """

    def __init__(self, size: int, *, width: int) -> None:
        self.size = size
        self.hidden_ME = torch.zeros(0, width)
        self.symbols_M = torch.zeros(0, dtype=torch.int64)

    def losses(self, hidden_TE: Tensor, targets_T: Tensor, losses_T: Tensor, flatness: Sequence[float]) -> Tensor:
        """Give minus the log probability of each target by the cache alone, (F, T), then remember the window.

        The result is infinite where the target is not remembered. The first symbol of a text, before which nothing
        stands, has the loss of the network, `losses_T`, so that a mix of both is the network's.
        """
        hidden_ME = torch.cat([self.hidden_ME.to(hidden_TE), hidden_TE])
        symbols_M = torch.cat([self.symbols_M.to(targets_T), targets_T])
        back_TM = torch.arange(len(hidden_ME) - len(hidden_TE), len(hidden_ME), device=hidden_TE.device)[:, None]
        back_TM = back_TM - torch.arange(len(hidden_ME), device=hidden_TE.device)  # how many symbols ago
        is_known_TM = (back_TM > 0) & (back_TM <= self.size)
        is_target_TM = is_known_TM & (symbols_M == targets_T[:, None])
        alike_TM = hidden_TE @ hidden_ME.T
        found = []
        for value in flatness:
            scores_TM = alike_TM * value
            among_T = scores_TM.masked_fill(~is_known_TM, -torch.inf).logsumexp(-1)
            found.append(among_T - scores_TM.masked_fill(~is_target_TM, -torch.inf).logsumexp(-1))
        self.hidden_ME, self.symbols_M = hidden_ME[-self.size :], symbols_M[-self.size :]
        return torch.where(is_known_TM.any(-1), torch.stack(found), losses_T)
