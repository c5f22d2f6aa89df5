"""The spans of a text as users get them: a list that a notebook shows as the text with its spans in colour."""

from collections.abc import Iterable

from seqtag.text.schemes import Span


class TextSpans(list[Span]):
    """A list of spans that knows their text.

    >>> TextSpans([Span(0, 3, "PER")], "Ada met Bo") == [Span(0, 3, "PER")]
    True
    """

    def __init__(self, spans: Iterable[Span] = (), text: str = "") -> None:
        super().__init__(spans)
        self.text = text

    def _repr_html_(self) -> str:
        from seqtag.reporting.notebook import marked_text
        from seqtag.reporting.sections import Mark

        return marked_text(self.text, [Mark(each.start, each.end, each.label, score=each.score) for each in self])


class SpansOfTexts(list[list[Span]]):
    """The lists of spans of several texts."""

    def _repr_html_(self) -> str:
        return "".join(spans._repr_html_() for spans in self if isinstance(spans, TextSpans))
