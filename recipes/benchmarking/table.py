"""Lay out the benchmark's figures: one table, a row a system, a part for each number of threads.

python recipes/benchmark.py --help
"""

from benchmarking.figures import FIGURES
from rich import box
from rich.table import Table


def cell(figure, form):
    """A median, and below it the range where it shows.

    >>> cell((2.0, 1.0, 3.5), ".1f"), cell((2.0, 2.0, 2.01), ".1f"), cell(None, ".1f")
    ('2.0\\n1.0-3.5', '2.0', '-')
    """
    if figure is None:
        return "-"
    median, low, high = (format(value, form) for value in figure)
    return median if low == high else f"{median}\n{low}-{high}"


def table(figures):
    """Lay out what `summary` gives: a row a system, a part for each number of threads."""
    laid = Table("threads", "system", box=box.SIMPLE, pad_edge=False)
    for heading, _ in FIGURES.values():
        laid.add_column(heading, justify="right", no_wrap=True)
    last = None
    for (threads, system), found in figures.items():
        if last not in (None, threads):
            laid.add_section()
        last = threads
        cells = (cell(found.get(name), form) for name, (_, form) in FIGURES.items())
        laid.add_row(str(threads), system, *cells)
    return laid
