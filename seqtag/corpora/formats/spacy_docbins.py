"""Read spaCy's binary corpora (`.spacy`, a DocBin): its entities as IOB2 tags, or its part-of-speech tags."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from seqtag.corpora.lines import max_unpacked, open_bytes, too_large
from seqtag.corpora.tagged_drafts import Block, TaggedSentence, gather
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import Span, tags_from_spans

_KINDS = {"ents": "ENT_IOB", "pos": "POS", "tag": "TAG"}  # with the attribute in which spaCy has each


def docbin_blocks(path: str | os.PathLike[str], *, tag: str | None = None) -> Iterator[Block]:
    """Read the documents of a DocBin: `tag` is 'ents' (default), 'pos' or 'tag'.

    A document is a row, or each of its sentences where the file marks them. White-space tokens are left out, as
    `Tokenizer` has none. The `lines` are numbers of documents, from 1; so are `documents`, where some have sentences.
    The file is held in memory whole.
    """
    name = os.fspath(path)
    kind = tag or "ents"
    if kind not in _KINDS:
        raise UsageError(f"{name}: unknown tag={kind!r} for a spaCy file; {near_miss(kind, _KINDS)}")
    import spacy
    from spacy.tokens import DocBin

    with open_bytes(path) as handle:
        content = handle.read()
    most = max_unpacked(len(content))
    with suppress(zlib.error):  # spaCy finds out as well
        if len(zlib.decompressobj().decompress(content, most + 1)) > most:
            raise too_large(name, most)
    try:
        documents = list(DocBin().from_bytes(content).get_docs(spacy.blank("xx").vocab))
    # which it is depends on where the file is damaged: zlib, msgpack, numpy or spaCy notices
    except (zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, EOFError) as error:
        raise DataError(f"{name}: not a spaCy DocBin, or damaged ({error}); write it with DocBin.to_disk") from error
    if not documents:
        raise DataError(f"{name}: the file holds no documents")
    if not any(document.has_annotation(_KINDS[kind]) for document in documents):
        others = [other for other, attribute in _KINDS.items() if documents[0].has_annotation(attribute)]
        advice = f"it has others: tag={others[0]!r}" if others else "set doc.ents before writing the file"
        raise DataError(f"{name}: no document has annotations for tag={kind!r}; {advice}")
    yield from gather(_sentences(documents, kind, name))


def _sentences(documents: list[Any], kind: str, name: str) -> Iterator[TaggedSentence]:
    rows = [list(document.sents) if document.has_annotation("SENT_START") else [document] for document in documents]
    are_cut = any(len(parts) > 1 for parts in rows)
    for number, (document, parts) in enumerate(zip(documents, rows), 1):
        for part in parts:
            tokens = [token for token in part if not token.is_space]
            if not tokens:
                continue
            if kind == "ents":
                tags = _entity_tags(tokens, document)
            else:
                tags = [token.pos_ if kind == "pos" else token.tag_ for token in tokens]
                if "" in tags:
                    token = tokens[tags.index("")]
                    raise DataError(
                        f"{name}: document {number}: token {token.i} {token.text!r} has no tag for {kind!r}"
                    )
            words = [token.text for token in tokens]
            yield TaggedSentence(words, tags, [number] * len(tokens), number if are_cut else 0)


def _entity_tags(tokens: list[Any], document: Any) -> list[str]:
    place_of = {token.i: place for place, token in enumerate(tokens)}
    spans = []
    for entity in document.ents:
        inside = [place_of[index] for index in range(entity.start, entity.end) if index in place_of]
        if inside:
            spans.append(Span(inside[0], inside[-1] + 1, entity.label_))
    return tags_from_spans(spans, len(tokens), "IOB2")
