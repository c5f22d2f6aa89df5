"""No answer is made from numbers that are infinite or no numbers, while training or after it."""

import json

import numpy as np
import pytest
import safetensors.torch
from hostile_folders import reseal
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

from seqtag import LanguageModel, ModelError, Tagger
from seqtag.inference.finite import check_finite
from seqtag.runtime import load


@pytest.mark.parametrize("head", ["crf", "linear"])
def test_a_tagger_whose_weights_ran_away_is_refused(head):
    tagger = tiny_tagger(head=head, epochs=1, learning_rate=1e25, batch_size=100, clip=0.0)
    with pytest.raises(ModelError, match="lower learning_rate"):
        tagger.fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert not hasattr(tagger, "network_")


@pytest.mark.parametrize("labels", [LABELS, [[label] for label in LABELS]], ids=["one", "several"])
def test_a_classifier_whose_weights_ran_away_is_refused(labels):
    classifier = tiny_classifier(epochs=1, learning_rate=1e25, batch_size=100, clip=0.0)
    with pytest.raises(ModelError, match="lower learning_rate"):
        classifier.fit(TEXTS, labels, dev=(TEXTS, labels))


def test_a_language_model_whose_weights_ran_away_is_refused():
    model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu", learning_rate=1e25)
    with pytest.raises(ModelError, match="lower learning_rate"):
        model.fit(["to be or not"] * 4, watchers=())


def test_weights_that_are_not_finite_are_not_saved(folder):
    tagger = Tagger.load(folder, device="cpu")
    before = (folder / "model.safetensors").read_bytes()
    tagger.network_.head.output.bias.data[0] = float("nan")
    with pytest.raises(ModelError, match=r"the weights head\.output\.bias are not finite, and no such model is saved"):
        tagger.save(folder)
    assert (folder / "model.safetensors").read_bytes() == before


def test_weights_that_overflow_in_a_folder_give_no_answer(folder):
    """They are finite, so that the folder loads; what comes of them is not."""
    path = folder / "model.safetensors"
    weights = safetensors.torch.load(path.read_bytes())
    weights["head.output.weight"].fill_(3e38)
    path.write_bytes(safetensors.torch.save(weights))
    config = json.loads((folder / "config.json").read_bytes())
    reseal(folder, config)
    with pytest.raises(ModelError, match=r"the weights head\.output\.weight are as large as 3e\+38; train it again"):
        Tagger.load(folder, device="cpu").predict([["Ada", "spoke"], ["Oslo"]])


@pytest.mark.parametrize("temperature", [0.0, -1.0, 1e-300, 1e300])
def test_a_temperature_that_no_tagger_has_is_refused(folder, temperature):
    path = folder / "model.safetensors"
    weights = safetensors.torch.load(path.read_bytes())
    weights["head.temperature"].fill_(temperature)
    path.write_bytes(safetensors.torch.save(weights))
    reseal(folder)
    with pytest.raises(ModelError, match=r"head\.temperature"):
        Tagger.load(folder)


def test_series_that_are_far_from_those_of_training_are_named_by_their_numbers(tmp_path):
    """A plain recurrent network of rectified units has no bound: states grow with the input."""
    X = [np.random.default_rng(n).normal(size=(40, 2)) for n in range(12)]
    classifier = tiny_classifier(encoder="rnn_relu", epochs=1).fit(X, [0, 1] * 6, dev=(X, [0, 1] * 6))
    for weights in classifier.network_.encoder.parameters():
        weights.data.abs_()
    folder = classifier.save(tmp_path / "m")
    classifier.export(folder, force=True)
    for model in (classifier, load(folder)):
        with pytest.raises(
            ModelError, match=r"the input holds 3e\+38, far from the numbers of the training data; give"
        ):
            model.predict([np.full((40, 2), 3e38)])


def test_what_is_not_found_in_input_or_weights_overflows_in_between():
    with pytest.raises(ModelError, match="has no answer: its weights overflow; train it again with a lower"):
        check_finite(False, given=[np.ones(3), np.zeros(0), np.array([10**9])])
    check_finite(True, given=[np.array([np.inf])])
