"""What tagger and classifier share beside what all estimators do: the options of embedder and encoder, the vocabulary.

Knows no task: what a row is, which head stands on the encoder and what a score is, the estimators say.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from datasets import Dataset
from torch import nn

from seqtag.batching import ContextReader
from seqtag.errors import UsageError
from seqtag.models import options as check
from seqtag.models.context import Context, context_problem
from seqtag.models.engine import Engines, check_engine
from seqtag.models.estimator import Estimator
from seqtag.models.language.language_model import LanguageModel
from seqtag.models.options import option
from seqtag.models.pretrained import with_vectors
from seqtag.store import StoredModel
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import Vocabulary

Self = TypeVar("Self", bound="SequenceEstimator")

_ENGINE = check.one_of(*check.ENGINES)


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceEstimator(Estimator):
    """Base of the estimators that read sentences, or series, one by one."""

    TOKENS_IN_ALL: ClassVar[int] = 1_200_000
    LEAST_EPOCHS: ClassVar[int] = 10
    MOST_EPOCHS: ClassVar[int] = 40
    SMALL: ClassVar[int] = 1_000  # below so many sentences the batches are small too

    bias: bool = option(True, check.truth, "The gates of the encoder have biases.", "encoder")
    bidirectional: bool = option(
        True, check.truth, "The encoder reads in both directions, not from left to right alone.", "encoder"
    )
    merge: str = option(
        "concat",
        check.one_of("concat", "sum"),
        "The states of the two directions are put side by side (concat) or added (sum).",
        "encoder",
    )
    proj_size: int = option(
        0, check.whole(0), "An LSTM narrows its states to this many numbers; 0 leaves them as they are.", "encoder"
    )
    word_size: int = option(
        100, check.whole(1), "Each word has a vector of this many numbers, unless it comes from `vectors`.", "tokens"
    )
    characters: str | None = option(
        "cnn",
        check.one_of("cnn", "lstm", "gru", None),
        "A network of this kind reads the characters of each word; None reads none.",
        "tokens",
    )
    character_size: int = option(
        50, check.whole(2), "The network of characters describes a word by this many numbers.", "tokens"
    )
    shape_size: int = option(
        10, check.whole(0), "The casing of a word is a vector of this many numbers; 0 leaves it out.", "tokens"
    )
    affix_size: int = option(
        20,
        check.whole(0),
        "The first two and three characters of a word, and the last, are vectors of this many numbers each; 0 leaves "
        "them out.",
        "tokens",
    )
    lexical: bool = option(
        True,
        check.truth,
        "Linear scores stand beside the encoder: for a tag from the spelling of a word and its neighbours, for a class "
        "from the words, pairs and pieces of words of the text.",
        "tokens",
    )
    lexical_dropout: float = option(
        0.5, check.fraction, "Training drops this share of what the linear scores are made of.", "tokens"
    )
    lexical_learning_rate: float = option(
        0.005, check.number(0), "The linear scores are learned at this rate.", "training"
    )
    word_dropout: float = option(
        0.25,
        check.number(0),
        "With this number a, training reads a word that occurs n times as unknown with probability a / (a + n).",
        "tokens",
    )
    lowercase: bool = option(True, check.truth, "Words are looked up in lower case.", "tokens")
    merge_digits: bool = option(True, check.truth, "Words are looked up with each digit as 0.", "tokens")
    vectors: str | None = option(
        None, check.optional(check.text), "Pretrained word vectors come from this file; None uses none.", "tokens"
    )
    vectors_keep: str = option(
        "all",
        check.one_of("all", "corpus"),
        "The model keeps the vectors of all words of the file, or of the words of the training data.",
        "tokens",
    )
    freeze_vectors: bool = option(False, check.truth, "Training leaves all word vectors as they were.", "tokens")
    context: Sequence[str | Path | LanguageModel] | None = option(
        None,
        check.Check("a list of folders of language models or trained LanguageModels, or None", context_problem),
        "These language models of characters, usually one forward and one backward, lend each token their states "
        "(Akbik et al. 2018, https://aclanthology.org/C18-1139/); they are kept inside the model.",
        "tokens",
    )
    context_size: int = option(
        64, check.whole(1), "The states of the language models are narrowed to this many numbers per token.", "tokens"
    )
    context_dropout: float = option(
        0.2, check.fraction, "Training drops this share of the states of the language models.", "tokens"
    )
    context_learning_rate: float = option(
        0.0,
        check.number(0),
        "The language models learn along at this rate (try 1e-4, which doubles the time); at 0 they stay as they are "
        "and read each sentence once.",
        "training",
    )
    class_weights: Mapping[str, float] | None = option(
        None,
        check.optional(check.weights),
        "An error on these labels weighs this many times as much in training; labels left out weigh 1.",
        "training",
    )
    max_tokens: int = option(
        4096, check.whole(1), "A batch holds at most this many tokens, padding included, or one row.", "training"
    )
    engine: str = option(
        "auto",
        _ENGINE,
        "This predicts: auto takes the folder's model.onnx if it was there at loading and the device is the CPU, else "
        "torch; onnx also makes the graph in memory; onnx-int8 needs an export.",
        "running",
    )

    def _check_options(self) -> None:
        super()._check_options()
        check_engine(type(self).__name__, self.engine)
        if self.language != "xx":
            Tokenizer(self.language)  # says now, and not after training, that there is no such language
        if self.proj_size and (self.encoder != "lstm" or self.proj_size >= self.hidden_size):
            raise UsageError(
                f"{type(self).__name__}: proj_size={self.proj_size} needs encoder='lstm' (is {self.encoder!r}) "
                f"and a hidden_size above it (is {self.hidden_size})"
            )
        if self.context_learning_rate and self.context is None:
            raise UsageError(
                f"{type(self).__name__}: context_learning_rate={self.context_learning_rate:g} is the rate of the "
                "language models of a context, and there are none; give them, context=[...], or leave the rate at 0"
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

    def __sklearn_clone__(self: Self) -> Self:
        """Clone as scikit-learn does, but for the language models: a clone of one would not be trained."""
        twin: Self = super().__sklearn_clone__()
        twin.context = self.context
        return twin

    # -- fitted state -------------------------------------------------------------------------

    def _forget_network(self) -> None:
        """Let go of an earlier training, so that a `fit` that fails does not leave an old network with new indices."""
        self.__dict__.pop("network_", None)
        self.__dict__.pop("engines_", None)

    def _predictor(self) -> Any:
        raise AssertionError("an estimator says what answers on torch")

    def _engines(self) -> Engines:
        raise AssertionError("an estimator says what its network can run on")

    def _answering(self) -> Any:
        """Give what answers on the engine that was chosen; `_predictor` is always the one on torch."""
        self._check_fitted()
        check.check_options(type(self).__name__, {"engine": self.engine}, {"engine": _ENGINE})
        return self.engines_.predictor(self)

    def _note_export(self, path: Path) -> Path:
        if path.is_file():  # of several processes the first one writes
            self.engines_.kept_in(path.parent)
        return path

    @property
    def _context_reader(self) -> ContextReader | None:
        return None if self.context_ is None else self.context_.reader

    def _remembering(self, *datasets: Dataset) -> AbstractContextManager[None]:
        """Keep the states of some sentences at hand inside a `with` block; not of language models that are learning."""
        if self.context_ is None or self.context_learning_rate:
            return nullcontext()
        return self.context_.remembering(*datasets, device=self.device)

    def _take_context(self) -> None:
        """Let the language models be those of the network that was trained, which are other ones if they learned."""
        if self.context_ is not None:
            embedder = self.network_.embedder.context
            self.context_ = self.context_.installed(embedder, tuned_at=self.context_learning_rate)

    def _params_to_store(self) -> dict[str, Any]:
        params = super()._params_to_store()
        if params["vectors"] is not None:
            params["vectors"] = Path(params["vectors"]).name  # no path to elsewhere stays in a model
        # The models themselves stand beside; what `set_params` asked for since is there after the next `fit` only.
        params["context"] = None if self.context_ is None else [model.direction for model in self.context_.models]
        return params

    def _stored(self, about: dict[str, Any], card: str) -> StoredModel:
        stored = super()._stored(about, card)
        if self.context_ is not None:
            stored.config["context"] = self.context_.to_config()
            stored.vocabulary["context"] = [model.vocabulary_.to_dict() for model in self.context_.models]
        return stored

    @classmethod
    def _read(cls: type[Self], folder: str | Path, *, device: str) -> tuple[Self, StoredModel]:
        estimator, stored = super()._read(folder, device=device)
        if (config := stored.config.get("context")) is not None:
            estimator.context_ = Context.from_store(config, stored.vocabulary["context"], device=device)
            # Another fit goes on from the models that are here: where they came from, nobody may have any more.
            estimator.context = list(estimator.context_.models)
        table = stored.weights.get("embedder.word.weight", torch.zeros(0, 0))
        # Vectors gave the words their width; the rows themselves come with the other weights.
        estimator.vectors_ = None
        if table.dim() == 2 and table.shape[1] not in (0, estimator.word_size):
            estimator.vectors_ = torch.zeros(estimator.vocabulary_.feature_sizes["word"], table.shape[1])
        return estimator, stored

    def _install(self, network: nn.Module, stored: StoredModel, folder: str | Path) -> None:
        super()._install(network, stored, folder)
        if self.context_ is not None:
            self.context_ = self.context_.installed(self.network_.embedder.context)

    def _open_engines(self, stored: StoredModel, folder: str | Path, engine: str | None) -> None:
        """Say what the network of a folder can run on; an engine that was named replaces the one that was saved."""
        self.engines_ = self._engines()
        self.engines_.loaded_from(folder, stored.config)
        if engine is not None:
            self.engine = engine
            self._answering()

    @classmethod
    def _read_vocabulary(cls, stored: Mapping[str, Any]) -> Vocabulary:
        return Vocabulary.from_dict(stored)
