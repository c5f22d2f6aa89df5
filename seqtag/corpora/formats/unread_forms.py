"""Forms of data that are known by sight and not read, so that an error can name them instead of a missing column."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtag.corpora.lines import numbered_lines
from seqtag.errors import DataError

# Of records, by keys that all of them have.
_RECORDS = {
    "Dataturks": ("content", "annotation"),
    "Rasa NLU": ("rasa_nlu_data",),
    "Amazon Comprehend": ("File", "Entities"),
    "BioC": ("documents", "source"),
    "DocRED": ("vertexSet", "sents"),
    "SciERC": ("sentences", "ner"),
    "SQuAD": ("paragraphs", "title"),
}
_CONVERT = "convert it to JSON lines with a text and spans, or to one token and its tag per line"
# Of files, by how their first line begins, with the remedy.
_FILES = (
    (r"<(\?xml|!DOCTYPE|html|[A-Za-z:]+( [\w:]+=[^\t]*)?>\s*$)", "XML or HTML", _CONVERT),
    (r"\d+\|[ta]\|", "the form of PubTator", _CONVERT),
    (r'\[?\{"|\[\["|\["', "JSON in a file of another name", "let its name end in .json or .jsonl"),
)


def refuse_unread_record(record: Any, place: str) -> None:
    """Raise DataError, which names the form, for a record in a form that is not read."""
    for form, keys in _RECORDS.items():
        if isinstance(record, Mapping) and all(key in record for key in keys):
            raise DataError(
                f"{place}: this is the form of {form}, which is not read; convert it to one JSON object per line with "
                '"text" and "spans", a list of objects with start, end and label'
            )


def refuse_unread_file(path: Path) -> None:
    """Raise DataError, which names the form, for a file that is no column file."""
    try:
        number, first = next(((number, line) for number, line in numbered_lines(path) if line.strip()), (1, ""))
    except DataError:  # the reader of the file will say so, of this file alone
        return
    for pattern, form, remedy in _FILES:
        if re.match(pattern, first):
            raise DataError(f"{path}:{number}: this is {form}, which is not read here; {remedy}")
