"""The rounds of the benchmark: each system is trained and asked in its turn, and what it tagged is scored.

python recipes/benchmark.py --help
"""

import json
import tempfile
from pathlib import Path

from benchmarking.corpus import strict_f1
from benchmarking.figures import BASE, ENGINES
from benchmarking.runs import FailedError, ask, matrix_limit


def rounds(jobs, pythons, epochs, tell):
    """Run the jobs in their order; gives the runs, the machine's limits by (threads, round), and why systems failed.

    A peer that fails stays out of all rounds to come; that seqtag fails is an error.
    """
    runs, limits, failed = [], {}, {}
    for job in jobs:
        place, system = (job["threads"], job["round"]), job["system"]
        if place not in limits:
            limits[place] = matrix_limit(job["threads"])
        if system in failed:
            continue
        try:
            runs += turn({**job, "epochs": epochs}, pythons[system], tell)
        except FailedError as error:
            if system == BASE:
                raise
            failed[system] = str(error)
            tell(f"{system} failed: {error}")
    return runs, limits, failed


def turn(job, python, tell):
    """Train one system and ask it, seqtag through each engine; gives a run for each."""
    where = f"threads {job['threads']}, round {job['round']}: "
    gold = json.dumps(json.loads((Path(job["corpus"]) / "dev.json").read_text(encoding="utf-8"))["tags"])
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        job = {**job, "model": str(Path(folder) / "model")}
        tell(f"{where}{job['system']} trains")
        trained = ask({**job, "stage": "train"}, python)
        for system in ENGINES if job["system"] == BASE else [job["system"]]:
            tell(f"{where}{system} predicts")
            found = ask({**job, "stage": "predict", "system": system}, python)
            found["f1"] = strict_f1(gold, json.dumps(found.pop("tags")))
            # An export has not been trained itself.
            shared = trained if system == job["system"] else {k: trained[k] for k in ("passes", "predict_operations")}
            runs.append({"system": system, "threads": job["threads"], "round": job["round"], **shared, **found})
    return runs
