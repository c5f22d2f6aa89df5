"""What the estimators share: options, the training of one or several seeds, devices, saving and loading.

Knows no task: what a row is, which head stands on the encoder and what a score is, the estimators say.
"""

import hashlib
import json
import logging
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import nn

from seqtag.batching import TaggedRows
from seqtag.errors import ModelError, UsageError, near_miss
from seqtag.models import options as check
from seqtag.models.pretrained import with_vectors
from seqtag.nn.embedder import Embedder
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.progress import TensorBoardWatcher, default_watcher
from seqtag.store import StoredModel, read_model, write_model
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import FEATURES, Vocabulary
from seqtag.training import EpochRecord, Trainer, TrainingOptions, Watcher, pick_device

logger = logging.getLogger("seqtag")

Self = TypeVar("Self", bound="SequenceEstimator")

# Widths of the spelling features that go into the encoder, beside the word and its characters.
SHAPE_COLUMNS = ("shape",)
AFFIX_COLUMNS = ("prefix2", "prefix3", "suffix2", "suffix3")


class NotFittedModelError(UsageError, NotFittedError):
    """A method that needs a trained model was called before `fit` or `load`."""


class SequenceEstimator(BaseEstimator):
    """Base of the estimators. The constructor stores its arguments unchanged; `fit` checks them."""

    task: ClassVar[str]

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
        "embedding_dropout": check.number(0, 1, open_end=True),
        "word_dropout": check.number(0),
        "min_freq": check.whole(1),
        "lowercase": check.truth,
        "merge_digits": check.truth,
        "vectors": check.optional(check.text),
        "vectors_keep": check.one_of("all", "corpus"),
        "freeze_vectors": check.truth,
        "language": check.text,
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

    def _training_options(self, seed: int, lengths: np.ndarray) -> TrainingOptions:
        names = {field.name for field in fields(TrainingOptions)}
        given = {key: value for key, value in self.get_params(deep=False).items() if key in names}
        epochs, batch_size = training_size(num_sentences=len(lengths), num_tokens=int(lengths.sum()))
        given["epochs"] = self.epochs or epochs
        given["batch_size"] = self.batch_size or batch_size
        return TrainingOptions(**{**given, "seed": seed})

    # -- building -----------------------------------------------------------------------------

    def _build_embedder(self, vocabulary: Vocabulary) -> Embedder:
        widths = dict.fromkeys(SHAPE_COLUMNS, self.shape_size) | dict.fromkeys(AFFIX_COLUMNS, self.affix_size)
        word_size = self.word_size if self.vectors_ is None else self.vectors_.shape[1]
        return Embedder(
            list(vocabulary.feature_sizes.values()),
            word_size=word_size,
            feature_widths={FEATURES.index(name): width for name, width in widths.items() if width},
            characters=self.characters,
            num_characters=vocabulary.num_characters,
            character_size=self.character_size,
            word_counts=vocabulary.word_counts,
            word_dropout=self.word_dropout,
            dropout=self.embedding_dropout,
            pretrained_VE=self.vectors_,
            freeze=self.freeze_vectors,
        )

    def _build_encoder(self, input_size: int) -> RecurrentEncoder:
        return RecurrentEncoder(
            input_size,
            encoder=self.encoder,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bias=self.bias,
            dropout=self.dropout,
            bidirectional=self.bidirectional,
            merge=self.merge,
            proj_size=self.proj_size,
        )

    def _build_vocabulary(self, counts: Mapping[str, int]) -> Vocabulary:
        """Index the training data, and the words of pretrained vectors where there are any."""
        settings = {"min_freq": self.min_freq, "lowercase": self.lowercase, "merge_digits": self.merge_digits}
        self.vectors_: torch.Tensor | None = None
        if self.vectors is None:
            return Vocabulary.build(counts, **settings)
        vocabulary, matrix_VE, self.vectors_coverage_ = with_vectors(
            self.vectors, counts, settings, only_corpus=self.vectors_keep == "corpus", seed=self.seed
        )
        self.vectors_ = torch.from_numpy(matrix_VE)
        return vocabulary

    # -- training -----------------------------------------------------------------------------

    def _train(
        self,
        build: Callable[[], nn.Module],
        rows: TaggedRows,
        evaluate: Callable[[Any], float],
        *,
        fingerprint: str,
        checkpoint: Path | None,
        resume: bool,
        watchers: Sequence[Watcher] | None,
        tensorboard: str | Path | None,
    ) -> None:
        """Train `seeds` networks and keep the one with the best dev score."""
        best = -np.inf
        self.seed_scores_: list[float] = []
        self.interrupted_ = False
        for seed in range(self.seed, self.seed + self.seeds):
            torch.manual_seed(seed)
            network = build()
            looking: list[Watcher] = list(watchers) if watchers is not None else [default_watcher()]
            if tensorboard is not None:
                looking.append(TensorBoardWatcher(Path(tensorboard) / f"seed-{seed}"))
            trainer = Trainer(
                network,
                options=self._training_options(seed, rows.lengths),
                lengths=rows.lengths,
                make_batch=rows.batch,
                evaluate=evaluate,
                watchers=looking if _is_main_process() else (),
                checkpoint=None if checkpoint is None else checkpoint / f"seed-{seed}.safetensors",
                fingerprint=self._run_fingerprint(fingerprint),
            )
            try:
                history = trainer.run(resume=resume)
            except KeyboardInterrupt:  # no epoch of this seed is done
                if not self.seed_scores_:
                    raise
                self.interrupted_ = True
                break
            self.seed_scores_.append(max(record.dev_score for record in history))
            if self.seed_scores_[-1] > best:
                best = self.seed_scores_[-1]
                self.network_, self.history_ = network, history
            if trainer.interrupted:
                self.interrupted_ = True
                break
        self.network_.eval()
        if len(self.seed_scores_) > 1:
            logger.info(
                "dev score over %d seeds: mean %.2f, deviation %.2f; the best, %.2f, is kept",
                len(self.seed_scores_),
                100 * statistics.mean(self.seed_scores_),
                100 * statistics.stdev(self.seed_scores_),
                100 * best,
            )
        self.vectors_ = None  # the network has them now

    def _run_fingerprint(self, data: str) -> str:
        """What must be the same for a killed run to go on: the data, every option of the network, the vectors."""
        params = self.get_params(deep=False)
        for name in ("device", "seed", "seeds"):  # more seeds may follow; the loop knows its own
            del params[name]
        vectors = "" if self.vectors_ is None else hashlib.sha256(self.vectors_.numpy().data).hexdigest()
        return f"{data}|{vectors}|{json.dumps(params, sort_keys=True)}"

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
            self.vocabulary_.to_dict(),
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
        estimator.vocabulary_ = Vocabulary.from_dict(stored.vocabulary)
        estimator.history_ = [EpochRecord(**record) for record in stored.history]
        estimator.seed_scores_ = stored.config["seed_scores"]
        table = stored.weights.get("embedder.word.weight", torch.zeros(0, 0))
        # Vectors gave the words their width; the rows themselves come with the other weights.
        estimator.vectors_ = None
        if table.dim() == 2 and table.shape[1] not in (0, estimator.word_size):
            estimator.vectors_ = torch.zeros(estimator.vocabulary_.feature_sizes["word"], table.shape[1])
        return estimator, stored

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
        if not _is_main_process():
            return Path(folder)
        return write_model(folder, self._to_store())

    def _to_store(self) -> StoredModel:
        raise AssertionError("an estimator says what it stores")


def training_size(*, num_sentences: int, num_tokens: int) -> tuple[int, int]:
    """Epochs and sentences a batch for a corpus of some size, where the user leaves them open.

    A small corpus needs many steps to be learned at all, a large one few passes; the figures were chosen on dev splits
    of public corpora of 100 to 12,000 sentences.

    >>> training_size(num_sentences=200, num_tokens=8_000), training_size(num_sentences=10_000, num_tokens=200_000)
    ((40, 8), (10, 32))
    """
    epochs = min(40, max(10, round(1_200_000 / max(1, num_tokens))))
    return epochs, 8 if num_sentences < 1_000 else 32


def _is_main_process() -> bool:
    """Tell whether this process talks: under `accelerate launch` one of several does."""
    import os

    return os.environ.get("RANK", "0") == "0"
