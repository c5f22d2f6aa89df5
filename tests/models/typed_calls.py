"""Calls that a type checker has to flag or to take; `make types` reads this file, and nothing runs it.

mypy's `warn_unused_ignores` makes an error of each ignore below that ignores nothing.
"""

from typing_extensions import assert_type

from seqtag import Classifier, LanguageModel, Tagger
from seqtag.models.engine import Engines
from seqtag.models.tagging.inference import NbestTagEngine
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.network import ClassNetwork, TagNetwork
from seqtag.text.symbol_vocabulary import SymbolVocabulary
from seqtag.text.vocabulary import Vocabulary


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


def networks(tagger: Tagger, classifier: Classifier, model: LanguageModel) -> None:
    assert_type(tagger.network_, TagNetwork)
    assert_type(tagger.vocabulary_, Vocabulary)
    assert_type(tagger.engines_, Engines[NbestTagEngine])
    assert_type(classifier.network_, ClassNetwork)
    assert_type(classifier.vocabulary_, Vocabulary | None)
    assert_type(model.network_, LanguageNetwork)
    assert_type(model.vocabulary_, SymbolVocabulary)
    assert_type(Tagger.load("folder").network_, TagNetwork)
