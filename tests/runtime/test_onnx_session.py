"""Batches side by side on one graph: in order, as many at once as there are threads, and errors come through."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import ModelError
from seqtag.runtime.onnx_session import Session, open_export


@given(items=st.lists(st.integers(), max_size=20), threads=st.integers(1, 4))
def test_results_come_in_the_order_of_what_was_asked(items, threads):
    session = Session(None, threads)

    def late(item):
        time.sleep((item % 3) * 1e-4)  # the first ones need not be done first
        return item * 2

    assert list(session.each(late, items)) == [(item, item * 2) for item in items]


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_run_at_once_than_there_are_threads_and_few_results_wait(threads):
    session, lock, running, most, begun = Session(None, threads), Lock(), [0], [0], [0]

    def watched(item):
        with lock:
            running[0] += 1
            begun[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1
        return item

    for taken, (item, _) in enumerate(session.each(watched, range(20)), 1):
        assert item == taken - 1
        assert begun[0] <= taken + threads + 1
    assert most[0] == threads


def test_an_error_in_a_batch_reaches_the_caller():
    def fails(item):
        if item == 3:
            raise ValueError("batch 3")
        return item

    with pytest.raises(ValueError, match="batch 3"):
        list(Session(None, 2).each(fails, range(8)))


@given(num_tokens=st.integers(0, 10**6), most=st.integers(1, 5000), threads=st.integers(1, 64))
def test_a_small_call_is_shared_among_cores_and_no_batch_is_above_its_bound(num_tokens, most, threads):
    tokens = Session(None, threads).batch_tokens(num_tokens, most)
    assert 1 <= tokens <= most
    if threads == 1:
        assert tokens >= min(num_tokens, most)
    if 512 < tokens < most:
        assert tokens * threads >= num_tokens > (tokens - 1) * threads


_PREDICT = "import sys, time; from seqtag.runtime import load; load(sys.argv[1]).predict([['Ada']]); time.sleep(0.5)"


@pytest.mark.skipif(os.name != "posix", reason="onnxruntime keeps its files elsewhere")
def test_onnxruntime_writes_no_identifier_and_looks_up_no_name(exported_tagger: Path, tmp_path: Path):
    # without the variables of CI, which keep it from sending
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", _PREDICT, str(exported_tagger)]
    log = tmp_path.parent / "calls"
    if (tracer := shutil.which("strace")) is not None:
        words = [tracer, "-f", "-e", "trace=openat,connect,sendto", "-o", str(log), *words]
    subprocess.run(words, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
    if tracer is None:
        assert os.environ.get("CI") != "true", "strace is missing, which .ci/run installs"
        pytest.skip("no file was written; whether a name is looked up was not seen, for strace is not installed")
    calls = log.read_text()
    assert "openat" in calls
    assert not any(word in calls for word in ("resolv.conf", "/etc/hosts", "AF_INET"))


def test_an_export_whose_names_are_no_text_is_damaged(exported_tagger, tmp_path):
    for number, (old, new) in enumerate(
        [(b"emissions_BTL", b"emissions_BT\xff"), (b"weights_sha256", b"weights_sha25\xff")]
    ):
        path = tmp_path / f"{number}.onnx"
        path.write_bytes((exported_tagger / "model.onnx").read_bytes().replace(old, new))
        with pytest.raises(ModelError, match=rf"{number}\.onnx: damaged"):
            open_export(path, weights_sha256="", threads=1)
