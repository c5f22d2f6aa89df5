"""Train a sentiment classifier on data/sentiment, print its report, and show the words that attention chose.

python recipes/sentiment.py ["A text of your own." ...]
"""

import sys
from pathlib import Path

from seqtag import Classifier, load_corpus

TEXTS = [
    "The soup was cold, but the waiter made up for it with a smile.",
    "Never again. Two hours on hold and then they hung up.",
    "The library opens at nine on Mondays.",
]

if __name__ == "__main__":
    corpus = load_corpus(Path(__file__).parent.parent / "data" / "sentiment", task="classify")
    classifier = Classifier(language="en").fit(corpus["train"], dev=corpus["dev"])
    print(classifier.evaluate(corpus["test"]))

    texts = sys.argv[1:] or TEXTS
    answers = zip(
        texts, classifier.predict(texts), classifier.predict_proba(texts), classifier.predict_attention(texts)
    )
    for text, label, probabilities, weights in answers:
        chosen = sorted(weights, key=lambda token: -token.weight)[:3]
        words = ", ".join(f"{token.text} {token.weight:.2f}" for token in chosen)
        print(f"\n{label} {probabilities.max():.2f}  {text}\n  looked at: {words}")
