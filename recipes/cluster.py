"""Find the spans, or the classes, of the texts in a folder of Parquet files, on one machine or on many.

    python recipes/cluster.py MODEL TEXTS OUT [--on process|ray|spark] [--workers N] [--column text]

Each file of the folder TEXTS becomes a file of the same name in the folder OUT, with the same rows in the same order
and the columns that `BatchPredictor` adds. A file is the unit of work: it is written under another name and then
renamed, so a file that is there is whole. Started again, the recipe skips finished files, and makes anew those that
came from another input, another model or other options. MODEL and both folders must be where every worker finds them
under one path. One run at a time may write to OUT.

`--on process` works in this process alone. `--on ray` works on the cluster that RAY_ADDRESS names, `--on spark` on the
one that spark-submit or `--master` names; without one, both work on the cores of this machine. The exit code is 1 if
a file could not be finished; the other files are finished all the same.
"""

import argparse
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import Progress

from seqtag import SeqtagError
from seqtag.integrations.batches import BatchPredictor

ROWS = 2048  # are read, answered and written together
NOTE = b"seqtag"  # the key in a file's metadata under which it says what it was made from


@dataclass
class FileMaker:
    """Makes a file of answers from a file of texts; workers get it as a few strings."""

    model: str
    out: Path
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.predictor = BatchPredictor(self.model, **self.options)

    def target(self, file: str) -> Path:
        """Give the file of answers for a file of texts."""
        return self.out / Path(file).name

    def made_from(self, file: str) -> bytes:
        """Write down what decides a file of answers: its input, the model and the options."""
        about = os.stat(file)
        made = {"size": about.st_size, "changed": about.st_mtime_ns, "model": self.predictor.fingerprint}
        return json.dumps({**made, **self.options}, sort_keys=True).encode()

    def is_finished(self, file: str) -> bool:
        """Tell whether the file of answers is there and was made from just this."""
        try:
            note = (pq.read_schema(self.target(file)).metadata or {}).get(NOTE)
        except (OSError, pa.ArrowInvalid):
            return False
        return note == self.made_from(file)

    def __call__(self, row: dict[str, str]) -> dict[str, Any]:
        """Make the file that a row names; says how many rows it has, or why there is none."""
        file, num_rows = row["file"], 0
        target = self.target(file)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        try:
            with pq.ParquetFile(file) as source:
                schema = self.predictor.schema(source.schema_arrow)
                schema = schema.with_metadata({**(schema.metadata or {}), NOTE: self.made_from(file)})
                with pq.ParquetWriter(partial, schema) as writer:
                    for batch in source.iter_batches(ROWS):
                        writer.write_batch(self.predictor(batch).replace_schema_metadata(schema.metadata))
                        num_rows += batch.num_rows
            partial.replace(target)
        except (SeqtagError, OSError, pa.ArrowException) as error:
            return {"rows": 0, "error": f"{file}, in the batch from row {num_rows}: {error}"}
        finally:
            partial.unlink(missing_ok=True)
        return {"rows": num_rows, "error": ""}


def on_process(make: FileMaker, files: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for file in files:
        yield make({"file": file})


def on_ray(make: FileMaker, files: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports on its use over the network unless told not to
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level="WARNING")
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one already
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # A block per file, so that each file is known as soon as it is finished.
    listed = ray.data.from_items([{"file": file} for file in files], override_num_blocks=len(files))
    actors = ray.data.ActorPoolStrategy(size=given.workers)
    made = listed.map(FileMaker, fn_constructor_args=(make.model, make.out, make.options), compute=actors, num_cpus=1)
    yield from made.iter_rows()


def on_spark(make: FileMaker, files: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    spark = SparkSession.getActiveSession()
    if spark is None:
        builder = SparkSession.builder.config("spark.ui.showConsoleProgress", "false")  # there is a bar already
        if given.master or "PYSPARK_GATEWAY_PORT" not in os.environ:  # which spark-submit sets
            builder = builder.master(given.master or f"local[{given.workers}]")
        spark = builder.getOrCreate()
    context = spark.sparkContext

    def made(file: str) -> dict[str, Any]:
        return context.parallelize([file], 1).map(lambda name: make({"file": name})).collect()[0]

    # A job per file, as many at a time as there are workers, so that each file is known as soon as it is finished.
    with ThreadPoolExecutor(given.workers) as pool:
        for done in as_completed([pool.submit(made, file) for file in files]):
            yield done.result()


ENGINES = {"process": on_process, "ray": on_ray, "spark": on_spark}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a trained tagger or classifier, or its name on the hub")
    parser.add_argument("texts", type=Path, help="folder of Parquet files")
    parser.add_argument("out", type=Path, help="folder for the files of answers")
    parser.add_argument("--on", choices=ENGINES, default="process", help="default: %(default)s")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="on Ray and Spark; default: one per core")
    parser.add_argument("--column", default="text", help="of the texts, or lists of tokens; default: %(default)s")
    parser.add_argument("--engine", default="auto", help="auto, torch, onnx or onnx-int8; default: %(default)s")
    parser.add_argument("--on-error", choices=("stop", "null", "drop"), default="stop", help="default: %(default)s")
    parser.add_argument("--master", help="of a Spark cluster; default: that of spark-submit, or else this machine")
    given = parser.parse_args(arguments)

    files = sorted(str(path.absolute()) for path in given.texts.glob("*.parquet"))
    if not files:
        parser.error(f"{given.texts}: no file *.parquet is there")
    given.out.mkdir(parents=True, exist_ok=True)
    if given.out.samefile(given.texts):
        parser.error(f"{given.out}: the answers would replace the texts; name another folder")
    for left_over in given.out.glob(".*.partial"):
        left_over.unlink()
    options = {"column": given.column, "engine": given.engine, "on_error": given.on_error}
    make = FileMaker(given.model, given.out.absolute(), options)
    make.predictor(pq.read_schema(files[0]).empty_table())  # a wrong column or model is better known now
    todo = [file for file in files if not make.is_finished(file)]
    if find_spec({"ray": "ray", "spark": "pyspark"}.get(given.on, "seqtag")) is None:
        parser.error(f'--on {given.on}: its package is not installed; run: pip install "seqtag[{given.on}]"')
    begin, num_rows, errors = time.perf_counter(), 0, []
    if todo:
        with Progress(console=Console(stderr=True)) as progress:
            bar = progress.add_task(f"files, on {given.on}", total=len(files), completed=len(files) - len(todo))
            for made in ENGINES[given.on](make, todo, given):
                num_rows += made["rows"]
                errors += [made["error"]] * bool(made["error"])
                progress.advance(bar)
    seconds = time.perf_counter() - begin
    print(
        f"{given.out}: {len(todo) - len(errors)} files finished, {len(files) - len(todo)} were so already; "
        f"{num_rows:,} rows in {seconds:.1f} s, {num_rows / max(seconds, 1e-9):,.0f} rows/s"
    )
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return int(bool(errors))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on with the files that are not finished")
    except SeqtagError as error:
        sys.exit(f"error: {error}")
