"""What all estimators share: options of the encoder and of training, checks, saving and loading.

Knows no task: what a row is, what the network is made of and what a score is, the estimators say.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from seqtag.errors import ModelError, UsageError, near_miss
from seqtag.models import options as check
from seqtag.models.fitting import is_main_process
from seqtag.models.options import option
from seqtag.models.scikit_learn import BaseEstimator
from seqtag.store import StoredModel, read_model, write_model
from seqtag.training.device import pick_device
from seqtag.training.watchers import EpochRecord

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

    encoder: str = option(
        "lstm",
        check.one_of("rnn_tanh", "rnn_relu", "lstm", "gru"),
        "A recurrent network of this kind, one of torch's, reads the text.",
        "encoder",
    )
    hidden_size: int = option(
        128, check.whole(1), "Each layer of the encoder has this many units per direction.", "encoder"
    )
    num_layers: int = option(1, check.whole(1), "The encoder has this many layers, one upon the other.", "encoder")
    dropout: float = option(
        0.5,
        check.fraction,
        "Training drops this share of the units between the encoder's layers and after it.",
        "encoder",
    )
    embedding_dropout: float = option(
        0.3, check.fraction, "Training drops this share of the numbers that describe a token to the encoder.", "tokens"
    )
    min_freq: int = option(
        1, check.whole(1), "A word that occurs less often than this in the training data counts as unknown.", "tokens"
    )
    language: str = option(
        "xx", check.text, "Raw text is cut into tokens by spaCy's rules for this language; 'xx' is for any.", "tokens"
    )
    epochs: int | None = option(
        None,
        check.optional(check.whole(1)),
        "Training passes over the data this many times; None chooses by the number of training tokens.",
        "training",
    )
    batch_size: int | None = option(
        None,
        check.optional(check.whole(1)),
        "Each step of training reads at most this many rows; None takes 8 for a Tagger with fewer than 1,000 "
        "sentences, else 32.",
        "training",
    )
    optimizer: str = option(
        "adamw", check.one_of("adamw", "sgd"), "This rule moves the weights: AdamW, or SGD with momentum.", "training"
    )
    learning_rate: float = option(
        2e-3, check.number(0), "The weights move at this rate once the warm-up is over.", "training"
    )
    weight_decay: float = option(
        0.01, check.number(0), "Each step shrinks weight matrices by this number times the learning rate.", "training"
    )
    warmup: float = option(
        0.05, check.number(0, 1), "The learning rate rises from near 0 during this share of all steps.", "training"
    )
    schedule: str = option(
        "linear",
        check.one_of("linear", "cosine", "constant"),
        "After the warm-up the learning rate falls to 0 along this curve, or stays constant.",
        "training",
    )
    clip: float = option(
        5.0, check.number(0), "A gradient of a larger norm is scaled down to this norm; 0 never does.", "training"
    )
    patience: int = option(
        0,
        check.whole(0),
        "Training ends after this many epochs in a row without a better dev score, unless it is 0.",
        "training",
    )
    ema: float = option(
        0.0,
        check.fraction,
        "The model is a moving average of the weights, which keeps this share of itself per step, or none at 0.",
        "training",
    )
    dev_share: float = option(
        0.1,
        check.number(0.01, 0.5),
        "Without dev data, this share of the training data is held out as such.",
        "training",
    )
    seed: int = option(
        0,
        check.whole(0),
        "All chance comes from this number. The same seed gives the same weights, bit for bit, with the same data, "
        "options and versions, as many threads, and a processor of the same kind.",
        "training",
    )
    seeds: int = option(
        1,
        check.whole(1),
        "This many models are trained, with seed, seed + 1 and so on; the best on dev is kept.",
        "training",
    )
    device: str = option(
        "auto", check.text, "The model runs here: cpu, cuda, cuda:1; auto takes a GPU if there is one.", "running"
    )
    precision: str = option(
        "fp32",
        check.one_of("fp32", "bf16"),
        "Training computes in this format; bf16 is quicker on new GPUs.",
        "running",
    )

    def set_params(self: Self, **params: Any) -> Self:
        """Set constructor arguments; an unknown name is an error that names the nearest one."""
        check.check_names(type(self).__name__, [key.split("__")[0] for key in params], self._get_param_names())
        super().set_params(**params)
        return self

    def _check_options(self) -> None:
        check.check_options(type(self).__name__, self.get_params(deep=False), check.checks_of(type(self)))

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
