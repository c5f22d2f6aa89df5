"""Which engine runs a network is chosen when something predicts, and nothing of the runtime is imported before."""

import subprocess
import sys

import pytest

FIT = """
import sys
from tiny import {names}
from seqtag import {kind}

estimator = {make}(epochs=1).fit({data}, dev=({data}))
print(sorted(name for name in sys.modules if name.startswith("seqtag.runtime")))
estimator.predict({rows})
print(sorted(name for name in sys.modules if name.startswith("seqtag.runtime")))
estimator.set_params(engine="onnx").predict({rows})
print("seqtag.runtime.onnx_session" in sys.modules)
"""


@pytest.mark.parametrize(
    ("kind", "make", "data"),
    [("Tagger", "tiny_tagger", "TOKENS, TAGS"), ("Classifier", "tiny_classifier", "TEXTS, LABELS")],
)
def test_neither_a_training_nor_a_prediction_with_torch_imports_the_runtime(kind: str, make: str, data: str):
    script = FIT.format(names=f"{make}, {data}", kind=kind, make=make, data=data, rows=data.split(",")[0])
    paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
    run = subprocess.run([sys.executable, "-c", paths + script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", "[]", "True"]
