"""scikit-learn's contract: parameters, clones, searches, not-fitted errors; and that nothing trained is pickled."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.validation import check_is_fitted
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import Tagger, UsageError

NAMES = [name for name in inspect.signature(Tagger.__init__).parameters if name != "self"]


def test_the_constructor_stores_its_arguments_unchanged_and_checks_nothing():
    given = {name: object() for name in NAMES}
    tagger = Tagger(**given)
    assert all(getattr(tagger, name) is value for name, value in given.items())
    assert tagger.get_params(deep=False) == given
    assert vars(tagger).keys() == given.keys()
    with pytest.raises(TypeError):
        Tagger("lstm")  # keyword-only


def test_defaults_are_json_and_valid():
    params = Tagger().get_params()
    assert list(params) == sorted(NAMES)
    assert json.loads(json.dumps(params)) == params
    Tagger()._check_options()


def test_parameters_can_be_read_set_and_cloned():
    tagger = Tagger(hidden_size=7, class_weights={"PER": 2.0})
    twin = clone(tagger)
    assert twin is not tagger
    assert twin.get_params() == tagger.get_params()
    assert twin.set_params(encoder="gru", dropout=0.1) is twin
    assert (twin.encoder, twin.dropout, tagger.encoder) == ("gru", 0.1, "lstm")
    with pytest.raises(UsageError, match=r"Tagger has no option 'hiden_size'.*did you mean 'hidden_size'"):
        tagger.set_params(hiden_size=3)


def test_fitting_leaves_the_parameters_alone_and_a_clone_is_not_fitted():
    tagger = tiny_tagger(class_weights={"PER": 2.0})
    before = copy.deepcopy(tagger.get_params())
    assert tagger.fit(TOKENS, TAGS) is tagger
    assert tagger.get_params() == before
    check_is_fitted(tagger)
    with pytest.raises(NotFittedError):
        clone(tagger).predict(TOKENS)
    learned = {name for name in vars(tagger) if name not in NAMES}
    assert all(name.endswith("_") for name in learned), learned


def test_a_second_fit_starts_anew():
    twice = fitted_tagger()
    twice.fit(TOKENS[:8], TAGS[:8], dev=(TOKENS, TAGS))
    once = tiny_tagger().fit(TOKENS[:8], TAGS[:8], dev=(TOKENS, TAGS))
    assert twice.predict(UNSEEN) == once.predict(UNSEEN)
    assert [p.tobytes() for p in twice.predict_proba(UNSEEN)] == [p.tobytes() for p in once.predict_proba(UNSEEN)]


def test_a_fit_that_fails_leaves_no_half_trained_model():
    tagger = fitted_tagger()
    with pytest.raises(UsageError):
        tagger.set_params(class_weights={"NONE": 2.0}).fit(TOKENS, TAGS)
    with pytest.raises(NotFittedError):
        tagger.predict(UNSEEN)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.predict(TOKENS),
        lambda t: next(t.predict_stream(TOKENS)),
        lambda t: t.predict_proba(TOKENS),
        lambda t: t.predict_nbest(TOKENS),
        lambda t: t.predict_spans(["Ada."]),
        lambda t: t.predict_token_spans(TOKENS),
        lambda t: t.evaluate(TOKENS, TAGS),
        lambda t: t.score(TOKENS, TAGS),
        lambda t: t.save("anywhere"),
        lambda t: t.tags_,
        lambda t: t.labels_,
        lambda t: t.scheme_,
    ],
)
def test_before_fit_every_method_says_so(call):
    with pytest.raises(
        NotFittedError, match=r"not trained yet; call fit\(\.\.\.\) or Tagger\.load\(folder\)"
    ) as caught:
        call(Tagger())
    assert isinstance(caught.value, UsageError)


def test_a_trained_model_is_not_pickled():
    tagger = fitted_tagger()
    for copying in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match=r"pickles run code when they are read; use save\(\) and load\(\)"):
            copying(tagger)
    untrained = tiny_tagger(epochs=3)
    assert pickle.loads(pickle.dumps(untrained)).get_params() == untrained.get_params()


def test_cross_validation_scores_each_half_with_a_model_of_the_other():
    scores = cross_val_score(tiny_tagger(), TOKENS, TAGS, cv=2)
    expected = [
        tiny_tagger().fit(TOKENS[10:], TAGS[10:]).score(TOKENS[:10], TAGS[:10]),
        tiny_tagger().fit(TOKENS[:10], TAGS[:10]).score(TOKENS[10:], TAGS[10:]),
    ]
    np.testing.assert_allclose(scores, expected)


def test_a_grid_search_finds_the_rates_that_learn():
    X, y = TOKENS * 2, TAGS * 2  # so that each half has every sentence
    options = {"epochs": 12, "batch_size": 8, "dropout": 0.0, "lexical_dropout": 0.0, "balance": False}
    search = GridSearchCV(tiny_tagger(**options), {"lexical_learning_rate": [0.0, 0.05], "learning_rate": [0.0]}, cv=2)
    search.fit(X, y)
    assert search.best_params_ == {"lexical_learning_rate": 0.05, "learning_rate": 0.0}
    assert search.best_score_ > 0.3
    alone = tiny_tagger(**options, lexical_learning_rate=0.05).set_params(learning_rate=0.0).fit(X, y)
    assert search.predict(UNSEEN) == alone.predict(UNSEEN)
