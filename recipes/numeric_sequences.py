"""Classify series of numbers, not words, with the same encoder, pooling and training.

    python recipes/numeric_sequences.py

The first part has the shapes of any LSTM tutorial: 32 series of 10 steps with 64 features, two layers and ten classes,
which the network learns by heart. The second part classifies series that are made here: noisy waves of six kinds, of
any period, phase, strength and length. A random forest is trained beside it on the mean, the spread, the least and the
greatest value of each series; it knows nothing of their order.
"""

import argparse

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from seqtag import Classifier

WAVES = {  # each over one period, from 0 to 1
    "sine": lambda p: np.sin(2 * np.pi * p),
    "square": lambda p: np.sign(0.5 - p),
    "triangle": lambda p: 4 * np.abs(p - 0.5) - 1,
    "rising": lambda p: 2 * p - 1,
    "falling": lambda p: 1 - 2 * p,
    "heartbeat": lambda p: 2 * np.exp(-(((p - 0.3) / 0.04) ** 2)) - np.exp(-(((p - 0.4) / 0.04) ** 2)),
}


def learn_by_heart() -> None:
    """Learn noise by heart, which shows that shapes and gradients are right, and nothing else."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(32, 10, 64)), np.arange(32) % 10
    classifier = Classifier(num_layers=2, pooling="last", dropout=0.0, epochs=30, batch_size=8).fit(X, y, dev=(X, y))
    print(f"noise of shape {X.shape}: {classifier.score(X, y):.2f} of the series learned by heart")
    print(f"probabilities of shape {classifier.predict_proba(X).shape} for the classes {classifier.classes_.tolist()}")


def observe(random: np.random.Generator, number: int) -> tuple[list[np.ndarray], list[str]]:
    """Make so many noisy waves of any period, phase, strength and length; return them and the names of their kinds."""
    names = [str(name) for name in random.choice(list(WAVES), number)]
    series = []
    for name in names:
        steps = np.arange(random.integers(40, 121))
        periods = steps / random.uniform(15, 35) + random.uniform()  # since some beginning
        wave = random.uniform(0.7, 1.5) * WAVES[name](periods % 1)
        series.append((wave + random.normal(0, 0.3, len(steps)))[:, None])
    return series, names


def tell_waves() -> None:
    """Train on 1,000 waves and test on 1,000 others, beside a random forest."""
    random = np.random.default_rng(0)
    X, y = observe(random, 1000)
    X_test, y_test = observe(random, 1000)
    figures = [[(x.mean(), x.std(), x.min(), x.max()) for x in series] for series in (X, X_test)]
    forest = RandomForestClassifier(random_state=0).fit(figures[0], y)
    classifier = Classifier(hidden_size=64, dropout=0.2, learning_rate=5e-3, epochs=20).fit(X, y)
    print(f"\nsix kinds of waves: accuracy {100 * classifier.score(X_test, y_test):.1f}")
    print(f"a forest on four figures of each series: {100 * forest.score(figures[1], y_test):.1f}")
    for name, probability in zip(classifier.classes_, classifier.predict_proba(X_test[:1])[0]):
        print(f"  first series, {y_test[0]}: {name} {probability:.2f}")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    learn_by_heart()
    tell_waves()


if __name__ == "__main__":
    main()
