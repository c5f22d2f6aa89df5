"""Teach a model new labels without the old ones: what does it remember, and what does it learn?

    python recipes/labels_going_on.py --data uner_pt_bosque --seeds 3
    python recipes/labels_going_on.py --data data --old PER LOC --new ORG --set epochs=5
    python recipes/labels_going_on.py --data wikigold.txt --domain FIN5.txt FIN3.txt --few 100 --seeds 3

The training sentences are cut in two halves by the seed. In the first one the old labels are annotated alone, and a
model learns them; in the second one the new labels. Dev is annotated for the new labels, as somebody would who goes on
with them; test has all of them. Each way of going on is scored on test, strict F1 of the old and of the new labels:

    old model    the first one, which knows the old labels alone
    fine-tuned   goes on with the new labels as if nothing else were there
    going on     knows that the old labels are not annotated (`start_from`)
    taught       the old model also says where its labels are (`keep=0.5`)
    replayed     learns a fifth of the old sentences again (`replay`)
    both         taught and replayed
    joint        a model from scratch that has both halves and knows which labels are annotated in which
    everything   a model from scratch that has all labels in both halves

With `--domain TRAIN TEST` the labels stay and the texts are others. `--data` is a corpus whose test split is the old
domain, or one file, of which a tenth is for dev and a tenth for test. The new domain has a file to learn from and one
to be tested on; `--few` sentences are taken to learn from, and as many again choose the epoch. The ways are then: old
model, from scratch (the few sentences alone), fine-tuned, replayed (beside as many old sentences), and joint (from
scratch with the few and all old sentences).
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from datasets import Dataset, concatenate_datasets
from labels_partial import setting
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from seqtag import Tagger, load_corpus

WAYS = ("old model", "fine-tuned", "going on", "taught", "replayed", "both", "joint", "everything")
DOMAIN_WAYS = ("old model", "from scratch", "fine-tuned", "replayed", "joint")


def annotated(rows, labels, *, whole=False):
    """Give rows in which some labels are annotated alone; `whole` says that there are no others."""
    names = rows.features["tags"].feature.names
    tags = [[names[i] if names[i][2:] in labels else "O" for i in row] for row in rows["tags"]]
    columns = {"tokens": rows["tokens"][:], "tags": tags}
    if not whole:
        columns["annotated_labels"] = [list(labels)] * len(rows)
    return Dataset.from_dict(columns)


def scores(tagger, test, groups):
    """Give strict F1 over each group of labels."""
    report = tagger.evaluate(test, resamples=0)
    found = []
    for labels in groups:
        rows = [row for row in report.strict.labels if row.label in labels and row.support]
        right = sum(row.recall * row.support for row in rows)
        predicted = sum(row.recall * row.support / row.precision for row in rows if row.precision)
        found.append(200 * right / max(1e-9, predicted + sum(row.support for row in rows)))
    return found


def run(corpus, old, new, seed, options, folder, progress):
    """Train in all ways from one seed, and give the two scores of each."""
    order = np.random.default_rng(seed).permutation(len(corpus["train"]))
    halves = [corpus["train"].select(sorted(part.tolist())) for part in np.array_split(order, 2)]
    first, second = annotated(halves[0], old), annotated(halves[1], new)
    dev_old, dev_new = (annotated(corpus["dev"], labels) for labels in (old, new))
    every = [*old, *new]
    found = {}

    def train(way, data, dev, replay=None, **more):
        tagger = Tagger(seed=seed, **options, **more).fit(data, dev=dev, replay=replay, watchers=[])
        found[way] = scores(tagger, corpus["test"], (old, new))
        progress.console.print(f"seed {seed}, {way}: old {found[way][0]:.1f}, new {found[way][1]:.1f}")
        progress.advance(progress.task_ids[0])
        return tagger

    start = str(train("old model", annotated(halves[0], old, whole=True), dev_old).save(Path(folder) / f"old-{seed}"))
    fine = annotated(halves[1], new, whole=True).add_column("annotated_labels", [every] * len(halves[1]))
    dev_fine = dev_new.remove_columns("annotated_labels").add_column("annotated_labels", [every] * len(dev_new))
    train("fine-tuned", fine, dev_fine, start_from=start)
    again = load_corpus(first.select(range(len(first) // 5)), scheme="IOB2")["train"]
    train("going on", second, dev_new, start_from=start)
    train("taught", second, dev_new, start_from=start, keep=0.5)
    train("replayed", second, dev_new, start_from=start, replay=again)
    train("both", second, dev_new, start_from=start, keep=0.5, replay=again)
    dev_all = annotated(corpus["dev"], every)
    together = load_corpus({"train": first, "second": second}, scheme="IOB2")
    train("joint", concatenate_datasets([together["train"], together["second"]]), dev_all)
    train("everything", annotated(concatenate_datasets(halves), every), dev_all)
    return found


def split_off(rows, sizes, seed):
    """Give parts of so many rows, drawn by a seed, and the rest."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows.select(sorted(part.tolist())) for part in np.split(order, np.cumsum(sizes))]


def run_domain(corpus, few, seed, options, folder, progress):
    """Train an old model and go on in another domain with the same labels; give the scores of each way on both."""
    train_rows, dev_rows, test_rows = (corpus.get(split) for split in ("train", "dev", "test"))
    if test_rows is None:  # one file: a tenth is for dev, and a tenth for test
        tenth = len(train_rows) // 10
        dev_rows, test_rows, train_rows = split_off(train_rows, [tenth, tenth], seed)
    new, new_dev, _ = split_off(corpus["new"], [few, few], seed)
    found = {}

    def train(way, data, dev, **more):
        replay = more.pop("replay", None)
        tagger = Tagger(seed=seed, **options, **more).fit(data, dev=dev, replay=replay, watchers=[])
        found[way] = [100 * tagger.score(rows) for rows in (test_rows, corpus["new test"])]
        progress.console.print(f"seed {seed}, {way}: old {found[way][0]:.1f}, new {found[way][1]:.1f}")
        progress.advance(progress.task_ids[0])
        return tagger

    start = str(train("old model", train_rows, dev_rows).save(Path(folder) / f"old-{seed}"))
    train("from scratch", new, new_dev)
    train("fine-tuned", new, new_dev, start_from=start)
    train("replayed", new, new_dev, start_from=start, replay=split_off(train_rows, [few], seed)[0])
    train("joint", concatenate_datasets([train_rows, new]), new_dev)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a corpus with train, dev and test, or one file with --domain")
    parser.add_argument("--domain", nargs=2, metavar=("TRAIN", "TEST"), help="files of another domain, same labels")
    parser.add_argument("--few", type=int, default=100, help="sentences of the new domain (default: %(default)s)")
    parser.add_argument("--old", nargs="+", default=["PER", "LOC"], metavar="LABEL")
    parser.add_argument("--new", nargs="+", default=["ORG"], metavar="LABEL")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", nargs="*", type=setting, default=[], dest="options", metavar="KEY=VALUE")
    args = parser.parse_args()
    corpus, options = load_corpus(args.data, scheme="IOB2"), dict(args.options)
    names = WAYS if args.domain is None else DOMAIN_WAYS
    heads = [f"old: {', '.join(args.old)}", f"new: {', '.join(args.new)}"]
    if args.domain is not None:
        files = dict(zip(("new", "new test"), args.domain))
        parts = {name: next(iter(load_corpus(file, scheme="IOB2").values())) for name, file in files.items()}
        corpus = load_corpus({**corpus, **parts}, scheme="IOB2")  # the same tags in all
        heads = ["old domain", "new domain"]
    with Progress(console=Console(stderr=True)) as progress, tempfile.TemporaryDirectory() as folder:
        progress.add_task("training", total=len(names) * args.seeds)
        runs = [
            run(corpus, args.old, args.new, seed, options, folder, progress)
            if args.domain is None
            else run_domain(corpus, args.few, seed, options, folder, progress)
            for seed in range(args.seeds)
        ]
    table = Table("", *heads, title="strict F1 on test")
    for way in names:
        cells = []
        for group in range(2):
            values = [found[way][group] for found in runs]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}")
        table.add_row(way, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
