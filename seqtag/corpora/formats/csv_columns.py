"""Say which columns of rows without types hold the text and the label: by their header, else by what is in them."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqtag.corpora.column_roles import LABEL_NAMES, TEXT_NAMES, named_column
from seqtag.corpora.formats.conll import Column
from seqtag.errors import DataError, UsageError, near_miss

logger = logging.getLogger("seqtag")

_LONGEST_LABEL = 60  # characters
_FEW_ROWS = 10  # of so few, each label may come but once or twice


@dataclass(frozen=True, slots=True)
class CellColumns:
    """Where the text and the label of each row stand, from 0."""

    text: int
    label: int
    header: bool  # the first row has the names of the columns


def cell_columns(
    rows: Sequence[Sequence[str]],
    *,
    text: Column | None = None,
    label: Column | None = None,
    like: CellColumns | None = None,
    source: str,
) -> CellColumns:
    """Find the text and the label in the first rows of a file, all of one width, or check the columns asked for.

    Rows without a header have their columns where those of `like` are.

    A first row is a header where a cell in it is a known name (or one asked for) that does not come again below it.
    Without names the text is the longest column and the label one of short values that repeat. Raises UsageError
    where two columns fit, where the first row may be a header of unknown names, or one asked for is not there.

    >>> cell_columns([["0", "so it goes", "1"], ["1", "it does not", "0"], ["2", "ah yes", "1"]], source="poems.tsv")
    CellColumns(text=1, label=2, header=False)
    >>> cell_columns([["stars", "review"], ["5", "Fine."]], source="reviews.csv")
    CellColumns(text=1, label=0, header=True)
    """
    first = [cell.strip() for cell in rows[0]]
    if len(first) < 2:
        raise DataError(f"{source}:1: a single column; a text and a label are needed, separated by a comma or a tab")
    asked = any(isinstance(column, str) for column in (text, label))
    header = asked or _is_header(first, rows[1:])
    if like and not header and text is None and label is None:
        return like
    names = {str(i): name.lower() for i, name in enumerate(first)} if header else {}
    text_column, label_column = (_asked(what, c, first, source) for what, c in (("text", text), ("label", label)))
    if text_column is None:
        text_column = _by_name("text", names, TEXT_NAMES, label_column, first, source)
    if label_column is None:
        label_column = _by_name("label", names, LABEL_NAMES, text_column, first, source)
    body = rows[1:] if header else rows
    found_text, found_label = _by_content(body, text_column, label_column, first if header else None, source)
    if found_text == found_label:
        raise UsageError(f"{source}: column {found_text} is asked for both text and label; name two columns")
    if not header and (told := _like_header(rows, found_text, found_label)):
        if text is None or label is None:
            raise UsageError(f"{source}:1: {told}")
        logger.warning("%s:1: read as a text with its label, but %s", source, told)
    return CellColumns(found_text, found_label, header)


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    known = [i for i, cell in enumerate(first) if cell.lower() in (*TEXT_NAMES, *LABEL_NAMES)]
    return bool(known) and not any(row[i].strip() == first[i] for row in rest for i in known)


def _asked(what: str, column: Column | None, first: Sequence[str], source: str) -> int | None:
    if column is None:
        return None
    if isinstance(column, str):
        if (places := first.count(column)) != 1:
            raise UsageError(
                f"{source}:1: {'no column' if not places else f'{places} columns'} {column!r} for {what}= in the "
                f"header; {near_miss(column, first)}"
            )
        return first.index(column)
    if not -len(first) <= column < len(first):
        raise UsageError(f"{source}: no column {column} for {what}=; there are {len(first)}, numbered from 0")
    return column % len(first)


def _by_name(
    what: str, names: Mapping[str, str], known: Sequence[str], taken: int | None, first: Sequence[str], source: str
) -> int | None:
    found = named_column({i: name for i, name in names.items() if i != str(taken)}, known)
    if len(found) > 1:
        fitting = [first[int(i)] for i in found]
        raise UsageError(
            f"{source}: the column of the {what} is not clear; {', '.join(fitting)} may be it: say which: "
            f"{what}={fitting[-1]!r}"
        )
    return int(found[0]) if found else None


def _by_content(
    rows: Sequence[Sequence[str]], text: int | None, label: int | None, header: Sequence[str] | None, source: str
) -> tuple[int, int]:
    if text is not None and label is not None:
        return text, label
    if not rows:
        raise DataError(f"{source}: no text in it, only a header; classification needs rows of a text and a label")
    columns = [[row[i].strip() for row in rows] for i in range(len(rows[0]))]
    free = [i for i in range(len(columns)) if i not in (text, label)]
    if text is None:
        sizes = {i: sum(map(len, columns[i])) for i in free}
        longest = [i for i in free if sizes[i] == max(sizes.values())]
        if len(longest) != 1:
            raise _unclear("text", longest, header, source)
        text = longest[0]
    if label is not None:
        return text, label
    others = [i for i in free if i != text]
    numbers = {i: len(set(column)) for i, column in enumerate(columns)}
    fitting = [i for i in others if numbers[i] <= numbers[text] and _is_short(columns[i])]
    repeated = [i for i in fitting if _is_repeated(numbers[i], len(rows))]
    if len(repeated) == 1:
        return text, repeated[0]
    single = not repeated and len(others) == 1 and _is_short(columns[others[0]])
    if single and (header or _looks_like_label(columns[others[0]], columns[text])):
        return text, others[0]
    raise _unclear("label", repeated or others, header, source)


def _is_repeated(num_distinct: int, num_rows: int) -> bool:
    return 2 * num_distinct <= num_rows or num_distinct < num_rows < _FEW_ROWS


def _looks_like_label(column: Sequence[str], text: Sequence[str]) -> bool:
    """Tell a label where rows are too few for it to come again: a number beside words, one word beside several."""
    by_number = all(map(_is_number, column)) and not any(map(_is_number, text))
    return by_number or (_one_word(column) and not _one_word(text))


def _is_short(column: Sequence[str]) -> bool:
    return max(map(len, column)) <= _LONGEST_LABEL


def _one_word(column: Sequence[str]) -> bool:
    return all(len(cell.split()) < 2 for cell in column)


def _unclear(what: str, fitting: Sequence[int], header: Sequence[str] | None, source: str) -> UsageError:
    shown = [repr(header[i]) if header else str(i) for i in fitting]
    return UsageError(
        f"{source}: the column of the {what} is not clear; {', '.join(shown)} may be it: say which column is which, "
        f"by number from 0 or by header, as in {what}={shown[-1]}"
    )


def _like_header(rows: Sequence[Sequence[str]], text: int, label: int) -> str:
    """Say so where the first row looks like a header of unknown names, and no text with a label; else nothing."""
    first = rows[0][label].strip()
    below = Counter(row[label].strip() for row in rows[1:])
    odd = all(map(_is_number, below)) and not _is_number(first)
    if len(below) < 2 or first in below or not (odd or min(below.values()) > 1):
        return ""
    return (
        f"{first!r} stands nowhere else in its column, so line 1 may be a header; if it is one, name its columns: "
        f"text={rows[0][text].strip()!r}, label={first!r}; if not, number them: text={text}, label={label}"
    )


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdecimal()
