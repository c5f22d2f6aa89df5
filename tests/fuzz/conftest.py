"""How the fuzz tests run: some seeded rounds in `make test`, and for FUZZ_SECONDS seconds in `make fuzz SECONDS=600`.

Each round draws new examples from its number, so a failure comes again with the same number of rounds or more.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))  # of all fuzz tests together; 0: the rounds of `make test`
COUNTS: Counter[str] = Counter()  # what the inputs of this process ended in

Fuzz = Callable[..., None]


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """Give `fuzz(check, strategy, rounds=1, examples=100)`, which calls `check` with examples of the strategy.

    `check` returns a word for what its input ended in, which is counted.
    """
    tests = [item for item in request.session.items if "fuzz" in getattr(item, "fixturenames", ())]

    def run(check: Callable[[Any], str], strategy: SearchStrategy[Any], rounds: int = 1, examples: int = 100) -> None:
        def counted(value: Any) -> None:
            ended = check(value)
            COUNTS[f"{request.node.name}: {ended}"] += 1

        end, number = time.monotonic() + SECONDS / len(tests), 0
        while number < rounds if not SECONDS else time.monotonic() < end:
            example_by_example = settings(
                max_examples=examples,
                database=None,
                deadline=None,
                phases=(Phase.explicit, Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            )
            seed(number)(example_by_example(given(strategy)(counted)))()
            number += 1

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many inputs there were, and what they ended in; of one process, as `make fuzz` runs them."""
    if SECONDS and COUNTS:
        terminalreporter.section(f"{sum(COUNTS.values()):,} inputs")
        for what, count in sorted(COUNTS.items()):
            terminalreporter.line(f"{count:8,}  {what}")
