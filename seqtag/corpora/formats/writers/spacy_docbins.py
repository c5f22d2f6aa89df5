"""Write spaCy's binary corpora (`.spacy`, a DocBin): entities, parts of speech or classes in documents of spaCy.

A document that came from such a file keeps its tokens and its other annotations. The probability of an entity is
`span._.seqtag_score`, those of classes are `doc.cats`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from seqtag.corpora.formats.writers.columns import upos_only
from seqtag.corpora.formats.writers.documents import About, Document, FormatWriter, rounded, set_aside
from seqtag.errors import DataError
from seqtag.text.schemes import UNKNOWN_TAG
from seqtag.text.tokenizer import Tokenizer

SCORE = "seqtag_score"  # an extension of spaCy's spans
CHOSEN = "seqtag_labels"  # in the user data of a document: the classes that a model chose


class DocBinFile(FormatWriter):
    """Collects the documents, and writes them at the end."""

    is_binary = True

    def __init__(self, about: About) -> None:
        super().__init__(about)
        self.docbin: Any = None
        self.vocabulary: Any = None

    def piece(self, document: Document) -> Document:
        """Leave the document as it is: documents of spaCy share one vocabulary."""
        return document

    def add(self, piece: Document) -> bytes:
        """Make a document of spaCy."""
        from spacy.tokens import DocBin
        from spacy.vocab import Vocab

        if self.docbin is None:
            # Fields and scores are user data, which cost spaCy two milliseconds a document; a corpus has neither.
            self.docbin, self.vocabulary = DocBin(store_user_data=self.about.is_predicted), Vocab()
        try:
            self.docbin.add(self._made(piece))
        except OverflowError:
            raise DataError(
                f"the fields {', '.join(piece.fields)} hold a number of more than 64 bits, which can't stand in a "
                "document of spaCy; write it as a string, or use --format jsonl"
            ) from None
        return b""

    def foot(self) -> bytes:
        """Write all documents."""
        from spacy.tokens import DocBin

        content: bytes = (DocBin() if self.docbin is None else self.docbin).to_bytes()
        return content

    def unheld(self, fields: Mapping[str, Any]) -> Iterable[str]:
        """Name no field: the user data of a document hold all of them."""
        return ()

    def _made(self, document: Document) -> Any:
        if document.docbin:
            doc = read_doc(document.docbin, self.vocabulary)
        else:
            if not document.tokens:
                document = replace(document, tokens=Tokenizer(self.about.language).tokens(document.text))
            doc = _new_doc(document, self.vocabulary)
        if self.about.task == "classify":
            scores = document.scores or {label: float(label in document.labels) for label in self.about.labels}
            doc.cats |= {label: rounded(score) for label, score in scores.items()}
            if document.scores:  # which of them were chosen does not follow from the scores alone
                doc.user_data[CHOSEN] = list(document.labels)
        elif self.about.is_plain:
            layer = "pos_" if upos_only(self.about.labels) else "tag_"
            places = {token.start: tag for token, tag in zip(document.tokens, document.tags)}
            for token in doc:
                if places.get(token.idx, UNKNOWN_TAG) != UNKNOWN_TAG:
                    setattr(token, layer, places[token.idx])
        else:
            _set_entities(doc, document)
        return doc


def _new_doc(document: Document, vocabulary: Any) -> Any:
    """Make a document with the text: what stands between two tokens, beyond a blank, is a token of white space."""
    from spacy.tokens import Doc

    words: list[str] = []
    spaces: list[bool] = []
    starts: list[bool] = []
    first_tokens = {0, *document.cuts}
    end = 0
    if not all(token.text for token in document.tokens):
        raise DataError("the token '' can't stand in a document of spaCy; use --format jsonl")
    for number, token in enumerate([*document.tokens, None]):
        gap = document.text[end : len(document.text) if token is None else token.start]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        if gap:
            words.append(gap)
            spaces.append(False)
            starts.append(False)
        if token is not None:
            words.append(token.text)
            spaces.append(False)
            starts.append(number in first_tokens)
            end = token.end
    if starts:
        starts[0] = True
    doc = Doc(vocabulary, words, spaces, sent_starts=starts if document.cuts else None)
    doc.user_data |= set_aside(document.fields, (CHOSEN,))
    return doc


def _set_entities(doc: Any, document: Document) -> None:
    from spacy.tokens import Span

    number_of = {token.idx: token.i for token in doc}
    entities: list[Span] = []
    missing: list[Span] = []
    known = [span for span in document.spans if span.label != UNKNOWN_TAG]
    for span in document.spans:
        first, end = document.token_span(span)
        begin, last = number_of[document.tokens[first].start], number_of[document.tokens[end - 1].start]
        (missing if span.label == UNKNOWN_TAG else entities).append(Span(doc, begin, last + 1, label=span.label))
    doc.set_ents(entities, missing=missing, default="outside")
    for entity, span in zip(entities, known):
        if span.score is not None:
            # where spaCy keeps `entity._.seqtag_score`; whoever reads it names it with Span.set_extension
            doc.user_data[("._.", SCORE, entity.start_char, entity.end_char)] = rounded(span.score)


def read_doc(docbin: bytes, vocabulary: Any) -> Any:
    """Read the only document of a DocBin."""
    from spacy.tokens import DocBin

    return next(DocBin().from_bytes(docbin).get_docs(vocabulary))
