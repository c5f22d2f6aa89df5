"""The data linter: read a corpus as it is and say what would hurt a model or a score. It changes nothing.

An error is what `seqtag train` refuses with the same options, and nothing else is one; a warning probably does harm to
a model or a score; a note is worth a look. These are the kinds of finding, in their order; rows are sentences or
labelled texts:

| kind | severity | what is found |
|---|---|---|
| unreadable | error | a file or split that the readers refuse, with their message; it is left out of all that follows |
| unnamed_splits | error | a folder without a file that is named after a split; each file is looked at as one |
| no_train | error | a path or hub name that has splits, and none is called train |
| too_little | error | a split train with nothing to tell apart, or too few rows to hold some out where dev is missing |
| missing_label | error | a token without a tag, a text without a label |
| tag_of_no_scheme | error | a tag that can't be read in the scheme that the source names |
| misaligned_span | error | offsets that cut a token, or at which other words stand than the span's own; all listed |
| overlapping_span | error | spans that overlap another one, all listed; not where `overlaps=` chooses |
| indicator_labels | error | lists of labels that are 0 and 1, one per class, without the names of the classes |
| foreign_labels | error | labels of a split dev or test of texts, none of which occurs in train |
| wrong_column | warning | a column in which nearly each value is different, so that it hardly holds labels |
| doubtful_word | warning | words that are numbers, or sentences of one word each: maybe they are none |
| doubtful_tag | warning | plain tags that look like entity tags or numbers, or are more than the words |
| odd_tag | warning | a tag that is neither O nor an entity tag, though nearly all others are |
| mixed_letters | warning | entity tags whose letters no one scheme has together |
| illegal_tag | warning | a tag that breaks the corpus's scheme, such as an orphan I-, and is repaired |
| few_misaligned | warning | misaligned spans, at most one in twenty, which are moved or left out; all listed |
| label_not_in_train | warning | labels of another split that train lacks |
| shared_with_train | warning | rows of another split, of four words or more, that train has too: 1% of it or more |
| few_shared_with_train | warning | the same, but less than 1% of the split |
| shared_held_out | warning | rows of four words or more that two splits share, neither of them train |
| near_copy | warning | rows of two splits whose sets of words have a Jaccard index of 0.9 or more; not of letters |
| respelled_tag | warning | entity tags in another spelling than `B-PER` and O, with what they are taken for |
| joined_labels | warning | labels of texts that look like several in one string, with the mark that cuts them |
| two_labels | warning | the same words with different tags, or with another label |
| similar_labels | warning | labels that differ only in case or separators, or are one letter apart and one is rare |
| unused_label | warning | labels of train that dev or test lacks |
| missing_word | warning | labels of texts such as `nan` and `None`, which programs write for missing ones |
| blank_row | warning | texts, or sentences, without a visible character |
| blank_token | warning | empty tokens, or tokens of white space and invisible characters |
| space_in_token | warning | tokens with white space inside |
| invisible_character | warning | characters that nobody can see, such as U+200B and U+FEFF, by name |
| replacement_character | warning | U+FFFD, the trace of a lost character |
| long_row | warning | outliers in length, as `texts.long_limit` says, and sentences of more than 2,000 tokens |
| long_token | warning | tokens of more than 500 characters |
| imbalance | warning | a class with four texts in five, or twenty times as many as another |
| unknown_tag | note | tokens that nobody annotated, with the tag ? |
| short_shared | note | rows of fewer than four words that two splits share |
| repeated_row | note | rows of four words or more that occur again in their split |
| ambiguous_surface | note | entities that have two labels or more, with counts |
| rare_label | note | labels with fewer than five examples in train |
| no_begin_tags | note | a scheme without B- tags |
| filled_separator | note | lines between sentences that hold tabs or spaces |
| hash_token | note | tokens that begin their line with #, and are no comment |
| double_blank | note | sentences with two blanks in a row, in `seq.in` |
| line_break | note | texts of a table that go over several lines |

The last four do no harm in seqtag, but other readers may fail on them.

The severities themselves are in findings.SEVERITIES.
"""

import os
from collections.abc import Iterator, Mapping

from seqtag.corpora.column_roles import Column
from seqtag.corpora.loading import check_task, named_reading
from seqtag.corpora.tag_normalising import check_options
from seqtag.linter.corpus import Corpus, Rows, Sources, Watch, read_rows
from seqtag.linter.duplicates import check_duplicates
from seqtag.linter.findings import Finding, Findings, SplitCounts, Tally, ordered
from seqtag.linter.labels import LabelUse, check_label_strings, check_labels, class_uses, tag_uses
from seqtag.linter.lines import check_lines
from seqtag.linter.tags import check_surfaces, check_tags, read_tags
from seqtag.linter.texts import check_texts


def check_corpus(
    source: Sources,
    *,
    task: str = "tag",
    token: Column | None = None,
    tag: Column | None = None,
    text: Column | None = None,
    label: Column | None = None,
    language: str = "xx",
    watch: Watch = lambda what: None,
) -> Findings:
    """Look through a corpus for what would hurt a model or a score: `seqtag check`. Changes nothing.

    `source` takes all that `load_corpus` takes: a file or folder, a hub name, a Dataset or a DatasetDict; or it maps
    names of splits to files of one split each. The files of a folder may also have any name; each then counts as a
    split. `task` says what the rows are, "tag" for tagged tokens or "classify" for labelled texts. `token` and `tag`,
    or `text` and `label`, name the columns, as for `load_corpus`; `language` names the rules that cut texts with
    character offsets into tokens. `watch` is called with the name of each step as it begins.

    Gives `Findings`: `print` shows them, `findings.has_errors` says whether `seqtag train` would refuse the corpus,
    `findings.of_kind("illegal_tag")` gives one kind with its count and its places, `findings.to_dict()` gives all as
    JSON values, and `findings.save("check.html")` writes a page, Markdown or JSON. help(seqtag.linter.linter) lists the
    kinds. A split that can't be read is an error among the findings. Raises UsageError for an invalid source or option.

    >>> from datasets import Dataset
    >>> rows = {"tokens": [["Ada", "Lovelace"], ["I", "do"]], "tags": [["B-PER", "I-LOC"], ["O", "O"]]}
    >>> findings = check_corpus(Dataset.from_dict(rows))
    >>> findings.has_errors, [(finding.kind, finding.count) for finding in findings.findings]
    (False, [('illegal_tag', 1), ('rare_label', 2)])
    """
    columns = {"token": token, "tag": tag, "text": text, "label": label}
    check_task(task, columns)
    corpus = read_rows(source, task, {**columns, "language": language}, watch)
    findings: list[Finding] = [*_unreadable(corpus), *_unnamed(corpus), *_without_train(corpus, source)]
    watch("looking at words and lines")
    findings += [*check_texts(corpus), *check_lines(corpus)]
    watch("looking for copies")
    findings += check_duplicates(corpus)
    watch("looking at labels")
    found_scheme = None
    if task == "tag":
        scheme, outside = _named_reading(source)
        reading = read_tags(corpus, scheme=scheme, outside=outside)
        found_scheme = reading.scheme if corpus.splits else None
        findings += [*check_tags(reading), *check_surfaces(reading)]
        uses = tag_uses(reading)
    else:
        findings += [*_unlabelled(corpus), *check_label_strings(corpus)]
        uses = class_uses(corpus)
    findings += check_labels(uses, task)
    findings += _too_little(corpus, uses, found_scheme)
    return Findings(_name(source), task, found_scheme, _sizes(corpus, uses), ordered(findings))


def _named_reading(source: Sources) -> tuple[str | None, str | None]:
    """Give the scheme and the tag outside of entities that stand behind a path, or behind the first of several."""
    paths = source.values() if isinstance(source, Mapping) else [source]
    named = [named_reading(path, None, None) for path in paths if isinstance(path, (str, os.PathLike))]
    scheme, outside = next((each for each in named if any(each)), (None, None))
    check_options(scheme, "conlleval", outside)
    return scheme, outside


def _unreadable(corpus: Corpus) -> list[Finding]:
    tally = Tally("unreadable")
    for split, message in corpus.unreadable.items():
        tally.add(split, 1, [("" if f"{split}:" in message else split, message)])
    message = "what can't be read was not looked at, nor compared with other splits; mend it and check again"
    if not corpus.splits:
        what = "tagged tokens" if corpus.task == "tag" else "labelled texts"
        message = f"none of it can be read as {what}; is it such data? If so, mend what is named here"
    return list(tally.finding(message))


def _too_little(corpus: Corpus, uses: Mapping[str, LabelUse], scheme: str | None) -> list[Finding]:
    """Find what `fit` refuses: a train split without labels to tell apart, or of a single row where dev is missing."""
    tally = Tally("too_little")
    if (rows := corpus.splits.get("train")) is None:
        return []
    several = rows.has_lists
    names = [name for name, count in uses["train"].counts.items() if count]
    if len(names) < (1 if several or (corpus.task == "tag" and scheme != "plain") else 2):
        found = f"the only label is {names[0]!r}" if names else "there is no label but O"
        tally.add("train", 1, [(rows.origin, f"{found}; is the column of labels the right one?")])
    elif "dev" not in corpus.splits:
        counts = uses["train"].counts.values()
        if len(rows) < 2:
            tally.add("train", 1, [(rows.origin, "there is one row, and no split dev")])
        elif corpus.task == "classify" and not several and max(counts) < 2:
            tally.add("train", 1, [(rows.origin, "no class has two texts, so none can be held out, and no split dev")])
    return list(tally.finding("there is too little to train on, and `seqtag train` refuses it"))


def _unnamed(corpus: Corpus) -> Iterator[Finding]:
    tally = Tally("unnamed_splits")
    if corpus.splits:  # else it is no corpus, whatever its files are called
        tally.add("", len(corpus.unnamed), (("", repr(name)) for name in corpus.unnamed))
    yield from tally.finding(
        "files are in the folder, and none is named after a split (train, dev or valid, test). Each was looked at as "
        "one split; to train, name them so, or give one file"
    )


def _without_train(corpus: Corpus, source: Sources) -> list[Finding]:
    tally = Tally("no_train")
    found = {*corpus.splits, *corpus.unreadable}
    if isinstance(source, (str, os.PathLike)) and not corpus.unnamed and corpus.splits and "train" not in found:
        tally.add("", 1, [("", f"the splits are {', '.join(corpus.splits)}")])
    return list(tally.finding("splits are there, and none is called train; to train, give the file to train on"))


def _unlabelled(corpus: Corpus) -> list[Finding]:
    def without(rows: Rows) -> list[int]:
        return [row for row in range(len(rows)) if (rows.labels_of(row) < 0).any()]

    tally = corpus.tally("missing_label", without, Rows.quoted)
    return list(tally.finding("texts have no label; give each one, or leave them out"))


def _sizes(corpus: Corpus, uses: Mapping[str, LabelUse]) -> tuple[SplitCounts, ...]:
    return tuple(
        SplitCounts(name, rows.origin, len(rows), len(rows.words), uses[name].counts)
        for name, rows in corpus.splits.items()
    )


def _name(source: Sources) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, Mapping) and any(isinstance(each, (str, os.PathLike)) for each in source.values()):
        return ", ".join(str(each) if isinstance(each, (str, os.PathLike)) else name for name, each in source.items())
    return "the dataset"
