"""What all documents can do, by one that holds a place and a table: its forms, and where they are saved."""

import json
from dataclasses import dataclass

import pytest
from pages import cells, read_page

from seqtag.errors import UsageError
from seqtag.reporting.document import Document
from seqtag.reporting.sections import Paragraph, Place, Places, Section


@dataclass(frozen=True)
class Note(Document):
    heading: str = ""
    page_title = "Notes"

    def sections(self):
        places = Places((Place("a.conll:1", "<b>"), Place("a.conll:2", "two", in_brief=False)))
        return (Section("Found", (Paragraph(("two things",)), places)),)

    def to_dict(self):
        return {"found": [1, 2]}


def test_a_document_by_itself_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Document()  # type: ignore[abstract]


def test_each_ending_saves_its_form(tmp_path):
    note = Note("news")
    for ending, text in ((".md", note.to_markdown()), (".html", note.to_html()), (".json", note.to_text(".json"))):
        note.save(tmp_path / f"note{ending}")
        assert (tmp_path / f"note{ending}").read_text(encoding="utf-8") == text
    assert json.loads(note.to_text(".json")) == note.to_dict()
    with pytest.raises(UsageError, match=r"note\.pdf: a report has no form '\.pdf'; .* \.json, \.md, \.html"):
        note.save(tmp_path / "note.pdf")
    with pytest.raises(UsageError, match=r"absent/note\.md: can't be written .*; name a file in an existing folder"):
        note.save(str(tmp_path / "absent" / "note.md"))


def test_places_are_brief_in_a_terminal_and_whole_elsewhere():
    assert str(Note("news")) == "news\n\nFound\ntwo things\n    a.conll:1  <b>"
    assert Note().to_markdown() == (
        "## Found\n\ntwo things\n\n| place | found |\n| --- | --- |\n| a.conll:1 | \\<b> |\n| a.conll:2 | two |\n"
    )
    page = read_page(Note().to_html())
    assert [title.text() for title in page.all("h1")] == ["Notes"]
    assert [cells(row) for row in page.all("tr")] == [["place", "found"], ["a.conll:1", "<b>"], ["a.conll:2", "two"]]
