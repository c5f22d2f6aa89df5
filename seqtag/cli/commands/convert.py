"""`seqtag convert`: a corpus in another format, with what was counted before and after."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqtag.cli.arguments import LABELLED_FORMS, MaxBytes
from seqtag.cli.output import open_output
from seqtag.cli.process import command
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.corpora.conversion import Corpus, Counts

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag convert export.json news.conll --language en",
    "seqtag convert data/news news-bioes --to conll --scheme BIOES",
    "seqtag convert news.conll tasks.json --to label-studio",
    "seqtag convert reviews.csv:text=review,label=stars reviews.parquet --task classify",
)

PARQUET = "parquet"
_COLUMNS = (".conll", ".bio", ".iob", ".iob2", ".conll2003")
# The formats that an ending of OUT means. Other endings, and .jsonl for Doccano, need --to.
_BY_ENDING = {
    **dict.fromkeys(_COLUMNS, "conll"),
    **{".conllu": "conllu", ".jsonl": "jsonl", ".spacy": "spacy", ".parquet": PARQUET, ".csv": "csv"},
}


# Endings that a file of a format may have beside its usual one; another would be read as another form.
_MORE_ENDINGS = {"conll": (*_COLUMNS, ".txt", ".tsv"), "webanno": (".txt", ".webanno")}


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
    task: Annotated[
        str, typer.Option(metavar="tag|classify", help="tag: tokens with tags; classify: texts with labels.")
    ] = "tag",
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

    from seqtag.corpora.conversion import content, count, losses, read_labelled, read_tagged, reading_suffix
    from seqtag.corpora.formats.writers.formats import FORMATS
    from seqtag.corpora.loading import load_corpus

    chosen = find_task(task, LABELLED_TASKS)
    name = _format_name(out, to, chosen.name, known=[*FORMATS, PARQUET])
    if name in FORMATS and task not in FORMATS[name].tasks:
        names = [*(each for each, form in FORMATS.items() if task in form.tasks), PARQUET]
        raise UsageError(f"--to {name}: can't hold the data of --task {task}; choose from {', '.join(names)}")
    if scheme is not None and task == "classify":
        raise UsageError(f"--scheme {scheme}: is for entity tags, and the labels of texts have no scheme; leave it out")
    disable_progress_bars()
    if task == "classify":
        corpus = read_labelled(data, language=language)
    else:
        corpus = read_tagged(data, scheme=scheme, language=language)
    ending = FORMATS[name].ending if name in FORMATS else ".parquet"
    files = _files(out, list(corpus.splits), name, ending)
    if there := [str(path) for path in files.values() if path.exists() and not overwrite]:
        raise UsageError(f"{out}: there is {', '.join(there)} already; name another place, or add --overwrite")
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    for split, path in files.items():
        with open_output(os.fspath(path), is_binary=name == PARQUET or FORMATS[name].writer.is_binary) as target:
            if name == PARQUET:
                corpus.splits[split].to_parquet(target)
            else:
                target.writelines(content(corpus, split, FORMATS[name]))
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


def _format_name(out: str, to: str | None, task: str, *, known: list[str]) -> str:
    """Find the format by --to, or by the ending of OUT; UsageError if there is none."""
    if to is None:
        ending = os.path.splitext(out.lower())[1]
        if ending not in _BY_ENDING:
            raise UsageError(f"{out}: its ending says no format; add --to with one of {', '.join(known)}")
        return _BY_ENDING[ending]
    if to not in known:
        raise UsageError(f"--to {to}: unknown; {near_miss(to, known)}")
    return to


def _files(out: str, splits: list[str], name: str, ending: str) -> dict[str, Path]:
    """Give the file of each split: OUT itself, or files in the folder OUT."""
    path = Path(out)
    is_folder = out.endswith(("/", os.sep)) or path.is_dir()
    if len(splits) == 1 and not is_folder:
        if path.suffix.lower() not in (ending, *_MORE_ENDINGS.get(name, ())):
            raise UsageError(
                f"{out}: a file of the format {name} is known by its ending; name a file that ends in {ending}, or a "
                "folder with / behind its name"
            )
        return {splits[0]: path}
    if path.suffix.lower() in (ending, *_BY_ENDING) and not is_folder:
        raise UsageError(
            f"{out}: the corpus has the splits {', '.join(splits)}, and each gets a file; name a folder without an "
            f"ending and the format with --to, or give the file of one split"
        )
    return {split: path / f"{split}{ending}" for split in splits}


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
