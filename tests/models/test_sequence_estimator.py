"""Each option of the network trains and comes back from its folder; pretrained vectors do what they are for."""

import json

import numpy as np
import pytest
import torch
from tiny import TAGS, TOKENS, UNSEEN, tiny_tagger

from seqtag import Tagger

PARTS = [
    *({"encoder": encoder} for encoder in ("rnn_tanh", "rnn_relu", "lstm", "gru")),
    {"head": "linear"},
    {"characters": "lstm"},
    {"characters": "gru"},
    {"characters": None},
    {"proj_size": 3},
    {"merge": "sum"},
    {"num_layers": 2},
    {"bidirectional": False},
    {"bias": False},
    {"lexical": False},
    {"shape_size": 0, "affix_size": 0},
    {"class_weights": {"PER": 3.0, "O": 0.5}},
    {"lowercase": False, "merge_digits": False, "min_freq": 2},
    {"optimizer": "sgd", "schedule": "cosine", "ema": 0.5},
]


def answers(tagger):
    return [
        tagger.predict(UNSEEN),
        [p.tobytes() for p in tagger.predict_proba(UNSEEN)],
        tagger.predict_nbest(UNSEEN, n=3),
        tagger.predict_token_spans(UNSEEN),
    ]


@pytest.mark.parametrize("options", PARTS, ids=str)
def test_every_part_trains_and_comes_back_bit_for_bit(tmp_path, options):
    tagger = tiny_tagger(**options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert tagger.history_[1].loss < tagger.history_[0].loss
    loaded = Tagger.load(tagger.save(tmp_path / "m"), device="cpu")
    assert answers(loaded) == answers(tagger)
    assert loaded.get_params() == tagger.get_params()


# -- pretrained vectors -----------------------------------------------------------------------

# Only the word itself speaks, so what a vector does can be seen.
ONLY_WORDS = {"characters": None, "shape_size": 0, "affix_size": 0, "lexical": False, "epochs": 3}
VECTORS = {
    word: np.random.default_rng(len(word)).normal(size=5) for word in ("oslo", "Lisbon", "lisbon", "river", "zebra")
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "secret-place" / "glove.txt"
    path.parent.mkdir()
    path.write_text("".join(f"{word} {' '.join(f'{x:.4f}' for x in row)}\n" for word, row in VECTORS.items()))
    return path


def fit(path, **options):
    options = ONLY_WORDS | options
    return tiny_tagger(vectors=None if path is None else str(path), **options).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))


def row(tagger, word):
    return tagger.network_.embedder.word.weight[tagger.vocabulary_.encode([word]).features_UF[0, 0]].detach()


def proba(tagger, word):
    return tagger.predict_proba([["The", word, "."]])[0]


@pytest.mark.parametrize("keep", ["all", "corpus"])
def test_words_unseen_in_training_are_known_by_their_vectors(path, keep, caplog):
    with caplog.at_level("INFO", "seqtag"):
        tagger = fit(path, vectors_keep=keep)
    unknown, same = proba(tagger, "Unheard"), proba(tagger, "Nonesuch")
    np.testing.assert_array_equal(unknown, same)
    for word in ("zebra", "Lisbon"):
        assert np.allclose(proba(tagger, word), unknown) == (keep == "corpus")
    assert not np.allclose(proba(tagger, "zebra"), proba(tagger, "Lisbon")) or keep == "corpus"
    covered = 200 / sum(map(len, TOKENS))  # Oslo and river, once each
    assert f"{covered:.1f}% of the training tokens have one" in caplog.text


@pytest.mark.parametrize("freeze", [True, False])
def test_vectors_are_tuned_or_frozen(path, freeze):
    tagger = fit(path, freeze_vectors=freeze)
    # "lisbon" stands in the file as it is looked up, so it comes before "Lisbon"
    for word in ("zebra", "lisbon"):
        np.testing.assert_allclose(row(tagger, word), VECTORS[word], atol=1e-4)
    for word in ("oslo", "river"):
        assert np.allclose(row(tagger, word), VECTORS[word], atol=1e-4) == freeze


def test_with_case_both_forms_keep_their_own_vector(path):
    tagger = fit(path, lowercase=False, freeze_vectors=True)
    for word in ("Lisbon", "lisbon"):
        np.testing.assert_allclose(row(tagger, word), VECTORS[word], atol=1e-4)


@pytest.mark.parametrize("word_size", [5, 8])
def test_a_model_with_vectors_comes_back_whole_and_tells_no_path(path, tmp_path, word_size):
    tagger = fit(path, word_size=word_size)
    folder = tagger.save(tmp_path / "m")
    path.unlink()
    loaded = Tagger.load(folder, device="cpu")
    assert answers(loaded) == answers(tagger)
    assert torch.equal(row(loaded, "zebra"), row(tagger, "zebra"))
    assert json.loads((folder / "config.json").read_text())["params"]["vectors"] == "glove.txt"
    for file in folder.iterdir():
        assert b"secret-place" not in file.read_bytes()
    assert answers(Tagger.load(loaded.save(tmp_path / "again"), device="cpu")) == answers(tagger)


def test_other_vectors_are_another_run(path, tmp_path):
    options = {"checkpoint": tmp_path / "c", "resume": True}
    tiny_tagger(**ONLY_WORDS, vectors=str(path)).fit(TOKENS, TAGS, **options)
    path.write_text(path.read_text().replace("1", "2"))
    with pytest.raises(Exception, match="this checkpoint is from other data"):
        tiny_tagger(**ONLY_WORDS, vectors=str(path)).fit(TOKENS, TAGS, **options)


@pytest.mark.parametrize(
    ("num_sentences", "num_tokens", "epochs", "batch_size"),
    [
        (900, 900 * 15, 40, 8),
        (10_000, 150_000, 10, 32),
        (10_000, 40_000, 30, 32),  # four tokens per sentence: as ever
        (10_000, 20_000, 40, 64),
        (100_000, 100_000, 12, 128),  # one token per sentence
        (500, 500, 40, 32),
        (100_000, 7, 40, 128),  # nearly all of them empty
    ],
)
def test_the_size_of_batches_follows_the_corpus(num_sentences, num_tokens, epochs, batch_size):
    assert Tagger._training_size(num_sentences=num_sentences, num_tokens=num_tokens) == (epochs, batch_size)
