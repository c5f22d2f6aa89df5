"""Lay sentences out for language models of characters: what each model reads, and where a token's state is taken.

Training and the runtime share this step from strings to numbers. Only the network knows what a state is.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from seqtag.text.characters import shortened
from seqtag.text.joining import blanks_before
from seqtag.text.length_batches import bounded_batches, pad
from seqtag.text.symbol_vocabulary import LINE_BREAK_ID, SymbolVocabulary, code_points

# M language models, B sentences, T tokens, C characters of a sentence, N tokens of all sentences, K their characters,
# F the characters of all sentences with the blanks between tokens

Sentences = Sequence[Sequence[str]]

# Padded characters per batch of a prediction, including the line break before each sentence.
MAX_CHARACTERS = 16_384
# Of a longer token the models read the beginning and the end: no word is so long, and a file may hold anything.
MOST_OF_TOKEN = 1_000
_BLANK = ord(" ")


class CharacterLayout:
    """Lays sentences out for language models of characters, which are given by their vocabularies and directions.

    A model reads a sentence as the text that people would read (see `join_tokens`), after a line break, as in training;
    a backward model reads it from its end. The state of a forward model is taken after it has read the last character
    of a token, and that of a backward model after the first character, which it reads last. Of a token of more than
    `MOST_OF_TOKEN` characters both read the first and the last ones.

    >>> layout = CharacterLayout([SymbolVocabulary("character", None, list("abc"))], ["backward"])
    >>> symbols_MBC, picks_MBT = layout.lay_out([["ab", "c"]])
    >>> symbols_MBC.tolist(), picks_MBT.tolist()
    ([[[1, 4, 0, 3, 2]]], [[[4, 1]]])
    """

    def __init__(self, vocabularies: Sequence[SymbolVocabulary], directions: Sequence[str]) -> None:
        self.models = list(zip(vocabularies, directions, strict=True))

    @classmethod
    def from_store(cls, config: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> "CharacterLayout | None":
        """Make the layout of a model folder's config.json and vocabulary.json; None for a model without a context."""
        if config.get("context") is None:
            return None
        vocabularies = [SymbolVocabulary.from_dict(stored) for stored in vocabulary["context"]]
        return cls(vocabularies, [about["params"]["direction"] for about in config["context"]])

    def last_symbols(self) -> np.ndarray:
        """Give what each model reads of a text with its last symbol alone, (M, 1, 1)."""
        return np.array([[[len(vocabulary) - 1]] for vocabulary, _ in self.models], np.int64)

    def batches(self, sentences: Sentences, *, max_tokens: int) -> Iterator[np.ndarray]:
        """Give the numbers of the sentences of each batch of a prediction; empty sentences are in no batch.

        Sentences of like numbers of characters go together, because characters cost more time than tokens.
        """
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        return bounded_batches(lengths, num_characters(sentences), max_tokens=max_tokens, max_characters=MAX_CHARACTERS)

    def lay_out(self, sentences: Sentences) -> tuple[np.ndarray, np.ndarray]:
        """Give what each model reads, (M, B, C), and the places to take the states of the tokens from, (M, B, T)."""
        symbols_MBC, picks_MN = self.read(sentences)
        lengths_B = np.fromiter(map(len, sentences), np.int64, len(sentences))
        return symbols_MBC, np.stack([pad(picks_N, lengths_B) for picks_N in picks_MN])

    def read(self, sentences: Sentences) -> tuple[np.ndarray, np.ndarray]:
        """Give what each model reads, (M, B, C), and the places of all tokens one after the other, (M, N)."""
        tokens = [shortened(token, MOST_OF_TOKEN) for token in chain.from_iterable(sentences)]
        num_B = np.fromiter(map(len, sentences), np.int64, len(sentences))
        lengths_N = np.fromiter(map(len, tokens), np.int64, len(tokens))
        points_K = code_points("".join(tokens))
        first_B = np.cumsum(num_B) - num_B
        blank_N = blanks_before(points_K, lengths_N)
        blank_N[first_B[num_B > 0]] = False

        row_N = np.repeat(np.arange(len(num_B)), num_B)
        until_N = np.concatenate([[0], np.cumsum(lengths_N + blank_N)])  # in the text of all sentences, from 0 on
        before_B, size_B = until_N[first_B], until_N[first_B + num_B] - until_N[first_B]
        end_N = until_N[1:] - before_B[row_N]

        points_F = np.full(until_N[-1], _BLANK, points_K.dtype)
        points_F[np.arange(len(points_K)) + np.repeat(np.cumsum(blank_N), lengths_N)] = points_K
        row_F = np.repeat(np.arange(len(num_B)), size_B)
        place_F = np.arange(len(points_F)) - before_B[row_F]

        symbols_MBC = np.zeros((len(self.models), len(num_B), int(size_B.max(initial=0)) + 1), np.int64)
        symbols_MBC[:, :, 0] = LINE_BREAK_ID
        picks_MN = np.empty((len(self.models), len(tokens)), np.int64)
        for m, (vocabulary, direction) in enumerate(self.models):
            is_forward = direction == "forward"
            column_F = place_F + 1 if is_forward else size_B[row_F] - place_F
            symbols_MBC[m, row_F, column_F] = vocabulary.encode_points(points_F)
            picks_MN[m] = end_N if is_forward else size_B[row_N] - (end_N - lengths_N)
        return symbols_MBC, picks_MN


def num_characters(sentences: Sentences) -> np.ndarray:
    """Say how many characters of each sentence are read at most, with the line break before it: int64.

    >>> num_characters([["Ada", "."], []]).tolist()
    [6, 0]
    """
    read = (sum(min(len(token), MOST_OF_TOKEN) + 1 for token in sentence) for sentence in sentences)
    return np.fromiter(read, np.int64, len(sentences))
