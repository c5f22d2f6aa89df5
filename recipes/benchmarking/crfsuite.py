"""crfsuite in the benchmark: a linear chain on the usual features of a word and its neighbours.

    python recipes/benchmark.py --peer-python crfsuite=PATH

It runs up to 100 iterations, as its users do whatever the corpus; each is a pass over it.
"""

import time
from importlib.metadata import version
from pathlib import Path

from sklearn_crfsuite import CRF

VERSION = version("sklearn-crfsuite")
OPTIONS = {"algorithm": "lbfgs", "c1": 0.1, "c2": 0.1, "max_iterations": 100, "all_possible_transitions": True}


def features(tokens):
    """What each token looks like, and its neighbours: form, affixes, case, digits, shape.

    >>> first, second = features(["Ada", "slept"])
    >>> first["shape"], first["+1:lower"], second["suffix2"], "-1:edge" in first
    ('Xxx', 'slept', 'pt', True)
    """
    around = [{"lower": t.lower(), "title": t.istitle(), "upper": t.isupper()} for t in tokens]
    found = []
    for i, token in enumerate(tokens):
        shape = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in token[:8])
        own = {"bias": 1, "digit": token.isdigit(), "shape": shape, "prefix3": token[:3]}
        own |= around[i] | {"suffix2": token[-2:], "suffix3": token[-3:]}
        for side, near in (("-1", i - 1), ("+1", i + 1)):
            inside = 0 <= near < len(tokens)
            own |= {f"{side}:{k}": v for k, v in around[near].items()} if inside else {f"{side}:edge": 1}
        found.append(own)
    return found


def train(job, train, dev, after_epoch):
    started = time.perf_counter()
    model = CRF(**OPTIONS).fit(list(map(features, train[0])), train[1])
    seconds = time.perf_counter() - started
    passes = len(model.training_log_.iterations)
    after_epoch(seconds, model)
    return model, {"train": passes * sum(map(len, train[0])) / seconds, "passes": passes}


def save(model, folder):
    folder.mkdir(parents=True)
    (folder / "model.crfsuite").write_bytes(Path(model.modelfile.name).read_bytes())


def load(job, folder):
    return CRF(**OPTIONS, model_filename=str(folder / "model.crfsuite"))


def tags(model, sentences):
    return [list(tags) for tags in model.predict(list(map(features, sentences)))]
