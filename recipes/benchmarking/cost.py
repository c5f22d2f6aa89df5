"""Cost against size: what a token costs seqtag's engines in short and long sentences, small batches, endless streams.

    python recipes/benchmark.py --cost

Flat is good: time a token should depend on neither, and memory not on the length of a stream.
"""

from benchmarking.runs import ask
from rich import box
from rich.table import Table

LENGTHS = (10, 30, 100, 300, 1000, 2000)
BATCHES = (256, 1024, 4096)
STREAMS = (1_000, 10_000, 100_000, 1_000_000)
STAGES = {"lengths": "tokens a sentence", "batches": "tokens a batch", "stream": "sentences in a stream"}


def cost(job, systems, streams, tell):
    """Measure each size with each engine; gives a table and all that was measured.

    Each stream has a process of its own, whose peak memory is shown; the others share one, and none is.
    """
    runs = []
    for stage, values in [("lengths", LENGTHS), ("batches", BATCHES), *(("stream", [size]) for size in streams)]:
        for system in systems:
            tell(f"{system}: {', '.join(f'{value:,}' for value in values)} {STAGES[stage]}")
            said = ask({**job, "system": system, "stage": stage, "values": values})
            rows = [{"stage": stage, "value": v, "micros": micros} for v, micros in zip(values, said["micros"])]
            runs += [{"system": system, **row, **({"mib": said["mib"]} if "mib" in said else {})} for row in rows]
    return cost_table(runs, systems, f"Cost against size, threads {job['threads']}"), runs


def cost_table(runs, systems, title):
    """Lay out a row a size, and two columns an engine."""
    laid = Table("", "", title=title, box=box.SIMPLE, title_justify="left")
    for system in systems:
        laid.add_column(f"{system}\nmicroseconds a token", justify="right")
        laid.add_column("\npeak MiB", justify="right")
    found = {(run["stage"], run["value"], run["system"]): run for run in runs}
    for stage, value in dict.fromkeys((run["stage"], run["value"]) for run in runs):
        own = [found[stage, value, system] for system in systems]
        cells = [(f"{run['micros']:.1f}", f"{run['mib']:,.0f}" if "mib" in run else "-") for run in own]
        laid.add_row(f"{value:,}", STAGES[stage], *[text for pair in cells for text in pair])
    return laid
