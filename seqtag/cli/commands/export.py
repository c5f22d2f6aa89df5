"""`seqtag export`: a trained model as ONNX, tried on labelled data and put into its folder."""

from seqtag.cli.sources import pick_split, read_corpus
from seqtag.cli.tasks import stored_task
from seqtag.errors import UsageError, near_miss


def export(folder: str, *, int8: bool, dev: str | None, split: str | None, force: bool) -> None:
    """Export the model in `folder`, tried on a split of `dev`, and print the file that was written and its size."""
    if force and not int8:
        raise UsageError("--force: only an --int8 export may differ from the model; leave it out")
    if int8 and dev is None and not force:
        raise UsageError(
            "--int8: changes some predictions, and only labelled data tell what that costs; give --dev DATA, or --force"
        )
    if split is not None and dev is None:
        raise UsageError(f"--split {split}: of what? give --dev DATA too")
    task = stored_task(folder)
    model = task.estimator().load(folder, device="cpu")
    data = None
    if dev is not None:
        corpus = read_corpus(dev, task=task.name, **task.reading(model))
        if split is not None and split not in corpus:
            raise UsageError(f"{dev}: no split {split!r}; {near_miss(split, corpus)}")
        data = pick_split(corpus, split or "dev", source=dev, advice="choose one with --split")
    path = model.export(folder, int8=int8, force=force, dev=data)
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
