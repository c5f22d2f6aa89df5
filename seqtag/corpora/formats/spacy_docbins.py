"""Read spaCy's binary corpora (`.spacy`, a DocBin): its entities as IOB2 tags, or its part-of-speech tags."""

import logging
import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import accumulate, pairwise
from typing import IO, Any

from seqtag.corpora.lines import max_unpacked, open_bytes, too_large
from seqtag.corpora.span_alignment import sentence_text
from seqtag.corpora.tagged_blocks import Block, TaggedSentence, gather
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import UNKNOWN_TAG, Span, tags_from_spans
from seqtag.text.tokenizer import Token

logger = logging.getLogger("seqtag")

_LAYERS = {"pos": "POS", "tag": "TAG", "lemma": "LEMMA", "morph": "MORPH", "dep": "DEP"}
_KINDS = {"ents": "ENT_IOB", "pos": "POS", "tag": "TAG"}  # with the attribute in which spaCy has each


def docbin_blocks(path: str | os.PathLike[str], *, tag: str | None = None) -> Iterator[Block]:
    """Read the documents of a DocBin: `tag` is 'ents' (default), 'pos' or 'tag'.

    A document is a row, or each of its sentences is one if the file marks them; where an entity goes over the border of
    two sentences, they are one row. White-space tokens are left out, because `Tokenizer` has none. `lines` are the
    numbers of documents, from 1; so are `documents`, if a document has several sentences. The whole file is held in
    memory.

    Documents without annotation are left out. In others a token without annotation is not one outside of entities: its
    tag is unknown. The log says how many there are.
    """
    name = os.fspath(path)
    kind = tag or "ents"
    if kind not in _KINDS:
        raise UsageError(f"{name}: unknown tag={kind!r} for a spaCy file; {near_miss(kind, _KINDS)}")
    documents = read_docs(path)
    if not any(document.has_annotation(_KINDS[kind]) for document in documents):
        others = [other for other, attribute in _KINDS.items() if documents[0].has_annotation(attribute)]
        advice = f"it has others: tag={others[0]!r}" if others else "set doc.ents before writing the file"
        raise DataError(f"{name}: no document has annotations for tag={kind!r}; {advice}")
    annotated = [
        (number, document) for number, document in enumerate(documents, 1) if not _is_bare(_words(document), kind)
    ]
    if num_bare := len(documents) - len(annotated):
        logger.warning("%s: documents without annotations for %r left out: %d", name, kind, num_bare)
    yield from gather(_sentences(annotated, kind, name))


def other_layers(path: str | os.PathLike[str], tag: str) -> Iterator[str]:
    """Name what the documents of a DocBin hold beside what is read, which is `ents`, `pos`, `tag` or `cats`."""
    for document in read_docs(path):
        yield from (layer for layer in layers_of(document) if layer != tag)
        yield from (key for key in document.user_data if isinstance(key, str))


def layers_of(document: Any) -> list[str]:
    """Name what is annotated in a document of spaCy, but for its sentences."""
    found = [name for name in ("ents", "spans", "cats") if getattr(document, name)]
    return found + [name for name, attribute in _LAYERS.items() if document.has_annotation(attribute)]


def read_docs(path: str | os.PathLike[str], handle: IO[bytes] | None = None) -> list[Any]:
    """Read the documents of a DocBin, or of a handle in the place of the file; DataError for a damaged or empty one."""
    import spacy
    from spacy.tokens import DocBin

    name = os.fspath(path)
    with open_bytes(path) if handle is None else nullcontext(handle) as source:
        content = source.read()
    most = max_unpacked(len(content))
    with suppress(zlib.error):  # spaCy finds out as well
        if len(zlib.decompressobj().decompress(content, most + 1)) > most:
            raise too_large(name, most)
    try:
        documents = list(DocBin().from_bytes(content).get_docs(spacy.blank("xx").vocab))
    # Where the file is damaged decides which of zlib, msgpack, numpy and spaCy notices it.
    except (zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, EOFError) as error:
        raise DataError(f"{name}: not a spaCy DocBin, or damaged ({error}); write it with DocBin.to_disk") from error
    if not documents:
        raise DataError(f"{name}: the file holds no documents")
    return documents


def _words(document: Any) -> list[Any]:
    return [token for token in document if not token.is_space]


def _has_tag(token: Any, kind: str) -> bool:
    return bool(token.ent_iob if kind == "ents" else token.pos if kind == "pos" else token.tag)


def _is_bare(words: list[Any], kind: str) -> bool:
    """Say whether a document has tokens, and no annotation for any of them."""
    return bool(words) and not any(_has_tag(token, kind) for token in words)


def _sentences(documents: list[tuple[int, Any]], kind: str, name: str) -> Iterator[TaggedSentence]:
    cuts = {number: _cuts(document) for number, document in documents}
    are_cut = any(map(len, cuts.values()))
    notes: Counter[str] = Counter()
    for number, document in documents:
        words = _words(document)
        places = [Token(token.text, token.idx, token.idx + len(token)) for token in words]
        if kind == "ents":
            tags = _entity_tags(words, document)
            # The document has no entity at such a token, and does not say whether somebody marked one there.
            notes["entities without a label, read as tokens outside of entities"] += sum(
                token.ent_iob_ == "B" and not token.ent_type for token in words
            )
        else:
            tags = [token.pos_ if kind == "pos" else token.tag_ for token in words]
        missing = [at for at, token in enumerate(words) if not _has_tag(token, kind)]
        for at in missing:
            tags[at] = UNKNOWN_TAG
        notes["tokens without an annotation, whose tags are unknown"] += len(missing)
        notes["documents without a token, kept as empty sentences"] += not words
        kept = [at for at in cuts[number] if kind != "ents" or not tags[at].startswith("I-")]
        notes["borders of sentences left out, because an entity goes over them"] += len(cuts[number]) - len(kept)
        for start, end in pairwise([0, *kept, len(words)]):
            own_text = sentence_text(document.text, places, start, end)
            texts = [token.text for token in places[start:end]]
            numbers = [number] * (end - start)
            yield TaggedSentence(texts, tags[start:end], numbers, number if are_cut else 0, own_text)
    for what, count in notes.items():
        if count:
            logger.warning("%s: %s: %d", name, what, count)


def _cuts(document: Any) -> list[int]:
    """Give the places among the words of a document at which its second sentence begins, and each one after it."""
    if not document.has_annotation("SENT_START"):
        return []
    counts = [sum(not token.is_space for token in sentence) for sentence in document.sents]
    return list(accumulate(filter(None, counts)))[:-1]


def _entity_tags(words: list[Any], document: Any) -> list[str]:
    place_of = {token.i: place for place, token in enumerate(words)}
    spans = []
    for entity in document.ents:
        inside = [place_of[index] for index in range(entity.start, entity.end) if index in place_of]
        if inside:
            spans.append(Span(inside[0], inside[-1] + 1, entity.label_))
    return tags_from_spans(spans, len(words), "IOB2")
