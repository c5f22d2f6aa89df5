"""A trained model without torch: `load` reads an exported model folder and predicts with numpy and onnxruntime."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtag.runtime.classifier import RuntimeClassifier
    from seqtag.runtime.loading import load
    from seqtag.runtime.tagger import RuntimeTagger

__all__ = ["RuntimeClassifier", "RuntimeTagger", "load"]

_HOMES = {"RuntimeClassifier": "classifier", "RuntimeTagger": "tagger", "load": "loading"}


# Imported lazily: an export needs the formats of this folder, and none of the files that predict.
def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqtag.runtime' has no attribute {name!r}")
    return getattr(import_module(f"seqtag.runtime.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
