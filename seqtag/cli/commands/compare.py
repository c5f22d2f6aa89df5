"""`seqtag compare`: report files side by side, each beside the best."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.cli.sources import open_output
from seqtag.corpora.lines import open_bytes
from seqtag.errors import DataError, UsageError

if TYPE_CHECKING:
    from seqtag.evaluation.statistics.measurement import Measurement

TITLE = "Systems compared"


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What a report file has for a comparison."""

    source: str
    score: float
    measurement: "Measurement"


def compare(paths: Sequence[str], *, resamples: int, seed: int, files: Mapping[str, str | None]) -> None:
    """Print reports in order, two of them also beside each other; `files` has a path for each form, by its ending."""
    from seqtag.evaluation.statistics.comparison import compare as compare_two
    from seqtag.evaluation.statistics.comparison import distinct_names
    from seqtag.evaluation.statistics.ranking import rank
    from seqtag.reporting.figures import write_json
    from seqtag.reporting.markdown import render_markdown
    from seqtag.reporting.terminal import render_text

    _check_paths(paths)
    stored = [read_report(path) for path in paths]
    names = distinct_names([Path(path).stem for path in paths], [report.source for report in stored], paths)
    reports = [replace(report, source=name) for report, name in zip(stored, names)]
    ranking = rank(reports, resamples=resamples, seed=seed)
    sections, found = ranking.sections(), {"ranking": ranking.to_dict()}
    if len(reports) == 2:
        pair = compare_two(reports[0], reports[1], resamples=resamples, seed=seed)
        # the differences by label of a pair say what the table side by side would
        sections, found = (sections[0], *pair.sections()), found | {"comparison": pair.to_dict()}
    if files[".json"] != "-":
        print(render_text(sections))
    for ending, path in files.items():
        if path is None:
            continue
        if ending == ".json":
            text = write_json(found) + "\n"
        elif ending == ".html":
            from seqtag.reporting.html import render_html

            text = render_html(TITLE, sections)
        else:
            text = render_markdown(sections, heading=TITLE)
        with open_output(path, sys.stdout) as output:
            output.write(text)


def read_report(path: str) -> StoredReport:
    """Read what a comparison needs off a report file; DataError, by file, for what is no report of this release."""
    from seqtag.evaluation.statistics.measurement import Measurement

    advice = "give a file that `seqtag evaluate` or `seqtag score` wrote with --json"
    with open_bytes(path) as handle:
        content = handle.read()
    try:
        stored: Any = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not JSON: byte {error.start + 1} is not UTF-8; {advice}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg}; {advice}") from None
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


def _check_paths(paths: Sequence[str]) -> None:
    if len(paths) < 2:
        raise UsageError(f"{paths[0]}: one report alone can't be compared; name two or more")
    places = [Path(path).resolve() for path in paths]
    for number, path in enumerate(paths):
        if places[number] in places[:number]:
            raise UsageError(f"{path}: this file is named twice; compare files of two or more systems")
