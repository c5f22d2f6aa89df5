"""Evaluate predicted tags against gold, and show the result: terminal, JSON, Markdown.

The last station of the flow. The counting is done in metrics.py; charts, intervals and kinds of error are left out.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size

from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.metrics import LabelScore, Scores, score_spans, score_tokens, token_accuracy
from seqtag.text.schemes import check_scheme, illegal_positions, spans_from_tags, tag_fits

_REPAIRS = ("conlleval", "strict")
_LABEL_WIDTHS = (16, 22)  # terminal cells; two readings side by side then take 76 columns, with the support


@dataclass(frozen=True, slots=True)
class Report:
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
    source: str = ""  # what was evaluated, for a heading

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
        readings = self._readings()
        rows = self._rows()
        longest = max(cell_len(row[0]) for row in rows)
        label_width = min(max(longest, _LABEL_WIDTHS[0]), _LABEL_WIDTHS[1] if len(readings) > 1 else 40)
        lines = [self._counts(), ""]
        if self.source:  # of a long path the end says most
            lines.insert(0, self.source if len(self.source) <= 80 else "…" + self.source[-79:])
        if len(readings) > 1:
            lines.append(" " * label_width + "".join(name.center(24) for name, _ in readings).rstrip())
        header = "".join(f"{name:>8}" for name in ["P", "R", "F1"] * len(readings) + ["support"])
        lines.append(" " * label_width + header)
        for label, *cells in rows:
            shown = label if cell_len(label) <= label_width else set_cell_size(label, label_width - 1) + "…"
            lines.append(set_cell_size(shown, label_width) + "".join(f"{cell:>8}" for cell in cells))
        return "\n".join([*lines, "", f"token accuracy {_percent(self.accuracy)}"])

    def to_markdown(self) -> str:
        """Give the table of `print` as Markdown."""
        names = [
            f"{name} {figure}".strip()
            for name, _ in (self._readings() if self.scheme != "plain" else [("", None)])
            for figure in ("P", "R", "F1")
        ]
        rows = [[row[0].replace("\\", "\\\\").replace("|", "\\|"), *row[1:]] for row in self._rows()]
        table = [["label", *names, "support"], ["---", *["---:"] * (len(names) + 1)], *rows]
        lines = ["| " + " | ".join(row) + " |" for row in table]
        heading = f"{self.source}: {self._counts()}" if self.source else self._counts()
        return "\n".join([heading, "", *lines, "", f"Token accuracy: {_percent(self.accuracy)}", ""])

    def save(self, path: str | Path) -> None:
        """Write the report in the form that the file's ending names: .json or .md; UsageError for another."""
        path = Path(path)
        if path.suffix == ".json":
            text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        elif path.suffix == ".md":
            text = self.to_markdown()
        else:
            raise UsageError(f"{path}: a report has no form {path.suffix!r}; name a file that ends in .json or .md")
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path}: can't be written ({error.strerror or error}); name a file in a folder that is there"
            ) from error

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
            rows.append([label, *_figures(found), str(found[-1].support if found[-1] else 0)])
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
) -> Report:
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
    return Report(
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
        _percent(figure)
        for scores in readings
        for figure in ((scores.precision, scores.recall, scores.f1) if scores else (None, None, None))
    ]


def _percent(figure: float | None) -> str:
    return "-" if figure is None else f"{100 * figure:.2f}"
