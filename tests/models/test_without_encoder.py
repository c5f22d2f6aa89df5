"""Models of linear scores alone: an independent solver's optimum, sums by hand, and the way to the runtime and back."""

import json
import pickle
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hostile_folders import reseal
from sklearn.linear_model import LogisticRegression
from tiny import LABELS, SEVERAL, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS
from trainers import Watch

from seqtag import Classifier, LanguageModel, ModelError, Tagger, UsageError, runtime
from seqtag.batching import collate

QUICK = {"encoder": None, "epochs": 3, "batch_size": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def tagger():
    return Tagger(**QUICK).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))


@pytest.fixture(scope="module")
def classifier():
    return Classifier(**QUICK).fit(TEXTS, LABELS, dev=(TEXTS, LABELS))


@pytest.fixture(scope="module", params=["tagger", "classifier", "several labels", "linear head"])
def model(request, tagger, classifier):
    """A model, and what it answers with."""
    if request.param == "tagger":
        return tagger, lambda some: (some.predict(UNSEEN), some.predict_proba(UNSEEN))
    if request.param == "linear head":
        plain = Tagger(**QUICK, head="linear", precision="bf16").fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
        return plain, lambda some: (some.predict(UNSEEN), some.predict_proba(UNSEEN))
    if request.param == "several labels":
        classifier = Classifier(**QUICK, optimizer="sgd").fit(TEXTS, SEVERAL, dev=(TEXTS, SEVERAL))
    return classifier, lambda some: (some.predict(UNSEEN_TEXTS), list(some.predict_proba(UNSEEN_TEXTS)))


def test_it_is_saved_exported_and_served_as_every_model_is(model, tmp_path):
    trained, answers = model
    folder = trained.save(tmp_path / "m")
    trained.export(folder)
    tags, scores = answers(trained)
    again = type(trained).load(folder, device="cpu", engine="torch")
    assert again.get_params()["encoder"] is None
    for other in (again, pickle.loads(pickle.dumps(again)), type(trained).load(folder), runtime.load(folder)):
        found, found_scores = answers(other)
        assert found == tags
        for mine, theirs in zip(found_scores, scores, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| encoder | none: linear scores alone |" in card
    assert "pooling" not in card
    assert "--set encoder=null" in card


def test_a_killed_run_ends_in_the_same_weights(tmp_path):
    class KilledError(Exception):
        pass

    def kill(record):
        if record.epoch == 2:
            raise KilledError

    def fit(**options):
        return Classifier(**QUICK).fit(TEXTS, LABELS, dev=(TEXTS, LABELS), **options)

    with pytest.raises(KilledError):
        fit(checkpoint=tmp_path, watchers=[Watch(epoch=kill)])
    resumed, whole = fit(checkpoint=tmp_path, resume=True).network_.state_dict(), fit().network_.state_dict()
    assert all(np.array_equal(resumed[name], values) for name, values in whole.items())


# -- oracles ----------------------------------------------------------------------------------


def test_scikit_learn_finds_the_optimum_of_a_classifiers_loss():
    # Texts that no line can divide, so that there is one best model, at a finite place.
    texts = [["red"]] * 3 + [["blue"]] * 3 + [["red", "blue"]] * 2 + [["red", "red", "blue"]] * 2
    labels = ["a", "a", "b", "b", "b", "a", "a", "b", "a", "b"]
    classifier = Classifier(**QUICK, lexical_dropout=0.0, label_smoothing=0.0).fit(texts, labels, dev=(texts, labels))
    labels_BL = np.array([[label == "a", label == "b"] for label in labels], np.float32)
    network, batch = classifier.network_, collate(classifier.vocabulary_, texts, labels_BL=labels_BL)
    table_NL, bias_L = network.head.lexical.table.weight.data, network.head.lexical.bias_L.data
    # The features are read off the network: what a table with a one in one place gives each text.
    bias_L.zero_()
    features = []
    for ngram in range(len(table_NL)):
        table_NL.zero_()[ngram, 0] = 1.0
        features.append(network.views(batch)[0, :, 0].numpy())
    X = np.stack(features, 1)
    np.testing.assert_allclose((X**2).sum(1), 1, atol=1e-5)  # the weights of a text have a norm of 1
    found = LogisticRegression(C=np.inf, tol=1e-9, max_iter=10_000).fit(X.astype(np.float64), labels)

    table_NL[:, 0], bias_L[0] = 0.0, 0.0
    table_NL[:, 1], bias_L[1] = torch.from_numpy(found.coef_[0]).float(), float(found.intercept_[0])
    network.head.weights_V.fill_(1.0)
    np.testing.assert_allclose(network.probabilities(batch), found.predict_proba(X), atol=1e-5)
    network.zero_grad()
    network(batch).backward()
    for parameter in network.parameters():
        gradient = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
        np.testing.assert_allclose(gradient, 0, atol=1e-4)


def test_a_tagger_is_the_crf_of_the_features_of_words_and_neighbours(tagger):
    head, tagset = tagger.network_.head, tagger.tagset_
    table_VD, offsets_F = head.lexical.table.weight.detach().double().numpy(), head.lexical.offsets_F.numpy()
    fixed_L = (head.output.bias + head.shift_L).detach().double().numpy()
    start_L, move_LL, end_L = (part.detach().double().numpy() for part in head.scores())
    num_tags, tokens = len(tagset.names), ["Ada", "met", "Turing"]

    def word(place):  # the scores for the word before, here and after
        if not 0 <= place < len(tokens):
            return np.zeros((3, num_tags))
        ids, _ = tagger.vocabulary_.describe(tokens[place])
        return sum(table_VD[i + offset] for i, offset in zip(ids, offsets_F) if i > 1).reshape(3, num_tags)

    emissions_TL = [fixed_L + word(t)[0] + word(t - 1)[1] + word(t + 1)[2] for t in range(len(tokens))]
    paths = list(product(range(num_tags), repeat=len(tokens)))
    scores = np.array(
        [
            start_L[path[0]]
            + end_L[path[-1]]
            + sum(emissions[tag] for emissions, tag in zip(emissions_TL, path))
            + sum(move_LL[left, right] for left, right in pairwise(path))
            for path in paths
        ]
    )
    shares = np.exp(scores - np.logaddexp.reduce(scores))
    [(tags, probability)] = tagger.predict_nbest([tokens], n=1)[0]
    assert tags == tagset.decode(np.array(paths[scores.argmax()]))
    assert probability == pytest.approx(shares.max(), rel=1e-5)
    marginals_TL = [[shares[[path[t] == tag for path in paths]].sum() for tag in range(num_tags)] for t in range(3)]
    batch = collate(tagger.vocabulary_, [tokens])
    found_BTL = head.marginals(tagger.network_.emissions(batch), batch.lengths_B).detach()
    np.testing.assert_allclose(found_BTL[0], marginals_TL, atol=1e-5)


# -- what does not go ------------------------------------------------------------------------


def test_series_need_an_encoder():
    series = [np.ones((2, 1)), np.zeros((3, 1))] * 2
    with pytest.raises(UsageError, match="encoder=None: the linear scores are of words, and these rows are series"):
        Classifier(**QUICK).fit(series, ["a", "b"] * 2)


def test_a_language_model_needs_one():
    with pytest.raises(
        UsageError, match="LanguageModel: encoder=None: unknown; choose from gru, lstm, rnn_relu, rnn_tanh;"
    ):
        LanguageModel(encoder=None).fit("abc" * 99)


def test_no_word_has_attention(classifier, tmp_path):
    folder = classifier.save(tmp_path / "m")
    classifier.export(folder)
    for some in (classifier, runtime.load(folder)):
        assert not some.has_attention
        with pytest.raises(UsageError, match="predict_attention needs pooling='attention'; this model has no encoder"):
            some.predict_attention(TEXTS)


def test_there_is_no_int8(classifier, tmp_path):
    folder = classifier.save(tmp_path / "m")
    with pytest.raises(UsageError, match="this model has encoder=None; export it without int8"):
        classifier.export(folder, int8=True, force=True)


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("params", "lexical"), False, "'params.encoder' must not be null, since the model has no linear scores"),
        (("params", "context"), ["forward"], "'params.context' must be null, since the model has no encoder"),
        (("params", "encoder"), "lstm", "model.safetensors does not fit config.json"),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused(classifier, tmp_path, path, new, message):
    folder = classifier.save(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config[path[0]][path[1]] = new
    reseal(folder, config)
    with pytest.raises(ModelError, match=message):
        Classifier.load(folder, device="cpu")
