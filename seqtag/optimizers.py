"""Which optimiser moves which parameter, and how far at which step. Knows parameters; knows no loop and no data."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from seqtag.training import TrainingOptions


def build_optimizers(network: nn.Module, options: "TrainingOptions") -> list[torch.optim.Optimizer]:
    """AdamW for what every step touches, SparseAdam for the tables of which a step touches a few rows.

    So a step's cost follows the batch, not the vocabulary. Biases, the CRF's scores and the tables don't decay. With
    `sgd` both parts are plain SGD, the first with momentum 0.9.
    """
    decayed: list[Tensor] = []
    level: list[Tensor] = []
    tables: list[dict[str, Any]] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if is_sparse(network, parameter):
            rate = options.lexical_learning_rate if "lexical" in name else options.learning_rate
            tables.append({"params": [parameter], "lr": rate})
        else:
            (decayed if parameter.dim() > 1 and "transitions" not in name else level).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": level, "weight_decay": 0.0},
    ]
    if options.optimizer == "sgd":
        chosen: list[torch.optim.Optimizer] = [torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9)]
        return chosen + ([torch.optim.SGD(tables)] if tables else [])
    chosen = [torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)]
    return chosen + ([torch.optim.SparseAdam(tables)] if tables else [])


def is_sparse(network: nn.Module, parameter: Tensor) -> bool:
    """Tell whether a parameter is a table whose gradient names the rows that a batch touched."""
    return any(
        parameter is module.weight for module in network.modules() if isinstance(module, nn.Embedding) and module.sparse
    )


def schedule_factor(schedule: str, *, step: int, total_steps: int, warmup: float) -> float:
    """Share of the learning rate at a step: up in a line over the warm-up, then down to 0 (or level).

    >>> [schedule_factor("linear", step=s, total_steps=10, warmup=0.2) for s in (0, 1, 2, 6)]
    [0.5, 1.0, 1.0, 0.5]
    """
    rise = warmup * total_steps
    if step < rise:
        return min(1.0, (step + 1) / rise)
    through = (step - rise) / max(1.0, total_steps - rise)
    if schedule == "constant":
        return 1.0
    return 1 - through if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * through))
