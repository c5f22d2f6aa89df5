"""A trained tagger without torch: `load` reads an exported model folder and predicts with numpy and onnxruntime."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtag.runtime.tagger import RuntimeTagger, load

__all__ = ["RuntimeTagger", "load"]


# Lazily, since an export needs the graph from here and none of what predicts.
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'seqtag.runtime' has no attribute {name!r}")
    from seqtag.runtime import tagger

    return getattr(tagger, name)


def __dir__() -> list[str]:
    return __all__
