"""The language model end to end: figures against plain sums, both directions, saving, and clear errors."""

import json
import logging
import math
import re

import numpy as np
import pytest
import torch
from datasets import Dataset
from sklearn.base import clone
from torch.nn import functional

from seqtag import DataError, LanguageModel, Tagger, UsageError
from seqtag.models.estimator import NotFittedModelError
from seqtag.models.language.scores import mean_loss
from seqtag.nn.language_cache import Cache

VERSES = """The rain had gone, the road was dry,
and over it a paper kite
went up (and up) into the sky
until it shone, a speck of light.
"""
TEXT = [VERSES * 8]
UNSEEN = ["The kite was dry, and up it went.\nA zebra (gone) shone."]
SMALL = {"hidden_size": 12, "embedding_size": 8, "bptt": 7, "batch_size": 4, "epochs": 2, "device": "cpu"}


def tiny(**options):
    return LanguageModel(**{**SMALL, **options})


def fitted(**options):
    return tiny(**options).fit(TEXT, watchers=())


@pytest.fixture(scope="module")
def character_model():
    return fitted(epochs=4)


@pytest.fixture(scope="module")
def word_model():
    return fitted(level="word", language="en", min_freq=1, learning_rate=0.02, epochs=20)


@pytest.fixture(params=["character", "word"])
def model(request):
    return request.getfixturevalue(f"{request.param}_model")


def nats_by_hand(model, text):
    """Minus the log probability of each symbol of a text, a symbol at a time, with the state carried all the way."""
    ids = model.vocabulary_.encode(text).tolist()
    if model.direction == "backward":
        ids = ids[::-1]
    state, nats = model.network_.start(1), []
    for before, here in zip([1, *ids[:-1]], ids):
        log_probs_BTV, state = model.network_.step(torch.tensor([[before]]), state)
        nats.append(-log_probs_BTV[0, 0, here].item())
    return nats if model.direction == "forward" else nats[::-1]


# -- figures ----------------------------------------------------------------------------------


def test_perplexity_and_bits_are_plain_sums_over_the_text(model):
    text = UNSEEN[0] * 60  # longer than one window
    nats = nats_by_hand(model, text)
    assert model.perplexity([text]) == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-4)
    assert model.bits_per_character([text]) == pytest.approx(sum(nats) / math.log(2) / len(text), rel=1e-4)
    figures = model.evaluate([text])
    assert figures.loss == pytest.approx(sum(nats) / len(nats), rel=1e-4)
    assert (figures.perplexity, figures.bits_per_character) == (
        model.perplexity([text]),
        model.bits_per_character([text]),
    )
    symbols = model.vocabulary_.cut(text)
    unknown = [symbol for symbol in symbols if model.vocabulary_.find(symbol) == 0]
    assert (figures.num_symbols, figures.num_unknown) == (len(symbols), len(unknown))
    assert figures.num_characters == len(text)
    assert unknown  # so that there is something to count


def test_perplexity_does_not_depend_on_how_the_text_comes(character_model, tmp_path):
    (tmp_path / "a.txt").write_text(VERSES)
    sources = [[VERSES], [*VERSES.removesuffix("\n").split("\n"), ""], tmp_path / "a.txt", iter([VERSES])]
    figures = {character_model.perplexity(source) for source in [*sources, Dataset.from_dict({"text": [VERSES]})]}
    expected = character_model.perplexity([VERSES])
    assert all(figure == pytest.approx(expected, rel=1e-6) for figure in figures)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_score_is_the_log_probability_of_each_symbol_from_a_fresh_line(direction):
    model = fitted(direction=direction)
    text = "The zebra\nwas"
    scored = model.score(text)
    assert [symbol for symbol, _ in scored] == list(text)
    assert [-value for _, value in scored] == pytest.approx(nats_by_hand(model, text), rel=1e-4)
    assert model.score("") == []


def test_scores_of_words_show_the_words_as_they_stand(word_model):
    scored = word_model.score("The zebra (went) up.")
    assert [word for word, _ in scored] == ["The", "zebra", "(", "went", ")", "up", "."]
    assert [-value for _, value in scored] == pytest.approx(nats_by_hand(word_model, "The <unk> (went) up."), rel=1e-4)


def test_a_sentence_of_the_training_text_is_more_fluent_than_its_words_in_disorder(word_model):
    def fluency(sentence):
        return sum(value for _, value in word_model.score(sentence))

    assert fluency("until it shone, a speck of light.") > fluency("of it until speck, shone light a.") + 3


def test_several_streams_see_all_symbols_and_one_carries_the_state(character_model):
    ids = character_model.vocabulary_.encode(VERSES * 2)
    reading = torch.cat([torch.tensor([1]), torch.from_numpy(ids)]).numpy()
    nats = nats_by_hand(character_model, VERSES * 2)
    assert mean_loss(character_model.network_, reading) == pytest.approx(sum(nats) / len(nats), rel=1e-5)
    half = len(ids) // 2  # two streams: the second begins with the symbol before it, from a state of zeros
    first, second = ids[:half], ids[half:]
    network = character_model.network_
    total = 0.0
    for before, part in ((1, first), (int(first[-1]), second)):
        inputs = torch.tensor([[before, *part[:-1].tolist()]])
        log_probs_BTV, _ = network.step(inputs, network.start(1))
        total += functional.nll_loss(log_probs_BTV[0], torch.from_numpy(part), reduction="sum").item()
    assert mean_loss(network, reading, num_streams=2) == pytest.approx(total / len(ids), rel=1e-5)


# -- directions -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"level": "word", "language": None, "min_freq": 1}], ids=["character", "word"])
def test_a_backward_model_is_a_forward_model_of_the_reversed_text(options):
    lines = VERSES.removesuffix("\n").split("\n") * 8
    text = "\n".join(lines)
    if options:
        mirrored = "\n".join(" ".join(line.split()[::-1]) for line in lines[::-1])
    else:
        mirrored = text[::-1]
    forward = tiny(**options).fit([mirrored], dev=[mirrored], watchers=())
    backward = tiny(direction="backward", **options).fit([text], dev=[text], watchers=())
    assert [r.loss for r in forward.history_] == [r.loss for r in backward.history_]
    assert backward.vocabulary_.symbols == forward.vocabulary_.symbols
    weights, others = forward.network_.state_dict(), backward.network_.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert backward.perplexity([text]) == forward.perplexity([mirrored])
    sentence = "and over it" if options else "dry road"
    flipped = "it over and" if options else sentence[::-1]
    assert backward.score(sentence) == forward.score(flipped)[::-1]


# -- training ---------------------------------------------------------------------------------


def test_it_learns_a_text_by_heart():
    text = "abcdefgh\n" * 60
    model = tiny(epochs=12, learning_rate=0.02, dropout=0.0).fit([text], dev=[text], watchers=())
    assert model.bits_per_character([text]) < 0.1
    uniform = math.log2(9)
    assert model.history_[0].loss / math.log(2) > 0.4 * uniform


def test_the_loss_of_an_epoch_is_the_mean_over_all_symbols_in_nats():
    """With a rate of 0 the network stays, so an epoch's loss is that of the first network on the streams."""
    model = tiny(learning_rate=0.0, dropout=0.0, epochs=1, batch_size=1, bptt=8)
    model.fit([TEXT[0][:400]], dev=[TEXT[0]], watchers=())
    nats = nats_by_hand(model, TEXT[0][:400])
    assert model.history_[0].loss == pytest.approx(sum(nats) / len(nats), rel=1e-4)
    whole = nats_by_hand(model, TEXT[0])
    assert model.history_[0].dev_score == pytest.approx(-sum(whole) / len(whole), rel=1e-4)
    assert model.history_[0].dev_loss == -model.history_[0].dev_score
    assert model.history_[0].tokens_per_second > 0


def test_the_interval_of_a_perplexity_is_the_bootstrap_over_lines():
    model = tiny().fit(TEXT, watchers=())
    lines = ["abcabc", "", "the cat sat", "zzzz ab", "cab"] * 3
    found = model.evaluate(["\n".join(lines)])
    whole = nats_by_hand(model, "\n".join(lines))
    assert found.loss == pytest.approx(sum(whole) / len(whole), rel=1e-5)
    ends = np.cumsum([len(line) + 1 for line in lines])[:-1]
    parts = [(part.sum(), len(part)) for part in np.split(np.array(whole), ends)]
    random = np.random.default_rng(5)
    drawn = [np.array(parts)[random.integers(len(parts), size=len(parts))].sum(0) for _ in range(4000)]
    low, high = np.quantile([math.exp(nats / symbols) for nats, symbols in drawn], [0.025, 0.975])
    assert found.interval == pytest.approx((low, high), rel=0.02)
    assert model.evaluate(["abc"]).interval is None


def test_without_dev_text_the_end_is_held_out_and_is_not_in_the_vocabulary(caplog):
    text = "ab" * 200 + "zz" * 10
    with caplog.at_level(logging.INFO, "seqtag"):
        model = tiny(dev_share=0.05).fit([text], watchers=())
    assert "the last 21 of 420 characters are held out (dev_share=0.05)" in caplog.text
    assert (model.data_["train"], model.data_["dev"]) == (399, 21)
    assert model.vocabulary_.symbols == ["<unk>", "\n", "a", "b"]


def test_rare_symbols_are_unknown():
    assert fitted(level="word", language="en").vocabulary_.symbols[2:]  # from two on
    counts = {"a": 300, "b": 5, "c": 4}
    text = "".join(symbol * number for symbol, number in counts.items())
    assert tiny(min_freq=5).fit([text], dev=["ab"], watchers=()).vocabulary_.symbols[2:] == ["a", "b"]


def test_early_stopping_keeps_the_best_epoch():
    model = tiny(epochs=30, patience=2, learning_rate=0.05).fit(TEXT, dev=["zzz tttt iii"], watchers=())
    best = max(model.history_, key=lambda record: record.dev_score)
    assert len(model.history_) == best.epoch + 2 < 30
    nats = nats_by_hand(model, "zzz tttt iii")
    assert best.dev_score == pytest.approx(-sum(nats) / len(nats), rel=1e-4)


def test_lines_show_bits_per_character_or_perplexity(caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        models = [tiny(epochs=1, level=level).fit(TEXT) for level in ("character", "word")]
    bits, perplexity = -models[0].history_[0].dev_score / math.log(2), math.exp(-models[1].history_[0].dev_score)
    assert f"dev {bits:.3f} bits/character *" in caplog.text
    assert f"dev perplexity {perplexity:.2f} *" in caplog.text
    assert re.search(r"[\d,]+ characters/s", caplog.text)
    assert re.search(r"[\d,]+ words/s", caplog.text)


# -- contract and saving ----------------------------------------------------------------------


def test_parameters_follow_scikit_learn():
    model = tiny(seed=3)
    assert clone(model).get_params() == model.get_params()
    assert json.loads(json.dumps(LanguageModel().get_params())) == LanguageModel().get_params()
    LanguageModel()._check_options()
    with pytest.raises(NotFittedModelError, match="not trained yet"):
        model.perplexity(TEXT)


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "gru", "tied": False, "direction": "backward"},
        {"level": "word", "language": "en", "num_layers": 2, "weight_drop": 0.2, "softmax_samples": 9},
        {"encoder": "rnn_tanh", "embedding_size": 12, "seeds": 2},
    ],
    ids=["gru", "word", "seeds"],
)
def test_a_saved_model_says_the_same_bit_for_bit(options, tmp_path):
    model = fitted(**options)
    again = LanguageModel.load(model.save(tmp_path / "m"), device="cpu")
    assert again.get_params() == model.get_params()
    assert again.vocabulary_.to_dict() == model.vocabulary_.to_dict()
    assert (again.history_, again.data_) == (model.history_, model.data_)
    assert again.perplexity(UNSEEN) == model.perplexity(UNSEEN)
    assert again.score(UNSEEN[0]) == model.score(UNSEEN[0])
    twice = LanguageModel.load(again.save(tmp_path / "n"), device="cpu")
    assert (tmp_path / "m/model.safetensors").read_bytes() == (tmp_path / "n/model.safetensors").read_bytes()
    assert twice.network_.state_dict().keys() == model.network_.state_dict().keys()
    card = (tmp_path / "m/README.md").read_text()
    assert "--task lm" in card
    assert f"| encoder | {model.encoder} 12 x {model.num_layers} |" in card


def test_the_same_seed_gives_the_same_model():
    options = {"level": "word", "language": None, "softmax_samples": 9, "weight_drop": 0.2, "embedding_dropout": 0.1}
    first = fitted(**options)
    torch.rand(5)
    second, other = (fitted(**options, seed=seed) for seed in (0, 1))
    assert first.score("The road") == second.score("The road") != other.score("The road")


def test_folders_of_other_tasks_are_refused(model, tmp_path):
    folder = model.save(tmp_path / "m")
    with pytest.raises(UsageError, match="holds a model for the task 'lm', Tagger needs 'tag'"):
        Tagger.load(folder)
    with pytest.raises(UsageError, match="not a model folder"):
        LanguageModel.load(tmp_path)


# -- errors -----------------------------------------------------------------------------------


def test_a_text_shorter_than_a_window_says_what_to_lower():
    with pytest.raises(DataError, match=r"has 19 characters \(1 are held out\), less than .*4 x 7 = 28: lower"):
        tiny().fit(["x" * 20])
    with pytest.raises(DataError, match=r"has 3 words, less than .*lower batch_size or bptt, or give more text"):
        tiny(level="word").fit(["a b c"], dev=["a"])


def test_bad_options_are_all_named_at_once():
    with pytest.raises(UsageError) as caught:
        tiny(level="letter", direction="back", tied=1, encoder="ltsm", bptt=0, epochs=None).fit(TEXT)
    message = str(caught.value)
    for part in (
        "level='letter'",
        "direction='back'",
        "backward",
        "tied=1",
        "did you mean 'lstm'",
        "bptt=0",
        "epochs=None",
    ):
        assert part in message
    with pytest.raises(UsageError, match="language"):
        tiny(level="word", language="qq").fit(TEXT)
    with pytest.raises(UsageError, match="softmax_samples is for level='word'"):
        tiny(softmax_samples=5).fit(TEXT)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda model: model.fit([""]), DataError, "there is no text in it"),
        (lambda model: model.fit(TEXT, ["label"]), UsageError, "leave y out"),
        (lambda model: model.fit("nowhere.txt"), UsageError, "nowhere.txt.*no such file"),
        (lambda model: model.fit(TEXT, dev=["東京"]), DataError, "none of its 2 characters was in the training data"),
        (lambda model: model.fit([VERSES * 8], dev=[""]), DataError, "there is no text in it"),
        (lambda model: tiny(min_freq=9999).fit(TEXT), DataError, "comes 9999 times or more; lower min_freq"),
    ],
    ids=["empty", "labels", "no file", "foreign dev", "empty dev", "min_freq"],
)
def test_what_can_not_be_trained_on_is_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call(tiny())


def test_what_can_not_be_measured_is_told(character_model):
    with pytest.raises(DataError, match="none of its 2 characters"):
        character_model.perplexity(["東京"])
    with pytest.raises(DataError, match="no text"):
        character_model.evaluate([])
    with pytest.raises(UsageError, match="score takes one sentence, a string, not list"):
        character_model.score(["The road"])


def test_several_processes_are_refused(monkeypatch):
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="trains in one process"):
        tiny().fit(TEXT)


def test_a_cache_reads_along_as_its_definition_says(model):
    ids = model.vocabulary_.encode("\n".join(UNSEEN * 3)).tolist()
    state, places, nats = model.network_.start(1), [], []
    for before, here in zip([1, *ids[:-1]], ids):
        log_probs_BTV, _ = model.network_.step(torch.tensor([[before]]), state)
        with torch.no_grad():
            hidden_BTE, state = model.network_.hidden(torch.tensor([[before]]), state)
        kept = [(math.exp(0.7 * float(hidden_BTE[0, 0] @ place)), symbol) for place, symbol in places[-9:]]
        of_network = log_probs_BTV[0, 0, here].exp().item()
        total, of_here = sum(weight for weight, _ in kept), sum(weight for weight, symbol in kept if symbol == here)
        nats.append(-math.log(0.8 * of_network + 0.2 * of_here / total if kept else of_network))
        places.append((hidden_BTE[0, 0], here))
    figures = model.evaluate(UNSEEN * 3, cache=Cache(size=9, flatness=0.7, share=0.2))
    assert figures.num_symbols == len(ids)
    assert figures.loss == pytest.approx(math.fsum(nats) / len(nats), rel=1e-5)


def test_the_cache_that_is_chosen_is_the_best_of_those_that_are_tried(word_model):
    cache = word_model.fit_cache(UNSEEN * 4, size=30)
    losses = {
        (flatness, share): word_model.evaluate(UNSEEN * 4, cache=Cache(30, flatness, share)).loss
        for flatness in (0.0, 0.1, 0.3, 2.0, cache.flatness)
        for share in (0.02, 0.1, 0.5, cache.share)
    }
    assert cache.size == 30
    assert min(losses, key=losses.get) == (cache.flatness, cache.share)
    assert min(losses.values()) < word_model.evaluate(UNSEEN * 4).loss  # a text that says all again and again
    assert word_model.evaluate(UNSEEN * 4, cache=cache) == word_model.evaluate(UNSEEN * 4, cache=cache)


def test_a_cache_of_no_size_is_refused(word_model):
    for size in (0, 2.5, True):
        with pytest.raises(UsageError, match="size: must be a whole number, at least 1"):
            word_model.fit_cache(UNSEEN, size=size)
    for bad in ({"share": 0.0}, {"share": 1.0}, {"flatness": -0.1}, {"share": math.nan}):
        with pytest.raises(UsageError, match="flatness must be at least 0, and share between 0 and 1"):
            Cache(**bad)
    with pytest.raises(UsageError, match="cache takes what fit_cache gives, not int"):
        word_model.evaluate(UNSEEN, cache=2000)
