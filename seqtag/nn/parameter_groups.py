"""Say which parameters are trained unlike the others. The modules that own them declare it in `PARAMETER_GROUPS`."""

from typing import Literal

from torch import nn

# Matrices shrink from step to step and vectors don't, unless a module says otherwise; tables of spelling and language
# models of a context have learning rates of their own.
Group = Literal["decayed", "undecayed", "lexical", "context"]


def parameter_groups(network: nn.Module) -> dict[nn.Parameter, Group]:
    """Give the group of each parameter: what a module declares for its member of some name, which may be a module too.

    >>> class Scores(nn.Linear):
    ...     PARAMETER_GROUPS = {"weight": "lexical"}
    >>> [*parameter_groups(nn.Sequential(Scores(2, 1), nn.Linear(1, 1))).values()]
    ['lexical', 'undecayed', 'decayed', 'undecayed']
    """
    groups: dict[nn.Parameter, Group] = {p: "decayed" if p.dim() > 1 else "undecayed" for p in network.parameters()}
    for module in network.modules():
        for name, group in getattr(module, "PARAMETER_GROUPS", {}).items():
            member = getattr(module, name)
            groups |= dict.fromkeys(member.parameters() if isinstance(member, nn.Module) else [member], group)
    return groups
