"""Hide words of a sentence from a network: the whole word, or its spelling alone.

A hidden word is replaced by a stand-in, a character of its own that no language uses, and the vocabulary is told what
may be seen of it. So every engine hides words in the same way, and language models beside the network read a character
that they don't know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from seqtag.text.gazetteers import Gazetteers
from seqtag.text.vocabulary import FEATURES, UNKNOWN, Vocabulary

# What can be hidden: everything that is known of a word, or all but which word it is, which is how characters and the
# columns of its spelling weigh by themselves, or that lists of phrases have it.
HIDDEN: Mapping[str, str] = {
    "word": "without the word",
    "spelling": "without its spelling",
    "lists": "without its lists",
}
OF_EVERY_MODEL, WITH_LISTS = ("word", "spelling"), ("word", "spelling", "lists")

_STAND_INS = range(0xF0000, 0xFFFFD)  # characters for private use


@dataclass(eq=False)
class OccludedVocabulary(Vocabulary):
    """A vocabulary that sees of each stand-in what is left of the word behind it."""

    behind: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # stand-in -> the word, and what is hidden

    @classmethod
    def of(cls, known: Vocabulary, behind: Mapping[str, tuple[str, str]]) -> "OccludedVocabulary":
        """Take over what a vocabulary knows."""
        occluded = cls.__new__(cls)
        occluded.__dict__.update(known.__getstate__(), behind=behind)
        return occluded

    def describe(self, word: str) -> tuple[list[int], list[int]]:
        """Look up one word, or what is left of a hidden one."""
        if word not in self.behind:
            return super().describe(word)
        hidden_word, what = self.behind[word]
        if what == "lists":
            return super().describe(hidden_word)
        features = [UNKNOWN] * len(FEATURES)
        if what == "spelling":
            features[0] = super().describe(hidden_word)[0][0]
        return features, [UNKNOWN]

    def _form(self, word: str) -> str:
        """Give the form of the word behind a stand-in, unless the word is hidden."""
        return super()._form(self.behind.get(word, (word, ""))[0])  # what is wholly hidden is empty there


@dataclass(frozen=True, slots=True, eq=False)
class OccludedGazetteers(Gazetteers):
    """Lists that find the words behind stand-ins, but for those that are to be hidden from them."""

    behind: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # as in OccludedVocabulary

    @classmethod
    def of(cls, known: Gazetteers, behind: Mapping[str, tuple[str, str]]) -> "OccludedGazetteers":
        """Take over the lists."""
        return cls(**{one.name: getattr(known, one.name) for one in fields(known)}, behind=behind)

    def find(self, words_U: Sequence[str], slots_N: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Find the matches as if spelling could not be hidden: lists know no spelling."""
        hidden = (self.behind.get(word, ("", "")) for word in words_U)
        seen = [word if what != "spelling" else behind for word, (behind, what) in zip(words_U, hidden)]
        # Without super(), which dataclasses with slots don't know.
        return Gazetteers.find(self, seen, slots_N, lengths_B)


@dataclass(frozen=True, slots=True)
class Occluded:
    """The variants of a sentence in each of which something of one word is hidden."""

    places: tuple[tuple[int, str], ...]  # of each variant: the number of the token, and what of it is hidden
    sentences: list[list[str]]
    behind: Mapping[str, tuple[str, str]]

    @classmethod
    def build(cls, tokens: Sequence[str], numbers: Sequence[int], kinds: Sequence[str] = OF_EVERY_MODEL) -> "Occluded":
        """Hide each of some tokens, given by number, in some of the ways of `HIDDEN`.

        >>> occluded = Occluded.build(["Ada", "met", "Bo"], [0])
        >>> occluded.places, [sentence[1:] for sentence in occluded.sentences]
        (((0, 'word'), (0, 'spelling')), [['met', 'Bo'], ['met', 'Bo']])
        """
        seen = set(tokens)
        free = (stand_in for stand_in in map(chr, _STAND_INS) if stand_in not in seen)
        stand_ins: dict[tuple[str, str], str] = {}
        places, sentences = [], []
        for number in numbers:
            for what in kinds:
                # A word that is not to be seen at all is the same unknown word wherever it stands.
                hidden = ("" if what == "word" else tokens[number], what)
                if hidden not in stand_ins:
                    stand_ins[hidden] = next(free)
                places.append((number, what))
                sentences.append([*tokens[:number], stand_ins[hidden], *tokens[number + 1 :]])
        return cls(tuple(places), sentences, {stand_in: hidden for hidden, stand_in in stand_ins.items()})

    def vocabulary(self, known: Vocabulary) -> Vocabulary:
        """Give the vocabulary with which an engine reads the variants; what else it looks words up in belongs here."""
        return OccludedVocabulary.of(known, self.behind)

    def gazetteers(self, known: Gazetteers) -> Gazetteers:
        """Give the lists with which an engine reads the variants."""
        return OccludedGazetteers.of(known, self.behind)


def nearest(
    num_tokens: int, places: Sequence[tuple[int, int]], most_read: int, kinds: Sequence[str] = OF_EVERY_MODEL
) -> list[int]:
    """Choose the tokens to hide: those nearest to some stretches, as many as `most_read` tokens of variants allow.

    >>> nearest(5, [(1, 2)], 1_000), nearest(5, [(1, 2)], 20)
    ([0, 1, 2, 3, 4], [0, 1])
    """
    most = most_read // max(1, len(kinds) * num_tokens)
    distance = [min(max(start - i, i - end + 1, 0) for start, end in places) for i in range(num_tokens)]
    return sorted(sorted(range(num_tokens), key=distance.__getitem__)[:most])
