"""Which options of a tagger or classifier go together: what `fit` refuses although each value by itself is fine."""

from collections.abc import Mapping
from typing import Any

from seqtag.errors import UsageError

# What only an encoder reads, or what it reads. The linear scores have no part in any of it.
ENCODER_ALONE = (
    *("hidden_size", "num_layers", "dropout", "bias", "bidirectional", "merge", "proj_size", "weight_decay"),
    *("word_size", "characters", "character_size", "shape_size", "affix_size", "embedding_dropout", "word_dropout"),
    *("vectors", "vectors_keep", "vectors_precision", "freeze_vectors"),
    *("context", "context_size", "context_dropout", "context_learning_rate"),
    "gazetteer_size",
    *("pooling", "segment_size"),
)


def check_combinations(name: str, params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise UsageError, in the name of an estimator, where options contradict each other or would change nothing."""
    encoder = params["encoder"]
    if encoder is None and not params["lexical"]:
        raise UsageError(
            f"{name}: encoder=None leaves the linear scores alone, and lexical=False leaves them out too; leave out "
            "one of the two"
        )
    idle = [key for key in ENCODER_ALONE if key in params and params[key] != defaults[key]]
    if encoder is None and idle:
        raise UsageError(
            f"{name}: encoder=None leaves the linear scores alone, and these options are about an encoder: "
            f"{', '.join(f'{key}={params[key]!r}' for key in idle)}; leave them out, or choose an encoder"
        )
    if params["proj_size"] and (encoder != "lstm" or params["proj_size"] >= params["hidden_size"]):
        raise UsageError(
            f"{name}: proj_size={params['proj_size']} needs encoder='lstm' (is {encoder!r}) "
            f"and a hidden_size above it (is {params['hidden_size']})"
        )
    if params["vectors"] is not None and params.get("start_from") is not None:
        raise UsageError(
            f"{name}: vectors={params['vectors']!r} would be those of another model than start_from="
            f"{params['start_from']!r}, which brings its own; leave out one of the two"
        )
    if params["context_learning_rate"] and params["context"] is None and params.get("start_from") is None:
        raise UsageError(
            f"{name}: context_learning_rate={params['context_learning_rate']:g} is the rate of the "
            "language models of a context, and there are none; give them, context=[...], or leave the rate at 0"
        )
