"""Tables for `seqtag predict`: whatever cells they have, reading and writing gives them back."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.cli.prediction.tables import open_table, table_line

# Line ends within a cell become \n, as everywhere; what Python's own splitlines would cut at stays.
CHARACTERS = st.one_of(
    st.sampled_from('",;\t\n\r \u2028\x85\x0b\x1c'), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)
CELLS = st.text(CHARACTERS, max_size=12).map(lambda cell: cell.replace("\r\n", "\n"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6),
    form=st.sampled_from([("csv", ","), ("csv", ";"), ("tsv", "\t")]),
)
def test_rows_come_back_as_they_were_written(rows: list[tuple[str, ...]], form: tuple[str, str], folder: Path):
    ending, delimiter = form
    if ending == "tsv":  # a break within a cell could leave open whether quotes are quotes
        rows = [tuple(cell.replace("\n", " ") for cell in row) for row in rows]
    file = folder / f"in.{ending}"
    header = "id", "text", "more"
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    found = open_table(str(file))
    assert (found.dialect.delimiter, found.dialect.quoted, found.keys, found.text) == (delimiter, True, header, 1)
    read = [cells for _, cells in found.rows()]
    assert read == [list(row) for row in rows]
    written = "".join(table_line(cells, delimiter=delimiter) for cells in read)
    assert list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter)) == read


@given(texts=st.lists(st.text(CHARACTERS.filter(lambda c: c not in '\t\n\r"'), max_size=9), min_size=1, max_size=6))
def test_without_quotes_a_line_is_a_row(texts: list[str], folder: Path):
    file = folder / "plain.tsv"
    rows = [[f'"{i}', text] for i, text in enumerate(texts)]  # the lone quote makes quotes characters
    file.write_text("".join(table_line(row, delimiter="\t", quoted=False) for row in rows), encoding="utf-8")
    found = open_table(str(file), 1)
    assert (found.dialect.quoted, found.dialect.has_header, found.keys) == (False, False, ("0", "1"))
    assert list(found.rows()) == list(enumerate(rows, 1))


@pytest.mark.parametrize(
    ("header", "column"), [("id,text", 1), ("Review,label,id", 0), ("text,sentence", 0), ("sentence", 0), ("said", 0)]
)
def test_the_column_of_the_texts_is_known_by_its_name(header: str, column: int, tmp_path: Path):
    file = tmp_path / "in.csv"
    file.write_text(f"{header}\n" + ",".join("a" * (header.count(",") + 1)) + "\n", encoding="utf-8")
    assert open_table(str(file)).text == column


def test_a_name_that_comes_again_below_is_no_header(tmp_path: Path):
    file = tmp_path / "in.csv"
    file.write_text("text,1\nmore,2\ntext,3\n", encoding="utf-8")
    found = open_table(str(file), 0)
    assert (found.dialect.has_header, [cells[0] for _, cells in found.rows()]) == (False, ["text", "more", "text"])
