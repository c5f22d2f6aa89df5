"""Turn rows of strings into padded tensors, in batches of like length. Knows the vocabulary; knows no model."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from datasets import Dataset

from seqtag.nn import chance
from seqtag.nn.batch import Batch, SeriesBatch
from seqtag.nn.language import WindowBatch
from seqtag.text.classes import ClassSet
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.length_batches import length_batches, pad
from seqtag.text.mentions import Mentions
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG
from seqtag.text.symbol_vocabulary import SymbolVocabulary
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary

# B sentences, T tokens, U distinct words of the batch, F features, C characters, M language models, S their states


def _flatten(sentences: Sequence[Sequence[str]] | pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Give the lengths, and all tokens in one Arrow array."""
    if not isinstance(sentences, pa.Array):
        sentences = pa.array(sentences, pa.list_(pa.string()))
    return sentences.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64), sentences.flatten()


@dataclass(frozen=True, slots=True)
class KnownStates:
    """The states of language models at the tokens of sentences that were read before, one token after the other."""

    states_NS: np.ndarray  # float32, mapped from disk
    first_rows: Mapping[bytes, int]  # by `sentence_key`: the row of a sentence's first token

    def find(self, sentences: Sequence[Sequence[str]]) -> np.ndarray | None:
        """Give the states of sentences, (B, T, S), 0 on padding; None where one of the sentences was not read."""
        rows = [self.first_rows.get(sentence_key(tokens)) if tokens else 0 for tokens in sentences]
        lengths = [len(tokens) for tokens in sentences]
        states_BTS = np.zeros((len(rows), max(lengths, default=0), self.states_NS.shape[1]), np.float32)
        for states_TS, row, length in zip(states_BTS, rows, lengths):
            if row is None:
                return None
            states_TS[:length] = self.states_NS[row : row + length]
        return states_BTS


def sentence_key(tokens: Sequence[str]) -> bytes:
    """Give 16 bytes that stand for the tokens of a sentence."""
    lengths = ",".join(str(len(token)) for token in tokens)
    return hashlib.blake2b(f"{lengths} {''.join(tokens)}".encode(), digest_size=16).digest()


def sentence_keys(sentences: pa.Array) -> Iterator[bytes]:
    """Give the `sentence_key` of each sentence of an Arrow array.

    >>> list(sentence_keys(pa.array([["Ada", "met"]]))) == [sentence_key(["Ada", "met"])]
    True
    """
    lengths_B, tokens = _flatten(sentences)
    offsets = np.concatenate([[0], lengths_B.cumsum()])
    lengths = _joined(pc.utf8_length(tokens).cast(pa.string()), offsets, ",")
    texts = pc.binary_join_element_wise(lengths, _joined(tokens, offsets, ""), " ")
    for text in texts:
        yield hashlib.blake2b(text.as_buffer(), digest_size=16).digest()


def _joined(tokens: pa.Array, offsets: np.ndarray, separator: str) -> pa.Array:
    """Join the tokens between neighbouring offsets."""
    return pc.binary_join(pa.LargeListArray.from_arrays(offsets, tokens), separator)


class ContextReader(CharacterLayout):
    """Give batches what language models read, or, where they read the sentences before, the states that they had."""

    def __init__(self, vocabularies: Sequence[SymbolVocabulary], directions: Sequence[str]) -> None:
        super().__init__(vocabularies, directions)
        self.known: KnownStates | None = None

    def fields(self, sentences: Sequence[Sequence[str]]) -> dict[str, torch.Tensor]:
        """Give the fields of a `Batch`: the states where those of all sentences are known, else what is to be read."""
        states_BTS = None if self.known is None else self.known.find(sentences)
        if states_BTS is not None:
            return {"states_BTS": torch.from_numpy(states_BTS)}
        symbols_MBC, picks_MBT = self.lay_out(sentences)
        return {"symbols_MBC": torch.from_numpy(symbols_MBC), "picks_MBT": torch.from_numpy(picks_MBT)}


def collate(
    vocabulary: Vocabulary,
    sentences: Sequence[Sequence[str]] | pa.Array,
    *,
    tags_N: np.ndarray | None = None,
    allowed_NL: np.ndarray | None = None,
    labels_BL: np.ndarray | None = None,
    context: ContextReader | None = None,
    gazetteers: Gazetteers | None = None,
) -> Batch:
    """Look up, pad and measure: the one step from strings to tensors, for every task.

    `tags_N` holds the model's tag ids of all sentences, one after the other, and `allowed_NL` the tags that each token
    may have where some are unknown; `labels_BL` is 1 where a text has a label; with `context` the batch also holds what
    the language models of the network read, with `gazetteers` the matches of its lists. Each distinct word is looked up
    once: Arrow's dictionary encoding finds them without Python work for each token.

    >>> batch = collate(Vocabulary.build({"Ada": 2, "met": 1}), [["Ada", "met", "Ada"], ["met"]])
    >>> batch.slots_BT.tolist(), batch.lengths_B.tolist()
    ([[1, 2, 1], [2, 0, 0]], [3, 1])
    """
    lengths_B, tokens_N = _flatten(sentences)
    encoded = tokens_N.dictionary_encode()
    slots_N = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64) + 1
    words = encoded.dictionary.to_pylist()
    ids = vocabulary.encode(words)
    surroundings = {}
    if context is not None:
        surroundings = context.fields(sentences.to_pylist() if isinstance(sentences, pa.Array) else sentences)
    unseen_UE = vocabulary.unseen_vectors(words, ids.features_UF[:, 0])
    if unseen_UE is not None:
        surroundings["unseen_UE"] = torch.from_numpy(np.pad(unseen_UE, ((1, 0), (0, 0))))
    if gazetteers is not None:
        surroundings["matches_S4"] = torch.from_numpy(gazetteers.cells(words, slots_N - 1, lengths_B))
    return Batch(
        torch.from_numpy(pad(slots_N, lengths_B)),
        torch.from_numpy(np.pad(ids.features_UF, ((1, 0), (0, 0)))),
        torch.from_numpy(np.pad(ids.characters_UC, ((1, 0), (0, 0)))),
        torch.from_numpy(lengths_B),
        None if tags_N is None else torch.from_numpy(pad(tags_N, lengths_B)),
        None if labels_BL is None else torch.from_numpy(labels_BL),
        **surroundings,
        **({} if allowed_NL is None else {"allowed_BTL": torch.from_numpy(~pad(~allowed_NL, lengths_B))}),
    )


def collate_series(series: Sequence[np.ndarray], labels_BL: np.ndarray | None = None) -> SeriesBatch:
    """Pad series of numbers, each (T, D): the same step for rows that are no texts.

    >>> collate_series([np.ones((3, 1)), np.ones((2, 1))]).values_BTD[:, :, 0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """
    lengths_B = np.array([len(values_TD) for values_TD in series], np.int64)
    values_BTD = np.zeros((len(series), int(lengths_B.max(initial=0)), series[0].shape[1]), np.float32)
    for row_TD, values_TD in zip(values_BTD, series):
        row_TD[: len(values_TD)] = values_TD
    return SeriesBatch(
        torch.from_numpy(values_BTD),
        torch.from_numpy(lengths_B),
        None if labels_BL is None else torch.from_numpy(labels_BL),
    )


def shuffled_batches(
    lengths: np.ndarray, *, batch_size: int, max_tokens: int, seed: int, epoch: int, pool: int = 16
) -> list[np.ndarray]:
    """Make an epoch's batches: a function of seed and epoch alone, so a resumed run sees the same ones.

    The corpus is shuffled, sorted by length within pools of `pool` batches, cut, and the batches shuffled: like lengths
    stand together, yet which sentences meet changes from epoch to epoch.
    """
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for start in range(0, len(shuffled), pool * batch_size):
        part = shuffled[start : start + pool * batch_size]
        ordered = part[np.argsort(-lengths[part], kind="stable")]
        batches += length_batches(lengths, batch_size=batch_size, max_tokens=max_tokens, order=ordered)
    return [batches[i] for i in random.permutation(len(batches))]


class TaggedRows:
    """The rows of a dataset as batches. The rows stay on disk; a batch is read when it is asked for.

    With `outside_is_open`, tokens outside of spans may be inside of one that nobody annotated. `augment` is the
    probability with which a batch has another mention of the rows, of the same label, in the place of a mention. Chance
    comes from torch's generator, so that a checkpoint holds where it stands.
    """

    def __init__(
        self,
        dataset: Dataset,
        vocabulary: Vocabulary,
        tagset: TagSet,
        *,
        context: ContextReader | None = None,
        gazetteers: Gazetteers | None = None,
        outside_is_open: bool = False,
        augment: float = 0.0,
    ) -> None:
        self.is_partial = ANNOTATED in dataset.features
        columns = ["tokens", "tags", *([ANNOTATED] if self.is_partial else [])]
        self.rows = dataset.select_columns(columns).with_format("arrow")
        self.vocabulary, self.tagset, self.context, self.gazetteers = vocabulary, tagset, context, gazetteers
        self.outside_is_open = outside_is_open
        self.names = dataset.features["tags"].feature.names
        self.table = tagset.encoder(self.names)
        self.unknown = self.names.index(UNKNOWN_TAG) if UNKNOWN_TAG in self.names else -1
        self.lengths = sentence_lengths(dataset)
        self.augment = augment
        self.mentions = Mentions.of(self._strings(), tagset.data_scheme) if augment else None

    def batch(self, indices: np.ndarray) -> Batch:
        """Read and collate the rows of the given numbers."""
        rows = self.rows[indices.tolist()]
        sentences, tags = (rows.column(name).combine_chunks() for name in ("tokens", "tags"))
        if self.mentions is not None:
            sentences, tags = self._augmented(self.mentions, sentences, tags)
        lengths_B, flat = _flatten(tags)
        seen_N = flat.to_numpy()
        tags_N = self.tagset.encode(seen_N, lengths_B, self.table)
        allowed_NL = self._allowed(seen_N, lengths_B, rows)
        return collate(
            self.vocabulary,
            sentences,
            tags_N=tags_N,
            allowed_NL=allowed_NL,
            context=self.context,
            gazetteers=self.gazetteers,
        )

    def _strings(self) -> Iterator[tuple[list[str], list[str]]]:
        """Read the tokens and tags of all rows, a piece of them at a time."""
        for rows in self.rows.iter(10_000):
            for tokens, tags in zip(*(rows.column(name).to_pylist() for name in ("tokens", "tags"))):
                yield tokens, [self.names[number] for number in tags]

    def _augmented(self, mentions: Mentions, sentences: pa.Array, tags: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Replace mentions in some rows, as far as chance has it."""
        random = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=chance.generator())))
        numbers = {name: number for number, name in enumerate(self.names)}
        new_sentences, new_tags = [], []
        for tokens, row in zip(sentences.to_pylist(), tags.to_pylist()):
            names = [self.names[number] for number in row]
            tokens, names = mentions.replaced(tokens, names, share=self.augment, random=random)
            new_sentences.append(tokens)
            new_tags.append([numbers[name] for name in names])
        return pa.array(new_sentences, sentences.type), pa.array(new_tags, tags.type)

    def _allowed(self, seen_N: np.ndarray, lengths_B: np.ndarray, rows: pa.Table) -> np.ndarray | None:
        """Give the tags that each token may have; None where all are known."""
        annotated: list[list[str] | None] = [[] if self.outside_is_open else None] * len(lengths_B)
        if self.is_partial and not self.outside_is_open:
            annotated = rows.column(ANNOTATED).to_pylist()
        if (seen_N != self.unknown).all() and all(labels is None for labels in annotated):
            return None
        return self.tagset.allowed(seen_N, lengths_B, self.names, annotated)


class LabelledRows:
    """The texts of a dataset as batches; like `TaggedRows`, with classes by number instead of tags."""

    def __init__(self, dataset: Dataset, ids: Sequence[Any], vocabulary: Vocabulary, classes: ClassSet) -> None:
        self.rows = dataset.select_columns("tokens").with_format("arrow")
        self.ids, self.vocabulary, self.classes = ids, vocabulary, classes
        self.context: ContextReader | None = None  # set after the n-grams are counted, which need none
        self.lengths = sentence_lengths(dataset)

    def batch(self, indices: np.ndarray) -> Batch:
        """Read and collate the rows of the given numbers."""
        sentences = self.rows[indices.tolist()].column("tokens").combine_chunks()
        labels_BL = self.classes.indicators([self.ids[i] for i in indices])
        return collate(self.vocabulary, sentences, labels_BL=labels_BL, context=self.context)

    def in_order(self, *, batch_size: int = 256, max_tokens: int = 32_768) -> list[np.ndarray]:
        """Cut all rows, in their order, into batches of at most `max_tokens` padded tokens, or one row."""
        borders, longest = [0], 0
        for number, length in enumerate(self.lengths.tolist()):
            longest, size = max(longest, length), number - borders[-1]
            if size and (size == batch_size or (size + 1) * longest > max_tokens):
                borders.append(number)
                longest = length
        return [np.arange(start, end) for start, end in pairwise([*borders, len(self.lengths)])]


class SeriesRows:
    """Series of numbers, each (T, D), as batches."""

    def __init__(self, series: Sequence[np.ndarray], ids: Sequence[Any], classes: ClassSet) -> None:
        self.series, self.ids, self.classes = series, ids, classes
        self.lengths = np.array([len(values_TD) for values_TD in series], np.int64)

    def batch(self, indices: np.ndarray) -> SeriesBatch:
        """Collate the series of the given numbers."""
        labels_BL = self.classes.indicators([self.ids[i] for i in indices])
        return collate_series([self.series[i] for i in indices], labels_BL)


class TextWindows:
    """One long text as batches in order: it is cut into parallel streams; each batch is the next window of them all.

    Row `w * num_streams + b` is window w of stream b. Every symbol but the first is a target. Streams have one length:
    where the text can't be cut so, a stream may begin with the last symbol of the one before, and none is left over.

    >>> windows = TextWindows(np.arange(8), num_streams=2, window_size=3)
    >>> [windows.batch(rows).targets_BT.tolist() for rows in windows.batches(1)]
    [[[1, 2, 3], [4, 5, 6]], [[4], [7]]]
    """

    def __init__(self, symbols_N: np.ndarray, *, num_streams: int, window_size: int) -> None:
        self.symbols_N, self.num_streams, self.window_size = symbols_N, num_streams, window_size
        num_targets = len(symbols_N) - 1
        self.stream_size = -(-num_targets // num_streams)
        self.starts_B = np.arange(num_streams) * (num_targets - self.stream_size) // max(1, num_streams - 1)
        starts_W = np.arange(0, self.stream_size, window_size)
        self.lengths = np.minimum(window_size, self.stream_size - starts_W).repeat(num_streams)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Give the rows of each batch, the same in every epoch: a text has one order."""
        rows = np.arange(len(self.lengths)).reshape(-1, self.num_streams)
        return list(rows)

    def batch(self, indices: np.ndarray) -> WindowBatch:
        """Read rows that are all of one window."""
        window = int(indices[0]) // self.num_streams
        length = int(self.lengths[indices[0]])
        starts_B = self.starts_B[indices % self.num_streams] + window * self.window_size
        symbols_BT = torch.from_numpy(self.symbols_N[starts_B[:, None] + np.arange(length + 1)].astype(np.int64))
        return WindowBatch(
            symbols_BT[:, :-1],
            symbols_BT[:, 1:],
            torch.full((len(indices),), length),
            torch.full((len(indices),), window == 0),
        )


def sentence_lengths(dataset: Dataset) -> np.ndarray:
    """Count the tokens of each row, (N,)."""
    pieces = [
        rows.column("tokens").combine_chunks().value_lengths().to_numpy(zero_copy_only=False)
        for rows in dataset.select_columns("tokens").with_format("arrow").iter(10_000)
    ]
    return np.concatenate(pieces).astype(np.int64) if pieces else np.zeros(0, np.int64)


def count_tokens(dataset: Dataset) -> Counter[str]:
    """Count how often each token stands in a dataset, a piece of it at a time."""
    counts: Counter[str] = Counter()
    for rows in dataset.select_columns("tokens").with_format("arrow").iter(10_000):
        pairs = pc.value_counts(rows.column("tokens").combine_chunks().flatten())
        counts.update(dict(zip(pairs.field("values").to_pylist(), pairs.field("counts").to_pylist())))
    return counts


def fingerprint(splits: Mapping[str, Dataset]) -> str:
    """SHA-256 of the tokens and tags of some splits, whatever file they came from."""
    digest = hashlib.sha256()
    for name, dataset in splits.items():
        names = dataset.features["tags"].feature.names
        digest.update(f"{name} {len(dataset)} {names}".encode())
        hash_tokens(digest, dataset)
        for rows in dataset.select_columns("tags").with_format("arrow").iter(10_000):
            digest.update(rows.column("tags").combine_chunks().flatten().to_numpy().astype("<i8").tobytes())
        if ANNOTATED in dataset.features:
            digest.update(repr(dataset[ANNOTATED][:]).encode())
    return digest.hexdigest()


def hash_tokens(digest: Any, dataset: Dataset) -> None:
    """Feed a hash with the tokens of a dataset, a piece of it at a time."""
    for rows in dataset.select_columns("tokens").with_format("arrow").iter(10_000):
        sentences = rows.column("tokens").combine_chunks()
        tokens = sentences.flatten()
        digest.update(pc.binary_length(tokens).to_numpy(zero_copy_only=False).tobytes())
        digest.update(_joined(tokens, np.array([0, len(tokens)]), "")[0].as_buffer())
        digest.update(sentences.value_lengths().to_numpy(zero_copy_only=False).tobytes())
