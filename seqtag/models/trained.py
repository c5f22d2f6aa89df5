"""What the helpers of this folder read of an estimator: its options, and what a training left in it.

The helpers take a Protocol or plain values, never the estimator itself, so that estimators import helpers and not the
other way round.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from seqtag.training.loop import EpochRecord


class EncoderOptions(Protocol):
    """The options that shape the embedder and the encoder of a tagger or classifier."""

    encoder: str
    hidden_size: int
    num_layers: int
    bias: bool
    bidirectional: bool
    merge: str
    proj_size: int
    dropout: float
    embedding_dropout: float
    word_size: int
    characters: str | None
    character_size: int
    shape_size: int
    affix_size: int
    lexical: bool
    lexical_dropout: float
    word_dropout: float
    freeze_vectors: bool
    context_size: int
    context_dropout: float
    context_learning_rate: float
    class_weights: Mapping[str, float] | None


class TaggerOptions(EncoderOptions, Protocol):
    """The options that shape the network of a tagger."""

    head: str


class ClassifierOptions(EncoderOptions, Protocol):
    """The options that shape the network of a classifier."""

    pooling: str
    segment_size: int
    max_tokens: int
    label_smoothing: float


class LanguageOptions(Protocol):
    """The options that shape the network of a language model."""

    encoder: str
    embedding_size: int
    hidden_size: int
    num_layers: int
    dropout: float
    embedding_dropout: float
    weight_drop: float
    tied: bool
    softmax_samples: int | None


class Trained(Protocol):
    """What the model card tells of any estimator that was trained."""

    encoder: str
    hidden_size: int
    num_layers: int
    history_: list[EpochRecord]
    seed_scores_: list[float]
    data_: dict[str, Any]


def tuned_rates(data: Mapping[str, Any]) -> str:
    """Say at which rate a language model was fine-tuned inside other models, each time; empty where it never was.

    `data` is the model's record of its training.

    >>> tuned_rates({"tuned_at": [0.01, 0.001]})
    'at a rate of 0.01 and then 0.001'
    """
    rates = data.get("tuned_at", ())
    return f"at a rate of {' and then '.join(f'{rate:g}' for rate in rates)}" if rates else ""
