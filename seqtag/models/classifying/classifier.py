"""The text classifier: sentiment, intent, topics; also series of numbers. Texts in, classes and probabilities out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset

from seqtag.batching import LabelledRows, SeriesRows, count_tokens
from seqtag.corpora.source_names import hub_origin
from seqtag.errors import DataError, UsageError
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.classifying.slices import unknown_shares
from seqtag.evaluation.report import Report
from seqtag.evaluation.training_curve import epochs_of
from seqtag.inference.classifying import MOST_TOGETHER, ClassEngine, PredictingClassifier
from seqtag.inference.series_input import SeriesLayout
from seqtag.inference.user_input import text_rows
from seqtag.model_files import as_path
from seqtag.models import options as check
from seqtag.models.batch_mapping import classify_batch
from seqtag.models.classifying.inference import ClassDevScore, TorchClassEngine
from seqtag.models.classifying.inputs import (
    Labelled,
    as_known,
    as_labelled,
    balanced_weights,
    check_classes,
    check_trainable,
    fingerprint_of,
    training_splits,
)
from seqtag.models.engine import Engines, Exports
from seqtag.models.estimator import keeps_generators
from seqtag.models.fitting import Rows, Run
from seqtag.models.mean_states import mean_states
from seqtag.models.options import documented, option
from seqtag.models.scikit_learn import ClassifierMixin
from seqtag.models.seen_data import seen_keys, warn_of_seen
from seqtag.models.sequence_estimator import SequenceEstimator
from seqtag.nn.batch import Batch
from seqtag.nn.classification import MultiLabelHead, SingleLabelHead
from seqtag.nn.network import ClassNetwork
from seqtag.nn.ngrams import Ngrams, NgramScores, count_ngrams
from seqtag.nn.pooling import POOLINGS
from seqtag.nn.segments import SegmentedEncoder
from seqtag.nn.series import SeriesEmbedder
from seqtag.reporting.progress import watched
from seqtag.store import VECTORS, StoredModel
from seqtag.text.classes import ClassSet
from seqtag.text.vocabulary import Vocabulary
from seqtag.training.watchers import Watcher

# A text that is longer than a batch may be is a batch by itself. Up to so many times the size of a batch its states are
# kept for the gradient, as those of other texts are; those of a longer text are computed twice.
_ONE_TEXT = 8


class FittedClassifier:
    """What `fit` and `load` leave in a classifier beside what they leave in every estimator."""

    class_set_: ClassSet
    prior_: np.ndarray  # shares of the classes in training
    series_: SeriesLayout | None  # how series are read; None for texts
    scale_: tuple[torch.Tensor, ...] | None  # what the network subtracts from and divides series by; None for texts
    ngrams_: Ngrams | None  # until the network has them


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(
    ClassifierMixin,
    FittedClassifier,
    SequenceEstimator[ClassNetwork, Vocabulary | None, ClassEngine],
    PredictingClassifier,
):
    """Give a text one class or several, with a recurrent encoder, pooling and a linear head.

    Series of numbers are classified too: arrays (steps, features) in the place of texts. Follows scikit-learn: the
    constructor only stores, `fit` checks and trains, fitted state ends in `_`.

    >>> Classifier(pooling="mean").get_params()["pooling"]
    'mean'
    """

    task: ClassVar[str] = "classify"
    TOKENS_IN_ALL: ClassVar[int] = 1_000_000
    LEAST_EPOCHS: ClassVar[int] = 5
    MOST_EPOCHS: ClassVar[int] = 20
    SMALL: ClassVar[int] = 0

    lexical_learning_rate: float = 0.01
    pooling: str = option(
        "attention", check.one_of(*POOLINGS), "The states of a text become one vector in this way.", "task"
    )
    segment_size: int = option(
        128, check.whole(1), "The encoder reads a longer text in parallel segments of at most this many tokens.", "task"
    )
    label_smoothing: float = option(
        0.1, check.fraction, "All classes share this part of the target evenly in training.", "task"
    )

    # -- training -----------------------------------------------------------------------------

    @keeps_generators
    def fit(
        self,
        X: Dataset | Iterable[Any],
        y: Iterable[Any] | None = None,
        *,
        dev: Dataset | tuple[Iterable[Any], Iterable[Any]] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        watchers: Sequence[Watcher] | None = None,
        tensorboard: str | Path | None = None,
    ) -> "Classifier":
        """Train on a dataset with text and label, or on texts X and labels y.

        Labels are strings, integers or truth values; a list of labels for each text makes it a model that gives any
        number of them, and so does an array, or a data frame, with a column of 0 and 1 per label. In the place of
        texts, token lists are taken as they are, and arrays (steps, features) are series of numbers. `dev` decides
        which epoch is kept and what each view counts; without it, `dev_share` of each class is held out, and said.
        `checkpoint` names a folder for the state of the run; with `resume=True` a killed run goes on from there. Raises
        UsageError for a wrong option or call, DataError for the data.
        """
        self._check_options()
        self._forget_network()
        self._open_context()
        train, held_out = training_splits(X, y, dev, language=self.language, dev_share=self.dev_share, seed=self.seed)
        self.class_set_ = train.classes()
        check_trainable(self.class_set_, self._named_weights())
        check_classes(held_out.labels, self.class_set_, "dev")
        ids = self._ids(train)
        self.prior_ = self.class_set_.indicators(ids).mean(0, dtype=np.float64)
        rows = self._index(train, ids)
        self.data_ = {"fingerprint": fingerprint_of(train=train, dev=held_out), **hub_origin(X)}
        self.data_ |= {"train": len(train), "dev": len(held_out), "seen": seen_keys(train.items, held_out.items)}
        dev_rows = held_out.rows if self.series_ is None else self.series_.centred(held_out.rows, "fit")
        dev_score = ClassDevScore(self._torch_engine, dev_rows, held_out.labels, self.class_set_)
        with self._remembering(*(split.texts for split in (train, held_out) if split.texts is not None)):
            self._train(rows, dev_score, run=Run(checkpoint, resume, watchers, tensorboard))
            self.data_["dev_interval"] = dev_score.interval(self.network_)
        self.ngrams_ = None  # the network has them now
        return self

    def _ids(self, data: Labelled) -> list[Any]:
        find = self.class_set_.index
        return [[find[one] for one in label] if data.is_multi else find[label] for label in data.labels]

    def _index(self, train: Labelled, ids: list[Any]) -> Rows:
        """Build what turns rows into tensors from the training data, and the rows themselves."""
        self.series_, self.scale_, self.ngrams_ = None, None, None
        if train.series is not None:
            if self.context_ is not None:
                raise UsageError("context=...: language models read texts, and these rows are series; leave it out")
            if self.encoder is None:
                raise UsageError(
                    "encoder=None: the linear scores are of words, and these rows are series; choose an encoder"
                )
            self.vocabulary_, self.vectors_ = None, None
            if not any(map(len, train.series)):
                raise DataError("the training series have not one step; give series with steps")
            self.series_, spread_D = SeriesLayout.learn(train.series, train.features)
            scale_D = torch.tensor(spread_D, dtype=torch.float32)
            self.scale_ = torch.zeros_like(scale_D), scale_D
            return SeriesRows(self.series_.centred(train.series, "fit"), ids, self.class_set_)
        assert train.texts is not None
        counts = count_tokens(train.texts)
        if not counts:
            raise DataError("the training data has not one word; give texts with words")
        self.vocabulary_ = vocabulary = self._build_vocabulary(counts)
        rows = LabelledRows(train.texts, ids, vocabulary, self.class_set_)
        if self.lexical:
            folded_C = torch.tensor(vocabulary.folded_characters())
            num_words = vocabulary.feature_sizes["word"]
            batches = rows.in_order()

            def every(step: int) -> Iterator[Batch]:
                some = batches[::step]
                return map(rows.batch, watched(some, "counting n-grams", total=sum(map(len, some)), size=len))

            self.ngrams_ = count_ngrams(every, folded_C, num_words=num_words)
        rows.context = self._context_reader
        return rows

    def _build_network(self) -> ClassNetwork:
        embedder: torch.nn.Module
        encoder, pooling, lexical = None, None, None
        if self.vocabulary_ is None:
            assert self.scale_ is not None
            embedder = SeriesEmbedder(*self.scale_)
        else:
            embedder = self._new_embedder(self.vocabulary_)
            if self.ngrams_ is not None:
                folded_C = torch.tensor(self.vocabulary_.folded_characters())
                num_words = self.vocabulary_.feature_sizes["word"]
                dropout = 0.5 if self.lexical_dropout is None else self.lexical_dropout
                lexical = NgramScores(self.ngrams_, folded_C, num_words=num_words, dropout=dropout)
        if self.encoder is not None:
            encoder = SegmentedEncoder(
                self._new_encoder(embedder.output_size),
                segment_size=self.segment_size,
                max_tokens=_ONE_TEXT * self.max_tokens,
            )
            pooling = POOLINGS[self.pooling](
                encoder.output_size,
                bidirectional=self.bidirectional and self.merge == "concat",
                segment_size=self.segment_size,
            )
        classes = self.class_set_
        weights = {classes.find(label): float(weight) for label, weight in self._named_weights().items()}
        weights_L = np.array([weights.get(number, 1.0) for number in range(len(classes))])
        if self.class_weights == "balanced":
            weights_L = balanced_weights(self.prior_, classes.is_multi)
        head = (MultiLabelHead if classes.is_multi else SingleLabelHead)(
            0 if encoder is None else encoder.output_size,
            len(classes),
            pooling=pooling,
            lexical=lexical,
            class_weights_L=torch.tensor(weights_L, dtype=torch.float32),
            label_smoothing=self.label_smoothing,
        )
        return ClassNetwork(embedder, encoder, head, dropout=self.dropout)

    # -- predicting ---------------------------------------------------------------------------

    def _classes(self) -> ClassSet:
        self._check_fitted()
        return self.class_set_

    def _torch_engine(self, network: ClassNetwork | None = None) -> TorchClassEngine:
        return TorchClassEngine(
            self.network_ if network is None else network,
            self.vocabulary_,
            self.class_set_,
            self.prior_,
            self.max_tokens,
            self._context_reader,
            self.series_,
        )

    def _make_engines(self) -> Engines[ClassEngine]:
        return Engines(self.network_, self._make_exports)

    def _make_exports(self) -> Exports[ClassEngine]:
        from seqtag.models.classifying.engine import ClassExports

        return ClassExports(self._torch_engine())

    def embed(self, X: Iterable[Any]) -> np.ndarray:
        """Give a vector for each text or series: the mean of the encoder's states, (texts, states).

        It has no columns where the model has no encoder, and zeros for a blank text. torch computes it.
        """
        self._check_fitted()
        engine = self._torch_engine()
        return mean_states(engine, self._rows(engine, text_rows(X, "embed"), "embed"))

    def map_batch(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Classify a batch of a dataset: `data.map(classifier.map_batch, batched=True)`, with `num_proc` too.

        A column `text`, and else `tokens`, gives the columns `predicted_label` and `score`; where a text may have
        several classes, both hold lists. `datasets` keeps the result in its cache by a hash of the model. Raises
        UsageError where there is no such column, or where one of the data would be lost, DataError for a missing text.
        """
        self._check_fitted()
        return classify_batch(self, self.class_set_, batch)

    # -- measuring ----------------------------------------------------------------------------

    def evaluate(
        self, X: Dataset | Iterable[Any], y: Iterable[Any] | None = None, *, resamples: int = 10_000, seed: int = 0
    ) -> Report:
        """Compare predictions with gold labels: scores, confusions, the surest mistakes, reliability."""
        self._check_fitted()
        columns, features = self.class_set_.labels, None if self.series_ is None else self.series_.names
        data = as_labelled(X, y, "evaluation", language=self.language, columns=columns, features=features)
        if not len(data):
            raise DataError("the evaluation data holds no text")
        engine = self._engine()
        if resamples:  # `score` does without: scikit-learn calls it on training data too
            warn_of_seen(self.data_.get("seen"), data.items)
        self._rows(engine, data.part(0, 1), "evaluate")  # rows of another kind are refused before their labels are
        check_classes(data.labels, self.class_set_, "evaluation")
        words = self.vocabulary_
        lengths: list[int] = []
        shares: list[float | None] = []
        parts = []
        # A few thousand rows are read at a time, so memory does not grow with all of them.
        starts = range(0, len(data), MOST_TOGETHER)
        for start in watched(starts, "predicting", total=len(data), size=lambda _: MOST_TOGETHER):
            rows = self._rows(engine, data.part(start, start + MOST_TOGETHER), "evaluate", first=start + 1)
            parts.append(engine.probabilities(rows))
            lengths += map(len, rows)
            shares += [] if words is None else unknown_shares(rows, words)
        probability_NL = np.concatenate(parts)
        report = evaluate_labels(
            [as_known(label, self.class_set_) for label in data.labels],
            self.class_set_.decode(engine.choose(probability_NL)),
            labels=list(self.class_set_.labels),
            probabilities=probability_NL,
            texts=data.to_read(),
            lengths=lengths,
            unit="steps" if words is None else "tokens",
            unknown_shares=None if words is None else shares,
            resamples=resamples,
            seed=seed,
        )
        return replace(report, history=epochs_of(self.history_))

    def score(self, X: Dataset | Iterable[Any], y: Iterable[Any] | None = None) -> float:
        """Give one figure, as scikit-learn wants it: accuracy, or micro F1 where a text may have several classes."""
        return float(self.evaluate(X, y, resamples=0).score)

    # -- saving -------------------------------------------------------------------------------

    def _to_store(self) -> StoredModel:
        about = {"classes": self.class_set_.to_dict(), "prior": self.prior_.tolist(), "data": self.data_}
        if self.series_ is not None:
            about["series"] = self.series_.to_dict()
        vocabulary = {} if self.vocabulary_ is None else self.vocabulary_.to_dict()
        return self._stored(about, vocabulary, self._card())

    def _card(self) -> str:
        is_multi, is_text = self.class_set_.is_multi, self.vocabulary_ is not None
        on_series = "classifier.predict(series)  # (series, steps, features)"
        return self._sequence_card(
            {
                "classes": ", ".join(self.class_set_.names),
                "a row has": "any number of classes" if is_multi else "one class",
                **({} if self.encoder is None else {"pooling": self.pooling}),
            },
            unit="texts" if is_text else "series",
            measure="micro F1" if is_multi else "accuracy",
            use='classifier.predict(["What a day!"])' if is_text else on_series,
            pipeline="text-classification" if is_text else None,
            metric="f1" if is_multi else "accuracy",
        )

    def export(
        self,
        folder: str | Path,
        *,
        int8: bool = False,
        force: bool = False,
        dev: Dataset | tuple[Iterable[Any], Iterable[Any]] | None = None,
    ) -> Path:
        """Write the network as ONNX into the folder that holds this model, for `seqtag.runtime`; gives the file's path.

        The export is tried first: on `dev`, else on made-up texts, it must give the same classes as torch. `int8` is
        smaller and quicker and changes some classes, by the texts of a batch too, so it needs `dev`; if it costs more
        than 0.5 points of accuracy there (micro F1 where a text may have several classes) it is refused. `force` writes
        it all the same. Raises UsageError for a wrong call, ModelError for a failed trial.
        """
        from seqtag.models.classifying.export import export_classifier

        self._check_fitted()
        engine, place = self._torch_engine(), as_path(folder)
        path = export_classifier(engine, place, language=self.language, int8=int8, force=force, dev=dev)
        return self._note_export(path)

    def _restore(self, stored: StoredModel) -> None:
        self.vocabulary_ = Vocabulary.from_store(stored.config, stored.vocabulary, stored.beside.get(VECTORS))
        self.class_set_ = ClassSet.from_dict(stored.config["classes"])
        self.prior_ = np.array(stored.config["prior"])
        # The sizes of what training counted; the numbers themselves come with the other weights.
        self.scale_ = stored.zeros_like("embedder.mean_D", "embedder.scale_D")
        if self.vocabulary_ is None and self.scale_ is None:
            raise ValueError("vocabulary.json is empty, and model.safetensors is not of a model of series")
        lexical = ("keys_N", "rarity_N", "table.weight", "bias_L")
        ngrams = stored.zeros_like(*(f"head.lexical.{name}" for name in lexical))
        self.ngrams_ = None if ngrams is None else Ngrams(*ngrams)
        if self.encoder is None and self.ngrams_ is None:
            raise ValueError("config.json has no encoder, and model.safetensors no n-grams to score classes with")
        self._check_counted()
        self.series_ = None
        if self.scale_ is not None:
            self.series_ = SeriesLayout.from_dict(stored.config.get("series"), len(self.scale_[0]))

    def _check_counted(self) -> None:
        """Raise ValueError where what training counted is not of sizes and types that fit each other."""
        num_classes = len(self.class_set_)
        if self.ngrams_ is not None:
            keys_N, num = self.ngrams_.keys_N, self.ngrams_.keys_N.numel()
            wanted = [(num,), (num,), (num, num_classes), (num_classes,)]
            if [tuple(part.shape) for part in self.ngrams_] != wanted or keys_N.dtype != torch.int64:
                raise ValueError("model.safetensors is damaged: its n-grams are not of the sizes that fit each other")
        if self.scale_ is not None and (self.scale_[0].dim() != 1 or self.scale_[0].shape != self.scale_[1].shape):
            raise ValueError("model.safetensors is damaged: the mean and deviation of series are of other sizes")

    def _install(self, stored: StoredModel, folder: str | Path) -> None:
        super()._install(stored, folder)
        self.ngrams_ = None  # the network has them now
