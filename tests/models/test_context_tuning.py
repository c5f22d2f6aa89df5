"""Language models that learn along with the tagger or classifier that they lend their states to."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from datasets import Dataset
from sklearn.base import clone
from tiny import LABELS, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS, tiny_classifier, tiny_tagger
from torch.optim.optimizer import register_optimizer_step_pre_hook
from trainers import Watch, assert_same, copy_of

from seqtag import Classifier, LanguageModel, Tagger, UsageError
from seqtag.batching import TaggedRows
from seqtag.corpora.loading import load_corpus
from seqtag.models import fitting
from seqtag.models.context import Context

TEXT = ["\n".join(" ".join(tokens) for tokens in TOKENS)] * 3
SMALL = {"hidden_size": 7, "embedding_size": 6, "bptt": 10, "batch_size": 4, "epochs": 1, "device": "cpu"}
RATE = 0.003
# Nothing by chance, and one step over all sentences at the rates as they stand.
ONE_STEP = {
    "optimizer": "sgd",
    "epochs": 1,
    "batch_size": len(TOKENS),
    "schedule": "constant",
    "warmup": 0.0,
    "clip": 0.0,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
    "word_dropout": 0.0,
    "context_dropout": 0.0,
    "lexical_dropout": 0.0,
}


@pytest.fixture(scope="module")
def models():
    """One of each direction; the forward one with tied weights in a projection, the backward one with two layers."""
    first, second = {}, {"direction": "backward", "encoder": "gru", "num_layers": 2, "tied": False}
    return [LanguageModel(**SMALL | options).fit(TEXT, watchers=()) for options in (first, second)]


def fitted(context, *, checkpoint=None, watchers=(), kind=Tagger, **options):
    options = {"context": context, "context_size": 5, "context_learning_rate": RATE} | options
    run = {"checkpoint": checkpoint, "resume": True, "watchers": watchers}
    if kind is Tagger:
        return tiny_tagger(**options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), **run)
    return tiny_classifier(**options).fit(TEXTS, LABELS, dev=(TEXTS, LABELS), **run)


def answers(estimator):
    if isinstance(estimator, Classifier):
        return estimator.predict_proba(UNSEEN_TEXTS).tobytes()
    return [p.tobytes() for p in estimator.predict_proba(UNSEEN)]


def networks_of(estimator):
    return estimator.network_.embedder.context.networks


def moved(estimator, models):
    """How far each tensor of the language models is from where it began, by model and name."""
    return {
        (number, name): values - model.network_.state_dict()[name]
        for number, (model, network) in enumerate(zip(models, networks_of(estimator), strict=True))
        for name, values in network.state_dict().items()
    }


def reads(name):
    return name.startswith(("embedding.", "encoder."))


# -- learning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Tagger, Classifier])
def test_what_reads_learns_and_what_scores_the_next_symbol_does_not(models, kind):
    for (_, name), difference in moved(fitted(models, kind=kind), models).items():
        assert bool(difference.any()) == reads(name), name
    for difference in moved(fitted(models, kind=kind, context_learning_rate=0.0), models).values():
        assert not difference.any()


@pytest.mark.parametrize("rate", [0.5, 0.001])
def test_one_step_of_plain_descent_is_the_rate_times_the_gradient(models, rate):
    trained = fitted(models, context_learning_rate=rate, **ONE_STEP)
    torch.manual_seed(trained.seed)
    network = trained._build_network()
    for inner, model in zip(network.embedder.context.networks, models, strict=True):
        inner.load_state_dict(model.network_.state_dict())
    data = load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": TAGS}))["train"]
    rows = TaggedRows(data, trained.vocabulary_, trained.tagset_, context=trained.context_.reader)
    network(rows.batch(np.arange(len(TOKENS)))).backward()
    for (number, name), difference in moved(trained, models).items():
        if reads(name):
            gradient = network.embedder.context.networks[number].get_parameter(name).grad
            torch.testing.assert_close(difference, -rate * gradient, atol=2e-7, rtol=1e-3)
            assert gradient.abs().max() > 1e-6


def test_the_rest_of_the_network_has_its_own_rate(models):
    """By AdamW's first step each number with a gradient moves by the rate of its group, whatever the gradient is."""
    options = ONE_STEP | {"optimizer": "adamw", "weight_decay": 0.0, "learning_rate": 0.02}
    trained = fitted(models, context_learning_rate=1e-4, **options)
    largest = [float(difference.abs().max()) for (_, name), difference in moved(trained, models).items() if reads(name)]
    assert largest == pytest.approx([1e-4] * len(largest), rel=0.01)
    torch.manual_seed(trained.seed)
    before, after = (network.embedder.context.linear.weight for network in (trained._build_network(), trained.network_))
    assert float((after - before).detach().abs().max()) == pytest.approx(0.02, rel=0.01)


def test_the_schedule_is_that_of_the_rest(models):
    rates = []

    def look(optimizer, *args, **kwargs):
        rates.append([group["lr"] for group in optimizer.param_groups])

    handle = register_optimizer_step_pre_hook(look)
    try:
        fitted(models, learning_rate=0.02, epochs=2, warmup=0.3)
    finally:
        handle.remove()
    of_three = np.array([group_rates for group_rates in rates if len(group_rates) == 3])
    assert len(of_three) == 10
    assert len({*of_three[:, 2]}) > 5
    np.testing.assert_allclose(of_three[:, 2], of_three[:, 0] * RATE / 0.02)


def test_weights_that_learn_decay_towards_nothing(models):
    with_decay, without = (
        fitted(models, **ONE_STEP | {"optimizer": "adamw", "weight_decay": decay}) for decay in (0.5, 0.0)
    )
    for mine, theirs in zip(networks_of(with_decay), networks_of(without), strict=True):
        assert_same(copy_of(mine), copy_of(theirs))


@pytest.mark.parametrize("options", [{"optimizer": "sgd"}, {"ema": 0.9, "precision": "bf16"}, {"seeds": 2}], ids=str)
def test_the_models_that_were_given_stay_as_they_are(models, options):
    before = [copy_of(model.network_) for model in models]
    trained = fitted(models, **options)
    for number, model in enumerate(models):
        assert_same(copy_of(model.network_), before[number])
        assert "tuned_at" not in model.data_
        tuned = networks_of(trained)[number]
        assert not {p.data_ptr() for p in tuned.parameters()} & {p.data_ptr() for p in model.network_.parameters()}
        assert all(values.dtype == torch.float32 for values in tuned.state_dict().values())


def test_each_seed_begins_with_the_models_as_they_were_given(models):
    both = fitted(models, seeds=2)
    alone = [fitted(models, seed=seed) for seed in (0, 1)]
    assert both.seed_scores_ == [one.seed_scores_[0] for one in alone]
    best = alone[int(np.argmax(both.seed_scores_))]
    assert_same(copy_of(both.network_), copy_of(best.network_))


def test_a_second_fit_begins_with_the_models_as_they_were_given(models):
    trained = fitted(models)
    first = copy_of(trained.network_)
    trained.fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())
    assert_same(copy_of(trained.network_), first)
    assert trained.context_.models[0].data_["tuned_at"] == [RATE]


def test_no_states_are_kept_of_models_that_change(models, monkeypatch):
    monkeypatch.setattr(Context, "remembering", None)
    trained = fitted(models, wanted_recall=0.5)
    assert trained.context_.reader.known is None


def test_an_average_is_taken_of_them_too(models):
    options = ONE_STEP | {"context_learning_rate": 0.5}
    plain, average = (moved(fitted(models, **options, ema=ema), models) for ema in (0.0, 0.9))
    for name, difference in average.items():  # after one step: 1 - min(0.9, 1 / 10) of the way
        torch.testing.assert_close(difference, 0.9 * plain[name], atol=1e-6, rtol=1e-4)


# -- resuming ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Tagger, Classifier])
@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd", "ema": 0.9}], ids=["adamw", "sgd"])
def test_a_run_broken_off_in_an_epoch_ends_in_the_same_weights(models, tmp_path, monkeypatch, kind, options):
    monkeypatch.setattr(fitting, "Trainer", partial(fitting.Trainer, checkpoint_seconds=0.0))
    options = {"kind": kind, "epochs": 3, **options}
    whole = fitted(models, **options)

    def stop_at(moment):
        def step(*now):
            if now == moment:
                raise SystemExit

        return [Watch(step=step)]

    for moment in ((1, 3), (3, 2)):
        with pytest.raises(SystemExit):
            fitted(models, checkpoint=tmp_path, watchers=stop_at(moment), **options)
    resumed = fitted(models, checkpoint=tmp_path, **options)
    assert_same(copy_of(resumed.network_), copy_of(whole.network_))
    assert resumed.context_.sha256() == whole.context_.sha256()
    with pytest.raises(UsageError, match="from other data, other options or another release"):
        fitted(models, checkpoint=tmp_path, context_learning_rate=RATE / 2, **options)


# -- saving -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Tagger, Classifier])
def test_a_saved_model_holds_what_was_learned_bit_for_bit(models, tmp_path, kind):
    trained = fitted(models, kind=kind)
    loaded = kind.load(trained.save(tmp_path / "m"), device="cpu")
    assert answers(loaded) == answers(trained)
    assert_same(copy_of(loaded.network_), copy_of(trained.network_))
    assert loaded.context_.sha256() == trained.context_.sha256() != Context.open(models).sha256()
    loaded.save(tmp_path / "again")
    for name in ("model.safetensors", "config.json", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "m" / name).read_bytes()


def test_the_card_and_the_record_say_that_they_learned_and_at_which_rate(models, tmp_path):
    trained = fitted(models, epochs=1)
    assert trained.context_.describe().count(" (fine-tuned at a rate of 0.003)") == 2
    trained.save(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"| context | {trained.context_.describe()}; states as 5 numbers |" in card
    assert "--set context_learning_rate=0.003" in card
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert [model["data"]["tuned_at"] for model in config["context"]] == [[RATE]] * 2
    frozen = fitted(models, epochs=1, context_learning_rate=0.0)
    assert "tuned" not in frozen.context_.describe()


def test_a_loaded_model_trained_again_goes_on_with_what_was_learned(models, tmp_path):
    loaded = Tagger.load(fitted(models, epochs=1).save(tmp_path / "m"), device="cpu")
    before = [copy_of(model.network_) for model in loaded.context]
    frozen = clone(loaded).set_params(context_learning_rate=0.0).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())
    for after, lent in zip(networks_of(frozen), before, strict=True):
        assert_same(copy_of(after), lent)
    assert "(fine-tuned at a rate of 0.003)" in frozen.context_.describe()
    again = clone(loaded).set_params(context_learning_rate=0.001).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())
    assert "(fine-tuned at a rate of 0.003 and then 0.001)" in again.context_.describe()
    card = (loaded.context[0].save(tmp_path / "lent") / "README.md").read_text()
    assert "| fine-tuned since | in a tagger or classifier, at a rate of 0.003; the figures are from before |" in card
    assert "fine-tuned" not in (models[0].save(tmp_path / "given") / "README.md").read_text()


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tiny_tagger, tiny_classifier], ids=["Tagger", "Classifier"])
def test_a_rate_without_language_models_says_what_to_do(make):
    X, y = (TOKENS, TAGS) if make is tiny_tagger else (TEXTS, LABELS)
    with pytest.raises(UsageError, match=r"context_learning_rate=0\.01 is .* give them, context=\[\.\.\.\], or leave"):
        make(context_learning_rate=0.01).fit(X, y)


@pytest.mark.parametrize("rate", [-0.1, "0.1", None, True, float("nan")], ids=str)
def test_a_rate_that_is_none_is_named(models, rate):
    with pytest.raises(UsageError, match=r"context_learning_rate=.*: must be a number, at least 0"):
        tiny_tagger(context=models, context_learning_rate=rate).fit(TOKENS, TAGS)


def test_a_name_nearly_right_is_told():
    with pytest.raises(UsageError, match="did you mean 'context_learning_rate'"):
        tiny_tagger().set_params(context_learn_rate=0.1)
