"""Taggers and classifiers with the states of language models: what they see, what they keep, and clear errors."""

import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from tiny import LABELS, TAGS, TEXTS, TOKENS, UNSEEN, UNSEEN_TEXTS, tiny_classifier, tiny_tagger
from trainers import assert_same

from seqtag import Classifier, LanguageModel, Span, Tagger, UsageError
from seqtag.batching import collate
from seqtag.models import context as module
from seqtag.text.joining import join_tokens

TEXT = ["\n".join(" ".join(tokens) for tokens in TOKENS)] * 3
SMALL = {"hidden_size": 10, "embedding_size": 6, "bptt": 10, "batch_size": 4, "epochs": 1, "device": "cpu"}
NEW = ["東京", "", "naïve☃", "\n", "Ada"]
words = st.sampled_from([*{word for sentence in TOKENS for word in sentence}, *NEW])


def language_model(**options):
    return LanguageModel(**{**SMALL, **options}).fit(TEXT, watchers=())


@pytest.fixture(scope="module")
def models():
    """One of each direction; the backward one with two layers, and another cell."""
    return [language_model(), language_model(direction="backward", encoder="gru", num_layers=2)]


@pytest.fixture(scope="module")
def folders(models, tmp_path_factory):
    place = tmp_path_factory.mktemp("language")
    return [str(model.save(place / model.direction)) for model in models]


def with_context(context, make=tiny_tagger, **options):
    return make(context=context, context_size=5, **options)


def fitted(context, **options):
    return with_context(context, **options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())


@pytest.fixture(scope="module")
def tagger(models):
    return fitted(models)


@pytest.fixture(scope="module")
def classifier(models):
    return with_context(models, tiny_classifier).fit(TEXTS, LABELS, dev=(TEXTS, LABELS), watchers=())


def weights_of(estimator):
    return {name: values.clone() for name, values in estimator.network_.state_dict().items()}


def answers(estimator):
    if isinstance(estimator, Classifier):
        return estimator.predict(UNSEEN_TEXTS), estimator.predict_proba(UNSEEN_TEXTS).tobytes()
    return estimator.predict(UNSEEN), [p.tobytes() for p in estimator.predict_proba(UNSEEN)]


# -- what a token sees ------------------------------------------------------------------------


def state_after(model, text):
    """The state of all layers after a line break and a text, as its model reads it."""
    ids = model.vocabulary_.encode(text)
    ids = ids if model.direction == "forward" else ids[::-1]
    network = model.network_
    embedded_1CE = network.embedding(torch.tensor([[1, *ids.tolist()]])) * network.scale
    _, state = network.encoder.carry(embedded_1CE, None)
    return state[0][:, 0].flatten()


@settings(max_examples=25)
@given(sentences=st.lists(st.lists(words, max_size=6), min_size=1, max_size=4))
@torch.no_grad()
def test_a_token_gets_the_states_of_its_prefix_and_of_its_suffix(tagger, models, sentences):
    embedder = tagger.network_.embedder.context
    batch = collate(tagger.vocabulary_, sentences, context=tagger.context_.reader)
    states_BTS = embedder.states(batch.symbols_MBC, batch.picks_MBT)
    for states_TS, tokens in zip(states_BTS, sentences, strict=True):
        text, offsets = join_tokens(tokens)
        for state_S, (start, end) in zip(states_TS, offsets):
            expected = [state_after(models[0], text[:end]), state_after(models[1], text[start:])]
            torch.testing.assert_close(state_S, torch.cat(expected), atol=1e-5, rtol=1e-4)


@settings(max_examples=10)
@given(sentences=st.lists(st.lists(words, max_size=6), min_size=1, max_size=6), max_tokens=st.integers(1, 30))
def test_a_prediction_depends_on_its_sentence_alone(tagger, sentences, max_tokens):
    together = tagger.set_params(max_tokens=max_tokens).predict_proba(sentences)
    tagger.set_params(max_tokens=4096)
    for tokens, probability_TL in zip(sentences, together, strict=True):
        np.testing.assert_allclose(tagger.predict_proba([tokens])[0], probability_TL, atol=1e-5)


# -- training ---------------------------------------------------------------------------------


def test_language_models_stay_as_they_are_while_the_rest_learns(models, tagger):
    for number, model in enumerate(models):
        copied = tagger.network_.embedder.context.networks[number]
        assert_same(dict(model.network_.state_dict()), dict(copied.state_dict()))
        assert copied.embedding.weight.data_ptr() != model.network_.embedding.weight.data_ptr()
    torch.manual_seed(0)
    fresh = tagger._build_network().embedder.context
    assert not torch.equal(fresh.linear.weight, tagger.network_.embedder.context.linear.weight)
    assert tagger.network_.embedder.context.mixes[0].abs().min() > 0


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_an_average_of_weights_leaves_language_models_alone(models, ema):
    trained = fitted(models, ema=ema, epochs=1)
    assert_same(dict(models[0].network_.state_dict()), dict(trained.network_.embedder.context.networks[0].state_dict()))


def known_and_not(monkeypatch, train):
    """Train with the states of all, of some and of no sentences kept on disk."""
    for most_bytes in (module.MOST_BYTES, 4 * 30 * 40, 0):
        monkeypatch.setattr(module, "MOST_BYTES", most_bytes)
        yield train()


def test_states_from_the_cache_and_computed_anew_train_alike(models, monkeypatch):
    quiet = {"embedding_dropout": 0.0, "dropout": 0.0, "epochs": 2}
    trained = list(known_and_not(monkeypatch, lambda: fitted(models, **quiet)))
    for other in trained[1:]:
        for mine, theirs in zip(trained[0].predict_proba(UNSEEN), other.predict_proba(UNSEEN), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_each_sentence_is_read_once_in_all_epochs_and_seeds(models, monkeypatch):
    seen = []
    read = module.ContextEmbedder.states

    def spy(embedder, symbols_MBC, picks_MBT):
        seen.append(symbols_MBC.shape[1])
        return read(embedder, symbols_MBC, picks_MBT)

    monkeypatch.setattr(module.ContextEmbedder, "states", spy)
    with_context(models, seeds=2).fit(
        [*TOKENS, TOKENS[0], []], [*TAGS, TAGS[0], []], dev=(TOKENS[:5], TAGS[:5]), watchers=()
    )
    assert sum(seen) == len(TOKENS)
    seen.clear()
    with_context(models, tiny_classifier).fit(TEXTS, LABELS, dev=(TEXTS[:9], LABELS[:9]), watchers=())
    assert sum(seen) == len(TEXTS)


def test_the_cache_is_gone_after_training_and_after_one_that_fails(models, monkeypatch):
    places = []
    make = module.workspace
    monkeypatch.setattr(module, "workspace", lambda: places.append(make()) or places[-1])

    class Breaks:
        def start(self, **facts):
            assert (places[-1] / "states").stat().st_size == 4 * 30 * sum(map(len, TOKENS))
            raise ZeroDivisionError

        def close(self):
            pass

    with pytest.raises(ZeroDivisionError):
        with_context(models).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=[Breaks()])
    trained = fitted(models, epochs=1)
    assert [list(place.iterdir()) for place in places] == [[], []]
    assert trained.context_.reader.known is None


def test_what_has_no_room_is_computed_anew_and_said(models, monkeypatch, caplog):
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with caplog.at_level(logging.INFO, logger="seqtag"):
        fitted(models, epochs=1)
    assert "context: the states of the other sentences have no room and are computed each epoch" in caplog.text


def test_a_run_that_was_interrupted_goes_on_to_the_same_weights(models, folders, tmp_path):
    whole = fitted(models, epochs=3)

    class Stops:
        def start(self, **facts):
            pass

        def step(self, **facts):
            pass

        def epoch(self, record):
            if record.epoch == 2:
                raise SystemExit

        def close(self):
            pass

    def run(context, watchers, **options):
        unfitted = with_context(context, epochs=3, **options)
        return unfitted.fit(TOKENS, TAGS, dev=(TOKENS, TAGS), checkpoint=tmp_path, resume=True, watchers=watchers)

    with pytest.raises(SystemExit):
        run(models, [Stops()])
    # from folders or as objects: it is the weights that count
    assert_same(weights_of(run(folders, ())), weights_of(whole))
    with pytest.raises(UsageError, match="from other data, other options or another release"):
        run([language_model(seed=1), models[1]], ())


# -- saving -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Tagger, Classifier])
def test_a_saved_model_needs_no_folder_elsewhere_and_predicts_the_same_bit_for_bit(kind, folders, tmp_path):
    context = [shutil.copytree(folder, tmp_path / name) for folder, name in zip(folders, "ab", strict=True)]
    if kind is Tagger:
        trained = fitted(context)
    else:
        trained = with_context(context, tiny_classifier).fit(TEXTS, LABELS, dev=(TEXTS, LABELS), watchers=())
    trained.save(tmp_path / "m")
    for folder in context:
        shutil.rmtree(folder)
    for file in (tmp_path / "m").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes()
    loaded = kind.load(tmp_path / "m", device="cpu")
    assert answers(loaded) == answers(trained)
    assert_same(weights_of(loaded), weights_of(trained))
    loaded.save(tmp_path / "again")
    assert answers(kind.load(tmp_path / "again", device="cpu")) == answers(trained)
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        tmp_path / "m" / "model.safetensors"
    ).read_bytes()


def test_a_loaded_tagger_holds_its_language_models_and_can_be_trained_again(tagger, models, tmp_path):
    loaded = Tagger.load(tagger.save(tmp_path / "m"), device="cpu")
    sentence = "Ada lived in Quito."
    for mine, theirs in zip(loaded.context, models, strict=True):
        assert mine.score(sentence) == theirs.score(sentence)
        assert mine.get_params() == theirs.get_params()
        assert [r.loss for r in mine.history_] == [r.loss for r in theirs.history_]
    again = clone(loaded).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), watchers=())
    assert_same(weights_of(again), weights_of(tagger))


def test_a_language_model_that_is_trained_anew_or_options_that_are_set_later_change_no_tagger(tmp_path):
    lent = language_model()
    trained = fitted([lent], epochs=1)
    before = answers(trained)
    lent.fit(["zzz yyy\n" * 40], watchers=())
    trained.set_params(context=[lent, LanguageModel()])
    assert answers(trained) == before
    assert answers(Tagger.load(trained.save(tmp_path / "m"), device="cpu")) == before


def test_the_card_names_the_language_models(tagger, tmp_path):
    card = (tagger.save(tmp_path / "m") / "README.md").read_text()
    assert re.search(r"\| context \| forward lstm 10 x 1, \w{16}, backward gru 10 x 2, \w{16}; states as 5 numb", card)
    assert """--set 'context=["FORWARD_LM", "BACKWARD_LM"]'""" in card


# -- scikit-learn -----------------------------------------------------------------------------


def test_a_clone_keeps_the_language_models_as_they_are(models, folders):
    for context in (models, tuple(folders), None):
        original = with_context(context)
        twin = clone(original)
        assert twin.context is context
        assert twin.get_params() == original.get_params()
    scores = cross_val_score(with_context(models, epochs=1), TOKENS, TAGS, cv=2)
    assert np.isfinite(scores).all()


def test_language_models_come_from_the_hub_too(hub, folders, models):
    hub.add("me/forward", Path(folders[0]))
    here = module.Context.open([folders[0]])
    assert module.Context.open(["me/forward"]).sha256() == here.sha256()
    asked = len(hub.requests)
    with pytest.raises(UsageError, match=r"number 1: me/nowhere: there is no such folder here, and no such model on"):
        Tagger(context=["me/nowhere"]).fit(TOKENS, TAGS)
    assert len(hub.requests) > asked


def test_fit_leaves_the_option_alone(models, folders):
    given = [models[0], folders[1]]
    trained = fitted(given, epochs=1)
    assert trained.context is given
    assert given == [models[0], folders[1]]


# -- everything that a tagger does ------------------------------------------------------------


def test_all_ways_to_ask_agree(tagger):
    tags = tagger.predict(UNSEEN)
    assert list(tagger.predict_stream(UNSEEN)) == tags
    assert [best[0][0] for best in tagger.predict_nbest(UNSEEN, n=1)] == tags
    assert tagger.predict_spans(["Ada left Oslo."]) == list(tagger.spans_stream(["Ada left Oslo."]))
    report = tagger.evaluate(TOKENS, TAGS, resamples=20)
    assert report.score == pytest.approx(tagger.score(TOKENS, TAGS))
    assert tagger.predict([[], ["☃"], []])[::2] == [[], []]


def test_thresholds_and_a_dataset_work_with_a_context(models):
    names = sorted({tag for tags in TAGS for tag in tags})
    data = Dataset.from_dict({"tokens": TOKENS, "tags": TAGS})
    tuned = with_context(models, wanted_recall=0.5, epochs=3).fit(data, dev=data, watchers=())
    assert set(tuned.thresholds_) == {name[2:] for name in names if name != "O"}


def test_a_text_without_a_word_and_unknown_characters_are_classified(classifier):
    probability_NL = classifier.predict_proba([*UNSEEN_TEXTS, "\u2603" * 50])
    np.testing.assert_allclose(probability_NL.sum(1), 1, atol=1e-6)
    alone = np.concatenate([classifier.predict_proba([text]) for text in UNSEEN_TEXTS])
    np.testing.assert_allclose(probability_NL[:-1], alone, atol=1e-5)


# -- mistakes ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wrong(models, tmp_path_factory):
    """Things that are no language model of characters, by what is said of them."""
    place = tmp_path_factory.mktemp("wrong")
    word_model = language_model(level="word", language=None)
    tagger = tiny_tagger(epochs=1).fit(TOKENS, TAGS, watchers=())
    return {
        "words": word_model,
        "words in a folder": str(word_model.save(place / "words")),
        "a tagger": tagger.save(place / "ner"),
        "nothing": place / "nowhere",
        "not trained": LanguageModel(),
        "a number": 7,
    }


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("words", "this LanguageModel reads words, and .* characters; train one with level='character'"),
        ("words in a folder", r"number 2: \S+words reads words, and .* train one with level='character'"),
        ("a tagger", "ner: holds a model for the task 'tag', not a language model; train one: seqtag train TEXT"),
        ("nothing", "nowhere: not a model folder, it does not exist; .*--task lm"),
        ("not trained", r"this LanguageModel is not trained yet; call its fit\(text\) first"),
        ("a number", "int is neither a model folder, a name on the hub nor a LanguageModel"),
    ],
)
@pytest.mark.parametrize("make", [tiny_tagger, tiny_classifier], ids=["Tagger", "Classifier"])
def test_what_lends_no_states_is_refused_before_training(models, wrong, make, what, said):
    X, y = (TOKENS, TAGS) if make is tiny_tagger else (TEXTS, LABELS)
    with pytest.raises(UsageError, match=f"(?s)context=.*{said}"):
        make(context=[models[0], wrong[what]]).fit(X, y)


@pytest.mark.parametrize("context", ["models/forward", [], {"a": 1}, 3])
def test_a_context_that_is_no_list_is_told_the_right_form(context):
    with pytest.raises(
        UsageError, match=r'must be a list of model folders, names on the hub .*\["models/forward", "models/backward"\]'
    ):
        tiny_tagger(context=context).fit(TOKENS, TAGS)


def test_all_bad_options_are_named_at_once(wrong):
    with pytest.raises(UsageError, match=r"(?s)context=.*context_size=0.*context_dropout=1") as caught:
        tiny_tagger(context=[wrong["a number"], wrong["not trained"]], context_size=0, context_dropout=1).fit([], [])
    assert "number 1: int" in str(caught.value)
    assert "number 2: this LanguageModel" in str(caught.value)


def test_series_have_no_characters(models):
    with pytest.raises(UsageError, match="language models read texts, and these rows are series; leave it out"):
        tiny_classifier(context=models).fit([[[1.0]], [[2.0]]] * 4, [0, 1] * 4)


# -- explanations -----------------------------------------------------------------------------


def test_a_hidden_word_is_one_that_language_models_do_not_know_either(tagger, classifier):
    tokens = UNSEEN[4]
    for explain, asked in (
        (tagger.explain, Span(1, 4, "ORG")),
        (classifier.explain, "good"),
    ):
        [one] = explain(tokens, asked)
        assert sum(part.score for part in one.parts) == pytest.approx(one.log_odds)
        for occlusion in one.occlusions:
            if occlusion.hidden == "word":
                [there] = explain([*tokens[: occlusion.token], "☃", *tokens[occlusion.token + 1 :]], asked)
                assert occlusion.log_odds == pytest.approx(there.log_odds, abs=1e-5)
