"""Remember how training labelled each surface, as sorted hashes with their labels, without storing the surfaces.

A report learns from this which entities were seen in training and which were ambiguous there. No score is known here.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from datasets import Dataset

from seqtag.text.schemes import spans_from_tags

_PAIRS = 100_000  # surfaces with a label that are held as strings together
_ROWS = 10_000  # of a dataset that are read together


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """The labels that each surface had in training; a surface is the tokens of a span joined by blanks, case kept.

    Surfaces are stored as hashes, so a model folder holds no list of the names in the training text. That hides names
    from a reader, but not from a guess: whoever has the folder can hash a name, see whether it was there and with which
    label, and try a whole directory of people in a minute. The single words of training stand in the vocabulary
    unchanged. The hash is BLAKE2b (RFC 7693) of 8 bytes: among N surfaces, an unseen one passes as seen once in
    2**64 / N times.

    >>> surfaces = Surfaces.of([("New York", "ORG")])
    >>> surfaces.labels_of("New York"), surfaces.num_labels("York")
    (('ORG',), 0)
    """

    labels: tuple[str, ...]  # sorted
    hashes_N: np.ndarray  # uint64, rising; a surface with two labels stands twice
    label_ids_N: np.ndarray  # positions in `labels`, rising within a surface

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Surfaces":
        """Collect surfaces with their labels; pairs may repeat.

        >>> Surfaces.of([("Jordan", "PER"), ("Jordan", "LOC"), ("Jordan", "PER")]).labels_of("Jordan")
        ('LOC', 'PER')
        """
        by_label: dict[str, np.ndarray] = {}
        source = iter(pairs)
        while chunk := list(islice(source, _PAIRS)):
            fresh: dict[str, list[int]] = {}
            for surface, label in set(chunk):
                fresh.setdefault(label, []).append(_hash(surface))
            for label, hashes in fresh.items():
                new_N = np.array(hashes, np.uint64)
                by_label[label] = np.union1d(by_label.get(label, new_N), new_N)
        return cls._of_hashes(by_label)

    @classmethod
    def _of_hashes(cls, by_label: Mapping[str, np.ndarray]) -> "Surfaces":
        labels = tuple(sorted(by_label))
        hashes_N = np.concatenate([np.zeros(0, np.uint64), *(by_label[label] for label in labels)])
        label_ids_N = np.repeat(np.arange(len(labels)), [len(by_label[label]) for label in labels])
        order_N = np.lexsort((label_ids_N, hashes_N))
        return cls(labels, hashes_N[order_N], label_ids_N[order_N])

    def labels_of(self, surface: str) -> tuple[str, ...]:
        """Give the labels of a surface, sorted; none if training had no such span."""
        key = np.uint64(_hash(surface))
        first, end = (int(np.searchsorted(self.hashes_N, key, side=side)) for side in ("left", "right"))
        return tuple(self.labels[number] for number in self.label_ids_N[first:end].tolist())

    def num_labels(self, surface: str) -> int:
        """Count the labels of a surface: a new one has 0, and an ambiguous one several."""
        return len(self.labels_of(surface))

    def union(self, other: "Surfaces") -> "Surfaces":
        """Give the surfaces of both, each with all of its labels.

        >>> Surfaces.of([("Jordan", "PER")]).union(Surfaces.of([("Jordan", "LOC")])).labels_of("Jordan")
        ('LOC', 'PER')
        """
        by_label = self._by_label()
        for label, hashes_N in other._by_label().items():
            by_label[label] = np.union1d(by_label.get(label, hashes_N), hashes_N)
        return self._of_hashes(by_label)

    def _by_label(self) -> dict[str, np.ndarray]:
        return {label: self.hashes_N[self.label_ids_N == number] for number, label in enumerate(self.labels)}

    def to_dict(self) -> dict[str, str]:
        """Give what JSON can hold: for each label the hashes of its surfaces, rising, little-endian, in base64."""
        return {
            label: base64.b64encode(hashes_N.astype("<u8").tobytes()).decode("ascii")
            for label, hashes_N in self._by_label().items()
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, str]) -> "Surfaces":
        """Read what `to_dict` gave.

        >>> Surfaces.from_dict(Surfaces.of([("Ada", "PER")]).to_dict()).labels_of("Ada")
        ('PER',)
        """
        return cls._of_hashes(
            {
                label: np.frombuffer(base64.b64decode(hashes), "<u8").astype(np.uint64)
                for label, hashes in stored.items()
            }
        )


def surfaces_of(dataset: Dataset, scheme: str) -> Surfaces:
    """Collect the surfaces of a dataset with tokens and tags piece by piece; under plain tags each word is a surface.

    >>> data = {"train": Dataset.from_dict({"tokens": [["Ada", "spoke"]], "tags": [["B-PER", "O"]]})}
    >>> from seqtag import load_corpus
    >>> surfaces_of(load_corpus(data, split="train"), "IOB2").labels_of("Ada")
    ('PER',)
    """
    return Surfaces.of(_dataset_surfaces(dataset, scheme))


def join_surface(words: Sequence[str]) -> str:
    """Give the surface that `Surfaces` looks up for the tokens of a span."""
    return " ".join(words)


def _dataset_surfaces(dataset: Dataset, scheme: str) -> Iterator[tuple[str, str]]:
    names = dataset.features["tags"].feature.names
    for piece in dataset.select_columns(["tokens", "tags"]).with_format("arrow").iter(_ROWS):
        sentences, tag_lists = (piece.column(name).combine_chunks() for name in ("tokens", "tags"))
        tags_N = tag_lists.flatten().to_numpy()
        if scheme == "plain":
            # Each word is given once per piece with each of its tags: tokens are many, such pairs are few.
            coded = sentences.flatten().dictionary_encode()
            words = coded.dictionary.to_pylist()
            codes_N = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64) * len(names) + tags_N
            for code in np.unique(codes_N).tolist():
                yield words[code // len(names)], names[code % len(names)]
            continue
        tokens = sentences.flatten().to_pylist()
        lengths_S = sentences.value_lengths().to_numpy(zero_copy_only=False)
        ends_S = np.cumsum(lengths_S)
        is_entity_N = np.array([name != "O" for name in names], bool)[tags_N]
        for row in np.unique(np.repeat(np.arange(len(lengths_S)), lengths_S)[is_entity_N]).tolist():
            start, end = int(ends_S[row] - lengths_S[row]), int(ends_S[row])
            for span in spans_from_tags([names[tag] for tag in tags_N[start:end].tolist()], scheme):
                yield join_surface(tokens[start + span.start : start + span.end]), span.label


def _hash(surface: str) -> int:
    # Token lists of a user may hold half characters, which are no reason to stop here.
    content = surface.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
