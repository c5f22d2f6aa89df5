"""Calls that a type checker has to flag or to take; `make types` reads this file, and nothing runs it.

mypy's `warn_unused_ignores` makes an error of each ignore below that ignores nothing.
"""

from seqtag import Classifier, LanguageModel, Tagger


def calls() -> None:
    Tagger(hidden_size=3, encoder="gru", head="linear", vectors=None, class_weights={"PER": 2.0})
    Classifier(pooling="mean", epochs=None)
    LanguageModel(min_freq=None, hidden_size=8)
    Tagger(hiden_size=3)  # type: ignore[call-arg]
    Tagger("lstm")  # type: ignore[call-arg]
    Tagger(hidden_size="3")  # type: ignore[arg-type]
    Classifier(head="crf")  # type: ignore[call-arg]
    LanguageModel(bptt=1.5)  # type: ignore[arg-type]


def types(tagger: Tagger) -> tuple[int, str | None, float]:
    return tagger.hidden_size, tagger.vectors, tagger.dropout
