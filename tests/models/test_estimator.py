"""scikit-learn's contract: parameters, clones, searches, not-fitted errors; numbers of numpy's; torch's generator."""

import copy
import inspect
import json

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.utils.validation import check_is_fitted
from tiny import (
    LABELS,
    TAGS,
    TEXTS,
    TOKENS,
    UNSEEN,
    UNSEEN_TEXTS,
    fitted_classifier,
    fitted_tagger,
    tiny_classifier,
    tiny_tagger,
)

from seqtag import Classifier, LanguageModel, ModelError, Tagger, UsageError, compare, load_corpus

KINDS = (Tagger, Classifier)
# How to make a small one, what to train it on, and a weight for one of its labels.
TASKS = [(tiny_tagger, TOKENS, TAGS, {"PER": 2.0}), (tiny_classifier, TEXTS, LABELS, {"good": 2.0})]


def names_of(kind):
    return [name for name in inspect.signature(kind.__init__).parameters if name != "self"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_constructor_stores_its_arguments_unchanged_and_checks_nothing(kind):
    given = {name: object() for name in names_of(kind)}
    estimator = kind(**given)
    assert all(getattr(estimator, name) is value for name, value in given.items())
    assert estimator.get_params(deep=False) == given
    assert vars(estimator).keys() == given.keys()
    with pytest.raises(TypeError):
        kind("lstm")  # keyword-only


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_json_and_valid(kind):
    params = kind().get_params()
    assert list(params) == sorted(names_of(kind))
    assert json.loads(json.dumps(params)) == params
    kind()._check_options()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_can_be_read_set_and_cloned(kind):
    estimator = kind(hidden_size=7, class_weights={"PER": 2.0})
    twin = clone(estimator)
    assert twin is not estimator
    assert twin.get_params() == estimator.get_params()
    assert twin.set_params(encoder="gru", dropout=0.1) is twin
    assert (twin.encoder, twin.dropout, estimator.encoder) == ("gru", 0.1, "lstm")
    message = rf"{kind.__name__} has no option 'hiden_size'.*did you mean 'hidden_size'"
    with pytest.raises(UsageError, match=message):
        estimator.set_params(hiden_size=3)


@pytest.mark.parametrize(("make", "X", "y", "class_weights"), TASKS, ids=["Tagger", "Classifier"])
def test_fitting_leaves_the_parameters_alone_and_a_clone_is_not_fitted(make, X, y, class_weights):
    estimator = make(class_weights=class_weights)
    before = copy.deepcopy(estimator.get_params())
    assert estimator.fit(X, y) is estimator
    assert estimator.get_params() == before
    check_is_fitted(estimator)
    with pytest.raises(NotFittedError):
        clone(estimator).predict(X)
    learned = {name for name in vars(estimator) if name not in names_of(type(estimator))}
    assert all(name.endswith("_") for name in learned), learned


def test_a_second_fit_starts_anew():
    twice = fitted_tagger()
    twice.fit(TOKENS[:8], TAGS[:8], dev=(TOKENS, TAGS))
    once = tiny_tagger().fit(TOKENS[:8], TAGS[:8], dev=(TOKENS, TAGS))
    assert twice.predict(UNSEEN) == once.predict(UNSEEN)
    assert [p.tobytes() for p in twice.predict_proba(UNSEEN)] == [p.tobytes() for p in once.predict_proba(UNSEEN)]


def test_a_second_fit_of_a_classifier_starts_anew_even_with_other_rows():
    series = [[[float(i % 2)], [1.0]] for i in range(8)]
    twice = fitted_classifier().fit(series, [i % 2 for i in range(8)])
    assert set(twice.predict(series)) <= {0, 1}
    twice.fit(TEXTS[:8], LABELS[:8], dev=(TEXTS, LABELS))
    once = tiny_classifier().fit(TEXTS[:8], LABELS[:8], dev=(TEXTS, LABELS))
    assert twice.predict_proba(UNSEEN_TEXTS).tobytes() == once.predict_proba(UNSEEN_TEXTS).tobytes()
    assert twice.classes_.tolist() == once.classes_.tolist()


@pytest.mark.parametrize(("make", "X", "y", "_"), TASKS, ids=["Tagger", "Classifier"])
def test_a_fit_that_fails_leaves_no_half_trained_model(make, X, y, _):
    estimator = make(epochs=1).fit(X, y)
    with pytest.raises(UsageError):
        estimator.set_params(class_weights={"NONE": 2.0}).fit(X, y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


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


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.predict(TEXTS),
        lambda c: next(c.predict_stream(TEXTS)),
        lambda c: c.predict_proba(TEXTS),
        lambda c: c.predict_attention(TEXTS),
        lambda c: c.choose(np.eye(2)),
        lambda c: c.evaluate(TEXTS, LABELS),
        lambda c: c.score(TEXTS, LABELS),
        lambda c: c.save("anywhere"),
        lambda c: c.classes_,
    ],
)
def test_before_fit_every_method_of_a_classifier_says_so(call):
    message = r"this Classifier is not trained yet; call fit\(\.\.\.\) or Classifier\.load\(folder\)"
    with pytest.raises(NotFittedError, match=message) as caught:
        call(Classifier())
    assert isinstance(caught.value, UsageError)


# Of every kind of option one or more, as numpy has them.
NUMPY = {
    "hidden_size": np.int32(4),
    "epochs": np.int64(1),
    "batch_size": np.uint8(4),
    "dropout": np.float32(0.25),
    "learning_rate": np.float64(0.01),
    "bias": np.bool_(False),
    "encoder": np.str_("gru"),
    "seed": np.int64(2**40),
}


@pytest.mark.parametrize("how", ["constructor", "set_params", "attribute"])
@pytest.mark.parametrize(("make", "X", "y", "weights"), TASKS, ids=["Tagger", "Classifier"])
def test_numbers_of_numpys_are_numbers(make, X, y, weights, how, tmp_path):
    weights = {np.str_(label): np.float32(weight) for label, weight in weights.items()}
    if how == "constructor":
        estimator = make(**NUMPY, class_weights=weights)
    elif how == "set_params":
        estimator = clone(make()).set_params(**NUMPY, class_weights=weights)
    else:
        estimator = make()
        for name, value in {**NUMPY, "class_weights": weights}.items():
            setattr(estimator, name, value)
    plain = make(**{name: value.item() for name, value in NUMPY.items()}, class_weights=weights)
    assert json.dumps(estimator.get_params()) == json.dumps(plain.get_params())
    assert clone(estimator).get_params() == estimator.get_params()
    if how == "set_params":
        loaded = type(estimator).load(estimator.fit(X, y).save(tmp_path / "m"))
        assert loaded.get_params() == {**plain.get_params(), "device": "auto"}


@pytest.mark.parametrize("bad", [np.int64(0), np.float64(8.0), np.bool_(True), np.float32("nan")])
def test_numbers_of_numpys_are_checked_as_others_are(bad):
    with pytest.raises(UsageError, match=r"hidden_size=.*must be a whole number, at least 1"):
        tiny_tagger(hidden_size=bad).fit(TOKENS, TAGS)


def test_a_search_over_an_array_finds_its_best(tmp_path):
    grid = {"hidden_size": np.arange(4, 12, 4), "dropout": np.linspace(0.0, 0.4, 2), "lexical": np.array([True])}
    search = GridSearchCV(tiny_classifier(epochs=1), grid, cv=2).fit(TEXTS, LABELS)
    assert search.best_estimator_.hidden_size in (4, 8)
    assert (
        Classifier.load(search.best_estimator_.save(tmp_path / "m")).hidden_size == search.best_params_["hidden_size"]
    )


@pytest.mark.parametrize(("make", "X", "y", "_"), TASKS, ids=["Tagger", "Classifier"])
def test_torchs_generator_is_left_alone(make, X, y, _, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    estimator = make(epochs=1).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)
    type(estimator).load(estimator.save(tmp_path / "m"))
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(UsageError):
        make(class_weights={"NONE": 1}).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)


def test_cross_validation_scores_each_half_with_a_model_of_the_other():
    scores = cross_val_score(tiny_tagger(), TOKENS, TAGS, cv=2)
    expected = [
        tiny_tagger().fit(TOKENS[10:], TAGS[10:]).score(TOKENS[:10], TAGS[:10]),
        tiny_tagger().fit(TOKENS[:10], TAGS[:10]).score(TOKENS[10:], TAGS[10:]),
    ]
    np.testing.assert_allclose(scores, expected)


def test_a_grid_search_finds_the_rates_that_learn():
    X, y = TOKENS * 2, TAGS * 2  # so that each half has every sentence
    options = {"epochs": 6, "batch_size": 8, "dropout": 0.0, "lexical_dropout": 0.0, "balance": False}
    search = GridSearchCV(tiny_tagger(**options), {"lexical_learning_rate": [0.0, 0.1], "learning_rate": [0.0]}, cv=2)
    search.fit(X, y)
    assert search.best_params_ == {"lexical_learning_rate": 0.1, "learning_rate": 0.0}
    assert search.best_score_ > 0.3
    alone = tiny_tagger(**options, lexical_learning_rate=0.1).set_params(learning_rate=0.0).fit(X, y)
    assert search.predict(UNSEEN) == alone.predict(UNSEEN)


# -- a classifier is one for scikit-learn too -------------------------------------------------


@pytest.mark.parametrize("kind", [str, int], ids=["strings", "integers"])
def test_cross_validation_of_a_classifier_takes_the_same_share_of_each_class(kind):
    y = LABELS if kind is str else [int(label == "good") for label in LABELS]
    assert is_classifier(Classifier())
    folds = list(StratifiedKFold(2).split(TEXTS, y))
    assert all(sum(y[i] == y[0] for i in part) == 8 for fold in folds for part in fold)
    scores = cross_val_score(tiny_classifier(), TEXTS, y, cv=2)
    expected, predicted = [], np.array(y)
    for train, test in folds:
        alone = tiny_classifier().fit([TEXTS[i] for i in train], [y[i] for i in train])
        expected.append(alone.score([TEXTS[i] for i in test], [y[i] for i in test]))
        predicted[test] = alone.predict([TEXTS[i] for i in test])
    np.testing.assert_allclose(scores, expected)
    assert cross_val_predict(tiny_classifier(), TEXTS, y, cv=2).tolist() == predicted.tolist()


def test_a_grid_search_over_a_classifier_finds_the_rate_that_learns():
    X, y = TEXTS * 2, LABELS * 2  # so that each half has every text
    options = {"epochs": 8, "batch_size": 8, "dropout": 0.0, "word_dropout": 0.0, "lexical": False}
    search = GridSearchCV(tiny_classifier(**options), {"learning_rate": [0.0, 0.02]}, cv=2, scoring="neg_log_loss")
    search.fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.02}
    assert search.classes_.tolist() == ["bad", "good"]
    assert search.best_score_ > -0.66  # of one half for everything it is -0.693
    alone = tiny_classifier(**options).set_params(learning_rate=0.02).fit(X, y)
    assert search.predict(UNSEEN_TEXTS) == alone.predict(UNSEEN_TEXTS)
    by_array = GridSearchCV(tiny_classifier(epochs=1), {"pooling": ["mean", "max"]}, cv=2)
    by_array.fit(np.array(TEXTS), np.array(LABELS))  # numpy's strings come out of its indexing
    assert set(by_array.predict(np.array(TEXTS))) <= {"bad", "good"}


def test_arguments_of_methods_take_numbers_of_numpys(saved_tagger, tmp_path):
    tagger = Tagger.load(saved_tagger, device="cpu")
    whole = np.array([2, 50, 1])
    assert tagger.predict_nbest(UNSEEN, n=whole[0]) == tagger.predict_nbest(UNSEEN, n=2)
    report = tagger.evaluate(TOKENS, TAGS, resamples=whole[1], seed=whole[2])
    report.save(tmp_path / "a.json")
    tagger.evaluate(TOKENS, TAGS, resamples=50, seed=1).save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    other = fitted_tagger(epochs=1).evaluate(TOKENS, TAGS, resamples=50)
    compared = compare(report, other, confidence=np.float32(0.5), resamples=whole[1], seed=whole[2])
    assert json.dumps(compared.to_dict()) == json.dumps(
        compare(report, other, confidence=0.5, resamples=50, seed=1).to_dict()
    )
    assert (
        tagger.tune(TOKENS, TAGS, recall=np.float32(0.5)).thresholds_
        == tagger.tune(TOKENS, TAGS, recall=0.5).thresholds_
    )
    with pytest.raises(UsageError, match="n=True: ask for a whole number"):
        tagger.predict_nbest(UNSEEN, n=True)
    (tmp_path / "a.conll").write_text("Ada\tB-PER\nmet\tO\n\n")
    corpus = load_corpus(tmp_path / "a.conll", token=np.int64(0), tag=np.int64(1))
    assert corpus["train"]["tokens"][:] == [["Ada", "met"]]


def test_a_language_model_takes_numbers_of_numpys():
    options = {"hidden_size": np.int64(8), "bptt": np.int32(10), "batch_size": np.int64(4), "epochs": np.int8(1)}
    model = LanguageModel(**options, device="cpu").fit(["to be or not to be"] * 40, watchers=())
    given = {"num_tokens": np.int64(9), "temperature": np.float32(0.5), "top_k": np.uint8(3), "seed": np.int64(2)}
    assert model.generate("to", **given) == model.generate("to", num_tokens=9, temperature=0.5, top_k=3, seed=2)
    assert model.fit_cache(["to be " * 40], size=np.int64(20)).size == 20


@pytest.mark.parametrize("make", [fitted_tagger, fitted_classifier])
def test_a_model_whose_weights_are_not_finite_is_not_saved_and_the_one_that_is_there_stays(make, tmp_path):
    model = make()
    model.save(tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    next(iter(model.network_.parameters())).data.view(-1)[0] = float("nan")
    with pytest.raises(ModelError, match="are not finite, and no such model is saved: train it again"):
        model.save(tmp_path / "m")
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
