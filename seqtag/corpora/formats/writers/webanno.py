"""Write TSV 3.3 of WebAnno and INCEpTION: a document with its sentences, and one layer of spans.

Offsets count UTF-16 units, as Java does. A span of several tokens has a number; reserved characters of a label get a
backslash (WebAnno user guide, appendix "WebAnno TSV 3 file format").
"""

import re

from seqtag.corpora.formats.writers.documents import About, Document, FormatWriter, cell, utf16_offsets

_HEAD = "#FORMAT=WebAnno TSV 3.3\n"
_ENTITIES = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|value\n"
_SPEECH = "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue\n"
_RESERVED = re.compile(r"(->|[\\\[\]|_;*\t\n])")


class WebannoDocument(FormatWriter):
    """Writes all texts as the sentences of one document."""

    def __init__(self, about: About) -> None:
        super().__init__(about)
        self.num_sentences = self.num_spans = self.offset = 0

    def head(self) -> str:
        """Name the format and the layer."""
        return _HEAD + (_SPEECH if self.about.is_plain else _ENTITIES) + "\n"

    def piece(self, document: Document) -> Document:
        """Leave the document as it is: its offsets depend on those before it."""
        return document

    def add(self, piece: Document) -> str:
        """Write the sentences of a document. Text between sentences is one line break."""
        labels = self._cells(piece)
        lines: list[str] = []
        for start, end in piece.sentences:
            self.num_sentences += 1
            begin = piece.tokens[start].start
            text = piece.text[begin : piece.tokens[end - 1].end]
            to_units = utf16_offsets(text)
            lines.append("\n#Text=" + re.sub(r"[\r\n\t\f]", " ", text) + "\n")
            for at in range(start, end):
                token = piece.tokens[at]
                place = "-".join(str(self.offset + to_units(each - begin)) for each in (token.start, token.end))
                number = f"{self.num_sentences}-{at - start + 1}"
                lines.append(f"{number}\t{place}\t{cell(token.text)}\t{labels.get(at, '_')}\t\n")
            self.offset += to_units(len(text)) + 1
        return "".join(lines)

    def _cells(self, document: Document) -> dict[int, str]:
        cells: dict[int, str] = {}
        for span in document.spans:
            first, end = document.token_span(span)
            number = ""
            if end - first > 1:
                self.num_spans += 1
                number = f"[{self.num_spans}]"
            label = _RESERVED.sub(r"\\\1", span.label)
            cells |= dict.fromkeys(range(first, end), label + number)
        return cells
