"""N-grams made from ids against n-grams of strings, their counts against Counter, their scores against a dense product.

The number of an n-gram means nothing outside, so n-grams are compared by their kind and by which texts they stand in.
"""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ngrams_of_strings import KINDS, LEAST, count_strings, dense_scores, ngrams_of, settings_of, vocabulary_of

from seqtag.batching import collate
from seqtag.nn import ngrams
from seqtag.nn.ngrams import NgramScores, count_ngrams, occurrences

WORDS = ["a", "be", "Bee", "BEE", "bees", "42", "17", "état", "ÉTAT", "ßß", "", "beebeebee", "ab" * 20, "x", "Ωb", "."]
letters = st.text("abAB1éÉ", min_size=1, max_size=40)
words = st.one_of(st.sampled_from(WORDS), letters)
texts_of_words = st.lists(st.lists(words, max_size=8), min_size=1, max_size=6)


def numbered(texts, vocabulary):
    """The numbers of the n-grams of each text, with how often each is there."""
    folded_C, ngram_settings = settings_of(vocabulary)
    found = occurrences(collate(vocabulary, texts), folded_C, **ngram_settings)
    counts = [Counter() for _ in texts]
    for text, key, times in zip(*(part.tolist() for part in found), strict=True):
        counts[text][key] += times
    return counts


def patterns(counts, kind):
    """How many n-grams there are of each kind that stand so often in the first text, so often in the second, ..."""
    by_ngram = defaultdict(lambda: [0] * len(counts))
    for text, counts_of_text in enumerate(counts):
        for ngram, count in counts_of_text.items():
            by_ngram[ngram][text] = count
    return Counter((kind(ngram), tuple(in_texts)) for ngram, in_texts in by_ngram.items())


@settings(max_examples=60)
@given(
    training=texts_of_words,
    unseen=texts_of_words,
    options=st.sampled_from([{}, {"lowercase": False}, {"min_freq": 2}, {"merge_digits": False}]),
)
def test_occurrences_are_those_of_the_strings(training, unseen, options):
    vocabulary = vocabulary_of(training, **options)
    texts = [*unseen, *training]
    expected = [Counter(ngrams_of(text, vocabulary)) for text in texts]
    got = numbered(texts, vocabulary)
    assert [sum(counts.values()) for counts in got] == [sum(counts.values()) for counts in expected]
    assert patterns(got, lambda key: KINDS[key >> ngrams._KIND_BITS]) == patterns(expected, lambda ngram: ngram[0])


@settings(max_examples=30)
@given(texts=texts_of_words)
def test_an_ngram_has_one_number_in_every_batch(texts):
    vocabulary = vocabulary_of([WORDS])
    together = numbered(texts, vocabulary)
    assert together == [numbered([text], vocabulary)[0] for text in texts]
    assert together[::-1] == numbered(texts[::-1], vocabulary)


def test_a_text_without_words_has_no_ngrams():
    vocabulary = vocabulary_of([["a", "b"]])
    assert numbered([[], ["a", "b"], []], vocabulary)[::2] == [Counter(), Counter()]
    assert numbered([[]], vocabulary) == [Counter()]
    # neither the word nor a pair, but characters: of what was never seen too
    assert numbered([["zzz"]], vocabulary)[0].total() == 5


# -- counts -----------------------------------------------------------------------------------


def labelled(texts, labels, num_classes):
    """Labels as rows of 0 and 1, (B, L), of a collection of labels for each text."""
    labels_BL = np.zeros((len(texts), num_classes), np.float32)
    for row_L, label in zip(labels_BL, labels, strict=True):
        row_L[list(label)] = 1
    return labels_BL


def batches_of(texts, labels_BL, vocabulary, size):
    def batches(step):
        for start in range(0, len(texts), size * step):
            chosen = slice(start, start + size)
            yield collate(vocabulary, texts[chosen], labels_BL=labels_BL[chosen])

    return batches


def assert_same_rows(some, others):
    """Rows without names are the same ones when they cast the same shadows, in order, in each of several directions."""
    assert len(some) == len(others)
    directions = np.random.default_rng(0).normal(size=(np.shape(others)[1], 5))
    np.testing.assert_allclose(np.sort(some @ directions, 0), np.sort(others @ directions, 0), atol=1e-5)


def calmed(scores_NL, known):
    """The one factor, at most 1, that all scores are made smaller by where they would be too sure."""
    plain = np.linalg.norm([scores_L for _, scores_L in known.values()]) if known else 0.0
    factor = np.linalg.norm(scores_NL) / plain if plain else 1.0
    assert factor <= 1 + 1e-5
    return factor


training_sets = st.integers(2, 3).flatmap(
    lambda num_classes: st.tuples(
        st.just(num_classes),
        st.lists(
            st.tuples(
                st.lists(st.sampled_from(WORDS), max_size=6),
                st.sets(st.integers(0, num_classes - 1), max_size=num_classes),
            ),
            min_size=2,
            max_size=9,
        ),
    )
)


@settings(max_examples=50)
@given(data=training_sets, size=st.integers(1, 10))
def test_counts_rarity_and_naive_bayes_equal_counters(data, size):
    num_classes, rows = data
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    labels_BL = labelled(texts, labels, num_classes)
    vocabulary = vocabulary_of(texts)
    folded_C, ngram_settings = settings_of(vocabulary)
    found = count_ngrams(batches_of(texts, labels_BL, vocabulary, size), folded_C, **ngram_settings, least=LEAST)
    known, share_L = count_strings(texts, labels_BL, vocabulary)
    assert found.keys_N.tolist() == sorted(set(found.keys_N.tolist()))
    calm = calmed(found.scores_NL, known)
    wanted = [[rarity, *(calm * scores_L)] for rarity, scores_L in known.values()]
    assert_same_rows(np.column_stack([found.rarity_N, found.scores_NL]), np.reshape(wanted, (-1, 1 + num_classes)))
    assert found.prior_L.isfinite().all()  # of a class without a text too
    told_L = share_L > 0.1
    np.testing.assert_allclose(found.prior_L.exp()[told_L], share_L[told_L], rtol=0.02)


def test_ngrams_in_too_few_texts_are_left_out():
    texts = [["the", "cat"], ["the", "cat"], ["the", "dog"], ["odd"]]
    labels_BL = labelled(texts, [[0], [0], [1], [1]], 2)
    vocabulary = vocabulary_of(texts)
    folded_C, ngram_settings = settings_of(vocabulary)
    for least in ((1, 1, 1), (1, 2, 2), (2, 1, 3), (3, 3, 3), (9, 9, 9)):
        found = count_ngrams(batches_of(texts, labels_BL, vocabulary, 2), folded_C, **ngram_settings, least=least)
        known, _ = count_strings(texts, labels_BL, vocabulary, least)
        assert len(found.keys_N) == len(found.rarity_N) == len(found.scores_NL) == len(known)


def test_where_ngrams_are_many_pairs_of_a_single_text_go(monkeypatch):
    texts = [["the", word, "sat"] for word in ("cat", "dog", "cat", "hen")]
    labels_BL = labelled(texts, [[i % 2] for i in range(4)], 2)
    vocabulary = vocabulary_of(texts)
    folded_C, ngram_settings = settings_of(vocabulary)
    for name, many, least in (("_MANY", 10**9, (1, 1, 2)), ("_MANY", 5, (1, 2, 2)), ("_MANY_CELLS", 10, (1, 2, 2))):
        monkeypatch.setattr(ngrams, name, many)
        found = count_ngrams(batches_of(texts, labels_BL, vocabulary, 3), folded_C, **ngram_settings, least=(1, 1, 2))
        assert len(found.keys_N) == len(count_strings(texts, labels_BL, vocabulary, least)[0])
        monkeypatch.undo()


def test_of_too_many_ngrams_the_most_frequent_are_kept(monkeypatch):
    texts = [["the", word, "sat"] for word in ("cat", "dog", "cat", "hen", "cow", "dog", "cat")]
    labels_BL = labelled(texts, [[i % 2] for i in range(7)], 2)
    vocabulary = vocabulary_of(texts)
    folded_C, ngram_settings = settings_of(vocabulary)
    every = count_ngrams(batches_of(texts, labels_BL, vocabulary, 3), folded_C, **ngram_settings, least=LEAST)
    monkeypatch.setattr(ngrams, "_MOST_CELLS", 2 * 10)
    kept = count_ngrams(batches_of(texts, labels_BL, vocabulary, 3), folded_C, **ngram_settings, least=LEAST)
    assert len(every.keys_N) > 10 == len(kept.keys_N)
    assert kept.rarity_N.max() <= every.rarity_N.sort().values[9]
    rows = {key: row for key, *row in zip(every.keys_N.tolist(), every.rarity_N, every.scores_NL, strict=True)}
    for key, rarity, scores_L in zip(kept.keys_N.tolist(), kept.rarity_N, kept.scores_NL, strict=True):
        assert rarity == rows[key][0]
        assert torch.equal(scores_L, rows[key][1])


def test_scores_of_training_texts_are_not_too_sure_to_learn_any_more():
    """Of many words that all say the same, naive Bayes would be surer the more there are."""
    words = [[f"{side}{number}" for number in range(200)] for side in ("left", "right")]
    rows = [(words[i % 2][i : i + 100], {i % 2}) for i in range(40)]
    vocabulary, scores, known = trained(rows, 2)
    assert calmed(scores.table.weight.detach(), known) < 0.5
    spread = (scores(collate(vocabulary, [text for text, _ in rows])) - scores.bias_L).std().item()
    assert spread == pytest.approx(ngrams._CALM_SPREAD, rel=0.2)
    timid = [(["a", "b"], {0}), (["a", "b"], {1})]
    _, scores, known = trained(timid, 2)
    assert calmed(scores.table.weight.detach(), known) == 1.0


# -- scores -----------------------------------------------------------------------------------


def trained(rows, num_classes, **options):
    texts = [text for text, _ in rows]
    labels_BL = labelled(texts, [label for _, label in rows], num_classes)
    vocabulary = vocabulary_of(texts)
    folded_C, ngram_settings = settings_of(vocabulary)
    counted = count_ngrams(batches_of(texts, labels_BL, vocabulary, 4), folded_C, **ngram_settings, least=LEAST)
    known, _ = count_strings(texts, labels_BL, vocabulary)
    return vocabulary, NgramScores(counted, folded_C, **ngram_settings, **options).eval(), known


@settings(max_examples=50)
@given(data=training_sets, unseen=texts_of_words)
def test_scores_equal_a_dense_tfidf_product(data, unseen):
    num_classes, rows = data
    vocabulary, scores, known = trained(rows, num_classes)
    texts = [*unseen, *(text for text, _ in rows)]
    calm = calmed(scores.table.weight.detach(), known)
    expected_BL = calm * dense_scores(texts, vocabulary, known, num_classes) + scores.bias_L.detach().numpy()
    got_BL = scores(collate(vocabulary, texts)).detach().numpy()
    np.testing.assert_allclose(got_BL, expected_BL, atol=1e-5)


SEEN = [(["the", "Bees", "be", "17"], {0}), (["be", "the", "bee", "."], {1}), (["a", "bees", "."], {0}), (["Bee"], {1})]


@settings(max_examples=30)
@given(texts=texts_of_words, random=st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_batch(texts, random):
    vocabulary, scores, _ = trained(SEEN, 2)
    together_BL = scores(collate(vocabulary, texts))
    order = random.sample(range(len(texts)), len(texts))
    torch.testing.assert_close(scores(collate(vocabulary, [texts[i] for i in order])), together_BL[order])
    for text, scores_L in zip(texts, together_BL, strict=True):
        torch.testing.assert_close(scores(collate(vocabulary, [text]))[0], scores_L, atol=1e-6, rtol=1e-5)


def test_a_text_of_unknown_words_gets_what_is_known_without_any():
    vocabulary, scores, _ = trained(SEEN, 2)
    scores_BL = scores(collate(vocabulary, [[], ["zzz", "ΩΩΩ"]]))
    assert torch.equal(scores_BL, scores.bias_L.expand(2, 2))
    empty, none, _ = trained([([], {0}), ([], {1})], 2)  # not one n-gram in training
    assert torch.equal(none(collate(empty, [["bee"]])), none.bias_L[None])


def test_a_step_moves_the_scores_of_what_a_text_holds_and_no_others():
    vocabulary, scores, _ = trained(SEEN, 2)
    batch = collate(vocabulary, [["bee"]])
    scores(batch)[0, 1].backward()
    touched = scores.table.weight.grad.coalesce().indices()[0]
    keys = set(numbered([["bee"]], vocabulary)[0])
    assert set(scores.keys_N[touched].tolist()) == keys & set(scores.keys_N.tolist())
    assert scores.bias_L.grad.tolist() == [0.0, 1.0]


def test_dropout_leaves_ngrams_out_in_training_only():
    vocabulary, scores, _ = trained(SEEN, 2, dropout=0.5)
    batch = collate(vocabulary, [text for text, _ in SEEN])
    whole_BL = scores(batch)
    torch.manual_seed(0)
    drawn = torch.stack([scores.train()(batch) for _ in range(400)])
    assert not torch.equal(drawn[0], drawn[1])
    # what is left weighs more, so that on average all is as it was
    torch.testing.assert_close(drawn.mean(0), whole_BL, atol=0.1, rtol=0)
    assert torch.equal(scores.eval()(batch), whole_BL)


@pytest.mark.parametrize("lowercase", [True, False])
def test_case_is_folded_where_the_vocabulary_folds_it(lowercase):
    vocabulary = vocabulary_of([["bees", "BEES", "Bees"]], lowercase=lowercase)
    lower, upper, title = numbered([["bees"], ["BEES"], ["Bees"]], vocabulary)
    assert (lower == upper == title) is lowercase
    assert len({frozenset(ngrams) for ngrams in (lower, upper, title)}) == (1 if lowercase else 3)
