"""`seqtag agree`: how far annotators of the same texts agree, where they don't, and their corpora merged by vote."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import LABELLED_FORMS, HtmlFile, JsonFile, LabelTask, MarkdownFile, MaxBytes
from seqtag.cli.output import check_files, open_output, show
from seqtag.cli.process import command
from seqtag.cli.sources import pick_split
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.cli.written_formats import PARQUET, check_ending, format_name
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.corpora.conversion import Corpus
    from seqtag.curation.annotations import Annotations
    from seqtag.curation.voting import Merged

EXAMPLES = (
    "seqtag agree ada.conll bo.conll cy.conll --html agreement.html",
    "seqtag agree ada.conll bo.conll --output merged.conll",
    "seqtag agree export.json --language en",
    "seqtag agree export.json:annotator=1 export.json:annotator=2",
    "seqtag agree ada.csv bo.csv --task classify",
)


@command
def agree(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...",
            help="The corpus of each annotator, with the same texts in the same order. A single export in JSON of "
            "Label Studio or Prodigy stands for all annotators that it names, of whom each may have had a part of the "
            f"texts. {LABELLED_FORMS}",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the corpus that a vote makes of them: spans, tags or labels that more than half have. Where "
            "the vote is split, tokens get the unknown tag ?, from which training learns nothing, and texts are left "
            "out.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="The format of --output, as in `seqtag convert`; by default its ending."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --output if it is there already.")] = False,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="The split: train, dev or test; default: the only one.")
    ] = None,
    task: LabelTask = "tag",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="The language whose rules cut texts with character offsets into tokens.")
    ] = "xx",
    resamples: Annotated[int, typer.Option(metavar="N", help="How many samples are drawn for the intervals.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed gives the same intervals.")] = 0,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Measure how far annotators agree, show where they don't, and merge them by vote.

    F1 is the mean of all pairs of annotators, and which of a pair is gold makes no difference. Beyond chance there are
    Cohen's kappa for pairs, Fleiss' kappa and Krippendorff's alpha for all: over tokens, over those that somebody
    marked, over the labels of spans with the same borders; and Krippendorff's alpha of unitising, by which a border
    that is off by a token costs little and a missing span much. Unknown tags (?) count nowhere.
    """
    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    chosen = find_task(task, LABELLED_TASKS)
    form = None if output is None else check_output(output, to, chosen.name, overwrite=overwrite)
    if to is not None and output is None:
        raise UsageError(f"--to {to}: is the format of the merged corpus; add --output FILE, or leave it out")
    sources, by_text = find_annotators(data, chosen.name)
    corpora = read_annotators(sources, task=chosen.name, language=language)

    from seqtag.curation.agreement import measure
    from seqtag.curation.agreement_page import Agreement
    from seqtag.curation.annotations import side_by_side
    from seqtag.curation.voting import merge_by_vote

    splits = {name: _split_of(corpus, split, sources[name]) for name, corpus in corpora.items()}
    rows = {name: corpus.splits[splits[name]] for name, corpus in corpora.items()}
    annotations = side_by_side(rows, by_text=by_text)
    measured = measure(annotations, resamples=resamples, seed=seed)
    merged, notes = None, tuple[str, ...]()
    if output is not None and form is not None:
        merged = merge_by_vote(annotations)
        texts = [corpus.texts.get(splits[name], ()) for name, corpus in corpora.items()]
        notes = write_merged(annotations, merged, texts, output, form)
    show(Agreement(measured, merged, output or "", notes), files)


def check_output(output: str, to: str | None, task: str, *, overwrite: bool) -> str:
    """Find the format of the merged corpus; UsageError, before the work, for a file that can't be written so."""
    form = format_name(output, to, task)
    check_ending(output, form)
    if os.path.exists(output) and not overwrite:
        raise UsageError(f"{output}: there is such a file already; name another, or add --overwrite")
    if not Path(output).absolute().parent.is_dir():
        raise UsageError(f"{output}: can't be written, because its folder does not exist; make it, or name another")
    return form


def find_annotators(data: Sequence[str], task: str) -> tuple[dict[str, str], bool]:
    """Give a name and a source for each annotator, and say whether all of them are in one export."""
    from seqtag.corpora.formats.annotation_exports import annotators_of
    from seqtag.corpora.source_names import parse_source, reading_options
    from seqtag.evaluation.statistics.comparison import distinct_names

    paths = [parse_source(source, task=task)[0] for source in data]
    if len(data) == 1:
        (source,), (path,) = data, paths
        is_export = task == "tag" and path.lower().endswith((".json", ".jsonl")) and Path(path).is_file()
        people = annotators_of(path) if is_export and "annotator" not in reading_options(source) else []
        if len(people) < 2:
            found = f", and it names {'one annotator' if people else 'no annotators'}" if is_export else ""
            raise UsageError(f"{source}: there is one source{found}; name the corpora of two annotators or more")
        between = ":" if path == source else ","
        return {name: f"{source}{between}annotator={name}" for name in people}, True
    for number, source in enumerate(data):
        if source in data[:number]:
            raise UsageError(f"{source}: is named twice; name the corpora of two annotators or more")
    said = [reading_options(source).get("annotator", "") if task == "tag" else "" for source in data]
    stems = [Path(path).name.split(".")[0] for path in paths]
    parents = [Path(path).absolute().parent.name for path in paths]
    names = distinct_names(said, stems, parents, list(data))
    return dict(zip(names, data)), len(set(paths)) == 1


def read_annotators(sources: Mapping[str, str], *, task: str, language: str) -> "dict[str, Corpus]":
    """Read the corpus of each annotator, with the texts that its tokens were cut from."""
    from datasets import disable_progress_bars

    from seqtag.corpora.conversion import read_labelled, read_tagged

    disable_progress_bars()
    read = read_tagged if task == "tag" else read_labelled
    return {name: read(source, language=language) for name, source in sources.items()}


def _split_of(corpus: "Corpus", split: str | None, source: str) -> str:
    if split is not None and split not in corpus.splits:
        raise UsageError(f"{source}: no split {split!r}; {near_miss(split, corpus.splits)}")
    if split is None:
        pick_split(corpus.splits, "", source=source, advice="choose one with --split")
    return split or next(iter(corpus.splits))


def write_merged(
    annotations: "Annotations", merged: "Merged", texts: Sequence[Any], output: str, form: str
) -> tuple[str, ...]:
    """Write the merged corpus, and say what its format can't hold and how it is read back."""
    from datasets import DatasetDict

    from seqtag.corpora.conversion import Corpus, losses, reading_suffix
    from seqtag.corpora.formats.writers.documents import About
    from seqtag.corpora.formats.writers.formats import FORMATS
    from seqtag.curation.merged_corpus import merged_dataset, merged_documents

    rows = merged_dataset(annotations, merged)
    is_plain = annotations.task == "tags"
    if annotations.task == "labels":
        about = About("classify", annotations.labels, is_multi="labels" in rows.column_names)
    else:
        about = About("tag", annotations.labels, is_plain=is_plain)
    known = [text for found in texts for text in found if text is not None][:1]
    corpus = Corpus(DatasetDict({"train": rows}), {"train": known}, about, annotations.scheme, [])
    with open_output(output, is_binary=form == PARQUET or FORMATS[form].writer.is_binary) as target:
        if form == PARQUET:
            rows.to_parquet(target)
        else:
            writer = FORMATS[form].writer(about)
            target.write(writer.head())
            for document in merged_documents(annotations, merged, texts):
                target.write(writer.add(writer.piece(document)))
            target.write(writer.foot())
    notes = losses(corpus, form)
    if merged.num_split and not merged.num_left_out and form != PARQUET and "scheme" not in FORMATS[form].holds:
        notes.append(f"{form} has no unknown tags: they are spans with the label ?, which are read back as unknown")
    if suffix := reading_suffix(corpus, form):
        notes.append(f"to read it: {output}{suffix}")
    return tuple(notes)
