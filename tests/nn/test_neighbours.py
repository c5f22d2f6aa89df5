"""The head that predicts the words beside each token, held against a softmax over all words."""

import pytest
import torch
from torch.nn import functional

from seqtag.batching import collate
from seqtag.nn.neighbours import NeighbourHead
from seqtag.text.vocabulary import Vocabulary

SENTENCES = [["a", "b", "c", "rare"], ["b", "a"], ["c"]]
COUNTS = {"a": 5, "b": 4, "c": 3, "rare": 1}


@pytest.fixture
def head():
    torch.manual_seed(0)
    vocabulary = Vocabulary.build(COUNTS, min_freq=2)
    head = NeighbourHead(6, torch.randn(5, 4), vocabulary.word_counts, num_samples=20_000)
    with torch.no_grad():
        head.output.weight[:, -1] = torch.randn(5)
    return vocabulary, head.eval()


def exact(head, hidden_BTH, words):
    """The same loss over all words, token by token."""
    states, total, count = head.states, [0.0] * len(words), 0
    for row, ids in enumerate(words):
        for place in range(len(ids)):
            for direction, other in ((0, place + 1), (1, place - 1)):
                if not 0 <= other < len(ids) or ids[other] < 2:
                    continue
                state = states[direction](hidden_BTH[row, place].chunk(2)[direction])
                scores = head.output.weight[2:, :-1] @ state + head.output.weight[2:, -1]
                total[row] += float(functional.cross_entropy(scores, torch.tensor(ids[other] - 2)))
                count += 1
    return torch.tensor(total) * len(words) / count


def test_with_many_draws_the_loss_is_that_over_all_words(head):
    vocabulary, head = head
    batch = collate(vocabulary, SENTENCES)
    words = [vocabulary.encode(row).features_UF[:, 0].tolist() for row in SENTENCES]
    hidden_BTH = torch.randn(3, 4, 6)
    with torch.no_grad():
        torch.testing.assert_close(head.losses(hidden_BTH, batch), exact(head, hidden_BTH, words), rtol=0.03, atol=0.03)


def test_padding_and_what_stands_there_change_nothing(head):
    vocabulary, head = head
    batch = collate(vocabulary, SENTENCES)
    hidden_BTH = torch.randn(3, 4, 6)
    changed_BTH = hidden_BTH.clone()
    changed_BTH[1, 2:] = 9.0
    changed_BTH[2, 1:] = -9.0
    with torch.no_grad():
        assert torch.equal(head.losses(hidden_BTH, batch), head.losses(changed_BTH, batch))


def test_a_sentence_of_one_word_teaches_nothing(head):
    vocabulary, head = head
    loss = head.loss(torch.randn(1, 1, 6), collate(vocabulary, [["a"]]))
    assert loss.item() == 0.0


def test_each_direction_is_asked_for_the_word_that_it_has_not_read(head):
    """A forward state moves with the next word's score alone, a backward state with that of the word before."""
    vocabulary, head = head
    hidden_BTH = torch.randn(1, 2, 6, requires_grad=True)
    head.loss(hidden_BTH, collate(vocabulary, [["a", "b"]])).backward()
    moved_T2 = hidden_BTH.grad[0].unflatten(-1, (2, 3)).abs().sum(-1) > 0
    assert moved_T2.tolist() == [[True, False], [False, True]]
