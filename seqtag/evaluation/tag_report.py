"""Evaluate predicted tags against gold: the report of a tagger.

The counting is done in metrics.py, the laying of tables in report.py; intervals and kinds of error are left out.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.metrics import LabelScore, Scores, score_spans, score_tokens, token_accuracy
from seqtag.evaluation.report import Report, lay_table, markdown_table, percent, printable
from seqtag.text.schemes import check_scheme, illegal_positions, spans_from_tags, tag_fits

_REPAIRS = ("conlleval", "strict")


@dataclass(frozen=True, slots=True)
class TagReport(Report):
    """How predicted tags compare with gold; all figures lie between 0 and 1, and `print` shows them in percent.

    Under an entity scheme `strict` and `conlleval` are the two readings, micro-averaged over entities. Under 'plain'
    both hold the same: tags scored one token at a time, macro-averaged.
    """

    scheme: str
    num_sentences: int
    num_tokens: int
    num_gold: int  # spans by the conlleval reading; tokens under 'plain'
    num_predicted: int
    accuracy: float  # over tokens, O included
    strict: Scores
    conlleval: Scores

    @property
    def precision(self) -> float:
        """Strict precision; the macro average under 'plain'."""
        return self.strict.precision

    @property
    def recall(self) -> float:
        """Strict recall; the macro average under 'plain'."""
        return self.strict.recall

    @property
    def f1(self) -> float:
        """Strict F1; the macro average under 'plain'."""
        return self.strict.f1

    @property
    def score(self) -> float:
        """The figure to compare models by: strict F1, or token accuracy under 'plain'."""
        return self.accuracy if self.scheme == "plain" else self.strict.f1

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values; keys stay as they are from release to release.

        `scheme`, `source`, `num_sentences`, `num_tokens`, `num_gold`, `num_predicted`, `accuracy`, `score`,
        `precision`, `recall`, `f1`, and `strict` and `conlleval`, each with `precision`, `recall`, `f1` and `labels`:
        a list of `label`, `precision`, `recall`, `f1`, `support`.
        """
        head = {
            name: getattr(self, name)
            for name in ("scheme", "source", "num_sentences", "num_tokens", "num_gold", "num_predicted")
        }
        figures = {name: getattr(self, name) for name in ("accuracy", "score", "precision", "recall", "f1")}
        readings = {name: asdict(getattr(self, name)) for name in ("strict", "conlleval")}
        for reading in readings.values():
            reading["labels"] = list(reading["labels"])
        return {**head, **figures, **readings}

    def __str__(self) -> str:
        """Show a table that fits 80 columns."""
        readings = [name for name, _ in self._readings()]
        header = ["", *["P", "R", "F1"] * len(readings), "support"]
        table = lay_table(header, self._rows(), titles=readings if len(readings) > 1 else ())
        return self._text([self._counts()], table, [f"token accuracy {percent(self.accuracy)}"])

    def to_markdown(self) -> str:
        """Give the table of `print` as Markdown."""
        readings = [f"{name} " if self.scheme != "plain" else "" for name, _ in self._readings()]
        header = ["label", *(name + figure for name in readings for figure in ("P", "R", "F1")), "support"]
        table = markdown_table(header, self._rows())
        return self._markdown(self._counts(), table, [f"Token accuracy: {percent(self.accuracy)}"])

    def _readings(self) -> list[tuple[str, Scores]]:
        if self.scheme == "plain":
            return [("tags", self.strict)]
        return [("strict", self.strict), ("conlleval", self.conlleval)]

    def _rows(self) -> list[list[str]]:
        """Give a row for each label and one for the average: a name, three figures a reading, the support."""
        readings = [scores for _, scores in self._readings()]
        by_label = [{row.label: row for row in scores.labels} for scores in readings]
        rows = []
        for label in sorted({label for scores in by_label for label in scores}):
            found = [scores.get(label) for scores in by_label]
            # conlleval's support: the strict reading loses gold spans where gold breaks its scheme
            rows.append([printable(label), *_figures(found), str(found[-1].support if found[-1] else 0)])
        average = "macro average" if self.scheme == "plain" else "micro average"
        return [*rows, [average, *_figures(readings), str(self.num_gold)]]

    def _counts(self) -> str:
        counts = f"{self.num_sentences:,} sentences, {self.num_tokens:,} tokens"
        if self.scheme == "plain":
            return counts
        return f"{counts}, {self.num_gold:,} spans, {self.num_predicted:,} predicted, {self.scheme}"


def evaluate_tags(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    scheme: str,
    repair: str = "conlleval",
    source: str = "",
) -> TagReport:
    """Compare predicted tags with gold, sentence by sentence; `scheme` is that of both.

    Tags that break their scheme count as they stand: conlleval's reading is lenient, the strict one passes them over.
    `repair="strict"` refuses them. `source` names the data in messages and in the heading. Raises DataError, with the
    sentence's number from 1, for unequal lengths and for a tag that the scheme has not.

    >>> report = evaluate_tags([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]], scheme="IOB2")
    >>> report.precision, report.recall, report.num_predicted
    (0.5, 1.0, 2)
    """
    check_scheme(scheme)
    if repair not in _REPAIRS:
        raise UsageError(f"unknown repair {repair!r}; {near_miss(str(repair), _REPAIRS)}")
    where = f"{source}: " if source else ""
    _check(gold, predicted, scheme=scheme, where=where, strict=repair == "strict")
    if scheme == "plain":
        strict = conlleval = score_tokens(gold, predicted)
    else:
        strict, conlleval = score_spans(gold, predicted, scheme=scheme)
    return TagReport(
        scheme=scheme,
        num_sentences=len(gold),
        num_tokens=sum(map(len, gold)),
        num_gold=sum(len(spans_from_tags(tags, scheme)) for tags in gold),
        num_predicted=sum(len(spans_from_tags(tags, scheme)) for tags in predicted),
        accuracy=token_accuracy(gold, predicted),
        strict=strict,
        conlleval=conlleval,
        source=source,
    )


def _check(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, scheme: str, where: str, strict: bool
) -> None:
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        if isinstance(corpus, str) or any(isinstance(tags, str) for tags in corpus):
            raise UsageError(f"{where}{name} holds strings where lists of tags are meant; pass [['B-PER', 'O'], ...]")
    if len(gold) != len(predicted):
        raise DataError(f"{where}{len(gold)} gold sentences but {len(predicted)} predicted; pair them one to one")
    if len(gold) == 0:
        raise DataError(f"{where}no sentences to score; pass at least one")
    known: dict[str, bool] = {}
    for number, pair in enumerate(zip(gold, predicted), 1):
        if len(pair[0]) != len(pair[1]):
            raise DataError(
                f"{where}sentence {number} has {len(pair[0])} gold tags but {len(pair[1])} predicted; "
                "each token needs one of each, so both sides must be cut into the same tokens"
            )
        for name, tags in zip(("gold", "predicted"), pair):
            for tag in tags:
                if tag not in known:
                    if not isinstance(tag, str):
                        raise UsageError(
                            f"{where}sentence {number}: {name} tag {tag!r} is no string; pass names, not ids"
                        )
                    known[tag] = tag_fits(tag, scheme)
                if not known[tag]:
                    raise DataError(
                        f"{where}sentence {number}: {name} tag {tag!r} has no place in scheme {scheme}; "
                        "convert one side with convert_tags, or name another scheme"
                    )
            illegal = illegal_positions(tags, scheme) if strict else []
            if illegal:
                raise DataError(
                    f"{where}sentence {number}: {name} tag {tags[illegal[0]]!r} at token {illegal[0] + 1} breaks "
                    f"scheme {scheme}; mend it, or pass repair='conlleval'"
                )


def _figures(readings: Sequence[Scores | LabelScore | None]) -> list[str]:
    """Give precision, recall and F1 of each reading in percent; a reading that has not met the label shows dashes."""
    return [
        percent(figure)
        for scores in readings
        for figure in ((scores.precision, scores.recall, scores.f1) if scores else (None, None, None))
    ]
