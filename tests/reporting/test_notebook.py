"""What a notebook shows: one piece of HTML that holds no script and changes nothing else, with all text escaped."""

import re
from html.parser import HTMLParser

import pytest
from tiny import LABELS, TAGS, TEXTS, TOKENS

from seqtag import check_corpus, compare
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.reporting.notebook import marked_text, render_notebook
from seqtag.reporting.sections import Mark, Paragraph, Section, Table

HOSTILE = "<script>alert(1)</script>&\"'\u202e"


class Reader(HTMLParser):
    """Collects the elements, their attributes and the text, and checks that each element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def is_harmless(html: str) -> bool:
    """Say whether it has no script, link, style sheet, id or class, and can be written as UTF-8."""
    found = Reader(html)
    html.encode("utf-8")
    allowed = {
        "div",
        "p",
        "br",
        "h3",
        "h4",
        "table",
        "caption",
        "tr",
        "th",
        "td",
        "mark",
        "span",
        "bdi",
        "b",
        "ul",
        "li",
    }
    return found.elements <= allowed and found.attributes <= {"style", "dir", "title"} and "url(" not in html


def shown(label: str) -> dict[str, str]:
    tags = [[tag.replace("PER", label) for tag in row] for row in TAGS]
    wrong = [["O"] * len(row) for row in tags]
    tokens = [[token.replace("Ada", label) for token in row] for row in TOKENS]
    first, second = (
        evaluate_tags(tags, predicted, scheme="IOB2", tokens=tokens, resamples=50) for predicted in (wrong, tags)
    )
    labels = [label if name == "good" else name for name in LABELS]
    classes = evaluate_labels(
        labels, labels[::-1], labels=sorted(set(labels)), texts=[text + label for text in TEXTS], resamples=50
    )
    return {
        "tag report": first._repr_html_(),
        "class report": classes._repr_html_(),
        "comparison": compare(first, second)._repr_html_(),
    }


@pytest.mark.parametrize("label", ["PER", HOSTILE])
def test_reports_and_comparisons_show_themselves_and_hold_nothing_but_text(label: str):
    for name, html in shown(label).items():
        assert is_harmless(html), name
        assert "<table" in html


def test_findings_show_themselves(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(f"Ada\tB-{HOSTILE.replace(' ', '')}\nmet\tO\n\n" * 3, encoding="utf-8")
    html = check_corpus(str(path))._repr_html_()
    assert is_harmless(html)
    assert "a.conll" in html


def test_a_table_keeps_its_groups_its_totals_and_says_what_is_left_out():
    rows = tuple((f"label {number}", "1.00") for number in range(40))
    table = Table(("", "strict\nF1"), (*rows, ("average", "2.00")), num_totals=1, most=30)
    text = Reader(render_notebook([Section("Scores", (table, Paragraph(("a", "b"))))], heading="<News>")).text
    assert "<News>Scores(10 more rows stand in save('report.html'))strict F1label 01.00" in text
    assert "label 29" in text
    assert "label 30" not in text
    assert "average2.00ab" in text


def test_a_text_shows_its_marks_with_their_labels_and_reads_as_it_stands():
    text = f"Ada met\n{HOSTILE}"
    html = marked_text(text, [Mark(8, len(text), HOSTILE, score=0.5), Mark(0, 3, "PER")])
    assert is_harmless(html)
    visible = HOSTILE.replace("\u202e", "[U+202E]")
    assert Reader(html).text == f"AdaPER met\n{visible}{visible}"
    assert 'title="0.500"' in html


def test_marks_that_overlap_or_lie_outside_are_listed_and_not_lost():
    html = marked_text("Ada Lovelace", [Mark(0, 12, "PER"), Mark(0, 3, "NAME"), Mark(4, 99, "ODD")])
    assert Reader(html).text == "Ada LovelacePERAdaNAMELovelaceODD"
    assert is_harmless(html)


@pytest.mark.parametrize("text", ["", " ", "\ud800"])
def test_texts_without_marks_are_shown_too(text: str):
    assert is_harmless(marked_text(text, []))


def test_a_label_has_one_colour_everywhere_and_the_usual_labels_have_different_ones():
    def colour(label: str) -> str:
        return re.findall(r"hsl\([^)]*\)", marked_text("Ada", [Mark(0, 3, label)]))[0]

    labels = ["PER", "ORG", "LOC", "MISC", "DATE", "GPE", "PERSON"]
    assert len({colour(label) for label in labels}) == len(labels)
