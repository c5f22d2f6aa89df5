"""A trained model without torch: `load` reads an exported model folder and predicts with numpy and onnxruntime."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtag.runtime.loading import RuntimeClassifier, RuntimeTagger, load

__all__ = ["RuntimeClassifier", "RuntimeTagger", "load"]


# Imported lazily: an export needs the formats of this folder, and none of the files that predict.
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'seqtag.runtime' has no attribute {name!r}")
    return getattr(import_module("seqtag.runtime.loading"), name)


def __dir__() -> list[str]:
    return __all__
