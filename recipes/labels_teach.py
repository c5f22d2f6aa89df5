"""Does text without labels teach a tagger, or do five taggers teach one? Measured where labels are few.

    python recipes/labels_teach.py --data ../shared/data politics science music literature ai --seeds 2 --dev 50
    python recipes/labels_teach.py --data ../shared/data bc5cdr:100 --ways labels:0:1000 five:0.9:1000 drawn:0:1000

Taggers of five seeds learn the labelled sentences: all of train, or its first ones (bc5cdr:100). Three rows are made of
these: the mean of the single ones, the one that is best on dev, and what all of them say together, which is the ceiling
for a tagger that they teach: the average of their exact probabilities of each tag at each token, from which the best
legal tags are read, with the score of O shifted to where F1 on dev is best.

Each way is one more row, KIND:SURE:SENTENCES. A student learns the labelled sentences, repeated, beside as many others
that have no labels; `--student-epochs` counts its passes over all of them. SURE is how sure a teacher has to be of a
tag, which else is unknown (?); at 0 the best legal tags are learned, sure or not. The kinds are

    self      the tagger of the student's own seed is the teacher
    five      the average of the five is
    drawn     the five take turns, and the tags are drawn from the five likeliest ways that one has to tag a sentence
    labels    nobody teaches: in the place of the others the labelled sentences stand once more

For bc5cdr the sentences without labels are the rest of its train, and else the train sentences of the other CrossNER
domains and of wnut17, and wikitext2, without those that stand in dev or test. The first `--dev` sentences of dev choose
the epoch. The score is strict F1 on test. docs/results/tried.md has the figures: none of it pays.
"""

import argparse
import statistics
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from few_labels import DOMAINS, english_texts, unlabelled_sentences
from rich.console import Console
from rich.table import Table
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from seqtag import Tagger, load_corpus

KINDS = ("self", "five", "drawn", "labels")
NUM_TEACHERS = 5


# -- data --------------------------------------------------------------------------------------------------------------


def read(data, name, dev):
    """Give labelled sentences, dev and test as pairs of token and tag lists, and sentences without labels."""
    name, _, number = name.partition(":")
    folder = f"crossner/{name}" if name in DOMAINS else name
    corpus = load_corpus(data / folder, scheme="IOB2")
    train, held_out, test = (pair(corpus[split]) for split in ("train", "dev", "test"))
    if number:
        rest = train[0][int(number) :]
        train = tuple(column[: int(number)] for column in train)
    else:
        rest = other_sentences(data, folder, corpus)
    return train, tuple(column[:dev] for column in held_out), test, rest


def pair(rows):
    names = rows.features["tags"].feature.names
    return rows["tokens"][:], [[names[number] for number in row] for row in rows["tags"]]


def other_sentences(data, folder, corpus):
    """Give the train sentences of the other CrossNER domains and of wnut17, then wikitext2 in an order of chance."""
    others = [name for name in (*(f"crossner/{domain}" for domain in DOMAINS), "wnut17") if name != folder]
    texts = list(unlabelled_sentences(english_texts(data, others), [corpus]))
    first = sum(load_corpus(data / name)["train"].num_rows for name in others)
    order = np.random.default_rng(0).permutation(np.arange(first, len(texts)))
    sentences = (tuple(texts[i].split()) for i in (*range(first), *order))
    return list(dict.fromkeys(words for words in sentences if 5 <= len(words) <= 60 and "<unk>" not in words))


# -- what teachers say -------------------------------------------------------------------------------------------------


def average(taggers, sentences):
    """Give the mean of the probabilities that taggers with the same tags give each tag at each token."""
    assert len({tuple(tagger.tags_) for tagger in taggers}) == 1
    return [sum(found) / len(taggers) for found in zip(*(tagger.predict_proba(sentences) for tagger in taggers))]


def legal_tags(marginals, names, shift=0.0):
    """Read the legal IOB2 tags with the best product of probabilities, of which that of O is shifted by some nats."""
    begins = [name.replace("I-", "B-", 1) if name.startswith("I-") else "" for name in names]
    fits_LL = [[not begin or before in (begin, name) for name, begin in zip(names, begins)] for before in names]
    moves_LL = np.where(fits_LL, 0.0, -np.inf)
    start_L = np.where([bool(begin) for begin in begins], -np.inf, 0.0)
    found = []
    for marginals_TL in marginals:
        scores_TL = np.log(np.maximum(marginals_TL, 1e-30)) + shift * (np.array(names) == "O")
        state_L, pointers = start_L + scores_TL[0], []
        for scores_L in scores_TL[1:]:
            reached_LL = state_L[:, None] + moves_LL
            pointers.append(reached_LL.argmax(0))
            state_L = reached_LL.max(0) + scores_L
        tags = [int(state_L.argmax())]
        for pointer_L in reversed(pointers):
            tags.append(int(pointer_L[tags[-1]]))
        found.append([names[i] for i in reversed(tags)])
    return found


def sure_tags(marginals, names, sure):
    """Give the tags of which a teacher is sure, and ? for the others; at 0 the best legal tags."""
    if not sure:
        return legal_tags(marginals, names)
    return [[names[row.argmax()] if row.max() >= sure else "?" for row in rows] for rows in marginals]


def drawn_tags(teachers, sentences, seed):
    """Draw the tags of each sentence from the five likeliest ways in which one of the teachers, in turn, tags it."""
    random, tags = np.random.default_rng(seed), [None] * len(sentences)
    for first, teacher in enumerate(teachers):
        own = range(first, len(sentences), len(teachers))
        for i, ways in zip(own, teacher.predict_nbest([sentences[i] for i in own], n=5)):
            shares = np.array([share for _, share in ways])
            tags[i] = ways[random.choice(len(ways), p=shares / shares.sum())][0]
    return tags


# -- measuring ---------------------------------------------------------------------------------------------------------


def f1(gold, found):
    return 100 * float(f1_score(gold, found, mode="strict", scheme=IOB2))


def together(taggers, dev, test):
    """Score on test what taggers say together."""
    names = taggers[0].tags_
    on_dev, on_test = (average(taggers, tokens) for tokens, _ in (dev, test))
    shift = max(np.arange(-3, 3.5, 0.5), key=lambda shift: (f1(dev[1], legal_tags(on_dev, names, shift)), -abs(shift)))
    return f1(test[1], legal_tags(on_test, names, shift))


def student(way, teachers, seed, labelled, dev, rest, epochs):
    """Train a tagger on labelled sentences and on what teachers say of others."""
    kind, sure, number = way.split(":")
    taught = list(map(list, islice(rest, int(number))))
    again = max(1, round(len(taught) / len(labelled[0])))  # as many labelled sentences as others
    tokens, tags = more = tuple(column * again for column in labelled)
    if kind == "drawn":
        more = taught, drawn_tags(teachers, taught, seed)
    elif kind != "labels":
        asked = teachers if kind == "five" else [teachers[seed]]
        more = taught, sure_tags(average(asked, taught), asked[0].tags_, float(sure))
    tagger = Tagger(seed=100 + seed, epochs=epochs)
    return tagger.fit([*tokens, *more[0]], [*tags, *more[1]], dev=dev, watchers=[])


def measure(name, args, show):
    """Give the scores of each row for one corpus."""
    labelled, dev, test, rest = read(args.data, name, args.dev)
    show(f"{name}: {len(labelled[0])} labelled sentences, {len(dev[0])} of dev, {len(rest)} without labels")
    options = {"epochs": args.epochs}
    taggers = [Tagger(seed=seed, **options).fit(*labelled, dev=dev, watchers=[]) for seed in range(NUM_TEACHERS)]
    on_dev, single = ([100 * tagger.score(*part) for tagger in taggers] for part in (dev, test))
    best = single[int(np.argmax(on_dev))]
    rows = {"one": single, "best on dev": [best], "together": [together(taggers, dev, test)]}
    show(f"{name}: {rows}")
    for way in args.ways:
        start, rows[way] = time.process_time(), []
        for seed in range(args.seeds):
            tagger = student(way, taggers, seed, labelled, dev, rest, args.student_epochs)
            rows[way].append(100 * tagger.score(*test))
        seconds = (time.process_time() - start) / args.seeds
        show(f"{name}, {way}: {[round(score, 1) for score in rows[way]]}, {seconds:.0f} s each")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="+", metavar="CORPUS", help=f"{', '.join(DOMAINS)}, wnut17, or bc5cdr:NUMBER")
    add("--data", type=Path, required=True, help="folder that holds the corpora")
    add("--ways", nargs="*", default=["five:0.9:400"], metavar="KIND:SURE:SENTENCES", help="(default: %(default)s)")
    add("--seeds", type=int, default=3, help=f"students of each way, at most {NUM_TEACHERS} (default: %(default)s)")
    add("--dev", type=int, default=200, help="sentences of dev (default: %(default)s)")
    add("--epochs", type=int, help="passes of the five over the labelled sentences (default: as a Tagger chooses)")
    add("--student-epochs", type=int, default=8, help="passes of a student (default: %(default)s)")
    args = parser.parse_args()
    for way in args.ways:
        if way.count(":") != 2 or way.split(":")[0] not in KINDS:
            parser.error(f"--ways {way}: write KIND:SURE:SENTENCES, KIND one of {', '.join(KINDS)}")
    show = partial(Console(stderr=True).print, markup=False)
    found = {name: measure(name, args, show) for name in args.corpora}
    table = Table("", *args.corpora, "mean", title="strict F1 on test")
    for row in next(iter(found.values())):
        scores = [rows[row] for rows in found.values()]
        cells = [
            f"{statistics.mean(each):.1f}" + (f" ± {statistics.stdev(each):.1f}" if len(each) > 1 else "")
            for each in scores
        ]
        table.add_row(row, *cells, f"{statistics.mean(map(statistics.mean, scores)):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
