"""Taggers learn from what is known: unknown tags teach nothing, and the rest is used whole."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiny import TAGS, TOKENS, tiny_tagger

from seqtag import Watcher, load_corpus
from seqtag.errors import DataError, UsageError

PER = [[tag if tag.endswith("PER") else "O" for tag in row] for row in TAGS]


def weights(tagger):
    return tagger.network_.state_dict()


def hidden(tags, share, seed=0):
    random = np.random.default_rng(seed)
    return [[None if random.random() < share else tag for tag in row] for row in tags]


def test_it_learns_from_half_of_the_tags_and_is_scored_on_those_that_are_known():
    tokens, tags = TOKENS * 3, hidden(TAGS * 3, 0.5)
    tagger = tiny_tagger(epochs=12).fit(tokens, tags, dev=(TOKENS, TAGS))
    assert "?" not in tagger.tags_
    assert tagger.score(TOKENS, TAGS) > 0.5
    report = tagger.evaluate(TOKENS, hidden(TAGS, 0.3, seed=1), resamples=0)
    assert report.num_unknown > 10
    assert report.num_tokens + report.num_unknown == sum(map(len, TOKENS))


def test_documents_that_are_annotated_for_some_labels_teach_only_those():
    rows = {"tokens": TOKENS + TOKENS, "tags": TAGS + PER, "annotated_labels": [None] * 20 + [["PER"]] * 20}
    data = load_corpus(Dataset.from_dict(rows))["train"]
    tagger = tiny_tagger(epochs=12).fit(data, dev=(TOKENS, TAGS))
    careless = tiny_tagger(epochs=12).fit(TOKENS + TOKENS, TAGS + PER, dev=(TOKENS, TAGS))
    assert tagger.score(TOKENS, TAGS) > careless.score(TOKENS, TAGS)
    report = tagger.evaluate(data.select(range(20, 40)), resamples=0)
    assert {row.label for row in report.strict.labels} == {"PER"}
    assert report.num_unjudged > 0


def test_a_tagger_finds_as_many_entities_as_it_is_told_to_expect():
    options = {"epochs": 15, "balance": False}
    taggers = [
        tiny_tagger(**options, unlabelled="unknown", entity_share=share).fit(TOKENS, PER, dev=(TOKENS, PER))
        for share in (0.3, 0.9)
    ]
    some, many = (sum(map(len, tagger.predict_token_spans(TOKENS))) for tagger in taggers)
    assert some < many


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    class StoppedError(Exception):
        pass

    class Stopping(Watcher):
        def step(self, *, epoch, **about):
            if epoch == 3:
                raise StoppedError

    tags = hidden(TAGS, 0.3)
    whole = tiny_tagger(epochs=4).fit(TOKENS, tags, dev=(TOKENS, TAGS))
    with pytest.raises(StoppedError):
        tiny_tagger(epochs=4).fit(TOKENS, tags, dev=(TOKENS, TAGS), checkpoint=tmp_path, watchers=[Stopping()])
    resumed = tiny_tagger(epochs=4).fit(TOKENS, tags, dev=(TOKENS, TAGS), checkpoint=tmp_path, resume=True)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name


def test_probabilities_are_set_by_sentences_that_are_known_whole():
    tagger = tiny_tagger(epochs=3).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    some = [tags if number % 2 else [None, *tags[1:]] for number, tags in enumerate(TAGS)]
    tagger.tune(TOKENS, some, recall=0.5)
    expected = tagger.thresholds_
    tagger.tune(TOKENS[1::2], TAGS[1::2], recall=0.5)
    assert tagger.thresholds_ == expected
    with pytest.raises(DataError, match="every sentence has unknown tags"):
        tagger.tune(TOKENS, [[None, *tags[1:]] for tags in TAGS], recall=0.5)


def test_where_nothing_is_known_there_is_nothing_to_learn_or_to_judge_by(caplog):
    nothing = [[None] * len(row) for row in TAGS]
    with pytest.raises(DataError, match="all tags of the training data are unknown"):
        tiny_tagger().fit(TOKENS, nothing)
    tagger = tiny_tagger(epochs=1).fit(TOKENS, TAGS, dev=(TOKENS, nothing))
    assert "all tags of the dev data are unknown" in caplog.text
    with pytest.raises(DataError, match="all tags of the evaluation data are unknown"):
        tagger.evaluate(TOKENS, nothing)
    with pytest.raises(UsageError, match="unlabelled='unknown' is about tokens outside of entities"):
        tiny_tagger(unlabelled="unknown").fit(TOKENS, [["A", *["B"] * (len(row) - 1)] for row in TOKENS])
