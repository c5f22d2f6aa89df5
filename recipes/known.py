"""Train the default model on any corpus; print its score as a row, beside the published figures of that corpus.

    python recipes/known.py eng.train eng.testa eng.testb        # train, dev and test: whatever load_corpus reads
    python recipes/known.py ../shared/data/wnut17                # a folder, or a data set, that has these splits
    python recipes/known.py train.csv test.csv --seeds 1         # without dev, a tenth of train is held out
    python recipes/known.py ../shared/data/snips_slots --task classify --set epochs=10
    python recipes/known.py --list                               # the known corpora and their published figures

A row holds the mean and the deviation of the score on test over some seeds, with nothing pretrained: F1 of spans, or
accuracy of plain tags or classes, in percent, as the published figures have it. Tags are legal, so strict F1 and that
of conlleval are the same. Whether a corpus has tagged tokens or classified texts is found by reading it; `--task` says
it where both fit. Which corpus it is tell the sentences, tokens and labels of its splits (`known_figures.py`), or
`--name`. Texts without a test split are cut 80/10/10 by a hash of each, as in `text_corpora.py`.
"""

import argparse
import json
import sys

from known_figures import KNOWN, SOURCES
from ner_corpora import measure
from text_corpora import read

from seqtag import Classifier, SeqtagError, Tagger, UsageError, load_corpus

ESTIMATORS = {"tag": Tagger, "classify": Classifier}
SPLITS = {2: ("train", "test"), 3: ("train", "dev", "test")}  # what so many sources are
HEAD = ("corpus", "seqtag", "figure", "published", "minutes per run")


# -- reading -----------------------------------------------------------------------------------------------------------


def read_splits(sources, task):
    """Read the splits from one source that has them all, or from a source for each."""
    if len(sources) > 1:
        return {split: pick(source, split, task) for split, source in zip(SPLITS[len(sources)], sources)}
    corpus = read(sources[0]) if task == "classify" else load_corpus(sources[0])
    if missing := {"train", "test"} - set(corpus):
        raise UsageError(f"{sources[0]}: no split {' and '.join(sorted(missing))}; give TRAIN DEV TEST, a source each")
    return corpus


def pick(source, split, task):
    """Read the split of this name, or the only one, of a source."""
    corpus = load_corpus(source, task=task)
    if split not in corpus and len(corpus) > 1:
        raise UsageError(f"{source}: no split {split} among {', '.join(corpus)}; give the file of that split")
    return corpus.get(split) or next(iter(corpus.values()))


def find_task(sources):
    """Read the sources as tagged tokens and as classified texts; return the task that fits, and the splits."""
    readings, errors = {}, {}
    for task in ESTIMATORS:
        try:
            readings[task] = read_splits(sources, task)
        except SeqtagError as error:
            errors[str(error)] = None
    if len(readings) == 2:  # each line of a column file can be a text, and a file of texts one tagged sentence
        if len(readings["tag"]["train"]) == 1:
            del readings["tag"]
        elif all(len(text.split()) <= 1 for text in readings["classify"]["train"]["text"]):
            del readings["classify"]
    if not readings:
        raise UsageError("; as classified texts: ".join(errors))
    if len(readings) == 2:
        raise UsageError(f"{sources[0]}: can be tagged tokens and classified texts; say --task tag or --task classify")
    return readings.popitem()


# -- which corpus it is ------------------------------------------------------------------------------------------------


def labels_of(corpus, task):
    """Return the labels: the types of entity tags, or else the tags or classes themselves."""
    feature = corpus["train"].features["tags" if task == "tag" else "label"]
    names = getattr(feature, "feature", feature).names  # a text may have a list of labels
    return {name[2:] for name in names if name[:2] in ("B-", "I-")} or set(names)


def count(corpus, task):
    """Count the rows and tokens of each split, and of all three."""
    sizes = {
        split: (len(corpus[split]), sum(map(len, corpus[split]["tokens"])) if task == "tag" else 0)
        for split in SPLITS[3]
        if split in corpus
    }
    rows, tokens = zip(*sizes.values())
    return sizes | {"all": (sum(rows), sum(tokens))}


def differing(known, counts, num_labels):
    """Name the counts of a known corpus that are off by more than a percent, as documents and blank lines make it.

    >>> differing(KNOWN["trec"], {"train": (5452, 0), "test": (500, 0)}, 6)
    []
    >>> differing(KNOWN["trec"], {"train": (5452, 0), "test": (400, 0)}, 6)
    ['test 400 for 500']
    """
    found = [f"labels {num_labels} for {known.num_labels}"] if known.num_labels not in (None, num_labels) else []
    for split, wanted in known.counts.items():
        for have, want in zip(counts.get(split, (0, 0)), wanted):
            if want is not None and abs(have - want) > want / 100:
                found.append(f"{split} {have} for {want}")
    return found


def identify(counts, num_labels, task):
    """Return the name of the known corpus that has these counts, or None."""
    fitting = (n for n, known in KNOWN.items() if known.task == task and not differing(known, counts, num_labels))
    return next(fitting, None)


# -- the row -----------------------------------------------------------------------------------------------------------


def published(known):
    """Write the published figures as a cell of Markdown, each with its model and source."""
    cells = []
    for figure in known.figures:
        words = "from scratch" if figure.pretrained == "-" else f"pretrained: {figure.pretrained}"
        cells.append(f"{figure.value} {figure.model}, {words} ([{figure.source}]({SOURCES[figure.source][1]}))")
    return "; ".join(cells + [known.note] * bool(known.note))


def row(*cells):
    return f"| {' | '.join(cells)} |"


def option(item):
    """Read `--set` KEY=VALUE, whose value is JSON."""
    key, equals, value = item.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        advice = f"""'{key}="{value}"'""" if equals else "hidden_size=256"
        raise argparse.ArgumentTypeError(f"{item}: give KEY=VALUE, the value as in JSON, such as {advice}") from None


def read_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("sources", nargs="*", metavar="CORPUS", help="one corpus with its splits, or TRAIN TEST, or TRAIN DEV TEST")
    add("--task", choices=tuple(ESTIMATORS), help="tagged tokens or classified texts (default: found by reading)")
    add("--name", choices=tuple(KNOWN), metavar="NAME", help="a name of --list (default: found by the counts)")
    add("--seeds", type=int, default=3, help="models to train (default: %(default)s)")
    add("--set", type=option, action="append", default=[], metavar="KEY=VALUE", help="an option of the model, as JSON")
    add("--list", action="store_true", help="print the known corpora with their published figures, and train nothing")
    args = parser.parse_args(arguments)
    if not args.list and not 1 <= len(args.sources) <= 3:
        parser.error("give one corpus with its splits, or TRAIN TEST, or TRAIN DEV TEST")
    if args.name and args.task not in (None, KNOWN[args.name].task):
        parser.error(f"--name {args.name} is --task {KNOWN[args.name].task}")
    if args.seeds < 1 or "seed" in dict(args.set):
        parser.error("--seeds is a number of models, at least 1; they have the seeds 0, 1, 2 ...")
    return args


def run(args):
    """Train on the corpus and return the row."""
    task = args.task or (KNOWN[args.name].task if args.name else None)
    task, corpus = (task, read_splits(args.sources, task)) if task else find_task(args.sources)
    labels, counts = labels_of(corpus, task), count(corpus, task)
    name = args.name or identify(counts, len(labels), task)
    if name is None:
        print(f"none of the known corpora has these counts: {counts}, {len(labels)} labels", file=sys.stderr)
    elif different := differing(KNOWN[name], counts, len(labels)):
        print(f"these are not the counts of {name}: {', '.join(different)}", file=sys.stderr)
    estimator, options = ESTIMATORS[task], dict(args.set)
    title = KNOWN[name].title if name else args.sources[0]
    mean, deviation, minutes = measure(title, corpus, estimator=estimator, options=options, seeds=args.seeds)
    score = f"{mean:.1f} ± {deviation:.1f}" if args.seeds > 1 else f"{mean:.1f}, one seed"
    spans = task == "tag" and labels.isdisjoint(corpus["train"].features["tags"].feature.names)
    return row(
        title,
        score,
        "F1" if spans else "accuracy",
        published(KNOWN[name]) if name else "none known",
        f"{minutes:.1f}",
    )


def main(arguments=None):
    args = read_arguments(arguments)
    if args.list:
        print(row("name", "corpus", "figure", "published") + "\n" + "|---" * 4 + "|")
        for name, known in KNOWN.items():
            print(row(name, known.title, known.metric, published(known)))
        return
    try:
        cells = run(args)
    except SeqtagError as error:
        sys.exit(str(error))
    print(row(*HEAD) + "\n" + "|---" * len(HEAD) + "|\n" + cells)


if __name__ == "__main__":
    main()
