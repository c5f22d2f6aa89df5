"""Write column files: CoNLL with a token and its tag per line, and CoNLL-U with its ten columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from seqtag.corpora.formats.writers.documents import Document, FormatWriter, cell, one_line
from seqtag.errors import DataError

UPOS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ"),
    *("SYM", "VERB", "X"),
}
_MISC_KEY = "NE"
_NOT_COMMENTS = ("text", "newdoc", "newpar", "global.columns", "document_id")  # these mean something to a reader


class ColumnLines(FormatWriter):
    """Writes a token and its tag per line, with a tab between them, and a blank line after each sentence."""

    def piece(self, document: Document) -> str:
        """Write the sentences of a document; a text without tokens is a blank line."""
        lines = ["-DOCSTART-\tO\n\n"] if document.begins_document else []
        for start, end in document.sentences:
            pairs = zip(document.tokens[start:end], document.tags[start:end])
            lines += [f"{cell(token.text)}\t{tag}\n" for token, tag in pairs]
            lines.append("\n")
        return "".join(lines if document.tokens else [*lines, "\n"])


class ConlluLines(FormatWriter):
    """Writes CoNLL-U: tags of parts of speech as UPOS or XPOS, those of entities under NE in the column MISC."""

    def piece(self, document: Document) -> str:
        """Write the sentences of a document, with its fields as comments."""
        lines = ["# newdoc\n"] if document.begins_document else []
        comments = [
            f"# {key} = {one_line(str(value))}\n" for key, value in document.fields.items() if _is_comment(key, value)
        ]
        for start, end in document.sentences:
            lines += comments
            words = document.tokens[start:end]
            text = one_line(document.text[words[0].start : words[-1].end])
            lines += [f"# text = {text}\n", *self._rows(document, start, end), "\n"]
        return "".join(lines)

    def unheld(self, fields: Mapping[str, Any]) -> Iterator[str]:
        """Name the fields that are no comment: lists, objects, and what a comment of that name would mean."""
        return (key for key, value in fields.items() if not _is_comment(key, value))

    def _rows(self, document: Document, start: int, end: int) -> Iterator[str]:
        for number, at in enumerate(range(start, end), 1):
            token, tag = document.tokens[at], document.tags[at]
            if "\t" in tag or (not self.about.is_plain and "|" in tag):
                raise DataError(f"the tag {tag!r} can't stand in CoNLL-U; rename it, or choose --to conll or jsonl")
            row = dict.fromkeys(("lemma", "upos", "xpos", "feats", "head", "deprel", "deps"), "_")
            misc = [f"{_MISC_KEY}={tag}"] if not self.about.is_plain else []
            if self.about.is_plain:
                row["upos" if upos_only(self.about.labels) else "xpos"] = tag
            if at + 1 < end and document.has_text and document.tokens[at + 1].start == token.end:
                misc.append("SpaceAfter=No")
            yield "\t".join([str(number), cell(token.text), *row.values(), "|".join(misc) or "_"]) + "\n"


def _is_comment(key: str, value: Any) -> bool:
    return isinstance(value, (str, int, float)) and key.isidentifier() and key not in _NOT_COMMENTS


def upos_only(labels: Any) -> bool:
    """Say whether all tags are universal parts of speech.

    >>> upos_only(["NOUN", "VERB"]), upos_only(["NN"])
    (True, False)
    """
    return set(labels) <= UPOS
