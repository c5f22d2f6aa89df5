"""Twenty sentences and a tagger small enough to train in a second: for the tests of training, storing and tagging."""

from typing import Any

import torch

from seqtag import Tagger

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


def tiny_tagger(**options: Any) -> Tagger:
    """Give an untrained tagger of a few thousand weights."""
    small = {
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
    return Tagger(**{**small, **options})


def fitted_tagger(**options: Any) -> Tagger:
    """Give a trained one; the sentences are dev data as well."""
    return tiny_tagger(**options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
