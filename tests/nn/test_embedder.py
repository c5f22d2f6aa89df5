"""The embedder against a loop over words, each looked up on its own; dropout by its masks and its frequencies."""

import pytest
import torch
from batches import make_batch, random_words

from seqtag.nn.embedder import CharacterCNN, CharacterRNN, Embedder, LockedDropout

SIZES, NUM_CHARACTERS = (9, 5, 6), 12


def make_embedder(characters="cnn", **options):
    torch.manual_seed(3)
    return Embedder(
        SIZES,
        word_size=4,
        feature_widths={1: 3, 2: 2},
        characters=characters,
        num_characters=NUM_CHARACTERS,
        character_size=6,
        **options,
    )


@pytest.mark.parametrize(
    "part",
    [
        lambda: CharacterCNN(NUM_CHARACTERS, embedding_size=5, output_size=8),
        *(
            lambda cell=cell: CharacterRNN(NUM_CHARACTERS, embedding_size=5, output_size=8, cell=cell)
            for cell in ("lstm", "gru")
        ),
    ],
    ids=["cnn", "lstm", "gru"],
)
def test_characters_of_a_word_are_read_as_if_it_stood_alone(part):
    torch.manual_seed(1)
    module = part()
    _, characters = random_words(9, feature_sizes=SIZES, num_characters=NUM_CHARACTERS)
    batch = make_batch([range(9)], torch.zeros(9, 1, dtype=torch.int64), characters)
    together = module(batch.characters_UC)
    for word, spelling in enumerate(characters[:-1]):
        alone = module(torch.tensor([spelling]))[0]
        torch.testing.assert_close(together[word + 1], alone, rtol=1e-6, atol=1e-6)
    # a word without characters is the same as padding, and finite
    torch.testing.assert_close(together[9], together[0])
    assert together.isfinite().all()


def test_character_cnn_is_a_maximum_over_windows_of_three():
    torch.manual_seed(2)
    module = CharacterCNN(NUM_CHARACTERS, embedding_size=5, output_size=8)
    spelling = [4, 7, 2, 9, 3]
    vectors = [torch.zeros(5)] * 2 + [module.embedding.weight[c] for c in spelling] + [torch.zeros(5)] * 2
    places = [
        sum(module.convolution.weight[:, :, k] @ vectors[start + k] for k in range(3)) + module.convolution.bias
        for start in range(len(spelling) + 2)
    ]
    got = module(torch.tensor([[*spelling, 0, 0, 0]]))[0]
    torch.testing.assert_close(got, torch.stack(places).amax(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_character_rnn_gives_the_last_state_of_each_direction(cell):
    torch.manual_seed(2)
    module = CharacterRNN(NUM_CHARACTERS, embedding_size=5, output_size=8, cell=cell)
    spelling = torch.tensor([[4, 7, 2, 9, 3]])
    last = module.encoder.rnn(module.embedding(spelling))[1]
    last = last[0] if cell == "lstm" else last
    got = module(torch.nn.functional.pad(spelling, (0, 4)))[0]
    torch.testing.assert_close(got, torch.cat([last[0, 0], last[1, 0]]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("characters", ["cnn", "lstm", "gru", None])
def test_a_token_is_the_concatenation_of_its_parts(characters):
    embedder = make_embedder(characters).eval()
    features, spellings = random_words(6, feature_sizes=SIZES, num_characters=NUM_CHARACTERS)
    sentences = [[0, 3, 3, 5], [2], [4, 1]]
    got = embedder(make_batch(sentences, features, spellings))
    assert got.shape[-1] == embedder.output_size
    for b, sentence in enumerate(sentences):
        for t, word in enumerate(sentence):
            parts = [embedder.word.weight[features[word, 0]]]
            parts += [embedder.features[str(column)].weight[features[word, column]] for column in (1, 2)]
            if characters:
                parts.append(embedder.characters(torch.tensor([spellings[word] or [0]]))[0])
            torch.testing.assert_close(got[b, t], torch.cat(parts), rtol=1e-5, atol=1e-6)


def test_pretrained_vectors_are_taken_over_and_frozen_when_asked():
    vectors = torch.arange(SIZES[0] * 4, dtype=torch.float32).reshape(-1, 4)
    frozen, tuned = (make_embedder(pretrained_VE=vectors, freeze=freeze) for freeze in (True, False))
    for embedder in (frozen, tuned):
        assert torch.equal(embedder.word.weight, vectors)
    assert not frozen.word.weight.requires_grad
    assert tuned.word.weight.requires_grad


def test_locked_dropout_drops_the_same_units_at_every_token_of_a_sentence():
    torch.manual_seed(0)
    dropout = LockedDropout(0.4)
    hidden = torch.ones(200, 7, 50)
    dropped = dropout(hidden)
    assert (dropped == dropped[:, :1]).all()
    assert sorted(dropped.unique().tolist()) == [0.0, pytest.approx(1 / 0.6)]
    # 10,000 independent draws: the share of zeros lies within 4 standard deviations of 0.4
    assert (dropped[:, 0] == 0).float().mean().item() == pytest.approx(0.4, abs=4 * (0.24 / 10_000) ** 0.5)
    assert not (dropped[0] == dropped[1]).all()
    assert torch.equal(dropout.eval()(hidden), hidden)


def test_a_word_is_read_as_unknown_as_often_as_its_count_says():
    counts = [0, 0, 1, 3, 9, 0, 0, 0, 0]  # ids 0 and 1 are padding and unknown; ids from 5 on: pretrained, never seen
    embedder = make_embedder(None, word_counts=counts, word_dropout=1.0)
    features = torch.ones(4, len(SIZES), dtype=torch.int64)
    features[:, 0] = torch.tensor([2, 3, 4, 5])
    num_tokens = 20_000
    batch = make_batch([[word] * num_tokens for word in range(4)], features, [[2]] * 4)
    torch.manual_seed(0)
    read = embedder.train()(batch)[..., :4]
    unknown = (read == embedder.word.weight[1]).all(-1).float().mean(1)
    for word, count in enumerate([1, 3, 9]):
        expected = 1 / (1 + count)
        deviation = (expected * (1 - expected) / num_tokens) ** 0.5
        assert unknown[word].item() == pytest.approx(expected, abs=4 * deviation)
    assert unknown[3] == 0
    assert not (embedder.eval()(batch)[..., :4] == embedder.word.weight[1]).all(-1).any()


def test_padding_is_never_seen():
    """Neither the words beside a sentence, nor what its padding holds, reach its vectors or its gradient."""
    embedder = make_embedder("cnn").eval()
    features, spellings = random_words(6, feature_sizes=SIZES, num_characters=NUM_CHARACTERS, longest=9)
    wide = embedder(make_batch([[0, 1, 2], [3, 4, 0, 1, 2, 5]], features, spellings))
    alone = embedder(make_batch([[0, 1, 2]], features, spellings))
    torch.testing.assert_close(wide[0, :3], alone[0], rtol=1e-6, atol=1e-6)
    embedder(make_batch([[0], [1, 2, 2]], features, spellings)).sum().backward()
    touched = embedder.word.weight.grad.to_dense().abs().sum(-1)
    used = {features[word, 0].item() for word in (0, 1, 2)}
    assert {row for row in range(SIZES[0]) if touched[row] > 0} == used
    assert embedder.characters.embedding.weight.grad[0].abs().sum() == 0
