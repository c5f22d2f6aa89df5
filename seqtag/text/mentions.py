"""Replace mentions in training sentences by other mentions of the same label, so that a model sees names in new places.

The idea is that of Dai and Adel (2020), https://aclanthology.org/2020.coling-main.343/. Knows strings and schemes, and
neither which sentences are read when nor where chance comes from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seqtag.text.schemes import UNKNOWN_TAG, Span, open_spans, spans_from_tags, tags_from_spans


@dataclass(frozen=True, slots=True, eq=False)
class Mentions:
    """The distinct mentions of each label, as tuples of tokens with their case; under plain tags each word is one."""

    by_label: dict[str, tuple[tuple[str, ...], ...]]
    scheme: str

    @classmethod
    def of(cls, sentences: Iterable[tuple[Sequence[str], Sequence[str]]], scheme: str) -> "Mentions":
        """Collect the mentions of sentences with legal tags; one that may go on in an unknown tag is left out.

        >>> Mentions.of([(["Ada", "met", "Marie", "Curie"], ["B-PER", "O", "B-PER", "I-PER"])], "IOB2").by_label
        {'PER': (('Ada',), ('Marie', 'Curie'))}
        """
        found: dict[str, dict[tuple[str, ...], None]] = {}
        for tokens, tags in sentences:
            for span in _whole_spans(tags, scheme):
                found.setdefault(span.label, {})[tuple(tokens[span.start : span.end])] = None
        return cls({label: tuple(mentions) for label, mentions in found.items()}, scheme)

    def replaced(
        self, tokens: Sequence[str], tags: Sequence[str], *, share: float, random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        """Replace each mention of a sentence with the probability `share`; give its tokens and tags.

        All mentions of a label are equally likely, however often they occur. The first word of a sentence keeps its
        capital letter.

        >>> mentions = Mentions.of([(["los", "angeles"], ["B-LOC", "I-LOC"])], "IOB2")
        >>> mentions.replaced(["Rome", "burns"], ["B-LOC", "O"], share=1.0, random=np.random.default_rng(0))
        (['Los', 'angeles', 'burns'], ['B-LOC', 'I-LOC', 'O'])
        """
        new_tokens: list[str] = []
        new_tags: list[str] = []
        done = 0
        for span in _whole_spans(tags, self.scheme):
            if random.random() >= share:
                continue
            mentions = self.by_label[span.label]
            words = list(mentions[random.integers(len(mentions))])
            if span.start == 0 and tokens[0][:1].isupper():
                words[0] = words[0][:1].upper() + words[0][1:]
            written = tags_from_spans([Span(0, len(words), span.label)], len(words), self.scheme)
            if self.scheme == "IOB1":
                written[0] = tags[span.start]  # B where another span of the label ends before it, else I
            new_tokens += [*tokens[done : span.start], *words]
            new_tags += [*tags[done : span.start], *written]
            done = span.end
        return [*new_tokens, *tokens[done:]], [*new_tags, *tags[done:]]


def _whole_spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Read the spans of which both ends are known."""
    spans = [span for span in spans_from_tags(tags, scheme) if span.label != UNKNOWN_TAG]
    if UNKNOWN_TAG not in tags:
        return spans
    unfinished = open_spans(tags, scheme)
    return [span for span in spans if span not in unfinished]
