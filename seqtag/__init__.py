"""Small, fast, exact sequence labellers: the public names, each imported when it is first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqtag.version import __version__

if TYPE_CHECKING:
    from seqtag.corpora.loading import load_corpus
    from seqtag.curation.suspects import find_suspects
    from seqtag.errors import DataError, ModelError, SeqtagError, UsageError
    from seqtag.evaluation.report import Report
    from seqtag.evaluation.statistics.comparison import compare
    from seqtag.inference.patterns import Patterns
    from seqtag.linter.linter import check_corpus
    from seqtag.models.classifying.classifier import Classifier
    from seqtag.models.language.language_model import LanguageModel
    from seqtag.models.tagging.tagger import Tagger
    from seqtag.nn.recurrent import RecurrentEncoder
    from seqtag.text.schemes import Span
    from seqtag.training.watchers import Watcher

_HOMES = {
    "Classifier": "seqtag.models.classifying.classifier",
    "DataError": "seqtag.errors",
    "LanguageModel": "seqtag.models.language.language_model",
    "ModelError": "seqtag.errors",
    "Patterns": "seqtag.inference.patterns",
    "RecurrentEncoder": "seqtag.nn.recurrent",
    "Report": "seqtag.evaluation.report",
    "SeqtagError": "seqtag.errors",
    "Span": "seqtag.text.schemes",
    "Tagger": "seqtag.models.tagging.tagger",
    "UsageError": "seqtag.errors",
    "Watcher": "seqtag.training.watchers",
    "check_corpus": "seqtag.linter.linter",
    "compare": "seqtag.evaluation.statistics.comparison",
    "find_suspects": "seqtag.curation.suspects",
    "load_corpus": "seqtag.corpora.loading",
}

__all__ = [  # noqa: RUF022 - kept in the order of the table above
    "Classifier",
    "DataError",
    "LanguageModel",
    "ModelError",
    "Patterns",
    "RecurrentEncoder",
    "Report",
    "SeqtagError",
    "Span",
    "Tagger",
    "UsageError",
    "Watcher",
    "check_corpus",
    "compare",
    "find_suspects",
    "load_corpus",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqtag' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("seqtag."):
            raise
        from seqtag.errors import UsageError

        raise UsageError(
            f"seqtag.{name} is no part of seqtag-runtime, which only predicts, with seqtag.runtime.load; for all of "
            "seqtag run: pip uninstall seqtag-runtime, then: pip install seqtag"
        ) from None


def __dir__() -> list[str]:
    return __all__
