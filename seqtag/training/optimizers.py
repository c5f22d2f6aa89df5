"""Move the parameters: optimisers, their rate at a step, and the moving average. Knows no loop and no data.

torch's own schedulers and AveragedModel are not used, though their numbers can be made equal: a LambdaLR sets a rate at
the end of the step before, when the number of steps of the next epoch is not yet known, and AveragedModel copies all
buffers at each step, which fails where they change their size, as the carried states of a language model do.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train; the estimators' constructor arguments of the same names."""

    epochs: int
    batch_size: int  # sentences
    max_tokens: int  # of a batch, padding included
    optimizer: str  # adamw | sgd
    learning_rate: float
    lexical_learning_rate: float
    context_learning_rate: float
    weight_decay: float
    warmup: float  # share of all steps
    schedule: str  # linear | cosine | constant
    clip: float  # largest norm of the dense gradient; 0: none
    patience: int  # epochs without a better dev score; 0: never stop early
    ema: float  # decay of the moving average; 0: none
    seed: int
    device: str  # auto | cpu | cuda | ...
    precision: str  # fp32 | bf16


def build_optimizers(network: nn.Module, options: TrainingOptions) -> list[torch.optim.Optimizer]:
    """Make AdamW for what every step touches, RowAdam for the tables of which a step touches a few rows.

    So the cost of a step depends on the batch, not on the vocabulary. Biases, the CRF's scores and the tables don't
    decay, nor do the language models of a context: what they learned before would be lost. With `sgd` both parts are
    plain SGD, the first with momentum 0.9.
    """
    groups: dict[str, dict[str, Any]] = {
        "decayed": {"params": [], "weight_decay": options.weight_decay},
        "undecayed": {"params": [], "weight_decay": 0.0},
        "context": {"params": [], "weight_decay": 0.0, "lr": options.context_learning_rate},
        "lexical": {"params": [], "weight_decay": 0.0, "lr": options.lexical_learning_rate},
    }
    tables, sparse = [], sparse_tables(network)
    for parameter, group in parameter_groups(network).items():
        if parameter in sparse and parameter.requires_grad:
            rate = options.lexical_learning_rate if group == "lexical" else options.learning_rate
            tables.append({"params": [parameter], "lr": rate})
        elif parameter.requires_grad:
            groups[group]["params"].append(parameter)
    # Of parts with a rate of their own most networks have none.
    dense = [group for group in groups.values() if group["params"] or "lr" not in group]
    is_sgd = options.optimizer == "sgd"
    if is_sgd:
        chosen: list[torch.optim.Optimizer] = [torch.optim.SGD(dense, lr=options.learning_rate, momentum=0.9)]
    else:
        chosen = [torch.optim.AdamW(dense, lr=options.learning_rate, fused=True)]
    if tables:
        chosen.append(torch.optim.SGD(tables) if is_sgd else RowAdam(tables))
    return chosen


def parameter_groups(network: nn.Module) -> dict[nn.Parameter, str]:
    """Give the group of each parameter: what a module's `PARAMETER_GROUPS` say of it, or of a module that it lies in.

    Matrices shrink from step to step and vectors do not, unless a module says otherwise: the groups are "decayed" and
    "undecayed". The tables of spelling ("lexical") and the language models of a context ("context") have rates of their
    own.

    >>> class Scores(nn.Linear):
    ...     PARAMETER_GROUPS = {"weight": "lexical"}
    >>> [*parameter_groups(nn.Sequential(Scores(2, 1), nn.Linear(1, 1))).values()]
    ['lexical', 'undecayed', 'decayed', 'undecayed']
    """
    groups: dict[nn.Parameter, str] = {p: "decayed" if p.dim() > 1 else "undecayed" for p in network.parameters()}
    for module in network.modules():
        for name, group in getattr(module, "PARAMETER_GROUPS", {}).items():
            member = getattr(module, name)
            groups |= dict.fromkeys(member.parameters() if isinstance(member, nn.Module) else [member], group)
    return groups


class RowAdam(torch.optim.SparseAdam):
    """torch's SparseAdam, the same numbers, several times as fast: it moves whole rows and makes no sparse tensors.

    A row that a step does not touch stays the same, and so do its moments.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step with the rows of each table that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for table_VD in group["params"]:
                if table_VD.grad is None:
                    continue
                state = self.state[table_VD]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(table_VD), exp_avg_sq=torch.zeros_like(table_VD))
                state["step"] += 1
                gradient = table_VD.grad.coalesce()
                rows_R, gradient_RD = gradient.indices()[0], gradient.values()
                mean_RD = state["exp_avg"].index_select(0, rows_R).lerp_(gradient_RD, 1 - beta1)
                square_RD = state["exp_avg_sq"].index_select(0, rows_R).lerp_(gradient_RD.square(), 1 - beta2)
                state["exp_avg"].index_copy_(0, rows_R, mean_RD)
                state["exp_avg_sq"].index_copy_(0, rows_R, square_RD)
                bias = math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
                moved_RD = mean_RD.div_(square_RD.sqrt_().add_(group["eps"]))
                table_VD.index_add_(0, rows_R, moved_RD, alpha=-group["lr"] * bias)


def sparse_tables(network: nn.Module) -> set[Tensor]:
    """Give the tables whose gradient names only the rows that a batch touched."""
    return {module.weight for module in network.modules() if isinstance(module, nn.Embedding) and module.sparse}


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Give what the optimisers remember as tensors, by number/parameter/name; `restore_optimizers` takes them back."""
    return {
        f"{number}/{parameter}/{name}": torch.as_tensor(value)
        for number, optimizer in enumerate(optimizers)
        for parameter, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def restore_optimizers(optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    stored = [{**optimizer.state_dict(), "state": {}} for optimizer in optimizers]
    for key, value in tensors.items():
        number, parameter, name = key.split("/")
        # RowAdam counts its steps in a plain int, AdamW in a float tensor.
        counts = name == "step" and not value.is_floating_point()
        stored[int(number)]["state"].setdefault(int(parameter), {})[name] = int(value) if counts else value
    for optimizer, state in zip(optimizers, stored):
        optimizer.load_state_dict(state)


def schedule_factor(schedule: str, *, step: int, total_steps: int, warmup: float) -> float:
    """Give the share of the learning rate at a step: it rises in a line over the warm-up, then falls to 0 or stays.

    >>> [schedule_factor("linear", step=s, total_steps=10, warmup=0.2) for s in (0, 1, 2, 6)]
    [0.5, 1.0, 1.0, 0.5]
    """
    rise = warmup * total_steps
    if step < rise:
        return min(1.0, (step + 1) / rise)
    # Epochs may differ by a few batches, so a step can lie behind the end that its own epoch reckons with.
    through = min(1.0, (step - rise) / max(1.0, total_steps - rise))
    if schedule == "constant":
        return 1.0
    return 1 - through if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * through))


def set_rates(optimizers: Sequence[torch.optim.Optimizer], rates: Sequence[Sequence[float]], factor: float) -> None:
    """Set the rate of each group of parameters to a share of its own."""
    for optimizer, group_rates in zip(optimizers, rates):
        for group, rate in zip(optimizer.param_groups, group_rates):
            group["lr"] = rate * factor


class MovingAverage:
    """An exponential moving average of a network's parameters; with a decay of 0 there is none, and nothing is done."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.parameters: list[Tensor] = list(network.parameters())
        self.decay = decay
        self.values = [p.detach().clone() for p in self.parameters] if decay else []

    def update(self, step: int) -> None:
        """Take in the parameters after a step, counted from 0."""
        if self.values:
            # The memory is short at first, so that the random start does not hold the average back.
            decay = min(self.decay, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(self.values, self.parameters, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Hold the averages in the place of the parameters inside a `with` block."""
        kept = [parameter.data for parameter in self.parameters]
        try:
            for parameter, value in zip(self.parameters, self.values):
                parameter.data = value
            yield
        finally:
            for parameter, value in zip(self.parameters, kept):
                parameter.data = value
