"""The check that no prediction is made from numbers that are infinite or no numbers."""

from seqtag.errors import ModelError


def check_finite(is_finite: object) -> None:
    """Raise ModelError where a network computed anything but finite numbers: such a model has no answer."""
    if not is_finite:
        raise ModelError(
            "the network computes numbers that are infinite or no numbers, so it has no answer: its weights are too "
            "large, or the input is; train it again with a lower learning_rate"
        )
