"""What an explanation is, for taggers and classifiers alike, and how it is shown. Knows no model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any

from seqtag.inference.explaining.occlusion import HIDDEN
from seqtag.reporting.sections import Paragraph, Section, Table
from seqtag.text.schemes import Span
from seqtag.text.tokenizer import Token

WITHOUT_TORCH = (
    "An export does not tell what the encoder and each feature of a word add to a score; with torch, "
    "seqtag.Tagger.load(...).explain does."
)

CERTAIN = "for certain"  # how a span was known

_MOST_NAMED = 4  # of each kind, in a sentence
_MILLION, _EQUAL = 1e6, 1.005
_LEAST = 0.005  # what is written with two digits as nothing is not named


@dataclass(frozen=True, slots=True)
class Share:
    """What one source adds to a part."""

    name: str  # encoder, bias, shift, or a column of features such as suffix3
    score: float
    token: int | None = None  # of a feature: the number of the token that has it
    value: str | None = None  # of a feature: what it is there, such as 'rin'


@dataclass(frozen=True, slots=True)
class Part:
    """A summand of the log odds: how much higher one score of the reading is than that of the next best one."""

    kind: str  # emission, transition or known; of a classifier encoder, lexical or prior
    score: float
    chosen: str  # the tag, the move between two tags, or the class
    instead: str  # the same in the next best reading
    token: int | None = None  # its number; of a move that of the second token, which the end of the sentence follows
    shares: tuple[Share, ...] = ()  # their sum is the score; empty where only an export is there


@dataclass(frozen=True, slots=True)
class Occlusion:
    """What the model thinks of the same reading where something of one word is hidden from it."""

    token: int
    hidden: str  # word: it is replaced by the unknown word; spelling: its characters and features are hidden
    log_odds: float
    probability: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a span, or a class of a text, was chosen: what speaks for it against the next best reading.

    `log_odds` is the natural logarithm of how many times as probable the best reading with it is as the best one
    without it; it is negative for what the model did not choose. The scores of `parts` add up to it.
    """

    span: Span  # its score is its exact probability; of a class it is the whole text
    instead: tuple[Span, ...] | None  # what stands there in the next best reading; None: there is no other reading
    log_odds: float  # inf where there is no other reading
    tokens: tuple[Token, ...]  # of the sentence
    parts: tuple[Part, ...]
    occlusions: tuple[Occlusion, ...]
    weights: tuple[float, ...] = ()  # of each token in a pooled vector, where a classifier attends to words
    note: str = ""  # what the explanation leaves out, and what to do about it
    known: str = ""  # how the span was known before the prediction: for certain, or with a strength

    @property
    def probability(self) -> float:
        """The exact probability of the span or class."""
        assert self.span.score is not None
        return self.span.score

    @property
    def reading(self) -> str:
        """The next best reading in words, such as 'LOC instead of PER' or 'outside'."""
        if self.instead is None:
            return "nothing else is possible"
        if not self.instead:
            return "outside" if self.span.text is not None else f"without {self.span.label}"
        (first, *more) = self.instead
        if not more and (first.start, first.end) == (self.span.start, self.span.end):
            return f"{first.label} instead of {self.span.label}"
        return " and ".join(map(_named, self.instead))

    def changes(self) -> list[tuple[Occlusion, float]]:
        """Give each occlusion with what it adds to the log odds; none where these are infinite."""
        if not isfinite(self.log_odds):
            return []
        return [(one, one.log_odds - self.log_odds) for one in self.occlusions if isfinite(one.log_odds)]

    def lines(self) -> list[str]:
        """Say it in a few plain sentences."""
        lines = [f"{_named(self.span)}: probability {self.probability:.3f}. {self._verdict()}"]
        for what, kinds in (
            ("Scores", ("emission", "encoder", "lexical", "prior")),
            ("Moves", ("transition",)),
            ("Known spans", ("known",)),
        ):
            parts = [part for part in self.parts if part.kind in kinds]
            if parts:
                total = sum(part.score for part in parts)
                named = _most((self._of_part(part), part.score) for part in parts)
                lines.append(f"{what} {total:+.2f}: {named}.")
        shares = [(part, share) for part in self.parts for share in part.shares]
        if shares:
            sources: dict[str, float] = {}
            for part, share in shares:
                source = share.name
                if share.value is not None:
                    source = "features of the words" if share.token == part.token else "features of their neighbours"
                sources[source] = sources.get(source, 0.0) + share.score
            lines.append(f"Scores by source: {_most(sources.items())}.")
            features = [(self._of_share(part, share), share.score) for part, share in shares if share.value is not None]
            if features:
                lines.append(f"Of the features: {_most(features)}.")
        for what, words in HIDDEN.items():
            changes = [(self._text(one.token), change) for one, change in self.changes() if one.hidden == what]
            if what == "lists":  # most words stand in none of their phrases
                changes = [(word, change) for word, change in changes if abs(change) >= _LEAST]
            if changes:
                lines.append(f"Log odds {words}: {_most(changes, are_added=False)}.")
        return [*lines, self.note] if self.note else lines

    def __str__(self) -> str:
        """Say it in a few plain sentences, a line for each."""
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        from seqtag.reporting.notebook import render_notebook

        return render_notebook(self.sections())

    def sections(self) -> tuple[Section, ...]:
        """Give the sentences, the parts and what hidden words change, for a page or a notebook."""
        blocks: list[Paragraph | Table] = [Paragraph((*self.lines(),))]
        if self.parts:
            rows = (
                (
                    self._where(part),
                    part.kind,
                    part.chosen,
                    part.instead,
                    _most((self._of_share(part, share), share.score) for share in part.shares),
                    f"{part.score:+.3f}",
                )
                for part in self.parts
            )
            header = ("where", "score", "here", "next best", "most of it", "log odds")
            caption = "What speaks for it: the parts add up to the log odds"
            blocks.append(Table(header, tuple(rows), caption, text_columns=5))
        kinds = self._kinds()
        if kinds:
            names = ("word", *(name for what in kinds for name in (f"{HIDDEN[what]}\nlog odds", "probability")))
            blocks.append(Table(names, tuple(self._hidden_rows()), "What becomes of it where something is hidden"))
        return (Section(f"Why {_named(self.span)}", tuple(blocks)),)

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; what is infinite is null."""
        changes = {id(one): change for one, change in self.changes()}
        return {
            "span": self.span.to_dict(),
            "probability": self.probability,
            "log_odds": _finite(self.log_odds),
            "reading": self.reading,
            "instead": None if self.instead is None else [span.to_dict() for span in self.instead],
            "summary": self.lines(),
            "tokens": [{"text": token.text, "start": token.start, "end": token.end} for token in self.tokens],
            "parts": [
                {
                    "kind": part.kind,
                    "token": part.token,
                    "chosen": part.chosen,
                    "instead": part.instead,
                    "score": part.score,
                    "shares": [
                        {"name": share.name, "token": share.token, "value": share.value, "score": share.score}
                        for share in part.shares
                    ],
                }
                for part in self.parts
            ],
            "occlusions": [
                {
                    "token": one.token,
                    "hidden": one.hidden,
                    "log_odds": _finite(one.log_odds),
                    "change": changes.get(id(one)),
                    "probability": one.probability,
                }
                for one in self.occlusions
            ],
            "weights": list(self.weights),
            "note": self.note,
            "known": self.known,
        }

    def _verdict(self) -> str:
        if not isfinite(self.log_odds):
            return f"{self._was_known()}No other reading is possible."
        times = exp(min(abs(self.log_odds), 700.0))
        ratio = "more than a million times" if times > _MILLION else f"{times:.3g} times"
        ratio += " less" if self.log_odds > 0 else " more"
        if times < _EQUAL:
            ratio = "as"
        odds = f"is {ratio} probable (log odds {self.log_odds:.2f})"
        return f"{self._was_known()}The next best reading, {self.reading}, {odds}."

    def _was_known(self) -> str:
        return f"It was known before the prediction, {self.known}. " if self.known else ""

    def _text(self, token: int) -> str:
        return repr(self.tokens[token].text)

    def _where(self, part: Part) -> str:
        if part.token is None:
            return "the text"
        if part.token == len(self.tokens):
            return "the end"
        return self.tokens[part.token].text

    def _of_part(self, part: Part) -> str:
        if part.kind == "transition":
            return f"{part.chosen} rather than {part.instead}"
        if part.kind == "known" and part.token is not None:
            return f"{part.chosen or part.instead} at {self._text(part.token)}"
        return part.kind if part.token is None else f"{self._text(part.token)} as {part.chosen}"

    def _of_share(self, part: Part, share: Share) -> str:
        if share.value is None:
            return share.name if part.token is None else f"{share.name} at {self._text(part.token)}"
        assert part.token is not None
        assert share.token is not None
        feature, place = f"{share.name} {share.value!r}", share.token - part.token
        return feature if not place else f"{feature} {'before' if place < 0 else 'after'} {self._text(part.token)}"

    def _kinds(self) -> list[str]:
        return [what for what in HIDDEN if any(one.hidden == what for one in self.occlusions)]

    def _hidden_rows(self) -> Iterable[tuple[str, ...]]:
        by_token: dict[int, dict[str, Occlusion]] = {}
        for one in self.occlusions:
            by_token.setdefault(one.token, {})[one.hidden] = one
        changes = {id(one): change for one, change in self.changes()}
        for token, found in by_token.items():
            cells = []
            for what in self._kinds():
                change = changes.get(id(found.get(what)))
                cells.append("" if change is None else f"{change:+.2f}")
                cells.append(f"{found[what].probability:.3f}" if what in found else "")
            yield (self.tokens[token].text, *cells)


class Explanations(list[Explanation]):
    """The explanations of the spans of a sentence or text, or of the classes of a text."""

    def __str__(self) -> str:
        """Say all of them, with a blank line between."""
        return "\n\n".join(map(str, self)) or "Nothing was found, so there is nothing to explain."

    def _repr_html_(self) -> str:
        from seqtag.reporting.notebook import render_notebook

        return render_notebook(self.sections())

    def sections(self) -> tuple[Section, ...]:
        """Give the sections of all of them, for a page or a notebook."""
        if not self:
            return (Section("Why", (Paragraph((str(self),)),)),)
        return tuple(section for one in self for section in one.sections())

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {"explanations": [one.to_dict() for one in self]}


def _named(span: Span) -> str:
    return span.label if span.text is None else f"{span.label} {span.text!r}"


def _most(named: Iterable[tuple[str, float]], *, are_added: bool = True) -> str:
    """Name the scores that count most, the largest first, and the sum of the others where a sum means something.

    >>> _most([("a", 1.0), ("b", -2.0)]), _most([(name, 0.5) for name in "abcdef"])
    ('b -2.00, a +1.00', 'a +0.50, b +0.50, c +0.50, d +0.50, and 2 more that add +1.00')
    """
    ordered = sorted(named, key=lambda pair: -abs(pair[1]))
    scores = [pair for pair in ordered if abs(pair[1]) >= _LEAST] or ordered[:1]
    shown = ", ".join(f"{name} {score:+.2f}" for name, score in scores[:_MOST_NAMED])
    left = len(scores) - _MOST_NAMED
    if left <= 0:
        return shown
    if not are_added:
        return f"{shown}, and less for {left} more"
    return f"{shown}, and {left} more that add {sum(score for _, score in scores[_MOST_NAMED:]):+.2f}"


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def offsets(tokens: Sequence[Token], start: int, end: int) -> tuple[int, int]:
    """Turn the numbers of tokens into the places that a user counts in.

    >>> offsets([Token("Ada", 0, 3), Token("met", 5, 8)], 1, 2)
    (5, 8)
    """
    return tokens[start].start, tokens[end - 1].end


def placed(tokens: Sequence[Token], span: Span, text: str | None) -> Span:
    """Move a span from the numbers of tokens to the places that a user counts in, with its words."""
    start, end = offsets(tokens, span.start, span.end)
    words = text[start:end] if text is not None else " ".join(token.text for token in tokens[span.start : span.end])
    return Span(start, end, span.label, words, span.score)


def by_name(scores: Mapping[str, float]) -> tuple[Share, ...]:
    """Make shares of scores that belong to no feature."""
    return tuple(Share(name, float(score)) for name, score in scores.items())
