"""What writes the answers of `seqtag predict`: the interface that tag_writers.py and class_writers.py fill."""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from seqtag.cli.prediction.requests import Input, Request

logger = logging.getLogger("seqtag")

_MOST_NAMED = 20  # of what is left out


class AnswerWriter(ABC):
    """Answers requests with one model, and turns the answers into lines of one form.

    `lines` needs nothing of other requests, so that it may run in another process; `add` is called for each of its
    lines, in order.
    """

    FORMS: ClassVar[tuple[str, ...]]
    is_binary: bool = False  # the lines, and what `head`, `add` and `foot` give, are bytes

    def __init__(self, model: Any, form: str, given: Input, *, attention: bool) -> None:
        """Take a model and one of FORMS; raises UsageError for options that do not go together."""
        self.model, self.form, self.given, self.attention = model, form, given, attention
        self.left_out: dict[str, None] = {}  # what requests held and the form has no place for, by name

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

    @abstractmethod
    def unheld(self, request: Request) -> Iterable[str]:
        """Name what a request holds beside what is labelled, and the form has no place for."""

    def observe(self, requests: Sequence[Request]) -> None:
        """Take note of requests that are about to be answered, here or in another process, for `close`."""
        for request in requests:
            self.left_out.update(dict.fromkeys(self.unheld(request)))

    def close(self) -> None:
        """Log a last message once all requests are answered."""
        if names := list(self.left_out):
            named = ", ".join(names[:_MOST_NAMED]) + (
                f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            )
            logger.warning("--format %s has no place for what the input holds besides, left out: %s", self.form, named)


def json_line(record: Mapping[str, Any]) -> str:
    """Write an object of JSON lines."""
    return json.dumps(record, ensure_ascii=False) + "\n"
