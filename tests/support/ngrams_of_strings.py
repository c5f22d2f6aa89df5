"""N-grams as strings, counted and weighed in plain Python: what the numbers of seqtag.nn.ngrams are compared with."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import torch

from seqtag.nn import ngrams
from seqtag.text.vocabulary import Vocabulary

KINDS = ("word", "pair", "characters")  # in the order of their numbers
LEAST = (1, 2, 2)  # texts that a word, a pair, characters must stand in; the default may be another


def ngrams_of(tokens, vocabulary):
    """List every n-gram of a text, as strings: (kind, n-gram)."""
    forms = [vocabulary.normalise(token) for token in tokens]
    known = [form if form in vocabulary.indices["word"] else None for form in forms]
    found = [("word", form) for form in known if form is not None]
    bordered = ["<text>", *known, "</text>"]
    for left, right in pairwise(bordered):
        if left is not None and right is not None and known:
            found.append(("pair", left, right))
    for token in tokens:
        spelling = token if len(token) <= 32 else token[:16] + token[-16:]
        spelled = ["|", *(folded(c, vocabulary) for c in spelling), "|"]
        for width in (3, 4, 5):
            if spelling and width < len(spelled):  # the whole word is there as a word
                windows = [tuple(spelled[i : i + width]) for i in range(len(spelled) - width + 1)]
                found += [("characters", *window) for window in windows]
    return found


def folded(character, vocabulary):
    if character not in vocabulary.characters:
        return "unknown"
    lower = character.lower() if vocabulary.lowercase else character
    return lower if lower in vocabulary.characters else character


def vocabulary_of(texts, **options):
    return Vocabulary.build(Counter(word for text in texts for word in text), **options)


def settings_of(vocabulary):
    """What the network is told of a vocabulary."""
    return torch.tensor(vocabulary.folded_characters()), {"num_words": vocabulary.feature_sizes["word"]}


def count_strings(texts, labels_BL, vocabulary, least=LEAST):
    """For each n-gram of the texts: its rarity and its naive Bayes score for each class, by plain counting."""
    sets = [set(ngrams_of(text, vocabulary)) for text in texts]
    frequency = Counter(ngram for ngrams in sets for ngram in ngrams)
    share_L = labels_BL.sum(0, dtype=np.float64) / len(texts)
    known = {}
    for ngram, count in frequency.items():
        if count >= least[KINDS.index(ngram[0])]:
            in_class_L = sum(row_L for ngrams, row_L in zip(sets, labels_BL, strict=True) if ngram in ngrams)
            score_L = np.log((in_class_L + 1) / (count * share_L + 1))
            known[ngram] = 1 + math.log((1 + len(texts)) / (1 + count)), score_L - score_L.mean()
    return known, share_L


def dense_scores(texts, vocabulary, known, num_classes):
    """TF-IDF times weights, written out: a table of texts by n-grams, its parts and then its rows of length 1."""
    columns = {ngram: place for place, ngram in enumerate(known)}
    tfidf_BN = np.zeros((len(texts), len(columns)))
    for row_N, text in zip(tfidf_BN, texts, strict=True):
        for ngram, count in Counter(ngrams_of(text, vocabulary)).items():
            if ngram in columns:
                row_N[columns[ngram]] = (1 + math.log(count)) * known[ngram][0]
    is_spelling_N = np.array([ngram[0] == "characters" for ngram in columns], bool)
    for part_N, share in ((~is_spelling_N, 1.0), (is_spelling_N, ngrams._CHARACTER_WEIGHT)):
        lengths_B1 = np.linalg.norm(tfidf_BN[:, part_N], axis=1, keepdims=True)
        tfidf_BN[:, part_N] *= share / np.where(lengths_B1 > 0, lengths_B1, 1)
    lengths_B1 = np.linalg.norm(tfidf_BN, axis=1, keepdims=True)
    tfidf_BN /= np.where(lengths_B1 > 0, lengths_B1, 1)
    return tfidf_BN @ np.reshape([scores_L for _, scores_L in known.values()], (-1, num_classes))
