"""What all model cards have: how to train the model again, and the metadata that the Hugging Face Hub reads.

The metadata name the kind of figure that was measured on dev and not its value: the dev score chose the epoch, and so
it is no result on a test set.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any


def settings_of(changed: Mapping[str, Any]) -> str:
    """Write options as the command line takes them."""
    return "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in changed.items())


def with_metadata(
    text: str, *, pipeline: str | None, language: str | None, tags: Sequence[str], metric: str | None = None
) -> str:
    """Put the metadata that the Hugging Face Hub reads before a card."""
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        library_name="seqtag",
        pipeline_tag=pipeline,
        language=None if language in (None, "xx") else language,  # 'xx' is spaCy's name for any language
        tags=list(tags),
        metrics=None if metric is None else [metric],
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))
