"""Surfaces of training against a dictionary of names: nothing is lost, nothing is made up, and no name is written."""

import json

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqtag import load_corpus
from seqtag.corpora.tag_normalising import corpus_scheme
from seqtag.text import training_surfaces as surfaces
from seqtag.text.schemes import SCHEMES, convert_tags, spans_from_tags
from seqtag.text.training_surfaces import Surfaces, surfaces_of

names = st.one_of(st.sampled_from(["Ada", "ada", "New York", "York", "é", "纽约", ""]), st.text(max_size=5))
pairs = st.lists(st.tuples(names, st.sampled_from(["PER", "LOC", "creative-work", "Ort"])), max_size=60)
tagged = st.lists(
    st.lists(st.tuples(st.sampled_from(["Ada", "ada", "Bo", "York"]), st.sampled_from(["O", "B-A", "I-A", "B-B"]))),
    min_size=1,
    max_size=8,
).filter(any)


def by_name(found):
    labels = {}
    for surface, label in found:
        labels.setdefault(surface, set()).add(label)
    return labels


def contents(found):
    return found.labels, found.hashes_N.tolist(), found.label_ids_N.tolist()


@given(pairs, st.integers(1, 7), names)
@example([("\ud800", "PER")], 1, "\ud801")
def test_surfaces_answer_as_a_dictionary_of_names_would(found, size, stranger):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surfaces, "_PAIRS", size)  # so that a few names take several rounds
        built = Surfaces.of(found)
    known = by_name(found)
    for surface in [*known, stranger]:
        assert built.labels_of(surface) == tuple(sorted(known.get(surface, ())))
        assert built.num_labels(surface) == len(known.get(surface, ()))
    assert len(built.hashes_N) == len(set(found))
    assert contents(built) == contents(Surfaces.of(reversed(found)))
    again = Surfaces.from_dict(json.loads(json.dumps(built.to_dict())))
    assert contents(again) == contents(built)
    assert (again.hashes_N.dtype, again.label_ids_N.dtype) == (built.hashes_N.dtype, built.label_ids_N.dtype)


@given(pairs, pairs)
def test_the_union_of_two_is_that_of_their_pairs(one, other):
    assert contents(Surfaces.of(one).union(Surfaces.of(other))) == contents(Surfaces.of([*one, *other]))


def test_a_stored_hash_is_that_of_the_definition():
    """Folders outlive releases: BLAKE2b of 8 bytes, little-endian, base64. Figures of `b2sum --length=64`."""
    stored = Surfaces.of([("New York", "LOC"), ("Ada", "PER")]).to_dict()
    assert stored == {"LOC": "g+Zb3TpuPLw=", "PER": "P0r7RdFjHlA="}


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=25)  # in each scheme; an example writes a corpus to the disk
@given(tagged)
def test_a_dataset_gives_the_surfaces_of_its_sentences(scheme, sentences):
    tokens = [[word for word, _ in rows] for rows in sentences]
    tags = [[tag for _, tag in rows] for rows in sentences]
    if scheme != "plain":
        tags = [convert_tags(sentence, "IOB2", scheme) for sentence in tags]
    data = Dataset.from_dict({"tokens": tokens, "tags": tags})
    # a selection has its rows elsewhere than a whole dataset
    data = load_corpus(data, scheme="plain" if scheme == "plain" else None)["train"].select(range(len(tokens)))
    found = scheme if scheme == "plain" else corpus_scheme(data)
    names = data.features["tags"].feature.names
    expected = [
        (" ".join(words[span.start : span.end]), span.label)
        for words, numbers in zip(tokens, data["tags"][:])
        for span in spans_from_tags([names[i] for i in numbers], found)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surfaces, "_ROWS", 2)
        assert contents(surfaces_of(data, found)) == contents(Surfaces.of(expected))


def test_no_name_can_be_read_in_what_is_stored_and_a_name_costs_eleven_bytes():
    found = [
        (f"Ada Lovelace {number}", label) for number in range(10_000) for label in ("PER", "LOC")[: 1 + number % 2]
    ]
    stored = json.dumps(Surfaces.of(found).to_dict())
    assert "Ada" not in stored
    assert "Lovelace" not in stored
    assert len(stored) < 11 * len(found)


def test_nothing_is_seen_where_nothing_was_built():
    built = Surfaces.of([])
    assert (built.labels, built.num_labels("Ada"), built.to_dict()) == ((), 0, {})
    assert Surfaces.from_dict({}).num_labels("") == 0


def test_a_corpus_is_known_by_its_names(shared_data):
    """Every name of bc5cdr's training data is seen; of its test data the share that a plain set of names gives."""
    corpus = load_corpus(str(shared_data / "bc5cdr"))
    scheme = corpus_scheme(corpus)
    found = {}
    for split in ("train", "test"):
        tags = corpus[split].features["tags"].feature.names
        found[split] = [
            (" ".join(words[span.start : span.end]), span.label)
            for words, sentence in zip(corpus[split]["tokens"][:], corpus[split]["tags"][:])
            for span in spans_from_tags([tags[i] for i in sentence], scheme)
        ]
    built, known = surfaces_of(corpus["train"], scheme), by_name(found["train"])
    assert len(built.hashes_N) == len(set(found["train"]))
    assert bool((np.diff(built.hashes_N.astype(object)) >= 0).all())
    for surface, _ in [*found["train"], *found["test"]]:
        assert built.num_labels(surface) == len(known.get(surface, ()))
