"""The token tagger: NER, POS, chunking, slots. Strings in, tags, spans and probabilities out."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
from datasets import Dataset

from seqtag.batching import TaggedRows, count_tokens, fingerprint
from seqtag.errors import UsageError
from seqtag.evaluation.slices import TrainingKnowledge
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.report import TagReport
from seqtag.inference.tagging import TaggedSentence, text_spans
from seqtag.inference.user_input import texts, token_lists
from seqtag.models import options as check
from seqtag.models.card import tagger_card
from seqtag.models.context import Context
from seqtag.models.fitting import Run, train_seeds
from seqtag.models.networks import tag_network
from seqtag.models.sequence_estimator import SequenceEstimator
from seqtag.models.tagging.dev_score import DevScore
from seqtag.models.tagging.engine import TagEngines
from seqtag.models.tagging.inference import HeadedAnswers, TagPredictor
from seqtag.models.tagging.inputs import GoldSentences, check_trainable, gold_sentences, tag_lists, training_splits
from seqtag.models.tagging.tuning import Tuning, read_wish, tune_tagger
from seqtag.nn.network import TagNetwork
from seqtag.store import StoredModel
from seqtag.text.schemes import Span, entity_labels
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.training_surfaces import Surfaces, surfaces_of
from seqtag.training.loop import Watcher

logger = logging.getLogger("seqtag")

Tokens = Sequence[str]

# Sentences of a prediction that are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048


@dataclass(kw_only=True, eq=False, repr=False)
class Tagger(SequenceEstimator):
    """Tag each token of a sentence, with a recurrent encoder and a linear or CRF head; README explains the options.

    Follows scikit-learn: the constructor only stores, `fit` checks and trains, fitted state ends in `_`.

    >>> Tagger(hidden_size=64).get_params()["hidden_size"]
    64
    """

    task: ClassVar[str] = "tag"

    head: str = "crf"
    balance: bool = True
    calibrate: bool = False
    wanted_recall: float | None = None
    wanted_precision: float | None = None

    CHECKS: ClassVar[dict[str, check.Check]] = SequenceEstimator.CHECKS | {
        "head": check.one_of("linear", "crf"),
        "balance": check.truth,
        "calibrate": check.truth,
        "wanted_recall": check.optional(check.share),
        "wanted_precision": check.optional(check.share),
    }

    # -- training -----------------------------------------------------------------------------

    def fit(
        self,
        X: Dataset | Sequence[Tokens],
        y: Sequence[Sequence[str]] | None = None,
        *,
        dev: Dataset | tuple[Sequence[Tokens], Sequence[Sequence[str]]] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        watchers: Sequence[Watcher] | None = None,
        tensorboard: str | Path | None = None,
    ) -> "Tagger":
        """Train on a dataset with tokens and tags, or on token lists X and tag lists y.

        `dev` (a dataset or a pair of lists) decides which epoch is kept; without it, `dev_share` of the training data
        is held out, and said. It also fits what `calibrate`, `wanted_recall` and `wanted_precision` ask for (see
        `tune`), and having chosen the epoch it flatters them a little. `checkpoint` names a folder for the state of
        the run; with `resume=True` a killed run goes on from there and ends in the same weights. Raises UsageError for
        a wrong option or call, DataError for the data.
        """
        self._check_options()
        self._forget_network()
        settled = training_splits(X, y, dev, dev_share=self.dev_share, seed=self.seed)
        train, held_out, scheme = settled.train, settled.dev, settled.scheme
        self.tagset_ = TagSet.build(train.features["tags"].feature.names, scheme)
        check_trainable(self.tagset_, self.class_weights or {})
        wish = read_wish(self.wanted_recall, self.wanted_precision, self.tagset_, prefix="wanted_")
        self.tuning_ = None
        self.context_ = Context.open(self.context)
        self.vocabulary_ = self._build_vocabulary(count_tokens(train))
        self.surfaces_: Surfaces | None = surfaces_of(train, scheme)
        data = fingerprint({"train": train, "dev": held_out})
        self.data_ = {"fingerprint": data, "train": len(train), "dev": len(held_out)}
        dev_tokens, dev_tags = held_out["tokens"][:], tag_lists(held_out)
        dev_score = DevScore(self._predictor, dev_tokens, dev_tags, balance=self.balance)
        rows = TaggedRows(train, self.vocabulary_, self.tagset_, context=self._context_reader)
        with self._remembering(train, held_out):
            train_seeds(self, rows, dev_score, fingerprint=data, run=Run(checkpoint, resume, watchers, tensorboard))
            self._take_context()
            self.engines_ = self._engines()
            self.data_["dev_interval"] = dev_score.interval(self.network_)
            if self.calibrate or wish:
                tune_tagger(self, dev_tokens, dev_tags, wish=wish, calibrate=self.calibrate)
        return self

    def tune(
        self,
        X: Dataset | Sequence[Tokens],
        y: Sequence[Sequence[str]] | None = None,
        *,
        recall: float | Mapping[str, float] | None = None,
        precision: float | Mapping[str, float] | None = None,
        calibrate: bool = False,
    ) -> "Tagger":
        """Choose thresholds on labelled data so that the spans found there reach a wanted recall or precision.

        One share for all labels, or a mapping; a label that it leaves out gets the threshold with the best F1. From
        then on every prediction holds, of all spans whose probability reaches the threshold of their label, those that
        stand side by side and have the largest expected number of right ones; `thresholds_` has them by label,
        `tuning_` what they reached. With nothing wanted the thresholds go, and the best tags are predicted again.
        `calibrate=True` first fits the temperature: one number that makes probabilities as sure as they are right.
        Figures hold for data like these, not for the training data. Raises UsageError for plain tags, which have no
        spans to choose among, and for an unknown label.
        """
        self._check_fitted()
        wish = read_wish(recall, precision, self.tagset_)
        gold = gold_sentences(X, y, "tuning", tagset=self.tagset_, labels=self.labels_)
        tune_tagger(self, gold.tokens, gold.tags, wish=wish, calibrate=calibrate)
        return self

    @property
    def thresholds_(self) -> dict[str, float] | None:
        """From which probability on spans of each label are predicted; None where the best tags are."""
        return None if self.tuning_ is None else {name: found.value for name, found in self.tuning_.labels.items()}

    @property
    def tags_(self) -> list[str]:
        """The tags of the training data, in the order of `predict_proba`'s columns."""
        self._check_fitted()
        return list(self.tagset_.data_tags)

    @property
    def labels_(self) -> list[str]:
        """The labels of spans, or the tags themselves where they are plain."""
        return self.tags_ if self.scheme_ == "plain" else entity_labels(self.tags_)

    @property
    def scheme_(self) -> str:
        """The scheme of the training data, which is that of the predictions."""
        self._check_fitted()
        return self.tagset_.data_scheme

    def _build_network(self) -> TagNetwork:
        return tag_network(self)

    # -- predicting ---------------------------------------------------------------------------

    def _predictor(self, network: TagNetwork | None = None) -> TagPredictor:
        if network is None:
            self._check_fitted()
        told = self.vocabulary_, self.tagset_, self.max_tokens, self.thresholds_, self._context_reader
        return TagPredictor(network or self.network_, *told)

    def _engines(self) -> TagEngines:
        return TagEngines(self)

    def _answering(self) -> HeadedAnswers:
        answering: HeadedAnswers = super()._answering()
        return answering

    def predict(self, X: Iterable[Tokens]) -> list[list[str]]:
        """Tag token lists: one tag a token, in the scheme of the training data; an empty sentence gives no tags."""
        return self._answering().tags(token_lists(X, "predict"))

    def predict_stream(self, X: Iterable[Tokens]) -> Iterator[list[str]]:
        """Tag token lists one after the other, in order, in memory that does not grow with their number."""
        predictor, source = self._answering(), iter(X)
        while chunk := list(islice(source, _CHUNK)):
            yield from predictor.tags(token_lists(chunk, "predict_stream"))

    def predict_proba(self, X: Iterable[Tokens]) -> list[np.ndarray]:
        """Give the probability of each tag at each token: one array (tokens, tags) a sentence, columns as in `tags_`.

        With the CRF head these are true marginals, over all legal sequences.
        """
        return self._answering().marginals(token_lists(X, "predict_proba"))

    def predict_nbest(self, X: Iterable[Tokens], *, n: int = 5) -> list[list[tuple[list[str], float]]]:
        """Give the n best tag sequences of each sentence with their probabilities; fewer where fewer are legal."""
        if not isinstance(n, int) or n < 1:
            raise UsageError(f"n={n!r}: ask for a whole number of sequences, at least 1")
        return self._answering().nbest(token_lists(X, "predict_nbest"), n)

    def predict_spans(self, X: Iterable[str]) -> list[list[Span]]:
        """Find the spans of texts: offsets in characters of the text given, with the exact probability of each.

        A text is cut into sentences and tokens with spaCy's rules for `language`. A span's score is the probability,
        over all tag sequences, that exactly this span with this label is there.
        """
        return list(self.spans_stream(texts(X, "predict_spans")))

    def spans_stream(self, X: Iterable[str]) -> Iterator[list[Span]]:
        """Find the spans of texts one after the other, in order, in memory that does not grow with their number."""
        for text, sentences in self.tag_texts(X):
            yield text_spans(text, sentences)

    def tag_texts(self, X: Iterable[str]) -> Iterator[tuple[str, list[TaggedSentence]]]:
        """Cut texts into sentences and tag them: for each text its sentences as tokens, tags and spans of tokens."""
        predictor, tokenizer, source = self._answering(), Tokenizer(self.language), iter(X)
        while chunk := texts(islice(source, _CHUNK // 4), "predict_spans"):
            yield from zip(chunk, predictor.texts(tokenizer, chunk))

    def predict_token_spans(self, X: Iterable[Tokens]) -> list[list[Span]]:
        """Find the spans of token lists: offsets in tokens, with the exact probability of each."""
        return self._answering().spans(token_lists(X, "predict_token_spans"))[1]

    # -- measuring ----------------------------------------------------------------------------

    def evaluate(
        self,
        X: Dataset | Sequence[Tokens],
        y: Sequence[Sequence[str]] | None = None,
        *,
        resamples: int = 10_000,
        seed: int = 0,
    ) -> TagReport:
        """Compare predictions with gold tags: scores, what goes wrong and where, how far to trust the probabilities.

        Where a column `document` tells documents apart, intervals come from whole documents, else from sentences.
        """
        gold, predictor = self._gold(X, y), self._answering()
        tags, spans = predictor.spans(gold.tokens)
        return evaluate_tags(
            gold.tags,
            tags,
            scheme=self.scheme_,
            tokens=gold.tokens,
            documents=gold.documents,
            training=self._training_knowledge(),
            spans=spans,
            candidates=predictor.candidates(gold.tokens),
            resamples=resamples,
            seed=seed,
        )

    def _gold(self, X: Dataset | Sequence[Tokens], y: Sequence[Sequence[str]] | None) -> GoldSentences:
        self._check_fitted()
        return gold_sentences(X, y, "evaluation", tagset=self.tagset_, labels=self.labels_)

    def _training_knowledge(self) -> TrainingKnowledge:
        """Give what training saw: its surfaces (None in a model of an earlier release) and its words."""
        return TrainingKnowledge(self.surfaces_, self.vocabulary_)

    def score(self, X: Dataset | Sequence[Tokens], y: Sequence[Sequence[str]] | None = None) -> float:
        """Give one figure, as scikit-learn wants it: strict micro F1, or accuracy for plain tags."""
        gold = self._gold(X, y)
        return float(evaluate_tags(gold.tags, self.predict(gold.tokens), scheme=self.scheme_, resamples=0).score)

    # -- saving -------------------------------------------------------------------------------

    def _to_store(self) -> StoredModel:
        tuning = None if self.tuning_ is None else asdict(self.tuning_)
        about = {"tagset": self.tagset_.to_dict(), "data": self.data_, "tuning": tuning}
        stored = self._stored(about, tagger_card(self))
        if self.surfaces_ is not None:
            stored.vocabulary["surfaces"] = self.surfaces_.to_dict()
        return stored

    def export(
        self,
        folder: str | Path,
        *,
        int8: bool = False,
        force: bool = False,
        dev: Dataset | tuple[Sequence[Tokens], Sequence[Sequence[str]]] | None = None,
    ) -> Path:
        """Write the network as ONNX into the folder that holds this model, for `seqtag.runtime`; gives the file's path.

        The export is tried first: on `dev`, else on made-up sentences, it must give the same tags as torch. `int8` is
        smaller and quicker and changes some tags, by the sentences of a batch too, so it needs `dev`; if it costs more
        than 0.5 points of F1 there it is refused. `force` writes it all the same. Raises UsageError for a wrong call,
        ModelError for a failed trial.
        """
        from seqtag.models.tagging.export import export_tagger

        return self._note_export(export_tagger(self, folder, int8=int8, force=force, dev=dev))

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto", engine: str | None = None) -> "Tagger":
        """Read a model folder, running no code from it; UsageError where it is none, ModelError for a damaged one.

        `engine` replaces the one that was saved, and is opened at once, so that what is wrong with it is said here.
        """
        tagger, stored = cls._read(folder, device=device)
        tagger.tagset_ = TagSet.from_dict(stored.config["tagset"])
        tagger.data_ = stored.config["data"]
        tuning = stored.config.get("tuning")
        tagger.tuning_ = None if tuning is None else Tuning.from_dict(tuning)
        surfaces = stored.vocabulary.get("surfaces")
        tagger.surfaces_ = None if surfaces is None else Surfaces.from_dict(surfaces)
        tagger._install(tagger._build_network(), stored, folder)
        tagger._open_engines(stored, folder, engine)
        return tagger
