"""Write CSV with a text and its label, or its list of labels, in each row."""

from seqtag.corpora.formats.csv_dialect import table_line
from seqtag.corpora.formats.writers.documents import Document, FormatWriter, rounded


class CsvRows(FormatWriter):
    """Writes a table with a header."""

    def head(self) -> str:
        """Write the header."""
        return table_line(["text", "labels" if self.about.is_multi else "label", *["score"] * self.about.is_predicted])

    def piece(self, document: Document) -> str:
        """Write the row of a text; a list of labels is written as Python writes it."""
        labels = str(list(document.labels)) if self.about.is_multi else document.labels[0]
        score = min((document.scores[label] for label in document.labels), default=0.0) if document.scores else 0.0
        return table_line([document.text, labels, *[str(rounded(score))] * self.about.is_predicted])
