"""What all estimators share: options of the encoder and of training, checks, saving and loading.

Knows no task: what a row is, what the network is made of and what a score is, the estimators say.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import nn

from seqtag.errors import ModelError, UsageError, near_miss
from seqtag.models import options as check
from seqtag.models.fitting import is_main_process
from seqtag.store import StoredModel, read_model, write_model
from seqtag.training.device import pick_device
from seqtag.training.loop import EpochRecord

Self = TypeVar("Self", bound="Estimator")


class NotFittedModelError(UsageError, NotFittedError):
    """A method that needs a trained model was called before `fit` or `load`."""


class Fitted:
    """What `fit` and `load` leave in an estimator. No dataclass, so none of it is a constructor argument."""

    network_: Any  # a network with the head of the task
    vocabulary_: Any  # what numbers the strings; None where rows are series of numbers
    vectors_: torch.Tensor | None = None  # (V, E), until the network has them
    vectors_coverage_: float  # share of the training tokens that have a vector
    history_: list[EpochRecord]
    seed_scores_: list[float]
    interrupted_: bool
    data_: dict[str, Any]
    tuning_: Any = None  # of a tagger with thresholds: a Tuning
    context_: Any = None  # of a tagger or classifier with language models: a Context
    engines_: Any = None  # of a tagger or classifier: the Engines that its network can run on


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(Fitted, BaseEstimator):
    """Base of all estimators. The constructor stores its arguments unchanged; `fit` checks them."""

    task: ClassVar[str]

    encoder: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    dropout: float = 0.5
    embedding_dropout: float = 0.3
    min_freq: int = 1
    language: str = "xx"
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.05
    schedule: str = "linear"
    clip: float = 5.0
    patience: int = 0
    ema: float = 0.0
    dev_share: float = 0.1
    seed: int = 0
    seeds: int = 1
    device: str = "auto"
    precision: str = "fp32"

    CHECKS: ClassVar[dict[str, check.Check]] = {
        "encoder": check.one_of("rnn_tanh", "rnn_relu", "lstm", "gru"),
        "hidden_size": check.whole(1),
        "num_layers": check.whole(1),
        "dropout": check.number(0, 1, open_end=True),
        "embedding_dropout": check.number(0, 1, open_end=True),
        "min_freq": check.whole(1),
        "language": check.text,
        "epochs": check.optional(check.whole(1)),
        "batch_size": check.optional(check.whole(1)),
        "optimizer": check.one_of("adamw", "sgd"),
        "learning_rate": check.number(0),
        "weight_decay": check.number(0),
        "warmup": check.number(0, 1),
        "schedule": check.one_of("linear", "cosine", "constant"),
        "clip": check.number(0),
        "patience": check.whole(0),
        "ema": check.number(0, 1, open_end=True),
        "dev_share": check.number(0.01, 0.5),
        "seed": check.whole(0),
        "seeds": check.whole(1),
        "device": check.text,
        "precision": check.one_of("fp32", "bf16"),
    }

    def set_params(self: Self, **params: Any) -> Self:
        """Set constructor arguments; an unknown name is an error that names the nearest one."""
        check.check_names(type(self).__name__, [key.split("__")[0] for key in params], self._get_param_names())
        super().set_params(**params)
        return self

    def _check_options(self) -> None:
        check.check_options(type(self).__name__, self.get_params(deep=False), self.CHECKS)

    @classmethod
    def _training_size(cls, *, num_sentences: int, num_tokens: int) -> tuple[int, int]:
        """Epochs and rows a batch for a corpus of some size, where the user leaves them open."""
        raise AssertionError("an estimator says how long it trains")

    # -- fitted state -------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            name = type(self).__name__
            raise NotFittedModelError(f"this {name} is not trained yet; call fit(...) or {name}.load(folder) first")

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "network_"):
            raise TypeError(
                "a trained model is not pickled: pickles run code when they are read; use save() and load()"
            )
        return dict(super().__getstate__())

    def _params_to_store(self) -> dict[str, Any]:
        return dict(self.get_params(deep=False))

    def _stored(self, about: dict[str, Any], card: str) -> StoredModel:
        params = self._params_to_store()
        config = {"task": self.task, "params": params, "seed_scores": self.seed_scores_, **about}
        return StoredModel(
            config,
            {} if self.vocabulary_ is None else self.vocabulary_.to_dict(),
            dict(self.network_.state_dict()),
            [asdict(record) for record in self.history_],
            card,
        )

    @classmethod
    def _read(cls: type[Self], folder: str | Path, *, device: str) -> tuple[Self, StoredModel]:
        """Read a folder into an estimator with parameters, vocabulary and history; the network comes after."""
        stored = read_model(folder)
        if stored.config.get("task") != cls.task:
            raise UsageError(
                f"{folder}: holds a model for the task {stored.config.get('task')!r}, {cls.__name__} needs {cls.task!r}"
            )
        unknown = sorted(set(stored.config["params"]) - set(cls._get_param_names()))
        if unknown:
            known = near_miss(unknown[0], cls._get_param_names())
            raise ModelError(f"{Path(folder) / 'config.json'}: unknown option {unknown[0]!r}; {known}")
        estimator = cls(**stored.config["params"])
        estimator.device = device
        estimator.vocabulary_ = cls._read_vocabulary(stored.vocabulary) if stored.vocabulary else None
        estimator.history_ = [EpochRecord(**record) for record in stored.history]
        estimator.seed_scores_ = stored.config["seed_scores"]
        return estimator, stored

    @classmethod
    def _read_vocabulary(cls, stored: Mapping[str, Any]) -> Any:
        raise AssertionError("an estimator says what numbers its strings")

    def _install(self, network: nn.Module, stored: StoredModel, folder: str | Path) -> None:
        try:
            network.load_state_dict(stored.weights)
        except RuntimeError as error:
            raise ModelError(f"{folder}: model.safetensors does not fit config.json: {error}") from None
        self.network_ = network.to(pick_device(self.device)).eval()
        self.vectors_ = None

    def save(self, folder: str | Path) -> Path:
        """Write the model folder (see README); replaces a model that is there, and nothing else.

        Of several processes that trained one model together, the first one writes.
        """
        self._check_fitted()
        if not is_main_process():
            return Path(folder)
        place = write_model(folder, self._to_store())
        if self.engines_ is not None:  # an export that is made there is one of these weights
            self.engines_.kept_in(place)
        return place

    def _to_store(self) -> StoredModel:
        raise AssertionError("an estimator says what it stores")

    def _build_network(self) -> nn.Module:
        raise AssertionError("an estimator says what its network is made of")
