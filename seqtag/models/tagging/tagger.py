"""The token tagger: NER, POS, chunking, slots. Strings in, tags, spans and probabilities out."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset

from seqtag.batching import TaggedRows, count_tokens, fingerprint
from seqtag.corpora.phrase_lists import log_coverage, read_gazetteers
from seqtag.corpora.source_names import hub_origin
from seqtag.corpora.tag_normalising import carried_scheme, carried_spelling, ordered_names
from seqtag.errors import UsageError
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.report import TagReport
from seqtag.evaluation.tagging.slices import TrainingKnowledge
from seqtag.evaluation.training_curve import epochs_of
from seqtag.inference.known_spans import Known
from seqtag.inference.patterns import Patterns
from seqtag.inference.tag_engine import Tokens
from seqtag.inference.tagging import PredictingTagger
from seqtag.inference.user_input import token_lists
from seqtag.model_files import as_path
from seqtag.models import options as check
from seqtag.models.batch_mapping import tag_batch
from seqtag.models.context import Context
from seqtag.models.engine import Engines, Exports
from seqtag.models.estimator import keeps_generators
from seqtag.models.fitting import Run
from seqtag.models.mean_states import mean_states
from seqtag.models.options import documented
from seqtag.models.seen_data import seen_keys, warn_of_seen
from seqtag.models.tagging.dev_score import DevScore
from seqtag.models.tagging.going_on import OldModel, about_training, card_rows, check_start, going_on, take_weights
from seqtag.models.tagging.inference import NbestTagEngine, TorchTagEngine
from seqtag.models.tagging.inputs import (
    GoldSentences,
    annotated_labels,
    balanced_weights,
    check_trainable,
    gold_sentences,
    tag_lists,
    training_splits,
)
from seqtag.models.tagging.options import TaggerOptions
from seqtag.models.tagging.pretraining import PretrainedTagger
from seqtag.models.tagging.temperature import fit_temperature
from seqtag.models.tagging.tuning import Target, Tuning, fit_thresholds, read_target
from seqtag.nn.gazetteers import MatchEmbedder
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.store import GAZETTEERS, VECTORS, StoredModel
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.tagset import TagSet
from seqtag.text.training_surfaces import Surfaces, surfaces_of
from seqtag.text.vocabulary import Vocabulary
from seqtag.training.watchers import Watcher

logger = logging.getLogger("seqtag")

_MANY_TAGS = 500  # from so many on, an epoch with a CRF takes more than twice as long as one with a linear head


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class Tagger(TaggerOptions, PretrainedTagger, PredictingTagger[NbestTagEngine]):
    """Tag each token of a sentence, with a recurrent encoder and a linear or CRF head.

    Follows scikit-learn: the constructor only stores, `fit` checks and trains, fitted state ends in `_`.

    >>> Tagger(hidden_size=64).get_params()["hidden_size"]
    64
    """

    task: ClassVar[str] = "tag"

    # -- training -----------------------------------------------------------------------------

    @keeps_generators
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
        replay: Dataset | None = None,
    ) -> "Tagger":
        """Train on a dataset with tokens and tags, or on token lists X and tag lists y.

        `dev` (a dataset or a pair of lists) decides which epoch is kept; without it, `dev_share` of the training data
        is held out, and said. It also fits what `calibrate`, `wanted_recall` and `wanted_precision` ask for (see
        `tune`), and having chosen the epoch it flatters them a little. `checkpoint` names a folder for the state of
        the run; with `resume=True` a killed run goes on from there and ends in the same weights. `replay` are sentences
        that the model of `start_from` learned from, to be learned again beside the new ones. Raises UsageError for a
        wrong option or call, DataError for the data.
        """
        self._check_options()
        check_start(self.start_from, keep=self.keep, replay=replay)
        self._forget_network()
        train, held_out = training_splits(X, y, dev, dev_share=self.dev_share, seed=self.seed, language=self.language)
        self.start_ = None if self.start_from is None else self._old_model(self.start_from)
        names = train.features["tags"].feature.names
        if self.start_ is not None:
            if self.gazetteers is not None:
                self.start_.check_lists(self.gazetteers)
            train, held_out = going_on(
                train,
                held_out,
                self.start_,
                keep=self.keep,
                replay=replay,
                dev_share=self.dev_share,
                seed=self.seed,
                language=self.language,
            )
            names = ordered_names({*self.start_.tags, *train.features["tags"].feature.names})
        scheme = carried_scheme(train)
        assert scheme is not None, "load_corpus writes the scheme into every dataset"
        self.tagset_ = TagSet.build(names, scheme, carried_spelling(train))
        check_trainable(self.tagset_, self._named_weights(), unlabelled=self.unlabelled)
        self.label_weights_ = balanced_weights(train) if self.class_weights == "balanced" else self._named_weights()
        if self.head == "crf" and len(self.tagset_.names) > _MANY_TAGS:
            logger.warning(
                "the CRF has %d tags, and its time and memory grow with the square of that number: "
                'with head="linear" an epoch takes less than half as long',
                len(self.tagset_.names),
            )
        target = read_target(self.wanted_recall, self.wanted_precision, self.tagset_, prefix="wanted_")
        self.tuning_ = None
        self._open_context()
        self.vocabulary_ = self._build_vocabulary(count_tokens(train))
        if self.start_ is not None:
            self.vocabulary_ = self.start_.vocabulary.grown(self.vocabulary_)
            self.vectors_ = self.start_.room_for_vectors(self.vocabulary_)
            if self.context is None and self.start_.context is not None:
                self.context_ = Context.open(self.start_.context.models)
        self.gazetteers_ = None if self.start_ is None else self.start_.gazetteers
        if self.gazetteers is not None:
            ignores_case = self.gazetteer_case == "ignore"
            self.gazetteers_ = read_gazetteers(self.gazetteers, language=self.language, ignores_case=ignores_case)
        if self.gazetteers_ is not None:
            log_coverage(self.gazetteers_, train)
        surfaces = surfaces_of(train, scheme)
        self.surfaces_ = surfaces if self.start_ is None else self.start_.with_surfaces(surfaces)
        self.data_ = {"fingerprint": fingerprint({"train": train, "dev": held_out})}
        self.data_ |= {"train": len(train), "dev": len(held_out), **hub_origin(X)}
        gold = GoldSentences(held_out["tokens"][:], tag_lists(held_out), None, annotated_labels(held_out))
        if gold.is_unknown:
            logger.warning("all tags of the dev data are unknown (?), so no epoch is better than another; give `dev`")
        self.data_["seen"] = seen_keys(train, held_out)
        self.data_ |= about_training(train, self.start_, replay)
        dev_score = DevScore(self._torch_engine, gold.tokens, gold.tags, balance=self.balance, annotated=gold.annotated)
        rows = TaggedRows(
            train,
            self.vocabulary_,
            self.tagset_,
            context=self._context_reader,
            outside_is_open=self.unlabelled == "unknown",
            gazetteers=self.gazetteers_,
            augment=self.augment,
        )
        with self._remembering(train, held_out):
            self._train(rows, dev_score, run=Run(checkpoint, resume, watchers, tensorboard))
            self.data_["dev_interval"] = dev_score.interval(self.network_)
            self._tune(gold, target=target, calibrate=self.calibrate)
        self.start_ = None
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

        Give one share for all labels, or a mapping; a label that it leaves out gets the threshold with the best F1.
        From then on the spans of a prediction are chosen among all whose probability reaches the threshold of their
        label: those without overlap that have the largest expected number of right ones. `thresholds_` has the
        thresholds by label, `tuning_` also what they reached. With nothing wanted the thresholds go, and the best tags
        are predicted again. `calibrate=True` first fits the temperature: one number that makes probabilities as sure as
        they are right. The figures hold for data like these, not for the training data. Raises UsageError for plain
        tags, which have no spans to choose among, and for an unknown label.
        """
        self._check_knows_labels()
        target = read_target(recall, precision, self.tagset_)
        gold = gold_sentences(X, y, "tuning", tagset=self.tagset_, language=self.language)
        self._tune(gold, target=target, calibrate=calibrate)
        return self

    def _tune(self, gold: GoldSentences, *, target: Target | None, calibrate: bool) -> None:
        self.tuning_ = None
        if calibrate or target is not None:
            gold = gold.whole()
        if calibrate:
            self.data_["temperature"] = fit_temperature(self._engine(), gold.tokens, gold.tags)
        if target is not None:
            self.tuning_ = fit_thresholds(self._engine(), gold.tokens, gold.tags, target)

    @property
    def thresholds_(self) -> dict[str, float] | None:
        """The least probability with which spans of each label are predicted; None where the best tags are."""
        return None if self.tuning_ is None else {name: found.value for name, found in self.tuning_.labels.items()}

    def _build_network(self) -> TagNetwork:
        tagset, num_tags = self.tagset_, len(self.tagset_.names)
        num_lists = 0 if self.gazetteers_ is None else len(self.gazetteers_.names)
        size = self.gazetteer_size or min(20, 4 * num_lists)
        lists = MatchEmbedder(num_lists, size) if num_lists and self.encoder is not None else None
        embedder = self._new_embedder(self.vocabulary_, lists)
        encoder = None if self.encoder is None else self._new_encoder(embedder.output_size)
        hidden_size = 0 if encoder is None else encoder.output_size
        sizes = list(self.vocabulary_.feature_sizes.values())
        dropout = (0.3 if encoder is None else 0.5) if self.lexical_dropout is None else self.lexical_dropout
        lexical = LexicalScores(sizes, num_tags, dropout=dropout, num_lists=num_lists) if self.lexical else None
        weights_L = torch.ones(num_tags)
        for i, name in enumerate(tagset.names):
            label = name if tagset.scheme == "plain" or name == "O" else name.partition("-")[2]
            weights_L[i] = self.label_weights_.get(label, 1.0)
        head: LinearHead | CRFHead
        if self.head == "crf":
            legal = tuple(map(torch.from_numpy, tagset.legal))
            head = CRFHead(hidden_size, num_tags, lexical=lexical, class_weights_L=weights_L, legal=legal)  # type: ignore[arg-type]
        else:
            head = LinearHead(hidden_size, num_tags, lexical=lexical, class_weights_L=weights_L)
        if self.unlabelled == "unknown":
            head.keep_entity_share(self.entity_share, torch.tensor([float(name != "O") for name in tagset.names]))
        network = TagNetwork(embedder, encoder, head, dropout=self.dropout, match_dropout=self.gazetteer_dropout)
        if self.start_ is not None:
            take_weights(network, self.vocabulary_, tagset, self.start_)
        return network

    def _old_model(self, folder: str) -> OldModel:
        old = type(self).load(folder, device=self.device)
        return OldModel.of(old, folder, old._torch_engine())

    # -- predicting ---------------------------------------------------------------------------

    def _tags(self) -> TagSet:
        self._check_fitted()
        return self.tagset_

    def _torch_engine(self, network: TagNetwork | None = None) -> TorchTagEngine:
        return TorchTagEngine(
            self.network_ if network is None else network,
            self.vocabulary_,
            self.tagset_,
            self.max_tokens,
            self.thresholds_,
            self._context_reader,
            self.gazetteers_,
        )

    def _explaining_engine(self) -> TorchTagEngine:
        self._engine()  # checks that there is one, and guards a process that was forked
        return self._torch_engine()

    def _make_engines(self) -> Engines[NbestTagEngine]:
        # Every engine takes the temperature from the head as it is now.
        return Engines(self.network_, self._make_exports, not_exported=frozenset({"head.temperature"}))

    def _make_exports(self) -> Exports[NbestTagEngine]:
        from seqtag.models.tagging.engine import TagExports

        return TagExports(self._torch_engine())

    def predict_nbest(
        self, X: Iterable[Tokens], *, n: int = 5, known: Known | None = None, strength: float | None = None
    ) -> list[list[tuple[list[str], float]]]:
        """Give the n best tag sequences of each sentence with their probabilities; fewer where fewer are legal.

        Where spans are `known`, as for `predict`, the probabilities are those given these.
        """
        if check.whole(1).problem(n):
            raise UsageError(f"n={n!r}: ask for a whole number of sequences, at least 1")
        tagset, sentences = self._tags(), token_lists(X, "predict_nbest")
        found = self._engine().nbest(sentences, n, self._known(known, strength, sentences))
        return [[(tagset.written(tags), score) for tags, score in paths] for paths in found]

    def embed(self, X: Iterable[Tokens]) -> np.ndarray:
        """Give a vector for each sentence: the mean of the encoder's states, (sentences, states).

        It has no columns where the model has no encoder, and zeros for an empty sentence. torch computes it.
        """
        self._check_fitted()
        return mean_states(self._torch_engine(), token_lists(X, "embed"))

    def map_batch(
        self, batch: Mapping[str, Sequence[Any]], *, known: Patterns | None = None, strength: float | None = None
    ) -> dict[str, list[Any]]:
        """Tag a batch of a dataset: `data.map(tagger.map_batch, batched=True)`, with `num_proc` too.

        A column `text` gives a column `spans`, and else a column `tokens` gives `predicted_tags`. `known` patterns find
        what is known of each row: `fn_kwargs={"known": patterns}`. `datasets` keeps the result in its cache by a hash
        of the model, which depends on its weights and options alone. Raises UsageError where there is no such column,
        or where one of the data would be lost, DataError for a missing text.
        """
        return tag_batch(self, batch, known=known, strength=strength)

    # -- measuring ----------------------------------------------------------------------------

    def evaluate(
        self,
        X: Dataset | Sequence[Tokens],
        y: Sequence[Sequence[str]] | None = None,
        *,
        known: Known | None = None,
        strength: float | None = None,
        resamples: int = 10_000,
        seed: int = 0,
    ) -> TagReport:
        """Compare predictions with gold tags: scores, what goes wrong and where, how far to trust the probabilities.

        Where a column `document` names documents, intervals come from whole documents, else from sentences. Where spans
        are `known`, as for `predict`, it is the report of the model with these, and says how many there were.
        """
        gold, engine = self._gold(X, y), self._engine()
        known_spans = self._known(known, strength, gold.tokens)
        warn_of_seen(self.data_.get("seen"), gold.tokens, before=self.data_.get("seen_before", ()))
        tags, spans, candidates = engine.spans_and_candidates(gold.tokens, known=known_spans)
        report = evaluate_tags(
            gold.tags,
            tags,
            scheme=self.scheme_,
            tokens=gold.tokens,
            documents=gold.documents,
            training=self._training_knowledge(),
            spans=spans,
            candidates=candidates,
            annotated=gold.annotated,
            resamples=resamples,
            seed=seed,
        )
        return replace(report, history=epochs_of(self.history_), num_known=sum(map(len, known_spans or ())))

    def _gold(self, X: Dataset | Sequence[Tokens], y: Sequence[Sequence[str]] | None) -> GoldSentences:
        self._check_knows_labels()
        return gold_sentences(X, y, "evaluation", tagset=self.tagset_, language=self.language)

    def _training_knowledge(self) -> TrainingKnowledge:
        """Give what training saw: its surfaces and its words."""
        return TrainingKnowledge(self.surfaces_, self.vocabulary_)

    def score(self, X: Dataset | Sequence[Tokens], y: Sequence[Sequence[str]] | None = None) -> float:
        """Give one figure, as scikit-learn wants it: strict micro F1, or accuracy for plain tags."""
        gold = self._gold(X, y)
        tags = self._engine().tags(gold.tokens)
        report = evaluate_tags(gold.tags, tags, scheme=self.scheme_, annotated=gold.annotated, resamples=0)
        return float(report.score)

    # -- saving -------------------------------------------------------------------------------

    def _to_store(self) -> StoredModel:
        tuning = None if self.tuning_ is None else asdict(self.tuning_)
        about = {"tagset": self.tagset_.to_dict(), "data": self.data_, "tuning": tuning}
        stored = self._stored(about, self.vocabulary_.to_dict(), self._card())
        if self.surfaces_ is not None:
            stored.vocabulary["surfaces"] = self.surfaces_.to_dict()
        if self.gazetteers_ is not None:
            stored.config["gazetteers"] = self.gazetteers_.to_dict()
            stored = replace(stored, beside={**stored.beside, GAZETTEERS: self.gazetteers_.content})
        return stored

    def _params_to_store(self) -> dict[str, Any]:
        params = super()._params_to_store()  # no path to elsewhere stays in a model
        if params["gazetteers"] is not None:
            params["gazetteers"] = {name: Path(file).name for name, file in params["gazetteers"].items()}
        if params["start_from"] is not None:
            params["start_from"] = Path(params["start_from"]).name
        return params

    def _input_hashes(self) -> list[str]:
        lists = b"" if self.gazetteers_ is None else self.gazetteers_.content
        start = [] if self.start_ is None else [self.start_.sha256()]
        return [*super()._input_hashes(), hashlib.sha256(lists).hexdigest() if lists else "", *start]

    def _card(self) -> str:
        if "pretrained" in self.data_:
            return self._pretrained_card()
        is_plain = self.scheme_ == "plain"
        rows = {"labels": ", ".join(self.labels_), "scheme": self.scheme_, "head": self.head}
        if self.gazetteers_ is not None:
            rows["lists"] = self.gazetteers_.describe()
        rows |= card_rows(self.data_, self.start_from)
        if "temperature" in self.data_:
            rows["temperature"] = f"{self.data_['temperature']:.3f}; fitted on labelled data, scores are divided by it"
        if self.tuning_ is not None:
            rows["least probability of a span"] = f"{self.tuning_.describe()}. The score on dev is without it"
        return self._sequence_card(
            rows,
            unit="sentences",
            measure="accuracy" if is_plain else "strict F1",
            use='tagger.predict_spans(["Ada lives in Turin."])',
            pipeline="token-classification",
            metric="accuracy" if is_plain else "f1",
        )

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

        self._check_knows_labels()
        engine, place = self._torch_engine(), as_path(folder)
        path = export_tagger(engine, place, language=self.language, int8=int8, force=force, dev=dev)
        return self._note_export(path)

    def _restore(self, stored: StoredModel) -> None:
        vocabulary = Vocabulary.from_store(stored.config, stored.vocabulary, stored.beside.get(VECTORS))
        assert vocabulary is not None
        self.vocabulary_ = vocabulary
        self.tagset_, self.label_weights_ = TagSet.from_dict(stored.config["tagset"]), {}
        # Checked before a network is built, because the moves between tags take the square of their number.
        bias, num_tags = stored.weights.get("head.output.bias"), len(self.tagset_.names)
        if bias is None or bias.shape != (num_tags,):
            raise ValueError(f"model.safetensors does not fit config.json, which has {num_tags} tags")
        if not 1e-6 < float(stored.weights.get("head.temperature", torch.ones(())).sum()) < 1e6:
            raise ValueError("model.safetensors is damaged: no tagger has such a head.temperature")
        tuning = stored.config.get("tuning")
        self.tuning_ = None if tuning is None else Tuning.from_dict(tuning)
        surfaces = stored.vocabulary.get("surfaces")
        self.surfaces_ = None if surfaces is None else Surfaces.from_dict(surfaces)
        self.gazetteers_ = Gazetteers.from_store(stored.config.get("gazetteers"), stored.beside.get(GAZETTEERS))
