"""What all estimators share: options of the encoder and of training, checks, saving and loading.

Knows no task: each estimator says what a row is, what its network is made of and what a score is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

import numpy as np
from sklearn.exceptions import NotFittedError

from seqtag.errors import ModelError, UsageError, near_miss
from seqtag.hub import check_is_path
from seqtag.inference.stored_model import EPOCHS, Place, check_stored
from seqtag.model_files import shown
from seqtag.models import options as check
from seqtag.models.fitting import NetworkT, Rows, Run, train_seeds, training_options
from seqtag.models.hub_model import HubModel
from seqtag.models.options import option
from seqtag.models.scikit_learn import BaseEstimator
from seqtag.nn.stored_weights import build_with
from seqtag.store import StoredModel, packed, read_model, unpacked, write_model
from seqtag.training.device import generators_kept, pick_device
from seqtag.training.launch import is_main_process
from seqtag.training.watchers import DevFigures, EpochRecord

Self = TypeVar("Self", bound="Estimator[Any, Any]")
VocabularyT = TypeVar("VocabularyT")
P = ParamSpec("P")


class NotFittedModelError(UsageError, NotFittedError):
    """A method that needs a trained model was called before `fit` or `load`."""


class Fitted(Generic[NetworkT, VocabularyT]):
    """What `fit` and `load` leave in an estimator. It is no dataclass, so none of it is a constructor argument."""

    network_: NetworkT
    vocabulary_: VocabularyT  # numbers the strings
    history_: list[EpochRecord]
    seed_scores_: list[float]
    interrupted_: bool
    data_: dict[str, Any]


def keeps_generators(fit: Callable[Concatenate[Self, P], Self]) -> Callable[Concatenate[Self, P], Self]:
    """Let a `fit` leave torch's global generators as it found them; what it draws depends on its seed alone."""

    @wraps(fit)
    def kept(self: Self, *args: P.args, **kwargs: P.kwargs) -> Self:
        with generators_kept(self.device):
            return fit(self, *args, **kwargs)

    return kept


def check_params(estimator: type[Any], params: Mapping[str, Any], place: Place) -> None:
    """Raise ModelError where stored options are none of an estimator's, or have values that it does not take."""
    checks = check.checks_of(estimator)
    for name, value in params.items():
        if name not in checks:
            raise ModelError(f"{place.path}: unknown option {shown(name)}; {near_miss(name, checks)}")
        # Of language models that lend their states, the folder has the directions, which are checked with them.
        problem = None if name == "context" else checks[name].problem(value)
        if problem:
            place.at(name).fail(f"can't be {shown(value)}: {problem}")


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(HubModel, Fitted[NetworkT, VocabularyT], BaseEstimator):
    """Base of all estimators. The constructor stores its arguments unchanged; `fit` checks them."""

    task: ClassVar[str]

    encoder: str | None = option(
        "lstm",
        check.one_of("rnn_tanh", "rnn_relu", "lstm", "gru", None),
        "A recurrent network of this kind, one of torch's, reads the text. With None nothing does, and the linear "
        "scores of `lexical` decide alone: a quick baseline of words and their spelling.",
        "encoder",
    )
    hidden_size: int = option(
        128, check.size(1), "Each layer of the encoder has this many units per direction.", "encoder"
    )
    num_layers: int = option(1, check.whole(1, 100), "The encoder has this many layers, one upon the other.", "encoder")
    dropout: float = option(
        0.5, check.fraction, "Training drops this share of the units between and after the encoder's layers.", "encoder"
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
        "sentences, else 32, and up to four times as many where rows have fewer than four tokens on average.",
        "training",
    )
    optimizer: str = option(
        "adamw", check.one_of("adamw", "sgd"), "This rule moves the weights: AdamW, or SGD with momentum.", "training"
    )
    learning_rate: float = option(
        2e-3, check.rate, "The weights move at this rate once the warm-up is over.", "training"
    )
    weight_decay: float = option(
        0.01, check.rate, "Each step shrinks weight matrices by this number times the learning rate.", "training"
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
        5.0, check.rate, "A gradient of a larger norm is scaled down to this norm; 0 never does.", "training"
    )
    patience: int = option(
        0, check.whole(0), "Training ends after so many epochs without a better dev score, unless it is 0.", "training"
    )
    ema: float = option(
        0.0,
        check.fraction,
        "The model is a moving average of the weights, which keeps this share of itself per step, or none at 0.",
        "training",
    )
    dev_share: float = option(
        0.1, check.number(0.01, 0.5), "Without dev data, this share of the training data is held out.", "training"
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
        "This many models are trained, with seed, seed + 1, ...; the best on dev is kept.",
        "training",
    )
    device: str = option(
        "auto", check.text, "The model runs here: cpu, cuda, cuda:1; auto takes a GPU if there is one.", "running"
    )
    precision: str = option(
        "fp32", check.one_of("fp32", "bf16"), "Training computes in this format; bf16 is faster on new GPUs.", "running"
    )

    if not TYPE_CHECKING:  # to a type checker it would say that any attribute exists

        def __setattr__(self, name: str, value: Any) -> None:
            """Turn a number of numpy's, which a search over options may bring, into Python's own."""
            object.__setattr__(self, name, check.plain(value))

    def set_params(self: Self, **params: Any) -> Self:
        """Set constructor arguments; an unknown name is an error that names the nearest one."""
        check.check_names(type(self).__name__, [key.split("__")[0] for key in params], self._get_param_names())
        super().set_params(**params)
        return self

    def _check_options(self) -> None:
        check.check_options(type(self).__name__, self.get_params(deep=False), check.checks_of(type(self)))

    @classmethod
    def _training_size(cls, *, num_sentences: int, num_tokens: int) -> tuple[int, int]:
        """Choose the epochs, and the rows per batch, for a corpus of some size where the user leaves them open."""
        raise AssertionError("a subclass chooses")

    # -- training -----------------------------------------------------------------------------

    def _build_network(self) -> NetworkT:
        raise AssertionError("a subclass builds its network")

    def _forget_network(self) -> None:
        """Let go of an earlier training, so that a `fit` that fails does not leave an old network with new indices."""
        self.__dict__.pop("network_", None)

    def _train(
        self,
        rows: Rows,
        evaluate: Callable[[NetworkT], DevFigures],
        *,
        run: Run,
        batches: Callable[[int], list[np.ndarray]] | None = None,
    ) -> None:
        """Train on rows and keep the best network, with its history; see `train_seeds`."""
        params = self.get_params(deep=False)
        num_tokens = int(rows.lengths.sum())
        epochs, batch_size = self._training_size(num_sentences=len(rows.lengths), num_tokens=num_tokens)
        trained = train_seeds(
            self._build_network,
            rows,
            evaluate,
            options=training_options(params, epochs=epochs, batch_size=batch_size),
            seeds=self.seeds,
            fingerprint=self._run_fingerprint(),
            run=run,
            params=params,
            batches=batches,
        )
        self.network_, self.history_ = trained.network, trained.history
        self.seed_scores_, self.interrupted_ = trained.seed_scores, trained.interrupted

    def _run_fingerprint(self) -> str:
        """Say what must be the same for a killed run to go on: the data, all other inputs, every network option."""
        params = self._params_to_store()
        for name in ("device", "engine", "seed", "seeds"):  # more seeds may follow; the loop knows its own
            params.pop(name, None)
        return "|".join([self.data_["fingerprint"], *self._input_hashes(), json.dumps(params, sort_keys=True)])

    def _input_hashes(self) -> list[str]:
        """Hash what the network is made of beside the data, such as pretrained vectors; empty for what is not there."""
        return ["", ""]

    # -- fitted state -------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            name = type(self).__name__
            raise NotFittedModelError(f"this {name} is not trained yet; call fit(...) or {name}.load(folder) first")

    def __getstate__(self) -> dict[str, Any]:
        """Give the options, and of a trained model the files that `save` writes, for pickles, copies and workers."""
        state = {name: value for name, value in super().__getstate__().items() if not name.endswith("_")}
        return {**state, **self._fitted_state()} if hasattr(self, "network_") else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take back what `__getstate__` gave: a trained model is read as `load` reads it, which runs no other code."""
        self.__dict__.update({name: value for name, value in state.items() if name not in ("files", "exports")})
        if "files" in state:
            with unpacked(state["files"]) as folder:
                self._take(type(self).load(folder, device=self.device), state)

    def _fitted_state(self) -> dict[str, Any]:
        return {"files": packed(self._to_store()), "interrupted_": getattr(self, "interrupted_", False)}

    def _take(self: Self, read: Self, state: Mapping[str, Any]) -> None:
        """Take over what was fitted from another estimator, which was read from the files of a state."""
        self.__dict__.update({name: value for name, value in vars(read).items() if name.endswith("_")})

    def _params_to_store(self) -> dict[str, Any]:
        return dict(self.get_params(deep=False))

    def _changed_params(self) -> dict[str, Any]:
        """Give the options that differ from the defaults, but for those of this machine, as the card shows them."""
        defaults = type(self)().get_params()
        params = self._params_to_store().items()
        return {k: v for k, v in params if k not in ("device", "engine") and v != defaults[k]}

    def _stored(self, about: dict[str, Any], vocabulary: dict[str, Any], card: str) -> StoredModel:
        params = self._params_to_store()
        config = {"task": self.task, "params": params, "seed_scores": self.seed_scores_, **about}
        weights = dict(self.network_.state_dict())
        for name, values in weights.items():
            if values.is_floating_point() and not values.isfinite().all():
                raise ModelError(
                    f"the weights {name} are not finite, and no such model is saved: train it again with a lower "
                    f"learning_rate (now {self.learning_rate:g})"
                )
        return StoredModel(config, vocabulary, weights, [asdict(record) for record in self.history_], card)

    @classmethod
    def _read(cls: type[Self], folder: str | Path, *, device: str) -> tuple[Self, StoredModel]:
        """Read a folder into an estimator with parameters and history; vocabulary and network come after."""
        check_is_path(folder, f"{cls.__name__}.from_pretrained")
        stored, path = read_model(folder), Path(folder)
        task = stored.config.get("task")
        if task != cls.task:
            raise UsageError(f"{folder}: holds a model for the task {shown(task)}, {cls.__name__} needs {cls.task!r}")
        check_stored(path, stored.config, stored.vocabulary)
        EPOCHS(stored.history, Place(path / "history.json"))
        check_params(cls, stored.config["params"], Place(path / "config.json", "params"))
        estimator = cls(**stored.config["params"])
        estimator.device = device
        estimator.history_ = [EpochRecord(**record) for record in stored.history]
        estimator.seed_scores_, estimator.data_ = stored.config["seed_scores"], stored.config["data"]
        return estimator, stored

    @classmethod
    def load(cls: type[Self], folder: str | Path, *, device: str = "auto") -> Self:
        """Read a model folder, running no code from it; UsageError for another folder, ModelError for a damaged one."""
        return cls._open(folder, device=device)[0]

    @classmethod
    def _open(cls: type[Self], folder: str | Path, *, device: str) -> tuple[Self, StoredModel]:
        estimator, stored = cls._read(folder, device=device)
        with generators_kept("cpu"):  # a network begins with random weights even where those of a file follow
            try:
                estimator._restore(stored)
            except ValueError as error:
                raise ModelError(f"{folder}: {error}") from None
            estimator._install(stored, folder)
        return estimator, stored

    def _restore(self, stored: StoredModel) -> None:
        """Take what was fitted, but for the network; ValueError where the weights are not of the sizes for that."""
        raise AssertionError("a subclass takes what it has fitted from the folder")

    def _install(self, stored: StoredModel, folder: str | Path) -> None:
        """Build the network and give it the weights that were stored."""
        try:
            network: NetworkT = build_with(self._build_network, stored.weights)
        except ValueError as error:
            raise ModelError(f"{folder}: model.safetensors does not fit config.json: {error}") from None
        self.network_ = network.to(pick_device(self.device)).eval()

    def save(self, folder: str | Path) -> Path:
        """Write the model folder; a model that is there already is replaced, and nothing else.

        Of several processes that trained one model together, the first one writes.
        """
        self._check_fitted()
        return write_model(folder, self._to_store()) if is_main_process() else Path(folder)

    def _to_store(self) -> StoredModel:
        raise AssertionError("a subclass says what it stores")
