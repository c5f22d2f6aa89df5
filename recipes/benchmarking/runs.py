"""Start the benchmark's workers, each in its own process and interpreter, and hear what they measured.

python recipes/benchmark.py --help
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

RECIPES = Path(__file__).parents[1]


class FailedError(Exception):
    """A worker ended before its work was done; holds the last line of what it wrote to standard error."""


def ask(job, python=sys.executable, hear=None):
    """Give a job to a new worker; gives all that it said, as one mapping.

    `hear` is given each thing that it says; where it gives True or False, the worker is told to go on or to stop.
    """
    said = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        command = [python, "-m", "benchmarking.worker", json.dumps(job)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": complaints}
        with subprocess.Popen(command, env=_environment(job.get("threads", 1)), encoding="utf-8", **pipes) as process:
            for line in process.stdout:
                said |= json.loads(line)
                more = hear(json.loads(line)) if hear else None
                if more is not None:
                    process.stdin.write("more\n" if more else "enough\n")
                    process.stdin.flush()
        if process.returncode:
            complaints.seek(0)
            raise FailedError((complaints.read().strip().splitlines() or [f"ended with {process.returncode}"])[-1])
    return said


def find(pythons, systems):
    """The peers that can be imported, by name with their interpreter and version; and what the others lack."""
    found, absent = {}, {}
    for system in systems:
        python = pythons.get(system, sys.executable)
        try:
            found[system] = python, ask({"system": system, "stage": "check"}, python)["version"]
        except FailedError as error:
            absent[system] = str(error)
    return found, absent


def matrix_limit(threads):
    """The GFLOP/s of a matrix product at so many threads: the better of numpy's and torch's."""
    command = [sys.executable, "-m", "benchmarking.limit"]
    done = subprocess.run(command, env=_environment(threads), check=True, capture_output=True, text=True)
    return max(json.loads(done.stdout).values())


def _environment(threads):
    names = ("OMP", "MKL", "OPENBLAS", "BLIS", "VECLIB_MAXIMUM")
    path = os.pathsep.join([str(RECIPES), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **{f"{name}_NUM_THREADS": str(threads) for name in names}}
