"""Check what users hand to an estimator and bring it into one form: datasets, token lists, texts."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any

import numpy as np
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.held_out import sentences_to_hold_out
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.tag_normalising import carried_scheme
from seqtag.corpora.tagged_drafts import documents_of
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.inference.user_input import check_single_split, dev_pair, lists, report_unknown, token_lists
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG, entity_labels
from seqtag.text.tagset import TagSet

logger = logging.getLogger("seqtag")

_ROWS = 10_000  # of a dataset that are read together
_TAGS = '[["B-PER", "O", "O", "B-LOC"]]'


def training_splits(
    X: Any, y: Any, dev: Any, *, dev_share: float, seed: int, language: str = "xx"
) -> tuple[Dataset, Dataset]:
    """Settle training and dev data, in one scheme; without dev data hold out a share of the sentences, and say so.

    `language` says whose rules cut the texts of a dataset with spans.
    """
    given = _given_dataset(X, y, "training")
    if not len(given):
        raise DataError("the training data holds no sentence; give at least one with tokens and tags")
    if dev is not None:
        held_out = _given_dataset(*dev_pair(dev, "(token lists, tag lists)"), "dev")
        if not len(held_out):
            raise DataError("the dev data holds no sentence; leave it out to hold out a share of the training data")
        corpus = load_corpus({"train": given, "dev": held_out}, language=language)
        return corpus["train"], corpus["dev"]
    if len(given) < 2:
        raise DataError("one training sentence and no dev data: give `dev`, or at least two sentences")
    whole = load_corpus(given, language=language)["train"]
    documents = documents_of(whole)
    held = sentences_to_hold_out(len(whole), dev_share, seed, documents=documents)
    shares = f"{len(held)} of {len(whole)} training sentences are held out (dev_share={dev_share:g}, seed={seed})"
    logger.info("no dev data given: %s%s", shares, "" if documents is None else ", by whole documents")
    return whole.select(np.setdiff1d(np.arange(len(whole)), held)), whole.select(held)


def _given_dataset(X: Any, y: Any, what: str) -> Dataset:
    """Put what a user gave into a dataset, whose columns and tags are still the user's own."""
    check_single_split(X, what)
    if isinstance(X, Dataset):
        if y is not None:
            raise UsageError("a dataset brings its own tags: leave y out, or give token lists and tag lists")
        return X
    if y is None:
        if isinstance(X, tuple) and len(X) == 2:
            verb = {"training": "fit", "evaluation": "evaluate"}.get(what, what)
            raise UsageError(
                f"the {what} data is one pair; give token lists and tag lists as two arguments: {verb}(X, y)"
            )
        raise UsageError(
            f"the {what} data needs tags: give a dataset with tokens and tags, or token lists X and tag lists y"
        )
    tokens = token_lists(X, "fit")
    tags = lists(y, f"{what} data: y takes tag lists", _TAGS)
    if len(tokens) != len(tags):
        raise DataError(f"{what} data: {len(tokens)} token lists but {len(tags)} tag lists")
    for number, (words, names) in enumerate(zip(tokens, tags), 1):
        if len(words) != len(names):
            raise DataError(
                f"{what} data, sentence {number}: {len(words)} tokens but {len(names)} tags ({' '.join(words[:6])} ...)"
            )
        if not all(isinstance(name, str) or name is None for name in names):
            raise UsageError(
                f"{what} data, sentence {number}: tags must be strings, or None for unknown ones, found {names[:4]!r}"
            )
    if tokens and not any(tokens):
        raise DataError(
            f"the {what} data has {len(tokens)} sentences and not one token; give sentences with tokens and tags"
        )
    features = Features({"tokens": ListOf(Value("string")), "tags": ListOf(Value("string"))})
    return Dataset.from_dict({"tokens": tokens, "tags": tags}, features)


def check_trainable(tagset: TagSet, class_weights: Mapping[str, float], *, unlabelled: str = "outside") -> None:
    """Refuse data with nothing to tell apart, weights for labels that the data lack, and an outside that they lack."""
    labels = _labels(tagset)
    if not tagset.data_tags:
        raise DataError(
            "all tags of the training data are unknown (?): there is nothing to learn; annotate some tokens"
        )
    if len(labels) < (2 if tagset.data_scheme == "plain" else 1):
        raise DataError(
            f"the training data has no tag but {', '.join(tagset.data_tags)}: there is nothing to learn; "
            "is the tag column the right one? pass tag=... to load_corpus"
        )
    if unlabelled == "unknown" and tagset.data_scheme == "plain":
        raise UsageError(
            f"unlabelled='unknown' is about tokens outside of entities, and these tags are plain, such as "
            f"{labels[0]!r}; leave it out: tokens with the tag ? are unknown"
        )
    for label in class_weights:
        if label not in labels and label != "O":
            raise UsageError(f"class_weights: unknown label {label!r}; {near_miss(label, labels)}")


def balanced_weights(data: Dataset) -> dict[str, float]:
    """Give each label, and O, the weight with which all count alike in training: tokens / (labels * its tokens)."""
    names = data.features["tags"].feature.names
    is_plain = carried_scheme(data) == "plain"
    counts = Counter[str]()
    for number, count in Counter(chain.from_iterable(data["tags"])).items():
        if names[number] == UNKNOWN_TAG:
            continue
        counts[names[number] if is_plain or names[number] == "O" else names[number].partition("-")[2]] += count
    return {label: counts.total() / (len(counts) * count) for label, count in counts.items()}


def check_labels(gold: Sequence[Sequence[str]], tagset: TagSet, *, what: str) -> None:
    """Warn of gold labels that a model lacks; an error where it has none of them, since the data is another task's."""
    used = {tag for tags in gold for tag in tags} - {"O", UNKNOWN_TAG}
    unknown = tagset.unknown(sorted(used))
    all_of_them = all(tagset.unknown([tag]) for tag in used)
    report_unknown(unknown, _labels(tagset), what=what, column="tag", all_of_them=all_of_them)


def _labels(tagset: TagSet) -> list[str]:
    return list(tagset.data_tags) if tagset.data_scheme == "plain" else entity_labels(tagset.data_tags)


@dataclass(frozen=True, slots=True)
class GoldSentences:
    """Labelled sentences to measure or tune a trained tagger on."""

    tokens: list[list[str]]
    tags: list[list[str]]  # in the scheme of the training data
    documents: list[int | str] | None  # of each sentence, where the data tell them apart
    annotated: list[list[str] | None] | None  # of each sentence the labels that were annotated there, if not all

    @property
    def is_unknown(self) -> bool:
        """Whether there are tags, and none is known."""
        return set(chain.from_iterable(self.tags)) == {UNKNOWN_TAG}

    def whole(self) -> "GoldSentences":
        """Give the sentences in which every tag is known; DataError where there is none."""
        is_whole = [UNKNOWN_TAG not in tags for tags in self.tags]
        if self.annotated is not None:
            is_whole = [known and labels is None for known, labels in zip(is_whole, self.annotated)]
        if not any(is_whole) and self.tags:
            raise DataError("every sentence has unknown tags, and probabilities are set by sentences that have none")
        tokens, tags = (list(compress(lists, is_whole)) for lists in (self.tokens, self.tags))
        return GoldSentences(tokens, tags, None, None)


def gold_sentences(X: Any, y: Any, what: str, *, tagset: TagSet, language: str = "xx") -> GoldSentences:
    """Read what a trained tagger is held against; DataError for no sentence, and where it knows none of the labels."""
    given = _given_dataset(X, y, what)
    if not len(given):
        raise DataError(f"the {what} data holds no sentence")
    data = load_corpus({what: given}, scheme=tagset.data_scheme, outside=tagset.outside, language=language)[what]
    gold = GoldSentences(_word_lists(data), tag_lists(data), documents_of(data), annotated_labels(data))
    if gold.is_unknown:
        raise DataError(
            f"all tags of the {what} data are unknown (?): there is nothing to judge by; annotate some tokens"
        )
    check_labels(gold.tags, tagset, what=what)
    return gold


def _word_lists(data: Dataset) -> list[list[str]]:
    """Give the tokens of a dataset, each word once in memory, of which strings of their own take most."""
    known: dict[str, str] = {}
    pieces = data.select_columns("tokens").with_format("arrow").iter(_ROWS)
    lists = (row for piece in pieces for row in piece.column("tokens").to_pylist())
    return [[known.setdefault(word, word) for word in row] for row in lists]


def annotated_labels(data: Dataset) -> list[list[str] | None] | None:
    """Give the labels that were annotated in each row, None for all; None where all were everywhere."""
    found: list[list[str] | None] | None = data[ANNOTATED][:] if ANNOTATED in data.features else None
    return found


def tag_lists(data: Dataset) -> list[list[str]]:
    """Give the tags of a dataset as strings."""
    names = data.features["tags"].feature.names
    return [[names[i] for i in row] for row in data["tags"][:]]
