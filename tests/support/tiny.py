"""Twenty sentences, 32 texts, and models small enough to train in a second: for the tests of the estimators."""

from typing import Any

import torch

from seqtag import Classifier, Tagger

# Nothing here is large enough for two threads, and on a busy machine they only wait for each other.
torch.set_num_threads(1)

_TEXT = """
Ada/B-PER Lovelace/I-PER lived/O in/O London/B-LOC ./O
Alan/B-PER Turing/I-PER left/O Manchester/B-LOC in/O 1950/O ./O
Grace/B-PER Hopper/I-PER worked/O for/O Remington/B-ORG Rand/I-ORG ./O
The/O river/O Rhine/B-LOC was/O high/O ./O
Siemens/B-ORG opened/O a/O plant/O near/O Porto/B-LOC ./O
It/O rained/O all/O day/O ./O
Marie/B-PER Curie/I-PER and/O Pierre/B-PER Curie/I-PER met/O in/O Paris/B-LOC ./O
Shares/O of/O Nokia/B-ORG fell/O by/O 4/O percent/O ./O
No/O train/O stops/O at/O New/B-LOC Bridge/I-LOC on/O Sundays/O ./O
Katherine/B-PER Johnson/I-PER joined/O NASA/B-ORG ./O
We/O had/O soup/O and/O bread/O ./O
Kigali/B-LOC hosted/O the/O meeting/O ./O
Linus/B-PER moved/O to/O Portland/B-LOC ./O
The/O University/B-ORG of/I-ORG Oslo/I-ORG has/O a/O new/O library/O ./O
Snow/O fell/O on/O Quito/B-LOC ./O
Barbara/B-PER Liskov/I-PER spoke/O first/O ./O
Renault/B-ORG sold/O its/O share/O to/O Volvo/B-ORG ./O
Children/O played/O outside/O ./O
Tim/B-PER wrote/O from/O Geneva/B-LOC ./O
Hedy/B-PER Lamarr/I-PER was/O born/O in/O Vienna/B-LOC ./O
"""
_PAIRS = [[pair.rsplit("/", 1) for pair in line.split()] for line in _TEXT.split("\n") if line]
TOKENS = [[token for token, _ in sentence] for sentence in _PAIRS]
TAGS = [[tag for _, tag in sentence] for sentence in _PAIRS]
UNSEEN = [
    ["Grace", "Turing", "flew", "to", "Lisbon", "."],
    ["Nobody", "at", "Siemens", "knew", "."],
    ["Paris"],
    [],
    ["The", "University", "of", "Quito", "sold", "its", "library", "to", "Marie", "Johnson", "in", "1950", "."],
]


# Which of two moods a text is in, told by words that the other ones lack, and now and then by their order.
_MOODS = """
good: The soup was warm and the bread was fresh.
bad: The soup was cold and the bread was stale.
good: We laughed all evening, what a lovely play!
bad: We yawned all evening, what a dull play.
good: My order came early and nothing was missing.
bad: My order came late and half of it was missing.
good: Kind people, clean rooms, a quiet street.
bad: Rude people, dirty rooms, a noisy street.
good: I would go there again tomorrow.
bad: I would not go there again.
good: The new battery lasts two days. Great!
bad: The new battery died after an hour. Awful!
good: A clear and friendly guide; it helped me at once.
bad: A muddled guide; it cost me 3 hours.
good: The train left on time, and I had a seat by the window.
bad: The train left 40 minutes late, and I had no seat.
good: Fresh paint, a bright kitchen, and a view of the sea.
bad: Mould on the wall, a dark kitchen, and a view of the bins.
good: This song makes me happy.
bad: This song makes me sad.
good: Best coffee in town :)
bad: Worst coffee in town :(
good: The teacher was patient, and my son loves maths now.
bad: The teacher shouted, and my son fears maths now.
good: It fits well and feels soft.
bad: It is too tight and feels rough.
good: Thank you for the quick answer!
bad: Nobody ever gave me an answer.
good: A delight from the first page to the last.
bad: A bore from the first page to the last.
good: Works as it should, and it is cheap.
bad: It broke on the first day, and it was dear.
"""
_MOOD_PAIRS = [line.split(": ", 1) for line in _MOODS.split("\n") if line]
LABELS = [label for label, _ in _MOOD_PAIRS]
TEXTS = [text for _, text in _MOOD_PAIRS]
# Any number of labels per text, for classifiers of several.
SEVERAL = [["good"] * (label == "good") + ["loud"] * ("!" in text) for label, text in _MOOD_PAIRS]
UNSEEN_TEXTS = [
    "A lovely view, and the people were kind.",
    "stale",
    "The 2 o'clock train was late AGAIN...\n\nNo seat!",
    "naïve 東京 👩‍🔬",
    "Nobody thought that the soup would be cold and the bread fresh, and yet the window was clean and the guide sad.",
]

_SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "word_size": 8,
    "character_size": 6,
    "shape_size": 3,
    "affix_size": 3,
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 0.01,
    "device": "cpu",
}


def tiny_tagger(**options: Any) -> Tagger:
    """Give an untrained tagger of a few thousand weights."""
    return Tagger(**{**_SMALL, **options})


def fitted_tagger(**options: Any) -> Tagger:
    """Give a trained one; the sentences are dev data as well."""
    return tiny_tagger(**options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))


def tiny_classifier(**options: Any) -> Classifier:
    """Give an untrained classifier of a few thousand weights."""
    return Classifier(**{**_SMALL, **options})


def fitted_classifier(**options: Any) -> Classifier:
    """Give a trained one; the texts are dev data as well."""
    return tiny_classifier(**options).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))
