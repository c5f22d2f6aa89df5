"""Train the default classifier on nine public corpora; print test accuracy beside peers'.

    python recipes/text_corpora.py --data ../shared/data                   # all nine
    python recipes/text_corpora.py --data ../shared/data mr banking77      # some of them

Three seeds are trained and nothing is pretrained. A row holds the mean and the deviation of the accuracy on the test
split; the dev split chose the epoch. Four corpora have published splits (poem_sentiment, banking77, clinc150, snips);
the others are split 80/10/10 by a hash of the text. Of clinc150 the texts in scope are used. banking77 has no dev
split, so a tenth of train is held out. The peers were trained from scratch on the same files: TF-IDF of words and pairs
of words with logistic regression (scikit-learn 1.9.1, C=10), and spaCy 3.8.18's textcat, five epochs.
"""

import hashlib

from ner_corpora import compare

from seqtag import Classifier, load_corpus

PEERS = {  # corpus: its folder, and the figure of each peer
    "mr": ("mr_sentence_polarity", {"TF-IDF + LR": 77.59, "spaCy": 73.74}),
    "subj": ("subj", {"TF-IDF + LR": 90.34, "spaCy": 88.50}),
    "cr": ("cr_product_reviews", {"TF-IDF + LR": 85.49, "spaCy": 78.76}),
    "uci": ("uci_sentiment_labelled", {"TF-IDF + LR": 78.69, "spaCy": 80.33}),
    "poem_sentiment": ("poem_sentiment", {"TF-IDF + LR": 67.31, "spaCy": 62.50}),
    "banking77": ("banking77", {"TF-IDF + LR": 86.88, "spaCy": 86.66}),
    "clinc150": ("clinc150", {"TF-IDF + LR": 90.58, "spaCy": 87.40}),
    "movie_reviews": ("movie_reviews_v2", {"TF-IDF + LR": 84.29, "spaCy": 75.39}),
    "snips": ("snips_slots", {"TF-IDF + LR": 97.43, "spaCy": 96.86}),
}


def read(folder):
    """Load a corpus; one without a test split is split by a hash of each text, so in the same way every time."""
    corpus = load_corpus(folder, task="classify")
    if "test" in corpus or "train" not in corpus:
        return corpus
    whole = corpus["train"]
    tenths = [int(hashlib.sha256(" ".join(text.split()).encode()).hexdigest(), 16) % 10 for text in whole["text"]]
    splits = {"train": range(8), "dev": [8], "test": [9]}
    return {
        split: whole.select([row for row, tenth in enumerate(tenths) if tenth in wanted])
        for split, wanted in splits.items()
    }


def main():
    compare(PEERS, description=__doc__, estimator=Classifier, read=read)


if __name__ == "__main__":
    main()
