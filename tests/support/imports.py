"""Which of the heavy packages a script imports, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = "torch datasets spacy pandas pyarrow sklearn scipy accelerate safetensors onnx transformers"


def heavy_imports(script: str, names: str = HEAVY) -> list[str]:
    """Run a script, and give those of the packages that are imported at its end."""
    script += f"\nimport json, sys\nprint(json.dumps([name for name in {names!r}.split() if name in sys.modules]))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert run.returncode == 0, run.stderr
    found: list[str] = json.loads(run.stdout.splitlines()[-1])
    return found
