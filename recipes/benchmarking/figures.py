"""From the benchmark's runs to its figures: medians with their range, ratios, shares of the machine's limit.

python recipes/benchmark.py --help
"""

import statistics

from benchmarking.limit import share_of_limit

BASE = "seqtag torch"
ENGINES = (BASE, "seqtag onnx", "seqtag int8")
FIGURES = {  # what runs say: heading, form
    "train": ("train\ntokens/s", ",.0f"),
    "train_ratio": ("train\nratio", ".2f"),
    "train_share": ("train\n% of limit", ".0f"),
    "predict": ("predict\ntokens/s", ",.0f"),
    "predict_ratio": ("predict\nratio", ".2f"),
    "predict_share": ("predict\n% of limit", ".0f"),
    "raw": ("raw text\ntokens/s", ",.0f"),
    "p50_ms": ("sentence\nmedian ms", ".2f"),
    "p99_ms": ("sentence\n99th % ms", ".2f"),
    "train_mib": ("train\npeak MiB", ",.0f"),
    "predict_mib": ("predict\npeak MiB", ",.0f"),
    "size_mb": ("model\nMB", ".1f"),
    "f1": ("dev F1", ".1f"),
    "passes": ("after\npasses", ".0f"),
}


def completed(runs, limits):
    """Add to each run its ratios to seqtag with torch in the same round, and its shares of the limit.

    `limits` has the GFLOP/s by (threads, round).

    >>> peer = {"system": "peer", "threads": 1, "round": 1, "predict": 100.0}
    >>> ours = peer | {"system": "seqtag torch", "predict": 500.0, "predict_operations": {"encoder": 1000}}
    >>> [(run["predict_ratio"], run.get("predict_share")) for run in completed([ours, peer], {(1, 1): 0.002})]
    [(1.0, 50.0), (0.2, None)]
    """
    bases = {(run["threads"], run["round"]): run for run in runs if run["system"] == BASE}
    done = []
    for run in runs:
        more, place = {}, (run["threads"], run["round"])
        for stage, passes in (("train", 3), ("predict", 1)):
            if stage in run and stage in bases.get(place, {}):
                more[f"{stage}_ratio"] = run[stage] / bases[place][stage]
            if stage in run and f"{stage}_operations" in run:
                operations = run[f"{stage}_operations"]
                more[f"{stage}_share"] = 100 * share_of_limit(operations, run[stage], limits[place], passes=passes)
        done.append(run | more)
    return done


def summary(runs):
    """Median, least and greatest of each figure, by (threads, system), in the order of the runs."""
    groups = {}
    for run in runs:
        groups.setdefault((run["threads"], run["system"]), []).append(run)
    return {
        place: {
            name: (statistics.median(values), min(values), max(values))
            for name in FIGURES
            if (values := [run[name] for run in group if name in run])
        }
        for place, group in groups.items()
    }
