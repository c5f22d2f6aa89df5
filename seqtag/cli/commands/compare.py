"""`seqtag compare`: report files side by side, each compared with the best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import HtmlFile, JsonFile, MarkdownFile
from seqtag.cli.output import check_files, show
from seqtag.cli.process import command
from seqtag.errors import DataError, UsageError
from seqtag.reporting.document import Document
from seqtag.reporting.markdown import render_markdown

if TYPE_CHECKING:
    from seqtag.evaluation.statistics.measurement import Measurement
    from seqtag.reporting.sections import Section

EXAMPLES = (
    "seqtag compare lstm.json gru.json",
    "seqtag compare runs/*.json --html runs.html",
)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """The part of a report file that a comparison needs."""

    source: str
    score: float
    measurement: "Measurement"


class Comparison(Document):
    """What the command says of its reports."""

    page_title = "Systems compared"

    def __init__(self, sections: "tuple[Section, ...]", values: dict[str, Any]) -> None:
        self._sections, self._values = sections, values

    def sections(self) -> "tuple[Section, ...]":
        """Give the ranking, and for two reports their differences."""
        return self._sections

    def to_dict(self) -> dict[str, Any]:
        """Give `ranking` and, for two reports, `comparison`, as their own `to_dict` do."""
        return self._values

    def to_markdown(self) -> str:
        """Give all tables as Markdown, below a title."""
        return render_markdown(self.sections(), heading=self.page_title)


@command
def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="A.json B.json ...",
            help="Two or more reports on the same data, as `seqtag evaluate` and `seqtag score` write them with "
            "--json.",
        ),
    ],
    resamples: Annotated[
        int, typer.Option(metavar="N", help="How many samples are drawn for the intervals and for the p-values.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed gives the same figures.")] = 0,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
) -> None:
    """Set reports side by side, best first: differences with intervals, and whether chance alone would give as much."""
    from seqtag.evaluation.statistics.comparison import compare as compare_two
    from seqtag.evaluation.statistics.comparison import distinct_names
    from seqtag.evaluation.statistics.ranking import rank

    outputs = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    check_paths(files)
    stored = [read_report(path) for path in files]
    names = distinct_names([Path(path).stem for path in files], [report.source for report in stored], files)
    reports = [replace(report, source=name) for report, name in zip(stored, names)]
    ranking = rank(reports, resamples=resamples, seed=seed)
    sections, values = ranking.sections(), {"ranking": ranking.to_dict()}
    if len(reports) == 2:
        pair = compare_two(reports[0], reports[1], resamples=resamples, seed=seed)
        # The differences by label of a pair say what the table of the ranking would say by label.
        sections, values = (*pair.sections(), sections[0]), values | {"comparison": pair.to_dict()}
    show(Comparison(sections, values), outputs)


def read_report(path: str) -> StoredReport:
    """Read the part of a report file that a comparison needs; DataError if it is not a report of this release."""
    from seqtag.corpora.json_text import parse_json
    from seqtag.corpora.lines import open_bytes
    from seqtag.evaluation.statistics.measurement import Measurement

    advice = "give a file that `seqtag evaluate` or `seqtag score` wrote with --json"
    with open_bytes(path) as handle:
        content = handle.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not JSON: byte {error.start + 1} is not UTF-8; {advice}") from None
    stored: Any = parse_json(text, path, advice=advice)
    score = stored.get("score") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or not isinstance(score, float | int):
        raise DataError(f"{path}: JSON, but no report of a model or a system; {advice}")
    if "measurement" not in stored:
        raise DataError(
            f"{path}: a report of an older release, without the counts that a comparison draws from; evaluate or score "
            "again, with --json"
        )
    return StoredReport(
        str(stored.get("source") or ""), score, Measurement.from_dict(stored["measurement"], where=path)
    )


def check_paths(paths: Sequence[str]) -> None:
    """Raise UsageError for a single file, and for one that is named twice."""
    if len(paths) < 2:
        raise UsageError(f"{paths[0]}: one report alone can't be compared; name two or more")
    places = [Path(path).resolve() for path in paths]
    for number, path in enumerate(paths):
        if places[number] in places[:number]:
            raise UsageError(f"{path}: this file is named twice; compare files of two or more systems")
