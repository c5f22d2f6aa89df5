"""`seqtag convert`: a corpus in another format, with what was counted before and after."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from seqtag.cli.arguments import LABELLED_FORMS, LabelTask, MaxBytes
from seqtag.cli.process import command
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.cli.written_formats import PARQUET, format_name, write_corpus
from seqtag.errors import UsageError

if TYPE_CHECKING:
    from seqtag.corpora.conversion import Corpus, Counts

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag convert export.json news.conll --language en",
    "seqtag convert data/news news-bioes --to conll --scheme BIOES",
    "seqtag convert news.conll tasks.json --to label-studio",
    "seqtag convert reviews.csv:text=review,label=stars reviews.parquet --task classify",
)


@command
def convert(
    data: Annotated[str, typer.Argument(metavar="DATA", help=f"The corpus. {LABELLED_FORMS}")],
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="A file for a corpus in one split, a folder for one with several, which gets a file for each. The "
            "ending of a file says the format, if --to does not.",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="conll, conllu (CoNLL-U), webanno, displacy for tags; csv for labels; jsonl (rows for training), "
            "label-studio, doccano, prodigy, hf (the shapes of transformers' pipelines), spacy (.spacy), parquet and "
            "text (for people to read) for both.",
        ),
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(metavar="NAME", help="Convert entity tags to IOB2, BIOES, BILOU, BMES, IOB1 or IO.")
    ] = None,
    task: LabelTask = "tag",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="The language whose rules cut texts with character offsets into tokens.")
    ] = "xx",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    max_bytes: MaxBytes = None,
) -> None:
    """Write a corpus in another format, read the files back, and print the counts before and after.

    It says what the format can't hold, and names the ids and other fields that are not converted; `seqtag predict`
    keeps them.
    """
    from datasets import disable_progress_bars

    from seqtag.corpora.conversion import count, losses, read_labelled, read_tagged, reading_suffix
    from seqtag.corpora.formats.writers.formats import FORMATS
    from seqtag.corpora.loading import load_corpus

    chosen = find_task(task, LABELLED_TASKS)
    name = format_name(out, to, chosen.name)
    if scheme is not None and task == "classify":
        raise UsageError(f"--scheme {scheme}: is for entity tags, and the labels of texts have no scheme; leave it out")
    disable_progress_bars()
    if task == "classify":
        corpus = read_labelled(data, language=language)
    else:
        corpus = read_tagged(data, scheme=scheme, language=language)
    files = write_corpus(corpus, out, name, overwrite=overwrite)
    suffix = reading_suffix(corpus, name)
    for split, path in files.items():
        before = count(corpus.splits[split])
        after = None
        if name == PARQUET or FORMATS[name].is_read:
            after = count(
                load_corpus(f"{path}{suffix}", split="train", task=task, language=language if task == "tag" else "xx")
            )
        _print_counts(f"{path} ({split})", corpus, before, after)
    for loss in losses(corpus, name):
        print(loss)
    if suffix:
        print(f"to read it: {out}{suffix}")
    if name in FORMATS and not FORMATS[name].is_read:
        print(f"{name} is for people to read; seqtag does not read it back")


def _print_counts(title: str, corpus: "Corpus", before: "Counts", after: "Counts | None") -> None:
    """Print what was counted before and after, a line for each label, and a mark where the two differ."""
    rows = [("texts" if corpus.about.task == "classify" else "sentences", before.num_rows, after and after.num_rows)]
    if corpus.about.task == "tag":
        rows.append(("tokens", before.num_tokens, after and after.num_tokens))
    unit = (
        "texts of class" if corpus.about.task == "classify" else "tokens tagged" if corpus.about.is_plain else "spans"
    )
    for label in sorted({*before.labels, *(after.labels if after else ())}):
        rows.append((f"{unit} {label}", before.labels[label], after and after.labels[label]))
    width = max(len(row[0]) for row in rows)
    print(title)
    print(f"  {'':{width}}  {'read':>9}  {'written':>9}")
    for what, first, second in rows:
        shown = "-" if second is None else f"{second:,}"
        print(f"  {what:{width}}  {first:>9,}  {shown:>9}" + ("  differs" if second not in (None, first) else ""))
