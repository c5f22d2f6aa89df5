"""Read lists of phrases from files, one phrase per line, and cut them as a model cuts texts.

Knows files and tokens; how phrases are found in sentences is the business of `seqtag.text.gazetteers`.
"""

import logging
import os
from collections.abc import Iterator, Mapping

import numpy as np
from datasets import Dataset

from seqtag.corpora.lines import line_blocks, numbered_lines
from seqtag.errors import DataError
from seqtag.reporting.progress import watched
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.tokenizer import Tokenizer

logger = logging.getLogger("seqtag")

_ROWS = 10_000  # of a dataset that are read together


def read_gazetteers(files: Mapping[str, str], *, language: str, ignores_case: bool = False) -> Gazetteers:
    """Read a file of phrases for each list, gzipped or not; phrases are cut by the rules of the language.

    Raises UsageError where there is no such file, DataError for one that is empty or no text, and for a line without a
    token, by file and line.
    """
    tokenizer = Tokenizer(language)
    phrases = {name: (tokens.words for tokens in tokenizer.token_stream(_lines(file))) for name, file in files.items()}
    lists = Gazetteers.build(phrases, ignores_case=ignores_case)
    logger.info("lists: %s", lists.describe())
    return lists


def _lines(file: str) -> Iterator[str]:
    lines = numbered_lines(file)
    if os.path.isfile(file):  # a pipe can be read once
        total = sum(len(block) for _, block in line_blocks(file))
        lines = watched(lines, f"reading {file}", total=total)
    for number, line in lines:
        if not line.strip():
            raise DataError(
                f"{file}:{number}: no token in this line; a list has one phrase per line: take the line out"
            )
        yield line


def log_coverage(gazetteers: Gazetteers, data: Dataset) -> None:
    """Say how often the phrases of each list stand in the training data, and warn of a list that has none there."""
    counts_K = np.zeros(len(gazetteers.names), np.int64)
    for rows in data.select_columns("tokens").with_format("arrow").iter(_ROWS):
        sentences = rows.column("tokens").combine_chunks()
        coded = sentences.flatten().dictionary_encode()
        slots_N = coded.indices.to_numpy(zero_copy_only=False)
        lengths_B = sentences.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
        matches_M4 = gazetteers.find(coded.dictionary.to_pylist(), slots_N, lengths_B)
        counts_K += np.bincount(matches_M4[:, 3], minlength=len(counts_K))
    for name, count in zip(gazetteers.names, counts_K.tolist()):
        if not count:
            logger.warning(
                "no phrase of the list %s stands in the training data, so the model can't learn what it says; are its "
                "language and its upper and lower case those of the data? gazetteer_case='ignore' ignores case",
                name,
            )
    found = ", ".join(f"{count:,} of {name}" for name, count in zip(gazetteers.names, counts_K.tolist()))
    logger.info("lists: phrases in the training data: %s", found)
