"""What writes the answers of `seqtag predict`: the interface that tag_writers.py and class_writers.py fill."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from seqtag.cli.prediction.requests import Input, Request


class AnswerWriter(ABC):
    """Answers requests with one model, and turns the answers into lines of one form.

    `lines` needs nothing of other requests, so that it may run in another process; `add` is called for each of its
    lines, in order.
    """

    FORMS: ClassVar[tuple[str, ...]]
    model: Any  # what answers
    is_binary: bool = False  # the lines, and what `head`, `add` and `foot` give, are bytes

    @abstractmethod
    def __init__(self, model: Any, form: str, given: Input, *, attention: bool) -> None:
        """Take a model and one of FORMS; raises UsageError for options that do not go together."""

    def head(self) -> Any:
        """Give the text that stands before all answers."""
        return ""

    @abstractmethod
    def lines(self, requests: Sequence[Request]) -> Iterator[Any]:
        """Answer some requests, in order."""

    def add(self, line: Any) -> Any:
        """Give what a line adds to the output, which may depend on the lines before it."""
        return line

    def foot(self) -> Any:
        """Give the text that stands behind all answers."""
        return ""

    def observe(self, requests: Sequence[Request]) -> None:  # noqa: B027 - a writer need not keep count of anything
        """Take note of requests that are about to be answered, here or in another process, for `close`."""

    def close(self) -> None:  # noqa: B027 - a writer need not have a last word
        """Log a last message once all requests are answered."""


def json_line(record: Mapping[str, Any]) -> str:
    """Write an object of JSON lines."""
    return json.dumps(record, ensure_ascii=False) + "\n"
