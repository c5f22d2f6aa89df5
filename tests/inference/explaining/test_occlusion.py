"""Stand-ins for hidden words: what a vocabulary sees of them, and that each is a single character of its own."""

import pickle

import numpy as np

from seqtag.inference.explaining.occlusion import OF_EVERY_MODEL, WITH_LISTS, Occluded, nearest
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.vocabulary import FEATURES, UNKNOWN, Vocabulary

VOCABULARY = Vocabulary.build({"Ada": 2, "met": 3, "Bo": 2})


def test_a_hidden_word_is_unknown_and_a_hidden_spelling_leaves_the_word():
    occluded = Occluded.build(["Ada", "met"], [0, 1])
    vocabulary = occluded.vocabulary(VOCABULARY)
    for (number, what), sentence in zip(occluded.places, occluded.sentences, strict=True):
        features, characters = vocabulary.describe(sentence[number])
        word = VOCABULARY.describe(["Ada", "met"][number])[0][0]
        assert features == [word if what == "spelling" else UNKNOWN] + [UNKNOWN] * (len(FEATURES) - 1)
        assert characters == [UNKNOWN]
        assert sentence[1 - number] == ["Ada", "met"][1 - number]
        assert vocabulary.describe(sentence[1 - number]) == VOCABULARY.describe(sentence[1 - number])
    assert vocabulary.encode(["Ada"]).features_UF.tolist() == VOCABULARY.encode(["Ada"]).features_UF.tolist()
    assert len(occluded.places) == 2 * len(OF_EVERY_MODEL)


def test_the_vocabulary_itself_stays_as_it_is():
    before = pickle.dumps(VOCABULARY.to_dict())
    occluded = Occluded.build(["Ada"], [0])
    stand_in = occluded.sentences[0][0]
    occluded.vocabulary(VOCABULARY).encode([stand_in])
    assert pickle.dumps(VOCABULARY.to_dict()) == before
    assert VOCABULARY.describe(stand_in)[0] == [UNKNOWN] * len(FEATURES)


def test_a_character_that_the_sentence_has_is_no_stand_in():
    first = Occluded.build(["Ada"], [0]).sentences[0][0]
    assert len(first) == 1
    again = Occluded.build([first, "Ada"], [0, 1])
    assert first not in again.behind
    assert {len(stand_in) for stand_in in again.behind} == {1}


def test_lists_find_a_word_whose_spelling_is_hidden_and_no_other_hidden_one():
    tokens, lists = ["in", "New", "York"], Gazetteers.build({"CITY": [["New", "York"], ["York"]]})
    occluded = Occluded.build(tokens, [1], WITH_LISTS)
    seen, lengths_B = occluded.gazetteers(lists), np.array([3])
    for (_, what), sentence in zip(occluded.places, occluded.sentences, strict=True):
        found = seen.find(sentence, np.arange(3), lengths_B).tolist()
        assert found == ([[0, 1, 3, 0]] if what == "spelling" else [[0, 2, 3, 0]])
        vocabulary = occluded.vocabulary(Vocabulary.build({"New": 2}))
        assert (vocabulary.describe(sentence[1])[0][1] > UNKNOWN) == (what == "lists")
    assert lists.find(tokens, np.arange(3), lengths_B).tolist() == [[0, 1, 3, 0]]


def test_the_words_nearest_to_the_spans_are_hidden():
    assert nearest(10, [(2, 4), (8, 9)], 10**6) == list(range(10))
    assert nearest(10, [(2, 4), (8, 9)], 60) == [2, 3, 8]
    assert nearest(10, [(2, 4)], 80) == [1, 2, 3, 4]
    assert nearest(10, [(2, 4)], 0) == []
    assert nearest(0, [], 10) == []
