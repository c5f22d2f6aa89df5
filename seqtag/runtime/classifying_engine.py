"""The engine of a classifier that runs an exported network with onnxruntime: probabilities and attention.

Long texts are cut into segments here and their parts brought together again, so a batch never holds more than
`max_tokens` padded tokens, however long a text is. With a context the language models read a text as a whole, in the
windows of the graph; there the segments of a text are in one batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from seqtag.inference.explaining.occlusion import Occluded
from seqtag.inference.series_input import SeriesLayout
from seqtag.runtime.ngrams import NgramTable
from seqtag.runtime.onnx_session import MAX_TOKENS, Exported, Session
from seqtag.runtime.word_table import WordTable, last_ids
from seqtag.text.classes import ClassSet
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.length_batches import pad, sorted_batches
from seqtag.text.vocabulary import Vocabulary

# N texts, M texts that have a token, R segments, S tokens of a segment, D numbers a step, H hidden, L classes, V views
# of what language models read: B texts of a batch, K characters of a text, and M models in symbols_MBK and picks_MRS

Rows = Sequence[Any]

# Tokens whose n-grams are looked up together, so few that their arrays stay in the cache; a longer text is by itself.
_NGRAM_TOKENS = 2_048

# Outputs that are constants, and the weights that they are: those that all networks have, then those of either view.
_OF_HEAD = {"weights_V": "head.weights_V", "threshold_L": "head.threshold_L"}
_OF_ENCODER = {"output_LH": "head.output.weight", "bias_L": "head.output.bias"}
_OF_NGRAMS = {
    "keys_N": "head.lexical.keys_N",
    "rarity_N": "head.lexical.rarity_N",
    "table_NL": "head.lexical.table.weight",
    "ngram_bias_L": "head.lexical.bias_L",
}
CONSTANTS = _OF_HEAD | _OF_ENCODER | _OF_NGRAMS


class Segments(NamedTuple):
    """The segments that texts are cut into, in their order: a text is one segment, or several side by side."""

    text_R: np.ndarray
    start_R: np.ndarray
    lengths_R: np.ndarray


class Pooled(NamedTuple):
    """The outputs of the graph for each segment."""

    pooled_RH: np.ndarray
    mass_R: np.ndarray
    weights: list[np.ndarray]  # one (S,) per segment, under attention and where they are wanted


class ClassWeights(NamedTuple):
    """The weights that decide: what each view counts, the thresholds, and, of an encoder's view, the linear layer."""

    weights_V: np.ndarray
    threshold_L: np.ndarray
    output_LH: np.ndarray | None = None
    bias_L: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class OnnxClassEngine:
    """An exported network with what it was trained with. Any number of threads may ask it at once."""

    session: Session
    weights: ClassWeights
    ngrams: NgramTable | None
    words: WordTable | None  # None: rows are series of numbers
    classes: ClassSet
    prior_L: np.ndarray
    pooling: str | None  # None: there is no encoder
    segment_size: int
    max_tokens: int  # padded tokens per batch
    context: CharacterLayout | None = None  # of a network that has one
    series: SeriesLayout | None = None  # how rows that are series are read

    @classmethod
    def build(
        cls,
        exported: Exported,
        config: Mapping[str, Any],
        vocabulary: Vocabulary | None,
        context: CharacterLayout | None = None,
    ) -> "OnnxClassEngine":
        """Bring an export and the configuration of its model together; ModelError where they don't fit."""
        params, classes = config["params"], ClassSet.from_dict(config["classes"])
        has_encoder, has_ngrams = (name in exported.session.outputs for name in ("output_LH", "keys_N"))
        if not has_encoder and (vocabulary is None or not has_ngrams):
            raise exported.damaged("it has nothing to score the classes with")
        names = [*_OF_HEAD, *(_OF_ENCODER if has_encoder else ()), *(_OF_NGRAMS if has_ngrams else ())]
        nothing = cls._check_encoder(exported, params["pooling"], names, vocabulary, context) if has_encoder else {}
        if not has_encoder:
            exported.check_borders([], names)
        series = None
        if vocabulary is None:
            try:
                series = SeriesLayout.from_dict(config.get("series"), nothing["values_RSD"].shape[2])
            except ValueError as error:
                raise exported.damaged(str(error)) from None
        asked = [*names, *["pooled_RH"] * has_encoder]
        given = dict(zip(asked, exported.session.run(asked, nothing)))
        num_classes, num_views = len(classes), has_encoder + has_ngrams
        shapes: dict[str, tuple[int, ...]] = {"weights_V": (num_views,), "threshold_L": (num_classes,)}
        if has_encoder:
            shapes |= {"output_LH": (num_classes, *given["pooled_RH"].shape[1:]), "bias_L": (num_classes,)}
        if has_ngrams:
            num_ngrams = len(given["keys_N"])
            shapes |= {"keys_N": (num_ngrams,), "rarity_N": (num_ngrams,), "table_NL": (num_ngrams, num_classes)}
            shapes |= {"ngram_bias_L": (num_classes,)}
        if len(given["threshold_L"]) != num_classes:
            raise exported.damaged(
                f"it tells {len(given['threshold_L'])} classes apart and config.json has {num_classes}"
            )
        if {name: given[name].shape for name in names} != shapes or (has_ngrams and given["keys_N"].dtype != np.int64):
            raise exported.damaged("its weights are not of the sizes that fit each other")
        table = None
        if has_ngrams:
            assert vocabulary is not None
            folded_C = np.array(vocabulary.folded_characters(), np.int64)
            keys_N, rarity_N, table_NL, ngram_bias_L = (given[name] for name in _OF_NGRAMS)
            table = NgramTable(keys_N, rarity_N, table_NL, ngram_bias_L, folded_C, vocabulary.feature_sizes["word"])
        return cls(
            exported.session,
            ClassWeights(given["weights_V"], given["threshold_L"], given.get("output_LH"), given.get("bias_L")),
            table,
            None if vocabulary is None else WordTable(vocabulary, pieces=None if table is None else table.pieces),
            classes,
            np.array(config["prior"]),
            params["pooling"] if has_encoder else None,
            params["segment_size"],
            min(params["max_tokens"], MAX_TOKENS),
            context,
            series,
        )

    @staticmethod
    def _check_encoder(
        exported: Exported,
        pooling: str,
        names: Sequence[str],
        vocabulary: Vocabulary | None,
        context: CharacterLayout | None,
    ) -> dict[str, np.ndarray]:
        """Check the borders of a graph with an encoder; gives the smallest input that it can be run on."""
        last = {} if vocabulary is None else last_ids(vocabulary).inputs()
        inputs = ["values_RSD"] if vocabulary is None else ["slots_RS", *last]
        weighted = ["weights_RS"] * (pooling == "attention")
        if context is not None:
            inputs += ["symbols_MBC", "picks_MRS", "texts_R"]
        exported.check_borders(["lengths_R", *inputs], ["pooled_RH", "mass_R", *weighted, *names])
        nothing: dict[str, np.ndarray] = {"lengths_R": np.ones(1, np.int32)}
        if vocabulary is None:
            width = exported.session.inputs["values_RSD"][2:]
            if len(width) != 1 or not isinstance(width[0], int):
                raise exported.damaged("its series have no fixed number of features")
            nothing["values_RSD"] = np.zeros((1, 1, *width), np.float32)
        else:
            # Its tables must have a row for each id that the vocabulary can give, or a prediction would fail later.
            nothing["slots_RS"] = np.ones((1, 1), np.int64)
            nothing |= last
        if context is not None:
            nothing |= {"symbols_MBC": context.last_symbols(), "texts_R": np.zeros(1, np.int64)}
            nothing["picks_MRS"] = np.zeros((len(context.models), 1, 1), np.int64)
        return nothing

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Give the probability of each class, (N, L); for a row without a token, the share of the class in training."""
        probability_NL = np.tile(self.prior_L, (len(rows), 1))
        full_M = np.array([number for number, row in enumerate(rows) if len(row)], np.int64)
        if not len(full_M):
            return probability_NL
        full = [rows[i] for i in full_M]
        score_ML = np.zeros((len(full), len(self.classes)))
        for view_ML in self.view_scores(full).values():
            score_ML += view_ML
        probability_NL[full_M] = self._normalised(score_ML)
        return probability_NL

    def view_scores(self, rows: Rows) -> dict[str, np.ndarray]:
        """Give what each view, encoder and lexical, adds to the scores of rows with a token, (N, L) in float64."""
        weights_V, _, output_LH, bias_L = self.weights
        scores = {}
        if output_LH is not None and bias_L is not None:
            # In float64, as the order in which a product is summed up depends on how many texts there are.
            states_NH = self._text_states(rows).astype(np.float64)
            scores["encoder"] = weights_V[0] * (states_NH @ output_LH.T.astype(np.float64) + bias_L)
        if self.ngrams is not None:
            scores["lexical"] = weights_V[-1] * self._ngram_scores(self.ngrams, rows)
        return scores

    def view_biases(self) -> dict[str, np.ndarray]:
        """Give the part of it that is the same for every row, (L,)."""
        weights_V, _, _, bias_L = self.weights
        biases = {} if bias_L is None else {"encoder": weights_V[0] * bias_L.astype(np.float64)}
        if self.ngrams is not None:
            biases["lexical"] = weights_V[-1] * self.ngrams.bias_L.astype(np.float64)
        return biases

    def reading(self, occluded: Occluded) -> "OnnxClassEngine":
        """Give the same engine for texts in which something is hidden."""
        assert self.words is not None
        pieces = None if self.ngrams is None else self.ngrams.pieces
        return replace(self, words=WordTable(occluded.vocabulary(self.words.vocabulary), pieces=pieces))

    def attention(self, rows: Rows) -> list[np.ndarray]:
        """Give the weight of each token in the pooled vector: one array (tokens) per row, which sums to 1."""
        weights = [np.zeros(0)] * len(rows)
        cut = segments([len(row) for row in rows], self.segment_size)
        if not len(cut.text_R):
            return weights
        pooled = self._pooled(rows, cut, wants_weights=True)
        first_M = np.flatnonzero(np.diff(cut.text_R, prepend=-1))
        share_R = _shares(pooled.mass_R, cut.text_R, first_M)
        shared = [share * weights_S.astype(np.float64) for share, weights_S in zip(share_R, pooled.weights)]
        for start, end in zip(first_M, [*first_M[1:], len(shared)]):
            weights[cut.text_R[start]] = np.concatenate(shared[start:end])
        return weights

    def choose(self, probability_NL: np.ndarray) -> np.ndarray:
        """Say which classes each row gets, as truth values (N, L): the likeliest, or all that reach their threshold."""
        return self.classes.choose(probability_NL, self.weights.threshold_L)

    def _normalised(self, score_ML: np.ndarray) -> np.ndarray:
        if self.classes.is_multi:
            return 0.5 * (1 + np.tanh(0.5 * score_ML))  # the logistic function, which can't overflow so
        raised_ML = np.exp(score_ML - score_ML.max(1, keepdims=True))
        softmax_ML: np.ndarray = raised_ML / raised_ML.sum(1, keepdims=True)
        return softmax_ML

    def _text_states(self, rows: Rows) -> np.ndarray:
        """Pool the states of each row, (M, H); no row may be empty."""
        cut = segments([len(row) for row in rows], self.segment_size)
        pooled_RH, mass_R, _ = self._pooled(rows, cut)
        first_M = np.flatnonzero(np.diff(cut.text_R, prepend=-1))
        if self.pooling == "max":
            return np.maximum.reduceat(pooled_RH, first_M)
        share_R = _shares(mass_R, cut.text_R, first_M)
        return np.add.reduceat(pooled_RH * share_R.astype(np.float32)[:, None], first_M)

    def _pooled(self, rows: Rows, cut: Segments, *, wants_weights: bool = False) -> Pooled:
        """Run the graph over segments, in batches of like length."""
        text_R, start_R, lengths_R = cut
        num_segments = len(text_R)
        pooled_RH = np.empty((num_segments, self.session.outputs["pooled_RH"][1]), np.float32)
        mass_R = np.empty(num_segments)
        weights = [np.zeros(0)] * num_segments
        names = ["pooled_RH", "mass_R"] + ["weights_RS"] * wants_weights

        def run(indices: np.ndarray) -> list[np.ndarray]:
            parts = [rows[text_R[i]][start_R[i] : start_R[i] + lengths_R[i]] for i in indices]
            given = self._given(parts, lengths_R[indices])
            if self.context is not None:
                given |= _surroundings(self.context, rows, text_R[indices], lengths_R[indices])
            return self.session.run(names, given)

        for indices, outputs in self.session.each(run, self._batches(rows, cut)):
            pooled_RH[indices], mass_R[indices], *rest = outputs
            for weights_RS in rest:
                for i, weights_S in zip(indices, weights_RS):
                    weights[i] = weights_S[: lengths_R[i]]
        return Pooled(pooled_RH, mass_R, weights)

    def _batches(self, rows: Rows, cut: Segments) -> Iterator[np.ndarray]:
        """Cut segments into batches, by their numbers; with a context all segments of a text are in one, in order."""
        most = self.session.batch_tokens(int(cut.lengths_R.sum()), self.max_tokens)
        if self.context is None:
            yield from sorted_batches(cut.lengths_R, max_tokens=most)
            return
        for texts in self.context.batches(rows, max_tokens=most):
            yield np.flatnonzero(np.isin(cut.text_R, texts))

    def _given(self, parts: Rows, lengths_R: np.ndarray) -> dict[str, np.ndarray]:
        given = {"lengths_R": lengths_R.astype(np.int32)}
        if self.words is None:
            values_RSD = np.zeros((len(parts), int(lengths_R.max()), parts[0].shape[1]), np.float32)
            for row_SD, values_SD in zip(values_RSD, parts):
                row_SD[: len(values_SD)] = values_SD
            return given | {"values_RSD": values_RSD}
        looked = self.words.look_up(list(chain.from_iterable(parts)))
        given["slots_RS"] = pad(looked.slots_N, lengths_R)
        return given | looked.inputs()

    def _ngram_scores(self, ngrams: NgramTable, rows: Rows) -> np.ndarray:
        assert self.words is not None
        parts = []
        for start, end in _runs([len(row) for row in rows], _NGRAM_TOKENS):
            some = rows[start:end]
            looked = self.words.look_up(list(chain.from_iterable(some)))
            parts.append(ngrams.scores(looked, np.array([len(row) for row in some], np.int64)))
        return np.concatenate(parts)


def _surroundings(
    context: CharacterLayout, rows: Rows, text_R: np.ndarray, lengths_R: np.ndarray
) -> dict[str, np.ndarray]:
    """Lay out what language models read for segments: whole texts, and where the states of each segment are taken.

    All segments of each text must be there, in order.
    """
    texts_B, row_R = np.unique(text_R, return_inverse=True)
    symbols_MBK, picks_MN = context.read([rows[i] for i in texts_B])
    picks_MRS = np.stack([pad(picks_N, lengths_R) for picks_N in picks_MN])
    return {"symbols_MBC": symbols_MBK, "picks_MRS": picks_MRS, "texts_R": row_R.reshape(-1)}


def segments(lengths: Sequence[int], most: int) -> Segments:
    """Cut texts of some lengths into segments as `seqtag.nn.segments` does: as few as can be, all but the last alike.

    >>> cut = segments([3, 0, 25], 10)
    >>> cut.text_R.tolist(), cut.start_R.tolist(), cut.lengths_R.tolist()
    ([0, 2, 2, 2], [0, 0, 9, 18], [3, 9, 9, 7])
    """
    lengths_N = np.array(lengths, np.int64)
    size_N = -(-lengths_N // (-(-lengths_N // most)).clip(min=1)).clip(max=-1)
    num_N = -(-lengths_N // size_N)
    text_R = np.repeat(np.arange(len(lengths_N)), num_N)
    start_R = (np.arange(len(text_R)) - (np.cumsum(num_N) - num_N)[text_R]) * size_N[text_R]
    return Segments(text_R, start_R, np.minimum(size_N[text_R], lengths_N[text_R] - start_R))


def _shares(mass_R: np.ndarray, text_R: np.ndarray, first_M: np.ndarray) -> np.ndarray:
    """Say which share each segment has in its text, from logarithms; the shares of a text sum to 1."""
    num_M = np.diff(first_M, append=len(text_R))
    raised_R = np.exp(mass_R - np.repeat(np.maximum.reduceat(mass_R, first_M), num_M))
    shares_R: np.ndarray = raised_R / np.repeat(np.add.reduceat(raised_R, first_M), num_M)
    return shares_R


def _runs(lengths: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut rows, as they stand, into runs of at most `most` tokens, or one row."""
    start, num_tokens = 0, 0
    for number, length in enumerate(lengths):
        if number > start and num_tokens + length > most:
            yield start, number
            start, num_tokens = number, 0
        num_tokens += length
    yield start, len(lengths)
