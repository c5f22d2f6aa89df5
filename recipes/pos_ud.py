"""Train the default tagger on parts of speech of Universal Dependencies; print test accuracy beside peers'.

    python recipes/pos_ud.py --data ../shared/data                 # all three
    python recipes/pos_ud.py --data ../shared/data fr_sequoia

Three seeds are trained and nothing is pretrained. A row holds the mean and the deviation of the accuracy of UPOS tags
on the test split of the treebank; the dev split chose the epoch. The peers were trained from scratch on the same files:
sklearn-crfsuite 0.5.0 with the usual features (word, affixes, shape, neighbours), and spaCy 3.8.18's tagger, of whose
12 epochs dev chose the best.
"""

from ner_corpora import compare

PEERS = {  # treebank: its folder, and the figure of each peer
    "en_ewt": ("ud_en_ewt", {"crfsuite": 94.4, "spaCy": 94.4}),
    "fr_sequoia": ("ud_fr_sequoia", {"crfsuite": 97.0, "spaCy": 97.0}),
    "vi_vtb": ("ud_vi_vtb", {"crfsuite": 88.1, "spaCy": 86.4}),
}


def main():
    compare(PEERS, description=__doc__)


if __name__ == "__main__":
    main()
