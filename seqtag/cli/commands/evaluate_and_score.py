"""`seqtag evaluate` and `seqtag score`: a model, or any system's column file, against gold."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqtag.cli.sources import column_source, open_output, pick_split, read_corpus
from seqtag.cli.tasks import LANGUAGE, load_model, stored_name, stored_task
from seqtag.corpora.formats.conll import column_blocks
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import convert_tags, detect_scheme, tag_bigrams

if TYPE_CHECKING:
    from seqtag.evaluation.report import Report
    from seqtag.evaluation.tagging.slices import TrainingKnowledge

logger = logging.getLogger("seqtag")

TagLists = Sequence[Sequence[str]]
Files = Mapping[str, str | None]  # form of the report, by its ending -> where to write it

_OPEN = ("IO", "IOB1", "IOB2")  # schemes that don't mark where a span ends


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a column file."""

    line: int  # of its first token
    tokens: list[str]
    tags: list[str]
    document: int = 0  # its number, where the file has -DOCSTART- lines or the like; else the same for all


def evaluate(folder: str, source: str, *, split: str | None, files: Files, device: str, engine: str | None) -> None:
    """Measure the model in `folder` on a split: the one named, else test, else the only one."""
    if stored_name(folder) == LANGUAGE:
        from seqtag.cli import language

        if engine is not None:
            raise UsageError(
                f"--engine {engine}: {folder} holds a language model, and engines are for taggers and classifiers; "
                "leave it out"
            )
        language.evaluate(folder, source, split=split, files=files, device=device)
        return
    task = stored_task(folder)
    estimator = load_model(task, folder, device=device, engine=engine)
    corpus = read_corpus(source, task=task.name, **task.reading(estimator))
    if split is not None and split not in corpus:
        raise UsageError(f"{source}: no split {split!r}; {near_miss(split, corpus)}")
    data = pick_split(corpus, split or "test", source=source, advice="choose one with --split")
    show(replace(estimator.evaluate(data), source=source if split is None else f"{source}, {split}"), files)


def score(gold: str, predicted: str, *, train: str | None, files: Files) -> None:
    """Score the tags of one column file against those of another, sentence by sentence."""
    from seqtag.evaluation.tagging.evaluation import evaluate_tags

    left, right = read_sentences(gold), read_sentences(predicted)
    check_parallel(left, right, gold, predicted)
    gold_tags, predicted_tags, scheme = in_one_scheme([s.tags for s in left], [s.tags for s in right])
    if scheme != "plain":
        check_tags(right, predicted, scheme)
    documents = [sentence.document for sentence in left]
    report = evaluate_tags(
        gold_tags,
        predicted_tags,
        scheme=scheme,
        tokens=[sentence.tokens for sentence in left],
        documents=documents if len(set(documents)) > 1 else None,
        training=None if train is None else training_knowledge(train, scheme=scheme),
        source=f"{predicted} against {gold}",
    )
    show(report, files)


def show(report: "Report", files: Files) -> None:
    """Print a report, and write the forms that are asked for; where one goes to '-', it is all that is printed."""
    if "-" not in files.values():
        print_report(report)
    for ending, path in files.items():
        if path is not None:
            with open_output(path, sys.stdout) as output:
                output.write(report.to_text(ending))


def print_report(report: "Report") -> None:
    """Print a report, in colours only where somebody looks."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False, emoji=False).print(report)
    else:
        print(report)


def read_sentences(source: str) -> list[Sentence]:
    """Read a column file with its tags as they stand: nothing is repaired or converted."""
    path, token, tag = column_source(source)
    sentences = []
    for block in column_blocks(path, token=token, tag=tag):
        start = 0
        for length, document in zip(block.lengths, block.documents):
            end = start + length
            tags = [name.strip() for name in block.tags[start:end]]
            sentences.append(Sentence(block.lines[start], list(block.tokens[start:end]), tags, document))
            start = end
    return sentences


def check_parallel(left: Sequence[Sentence], right: Sequence[Sentence], gold: str, predicted: str) -> None:
    """Raise DataError where two files are not cut into the same tokens; tokens that differ are only reported."""
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
            "%d tokens are written otherwise in the two files; first in the sentence at %s:%d: %r for gold's %r",
            len(different),
            predicted,
            line,
            theirs_token,
            ours_token,
        )


def training_knowledge(source: str, *, scheme: str) -> "TrainingKnowledge":
    """Read what a system was trained on, the split train of a corpus: its surfaces with their labels, and its words.

    Words count as they stand: whether a system lower-cases them is not known here. `scheme` is that of gold; raises
    DataError where one of the two has plain tags and the other entities.
    """
    from seqtag.corpora.tag_normalising import corpus_scheme
    from seqtag.evaluation.tagging.slices import TrainingKnowledge
    from seqtag.text.training_surfaces import surfaces_of

    corpus = read_corpus(source)
    own = corpus_scheme(corpus)
    if (own == "plain") != (scheme == "plain"):
        found, wanted = ("plain tags" if name == "plain" else f"entity tags ({name})" for name in (own, scheme))
        raise DataError(
            f"{source}: training data with {found}, but gold has {wanted}; is the tag column the right one? "
            "name it: FILE:tag=1"
        )
    train = pick_split(corpus, "train", source=source, advice="name the file of the training data")
    words: set[str] = set()
    for rows in train.select_columns("tokens").with_format("arrow").iter(10_000):
        words.update(rows.column("tokens").combine_chunks().flatten().unique().to_pylist())
    return TrainingKnowledge(surfaces_of(train, own), words)


def check_tags(sentences: Sequence[Sentence], source: str, scheme: str) -> None:
    """Raise DataError, by file and line, for a plain label where gold has entity tags: most often a wrong column."""
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
    """Bring two sides into one scheme, if theirs differ, without mending what is wrong with the prediction.

    >>> in_one_scheme([["I-PER", "O", "I-LOC", "B-LOC"]], [["B-PER", "O", "B-LOC", "I-LOC"]])[::2]
    ([['B-PER', 'O', 'B-LOC', 'B-LOC']], 'IOB2')
    """
    left, right = (detect_scheme(tag_bigrams(corpus)) for corpus in (gold, predicted))
    if left == right or "plain" in (left, right):
        return gold, predicted, left
    if left == "IOB2" and right in _OPEN:
        # Whether such a prediction is in another scheme or never starts a span, nobody can tell.
        logger.info("gold is in IOB2; the strict reading passes over predicted spans that don't begin with B-")
        return gold, predicted, left
    if left in _OPEN and right in _OPEN:
        if right != "IOB2":
            return gold, predicted, "IOB1"
        logger.info("gold is in scheme %s and is read as IOB2, the scheme of the prediction", left)
        return [convert_tags(tags, left, right) for tags in gold], predicted, right
    # Gold in IOB1 where no spans touch looks like IO, in which spans of a prediction that do touch would become one.
    scheme = "IOB1" if left == "IO" else left
    logger.info("the prediction is in scheme %s and is read as %s, the scheme of gold", right, scheme)
    return gold, [convert_tags(tags, right, scheme) for tags in predicted], scheme
