"""What reports of taggers and classifiers share: their forms, files, the source."""

import json
from dataclasses import replace

import pytest

from seqtag.errors import UsageError
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.report import Report
from seqtag.evaluation.tagging.evaluation import evaluate_tags

REPORTS = {
    "tags": evaluate_tags([["B-PER", "O"]], [["I-PER", "O"]], scheme="IOB2"),
    "labels": evaluate_labels(["a", "b"], ["a", "a"], labels=["a", "b"]),
}


@pytest.fixture(params=REPORTS)
def report(request) -> Report:
    return REPORTS[request.param]


def test_a_report_by_itself_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Report()  # type: ignore[abstract]


def test_the_source_may_be_named_later(report):
    named = replace(report, source="news/tést.conll")
    assert isinstance(named, type(report))
    assert named != report == replace(named, source="")
    assert str(named) == f"news/tést.conll\n\n{report}"
    assert named.to_markdown() == f"# news/tést.conll\n\n{report.to_markdown()}"
    assert named.to_dict() == {**report.to_dict(), "source": "news/tést.conll"}


def test_save_follows_the_ending(report, tmp_path):
    report.save(str(tmp_path / "report.md"))
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == report.to_markdown()
    report.save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report.to_dict()
    report.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report.to_html()
    with pytest.raises(UsageError, match=r"report\.pdf: a report has no form '\.pdf'; .* \.json, \.md, \.html"):
        report.save(tmp_path / "report.pdf")
    with pytest.raises(UsageError, match=r"absent/report\.md: can't be written \(No such file or directory\)"):
        report.save(tmp_path / "absent" / "report.md")
