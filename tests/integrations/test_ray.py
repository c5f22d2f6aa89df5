"""Ray Data itself, in one session on two cores: batches in actors, and the recipe that compares with one process."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cluster_folders import REPOSITORY, ROWS, assert_same_files, rounded
from optional_tools import need

from seqtag import DataError
from seqtag.integrations.batches import BatchPredictor

need("ray")
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own code is not as quiet as ours


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A session of Ray on this machine's own address, which reports to nobody."""
    # A folder of its own and not pytest's: the addresses of sockets have room for 107 characters.
    on_sigterm = signal.getsignal(signal.SIGTERM)  # Ray has a handler of its own, which later tests must not meet
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests" / "support")]))
        import ray

        ray.init(
            num_cpus=2,
            object_store_memory=100 << 20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        yield ray
        ray.shutdown()
        signal.signal(signal.SIGTERM, on_sigterm)


@pytest.mark.parametrize("batch_format", ["pyarrow", "numpy"])
def test_batches_in_actors_get_the_answers_of_one_process(batch_format: str, ray: Any, exported_tagger: Path):
    predictor = BatchPredictor(exported_tagger)
    wanted = predictor({"text": ROWS})["spans"]
    table = pa.table({"id": range(len(ROWS)), "text": ROWS})
    found = ray.data.from_arrow([table.slice(first, 20) for first in range(0, len(ROWS), 20)]).map_batches(
        BatchPredictor,
        fn_constructor_args=(str(exported_tagger),),
        fn_constructor_kwargs={"engine": "onnx"},
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=1,
        batch_size=8,
        batch_format=batch_format,
    )
    rows = found.take_all()
    assert [row["id"] for row in rows] == list(range(len(ROWS)))
    assert [rounded(row["spans"]) for row in rows] == list(map(rounded, wanted))
    if batch_format != "numpy":
        assert found.schema().base_schema.field("spans") == predictor.schema(table.schema).field("spans")


def test_an_error_names_its_row(ray: Any, exported_classifier: Path):
    rows = ray.data.from_arrow(pa.table({"text": ["Fine.", None]}))
    predictor = BatchPredictor(exported_classifier)
    with pytest.raises(Exception, match=r"row 1 of a batch of 2, counted from 0") as caught:
        rows.map_batches(predictor, batch_format="pyarrow").take_all()
    assert isinstance(caught.value, DataError) or "DataError" in str(caught.value)


def test_the_recipe_makes_the_same_files_on_ray(ray: Any, exported_tagger: Path, tmp_path: Path):
    assert_same_files("ray", exported_tagger, tmp_path)
