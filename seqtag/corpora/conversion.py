"""Bring a corpus into another format: its rows as documents for the writers, what is counted, and what gets lost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from datasets import Dataset, DatasetDict

from seqtag.corpora.formats.writers.columns import upos_only
from seqtag.corpora.formats.writers.documents import About, Document, joined
from seqtag.corpora.formats.writers.formats import FORMATS, Format
from seqtag.corpora.label_lists import check_label_lists
from seqtag.corpora.labelled_drafts import label_names, settle_labels
from seqtag.corpora.loading import labelled_parts, named_reading, tagged_parts
from seqtag.corpora.span_alignment import SpanRules
from seqtag.corpora.tag_normalising import carried_scheme, check_options, settle
from seqtag.corpora.tagged_blocks import Block, SentenceText
from seqtag.corpora.workspace import workspace
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG, Span, entity_labels, spans_from_tags
from seqtag.text.tokenizer import Token

Texts = Mapping[str, Sequence[SentenceText | None]]

_MOST_NAMED = 40  # fields that are not converted
# What a corpus may have that a format can't hold, with what becomes of it.
_LOSSES = {
    "scheme": "the scheme: spans have no letters of their own, and are read back as IOB2",
    "plain": "tags of single tokens: each is written as a span of one token, and is read back as an entity tag",
    "text": "texts and the places of tokens in them: only the tokens are written",
    "documents": "where documents begin",
    "empty": "texts without a token, which are left out",
    "annotated": "which labels were annotated in a sentence: it is read back as if all of them were",
    "single": "that a text has exactly one label: labels stand in lists, and are read back as lists",
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus as it was read."""

    splits: DatasetDict
    texts: Texts  # by split, as many as there are rows; empty where the source has tokens only
    about: About
    scheme: str | None  # of the tags
    others: Sequence[str]  # names what the source holds besides


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of a split before and after it is written."""

    num_rows: int
    num_tokens: int  # 0 for labelled texts
    labels: Counter[str]  # spans by label and unknown tokens, tokens by plain tag, or texts by class


def read_tagged(source: str, *, scheme: str | None = None, language: str = "xx") -> Corpus:
    """Read a corpus of tagged tokens as `load_corpus` does, and keep the texts that the tokens were cut from."""
    scheme, outside = named_reading(source, scheme, None)
    check_options(scheme, "conlleval", outside)
    parts, _ = tagged_parts(source, None, None, SpanRules(language))
    texts: dict[str, list[SentenceText | None]] = {split: [] for split in parts}
    parts = {split: replace(part, blocks=_keeping(part.blocks, texts[split])) for split, part in parts.items()}
    corpus = settle(parts, workspace(), scheme=scheme, outside=outside, repair="conlleval")
    rows = next(iter(corpus.values()))
    names, found = rows.features["tags"].feature.names, carried_scheme(rows)
    labels = names if found == "plain" else [*entity_labels(names), *({UNKNOWN_TAG} & {*names})]
    others = dict.fromkeys(name for part in parts.values() for name in part.others)
    return Corpus(corpus, texts, About("tag", labels, is_plain=found == "plain"), found, list(others))


def _keeping(blocks: Any, texts: list[SentenceText | None]) -> Iterator[Block]:
    for block in blocks:
        texts += block.texts or [None] * len(block.lengths)
        yield block


def read_labelled(source: str, *, language: str = "xx") -> Corpus:
    """Read a corpus of texts with labels."""
    parts, _ = labelled_parts(source, None, None)
    corpus = settle_labels(parts, workspace())
    check_label_lists(corpus)
    others = dict.fromkeys(name for split in parts.values() for part in split for name in part.others)
    features = next(iter(corpus.values())).features
    is_multi = "labels" in features
    names = features["labels"].feature.names if is_multi else features["label"].names
    return Corpus(corpus, {}, About("classify", names, is_multi=is_multi, language=language), None, list(others))


def documents(corpus: Corpus, split: str) -> Iterator[Document]:
    """Give the rows of a split as documents."""
    rows = corpus.splits[split]
    if corpus.about.task == "classify":
        for row, labels in zip(rows, label_names(rows)):
            text, tokens = (row["text"], []) if "text" in row else joined(row["tokens"])
            has_text = "text" in row
            yield Document(text, tokens, labels=labels if corpus.about.is_multi else [labels], has_text=has_text)
        return
    names = rows.features["tags"].feature.names
    last: Any = None
    for row, known in zip(rows, corpus.texts[split]):
        tags = [names[number] for number in row["tags"]]
        text, tokens = joined(row["tokens"]) if known is None else _placed(row["tokens"], known)
        found = (
            [Span(at, at + 1, tag) for at, tag in enumerate(tags)]
            if corpus.about.is_plain
            else sorted([*spans_from_tags(tags, str(corpus.scheme)), *_unknown_spans(tags)])
        )
        begins = "document" in row and row["document"] != last
        last = row.get("document")
        yield Document(
            text,
            tokens,
            tags,
            [_in_text(span, text, tokens) for span in found],
            fields={key: row[key] for key in ("document", ANNOTATED) if row.get(key) is not None},
            own_tokens=True,
            has_text=known is not None,
            begins_document=begins,
        )


def _unknown_spans(tags: Sequence[str]) -> Iterator[Span]:
    """Give the runs of unknown tags as spans with the label ?, as which span formats hold them."""
    place = 0
    for tag, group in groupby(tags):
        length = len(list(group))
        if tag == UNKNOWN_TAG:
            yield Span(place, place + length, UNKNOWN_TAG)
        place += length


def _placed(words: Sequence[str], known: SentenceText) -> tuple[str, list[Token]]:
    return known.text, [Token(word, start, start + len(word)) for word, start in zip(words, known.starts)]


def _in_text(span: Span, text: str, tokens: Sequence[Token]) -> Span:
    start, end = tokens[span.start].start, tokens[span.end - 1].end
    return Span(start, end, span.label, text[start:end])


def count(rows: Dataset) -> Counts:
    """Count the rows of a split, their tokens and their labels."""
    if "tags" not in rows.features:
        names = label_names(rows)
        is_multi = "labels" in rows.features
        return Counts(len(rows), 0, Counter(label for each in names for label in (each if is_multi else [each])))
    names, scheme = rows.features["tags"].feature.names, carried_scheme(rows)
    labels: Counter[str] = Counter()
    num_tokens = 0
    for numbers in rows["tags"]:
        tags = [names[number] for number in numbers]
        num_tokens += len(tags)
        if scheme == "plain":
            labels.update(tags)
        else:
            labels.update(span.label for span in spans_from_tags(tags, str(scheme)))
            labels.update(tag for tag in tags if tag == UNKNOWN_TAG)
    return Counts(len(rows), num_tokens, labels)


def losses(corpus: Corpus, name: str) -> list[str]:
    """Say in sentences what gets lost on the way to a format, which is one of FORMATS, or parquet."""
    has = {
        "scheme": corpus.scheme not in (None, "plain", "IOB2"),
        "plain": corpus.about.is_plain,
        "text": any(text is not None for texts in corpus.texts.values() for text in texts),
        "documents": any("document" in rows.features for rows in corpus.splits.values()),
        "empty": corpus.about.task == "tag"
        and any(not each for rows in corpus.splits.values() for each in rows["tags"]),
        "annotated": any(ANNOTATED in rows.features for rows in corpus.splits.values()),
        "single": corpus.about.task == "classify" and not corpus.about.is_multi,
    }
    holds = FORMATS[name].holds if name in FORMATS else set(has) - {"text"}
    lost = [f"{name} can't hold {loss}" for what, loss in _LOSSES.items() if has[what] and what not in holds]
    if others := [name for name in corpus.others if name != ANNOTATED]:
        kept = "texts and labels" if corpus.about.task == "classify" else "tokens and tags"
        named = ", ".join(others[:_MOST_NAMED]) + ", ..." * (len(others) > _MOST_NAMED)
        lost.append(f"not converted, as a corpus keeps {kept} only: {named}")
    return lost


def reading_suffix(corpus: Corpus, name: str) -> str:
    """Give what has to follow the name of a file to read it back, as in `out.spacy:tag=pos`."""
    if corpus.about.task == "classify":
        return ""
    is_upos = upos_only(corpus.about.labels)
    if name == "conllu" and not (corpus.about.is_plain and is_upos):
        return ":tag=xpos" if corpus.about.is_plain else ":tag=misc:NE"
    return ":tag=pos" * is_upos or ":tag=tag" if name == "spacy" and corpus.about.is_plain else ""


def content(corpus: Corpus, split: str, form: Format) -> Iterator[Any]:
    """Give the content of the file of a split, piece by piece."""
    writer = form.writer(corpus.about)
    yield writer.head()
    for document in documents(corpus, split):
        yield writer.add(writer.piece(document))
    yield writer.foot()
