"""Forms that are known and not read are named, and nothing else is taken for one of them."""

import pytest

from seqtag.corpora.formats.unread_forms import refuse_unread_file, refuse_unread_record
from seqtag.errors import DataError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<?xml version='1.0'?>\n<doc>Ada</doc>\n", "x.txt:1: this is XML or HTML, which is not read here; convert it"),
        ("<TEI xmlns='http://x.org'>\n", "x.txt:1: this is XML"),
        ("\n123|t|Ada left\n123|a|Oslo\n", "x.txt:2: this is the form of PubTator"),
        ('{"text": "Ada"}\n', "x.txt:1: this is JSON in a file of another name, which is not read here; let its name"),
        ('["Ada", {"entities": []}]\n', "x.txt:1: this is JSON in a file of another name"),
    ],
)
def test_files(tmp_path, content, message):
    path = tmp_path / "x.txt"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        refuse_unread_file(path)
    assert message in str(error.value)


@pytest.mark.parametrize("line", ["<b>\tO", "[\tO", "{\tO", "[ O", '"\tO', "12\tO", "<b> O"])
def test_columns_are_no_other_form(tmp_path, line):
    path = tmp_path / "x.txt"
    path.write_text(f"{line}\nAda\tB-PER\n")
    refuse_unread_file(path)


def test_records():
    refuse_unread_record({"text": "Ada", "spans": []}, "x.json:1")
    with pytest.raises(DataError, match=r"x\.json:1: this is the form of SciERC"):
        refuse_unread_record({"doc_key": "x", "sentences": [["Ada"]], "ner": [[[0, 0, "PER"]]]}, "x.json:1")
    with pytest.raises(DataError, match=r"x\.json:1: this is the form of BioC, which is not read; convert it"):
        refuse_unread_record({"source": "PMC", "documents": []}, "x.json:1")
