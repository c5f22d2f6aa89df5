"""Bring pretrained word vectors and the words of the training data together in one vocabulary and one matrix."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqtag.corpora.word_vectors import read_vectors
from seqtag.text.vocabulary import Vocabulary

logger = logging.getLogger("seqtag")


def with_vectors(
    path: str, counts: Mapping[str, int], settings: Mapping[str, Any], *, only_corpus: bool, seed: int
) -> tuple[Vocabulary, np.ndarray, float]:
    """Give the vocabulary, a vector for each of its words (V, E) and the share of training tokens that have one.

    All words of the file get an id, so that ones unseen in training work at prediction; `only_corpus` keeps those of
    the training data. A word without a vector starts as a random one of the same spread.
    """
    wanted = {form for token in counts for form in (token, token.lower())} if only_corpus else None
    found = read_vectors(path, words=wanted)
    plain = Vocabulary.build(counts, **settings)
    # A form as it stands comes before one that only becomes it by lower-casing or merging digits.
    rows = {word: row for row, word in enumerate(found.words) if plain.normalise(word) == word}
    for row, word in enumerate(found.words):
        rows.setdefault(plain.normalise(word), row)
    vocabulary = Vocabulary.build(counts, **settings, extra_words=rows)

    num_covered = sum(count for token, count in counts.items() if plain.normalise(token) in rows)
    coverage = num_covered / max(1, sum(counts.values()))
    size = found.matrix.shape[1]
    logger.info(
        "%s: %d vectors of %d numbers; %.1f%% of the training tokens have one", path, len(rows), size, 100 * coverage
    )

    index = vocabulary.indices["word"]
    spread = found.matrix.std() if rows else size**-0.5
    matrix_VE = np.random.default_rng(seed).normal(0.0, spread, (len(index) + 2, size)).astype(np.float32)
    matrix_VE[0] = 0.0
    matrix_VE[[index[word] for word in rows]] = found.matrix[list(rows.values())]
    return vocabulary, matrix_VE, coverage
