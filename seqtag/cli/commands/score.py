"""`seqtag score`: the output of any system against gold, tags against tags or labels of texts against labels."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from seqtag.cli.arguments import HtmlFile, JsonFile, LabelTask, MarkdownFile, MaxBytes
from seqtag.cli.output import check_files, show
from seqtag.cli.process import command
from seqtag.cli.sources import cut_source, pick_split, read_corpus
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.errors import DataError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset

    from seqtag.evaluation.report import Report
    from seqtag.evaluation.tagging.slices import TrainingKnowledge

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag score gold.conll other-system.conll --html report.html",
    "seqtag score gold.tsv:tag=1 out.tsv:tag=-1",
    "seqtag score gold.csv:label=stars out.csv:label=guess --task classify",
    "seqtag score gold.conll other-system.conll --train train.conll",
)

TagLists = Sequence[Sequence[str]]

_OPEN = ("IO", "IOB1", "IOB2")  # schemes that don't mark where a span ends


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a column file."""

    line: int  # of its first token
    tokens: list[str]
    tags: list[str]
    document: int = 0  # its number, if the file has -DOCSTART- lines or the like; else the same for all


@command
def score(
    gold: Annotated[
        str,
        typer.Argument(
            metavar="GOLD",
            help="A column file with the right tags; FILE:tag=3 names their column. With --task classify, texts with "
            "their labels; FILE:text=review,label=stars names the columns.",
        ),
    ],
    predicted: Annotated[
        str,
        typer.Argument(
            metavar="PREDICTED", help="The same sentences, or texts, in the same order, with what a system says."
        ),
    ],
    task: LabelTask = "tag",
    train: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="The data that the system was trained on, a column file or a corpus. The report then shows the scores "
            "of names and words that it had seen there apart from those of new ones. Upper and lower case differ.",
        ),
    ] = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Score the output of any system against gold, strictly and the conlleval way, and show what goes wrong."""
    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    if find_task(task, LABELLED_TASKS).name == "tag":
        report = score_tags(gold, predicted, train=train)
    elif train is None:
        report = score_labels(gold, predicted)
    else:
        raise UsageError(
            "--train: is for --task tag, where the scores of names seen in training are shown apart; leave it out"
        )
    show(replace(report, source=f"{predicted} against {gold}", model=predicted), files)


def score_tags(gold: str, predicted: str, *, train: str | None) -> "Report":
    """Score the tags of one column file against those of another, sentence by sentence."""
    from seqtag.evaluation.tagging.evaluation import evaluate_tags

    left, right = read_sentences(gold), read_sentences(predicted)
    check_parallel(left, right, gold, predicted)
    left, are_entities = respell(left, gold)
    if are_entities:
        right, _ = respell(right, predicted, are_entities=True)
    gold_tags, predicted_tags, scheme = in_one_scheme([s.tags for s in left], [s.tags for s in right])
    if scheme != "plain":
        check_tags(right, predicted, scheme)
    documents = [sentence.document for sentence in left]
    return evaluate_tags(
        gold_tags,
        predicted_tags,
        scheme=scheme,
        tokens=[sentence.tokens for sentence in left],
        documents=documents if len(set(documents)) > 1 else None,
        training=None if train is None else training_knowledge(train, scheme=scheme),
    )


def read_sentences(source: str) -> list[Sentence]:
    """Read a column file with its tags as they stand: nothing is repaired or converted."""
    from seqtag.corpora.formats.conll import column_blocks

    path, token, tag = cut_source(source, task="tag")
    sentences = []
    for block in column_blocks(path, token=token, tag=tag):
        start = 0
        for length, document in zip(block.lengths, block.documents):
            end = start + length
            tags = [name.strip() for name in block.tags[start:end]]
            sentences.append(Sentence(block.lines[start], list(block.tokens[start:end]), tags, document))
            start = end
    return sentences


def respell(sentences: list[Sentence], source: str, *, are_entities: bool = False) -> tuple[list[Sentence], bool]:
    """Bring entity tags in another spelling into that of `schemes`, and say whether the tags are entity tags.

    `scheme=` and `outside=` behind the path decide where it can't be told; `are_entities` says that gold's tags are.
    """
    from seqtag.corpora.source_names import reading_options
    from seqtag.corpora.tag_normalising import check_options, tell_respelling
    from seqtag.text.schemes import detect_scheme
    from seqtag.text.tag_spelling import find_respelling

    named = reading_options(source)
    scheme, outside = named.get("scheme"), named.get("outside")
    check_options(scheme, "conlleval", outside)
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    if scheme == "plain":
        return sentences, False
    respelling = find_respelling(counts, outside=outside, are_entities=are_entities or scheme is not None)
    if respelling is None:
        return sentences, detect_scheme({(None, tag): 1 for tag in counts}) != "plain"
    tell_respelling(respelling, source)
    read_as = respelling.read_as
    return [replace(sentence, tags=[read_as[tag] for tag in sentence.tags]) for sentence in sentences], True


def check_parallel(left: Sequence[Sentence], right: Sequence[Sentence], gold: str, predicted: str) -> None:
    """Raise DataError if two files are not cut into the same tokens; tokens that differ are only reported."""
    remedy = "both files must hold the same sentences, token for token"
    different = []
    for number, (ours, theirs) in enumerate(zip(left, right), 1):
        if len(ours.tokens) != len(theirs.tokens):
            raise DataError(
                f"{predicted}:{theirs.line}: sentence {number} has {len(theirs.tokens)} tokens, but "
                f"{gold}:{ours.line} has {len(ours.tokens)}; {remedy}"
            )
        pairs = zip(ours.tokens, theirs.tokens)
        different += [(theirs.line, a, b) for a, b in pairs if a != b]
    if len(left) != len(right):
        longer, name = (left, gold) if len(left) > len(right) else (right, predicted)
        more = longer[min(len(left), len(right))]
        raise DataError(
            f"{name}:{more.line}: one sentence more than the other file has: {gold} holds {len(left)} sentences, "
            f"{predicted} {len(right)}; {remedy}"
        )
    if different:
        line, ours_token, theirs_token = different[0]
        logger.warning(
            "%d tokens differ between the two files; the first is in the sentence at %s:%d, %r where gold has %r",
            len(different),
            predicted,
            line,
            theirs_token,
            ours_token,
        )


def training_knowledge(source: str, *, scheme: str) -> "TrainingKnowledge":
    """Read what a system was trained on, the split train of a corpus: the names with their labels, and the words.

    Words are compared as they stand, for it is not known here whether the system lower-cases them. `scheme` is that of
    gold; raises DataError if one of the two has plain tags and the other has entities.
    """
    from seqtag.corpora.tag_normalising import corpus_scheme
    from seqtag.evaluation.tagging.slices import TrainingKnowledge
    from seqtag.text.training_surfaces import surfaces_of

    corpus = read_corpus(source)
    train_scheme = corpus_scheme(corpus)
    if (train_scheme == "plain") != (scheme == "plain"):
        found, wanted = (
            "plain tags" if name == "plain" else f"entity tags ({name})" for name in (train_scheme, scheme)
        )
        raise DataError(
            f"{source}: training data with {found}, but gold has {wanted}; is the tag column the right one? "
            "name it: FILE:tag=1"
        )
    train = pick_split(corpus, "train", source=source, advice="name the file of the training data")
    words: set[str] = set()
    for rows in train.select_columns("tokens").with_format("arrow").iter(10_000):
        words.update(rows.column("tokens").combine_chunks().flatten().unique().to_pylist())
    return TrainingKnowledge(surfaces_of(train, train_scheme), words)


def check_tags(sentences: Sequence[Sentence], source: str, scheme: str) -> None:
    """Raise DataError, by file and line, for a plain label if gold has entity tags: mostly the column is wrong."""
    from seqtag.text.schemes import detect_scheme

    names = {tag for sentence in sentences for tag in sentence.tags}
    plain = {tag for tag in names if detect_scheme({(None, tag): 1}) == "plain"}
    for sentence in sentences if plain else ():
        for tag in sentence.tags:
            if tag in plain:
                raise DataError(
                    f"{source}:{sentence.line}: {tag!r} in this sentence is no entity tag, but gold is in {scheme}; "
                    "is the tag column the right one? name it: FILE:tag=1"
                )


def in_one_scheme(gold: TagLists, predicted: TagLists) -> tuple[TagLists, TagLists, str]:
    """Bring both sides into one scheme if theirs differ, without mending errors of the prediction.

    >>> in_one_scheme([["I-PER", "O", "I-LOC", "B-LOC"]], [["B-PER", "O", "B-LOC", "I-LOC"]])[::2]
    ([['B-PER', 'O', 'B-LOC', 'B-LOC']], 'IOB2')
    """
    from seqtag.text.schemes import convert_tags, detect_scheme, tag_bigrams

    left, right = (detect_scheme(tag_bigrams(corpus)) for corpus in (gold, predicted))
    if left == right or "plain" in (left, right):
        return gold, predicted, left
    if left == "IOB2" and right in _OPEN:
        # Nobody can tell whether such a prediction is in another scheme, or just never begins a span with B-.
        logger.info("gold is in IOB2, so the strict scores ignore predicted spans that don't begin with B-")
        return gold, predicted, left
    if left in _OPEN and right in _OPEN:
        if right != "IOB2":
            return gold, predicted, "IOB1"
        logger.info("gold is in scheme %s and is read as IOB2, the scheme of the prediction", left)
        return [convert_tags(tags, left, right) for tags in gold], predicted, right
    # Gold in IOB1 looks like IO if no spans touch; but in IO, predicted spans that touch would become one.
    scheme = "IOB1" if left == "IO" else left
    logger.info("the prediction is in scheme %s and is read as %s, the scheme of gold", right, scheme)
    return gold, [convert_tags(tags, right, scheme) for tags in predicted], scheme


def score_labels(gold: str, predicted: str) -> "Report":
    """Score the labels of one source of texts against those of another, which has the same texts in the same order."""
    from seqtag.corpora.labelled_drafts import label_names
    from seqtag.evaluation.classifying.evaluation import evaluate_labels

    left, right = _labelled_rows(gold), _labelled_rows(predicted)
    if len(left) != len(right):
        raise DataError(
            f"{gold} holds {len(left)} texts and {predicted} {len(right)}; both must hold the same texts in one order"
        )
    texts = _texts(left)
    different = [number for number, pair in enumerate(zip(texts, _texts(right)), 1) if pair[0] != pair[1]]
    if different:
        logger.warning(
            "%d texts differ between the two files; the first is text %d: are they in the same order?",
            len(different),
            different[0],
        )
    if ("labels" in left.column_names) != ("labels" in right.column_names):
        raise DataError(f"{gold} and {predicted}: one has lists of labels, the other one label per text; mend either")
    gold_labels, predicted_labels = label_names(left), label_names(right)
    known: set[str] = set()
    for names in (*gold_labels, *predicted_labels):
        known.update(names if isinstance(names, list) else [names])
    return evaluate_labels(
        gold_labels,
        predicted_labels,
        labels=sorted(known),
        texts=texts,
        lengths=[len(text) for text in texts],
        unit="characters",
    )


def _labelled_rows(source: str) -> "Dataset":
    corpus = read_corpus(source, task="classify")
    return pick_split(corpus, "test", source=source, advice="give the file of one split")


def _texts(rows: "Dataset") -> list[str]:
    return rows["text"][:] if "text" in rows.column_names else [" ".join(tokens) for tokens in rows["tokens"][:]]
