"""The formats that annotated texts are written in: their names, endings and writers, and what each can't hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from seqtag.corpora.formats.writers.columns import ColumnLines, ConlluLines
from seqtag.corpora.formats.writers.csv_rows import CsvRows
from seqtag.corpora.formats.writers.documents import FormatWriter
from seqtag.corpora.formats.writers.json_lines import (
    DisplacyLines,
    DoccanoLines,
    HuggingFaceLines,
    MarkedLines,
    ProdigyLines,
    RowLines,
)
from seqtag.corpora.formats.writers.label_studio import LabelStudioTasks
from seqtag.corpora.formats.writers.spacy_docbins import DocBinFile
from seqtag.corpora.formats.writers.webanno import WebannoDocument

TAG, BOTH = ("tag",), ("tag", "classify")


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files with annotated texts."""

    writer: type[FormatWriter]
    ending: str  # of the files that are written
    tasks: tuple[str, ...]
    holds: frozenset[str]  # of what a corpus may have: see `conversion.losses`; fields, scores
    is_read: bool = True  # `load_corpus` reads it


def _format(
    writer: type[FormatWriter], ending: str, tasks: tuple[str, ...], holds: str, *, is_read: bool = True
) -> Format:
    return Format(writer, ending, tasks, frozenset(holds.split()), is_read)


FORMATS: Mapping[str, Format] = {
    "conll": _format(ColumnLines, ".conll", TAG, "scheme plain documents"),
    "conllu": _format(ConlluLines, ".conllu", TAG, "scheme plain documents text fields"),
    "jsonl": _format(RowLines, ".jsonl", BOTH, "scheme plain documents text empty fields scores single annotated"),
    "label-studio": _format(LabelStudioTasks, ".json", BOTH, "text empty fields scores single"),
    "doccano": _format(DoccanoLines, ".jsonl", BOTH, "text empty fields scores annotated"),
    "prodigy": _format(ProdigyLines, ".jsonl", BOTH, "text empty fields scores single annotated"),
    "displacy": _format(DisplacyLines, ".jsonl", TAG, "text empty fields scores"),
    "hf": _format(HuggingFaceLines, ".jsonl", BOTH, "text empty fields scores single"),
    "spacy": _format(DocBinFile, ".spacy", BOTH, "plain text empty fields scores single"),
    "webanno": _format(WebannoDocument, ".tsv", TAG, ""),
    "csv": _format(CsvRows, ".csv", ("classify",), "text scores single"),
    "text": _format(MarkedLines, ".txt", BOTH, "text", is_read=False),
}
