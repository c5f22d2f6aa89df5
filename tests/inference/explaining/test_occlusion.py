"""Stand-ins for hidden words: what a vocabulary sees of them, and that each is a single character of its own."""

import pickle

from seqtag.inference.explaining.occlusion import HIDDEN, Occluded, nearest
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
    assert len(occluded.places) == 2 * len(HIDDEN)


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


def test_the_words_nearest_to_the_spans_are_hidden():
    assert nearest(10, [(2, 4), (8, 9)], 10**6) == list(range(10))
    assert nearest(10, [(2, 4), (8, 9)], 60) == [2, 3, 8]
    assert nearest(10, [(2, 4)], 80) == [1, 2, 3, 4]
    assert nearest(10, [(2, 4)], 0) == []
    assert nearest(0, [], 10) == []
