"""`seqtag split`: cut a corpus into train, dev and test, each a file in a folder."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import LABELLED_FORMS, LabelTask, MaxBytes
from seqtag.cli.process import command
from seqtag.cli.sources import check_share, pick_split
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.errors import DataError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger("seqtag")

EXAMPLES = (
    "seqtag split news.conll --test 0.1 --dev 0.1 --out news/",
    "seqtag split reviews.csv --task classify --test 0.2 --out reviews/ --seed 7",
)


@command
def split(
    data: Annotated[str, typer.Argument(metavar="DATA", help=f"The corpus, in one split. {LABELLED_FORMS}")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files; they must not be there yet.")],
    test: Annotated[float, typer.Option(metavar="SHARE", help="The share of the rows for test; 0 for no test.")] = 0.0,
    dev: Annotated[float, typer.Option(metavar="SHARE", help="The share of the rows for dev; 0 for no dev.")] = 0.0,
    task: LabelTask = "tag",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="The language whose rules cut texts with character offsets into tokens.")
    ] = "xx",
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same splits.")] = 0,
    max_bytes: MaxBytes = None,
) -> int:
    """Cut a corpus into train, dev and test, and write a file for each.

    Sentences are taken by whole documents where DATA tells documents apart. Of labelled texts, each split gets the same
    share of each class. If DATA is one text file, its lines are written as they stand, with all columns, keys and
    comments; other corpora become JSON lines of what training needs. `seqtag train DIR` reads the folder; what follows
    the name of DATA, such as :token=0,tag=2, goes behind DIR as well.
    """
    chosen = find_task(task, LABELLED_TASKS)
    shares = {name: share for name, share in (("test", test), ("dev", dev)) if share}
    if not shares:
        raise UsageError("nothing is to be held out; give --test SHARE, --dev SHARE or both, such as --test 0.1")
    for name, share in shares.items():
        check_share(f"--{name}", share, task=chosen)
    if test + dev >= 1:
        raise UsageError(f"--test {test:g} and --dev {dev:g} leave nothing to train on; together they are less than 1")
    import numpy as np
    from datasets import disable_progress_bars

    from seqtag.corpora.file_splits import read_with_lines
    from seqtag.corpora.held_out import rows_to_hold_out
    from seqtag.corpora.source_names import parse_source

    disable_progress_bars()
    corpus, lines = read_with_lines(data, task=task, language=language)
    if len(corpus) > 1:
        raise UsageError(f"{data}: has the splits {', '.join(corpus)} already; give the file of one split")
    rows = pick_split(corpus, "train", source=data, advice="give the file of one split")
    ending = ".jsonl" if lines is None else lines.ending
    files = [out / f"{name}{ending}" for name in ("train", *shares)]
    if there := [str(path) for path in files if path.exists()]:
        raise UsageError(f"--out {out}: there is a file {', '.join(there)} already; name another folder")
    parts_N = np.zeros(len(rows), np.int64)
    left, num_left = np.arange(len(rows)), 1.0
    for number, share in enumerate(shares.values(), 1):
        # a share of the whole is a larger one of what is left
        held_rows = rows_to_hold_out(rows.select(left), share / num_left, seed, source=data)
        parts_N[left[held_rows]] = number
        left, num_left = np.delete(left, held_rows), num_left - share
    parts_N = parts_N if lines is None else lines.joined(parts_N)
    if not np.bincount(parts_N, minlength=len(files)).all():
        raise DataError(f"{data}: the rows of one record stay together, and it has too few records; give more data")
    out.mkdir(parents=True, exist_ok=True)
    if lines is not None:
        lines.write(parts_N, files)
    for number, path in enumerate(files):
        rows_of_part = np.flatnonzero(parts_N == number)
        if lines is None:
            with path.open("w", encoding="utf-8", newline="\n") as handle:
                handle.writelines(
                    json.dumps(row, ensure_ascii=False) + "\n" for row in _named_rows(rows.select(rows_of_part))
                )
        print(f"{path}: {len(rows_of_part)} of {len(rows)} rows")
    if lines is None:
        logger.info(
            "%s: not a text file with its rows in lines, so only %s are kept", data, ", ".join(rows.column_names)
        )
    if lines is not None and (suffix := data.removeprefix(parse_source(data, task=task)[0])):
        logger.info("the columns are those of %s; to read the folder: %s%s", data, out, suffix)
    return 0


def _named_rows(dataset: "Dataset") -> "list[dict[str, Any]]":
    """Give rows with the names of tags and labels in the place of their numbers."""
    from seqtag.corpora.labelled_drafts import label_names

    columns: dict[str, list[Any]] = {name: dataset[name][:] for name in dataset.column_names}
    if "tags" in columns:
        names = dataset.features["tags"].feature.names
        columns["tags"] = [[names[number] for number in row] for row in columns["tags"]]
    else:
        columns["labels" if "labels" in columns else "label"] = label_names(dataset)
    return [dict(zip(columns, row)) for row in zip(*columns.values())]
