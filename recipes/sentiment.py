"""Train a sentiment classifier on data/sentiment, print its report, and show the words that attention looked at.

python recipes/sentiment.py ["A text of your own." ...]
"""

import argparse
from pathlib import Path

from seqtag import Classifier, load_corpus

TEXTS = [
    "The soup was cold, but the waiter made up for it with a smile.",
    "Never again. Two hours on hold and then they hung up.",
    "The library opens at nine on Mondays.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", default=TEXTS, help="texts to classify in place of three examples")
    texts = parser.parse_args().texts

    corpus = load_corpus(Path(__file__).parent.parent / "data" / "sentiment", task="classify")
    classifier = Classifier(language="en").fit(corpus["train"], dev=corpus["dev"])
    print(classifier.evaluate(corpus["test"]))

    labels, probabilities = classifier.predict(texts), classifier.predict_proba(texts)
    for text, label, row, weights in zip(texts, labels, probabilities, classifier.predict_attention(texts)):
        chosen = sorted(weights, key=lambda token: -token.weight)[:3]
        words = ", ".join(f"{token.text} {token.weight:.2f}" for token in chosen)
        print(f"\n{label} {row.max():.2f}  {text}\n  looked at: {words}")


if __name__ == "__main__":
    main()
