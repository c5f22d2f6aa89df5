"""The tagger end to end: it learns, its probabilities are exact, and a prediction depends on its sentence alone."""

import logging
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import Tagger, load_corpus
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.models.tagging.dev_score import DevScore
from seqtag.text.schemes import (
    SCHEMES,
    Span,
    convert_tags,
    detect_scheme,
    illegal_positions,
    spans_from_tags,
    tag_bigrams,
)
from seqtag.text.tag_spelling import TagSpelling
from seqtag.text.tag_tables import SpanTable
from seqtag.text.tokenizer import Tokenizer
from seqtag.training.watchers import DevFigures

REPOSITORY = Path(__file__).resolve().parents[3]
EASY = {"dropout": 0.0, "embedding_dropout": 0.0, "lexical_dropout": 0.0, "word_dropout": 0.0, "epochs": 30}
# Neighbours of one label tell IOB1 from IO.
CROWD = [*TOKENS, ["Linus", "Tim", "Hedy", "left", "Porto", "Quito", "."]]
CROWD_TAGS = [*TAGS, ["B-PER", "B-PER", "B-PER", "O", "B-LOC", "B-LOC", "O"]]
words = st.sampled_from([*{word for sentence in TOKENS for word in sentence}, "Lisbon", "unheard", "42", "é", ""])


@pytest.fixture(scope="module")
def tagger():
    return fitted_tagger(epochs=8)


@pytest.fixture(scope="module")
def eager(tagger, tmp_path_factory):
    """The same with the score of 'O' pushed down, so that it finds spans in anything."""
    eager = Tagger.load(tagger.save(tmp_path_factory.mktemp("eager") / "m"), device="cpu")
    eager.network_.head.shift_L[eager.tagset_.names.index("O")] = -3.0
    return eager


def in_scheme(scheme):
    if scheme == "plain":
        return [
            ["NAME" if tag != "O" else "WORD" if word.isalpha() else "MARK" for word, tag in zip(*pair, strict=True)]
            for pair in zip(CROWD, CROWD_TAGS, strict=True)
        ]
    return [convert_tags(tags, "IOB2", scheme) for tags in CROWD_TAGS]


def weights(tagger):
    return {name: tensor.clone() for name, tensor in tagger.network_.state_dict().items()}


# -- learning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["crf", "linear"])
def test_it_overfits_32_sentences(head):
    train = load_corpus(REPOSITORY / "data" / "train.conll", split="train").select(range(32))
    options = EASY | {"hidden_size": 16, "word_size": 16, "learning_rate": 0.03, "epochs": 15}
    tagger = tiny_tagger(head=head, **options).fit(train, dev=train)
    report = tagger.evaluate(train)
    assert report.f1 == report.accuracy == tagger.score(train) == 1.0
    assert [record.epoch for record in tagger.history_] == list(range(1, 16))
    assert tagger.history_[-1].loss < 0.05 * tagger.history_[0].loss


@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_predictions_are_in_the_scheme_of_the_data(scheme, head):
    tags = in_scheme(scheme)
    assert detect_scheme(tag_bigrams(tags)) == scheme
    options = EASY | {"epochs": 12, "learning_rate": 0.03} if head == "crf" else EASY | {"epochs": 3}
    tagger = tiny_tagger(head=head, **options).fit(CROWD, tags, dev=(CROWD, tags))
    assert tagger.scheme_ == scheme
    assert tagger.tags_ == sorted({t for row in tags for t in row}, key=lambda t: (t != "O", t))
    assert tagger.labels_ == (["MARK", "NAME", "WORD"] if scheme == "plain" else ["LOC", "ORG", "PER"])
    if head == "crf":
        assert tagger.predict(CROWD) == tags
    for sentence, predicted in zip(UNSEEN, tagger.predict(UNSEEN), strict=True):
        assert len(predicted) == len(sentence)
        assert set(predicted) <= set(tagger.tags_)
        assert not illegal_positions(predicted, scheme)
    for row in tagger.predict_nbest([["Ada", "Lovelace", "of", "Nokia"]], n=20)[0]:
        assert not illegal_positions(row[0], scheme)


def test_a_dataset_and_lists_train_the_same():
    data = Dataset.from_dict({"tokens": TOKENS, "tags": TAGS})
    by_lists = fitted_tagger()
    for given_dev in (data, (TOKENS, TAGS)):
        other = tiny_tagger().fit(data, dev=given_dev)
        assert all(torch.equal(a, b) for a, b in zip(weights(by_lists).values(), weights(other).values(), strict=True))
        assert other.data_ == by_lists.data_


def test_without_dev_data_a_share_is_held_out_and_said(caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        tagger = tiny_tagger(dev_share=0.25, seed=3).fit(TOKENS, TAGS)
    assert "no dev data given: 5 of 20 training sentences are held out (dev_share=0.25, seed=3)" in caplog.text
    assert (tagger.data_["train"], tagger.data_["dev"]) == (15, 5)


def test_the_best_epoch_on_dev_is_what_remains():
    train, dev = (TOKENS[:15], TAGS[:15]), (TOKENS[15:], TAGS[15:])
    for balance in (True, False):
        tagger = tiny_tagger(epochs=6, balance=balance).fit(*train, dev=dev)
        assert tagger.evaluate(*dev).f1 == pytest.approx(max(record.dev_score for record in tagger.history_))
        assert tagger.network_.head.shift_L.any() or not balance or tagger.history_[-1].dev_score > 0


@pytest.mark.parametrize("scheme", ["IOB2", "IO", "plain"])
@pytest.mark.parametrize("head", ["crf", "linear"])
def test_the_dev_loss_is_the_train_loss_of_a_network_that_stays(head: str, scheme: str):
    """With a rate of 0 and nothing dropped, both measure the first network; the shift of 'O' comes later."""
    plain = {tag: f"N{len(tag)}" for row in TAGS for tag in row}
    rewritten = {"IOB2": lambda tag: tag, "IO": lambda tag: tag.replace("B-", "I-"), "plain": plain.get}
    tags = [list(map(rewritten[scheme], row)) for row in TAGS]
    still = EASY | {"epochs": 1, "learning_rate": 0.0, "lexical_learning_rate": 0.0, "class_weights": "balanced"}
    tagger = tiny_tagger(head=head, **still).fit(TOKENS, tags, dev=(TOKENS, tags))
    assert tagger.scheme_ == scheme
    assert tagger.history_[0].dev_loss == pytest.approx(tagger.history_[0].loss, rel=1e-5)


def test_sentences_with_a_tag_that_training_lacks_have_no_dev_loss():
    tagger, strange = fitted_tagger(), [["B-DATE", "I-DATE"], ["B-PER", "I-PER"], ["O", "O"]]
    sentences = [["On", "Monday"], ["Ada", "Byron"], ["It", "rained"]]
    assert "I-PER" not in tagger.tags_ or "B-DATE" not in tagger.tags_

    def loss(*numbers: int) -> float | None:
        given = [sentences[n] for n in numbers], [strange[n] for n in numbers]
        return DevScore(tagger._torch_engine, *given, balance=True)(tagger.network_).loss

    assert loss(0) is None
    assert loss(0, 2) == pytest.approx(loss(2))
    assert DevScore(tagger._torch_engine, [[]], [[]], balance=True)(tagger.network_).loss is None


def test_several_seeds_keep_the_best_and_tell_the_spread(caplog):
    alone = [fitted_tagger(seed=seed, epochs=3) for seed in (4, 5)]
    with caplog.at_level(logging.INFO, "seqtag"):
        tagger = fitted_tagger(seed=4, seeds=2, epochs=3)
    scores = [max(record.dev_score for record in one.history_) for one in alone]
    assert tagger.seed_scores_ == scores
    best = alone[int(np.argmax(scores))]
    assert all(torch.equal(a, b) for a, b in zip(weights(tagger).values(), weights(best).values(), strict=True))
    assert tagger.history_[-1].loss == best.history_[-1].loss
    mean, deviation = 100 * np.mean(scores), 100 * np.std(scores, ddof=1)
    expected = f"over 2 seeds: mean {mean:.2f}, deviation {deviation:.2f}; the best, {100 * max(scores):.2f}, is kept"
    assert expected in caplog.text


@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("weight", [0.25, 1.0, 9.0])
def test_a_heavier_class_is_said_more_often(head, weight, monkeypatch):
    """Where the data say PER as often as O, the best answer for a weight w of PER can be worked out.

    Linear: weighted likelihood, so odds of w. CRF: the softmax-margin loss log(1 + w / r) + log(1 + r) of the odds r is
    least at the square root of w.
    """
    X, y = [["Paris"]] * 20, [["B-PER"], ["O"]] * 10
    options = EASY | {"epochs": 40, "batch_size": 20, "learning_rate": 0.05, "schedule": "cosine", "balance": False}
    rising = iter(range(40))
    monkeypatch.setattr(DevScore, "__call__", lambda *_: DevFigures(next(rising)))  # so that the last epoch is kept
    tagger = tiny_tagger(head=head, class_weights={"PER": weight}, **options).fit(X, y, dev=(X, y))
    odds = weight if head == "linear" else weight**0.5
    probability = tagger.predict_proba([["Paris"]])[0][0, tagger.tags_.index("B-PER")]
    assert probability == pytest.approx(odds / (1 + odds), abs=0.03)


def test_empty_sentences_do_not_disturb_training():
    X, y = [[], *TOKENS, [], []], [[], *TAGS, [], []]
    tagger = tiny_tagger(batch_size=1).fit(X, y, dev=(X, y))
    assert tagger.history_[1].loss < tagger.history_[0].loss
    assert [len(tags) for tags in tagger.predict(X)] == [len(tokens) for tokens in X]
    linear = tiny_tagger(batch_size=1, head="linear", characters="lstm").fit(X, y, dev=(X, y))
    assert linear.history_[1].loss < linear.history_[0].loss


# -- what comes out ---------------------------------------------------------------------------


def test_words_in_tags_out_in_order(tagger):
    every = tagger.predict([*UNSEEN, [], *TOKENS])
    assert [len(tags) for tags in every] == [len(tokens) for tokens in [*UNSEEN, [], *TOKENS]]
    assert every == [tagger.predict([tokens])[0] for tokens in [*UNSEEN, [], *TOKENS]]
    assert tagger.predict([]) == tagger.predict_spans([]) == tagger.predict_proba([]) == []
    assert tagger.predict([[]]) == [[]]
    assert tagger.predict(iter(UNSEEN)) == tagger.predict([tuple(s) for s in UNSEEN]) == tagger.predict(UNSEEN)
    assert list(tagger.predict_stream(iter([*UNSEEN, *TOKENS]))) == tagger.predict([*UNSEEN, *TOKENS])


def test_a_stream_is_read_as_it_is_used(tagger, monkeypatch):
    monkeypatch.setattr("seqtag.inference.tagging._CHUNK", 4)
    taken = []
    source = (taken.append(1) or sentence for sentence in TOKENS)
    stream = tagger.predict_stream(source)
    next(stream)
    assert len(taken) == 4
    assert len(list(stream)) == 19


@settings(max_examples=15)
@given(
    sentences=st.lists(st.lists(words, max_size=8), min_size=1, max_size=6), random=st.randoms(use_true_random=False)
)
def test_neighbours_order_and_batch_size_change_nothing(tagger, sentences, random):
    order = random.sample(range(len(sentences)), len(sentences))
    mixed = [sentences[i] for i in order]
    tags, probabilities = tagger.predict(sentences), tagger.predict_proba(sentences)
    spans = tagger.predict_token_spans(sentences)
    for place, i in enumerate(order):
        alone = [sentences[i]]
        assert tagger.predict(mixed)[place] == tags[i] == tagger.predict(alone)[0]
        np.testing.assert_allclose(tagger.predict_proba(alone)[0], probabilities[i], atol=1e-5)
        for a, b in zip(spans[i], tagger.predict_token_spans(alone)[0], strict=True):
            assert (a.start, a.end, a.label) == (b.start, b.end, b.label)
            assert a.score == pytest.approx(b.score, abs=1e-5)


def test_the_token_budget_changes_nothing(tagger, tmp_path):
    other = Tagger.load(tagger.save(tmp_path / "m"), device="cpu").set_params(max_tokens=7)
    assert other.predict(TOKENS) == tagger.predict(TOKENS)
    for a, b in zip(other.predict_proba(TOKENS), tagger.predict_proba(TOKENS), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


# Two tokens: few enough sequences for all of them to be listed.
SHORT = [["Ada", "Lovelace"], ["Oslo"], ["Nokia", "."], []]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_probabilities_equal_enumeration(scheme):
    """All legal sequences with their probabilities, listed by n-best, give everything else."""
    tags = in_scheme(scheme)
    tagger = tiny_tagger(epochs=4).fit(CROWD, tags, dev=(CROWD, tags))
    tagger.network_.head.shift_L.normal_(generator=torch.Generator().manual_seed(0))  # no answer is too sure
    for sentence, every in zip(SHORT, tagger.predict_nbest(SHORT, n=3000), strict=True):
        probability = [p for _, p in every]
        assert probability == sorted(probability, reverse=True)
        assert sum(probability) == pytest.approx(1.0, abs=1e-9)
        assert len({tuple(row) for row, _ in every}) == len(every)
        assert tagger.predict([sentence])[0] == every[0][0]
        first = tagger.predict_nbest([sentence], n=3)[0]
        assert [row for row, _ in first] == [row for row, _ in every[:3]]
        assert sum(p for _, p in first) <= 1 + 1e-9
        marginals = np.zeros((len(sentence), len(tagger.tags_)))
        for row, p in every:
            for place, tag in enumerate(row):
                marginals[place, tagger.tags_.index(tag)] += p
        got = tagger.predict_proba([sentence])[0]
        assert got.shape == marginals.shape
        np.testing.assert_allclose(got, marginals, atol=1e-6)
        for span in tagger.predict_token_spans([sentence])[0]:
            plain = Span(span.start, span.end, span.label)
            mass = sum(p for row, p in every if plain in spans_from_tags(row, scheme))
            assert span.score == pytest.approx(mass, abs=1e-6)


@pytest.mark.parametrize("head", ["crf", "linear"])
def test_rows_of_probabilities_sum_to_one(head):
    tagger = fitted_tagger(head=head)
    for sentence, rows in zip(UNSEEN, tagger.predict_proba(UNSEEN), strict=True):
        assert rows.shape == (len(sentence), len(tagger.tags_))
        np.testing.assert_allclose(rows.sum(1), 1.0, atol=1e-9)
        assert (rows >= 0).all()
    for found in tagger.predict_nbest(UNSEEN, n=7):
        assert sum(p for _, p in found) <= 1 + 1e-9
        assert len({tuple(row) for row, _ in found}) == len(found)


# -- texts ------------------------------------------------------------------------------------

texts = st.lists(
    st.one_of(
        st.sampled_from(
            ["Ada", "Oslo", "Nokia", ".", "!", "“", "naïve", "東京", "👩‍🔬", "\u00a0", "\u200b", "e\u0301", "B-52"]
        ),
        st.text(st.characters(codec="utf-8"), max_size=4),
        st.sampled_from([" ", "  ", "\n", "\n\n", "\t", "\r\n", "\u2009", "\u2028", ""]),
    ),
    max_size=25,
).map(" ".join)


@settings(max_examples=40)
@given(texts=st.lists(texts, min_size=1, max_size=3))
def test_offsets_index_the_text_and_every_token_is_tagged(eager, texts):
    for text, spans in zip(texts, eager.predict_spans(texts), strict=True):
        for span in spans:
            assert text[span.start : span.end] == span.text
            assert span.text.strip()
            assert 0 <= span.score <= 1
            assert span.label in eager.labels_
        for left, right in pairwise(spans):
            assert left.end <= right.start
    for text, sentences in eager.tag_texts(texts):
        tokens = [token for sentence, _, _ in sentences for token in sentence]
        assert tokens == Tokenizer("xx").tokens(text)
        assert all(len(sentence) == len(tags) for sentence, tags, _ in sentences)


def test_spans_of_a_text_are_those_of_its_tokens(eager):
    text = "Ada met  Hedy in Oslo.\n\nNokia sold\tSiemens to Marie Curie!"
    spans = eager.predict_spans([text])[0]
    assert spans
    sentences = Tokenizer("xx").sentences(text)
    expected = eager.predict_token_spans([[token.text for token in sentence] for sentence in sentences])
    flat = [
        Span(tokens[s.start].start, tokens[s.end - 1].end, s.label, text[tokens[s.start].start : tokens[s.end - 1].end])
        for tokens, found in zip(sentences, expected, strict=True)
        for s in found
    ]
    assert [Span(s.start, s.end, s.label, s.text) for s in spans] == flat


def test_a_long_text_is_tagged_to_its_end(eager):
    tokens = [token for sentence in TOKENS for token in sentence]
    tokens = (tokens * (20_000 // len(tokens) + 1))[:20_000]
    assert [len(tags) for tags in eager.predict([tokens])] == [20_000]
    [(_, sentences)] = eager.tag_texts([" ".join(tokens)])
    assert sum(len(tags) for _, tags, _ in sentences) == 20_000
    text = " ".join(token for token in tokens if token != ".")[:30_000]  # no full stop in all of it
    spans = eager.predict_spans([text])[0]
    assert len(spans) > 1000
    assert spans[-1].start > len(text) - 300
    assert all(text[span.start : span.end] == span.text for span in spans)


# -- measuring --------------------------------------------------------------------------------


def test_documents_are_the_units_where_they_are_told_apart(tagger):
    rows = {"tokens": TOKENS, "tags": TAGS}
    apart = [number % 2 for number in range(len(TOKENS))]
    report = tagger.evaluate(Dataset.from_dict({**rows, "document": apart}))
    assert (report.num_documents, report.intervals.num_units) == (2, 2)
    alone = tagger.evaluate(Dataset.from_dict({**rows, "document": [0] * len(TOKENS)}))
    assert (alone.num_documents, alone.intervals.num_units) == (None, len(TOKENS))


def test_the_report_is_that_of_the_predictions(tagger):
    report = tagger.evaluate(TOKENS, TAGS)
    spans = SpanTable.of(tagger.predict_token_spans(TOKENS), list(map(len, TOKENS)))
    bare = evaluate_tags(TAGS, tagger.predict(TOKENS), scheme="IOB2", tokens=TOKENS, spans=spans)
    assert replace(bare, slices=report.slices, confidence=report.confidence) == report
    assert report.confidence.num_events == report.num_predicted
    assert report.confidence.bins == bare.confidence.bins
    groups = {cut.group for cut in report.slices}
    assert {"surface in training", "words of the span"} <= groups
    assert {cut.name: cut.num_gold for cut in report.slices if cut.group == "surface in training"}["unseen"] == 0
    assert tagger.score(TOKENS, TAGS) == report.f1 > 0
    assert tagger.evaluate(Dataset.from_dict({"tokens": TOKENS, "tags": TAGS})) == report


@pytest.mark.parametrize("scheme", ["BIOES", "BILOU", "BMES", "IOB1"])
def test_data_in_another_scheme_measure_the_same(tagger, scheme):
    converted = [convert_tags(tags, "IOB2", scheme) for tags in CROWD_TAGS]
    assert tagger.evaluate(CROWD, converted) == tagger.evaluate(CROWD, CROWD_TAGS)


def test_plain_tags_are_measured_by_accuracy():
    tags = in_scheme("plain")
    tagger = tiny_tagger(epochs=4).fit(CROWD, tags, dev=(CROWD, tags))
    predicted = tagger.predict(CROWD)
    right = [a == b for x, y in zip(tags, predicted, strict=True) for a, b in zip(x, y, strict=True)]
    assert tagger.score(CROWD, tags) == pytest.approx(np.mean(right))
    assert max(record.dev_score for record in tagger.history_) == pytest.approx(np.mean(right))


def test_labels_that_the_model_lacks_count_as_missed_with_a_warning(tagger, caplog):
    gold = [[tag.replace("ORG", "TEAM") for tag in tags] for tags in TAGS]
    with caplog.at_level(logging.WARNING, "seqtag"):
        report = tagger.evaluate(TOKENS, gold)
    assert "label 'TEAM' not known to the model, which has LOC, ORG, PER" in caplog.text
    by_label = {row.label: row for row in report.strict.labels}
    assert by_label["TEAM"].recall == 0
    assert by_label["TEAM"].support == sum(tag == "B-TEAM" for tags in gold for tag in tags)


def test_predictions_keep_the_spelling_of_the_corpus_also_when_loaded(saved_tagger, tmp_path):
    tagger = Tagger.load(saved_tagger)
    usual, spans, best = tagger.predict(TOKENS), tagger.predict_token_spans(TOKENS), tagger.predict_nbest(TOKENS, n=2)
    spelling = TagSpelling("_", "/", "label first", True)
    tagger.tagset_ = replace(tagger.tagset_, spelling=spelling)
    tagger.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    written = [[spelling.write(tag) for tag in tags] for tags in usual]
    assert again.predict(TOKENS) == list(again.predict_stream(TOKENS)) == written
    assert again.tags_ == [spelling.write(tag) for tag in Tagger.load(saved_tagger).tags_]
    assert again.predict_token_spans(TOKENS) == spans
    assert [[tags for tags, _ in paths] for paths in again.predict_nbest(TOKENS, n=2)] == [
        [[spelling.write(tag) for tag in tags] for tags, _ in paths] for paths in best
    ]
    texts = [" ".join(TOKENS[0])]
    for (_, ours), (_, theirs) in zip(again.tag_texts(texts), Tagger.load(saved_tagger).tag_texts(texts)):
        assert [tags for _, tags, _ in ours] == [[spelling.write(tag) for tag in tags] for _, tags, _ in theirs]
    gold = again.predict(TOKENS)
    assert again.score(TOKENS, gold) == again.evaluate(TOKENS, gold, resamples=0).f1 == 1


def test_a_crf_of_many_tags_names_the_linear_head(caplog, monkeypatch):
    monkeypatch.setattr("seqtag.models.tagging.tagger._MANY_TAGS", 3)
    tiny_tagger(epochs=1).fit(TOKENS, TAGS)
    assert 'with head="linear" an epoch takes less than half as long' in caplog.text
