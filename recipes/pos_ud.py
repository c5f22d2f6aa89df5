"""Train the default tagger on Universal Dependencies parts of speech, three seeds, nothing pretrained; test accuracy.

    python recipes/pos_ud.py --data ../shared/data                 # all three
    python recipes/pos_ud.py --data ../shared/data fr_sequoia

A row holds the mean and the deviation of the accuracy of UPOS tags on the test split of the treebank; the dev split
chose the epoch. The peers were trained on the same files from scratch: sklearn-crfsuite 0.5.0 with usual features
(word, affixes, shape, neighbours), and spaCy 3.8.18's tagger, the best of 12 epochs on dev.
"""

from ner_corpora import compare

PEERS = {  # treebank: its folder, and each peer's figure
    "en_ewt": ("ud_en_ewt", {"crfsuite": 94.4, "spaCy": 94.4}),
    "fr_sequoia": ("ud_fr_sequoia", {"crfsuite": 97.0, "spaCy": 97.0}),
    "vi_vtb": ("ud_vi_vtb", {"crfsuite": 88.1, "spaCy": 86.4}),
}

if __name__ == "__main__":
    compare(PEERS, __doc__)
