"""The findings: their order, their JSON keys, their examples, and how they read in each form."""

import json

import pytest
from linting import write
from pages import cells, read_page
from rich.cells import cell_len

from seqtag.errors import UsageError
from seqtag.linter.findings import SEVERITIES
from seqtag.linter.linter import check_corpus


def test_places_are_shown_without_the_folder_that_all_share(tmp_path):
    first = write(tmp_path / "a" / "train.conll", "We\tO\nlike\tO\nold\tO\nRome\tB-LOC\n")
    second = write(tmp_path / "b" / "test.conll", "We\tO\nlike\tO\nold\tO\nRome\tB-LOC\n")
    shown = str(check_corpus({"train": first, "test": second}))
    assert "    b/test.conll:1  as a/train.conll:1: 'We like old Rome'" in shown.splitlines()


def test_findings_come_in_the_order_of_the_table_and_json_keys_stay(tmp_path):
    text = "Ada\tB-PER\nspoke\u200b\tO\n\nin\tO\nNew York\tI-LOC\n"
    findings = check_corpus(write(tmp_path / "train.conll", text))
    content = findings.to_dict()
    kinds = [finding["kind"] for finding in content["findings"]]
    assert kinds == ["illegal_tag", "space_in_token", "invisible_character", "rare_label"]
    assert kinds == sorted(kinds, key=list(SEVERITIES).index)
    assert list(content) == [
        *("source", "task", "scheme", "num_errors", "num_warnings", "num_notes", "splits", "findings"),
    ]
    assert [content[f"num_{severity}s"] for severity in ("error", "warning", "note")] == [0, 3, 1]
    assert content["splits"] == [
        {
            **{"name": "train", "origin": str(tmp_path / "train.conll"), "num_rows": 2, "num_tokens": 4},
            "labels": {"LOC": 1, "PER": 1},
        }
    ]
    first = content["findings"][0]
    assert list(first) == ["kind", "severity", "count", "counts", "message", "examples"]
    assert (first["severity"], first["count"], first["counts"]) == ("warning", 1, {"train": 1})
    assert first["examples"] == [
        {"split": "train", "place": f"{tmp_path / 'train.conll'}:5", "text": "'I-LOC' after 'O', at the end"}
    ]


def test_examples_are_the_first_of_each_split_and_the_count_is_of_all(tmp_path):
    for split, count in (("train", 30), ("test", 3)):
        write(tmp_path / f"{split}.conll", "".join(f"w{n}\tI-PER\n\nx{n}\tB-PER\n\n" for n in range(count)))
    finding = check_corpus(tmp_path).of_kind("illegal_tag")
    assert (finding.count, dict(finding.counts)) == (33, {"train": 30, "test": 3})
    assert [e.place.rpartition(":")[2] for e in finding.examples] == [
        *(str(4 * n + 1) for n in range(10)),
        *("1", "5", "9"),
    ]
    shown = [line.split()[0] for line in str(check_corpus(tmp_path)).splitlines() if ".conll:" in line][:5]
    assert shown == ["train.conll:1", "train.conll:5", "train.conll:9", "test.conll:1", "test.conll:5"]


def test_a_terminal_is_shown_escape_codes_and_wide_characters_without_harm(tmp_path):
    wide = "漢字" * 60
    path = write(tmp_path / "train.conll", f"\x1b[31mred\tI-LOC\n{wide}\tI-PER\n\n{wide} x\tB-\x1b]0;P\tO\n")
    shown = str(check_corpus(path, token=0, tag=1))
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown
    assert all(cell_len(line) <= 80 or str(tmp_path) in line for line in shown.splitlines())


MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def findings(tmp_path):
    """Findings of every severity, with markup in words and labels."""
    write(tmp_path / "train.conll", "".join(f"{n}\tB-PER\nspoke\tO\nof\tO\n{MARKUP}\tB-</td>\n\n" for n in range(12)))
    write(tmp_path / "test.conll", f"0\tB-PER\nspoke\tO\nof\tO\n{MARKUP}\tB-</td>\n\nx\u200b\tI-LOC\n")
    return check_corpus(tmp_path, token=0, tag=1)


def test_every_form_holds_each_finding_with_its_message_and_all_its_places(findings):
    page = read_page(findings.to_html())
    titles = [title.text() for title in page.all("h2")]
    assert [title.split(",")[0] for title in titles] == [
        "Corpus",
        *(f"{f.severity}: {f.kind}" for f in findings.findings),
    ]
    rows = [cells(row) for row in page.all("tr")]
    markdown = findings.to_markdown()
    for finding in findings.findings:
        assert finding.message in [paragraph.text() for paragraph in page.all("p")]
        assert f"## {finding.severity}: {finding.kind}, {finding.count}" in markdown
        for example in finding.examples:
            place = example.place.removeprefix(f"{findings.source}/")
            assert any(row[0] == place for row in rows)
            assert f"| {place} |" in markdown
    assert ["PER", "12", "1"] in rows
    assert "| PER | 12 | 1 |" in markdown


def test_no_data_become_markup(findings):
    page = findings.to_html()
    assert MARKUP not in page
    assert "B-</td>" not in page
    assert not read_page(page).all("img")
    assert "<img" not in findings.to_markdown().replace("\\<img", "")
    assert "\u200b" not in page + findings.to_markdown() + str(findings)


def test_findings_are_saved_by_the_ending_as_reports_are(findings, tmp_path):
    findings.save(tmp_path / "check.json")
    assert json.loads((tmp_path / "check.json").read_text(encoding="utf-8")) == findings.to_dict()
    findings.save(tmp_path / "check.html")
    assert (tmp_path / "check.html").read_text(encoding="utf-8") == findings.to_html()
    with pytest.raises(UsageError, match=r"check\.txt: a report has no form '\.txt'"):
        findings.save(tmp_path / "check.txt")


def test_columns_that_find_no_room_are_counted_in_a_terminal_and_shown_on_a_page(tmp_path):
    for number in range(20):
        write(tmp_path / f"part-{number:02d}.conll", "Ada\tB-PER\n")
    findings = check_corpus(tmp_path)
    lines = str(findings).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("columns that find no room here" in line for line in lines)
    header = next(cells(row) for row in read_page(findings.to_html()).all("tr") if cells(row)[0] == "label")
    assert len(header) == 21
