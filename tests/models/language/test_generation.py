"""Writing with a language model: against small networks whose probabilities are known symbol by symbol."""

import logging
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from seqtag.errors import UsageError
from seqtag.models.language.language_model import LanguageModel
from seqtag.text.symbol_vocabulary import SymbolVocabulary

LETTERS = SymbolVocabulary("character", None, ["a", "b", "c", " "])
WORDS = SymbolVocabulary("word", "en", ["it", "rains", ".", "again"], glued_before=["."])


class Chain(torch.nn.Module):
    """The next symbol depends on the one before and, by the state, on whether so far their ids add up to an odd sum."""

    def __init__(self, strength=1.5):
        super().__init__()
        scores = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(0)) * strength
        self.table = torch.nn.Parameter(torch.log_softmax(scores, dim=-1))

    def start(self, batch_size):
        return torch.zeros(batch_size, dtype=torch.long)

    @torch.no_grad()
    def step(self, ids_BT, state):
        sums_BT = state.unsqueeze(-1) + ids_BT.cumsum(dim=-1)
        return self.table[sums_BT % 2, ids_BT], sums_BT[:, -1]


def Model(*, network=None, level="character", direction="forward"):  # noqa: N802
    model = LanguageModel(level=level, direction=direction)
    model.network_ = network or Chain()
    model.vocabulary_ = WORDS if level == "word" else LETTERS
    return model


def next_probs(model, ids):
    """The probabilities of what follows some ids, <unk> taken out."""
    probs = model.network_.table[sum(ids) % 2, ids[-1]].detach().double().exp().numpy()
    probs[0] = 0
    return probs / probs.sum()


def test_frequencies_match_the_probabilities_of_the_model():
    model = Model(network=Chain(strength=0.5))
    text = "\nab" + model.generate("ab", num_tokens=4_000, seed=4)
    ids = model.vocabulary_.encode(text).astype(int).tolist()
    counts = {}
    for position in range(3, len(ids)):
        context = (sum(ids[:position]) % 2, ids[position - 1])
        counts.setdefault(context, np.zeros(6))[ids[position]] += 1
    pvalues = []
    for (odd, last), found in counts.items():
        wanted = model.network_.table[odd, last].detach().double().exp().numpy()
        wanted = wanted[1:] / wanted[1:].sum()
        assert found[0] == 0
        assert (found.sum() * wanted).min() >= 5
        pvalues.append(chisquare(found[1:], found.sum() * wanted).pvalue)
    assert len(pvalues) == 10  # each symbol but <unk>, in both states
    assert min(pvalues) > 0.01 / len(pvalues)


def test_temperature_0_follows_the_best_symbol_and_the_state():
    model = Model()
    ids = model.vocabulary_.encode("\nca").tolist()
    for _ in range(30):
        ids.append(int(next_probs(model, ids).argmax()))
    assert "ca" + model.generate("ca", num_tokens=30, temperature=0) == model.vocabulary_.decode(ids[1:])


@pytest.mark.parametrize("level", ["character", "word"])
def test_the_same_seed_gives_the_same_text_and_another_another(level):
    model = Model(level=level)
    texts = [model.generate("it", num_tokens=40, seed=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    state = torch.random.get_rng_state()
    model.generate("it", num_tokens=5)
    assert torch.equal(state, torch.random.get_rng_state())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("abc \n", max_size=7), max_size=5),
    st.integers(0, 12),
    st.sampled_from([0.0, 0.8, 1.5]),
    st.lists(st.text("abc \n", min_size=1, max_size=3), max_size=2),
)
def test_a_batch_gives_each_prompt_what_it_gives_alone(prompts, num_tokens, temperature, stop):
    model = Model()
    options = {"num_tokens": num_tokens, "temperature": temperature, "stop": stop, "seed": 3, "top_k": 4}
    assert model.generate(prompts, **options) == [model.generate(prompt, **options) for prompt in prompts]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 30), st.lists(st.text("abc \n", min_size=1, max_size=4), max_size=3), st.integers(0, 100))
def test_a_stop_ends_the_text_before_it_and_the_stream_is_the_text(num_tokens, stops, seed):
    model = Model()
    whole = model.generate("a", num_tokens=num_tokens, seed=seed)
    assert len(whole) == num_tokens
    ended = model.generate("a", num_tokens=num_tokens, seed=seed, stop=stops)
    assert ended == whole[: min([place for stop in stops if (place := whole.find(stop)) >= 0], default=num_tokens)]
    pieces = list(model.generate_stream("a", num_tokens=num_tokens, seed=seed, stop=stops))
    assert "".join(pieces) == ended
    assert all(pieces)


def test_a_stop_counts_in_what_is_written_only():
    model = Model()
    assert model.generate("abc", num_tokens=1, temperature=0, stop=["abc", "c" + "a"]) == model.generate(
        "abc", num_tokens=1, temperature=0
    )


def test_pieces_come_before_all_is_written():
    model = Model()
    stream = model.generate_stream("a", num_tokens=10**9)
    assert len(next(stream) + next(stream)) == 2


def test_nothing_unknown_is_written_even_where_it_is_the_most_probable():
    network = Chain()
    with torch.no_grad():
        network.table[:, :, 0] = 5.0
    model = Model(network=network)
    for options in ({}, {"temperature": 0}, {"top_k": 1}, {"top_p": 0.1}):
        assert "<unk>" not in model.generate("a", num_tokens=60, **options)


@given(st.integers(0, 50), st.sampled_from(["", "it", "it ", "it rains", "it rains.", "it rains.\n"]))
def test_words_are_joined_to_the_prompt_as_to_each_other(seed, prompt):
    model = Model(level="word")
    with torch.no_grad():
        model.network_.table[:, 4, 4] = -60.0  # of two full stops in a row spaCy makes one token
    written = model.generate(prompt, num_tokens=8, seed=seed)
    ids = model.vocabulary_.encode("\n" + prompt + written)
    assert len(ids) == len(model.vocabulary_.encode("\n" + prompt)) + 8
    assert ("\n" + prompt + written).replace(" .", ".").replace(" \n", "\n") == model.vocabulary_.decode(ids)
    assert "".join(model.generate_stream(prompt, num_tokens=8, seed=seed)) == written


def test_unknown_characters_are_named_once_in_one_warning(caplog):
    model = Model()
    with caplog.at_level(logging.WARNING, "seqtag"):
        model.generate(["aéb", "zéa"], num_tokens=2)
    assert [record.getMessage() for record in caplog.records] == [
        "the prompt has characters that the model does not know: 'é', 'z'; they count as unknown"
    ]
    caplog.clear()
    model = Model(level="word")
    model.generate([f"it w{i} rains" for i in range(13)], num_tokens=2)
    (record,) = caplog.records
    assert record.getMessage().startswith("the prompt has words that the model does not know: 'w0', 'w1', ")
    assert record.getMessage().endswith("'w9' and 3 more; they count as unknown")


def test_a_prompt_is_read_as_a_whole_however_long_it_is(monkeypatch):
    model, prompt = Model(), "abcab c\n" * 50
    wanted = model.generate([prompt, "b"], num_tokens=20)
    monkeypatch.setattr("seqtag.models.language.generation._MOST_LOG_PROBS", 40)
    assert model.generate([prompt, "b"], num_tokens=20) == wanted
    assert model.generate(prompt, num_tokens=20) == wanted[0]


def test_bad_values_are_named_all_at_once():
    bad = {"num_tokens": -1, "temperature": -0.5, "top_k": 0, "top_p": 1.5, "stop": "", "seed": 1.5}
    with pytest.raises(UsageError) as error:
        Model().generate(["a", 3], **bad)
    lines = str(error.value).removeprefix("generate: ").split("\n")
    assert [line.split("=")[0] for line in lines] == ["prompt", *bad]
    for (name, value), line in zip(bad.items(), lines[1:]):
        assert line.startswith(f"{name}={value!r}: must be ")


@pytest.mark.parametrize("call", ["generate", "generate_stream"])
def test_a_backward_model_does_not_go_on_with_a_text(call):
    with pytest.raises(UsageError, match="this model reads backward"):
        getattr(Model(direction="backward"), call)("a")


def test_a_stream_has_one_prompt():
    with pytest.raises(UsageError, match="goes on with one prompt, a string, not with a list"):
        Model().generate_stream(["a"])


def test_mistakes_are_told_before_the_first_piece_is_asked_for():
    with pytest.raises(UsageError, match="top_p=0"):
        Model().generate_stream("a", top_p=0)


def test_each_prompt_gets_as_much_as_it_asks_for():
    assert [len(text) for text in Model().generate(["", "a", "abcabcabc"], num_tokens=7)] == [7, 7, 7]
    assert Model().generate([]) == []
    assert all(a is not b for a, b in pairwise(Model().generate(["a", "b"], num_tokens=3)))


@pytest.mark.parametrize("text", ["", "ab", "a?b"])
def test_what_may_follow_has_the_probabilities_that_are_drawn_from(text):
    model = Model()
    ids = [1, *model.vocabulary_.encode(text).astype(int).tolist()]
    probs = next_probs(model, ids)
    found = model.predict_next(text)
    assert [symbol for symbol, _ in found] == [model.vocabulary_.symbols[i] for i in np.argsort(-probs)[:-1]]
    np.testing.assert_allclose([p for _, p in found], sorted(probs, reverse=True)[:-1], rtol=1e-6)
    assert model.predict_next(text, k=2) == found[:2]
    assert sum(p for _, p in found) == pytest.approx(1)


def test_bad_questions_for_what_may_follow_are_refused():
    with pytest.raises(UsageError, match=r"text=3: must be a string"):
        Model().predict_next(3)
    with pytest.raises(UsageError, match="k=0"):
        Model().predict_next("a", k=0)
    with pytest.raises(UsageError, match="predict_next: this model reads backward"):
        Model(direction="backward").predict_next("a")
