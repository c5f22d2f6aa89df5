"""What reports of taggers and classifiers share: their forms, files, the source."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from seqtag.errors import UsageError
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.glossary import CLASSIFYING, TAGGING
from seqtag.evaluation.report import Report
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.version import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
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


def test_every_form_opens_with_the_answer_the_model_the_date_and_the_version(report):
    named = replace(report, source="news.conll", model="models/ner", date="2001-02-03")
    first = named.headlines[0]
    figure = f"{100 * first.value:.2f}"
    interval = f"95% interval {100 * first.low:.1f}-{100 * first.high:.1f}"
    assert str(named).split("\n")[:6] == [
        "news.conll",
        "",
        "In short",
        f"{first.name} {figure} ({interval})",
        "model models/ner",
        f"2001-02-03, seqtag {__version__}",
    ]
    assert named.to_markdown().split("\n")[:7] == [
        "# news.conll",
        "",
        "## In short",
        "",
        f"**{first.name} {figure}** ({interval})",
        "",
        f"model models/ner, 2001-02-03, seqtag {__version__}",
    ]
    page = named.to_html()
    for words in (f"<b>{figure}</b>", interval, "model models/ner", f"2001-02-03, seqtag {__version__}"):
        assert words in page
    assert page.index('class="verdict"') < page.index("<svg") < page.index("<table")
    assert [named.to_dict()[key] for key in ("model", "date", "seqtag_version")] == [
        *("models/ner", "2001-02-03", __version__),
    ]
    assert report.date == date.today().isoformat()


def test_the_page_explains_the_words_of_the_report_and_leaves_those_of_the_data_alone():
    page = evaluate_tags([["B-shifted"] * 2], [["B-shifted", "O"]], scheme="IOB2", tokens=[["surface", "a"]]).to_html()
    assert ">missed</abbr>" in page
    assert ">repair conlleval</abbr>" in page
    assert '<span class="kind" title="Gold has a span where nothing is predicted.">missed</span>' in page
    assert page.count(">shifted</abbr>") == 0
    assert page.count(">surface</abbr>") == 0
    assert "“shifted”" in page


def test_the_guide_explains_the_same_words():
    guide = (REPOSITORY / "docs" / "guide" / "reports.md").read_text(encoding="utf-8")
    assert [word for word in CLASSIFYING if f"| {word} | " not in guide] == []
    assert [word for word, meaning in TAGGING.items() if f"| {word} | {meaning} |\n" not in guide] == []


def test_right_sentences_stand_between_the_wrong_ones():
    gold = [["B-A"]] * 6
    report = evaluate_tags(gold, [["O"], ["B-A"]] * 3, scheme="IOB2", tokens=[["x"]] * 6)
    (examples,) = report.sections()[-1].blocks
    assert [example.kinds for example in examples.items] == [("missed",), ("right",)] * 3
    assert examples.kinds == (("missed", 3), ("right", 3))
    assert examples.caption == "3 sentences with errors; 3 without an error beside them"


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
