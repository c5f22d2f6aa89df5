"""`seqtag score --task classify`: the labels of one file of texts against those of another, text by text."""

import logging
from typing import TYPE_CHECKING, Any

from seqtag.cli.commands.evaluate_and_score import Files, show
from seqtag.cli.sources import pick_split, read_corpus
from seqtag.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger("seqtag")


def score_labels(gold: str, predicted: str, *, files: Files) -> None:
    """Score the labels of one source of texts against those of another, which has the same texts in the same order."""
    from seqtag.evaluation.classifying.evaluation import evaluate_labels

    left, right = _rows(gold), _rows(predicted)
    if len(left) != len(right):
        raise DataError(
            f"{gold} holds {len(left)} texts and {predicted} {len(right)}; both must hold the same texts in one order"
        )
    texts = _texts(left)
    different = [number for number, pair in enumerate(zip(texts, _texts(right)), 1) if pair[0] != pair[1]]
    if different:
        logger.warning(
            "%d texts are written otherwise in the two files; first text %d: are they in the same order?",
            len(different),
            different[0],
        )
    gold_labels, predicted_labels = _labels(left), _labels(right)
    if ("labels" in left.column_names) != ("labels" in right.column_names):
        raise DataError(f"{gold} and {predicted}: one has lists of labels, the other one label a text; mend either")
    flat = [own if isinstance(own, list) else [own] for own in (*gold_labels, *predicted_labels)]
    report = evaluate_labels(
        gold_labels,
        predicted_labels,
        labels=sorted({label for own in flat for label in own}),
        texts=texts,
        lengths=[len(text) for text in texts],
        unit="characters",
        source=f"{predicted} against {gold}",
    )
    show(report, files)


def _rows(source: str) -> "Dataset":
    corpus = read_corpus(source, task="classify")
    return pick_split(corpus, "test", source=source, advice="give the file of one split")


def _texts(rows: "Dataset") -> list[str]:
    return rows["text"][:] if "text" in rows.column_names else [" ".join(tokens) for tokens in rows["tokens"][:]]


def _labels(rows: "Dataset") -> list[Any]:
    """Give the label of each text, or its list of labels, by name."""
    if "labels" in rows.column_names:
        names = rows.features["labels"].feature.names
        return [[names[i] for i in own] for own in rows["labels"][:]]
    names = rows.features["label"].names
    return [names[i] for i in rows["label"][:]]
