"""The token tagger: NER, POS, chunking, slots. Strings in, tags, spans and probabilities out."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from torch import Tensor, nn

from seqtag.batching import TaggedRows, collate, count_tokens, fingerprint, length_batches
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.report import Report, evaluate_tags
from seqtag.models import options as check
from seqtag.models.base import SequenceEstimator
from seqtag.models.card import model_card
from seqtag.nn.batch import Batch
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.network import Network
from seqtag.store import StoredModel
from seqtag.text.corpus_tags import corpus_scheme
from seqtag.text.readers import load_corpus
from seqtag.text.schemes import Span, entity_labels, span_masks, spans_from_tags
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Token, Tokenizer
from seqtag.training import Watcher

logger = logging.getLogger("seqtag")

Tokens = Sequence[str]

# Sentences of a prediction that are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048
_EXAMPLE = '[["Ada", "lives", "in", "Turin"]]'


class Tagger(SequenceEstimator):
    """Tag each token of a sentence, with a recurrent encoder and a linear or CRF head.

    Follows scikit-learn: the constructor only stores, `fit` checks and trains, fitted state ends in `_`. Tags come out in
    the scheme of the training data. `lexical` adds scores from the spelling of a word and its neighbours straight to the
    head, as a feature CRF has them. See README for what each option does.

    >>> Tagger(hidden_size=64).get_params()["hidden_size"]
    64
    """

    task: ClassVar[str] = "tag"
    CHECKS: ClassVar[dict[str, check.Check]] = SequenceEstimator.CHECKS | {
        "head": check.one_of("linear", "crf"),
        "lexical": check.truth,
        "lexical_dropout": check.number(0, 1, open_end=True),
        "lexical_learning_rate": check.number(0),
        "class_weights": check.optional(check.weights),
    }

    def __init__(
        self,
        *,
        encoder: str = "lstm",
        head: str = "crf",
        hidden_size: int = 256,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.5,
        bidirectional: bool = True,
        merge: str = "concat",
        proj_size: int = 0,
        word_size: int = 100,
        characters: str | None = "cnn",
        character_size: int = 50,
        shape_size: int = 10,
        affix_size: int = 20,
        lexical: bool = True,
        lexical_dropout: float = 0.5,
        lexical_learning_rate: float = 0.003,
        embedding_dropout: float = 0.3,
        word_dropout: float = 0.25,
        min_freq: int = 1,
        lowercase: bool = True,
        merge_digits: bool = True,
        vectors: str | None = None,
        vectors_keep: str = "all",
        freeze_vectors: bool = False,
        language: str = "xx",
        class_weights: Mapping[str, float] | None = None,
        epochs: int = 30,
        batch_size: int = 16,
        max_tokens: int = 4096,
        optimizer: str = "adamw",
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        warmup: float = 0.05,
        schedule: str = "linear",
        clip: float = 5.0,
        patience: int = 0,
        ema: float = 0.0,
        dev_share: float = 0.1,
        seed: int = 0,
        seeds: int = 1,
        device: str = "auto",
        precision: str = "fp32",
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.merge = merge
        self.proj_size = proj_size
        self.word_size = word_size
        self.characters = characters
        self.character_size = character_size
        self.shape_size = shape_size
        self.affix_size = affix_size
        self.lexical = lexical
        self.lexical_dropout = lexical_dropout
        self.lexical_learning_rate = lexical_learning_rate
        self.embedding_dropout = embedding_dropout
        self.word_dropout = word_dropout
        self.min_freq = min_freq
        self.lowercase = lowercase
        self.merge_digits = merge_digits
        self.vectors = vectors
        self.vectors_keep = vectors_keep
        self.freeze_vectors = freeze_vectors
        self.language = language
        self.class_weights = class_weights
        self.epochs = epochs
        self.batch_size = batch_size
        self.max_tokens = max_tokens
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.schedule = schedule
        self.clip = clip
        self.patience = patience
        self.ema = ema
        self.dev_share = dev_share
        self.seed = seed
        self.seeds = seeds
        self.device = device
        self.precision = precision

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

        `dev` (a dataset or a pair of lists) decides which epoch is kept; without it, `dev_share` of the training data is
        held out, and said. `checkpoint` names a folder for the state of the run; with `resume=True` a killed run goes on
        from there and ends in the same weights. Raises UsageError for a wrong option or call, DataError for the data.
        """
        self._check_options()
        train, dev = self._corpora(X, y, dev)
        scheme = corpus_scheme({"train": train, "dev": dev})
        self.tagset_ = TagSet.build(train.features["tags"].feature.names, scheme)
        self._check_tags(train)
        self.vocabulary_ = self._build_vocabulary(count_tokens(train))
        self.data_ = {"fingerprint": fingerprint({"train": train, "dev": dev}), "train": len(train), "dev": len(dev)}
        gold = _tag_lists(dev)
        sentences = dev["tokens"][:]

        def dev_score(network: nn.Module) -> float:
            predicted = self._decode(network, sentences)
            return evaluate_tags(gold, predicted, scheme=scheme).score

        folder = None if checkpoint is None else Path(checkpoint)
        self._train(
            self._build_network,
            TaggedRows(train, self.vocabulary_, self.tagset_),
            dev_score,
            fingerprint=self.data_["fingerprint"],
            checkpoint=folder,
            resume=resume,
            watchers=watchers,
            tensorboard=tensorboard,
        )
        return self

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

    def _corpora(self, X: Any, y: Any, dev: Any) -> tuple[Dataset, Dataset]:
        train = _as_dataset(X, y, "training")
        if not len(train):
            raise DataError("the training data holds no sentence; give at least one with tokens and tags")
        if dev is None:
            if len(train) < 2:
                raise DataError("one training sentence and no dev data: give `dev`, or at least two sentences")
            num_dev = max(1, round(self.dev_share * len(train)))
            order = np.random.default_rng(self.seed).permutation(len(train))
            logger.info("no dev data given: %d of %d training sentences are held out (dev_share=%g, seed=%d)",
                        num_dev, len(train), self.dev_share, self.seed)
            train, dev = train.select(np.sort(order[num_dev:])), train.select(np.sort(order[:num_dev]))
        else:
            dev = _as_dataset(*dev, "dev") if isinstance(dev, tuple) else _as_dataset(dev, None, "dev")
            if not len(dev):
                raise DataError("the dev data holds no sentence; leave it out to hold out a share of the training data")
        both = load_corpus({"train": train, "dev": dev})
        return both["train"], both["dev"]

    def _check_tags(self, train: Dataset) -> None:
        used = {name for name in self.tagset_.data_tags if name != "O"} if self.tagset_.data_scheme != "plain" else set(self.tagset_.data_tags)
        least = 1 if self.tagset_.data_scheme != "plain" else 2
        if len(used) < least:
            raise DataError(
                f"the training data has only the tag{'s' * (len(self.tagset_.data_tags) != 1)} {', '.join(self.tagset_.data_tags)}: "
                "there is nothing to learn; is the tag column the right one? pass tag=... to load_corpus"
            )
        for label in self.class_weights or {}:
            known = self.tagset_.data_tags if self.tagset_.data_scheme == "plain" else entity_labels(self.tagset_.data_tags)
            if label not in known and label != "O":
                raise UsageError(f"class_weights: unknown label {label!r}; {near_miss(label, known)}")

    def _build_network(self) -> Network:
        tagset = self.tagset_
        num_tags = len(tagset.names)
        embedder = self._build_embedder(self.vocabulary_)
        encoder = self._build_encoder(embedder.output_size)
        sizes = list(self.vocabulary_.feature_sizes.values())
        lexical = LexicalScores(sizes, num_tags, dropout=self.lexical_dropout) if self.lexical else None
        weights_L = torch.ones(num_tags)
        for i, name in enumerate(tagset.names):
            label = name if tagset.scheme == "plain" or name == "O" else name.partition("-")[2]
            weights_L[i] = (self.class_weights or {}).get(label, 1.0)
        head: LinearHead | CRFHead
        if self.head == "crf":
            legal = tuple(map(torch.from_numpy, tagset.legal()))
            head = CRFHead(encoder.output_size, num_tags, lexical=lexical, class_weights_L=weights_L, legal=legal)  # type: ignore[arg-type]
        else:
            head = LinearHead(encoder.output_size, num_tags, lexical=lexical, class_weights_L=weights_L)
        return Network(embedder, encoder, head, dropout=self.dropout)

    # -- predicting ---------------------------------------------------------------------------

    def predict(self, X: Iterable[Tokens]) -> list[list[str]]:
        """Tag token lists: one tag a token, in the scheme of the training data; an empty sentence gives an empty list."""
        self._check_fitted()
        return self._decode(self.network_, _token_lists(X, "predict"))

    def predict_stream(self, X: Iterable[Tokens]) -> Iterator[list[str]]:
        """Tag token lists one after the other, in order, in memory that does not grow with their number."""
        self._check_fitted()
        source = iter(X)
        while chunk := list(islice(source, _CHUNK)):
            yield from self._decode(self.network_, _token_lists(chunk, "predict_stream"))

    def predict_proba(self, X: Iterable[Tokens]) -> list[np.ndarray]:
        """Give the probability of each tag at each token: one array (tokens, tags) a sentence, columns as in `tags_`.

        With the CRF head these are true marginals: over all sequences that the scheme allows.
        """
        self._check_fitted()
        to_data_LD = torch.zeros(len(self.tagset_.names), len(self.tagset_.data_tags), dtype=torch.float64)
        to_data_LD[torch.arange(len(self.tagset_.names)), torch.from_numpy(self.tagset_.to_data)] = 1.0

        def marginals(network: Network, batch: Batch) -> Tensor:
            return network.head.marginals(network.emissions(batch), batch.lengths_B) @ to_data_LD.to(batch.lengths_B.device)

        return self._run(self.network_, _token_lists(X, "predict_proba"), marginals)

    def predict_nbest(self, X: Iterable[Tokens], *, n: int = 5) -> list[list[tuple[list[str], float]]]:
        """Give the n best tag sequences of each sentence with their probabilities, the best first.

        Fewer where the scheme allows fewer.
        """
        self._check_fitted()
        if n < 1:
            raise UsageError(f"n={n}: ask for at least one sequence")
        sentences = _token_lists(X, "predict_nbest")
        results: list[list[tuple[list[str], float]]] = [[] for _ in sentences]
        for indices, batch in self._batches(sentences):
            with torch.inference_mode():
                paths_BKT, log_probability_BK = self.network_.head.nbest(self.network_.emissions(batch), batch.lengths_B, n)
            for i, paths_KT, scores_K in zip(indices, paths_BKT.cpu().numpy(), log_probability_BK.tolist()):
                results[i] = [
                    (self.tagset_.decode(path[: len(sentences[i])]), float(np.exp(score)))
                    for path, score in zip(paths_KT, scores_K)
                    if score > -np.inf
                ]
        return results

    def predict_spans(self, X: Iterable[str]) -> list[list[Span]]:
        """Find the spans of texts: offsets in characters of the text given, with the exact probability of each.

        A text is cut into sentences and tokens with spaCy's rules for `language`. A span's score is the probability,
        over all tag sequences, that exactly this span with this label is there.
        """
        return list(self.spans_stream(_texts(X, "predict_spans")))

    def spans_stream(self, X: Iterable[str]) -> Iterator[list[Span]]:
        """Find the spans of texts one after the other, in order, in memory that does not grow with their number."""
        self._check_fitted()
        for text, found in self.tag_texts(X):
            spans = []
            for tokens, tags, scores in found:
                for span, score in zip(spans_from_tags(tags, self.scheme_), scores):
                    start, end = tokens[span.start].start, tokens[span.end - 1].end
                    spans.append(Span(start, end, span.label, text[start:end], score))
            yield spans

    def tag_texts(self, X: Iterable[str]) -> Iterator[tuple[str, list[tuple[list[Token], list[str], list[float]]]]]:
        """Cut texts into sentences and tag them: for each text its sentences as tokens, tags and scores of their spans."""
        self._check_fitted()
        tokenizer = Tokenizer(self.language)
        source = iter(X)
        while texts := list(islice(source, _CHUNK // 4)):
            cut = list(tokenizer.stream(_texts(texts, "predict_spans")))
            sentences = [[token.text for token in sentence] for text in cut for sentence in text]
            tagged = iter(zip(*self._tags_with_scores(sentences)))
            for text, parts in zip(texts, cut):
                yield text, [(tokens, *next(tagged)) for tokens in parts]

    def score_spans(self, X: Iterable[Tokens]) -> list[list[Span]]:
        """Find the spans of token lists: offsets in tokens, with the exact probability of each."""
        self._check_fitted()
        tags, scores = self._tags_with_scores(_token_lists(X, "score_spans"))
        return [
            [Span(s.start, s.end, s.label, score=score) for s, score in zip(spans_from_tags(t, self.scheme_), p)]
            for t, p in zip(tags, scores)
        ]

    def _tags_with_scores(self, sentences: list[list[str]]) -> tuple[list[list[str]], list[list[float]]]:
        """Tags of each sentence and, for the spans that they spell, the exact probabilities."""
        tags: list[list[str]] = [[] for _ in sentences]
        scores: list[list[float]] = [[] for _ in sentences]
        model = self.tagset_
        for indices, batch in self._batches(sentences):
            with torch.inference_mode():
                hidden_BTH = self.network_.hidden(batch)
                emissions_BTL = self.network_.head.emissions(hidden_BTH, batch)
                paths_BT = self.network_.head.decode(hidden_BTH, batch).cpu().numpy()
                owners, masks, counts = [], [], []
                for row, i in enumerate(indices):
                    length = len(sentences[i])
                    tags[i] = model.decode(paths_BT[row, :length])
                    for span in spans_from_tags(tags[i], model.data_scheme):
                        alternatives = span_masks(Span(span.start, span.end, span.label), length, model.names, model.scheme)
                        counts.append((i, len(alternatives)))
                        owners += [row] * len(alternatives)
                        masks += [np.pad(m, ((0, paths_BT.shape[1] - length), (0, 0)), constant_values=True) for m in alternatives]
                if not owners:
                    continue
                rows_N = torch.tensor(owners, device=emissions_BTL.device)
                masks_NTL = torch.from_numpy(np.stack(masks)).to(emissions_BTL.device)
                probabilities = self.network_.head.masked_log_probability(
                    emissions_BTL[rows_N], batch.lengths_B[rows_N], masks_NTL
                ).exp().tolist()
            place = 0
            for i, count in counts:
                scores[i].append(min(1.0, sum(probabilities[place : place + count])))
                place += count
        return tags, scores

    def _batches(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[np.ndarray, Batch]]:
        """Cut sentences into batches of like length: their numbers and the batch."""
        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        device = self.device_ if hasattr(self, "network_") else None
        for indices in length_batches(lengths, batch_size=64, max_tokens=self.max_tokens):
            if lengths[indices[0]]:
                indices = indices[lengths[indices] > 0]
                batch = collate(self.vocabulary_, [sentences[i] for i in indices])
                yield indices, batch if device is None else batch.to(device)

    def _run(
        self, network: nn.Module, sentences: Sequence[Sequence[str]], compute: Callable[[Any, Batch], Tensor]
    ) -> list[np.ndarray]:
        """Compute something a token for all sentences, in their order: one array (tokens, ...) each."""
        device = next(network.parameters()).device
        results: list[np.ndarray] = [np.zeros((0,))] * len(sentences)
        with torch.inference_mode():
            for indices, batch in self._batches(sentences):
                values_BT = compute(network, batch.to(device)).cpu().numpy()
                for i, value_T in zip(indices, values_BT):
                    results[i] = value_T[: len(sentences[i])]
        return results

    def _decode(self, network: nn.Module, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        decoded = self._run(network, sentences, lambda network, batch: network.decode(batch))
        return [self.tagset_.decode(ids) if len(ids) else [] for ids in decoded]

    # -- measuring ----------------------------------------------------------------------------

    def evaluate(self, X: Dataset | Sequence[Tokens], y: Sequence[Sequence[str]] | None = None) -> Report:
        """Compare predictions with gold tags: a Report of strict and conlleval scores, or of accuracy for plain tags."""
        self._check_fitted()
        data = _as_dataset(X, y, "evaluation")
        if not len(data):
            raise DataError("the evaluation data holds no sentence")
        data = load_corpus({"test": data})["test"]
        gold = _tag_lists(data)
        unknown = self.tagset_.unknown(sorted({tag for tags in gold for tag in tags}))
        if unknown:
            used = {tag for tags in gold for tag in tags} - {"O"}
            known = [tag for tag in used if not self.tagset_.unknown([tag])]
            what = f"label{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))} not known to the model, which has {', '.join(self.labels_)}"
            if not known:
                raise DataError(f"the evaluation data has only {what}; is the tag column the right one?")
            logger.warning("the evaluation data has %s; these count as missed", what)
        return evaluate_tags(gold, self.predict(data["tokens"][:]), scheme=self.scheme_)

    def score(self, X: Dataset | Sequence[Tokens], y: Sequence[Sequence[str]] | None = None) -> float:
        """Give one figure, as scikit-learn wants it: strict micro F1, or accuracy for plain tags."""
        return float(self.evaluate(X, y).score)

    # -- saving -------------------------------------------------------------------------------

    def _to_store(self) -> StoredModel:
        about = {"tagset": self.tagset_.to_dict(), "data": self.data_}
        return self._stored(about, model_card(self))

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> "Tagger":
        """Read a model folder; runs no code from it. Raises UsageError where it is none, ModelError where it is damaged."""
        tagger, stored = cls._read(folder, device=device)
        tagger.tagset_ = TagSet.from_dict(stored.config["tagset"])
        tagger.data_ = stored.config["data"]
        tagger._install(tagger._build_network(), stored, folder)
        return tagger


def _as_dataset(X: Any, y: Any, what: str) -> Dataset:
    """Turn what a user gave into a dataset with tokens and tags; lists are checked sentence by sentence."""
    if isinstance(X, (DatasetDict, Mapping)):
        raise UsageError(f'the {what} data is a whole corpus with the splits {", ".join(X)}; give one, such as corpus["train"]')
    if isinstance(X, Dataset):
        if y is not None:
            raise UsageError("a dataset brings its own tags: leave y out, or give token lists and tag lists")
        return X if len(X) == 0 else load_corpus(X)["train"]
    if y is None:
        raise UsageError(f"the {what} data needs tags: give a dataset with tokens and tags, or token lists X and tag lists y")
    tokens = _token_lists(X, "fit")
    tags = [list(sentence) for sentence in y]
    if len(tokens) != len(tags):
        raise DataError(f"{what} data: {len(tokens)} token lists but {len(tags)} tag lists")
    for number, (words, names) in enumerate(zip(tokens, tags), 1):
        if len(words) != len(names):
            raise DataError(f"{what} data, sentence {number}: {len(words)} tokens but {len(names)} tags ({' '.join(words[:6])} ...)")
        if not all(isinstance(name, str) for name in names):
            raise UsageError(f"{what} data, sentence {number}: tags must be strings, found {names[:4]!r}")
    return load_corpus(Dataset.from_dict({"tokens": tokens, "tags": tags}))["train"] if tokens else Dataset.from_dict({})


def _token_lists(X: Any, verb: str) -> list[list[str]]:
    if isinstance(X, str):
        raise UsageError(f"{verb} takes token lists, not a string: {verb}({_EXAMPLE}); for raw text use predict_spans([text])")
    sentences = [sentence if isinstance(sentence, str) else list(sentence) for sentence in X]
    for number, sentence in enumerate(sentences, 1):
        if isinstance(sentence, str):
            raise UsageError(
                f"{verb} takes token lists, but sentence {number} is the string {sentence[:40]!r}: "
                f"{verb}({_EXAMPLE}); for raw text use predict_spans([text])"
            )
        for token in sentence:
            if not isinstance(token, str):
                raise UsageError(f"{verb}: sentence {number} holds {token!r}, which is no string; tokens must be strings")
    return sentences


def _texts(X: Any, verb: str) -> list[str]:
    if isinstance(X, str):
        raise UsageError(f'{verb} takes a list of texts, not one string: {verb}(["Ada lives in Turin."])')
    texts = list(X)
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise UsageError(f'{verb} takes texts, but number {number} is {type(text).__name__}: {verb}(["Ada lives in Turin."])')
    return texts


def _tag_lists(data: Dataset) -> list[list[str]]:
    names = data.features["tags"].feature.names
    return [[names[i] for i in row] for row in data["tags"][:]]
