"""A corpus that was merged by vote as a dataset, and as documents for the writers of formats. Knows no vote."""

from collections.abc import Iterator, Sequence

from datasets import ClassLabel, Dataset, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.formats.writers.documents import Document, joined
from seqtag.corpora.tag_normalising import carrying, ordered_names
from seqtag.corpora.tagged_blocks import SentenceText
from seqtag.corpora.tagged_drafts import tagged_features
from seqtag.curation.annotations import Annotations
from seqtag.curation.voting import Merged, merge_by_vote, unknown_spans
from seqtag.text.schemes import ANNOTATED, Span
from seqtag.text.tokenizer import Token


def merged_dataset(annotations: Annotations, merged: Merged | None = None) -> Dataset:
    """Give the corpus that a vote makes of annotations, with the columns that `load_corpus` gives.

    >>> from seqtag.curation.annotations import side_by_side
    >>> said = {"ada": [["B-LOC"], ["O"]], "bo": [["B-LOC"], ["B-PER"]]}
    >>> rows = {name: Dataset.from_dict({"tokens": [["Oslo"], ["May"]], "tags": tags}) for name, tags in said.items()}
    >>> merged = merged_dataset(side_by_side(rows))
    >>> merged.features["tags"].feature.names, merged["tags"][:]
    (['O', 'B-LOC', '?'], [[1], [2]])
    """
    merged = merge_by_vote(annotations) if merged is None else merged
    texts = [annotations.texts[row] for row in merged.rows]
    if annotations.task == "labels":
        return _labelled(annotations, merged, texts)
    used = {tag for tags in merged.tags for tag in tags}
    names = ordered_names({"O", *used} if annotations.task == "spans" else used)
    numbers = {name: number for number, name in enumerate(names)}
    columns = {"tokens": texts, "tags": [[numbers[tag] for tag in tags] for tags in merged.tags]}
    document = None
    if annotations.documents is not None:
        columns["document"] = list(annotations.documents)
        document = "string" if any(isinstance(name, str) for name in annotations.documents) else "int64"
    if annotations.annotated is not None:
        columns[ANNOTATED] = list(annotations.annotated)
    features = tagged_features(names, document, is_partial=annotations.annotated is not None)
    return carrying(Dataset.from_dict(columns, features=features), str(annotations.scheme))


def _labelled(annotations: Annotations, merged: Merged, texts: Sequence[object]) -> Dataset:
    is_multi = annotations.holds_ANL is not None
    classes = ClassLabel(names=list(annotations.labels))
    text = "text" if not texts or isinstance(texts[0], str) else "tokens"
    number = {label: at for at, label in enumerate(annotations.labels)}
    ids = [[number[label] for label in labels] for labels in merged.labels]
    column, kind = ("labels", ListOf(classes)) if is_multi else ("label", classes)
    features = Features({text: Value("string") if text == "text" else ListOf(Value("string")), column: kind})
    return Dataset.from_dict({text: texts, column: ids if is_multi else [only for (only,) in ids]}, features=features)


def merged_documents(
    annotations: Annotations, merged: Merged, texts: Sequence[Sequence[SentenceText | None]]
) -> Iterator[Document]:
    """Give the merged rows as documents; `texts` has, for each annotator, the texts that tokens were cut from.

    The formats of spans hold unknown tokens as spans with the label `?`.
    """
    last: int | str | None = None
    for number, row in enumerate(merged.rows):
        text = annotations.texts[row]
        if annotations.task == "labels":
            whole, tokens = (text, []) if isinstance(text, str) else joined(text)
            yield Document(whole, tokens, labels=merged.labels[number], has_text=isinstance(text, str))
            continue
        annotator, origin = annotations.origins[row]
        known = texts[annotator][origin] if texts[annotator] else None
        whole, tokens = joined(text) if known is None else (known.text, _placed(text, known))
        tags = merged.tags[number]
        found = sorted([*merged.spans[number], *unknown_spans(tags)], key=lambda span: span.start)
        document = None if annotations.documents is None else annotations.documents[row]
        fields = {} if annotations.annotated is None else {ANNOTATED: annotations.annotated[row]}
        yield Document(
            whole,
            tokens,
            tags,
            [_in_text(span, whole, tokens) for span in found],
            fields=fields if document is None else fields | {"document": document},
            own_tokens=True,
            has_text=known is not None,
            begins_document=document is not None and document != last,
        )
        last = document


def _placed(words: Sequence[str], known: SentenceText) -> list[Token]:
    return [Token(word, start, start + len(word)) for word, start in zip(words, known.starts)]


def _in_text(span: Span, text: str, tokens: Sequence[Token]) -> Span:
    start, end = tokens[span.start].start, tokens[span.end - 1].end
    return Span(start, end, span.label, text[start:end])
