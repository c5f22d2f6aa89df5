"""Read CSV and TSV files with a text and a label in each row, and find the columns that hold them.

How a file is written is decided in csv_dialect. Here the columns are found: by their names in the header, otherwise by
their content. Lines end at a line feed only, so U+0085 and U+2028 stay in a text.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqtag.corpora.column_roles import LABEL_NAMES, TEXT_NAMES, Column, named_column
from seqtag.corpora.formats.csv_dialect import Dialect, file_dialect, sample_rows
from seqtag.corpora.label_lists import is_written_list, with_label_lists
from seqtag.corpora.labelled_drafts import LabelledPart, LabelledRow, gather_texts
from seqtag.corpora.lines import file_ending, raw_lines
from seqtag.errors import DataError, UsageError

logger = logging.getLogger("seqtag")

_LONGEST_LABEL = 60  # characters
_FEW_ROWS = 10  # among so few rows, each label may occur only once or twice


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file with texts and labels is laid out."""

    dialect: Dialect
    text: int  # the column of the texts, from 0
    label: int
    has_lists: bool = False  # each label is a list as Python writes it, such as ['a', 'b']


def is_delimited(path: Path) -> bool:
    """Say whether a file is CSV or TSV: by its ending, otherwise by a tab in most of its first lines."""
    if file_ending(path) in (".csv", ".tsv"):
        return True
    lines = [line for line in islice(raw_lines(path), 100) if line.strip()]
    return 2 * sum("\t" in line for line in lines) > len(lines)


def delimited_parts(paths: Iterable[Path], *, text: Column | None, label: Column | None) -> Iterator[LabelledPart]:
    """Make a part of each file; files without a header have the columns of the first such file."""
    like: Layout | None = None
    for path in paths:
        layout = delimited_layout(path, text=text, label=label, like=like)
        like = like or (None if layout.dialect.has_header else layout)
        dialect = layout.dialect
        names = dialect.first_row if dialect.has_header else [f"column {at}" for at in range(dialect.width)]
        others = [name for at, name in enumerate(names) if at not in (layout.text, layout.label)]
        part = LabelledPart(str(path), gather_texts(_rows(path, layout)), others=others)
        yield with_label_lists(part, None) if layout.has_lists else part


def _rows(path: Path, layout: Layout) -> Iterator[LabelledRow]:
    for number, cells in layout.dialect.rows(raw_lines(path)):
        yield cells[layout.text], cells[layout.label], f"{path}:{number}"


def delimited_layout(
    path: Path, *, text: Column | None = None, label: Column | None = None, like: Layout | None = None
) -> Layout:
    """Find out how a file is laid out, from its first rows.

    Without a header the columns are those of `like`, if it is given and as wide. Without names, the text is the longest
    column and the label one of short values that repeat. A column whose cells are all empty is
    neither. Raises UsageError where columns are ambiguous, where the first
    row may be a header of unknown names, or where a column that was asked for is not there, DataError for an empty
    file.
    """
    dialect = file_dialect(path, named=isinstance(text, str) or isinstance(label, str))
    if dialect is None:
        raise DataError(f"{path}: the file is empty; it should hold a text and its label in each row")
    if dialect.width < 2:
        raise _too_narrow(path, dialect)
    if like and like.dialect.width == dialect.width and not dialect.has_header and text is None and label is None:
        return Layout(dialect, like.text, like.label, like.has_lists)
    text_column = None if text is None else dialect.find_column(text, "text")
    label_column = None if label is None else dialect.find_column(label, "label")
    sample = sample_rows(dialect, lambda: raw_lines(path))
    rows = sample[1:] if dialect.has_header else sample
    empty = _empty_columns(sample, dialect.width)
    if text_column is None:
        text_column = _by_name(dialect, "text", TEXT_NAMES, left_out=empty | {label_column})
    if label_column is None:
        label_column = _by_name(dialect, "label", LABEL_NAMES, left_out=empty | {text_column})
    found_text, found_label = _by_content(rows, text_column, label_column, dialect, empty)
    if found_text == found_label:
        raise UsageError(f"{path}: column {found_text} is asked for both text and label; name two columns")
    if not dialect.has_header and (doubt := _like_header(rows, found_text, found_label)):
        if text is None or label is None:
            raise UsageError(f"{path}:{dialect.first_line}: {doubt}")
        logger.warning("%s:%d: read as a text with its label, but %s", path, dialect.first_line, doubt)
    labels = [row[found_label] for row in rows if row[found_label].strip()]
    return Layout(dialect, found_text, found_label, bool(labels) and all(map(is_written_list, labels)))


def _too_narrow(path: Path, dialect: Dialect) -> DataError:
    place = f"{path}:{dialect.first_line}"
    if file_ending(path) in (".csv", ".tsv"):
        return DataError(f"{place}: a single column; a text and a label are needed, separated by a comma or a tab")
    if dialect.first_row[0].startswith("__label__"):
        return DataError(
            f"{place}: this is the form of fastText; put a tab between the label and the text of each line"
        )
    return DataError(
        f"{place}: no tab in the line; give label and text separated by a tab, a .csv file, or a folder with a file "
        "for each class"
    )


def _empty_columns(sample: Sequence[Sequence[str]], width: int) -> set[int | None]:
    """Give the columns without content below the first row, where there are other rows; spreadsheets write such."""
    return {i for i in range(width) if len(sample) > 1 and not any(row[i].strip() for row in sample[1:])}


def _by_name(dialect: Dialect, role: str, known: Sequence[str], *, left_out: set[int | None]) -> int | None:
    if not dialect.has_header:
        return None
    names = {str(i): name.lower() for i, name in enumerate(dialect.first_row) if i not in left_out}
    found = named_column(names, known)
    if len(found) > 1:
        fitting = [dialect.first_row[int(i)] for i in found]
        example = repr(fitting[-1]) if fitting.count(fitting[-1]) == 1 else found[-1]
        raise UsageError(f"{dialect.name}: ambiguous {role} column ({', '.join(fitting)}): pass {role}={example}")
    return int(found[0]) if found else None


def _by_content(
    rows: Sequence[Sequence[str]], text: int | None, label: int | None, dialect: Dialect, empty: set[int | None]
) -> tuple[int, int]:
    if text is not None and label is not None:
        return text, label
    if not rows:
        raise DataError(
            f"{dialect.name}: no text in it, only a header; classification needs rows of a text and a label"
        )
    columns = [[row[i].strip() for row in rows] for i in range(dialect.width)]
    free = [i for i in range(dialect.width) if i not in (text, label) and i not in empty]
    if text is None:
        sizes = {i: sum(map(len, columns[i])) for i in free}
        longest = [i for i in free if sizes[i] == max(sizes.values())]
        if len(longest) != 1:
            raise _ambiguous("text", longest, dialect)
        text = longest[0]
    if label is not None:
        return text, label
    others = [i for i in free if i != text]
    num_distinct = {i: len(set(column)) for i, column in enumerate(columns)}
    fitting = [i for i in others if num_distinct[i] <= num_distinct[text] and _is_short(columns[i])]
    repeated = [i for i in fitting if _is_repeated(num_distinct[i], len(rows))]
    if len(repeated) == 1:
        return text, repeated[0]
    single = not repeated and len(others) == 1 and _is_short(columns[others[0]])
    if single and (dialect.has_header or _looks_like_label(columns[others[0]], columns[text])):
        return text, others[0]
    raise _ambiguous("label", repeated or others, dialect)


def _is_repeated(num_distinct: int, num_rows: int) -> bool:
    return 2 * num_distinct <= num_rows or num_distinct < num_rows < _FEW_ROWS


def _looks_like_label(column: Sequence[str], text: Sequence[str]) -> bool:
    """Recognise labels in few rows, where they may not repeat: numbers beside words, or one word beside several."""
    by_number = all(map(_is_number, column)) and not any(map(_is_number, text))
    return by_number or (_one_word(column) and not _one_word(text))


def _is_short(column: Sequence[str]) -> bool:
    return max(map(len, column)) <= _LONGEST_LABEL


def _one_word(column: Sequence[str]) -> bool:
    return all(len(cell.split()) < 2 for cell in column)


def _ambiguous(role: str, fitting: Sequence[int], dialect: Dialect) -> UsageError:
    if not fitting:
        return UsageError(
            f"{dialect.name}: no column is left for the {role}, as the cells of all others are empty; name one: {role}="
        )
    names = dialect.first_row
    shown = [repr(names[i]) if dialect.has_header and names.count(names[i]) == 1 else str(i) for i in fitting]
    return UsageError(
        f"{dialect.name}: ambiguous {role} column ({', '.join(shown)}): pass {role}={shown[-1]}, a header or a number "
        "from 0"
    )


def _like_header(rows: Sequence[Sequence[str]], text: int, label: int) -> str:
    """Say why the first row may be a header of unknown names; empty where it looks like a text with its label."""
    first = rows[0][label].strip()
    below = Counter(row[label].strip() for row in rows[1:])
    odd = all(map(_is_number, below)) and not _is_number(first)
    one_word = _one_word([rows[0][text]]) and all(len(row[text].split()) > 1 for row in rows[1:])
    if len(below) < 2 or first in below or not (odd or one_word or min(below.values()) > 1):
        return ""
    return (
        f"{first!r} stands nowhere else in its column, so line 1 may be a header; if it is one, name its columns: "
        f"text={rows[0][text].strip()!r}, label={first!r}; if not, number them: text={text}, label={label}"
    )


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdecimal()
