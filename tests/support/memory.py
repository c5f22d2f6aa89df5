"""Estimators that remember what they were trained on, and count: no network, so that tests of folds take no time."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from seqtag.text.schemes import Span


class RememberingTagger(BaseEstimator):
    """Gives a token the tags that it had in training, by their shares; a new one is outside, or any tag if plain."""

    task, language = "tag", "xx"

    def __init__(self, dev_share: float = 0.1, seed: int = 0) -> None:
        self.dev_share, self.seed = dev_share, seed

    def fit(self, rows: Any, *, dev: Any) -> "RememberingTagger":
        self.interrupted_ = False
        self.tags_ = rows.features["tags"].feature.names
        self.sentences_ = [tuple(tokens) for part in (rows, dev) for tokens in part["tokens"][:]]
        self.counts_: dict[str, Counter[str]] = defaultdict(Counter)
        for part in (rows, dev):
            for tokens, tags in zip(part["tokens"][:], part["tags"][:]):
                for token, tag in zip(tokens, tags):
                    self.counts_[token][self.tags_[tag]] += 1
        return self

    def shares(self, token: str) -> dict[str, float]:
        counts = self.counts_.get(token) or Counter({"O": 1} if "O" in self.tags_ else self.tags_)
        return {tag: count / counts.total() for tag, count in counts.items()}

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        return [
            np.array([[self.shares(token).get(tag, 0.0) for tag in self.tags_] for token in row]).reshape(len(row), -1)
            for row in X
        ]

    def predict_candidates(self, X: Any, *, floor: float) -> list[list[Span]]:
        return [
            [
                Span(at, at + 1, tag[2:], score=share)
                for at, token in enumerate(row)
                for tag, share in sorted(self.shares(token).items())
                if tag != "O" and share >= floor
            ]
            for row in X
        ]

    def span_probabilities(self, X: Any, spans: Any) -> list[list[float]]:
        def probability(row: Any, span: Span) -> float:
            tags = ["O"] * (span.end - span.start)
            if span.label:
                tags = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
            shares = (self.shares(token).get(tag, 0.0) for token, tag in zip(row[span.start : span.end], tags))
            return float(np.prod(list(shares)))

        return [[probability(row, span) for span in several] for row, several in zip(X, spans)]


class RememberingClassifier(BaseEstimator):
    """Gives a text the classes that its first word had in training, by their shares."""

    task, language = "classify", "xx"

    def __init__(self, dev_share: float = 0.1, seed: int = 0) -> None:
        self.dev_share, self.seed = dev_share, seed

    def fit(self, rows: Any, *, dev: Any) -> "RememberingClassifier":
        self.interrupted_ = False
        is_multi = "labels" in rows.column_names
        feature = rows.features["labels"].feature if is_multi else rows.features["label"]
        self.classes_ = np.array(feature.names)
        self.rows_: Counter[str] = Counter()
        self.counts_: dict[str, Counter[int]] = defaultdict(Counter)
        for part in (rows, dev):
            for text, label in zip(part["text"][:], part["labels" if is_multi else "label"][:]):
                self.rows_[text.split()[0]] += 1
                self.counts_[text.split()[0]].update(label if is_multi else [label])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        words = [text.split()[0] for text in X]
        shares = [[self.counts_[w][n] / max(1, self.rows_[w]) for n in range(len(self.classes_))] for w in words]
        return np.array(shares).reshape(len(words), -1)
