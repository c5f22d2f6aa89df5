"""What `--known` adds to commands that ask a tagger: it is asked with the patterns of a file in mind."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from seqtag.errors import UsageError
from seqtag.inference.known_spans import KnownRows, check_strength
from seqtag.inference.patterns import Patterns

_ASKED = ("predict", "predict_token_spans", "predict_spans", "tag_texts")  # by the writers of answers


def read_known(file: str | None, strength: float | None, *, ignore_case: bool, task: str) -> Mapping[str, Any]:
    """Read the patterns of a file; gives the arguments of a tagger's predictions, none without a file.

    Raises UsageError for options that do not go together, DataError for a pattern that can't be read.
    """
    if file is None:
        if strength is not None or ignore_case:
            option = "--known-strength" if strength is not None else "--known-ignore-case"
            raise UsageError(
                f"{option}: says how patterns count, and there are none; give a file of them: --known FILE"
            )
        return {}
    if task != "tag":
        raise UsageError("--known: patterns are for spans, which a tagger finds; leave it out for other models")
    if strength is not None:
        check_strength(strength)
    return {"known": Patterns.load(file, ignore_case=ignore_case), "strength": strength}


class KnowingTagger:
    """A tagger that answers with what is known; in all else it is the tagger."""

    def __init__(self, tagger: Any, known: Mapping[str, Any]) -> None:
        self.tagger = tagger
        KnownRows(**known, tagset=tagger.tagset_, language=tagger.language)  # says now what it would say later
        for name in _ASKED:
            setattr(self, name, partial(getattr(tagger, name), **known))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tagger, name)
