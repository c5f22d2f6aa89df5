"""What the estimators share: their options, embedder and encoder, saving and loading.

Knows no task: what a row is, which head stands on the encoder and what a score is, the estimators say.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from seqtag.errors import ModelError, UsageError, near_miss
from seqtag.models import options as check
from seqtag.models.fitting import is_main_process
from seqtag.models.pretrained import with_vectors
from seqtag.nn.network import Network
from seqtag.store import StoredModel, read_model, write_model
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import Vocabulary
from seqtag.training import EpochRecord, pick_device

Self = TypeVar("Self", bound="SequenceEstimator")


class NotFittedModelError(UsageError, NotFittedError):
    """A method that needs a trained model was called before `fit` or `load`."""


class Fitted:
    """What `fit` and `load` leave in an estimator. No dataclass, so none of it is a constructor argument."""

    network_: Any  # a network with the head of the task
    vocabulary_: Any  # a Vocabulary; None where rows are series of numbers
    vectors_: torch.Tensor | None  # (V, E), until the network has them
    vectors_coverage_: float  # share of the training tokens that have a vector
    history_: list[EpochRecord]
    seed_scores_: list[float]
    interrupted_: bool
    data_: dict[str, Any]
    tuning_: Any = None  # of a tagger with thresholds: a Tuning
    engines_: Any = None  # of a tagger: the Engines that its network can run on


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceEstimator(Fitted, BaseEstimator):
    """Base of the estimators. The constructor stores its arguments unchanged; `fit` checks them."""

    task: ClassVar[str]
    TOKENS_IN_ALL: ClassVar[int] = 1_200_000
    LEAST_EPOCHS: ClassVar[int] = 10
    MOST_EPOCHS: ClassVar[int] = 40
    SMALL: ClassVar[int] = 1_000  # below so many sentences the batches are small too

    encoder: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    bias: bool = True
    dropout: float = 0.5
    bidirectional: bool = True
    merge: str = "concat"
    proj_size: int = 0
    word_size: int = 100
    characters: str | None = "cnn"
    character_size: int = 50
    shape_size: int = 10
    affix_size: int = 20
    lexical: bool = True
    lexical_dropout: float = 0.5
    lexical_learning_rate: float = 0.005
    embedding_dropout: float = 0.3
    word_dropout: float = 0.25
    min_freq: int = 1
    lowercase: bool = True
    merge_digits: bool = True
    vectors: str | None = None
    vectors_keep: str = "all"
    freeze_vectors: bool = False
    language: str = "xx"
    class_weights: Mapping[str, float] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    max_tokens: int = 4096
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
        "bias": check.truth,
        "dropout": check.number(0, 1, open_end=True),
        "bidirectional": check.truth,
        "merge": check.one_of("concat", "sum"),
        "proj_size": check.whole(0),
        "word_size": check.whole(1),
        "characters": check.one_of("cnn", "lstm", "gru", None),
        "character_size": check.whole(2),
        "shape_size": check.whole(0),
        "affix_size": check.whole(0),
        "lexical": check.truth,
        "lexical_dropout": check.number(0, 1, open_end=True),
        "lexical_learning_rate": check.number(0),
        "embedding_dropout": check.number(0, 1, open_end=True),
        "word_dropout": check.number(0),
        "min_freq": check.whole(1),
        "lowercase": check.truth,
        "merge_digits": check.truth,
        "vectors": check.optional(check.text),
        "vectors_keep": check.one_of("all", "corpus"),
        "freeze_vectors": check.truth,
        "language": check.text,
        "class_weights": check.optional(check.weights),
        "epochs": check.optional(check.whole(1)),
        "batch_size": check.optional(check.whole(1)),
        "max_tokens": check.whole(1),
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
        name, values = type(self).__name__, self.get_params(deep=False)
        check.check_options(name, values, self.CHECKS)
        if self.language != "xx":
            Tokenizer(self.language)  # says now, and not after training, that there is no such language
        if self.proj_size and (self.encoder != "lstm" or self.proj_size >= self.hidden_size):
            raise UsageError(
                f"{name}: proj_size={self.proj_size} needs encoder='lstm' (is {self.encoder!r}) "
                f"and a hidden_size above it (is {self.hidden_size})"
            )

    @classmethod
    def _training_size(cls, *, num_sentences: int, num_tokens: int) -> tuple[int, int]:
        """Epochs and sentences a batch for a corpus of some size, where the user leaves them open.

        A small corpus needs many steps to be learned at all, a large one few passes; the figures were chosen on dev
        splits of public corpora of 100 to 15,000 sentences.
        """
        epochs = min(cls.MOST_EPOCHS, max(cls.LEAST_EPOCHS, round(cls.TOKENS_IN_ALL / max(1, num_tokens))))
        return epochs, 8 if num_sentences < cls.SMALL else 32

    def _build_vocabulary(self, counts: Mapping[str, int]) -> Vocabulary:
        """Index the training data, and the words of pretrained vectors where there are any."""
        settings: dict[str, Any] = {
            "min_freq": self.min_freq,
            "lowercase": self.lowercase,
            "merge_digits": self.merge_digits,
        }
        self.vectors_ = None
        if self.vectors is None:
            return Vocabulary.build(counts, **settings)
        vocabulary, matrix_VE, self.vectors_coverage_ = with_vectors(
            self.vectors, counts, settings, only_corpus=self.vectors_keep == "corpus", seed=self.seed
        )
        self.vectors_ = torch.from_numpy(matrix_VE)
        return vocabulary

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
        params = dict(self.get_params(deep=False))
        if params["vectors"] is not None:
            params["vectors"] = Path(params["vectors"]).name  # no path to elsewhere stays in a model
        return params

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
        estimator.vocabulary_ = Vocabulary.from_dict(stored.vocabulary) if stored.vocabulary else None
        estimator.history_ = [EpochRecord(**record) for record in stored.history]
        estimator.seed_scores_ = stored.config["seed_scores"]
        table = stored.weights.get("embedder.word.weight", torch.zeros(0, 0))
        # Vectors gave the words their width; the rows themselves come with the other weights.
        estimator.vectors_ = None
        if table.dim() == 2 and table.shape[1] not in (0, estimator.word_size):
            estimator.vectors_ = torch.zeros(estimator.vocabulary_.feature_sizes["word"], table.shape[1])
        return estimator, stored

    def _install(self, network: Network[Any], stored: StoredModel, folder: str | Path) -> None:
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

    def _build_network(self) -> Network[Any]:
        raise AssertionError("an estimator says which head stands on the encoder")
