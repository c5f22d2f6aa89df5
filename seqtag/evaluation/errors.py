"""The errors of a model of any task: how often each kind occurs, which labels are taken for which, and examples.

tagging/errors.py and classifying/errors.py find the errors, and reporting/ lays them out.
"""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from seqtag.reporting.sections import Example

RIGHT = "right"  # the kind of an example without an error
MOST_RIGHT_EXAMPLES = 20
_MOST_NAMED = 10  # confusions that have a name of their own

Item = TypeVar("Item")
Pair = TypeVar("Pair", bound=Hashable)  # a label of gold, and the one predicted in its place


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of a system."""

    counts: dict[str, int]  # kind -> how often; right answers are not counted here
    confusions: tuple[tuple[Any, Any, int], ...]  # gold, predicted, how often
    num_wrong: int  # sentences or texts with an error
    examples: tuple[Example, ...]  # all of them, or a sample; empty if the words are unknown
    right_examples: tuple[Example, ...]  # a few sentences or texts without an error; empty if the words are unknown
    confident: tuple[str, ...]  # where errors with a probability of at least 0.9 stand, the surest first

    @property
    def total(self) -> int:
        """How many errors there are."""
        return sum(self.counts.values())

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, by field."""

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """The kinds that occur, with their numbers."""
        return tuple((kind, count) for kind, count in self.counts.items() if count)


def surest_places(places: Iterable[tuple[float, str]], *, least: float) -> tuple[str, ...]:
    """Give the places of errors with a probability of at least `least`, the surest first, each once.

    >>> surest_places([(0.95, "text 3"), (0.99, "text 7"), (0.5, "text 9"), (0.91, "text 7")], least=0.9)
    ('text 7', 'text 3')
    """
    sure = sorted((item for item in places if item[0] >= least), key=lambda item: -item[0])
    return tuple(dict.fromkeys(place for _, place in sure))


def plain_example(example: Example) -> dict[str, Any]:
    """Give an example as plain JSON values, without its marks."""
    return {"place": example.place, "kinds": list(example.kinds), "text": example.text, "note": example.note}


def name_confusions(
    confusions: Iterable[tuple[Pair, int]], name: Callable[[Pair], str], *, others: str
) -> tuple[dict[Pair, str], dict[str, int]]:
    """Make a kind of error of each of the first ten confusions, and one of all `others`; give names and numbers.

    >>> name_confusions([("ab", 3), ("ba", 1)], " -> ".join, others="other tags")
    ({'ab': 'a -> b', 'ba': 'b -> a'}, {'a -> b': 3, 'b -> a': 1})
    """
    names: dict[Pair, str] = {}
    counts: dict[str, int] = {}
    for rank, (pair, count) in enumerate(confusions):
        names[pair] = name(pair) if rank < _MOST_NAMED else others
        counts[names[pair]] = counts.get(names[pair], 0) + count
    return names, counts


def evenly_spaced(items: Sequence[Item], most: int) -> list[Item]:
    """Choose at most `most` items, evenly spaced.

    >>> evenly_spaced("abcdef", 3)
    ['a', 'c', 'e']
    """
    number = min(most, len(items))
    return [items[index * len(items) // number] for index in range(number)]
