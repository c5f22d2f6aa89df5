"""Translate between the tags of the data and the ids of a model, which may work in another scheme than its data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seqtag.text.schemes import UNKNOWN_TAG, Moves, legal_transitions, repair_tags, split_tag, tag_fits
from seqtag.text.tag_spelling import DEFAULT_SPELLING, TagSpelling


@dataclass(frozen=True)
class TagSet:
    """The tags of the data, the tags of the model, and the translation between them.

    For data in IOB2 the model works in BIOES, since knowing where a span ends makes it easier to find (Ratinov and
    Roth 2009); legal sequences of the two correspond one to one, so probabilities are the same in both.
    """

    data_tags: tuple[str, ...]
    data_scheme: str
    names: tuple[str, ...]  # the model's tags, in the order of their ids
    scheme: str
    spelling: TagSpelling = DEFAULT_SPELLING  # in which users are given the tags of the data

    @classmethod
    def build(cls, data_tags: Sequence[str], scheme: str, spelling: TagSpelling = DEFAULT_SPELLING) -> "TagSet":
        """Choose the model's tags for those of the data, which are in the spelling of `schemes`; ? is none of them.

        >>> TagSet.build(["O", "B-LOC", "B-PER", "I-PER", "?"], "IOB2").names
        ('O', 'S-LOC', 'B-PER', 'I-PER', 'E-PER', 'S-PER')
        """
        data_tags = [tag for tag in data_tags if tag != UNKNOWN_TAG]
        if scheme != "IOB2":
            return cls(tuple(data_tags), scheme, tuple(data_tags), scheme, spelling)
        names = ["O"] if "O" in data_tags else []
        for label in dict.fromkeys(split_tag(tag)[1] for tag in data_tags if tag != "O"):
            # A label never seen on two tokens needs no more than one tag.
            parts = "BIES" if f"I-{label}" in data_tags else "S"
            names += [f"{letter}-{label}" for letter in parts]
        return cls(tuple(data_tags), scheme, tuple(names), "BIOES", spelling)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def to_data(self) -> np.ndarray:
        """The data's tag id for each of the model's ids, (L,)."""
        if self.scheme == self.data_scheme:
            return np.arange(len(self.names))
        place = {tag: i for i, tag in enumerate(self.data_tags)}
        letter = {"O": "", "B": "B-", "S": "B-", "I": "I-", "E": "I-"}
        return np.array(
            [place[letter[split_tag(n)[0]] + split_tag(n)[1]] if n != "O" else place["O"] for n in self.names]
        )

    def encoder(self, seen: Sequence[str]) -> np.ndarray:
        """Give for each tag of `seen` the model's id where its span ends, its id where the span goes on, and the tag
        that goes on with it, by its number in `seen`: (D, 3).

        Tags that the model lacks get 0: they can be used for scoring, but not be learned. No tag goes on with -1.
        """
        if self.scheme == self.data_scheme:
            return np.array([[self._ids.get(tag, 0)] * 2 + [-1] for tag in seen], np.int64).reshape(-1, 3)
        numbers = {tag: number for number, tag in enumerate(seen)}
        rows = []
        for tag in seen:
            inside = f"I-{split_tag(tag)[1]}"
            ends, goes_on = (self._ids.get(_with_end(tag, goes_on=goes_on), 0) for goes_on in (False, True))
            rows.append([ends, goes_on, numbers.get(inside, -1)])
        return np.array(rows, np.int64).reshape(-1, 3)

    def encode(self, tags_N: np.ndarray, lengths_B: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Turn flat ids of the data's tags into the model's, by a table of `encoder`.

        >>> tags = TagSet.build(["O", "B-PER", "I-PER"], "IOB2")
        >>> ids = tags.encode(np.array([1, 2, 1]), np.array([2, 1]), tags.encoder(["O", "B-PER", "I-PER"]))
        >>> [tags.names[i] for i in ids]
        ['B-PER', 'E-PER', 'S-PER']
        """
        following_N = np.append(tags_N[1:], 0)
        ends = np.cumsum(lengths_B[lengths_B > 0]) - 1
        following_N[ends] = len(table)
        end_N, goes_on_N, inside_N = table[tags_N].T
        ids_N: np.ndarray = np.where(following_N == inside_N, goes_on_N, end_N)
        return ids_N

    def allowed(
        self,
        tags_N: np.ndarray,
        lengths_B: np.ndarray,
        seen: Sequence[str],
        annotated: Sequence[Collection[str] | None],
    ) -> np.ndarray:
        """Say which of the model's tags each token may have where some tags are unknown: bool (N, L).

        `tags_N` are numbers into `seen`, which has the tag ?. For each sentence `annotated` has the labels that were
        annotated there, or None for all: outside of spans its tokens may have any tag of the other labels.

        >>> tags = TagSet.build(["O", "B-PER", "I-PER"], "IOB2")
        >>> may_be = tags.allowed(np.array([1, 2]), np.array([2]), ["O", "B-PER", "?"], [None])
        >>> [[name for name, fits in zip(tags.names, fits_L) if fits] for fits_L in may_be]
        [['B-PER', 'S-PER'], ['O', 'B-PER', 'I-PER', 'E-PER', 'S-PER']]
        """
        rows_N = np.arange(len(tags_N))
        is_unknown_N = np.array([tag == UNKNOWN_TAG for tag in seen], bool)[tags_N]
        allowed_NL = np.zeros((len(tags_N), len(self.names)), bool)
        allowed_NL[rows_N, self.encode(tags_N, lengths_B, self.encoder(seen))] = True
        # Before an unknown tag a span may end or go on.
        is_open_N = np.append(is_unknown_N[1:], False)
        is_open_N[np.cumsum(lengths_B[lengths_B > 0]) - 1] = False
        both_DL = np.array([[name in self._forms(tag) for name in self.names] for tag in seen], bool)
        allowed_NL[is_open_N] |= both_DL[tags_N[is_open_N]]
        allowed_NL[is_unknown_N] = True
        is_outside_N = np.array([tag == "O" for tag in seen], bool)[tags_N]
        for labels in {frozenset(labels) for labels in annotated if labels is not None}:
            in_these_N = np.repeat([found is not None and labels == set(found) for found in annotated], lengths_B)
            others_L = np.array([name != "O" and split_tag(name)[1] not in labels for name in self.names])
            allowed_NL[is_outside_N & in_these_N] |= others_L
        return allowed_NL

    def _forms(self, tag: str) -> set[str]:
        """Give the model's tags for a tag of the data, whose span may end there or go on."""
        is_same = self.scheme == self.data_scheme
        return {tag} if is_same else {_with_end(tag, goes_on=goes_on) for goes_on in (False, True)}

    def decode(self, ids: np.ndarray) -> list[str]:
        """Turn the model's ids of one sentence into legal tags of the data's scheme."""
        tags = [self.data_tags[i] for i in self.to_data[ids]]
        return tags if self.data_scheme in ("plain", "IO") else repair_tags(tags, self.data_scheme)

    def decode_rows(self, ids_BT: np.ndarray, lengths_B: np.ndarray) -> list[list[str]]:
        """Turn the model's ids of a batch of sentences into legal tags of the data's scheme, each cut to its length.

        >>> TagSet.build(["O", "B-PER", "I-PER"], "IOB2").decode_rows(np.array([[1, 3], [4, 0]]), np.array([2, 1]))
        [['B-PER', 'I-PER'], ['B-PER']]
        """
        tags_BT = self._data_tags[ids_BT].tolist()
        rows = [tags_T[:length] for tags_T, length in zip(tags_BT, lengths_B.tolist())]
        if self.data_scheme in ("plain", "IO") or not ids_BT.size:
            return rows
        # A CRF gives legal tags only, which are legal in the data's scheme too; only other rows are repaired.
        moves = self._moves
        last_B = ids_BT[np.arange(len(ids_BT)), (lengths_B - 1).clip(0)]
        inside_BT = np.arange(1, ids_BT.shape[1]) < lengths_B[:, None]
        legal_B = moves.start_L[ids_BT[:, 0]] & moves.end_L[last_B]
        legal_B &= (moves.between(ids_BT[:, :-1], ids_BT[:, 1:]) | ~inside_BT).all(1)
        for row in np.flatnonzero(~legal_B):
            rows[row] = repair_tags(rows[row], self.data_scheme)
        return rows

    @cached_property
    def _data_tags(self) -> np.ndarray:
        """The data's tag for each of the model's, as objects."""
        return np.array([self.data_tags[i] for i in self.to_data], object)

    @cached_property
    def _moves(self) -> Moves:
        return Moves.build(self.names, self.scheme)

    @property
    def legal(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which tags may start a sentence, follow each other and end it; see `schemes.legal_transitions`."""
        return legal_transitions(self.names, self.scheme)

    def written(self, tags: Sequence[str]) -> list[str]:
        """Write tags of the data in the data's own spelling.

        >>> TagSet.build(["O", "B-PER"], "IOB2", TagSpelling(outside="0")).written(["B-PER", "O"])
        ['B-PER', '0']
        """
        return list(tags) if self.spelling == DEFAULT_SPELLING else [self.spelling.write(tag) for tag in tags]

    @property
    def outside(self) -> str | None:
        """The option `outside` of `load_corpus` for data that are spelled as the training data."""
        return None if self.spelling.outside == "O" else self.spelling.outside

    def unknown(self, tags: Sequence[str]) -> list[str]:
        """Give the labels of `tags` for which the model has no tag."""
        tags = [tag for tag in tags if tag != UNKNOWN_TAG]
        known = {split_tag(tag)[1] if self.data_scheme != "plain" else tag for tag in self.data_tags}
        if self.data_scheme == "plain":
            return sorted({tag for tag in tags if tag not in known})
        return sorted({split_tag(tag)[1] if tag_fits(tag, self.data_scheme) else tag for tag in tags} - known - {""})

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        spelled = {} if self.spelling == DEFAULT_SPELLING else {"spelling": self.spelling.to_dict()}
        return {"tags": list(self.data_tags), "scheme": self.data_scheme, **spelled}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "TagSet":
        """Read what `to_dict` gave."""
        spelling = TagSpelling.from_dict(stored["spelling"]) if "spelling" in stored else DEFAULT_SPELLING
        return cls.build(stored["tags"], stored["scheme"], spelling)


def _with_end(tag: str, *, goes_on: bool) -> str:
    """Give the BIOES tag for an IOB2 tag, whose span goes on after it or ends with it."""
    if tag in ("O", UNKNOWN_TAG):
        return tag
    letter, label = split_tag(tag)
    return {("B", True): "B-", ("B", False): "S-", ("I", True): "I-", ("I", False): "E-"}[letter, goes_on] + label
