"""Which engine runs a network is chosen when something predicts, and nothing of the runtime is imported before."""

import subprocess
from pathlib import Path

SCRIPT = """
import sys
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

tagger = tiny_tagger(epochs=1).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
classifier = tiny_classifier(epochs=1).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
print(sorted(name for name in sys.modules if name.startswith("seqtag.runtime")))
for estimator, rows in ((tagger, TOKENS), (classifier, TEXTS)):
    estimator.predict(rows)
print(sorted(name for name in sys.modules if name.startswith("seqtag.runtime")))
tagger.set_params(engine="onnx").predict(TOKENS)
print("seqtag.runtime.tagging_engine" in sys.modules, "seqtag.runtime.classifying_engine" in sys.modules)
classifier.set_params(engine="onnx").predict(TEXTS)
print("seqtag.runtime.classifying_engine" in sys.modules)
"""


def test_neither_a_training_nor_a_prediction_with_torch_imports_the_runtime(commands: Path, tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    run = subprocess.run([commands / "forked-python", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", "[]", "True False", "True"]
