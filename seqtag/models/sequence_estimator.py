"""What tagger and classifier share beside what all estimators do: embedder and encoder, vocabulary, vectors, engines.

Knows no task: each estimator says what a row is, which head stands on the encoder and what a score is.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from datasets import Dataset

from seqtag.batching import ContextReader
from seqtag.corpora.vectors.pretrained_vectors import read_pretrained, telling_source
from seqtag.inference.stored_model import Place
from seqtag.models import options as check
from seqtag.models.card import model_card
from seqtag.models.combinations import check_combinations
from seqtag.models.context import Context
from seqtag.models.engine import Engines, EngineT, check_engine
from seqtag.models.estimator import Estimator, VocabularyT
from seqtag.models.fitting import NetworkT, Rows, Run
from seqtag.models.sequence_options import ENGINE, SequenceOptions
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.embedder import Embedder
from seqtag.nn.network import NoStates
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.store import VECTORS, StoredModel
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import FEATURES, Vocabulary
from seqtag.text.word_vectors import WordVectors
from seqtag.training.launch import is_main_process
from seqtag.training.watchers import DevFigures

Self = TypeVar("Self", bound="SequenceEstimator[Any, Any, Any]")

logger = logging.getLogger("seqtag")

# Spelling features of a word that have vectors of their own in the encoder's input, beside its shape.
AFFIX_COLUMNS = ("prefix2", "prefix3", "suffix2", "suffix3")


class FittedSequences(Generic[EngineT]):
    """What `fit` and `load` leave in a tagger or classifier beside what they leave in every estimator."""

    vectors_: torch.Tensor | None = None  # pretrained (V, E), until the network has them
    context_: Context | None = None  # the language models that lend their states
    engines_: Engines[EngineT]  # the engines that the network can run on


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceEstimator(
    FittedSequences[EngineT],
    SequenceOptions,
    Estimator[NetworkT, VocabularyT],
    Generic[NetworkT, VocabularyT, EngineT],
):
    """Base of the estimators that read sentences, or series, one by one."""

    TOKENS_IN_ALL: ClassVar[int] = 1_200_000
    LEAST_EPOCHS: ClassVar[int] = 10
    MOST_EPOCHS: ClassVar[int] = 40
    SMALL: ClassVar[int] = 1_000  # with fewer sentences than this the batches are small too

    def _check_options(self) -> None:
        super()._check_options()
        check_engine(type(self).__name__, self.engine)
        if self.language != "xx":
            Tokenizer(self.language)  # says now, and not after training, that there is no such language
        check_combinations(type(self).__name__, self.get_params(deep=False), type(self)().get_params(deep=False))

    @classmethod
    def _training_size(cls, *, num_sentences: int, num_tokens: int) -> tuple[int, int]:
        """Choose the epochs, and the sentences per batch, for a corpus of some size where the user leaves them open.

        A small corpus needs many steps to be learned at all, a large one few passes; the figures were chosen on dev
        splits of public corpora of 100 to 15,000 sentences.
        """
        epochs = min(cls.MOST_EPOCHS, max(cls.LEAST_EPOCHS, round(cls.TOKENS_IN_ALL / max(1, num_tokens))))
        # Sentences of fewer than four tokens make steps that cost little else than the step itself.
        more = min(4.0, max(1.0, 4 * num_sentences / max(1, num_tokens)))
        return epochs, round((8 if num_sentences < cls.SMALL else 32) * more)

    def _build_vocabulary(self, counts: Mapping[str, int]) -> Vocabulary:
        """Index the training data, and the words of pretrained vectors where there are any.

        All words of a list of vectors get an index, so that words that training lacks work at prediction;
        `vectors_keep="corpus"` keeps those of the training data. With int8, and where pieces of words have vectors,
        what training lacks stands beside the network instead, as `unseen`. A word without a vector starts as a random
        one of the same spread.
        """
        settings: dict[str, Any] = {
            "min_freq": self.min_freq,
            "lowercase": self.lowercase,
            "merge_digits": self.merge_digits,
        }
        self.vectors_ = None
        plain = Vocabulary.build(counts, **settings)
        if self.vectors is None:
            return plain
        forms = {form for token in counts for form in (token, token.lower())} if self.vectors_keep == "corpus" else None
        found = read_pretrained(self.vectors, words=forms)
        assert isinstance(found.words, dict)
        # A form as it stands comes before one that only becomes it by lower-casing or merging digits; the pieces of a
        # word are always those of the form that is looked up, and so is a row beside them.
        rows = {word: row for word, row in found.words.items() if plain.normalise(word) == word}
        if found.pieces is None:
            for word, row in found.words.items():
                rows.setdefault(plain.normalise(word), row)
        elif len(rows) < len(found.words):
            logger.info(
                "%s: %d of %d words have upper case or digits that are not looked up, and are known by their pieces "
                "alone; lowercase=False and merge_digits=False look them up",
                self.vectors,
                len(found.words) - len(rows),
                len(found.words),
            )
        found = replace(found, words=rows)
        seen = Counter[str]()
        for token, count in counts.items():
            seen[plain.normalise(token)] += count
        stands_beside = found.pieces is not None or self.vectors_precision == "int8"
        in_table = [word for word in rows if word in seen] if stands_beside else rows
        vocabulary = Vocabulary.build(counts, **settings, extra_words=in_table)
        if stands_beside and self.vectors_keep == "all":
            with telling_source(self.vectors):
                vocabulary.unseen = found.kept(rows, precision=self.vectors_precision)
            megabytes = vocabulary.unseen.values_ND.nbytes / 1e6
            logger.info("%s: %.1f MB stand beside the network, in %s", self.vectors, megabytes, self.vectors_precision)
        index, size = vocabulary.indices["word"], found.size
        with telling_source(self.vectors):
            vectors_WE, has_one_W = found.find(list(index))
        num_covered = sum(seen[word] for word, has_one in zip(index, has_one_W) if has_one)
        logger.info(
            "%s: %s; %.1f%% of the training tokens have one",
            self.vectors,
            found.describe(),
            100 * num_covered / max(1, sum(counts.values())),
        )
        of_all = found.values_ND if found.pieces is None else vectors_WE[has_one_W]
        random = np.random.default_rng(self.seed)
        matrix_VE = random.normal(0.0, of_all.std() if len(of_all) else size**-0.5, (len(index) + 2, size))
        matrix_VE = matrix_VE.astype(np.float32)
        matrix_VE[0] = 0.0
        matrix_VE[2 + np.flatnonzero(has_one_W)] = vectors_WE[has_one_W]
        self.vectors_ = torch.from_numpy(matrix_VE)
        return vocabulary

    def _named_weights(self) -> Mapping[Any, float]:
        """Give the weights that `class_weights` has by label; none where they are balanced."""
        return self.class_weights if isinstance(self.class_weights, Mapping) else {}

    def __sklearn_clone__(self: Self) -> Self:
        """Clone as scikit-learn does, but for the language models: a clone of one would not be trained."""
        twin: Self = super().__sklearn_clone__()
        twin.context = self.context
        return twin

    # -- training -----------------------------------------------------------------------------

    def _forget_network(self) -> None:
        super()._forget_network()
        self.__dict__.pop("engines_", None)

    def _new_embedder(self, vocabulary: Vocabulary, gazetteers: torch.nn.Module | None = None) -> Embedder | NoStates:
        """Build the part of the network that turns words into vectors; without an encoder nothing reads any."""
        if self.encoder is None:
            return NoStates()
        widths = {"shape": self.shape_size} | dict.fromkeys(AFFIX_COLUMNS, self.affix_size)
        context = None
        if self.context_ is not None:
            context = ContextEmbedder(
                self.context_.networks(),
                size=self.context_size,
                dropout=self.context_dropout,
                tunes=self.context_learning_rate > 0,
            )
        return Embedder(
            list(vocabulary.feature_sizes.values()),
            word_size=self.word_size if self.vectors_ is None else self.vectors_.shape[1],
            feature_widths={FEATURES.index(name): width for name, width in widths.items() if width},
            characters=self.characters,
            num_characters=vocabulary.num_characters,
            character_size=self.character_size,
            word_counts=vocabulary.word_counts,
            word_dropout=self.word_dropout,
            dropout=self.embedding_dropout,
            pretrained_VE=self.vectors_,
            freeze=self.freeze_vectors,
            context=context,
            gazetteers=gazetteers,
        )

    def _new_encoder(self, input_size: int) -> RecurrentEncoder:
        """Build the part of the network that lets tokens, or steps of a series, see their neighbours."""
        assert self.encoder is not None
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

    def _train(
        self,
        rows: Rows,
        evaluate: Callable[[NetworkT], DevFigures],
        *,
        run: Run,
        batches: Callable[[int], list[np.ndarray]] | None = None,
    ) -> None:
        super()._train(rows, evaluate, run=run, batches=batches)
        self.vectors_ = None  # the network has them now
        self._install_context(tuned_at=self.context_learning_rate)
        self.engines_ = self._make_engines()

    def _open_context(self) -> None:
        self.context_ = None if self.context is None else Context.open(self.context)

    def _input_hashes(self) -> list[str]:
        vectors = "" if self.vectors_ is None else hashlib.sha256(self.vectors_.numpy().data).hexdigest()
        if (unseen := self._unseen()) is not None:
            vectors += hashlib.sha256(unseen.content).hexdigest()
        return [vectors, "" if self.context_ is None else self.context_.sha256()]

    def _unseen(self) -> WordVectors | None:
        """Give the vectors of words that training has not seen, which stand beside the network."""
        return self.vocabulary_.unseen if isinstance(self.vocabulary_, Vocabulary) else None

    @property
    def _context_reader(self) -> ContextReader | None:
        return None if self.context_ is None else self.context_.reader

    def _remembering(self, *datasets: Dataset) -> AbstractContextManager[None]:
        """Keep the states of some sentences inside a `with` block, unless the language models learn."""
        if self.context_ is None or self.context_learning_rate:
            return nullcontext()
        return self.context_.remembering(*datasets, device=self.device)

    def _install_context(self, *, tuned_at: float = 0.0) -> None:
        """Let the language models have the networks that stand inside the network, which may have learned there."""
        if self.context_ is not None:
            assert isinstance(self.network_.embedder, Embedder)
            assert isinstance(self.network_.embedder.context, ContextEmbedder)
            self.context_ = self.context_.installed(self.network_.embedder.context, tuned_at=tuned_at)

    # -- engines ------------------------------------------------------------------------------

    def _torch_engine(self) -> EngineT:
        raise AssertionError("a subclass gives its engine on torch")

    def _make_engines(self) -> Engines[EngineT]:
        raise AssertionError("a subclass says which engines its network can run on")

    def _engine(self) -> EngineT:
        """Give the engine that was chosen; `_torch_engine` is always the one on torch."""
        self._check_fitted()
        if self.engine not in check.ENGINES:
            check.check_options(type(self).__name__, {"engine": self.engine}, {"engine": ENGINE})
        return self.engines_.choose(self.engine, self._torch_engine())

    def _fitted_state(self) -> dict[str, Any]:
        state = {**super()._fitted_state(), "exports": self.engines_.carried()}
        if self.context_ is not None and list(self.context_.models) == self.context:
            state["context"] = "of the model"  # not a second time: a model that was loaded goes on from its own ones
        return state

    def _take(self: Self, read: Self, state: Mapping[str, Any]) -> None:
        super()._take(read, state)
        self.context = read.context if state["context"] == "of the model" else state["context"]
        self.engines_.take_carried(state["exports"])

    def _open_engines(self, stored: StoredModel, folder: str | Path, engine: str | None) -> None:
        """Note the folder that the network came from; an engine that was named replaces the one that was saved."""
        self.engines_ = self._make_engines()
        self.engines_.loaded_from(folder, stored.config)
        if engine is not None:
            self.engine = engine
            self._engine()

    def _note_export(self, path: Path) -> Path:
        if path.is_file():  # of several processes the first one writes
            self.engines_.kept_in(path.parent)
        return path

    # -- saving -------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write the model folder; a model that is there already is replaced, and nothing else.

        Of several processes that trained one model together, the first one writes.
        """
        place = super().save(folder)
        if is_main_process():  # an export that is made there is one of these weights
            self.engines_.kept_in(place)
        return place

    def _sequence_card(
        self, rows: dict[str, str], *, unit: str, measure: str, use: str, pipeline: str | None, metric: str
    ) -> str:
        changed = self._changed_params()
        if self.context_ is not None:
            rows["context"] = f"{self.context_.describe()}; states as {self.context_size} numbers"
            # In the place of the directions stand the folders of whoever trains the model again; none where they come
            # with the model that it started from.
            if "context" in changed:
                changed["context"] = [f"{direction.upper()}_LM" for direction in changed["context"]]
        (low, high), best = self.data_["dev_interval"], max(record.dev_score for record in self.history_)
        return model_card(
            self,
            rows,
            name=type(self).__name__.lower(),
            unit=unit,
            dev=(f"{measure} on dev", f"{100 * best:.2f} (95% interval {100 * low:.1f} to {100 * high:.1f})"),
            late_rows={},
            note="The dev score chose the epoch, so it flatters; `seqtag evaluate DIR DATA` measures on data of your "
            f"own. The interval is\na bootstrap over {unit}.",
            command=f"seqtag train DATA --out DIR{'' if self.task == 'tag' else f' --task {self.task}'}",
            changed=changed,
            use=use,
            language=self.language,
            pipeline=pipeline,
            metric=metric,
        )

    def _params_to_store(self) -> dict[str, Any]:
        params = super()._params_to_store()
        if params["vectors"] is not None:
            params["vectors"] = Path(params["vectors"]).name  # no path to elsewhere stays in a model
        # The models themselves are stored beside; what `set_params` has asked for since is there after the next `fit`.
        params["context"] = None if self.context_ is None else [model.direction for model in self.context_.models]
        return params

    def _stored(self, about: dict[str, Any], vocabulary: dict[str, Any], card: str) -> StoredModel:
        stored = super()._stored(about, vocabulary, card)
        if self.context_ is not None:
            stored.config["context"] = self.context_.to_config()
            stored.vocabulary["context"] = [model.vocabulary_.to_dict() for model in self.context_.models]
        if (unseen := self._unseen()) is not None:
            stored.config["unseen_vectors"] = unseen.to_dict()
            stored = replace(stored, beside={VECTORS: unseen.content})
        return stored

    @classmethod
    def _read(cls: type[Self], folder: str | Path, *, device: str) -> tuple[Self, StoredModel]:
        estimator, stored = super()._read(folder, device=device)
        if (config := stored.config.get("context")) is not None:
            place = Place(Path(folder) / "config.json", "context")
            estimator.context_ = Context.from_store(config, stored.vocabulary["context"], device=device, place=place)
            # Another fit goes on from the models that are here, since their first folders may not exist any more.
            estimator.context = list(estimator.context_.models)
        table = stored.weights.get("embedder.word.weight", torch.zeros(0, 0))
        unseen = stored.config.get("unseen_vectors")
        if unseen is not None and tuple(table.shape[1:]) != (unseen["size"],):
            Place(Path(folder) / "config.json", "unseen_vectors.size").fail("must be the width of the word vectors")
        # Vectors gave the words their width; the rows themselves come with the other weights.
        has_vectors = table.dim() == 2 and table.shape[1] not in (0, estimator.word_size)
        estimator.vectors_ = torch.zeros_like(table) if has_vectors else None
        return estimator, stored

    @classmethod
    def load(cls: type[Self], folder: str | Path, *, device: str = "auto", engine: str | None = None) -> Self:
        """Read a model folder, running no code from it; UsageError for another folder, ModelError for a damaged one.

        `engine` replaces the one that was saved. It is opened at once, so that an error in it is raised here.
        """
        estimator, stored = cls._open(folder, device=device)
        estimator._open_engines(stored, folder, engine)
        return estimator

    def _install(self, stored: StoredModel, folder: str | Path) -> None:
        super()._install(stored, folder)
        self.vectors_ = None
        self._install_context()
