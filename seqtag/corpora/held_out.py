"""Choose the rows of a corpus that are held out: whole documents of a tagged one, the same share of each class else.

The same seed chooses the same rows. Knows no model and no file.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.tagged_drafts import documents_of
from seqtag.errors import DataError


def sentences_to_hold_out(
    num_rows: int, share: float, seed: int, *, documents: Sequence[int | str] | None = None
) -> np.ndarray:
    """Give the rows of a share of the sentences, in order; at least one row, and where documents are known, whole ones.

    Of the documents, in a random order, each is taken with which the number of sentences comes closer to the share.

    >>> sentences_to_hold_out(6, 0.3, 0, documents=["a", "a", "b", "b", "c", "c"]).tolist()
    [4, 5]
    """
    wanted = max(1, round(share * num_rows))
    random = np.random.default_rng(seed)
    if documents is None:
        return np.sort(random.permutation(num_rows)[:wanted])
    sizes = Counter(documents)
    names = list(sizes)
    held: set[int | str] = set()
    count = 0
    for number in random.permutation(len(names)).tolist():
        name = names[number]
        if abs(count + sizes[name] - wanted) < abs(count - wanted):
            held.add(name)
            count += sizes[name]
    if not held or len(held) == len(names):
        held = {min(names, key=sizes.__getitem__)}
    return np.array([row for row, name in enumerate(documents) if name in held], np.int64)


def texts_to_hold_out(labels: Sequence[Any], share: float, seed: int, *, is_multi: bool) -> np.ndarray:
    """Give the rows of the same share of each class, in a random order; of several labels of a text the first counts.

    Of a class with one text nothing is held out, because training would not know it; so there may be no row.
    """
    keys = [repr(label[:1] if is_multi else label) for label in labels]
    counts = Counter(keys)
    order = [i for i in np.random.default_rng(seed).permutation(len(keys)) if is_multi or counts[keys[i]] > 1]
    if not order:
        return np.zeros(0, np.int64)
    # Texts of a class stand together, so every n-th of the whole takes from each class what it should.
    order.sort(key=keys.__getitem__)
    num_held = max(1, round(share * len(order)))
    return np.array(order)[np.floor((np.arange(num_held) + 0.5) * len(order) / num_held).astype(np.int64)]


def rows_to_hold_out(corpus: Dataset, share: float, seed: int, *, source: str) -> np.ndarray:
    """Give the rows of a settled corpus that are held out, in order; DataError where there is too little."""
    if "tags" in corpus.column_names:
        held = sentences_to_hold_out(len(corpus), share, seed, documents=documents_of(corpus))
    else:
        held = texts_to_hold_out(label_names(corpus), share, seed, is_multi="labels" in corpus.column_names)
    if not 0 < len(held) < len(corpus):
        raise DataError(f"{source}: {len(corpus)} rows are too few to hold out {share:g} of them; give more data")
    return np.sort(held)


def split_off(corpus: Dataset, share: float, seed: int, *, source: str) -> tuple[Dataset, Dataset]:
    """Cut a settled corpus into what stays and what is held out; DataError where there is too little to hold out."""
    held = rows_to_hold_out(corpus, share, seed, source=source)
    return corpus.select(np.setdiff1d(np.arange(len(corpus)), held)), corpus.select(held)
