"""`seqtag split`: cut a corpus into train, dev and test, which are written as JSON lines into a folder."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import LABELLED_FORMS
from seqtag.cli.process import command
from seqtag.cli.sources import check_share, pick_split, read_corpus
from seqtag.cli.tasks import LABELLED_TASKS, find_task
from seqtag.errors import UsageError

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
    task: Annotated[
        str, typer.Option(metavar="tag|classify", help="tag: tokens with tags; classify: texts with labels.")
    ] = "tag",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="The language whose rules cut texts with character offsets into tokens.")
    ] = "xx",
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same splits.")] = 0,
) -> int:
    """Cut a corpus into train, dev and test, and write each as JSON lines.

    Sentences are taken by whole documents where DATA tells documents apart. Of labelled texts, each split gets the same
    share of each class. `seqtag train DIR` reads the folder.
    """
    chosen = find_task(task, LABELLED_TASKS)
    shares = {name: share for name, share in (("test", test), ("dev", dev)) if share}
    if not shares:
        raise UsageError("nothing is to be held out; give --test SHARE, --dev SHARE or both, such as --test 0.1")
    for name, share in shares.items():
        check_share(f"--{name}", share, task=chosen)
    if test + dev >= 1:
        raise UsageError(f"--test {test:g} and --dev {dev:g} leave nothing to train on; together they are less than 1")
    files = {name: out / f"{name}.jsonl" for name in ("train", *shares)}
    if there := [str(path) for path in files.values() if path.exists()]:
        raise UsageError(f"--out {out}: there is a file {', '.join(there)} already; name another folder")
    from seqtag.corpora.held_out import split_off

    corpus = read_corpus(data, task=task, **({"language": language} if task == "tag" else {}))
    if len(corpus) > 1:
        raise UsageError(f"{data}: has the splits {', '.join(corpus)} already; give the file of one split")
    left = pick_split(corpus, "train", source=data, advice="give the file of one split")
    num_rows, num_left = len(left), 1.0
    parts: dict[str, Dataset] = {}
    for name, share in shares.items():
        # a share of the whole is a larger one of what is left
        left, parts[name] = split_off(left, share / num_left, seed, source=data)
        num_left -= share
    parts["train"] = left
    out.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        with path.open("w", encoding="utf-8", newline="\n") as handle:
            handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in _named_rows(parts[name]))
        print(f"{path}: {len(parts[name])} of {num_rows} rows")
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
