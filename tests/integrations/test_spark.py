"""Spark itself, in one local session of two cores: both kinds of batches, and the recipe compared with one process."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_folders import REPOSITORY, ROWS, assert_same_files, rounded
from optional_tools import need
from tiny import TEXTS

from seqtag.integrations.batches import BatchPredictor

need("pyspark")
pytestmark = pytest.mark.filterwarnings("default")  # pyspark warns of pandas 3 whenever a frame is touched


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session on this machine's own address."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        in_ci = os.environ.get("CI") == "true"
        assert not in_ci, "CI must have Java 17 or newer for Spark: .ci/run installs it"
        pytest.skip("needs Java 17 or newer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests" / "support")]))
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "512m",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "8",
        }
        session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


@pytest.mark.parametrize("way", ["mapInPandas", "mapInArrow"])
def test_batches_get_the_answers_of_one_process(way: str, spark: Any, exported_tagger: Path):
    frame = spark.createDataFrame([*enumerate(ROWS), (len(ROWS), None)], "id BIGINT, text STRING").repartition(2)
    predictor = BatchPredictor(exported_tagger, on_error="null")
    answered = getattr(frame, way)(predictor.for_spark(), schema=predictor.spark_schema(frame))
    rows = sorted(answered.collect(), key=lambda row: row.id)
    assert [row.text for row in rows] == [*ROWS, None]
    assert rows.pop().spans is None
    wanted = BatchPredictor(exported_tagger)({"text": ROWS})["spans"]
    assert [rounded(row.spans) for row in rows] == list(map(rounded, wanted))


def test_a_frame_of_texts_alone_needs_no_frame_for_its_schema(spark: Any, exported_classifier: Path):
    predictor = BatchPredictor(exported_classifier)
    frame = spark.createDataFrame([(text,) for text in TEXTS], "text STRING").coalesce(1)
    rows = frame.mapInPandas(predictor.for_spark(), schema=predictor.spark_schema()).collect()
    assert [row.label for row in rows] == predictor({"text": TEXTS})["label"]
    assert all(0 < row.label_score <= 1 for row in rows)


def test_an_error_names_its_row(spark: Any, exported_classifier: Path):
    predictor = BatchPredictor(exported_classifier)
    frame = spark.createDataFrame([("Fine.",), (None,)], "text STRING").coalesce(1)
    with pytest.raises(Exception, match=r"row 1 of a batch of 2, counted from 0"):
        frame.mapInArrow(predictor.for_spark(), schema=predictor.spark_schema()).collect()


def test_the_recipe_makes_the_same_files_on_spark(spark: Any, exported_tagger: Path, tmp_path: Path):
    assert_same_files("spark", exported_tagger, tmp_path)
