"""Batches against plain loops over the rows: nothing lost, nothing twice, the budget held, memory flat."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.batching import (
    LabelledRows,
    SeriesRows,
    TaggedRows,
    collate,
    collate_series,
    count_tokens,
    fingerprint,
    sentence_lengths,
    shuffled_batches,
)
from seqtag.corpora.loading import load_corpus
from seqtag.text.classes import ClassSet
from seqtag.text.length_batches import length_batches, pad, sorted_batches
from seqtag.text.schemes import convert_tags, detect_scheme, tag_bigrams
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import FEATURES, Vocabulary

WORDS = ["Ada", "ada", "met", "U.S.", "B-52", "naïve", "東京", "", "x" * 70]
sentences_of_words = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=8)
lengths_of_corpora = st.lists(st.integers(0, 40), min_size=1, max_size=120).map(np.array)


@given(rows=st.lists(st.lists(st.integers(1, 99), max_size=6), min_size=1, max_size=6))
def test_pad_keeps_every_row_and_fills_up_with_zeros_on_the_right(rows):
    padded = pad(np.array([v for row in rows for v in row], np.int64), np.array([len(row) for row in rows]))
    width = max(map(len, rows))
    assert padded.tolist() == [row + [0] * (width - len(row)) for row in rows]


@given(sentences=sentences_of_words)
def test_collate_looks_up_each_token_and_lists_each_distinct_word_once(sentences):
    vocabulary = Vocabulary.build({"Ada": 2, "met": 3, "naïve": 2, "x" * 70: 2})
    batch = collate(vocabulary, sentences)
    distinct = {word for sentence in sentences for word in sentence}
    assert len(batch.features_UF) == len(batch.characters_UC) == len(distinct) + 1
    assert not batch.features_UF[0].any()
    assert not batch.characters_UC[0].any()
    assert batch.lengths_B.tolist() == [len(sentence) for sentence in sentences]
    assert batch.slots_BT.shape[1] == max(map(len, sentences))
    for row, sentence in zip(batch.slots_BT.tolist(), sentences, strict=True):
        assert row[len(sentence) :] == [0] * (len(row) - len(sentence))
        for slot, word in zip(row, sentence, strict=False):
            alone = vocabulary.encode([word])
            assert batch.features_UF[slot].tolist() == alone.features_UF[0].tolist()
            spelling = batch.characters_UC[slot].tolist()
            assert [c for c in spelling if c] == [c for c in alone.characters_UC[0].tolist() if c]
            assert 0 not in spelling[: len([c for c in spelling if c])]
    # the feature columns are those that the vocabulary names
    assert batch.features_UF.shape[1] == len(FEATURES)


@given(sentences=sentences_of_words)
def test_collate_reads_lists_and_arrow_alike(sentences):
    vocabulary = Vocabulary.build({"Ada": 2, "met": 3})
    inside = pa.array([["left", "out"], *sentences, ["too"]], pa.list_(pa.string())).slice(1, len(sentences))
    for a, b in zip(*(collate(vocabulary, rows).__getstate__() for rows in (sentences, inside)), strict=True):
        assert a is b is None or torch.equal(a, b)


@settings(max_examples=60)
@given(
    lengths=lengths_of_corpora,
    batch_size=st.integers(1, 12),
    max_tokens=st.integers(1, 120),
    seed=st.integers(0, 9),
    pool=st.integers(1, 4),
)
def test_an_epoch_has_every_sentence_once_within_the_budget(lengths, batch_size, max_tokens, seed, pool):
    options = {"batch_size": batch_size, "max_tokens": max_tokens}
    for batches in (
        list(length_batches(lengths, **options)),
        shuffled_batches(lengths, **options, seed=seed, epoch=3, pool=pool),
    ):
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        for batch in batches:
            assert 1 <= len(batch) <= batch_size
            assert len(batch) * lengths[batch].max() <= max_tokens or len(batch) == 1


@given(lengths=lengths_of_corpora, batch_size=st.integers(1, 12), max_tokens=st.integers(1, 120))
def test_a_prediction_has_every_row_once_but_for_the_empty_ones(lengths, batch_size, max_tokens):
    batches = list(sorted_batches(lengths, max_tokens=max_tokens, batch_size=batch_size))
    in_order = [i for batch in batches for i in batch.tolist()]
    assert sorted(in_order) == [i for i, length in enumerate(lengths) if length]
    assert [lengths[i] for i in in_order] == sorted(lengths[lengths > 0], reverse=True)
    assert all(len(batch) <= batch_size for batch in batches)
    for batch in batches:
        size = len(batch) * lengths[batch].max()
        assert size <= max_tokens or (len(batch) <= 4 and size <= 4 * max_tokens) or len(batch) == 1


@given(lengths=lengths_of_corpora, seed=st.integers(0, 99), epoch=st.integers(1, 9))
def test_the_order_is_a_function_of_seed_and_epoch(lengths, seed, epoch):
    def order(seed, epoch):
        batches = shuffled_batches(lengths, batch_size=4, max_tokens=100, seed=seed, epoch=epoch)
        return [batch.tolist() for batch in batches]

    np.random.seed(epoch)  # the state of the global generator plays no part
    first = order(seed, epoch)
    np.random.seed(seed)
    assert order(seed, epoch) == first


def test_epochs_and_seeds_differ_and_like_lengths_stand_together():
    lengths = np.random.default_rng(0).integers(1, 60, 2000)
    epochs = {}
    for seed, epoch in ((0, 1), (0, 2), (1, 1), (1, 2)):
        batches = shuffled_batches(lengths, batch_size=16, max_tokens=10_000, seed=seed, epoch=epoch)
        epochs[seed, epoch] = np.concatenate(batches).tolist()
        padded = sum(len(batch) * lengths[batch].max() for batch in batches)
        assert lengths.sum() / padded > 0.9  # a plain shuffle has about 0.53
        firsts = [lengths[batch[0]] for batch in batches]
        assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.3  # no march from long to short
    assert len({tuple(order) for order in epochs.values()}) == 4


def make_dataset(tags):
    tokens = [[WORDS[(i + j) % len(WORDS)] for j in range(len(row))] for i, row in enumerate(tags)]
    return load_corpus(Dataset.from_dict({"tokens": tokens, "tags": tags}))["train"]


ROWS = {
    "IOB2": [["B-A", "I-A", "O", "B-B"], ["O"], ["B-A", "B-A", "I-A", "I-A"], ["B-B"]],
    "IOB1": [["I-A", "I-A", "B-A", "O"], ["O", "I-B"], ["I-A", "B-A", "I-A"]],
    "BIOES": [["B-A", "E-A", "S-B"], ["S-A", "O"], ["B-A", "I-A", "E-A"]],
    "plain": [["NOUN", "VERB"], ["X"], ["VERB", "VERB", "NOUN"]],
}


@pytest.mark.parametrize("scheme", ROWS)
def test_tagged_rows_equal_a_loop_over_the_rows(scheme):
    tags = ROWS[scheme]
    assert detect_scheme(tag_bigrams(tags)) == scheme
    dataset = make_dataset(tags)
    tagset = TagSet.build(dataset.features["tags"].feature.names, scheme)
    vocabulary = Vocabulary.build(count_tokens(dataset))
    rows = TaggedRows(dataset, vocabulary, tagset)
    assert rows.lengths.tolist() == [len(row) for row in tags]
    for indices in ([0], [2, 1], list(range(len(tags)))[::-1]):
        batch = rows.batch(np.array(indices))
        for b, i in enumerate(indices):
            wanted = tags[i] if scheme == "plain" else convert_tags(tags[i], scheme, tagset.scheme)
            assert [tagset.names[t] for t in batch.tags_BT[b, : len(tags[i])]] == wanted
            assert not batch.tags_BT[b, len(tags[i]) :].any()
            ids = vocabulary.encode(dataset["tokens"][i])
            assert batch.features_UF[batch.slots_BT[b, : len(tags[i])]].tolist() == ids.features_UF.tolist()


@given(
    spans=st.lists(
        st.lists(st.tuples(st.sampled_from(["A", "B", None]), st.integers(1, 3)), min_size=1, max_size=6),
        min_size=1,
        max_size=6,
    )
)
def test_tags_encode_as_convert_tags_writes_them(spans):
    """Flat arrays of many sentences, looked up in a table, against one sentence after the other."""
    tags = [
        [t for label, n in row for t in (["O"] * n if label is None else [f"B-{label}"] + [f"I-{label}"] * (n - 1))]
        for row in spans
    ]
    names = ["O", "B-A", "I-A", "B-B", "I-B"]
    tagset = TagSet.build(names, "IOB2")
    flat = np.array([names.index(t) for row in tags for t in row])
    encoded = tagset.encode(flat, np.array([len(row) for row in tags]), tagset.encoder(names))
    expected = [t for row in tags for t in convert_tags(row, "IOB2", "BIOES")]
    assert [tagset.names[i] for i in encoded] == expected
    start = 0
    for row in tags:
        assert tagset.decode(encoded[start : start + len(row)]) == row
        start += len(row)


# -- texts and series with labels -------------------------------------------------------------


@pytest.mark.parametrize("is_multi", [False, True])
def test_labelled_rows_equal_a_loop_over_the_rows(is_multi):
    texts = [["Ada", "met", "Ada"], [], ["naïve"], ["x" * 70, "met"], ["東京"]]
    ids = [[0, 2], [], [1], [2], [0, 1, 2]] if is_multi else [2, 0, 1, 1, 0]
    dataset = Dataset.from_dict({"tokens": texts})
    vocabulary = Vocabulary.build(count_tokens(dataset))
    rows = LabelledRows(dataset, ids, vocabulary, ClassSet(("a", "b", "c"), is_multi))
    assert rows.lengths.tolist() == [len(text) for text in texts]
    for indices in ([3], [4, 0, 2], [2, 2], list(range(5))[::-1]):
        batch = rows.batch(np.array(indices))
        alone = collate(vocabulary, [texts[i] for i in indices])
        for name in ("slots_BT", "features_UF", "characters_UC", "lengths_B"):
            assert torch.equal(getattr(batch, name), getattr(alone, name))
        label_lists = [ids[i] if is_multi else [ids[i]] for i in indices]
        assert batch.labels_BL.tolist() == [[float(label in labels) for label in range(3)] for labels in label_lists]
        assert batch.tags_BT is batch.weights_B is None
    pieces = [rows.batch(indices) for indices in rows.in_order(batch_size=2)]
    assert [len(batch) for batch in pieces] == [2, 2, 1]
    assert torch.equal(torch.cat([batch.labels_BL for batch in pieces]), rows.batch(np.arange(5)).labels_BL)


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6), num_features=st.integers(1, 3))
def test_series_keep_their_numbers_and_are_filled_up_with_zeros(lengths, num_features):
    random = np.random.default_rng(0)
    series = [random.normal(size=(length, num_features)).astype(np.float32) for length in lengths]
    ids = [number % 2 for number in range(len(series))]
    rows = SeriesRows(series, ids, ClassSet(("a", "b")))
    assert rows.lengths.tolist() == lengths
    order = list(range(len(series)))[::-1]
    for batch in (rows.batch(np.array(order)), collate_series([series[i] for i in order])):
        assert batch.values_BTD.shape == (len(series), max(lengths), num_features)
        assert batch.lengths_B.tolist() == lengths[::-1]
        for values_TD, number in zip(batch.values_BTD, order, strict=True):
            assert values_TD[: lengths[number]].tolist() == series[number].tolist()
            assert not values_TD[lengths[number] :].any()
    labels_BL = rows.batch(np.array(order)).labels_BL
    assert labels_BL.tolist() == [[float(ids[i] == 0), float(ids[i] == 1)] for i in order]
    assert collate_series(series).labels_BL is None


# -- counts and fingerprints ------------------------------------------------------------------


@given(sentences=sentences_of_words)
def test_counts_and_lengths_equal_a_loop(sentences):
    dataset = Dataset.from_dict({"tokens": [*sentences, ["a"]], "tags": [[0] * len(s) for s in [*sentences, ["a"]]]})
    assert sentence_lengths(dataset).tolist() == [len(s) for s in [*sentences, ["a"]]]
    counts: dict[str, int] = {}
    for word in [word for sentence in [*sentences, ["a"]] for word in sentence]:
        counts[word] = counts.get(word, 0) + 1
    assert count_tokens(dataset) == counts


def test_fingerprint_tells_data_apart_and_not_files(tmp_path):
    original = make_dataset(ROWS["IOB2"])
    original.save_to_disk(tmp_path / "saved")
    first = fingerprint({"train": original})
    assert fingerprint({"train": Dataset.load_from_disk(tmp_path / "saved")}) == first
    assert fingerprint({"train": original.select([0, 1, 2, 3])}) == first
    others = [
        {"dev": original},
        {"train": original.select([1, 0, 2, 3])},
        {"train": original.select([0, 1, 2])},
        {"train": make_dataset([["O", *ROWS["IOB2"][0][1:]], *ROWS["IOB2"][1:]])},
        {"train": original.map(lambda row: {"tokens": [word + "." for word in row["tokens"]]})},
        # the same letters cut into other tokens
        {"train": original.map(lambda row: {"tokens": ["".join(row["tokens"]), *[""] * (len(row["tokens"]) - 1)]})},
    ]
    found = [fingerprint(splits) for splits in others]
    assert len({first, *found}) == len(others) + 1


def test_rows_stay_on_disk_so_memory_does_not_grow_with_the_corpus(tmp_path):
    sentence = "Ada\tB-PER\nLovelace\tI-PER\nmet\tO\nCharles\tB-PER\nin\tO\nTurin\tB-LOC\n.\tO\n\n"

    def peaks(num_sentences):
        path = tmp_path / f"{num_sentences}.conll"
        path.write_text(sentence * num_sentences)
        dataset = load_corpus(path)["train"]
        assert dataset.cache_files
        tagset = TagSet.build(dataset.features["tags"].feature.names, "IOB2")
        rows = TaggedRows(dataset, Vocabulary.build(count_tokens(dataset)), tagset)
        arrow = pa.total_allocated_bytes()
        held = 0
        tracemalloc.start()
        for indices in length_batches(rows.lengths, batch_size=64, max_tokens=4096):
            assert rows.batch(indices).tags_BT.shape == (len(indices), 7)
            held = max(held, pa.total_allocated_bytes() - arrow)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - 40 * num_sentences, held  # less what sorting the lengths takes: a few numbers a sentence

    small, large = peaks(1_000), peaks(20_000)
    assert large[0] < small[0] + 200_000
    assert large[1] < small[1] + 200_000
