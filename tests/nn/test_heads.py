"""The heads against enumeration of all tag sequences, and LexicalScores against a sum looked up score by score."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from batches import make_batch, random_words
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_spans import masked_probability, span_probability
from torch.nn import functional

from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.text.schemes import Span, illegal_positions, legal_transitions, spans_from_tags

HIDDEN, NUM_TAGS = 5, 4
LENGTHS = (4, 1, 3)
SENTENCES = [[0, 1, 2, 3], [1], [3, 3, 0]]
TAGS = [[0, 1, 3, 2], [2], [3, 3, 1]]

TAG_SETS = {
    "plain": ["NOUN", "VERB", "X"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B"],
    "IOB2": ["O", "B-A", "I-A", "B-B", "I-B"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "S-B"],
    "BILOU": ["O", "B-A", "I-A", "L-A", "U-A"],
    "BMES": ["O", "B-A", "M-A", "E-A", "S-A"],
}


def make_head(kind, num_tags=NUM_TAGS, *, seed=0, legal=None, **options):
    torch.manual_seed(seed)
    head = (
        CRFHead(HIDDEN, num_tags, legal=legal, **options) if kind == "crf" else LinearHead(HIDDEN, num_tags, **options)
    )
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head.double().eval()


def make_hidden(lengths=LENGTHS, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(lengths), max(lengths), HIDDEN, generator=generator, dtype=torch.float64)


def tagged_batch(tags=TAGS, sentences=SENTENCES):
    features, spellings = random_words(4, feature_sizes=(6, 5), num_characters=4)
    return make_batch(sentences, features, spellings, tags)


def path_scores(head, emissions_TL):
    """Score of every sequence of one sentence, added up term by term."""
    num_tokens, num_tags = emissions_TL.shape
    scores = {}
    for path in product(range(num_tags), repeat=num_tokens):
        total = sum(emissions_TL[t, tag] for t, tag in enumerate(path))
        if isinstance(head, CRFHead):
            start, transitions, end = head.scores()
            total = total + start[path[0]] + end[path[-1]]
            total = total + sum(transitions[a, b] for a, b in pairwise(path))
        scores[path] = total
    return scores


def probabilities(head, emissions_TL):
    scores = path_scores(head, emissions_TL)
    log_z = torch.stack(list(scores.values())).logsumexp(0)
    return {path: (score - log_z).exp().item() for path, score in scores.items()}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weights"])
def test_linear_loss_is_torchs_cross_entropy(weighted):
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0]) if weighted else None
    head, hidden, batch = make_head("linear", class_weights_L=weights), make_hidden(), tagged_batch()
    expected = sum(
        functional.cross_entropy(
            head.output(hidden[b, :length]).float(),
            torch.tensor(tags),
            weight=head.class_weights_L.float(),
            reduction="sum",
        )
        for b, (length, tags) in enumerate(zip(LENGTHS, TAGS, strict=True))
    )
    torch.testing.assert_close(head.loss(hidden, batch).float(), expected / len(LENGTHS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["likelihood", "softmax-margin"])
def test_crf_loss_equals_enumeration(weighted):
    """Softmax-margin (Gimpel and Smith 2010): in the sum over paths each wrong tag adds log(weight of the gold tag)."""
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0]) if weighted else torch.ones(NUM_TAGS)
    head, hidden, batch = make_head("crf", class_weights_L=weights), make_hidden(), tagged_batch()
    emissions = head.emissions(hidden, batch)
    total = 0.0
    for b, (length, gold) in enumerate(zip(LENGTHS, TAGS, strict=True)):
        scores = path_scores(head, emissions[b, :length])
        costed = [
            score + sum(weights[g].log() for g, tag in zip(gold, path, strict=True) if g != tag)
            for path, score in scores.items()
        ]
        total += torch.stack(costed).logsumexp(0) - scores[tuple(gold)]
    assert head.loss(hidden, batch).item() == pytest.approx(total.item() / len(LENGTHS), rel=1e-5)


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_a_heavier_class_pulls_harder(kind):
    """The gradient that raises the gold tag's emission grows with the weight of the gold tag."""
    hidden, batch = make_hidden((1,)), tagged_batch([[2]], [[1]])
    pulls = []
    for weight in (0.2, 1.0, 5.0):
        weights = torch.ones(NUM_TAGS)
        weights[2] = weight
        head = make_head(kind, class_weights_L=weights)
        head.loss(hidden, batch).backward()
        pulls.append(-head.output.bias.grad[2].item())
    assert 0 < pulls[0] < pulls[1] < pulls[2]


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_weights_of_sentences_share_out_the_loss(kind):
    head, hidden, batch = make_head(kind), make_hidden(), tagged_batch()
    each = [
        head.loss(hidden[b : b + 1, :n], tagged_batch([TAGS[b]], [SENTENCES[b]])).item() for b, n in enumerate(LENGTHS)
    ]
    assert head.loss(hidden, batch).item() == pytest.approx(np.mean(each), rel=1e-5)
    weights = torch.tensor([0.5, 0.0, 2.0])
    shared = replace(batch, weights_B=weights)
    assert head.loss(hidden, shared).item() == pytest.approx(0.5 * each[0] + 2.0 * each[2], rel=1e-5)


def test_gradient_of_the_crf_loss_checks():
    legal = tuple(map(torch.from_numpy, legal_transitions(["O", "B-A", "I-A", "B-B"], "IOB2")))
    weights = torch.tensor([1.0, 2.0, 1.0, 0.5], dtype=torch.float64)
    head = make_head("crf", legal=legal, class_weights_L=weights)
    emissions = torch.randn(3, 4, NUM_TAGS, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    gold, lengths = torch.tensor([[0, 1, 2, 2], [3, 0, 0, 0], [1, 1, 0, 0]]), torch.tensor(LENGTHS)

    def loss(emissions, start, transitions, end):
        for name, value in (("start_L", start), ("transitions_LL", transitions), ("end_L", end)):
            delattr(head, name)
            setattr(head, name, value)
        return head._losses(emissions, gold, lengths)

    inputs = (emissions, head.start_L.data, head.transitions_LL.data, head.end_L.data)
    assert torch.autograd.gradcheck(loss, tuple(value.clone().requires_grad_() for value in inputs))


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_decoding_marginals_and_nbest_equal_enumeration(kind):
    head, hidden, batch = make_head(kind, seed=4), make_hidden(seed=5), tagged_batch()
    emissions = head.emissions(hidden, batch)
    best, marginals = (decode(emissions, batch.lengths_B) for decode in (head.best, head.marginals))
    paths, log_probability = head.nbest(emissions, batch.lengths_B, 6)
    for b, length in enumerate(LENGTHS):
        every = probabilities(head, emissions[b, :length].double())
        ranked = sorted(every, key=every.get, reverse=True)
        assert tuple(best[b, :length].tolist()) == ranked[0]
        assert not best[b, length:].any()
        for k, path in enumerate(ranked[:6]):
            assert tuple(paths[b, k, :length].tolist()) == path
            assert log_probability[b, k].exp().item() == pytest.approx(every[path], rel=1e-5)
        expected = np.zeros((length, NUM_TAGS))
        for path, probability in every.items():
            expected[np.arange(length), path] += probability
        np.testing.assert_allclose(marginals[b, :length].detach().numpy(), expected, rtol=1e-5, atol=1e-9)
        assert not marginals[b, length:].any()


@pytest.mark.parametrize("scheme", TAG_SETS)
def test_the_oracle_of_spans_is_exact_in_every_scheme(scheme):
    """Its constrained passes equal the sum over all legal sequences from which the span is read."""
    tags, length = TAG_SETS[scheme], 4
    legal = tuple(map(torch.from_numpy, legal_transitions(tags, scheme)))
    head = make_head("crf", len(tags), legal=legal, seed=6)
    emissions = torch.randn(length, len(tags), dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    expected: dict[Span, float] = {}
    for path, probability in probabilities(head, emissions).items():
        names = [tags[i] for i in path]
        assert (probability > 0) == (not illegal_positions(names, scheme))
        for span in spans_from_tags(names, scheme) if probability else []:
            expected[span] = expected.get(span, 0.0) + probability
    labels = sorted({span.label for span in expected})
    for start, end in [(a, b) for a in range(length) for b in range(a + 1, length + 1)]:
        for label in labels:
            span = Span(start, end, label)
            got = span_probability(head, emissions, span, tags, scheme)
            assert got == pytest.approx(expected.get(span, 0.0), rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["linear", "crf"]))
def test_the_oracle_of_masks_equals_enumeration_for_any_mask(seed, kind):
    head = make_head(kind, 3, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64) * 2
    masks, lengths = torch.rand(2, 4, 3, generator=generator) < 0.7, torch.tensor([4, 2])
    got = masked_probability(head, emissions, lengths, masks)
    for row, length in enumerate(lengths.tolist()):
        every = probabilities(head, emissions[row, :length])
        inside = sum(p for path, p in every.items() if all(masks[row, t, tag] for t, tag in enumerate(path)))
        assert got[row].item() == pytest.approx(inside, rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["linear", "crf"]), temperature=st.floats(0.2, 5.0))
def test_moves_marginals_and_nbest_equal_enumeration_at_any_temperature(seed, kind, temperature):
    """All scores are divided by the temperature; the order of the sequences stays."""
    head = make_head(kind, 3, seed=seed)
    head.temperature.fill_(temperature)
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64) * 2
    lengths = torch.tensor([4, 2])
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3)).T
    marginals, moves = head.chain(emissions, lengths, *pairs)
    paths, log_probability = head.nbest(emissions, lengths, 5)
    torch.testing.assert_close(marginals, head.marginals(emissions, lengths))
    for row, length in enumerate(lengths.tolist()):
        scores = path_scores(head, emissions[row, :length])
        cooled = {path: score.item() / temperature for path, score in scores.items()}
        log_z = np.logaddexp.reduce(list(cooled.values()))
        every = {path: np.exp(score - log_z) for path, score in cooled.items()}
        for k, path in enumerate(sorted(every, key=every.get, reverse=True)[:5]):
            assert tuple(paths[row, k, :length].tolist()) == path
            assert log_probability[row, k].exp().item() == pytest.approx(every[path], rel=1e-9)
        assert tuple(head.best(emissions, lengths)[row, :length].tolist()) == max(scores, key=scores.get)
        for t, tag in product(range(length), range(3)):
            here = sum(p for path, p in every.items() if path[t] == tag)
            assert marginals[row, t, tag].item() == pytest.approx(here, rel=1e-9, abs=1e-12)
            for before in range(3) if t else []:
                both = sum(p for path, p in every.items() if path[t - 1 : t + 1] == (before, tag))
                earlier = sum(p for path, p in every.items() if path[t - 1] == before)
                got = moves[row, t, 3 * before + tag].item()
                assert got * earlier == pytest.approx(both, rel=1e-9, abs=1e-12)
        assert not moves[row, 0].any()
        assert not moves[row, length:].any()


def test_training_knows_no_temperature():
    for kind in ("linear", "crf"):
        head, hidden, batch = make_head(kind), make_hidden(), tagged_batch()
        loss = head.loss(hidden, batch)
        head.temperature.fill_(3.0)
        assert head.loss(hidden, batch) == loss


def test_a_head_that_was_saved_without_a_temperature_has_1():
    head, other = make_head("crf", seed=1), make_head("crf", seed=2)
    head.temperature.fill_(3.0)
    stored = dict(other.state_dict())
    del stored["temperature"]
    head.load_state_dict(stored)
    assert head.temperature == 1
    assert "temperature" not in stored
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), other.parameters(), strict=True))


def make_lexical(sizes, num_tags, **options):
    lexical = LexicalScores(sizes, num_tags, **options)
    torch.nn.init.normal_(lexical.table.weight, generator=torch.Generator().manual_seed(8))
    return lexical


def test_lexical_scores_are_a_sum_of_looked_up_scores():
    sizes = (6, 5, 7)
    features, spellings = random_words(8, feature_sizes=sizes, num_characters=4, seed=9)
    assert (features == 1).any()  # unknown values are among them, and score nothing
    lexical = make_lexical(sizes, NUM_TAGS).eval()
    tables = lexical.table.weight.split(sizes)  # one table a feature; its columns: the word itself, before, after

    def looked_up(word: int, part: int) -> torch.Tensor:
        total = torch.zeros(NUM_TAGS)
        for column, table in enumerate(tables):
            if features[word, column] > 1:
                total = total + table[features[word, column], part * NUM_TAGS : (part + 1) * NUM_TAGS]
        return total

    sentences = [[0, 1, 2, 3, 3], [4], [5, 6, 7]]
    got = lexical(make_batch(sentences, features, spellings))
    for b, sentence in enumerate(sentences):
        for t, word in enumerate(sentence):
            expected = looked_up(word, 0)
            if t > 0:
                expected = expected + looked_up(sentence[t - 1], 1)
            if t + 1 < len(sentence):
                expected = expected + looked_up(sentence[t + 1], 2)
            torch.testing.assert_close(got[b, t], expected, rtol=1e-5, atol=1e-6)


def test_lexical_scores_start_at_zero_and_touch_only_the_batchs_rows():
    sizes = (6, 5)
    features, spellings = random_words(4, feature_sizes=sizes, num_characters=4)
    lexical = LexicalScores(sizes, NUM_TAGS)
    batch = make_batch([[0, 1], [1]], features, spellings)
    assert not lexical(batch).any()
    lexical(batch).sum().backward()
    rows = set(lexical.table.weight.grad.coalesce().indices()[0].tolist())
    assert rows <= {features[w, c].item() + offset for w in (0, 1) for c, offset in ((0, 0), (1, 6))} | {0, 6}


def test_lexical_dropout_drops_whole_features_of_a_word_and_keeps_the_mean():
    sizes = (6, 5)
    features = torch.tensor([[2, 3]])
    lexical = make_lexical(sizes, NUM_TAGS, dropout=0.25)
    batch = make_batch([[0]], features, [[2]])
    torch.manual_seed(0)
    first, second = (lexical.table.weight[row, :NUM_TAGS] / 0.75 for row in (2, 6 + 3))
    possible = torch.stack([torch.zeros(NUM_TAGS), first, second, first + second])
    drawn = torch.stack([lexical.train()(batch)[0, 0] for _ in range(1000)])
    distance = (drawn[:, None] - possible).abs().amax(-1)
    assert (distance.amin(1) < 1e-5).all()
    kept = (distance.argmin(1)[:, None] == torch.tensor([1, 3])).any(1).double().mean().item()
    assert kept == pytest.approx(0.75, abs=4 * (0.1875 / 1000) ** 0.5)


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_emissions_add_the_lexical_scores_to_the_projection(kind):
    lexical = make_lexical((6, 5), NUM_TAGS)
    head, hidden, batch = make_head(kind, lexical=lexical), make_hidden(), tagged_batch()
    expected = hidden @ head.output.weight.T + head.output.bias + lexical(batch)
    torch.testing.assert_close(head.emissions(hidden, batch).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_the_shift_moves_predictions_and_never_the_loss(kind):
    head, hidden, batch = make_head(kind), make_hidden(), tagged_batch()
    before, loss = head.emissions(hidden, batch), head.train().loss(hidden, batch)
    head.shift_L[2] = 1.5
    assert head.loss(hidden, batch) == loss
    torch.testing.assert_close(head.eval().emissions(hidden, batch) - before, head.shift_L.expand_as(before))
    head.shift_L[2] = 1000.0
    emissions = head.emissions(hidden, batch)
    assert head.best(emissions, batch.lengths_B).tolist() == [[2, 2, 2, 2], [2, 0, 0, 0], [2, 2, 2, 0]]


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_the_loss_of_partly_known_tags_is_the_probability_of_all_sequences_that_agree(kind):
    head, batch, hidden = make_head(kind), tagged_batch(), make_hidden()
    emissions = head.emissions(hidden, batch).double()
    allowed = torch.rand(emissions.shape, generator=torch.Generator().manual_seed(2)) < 0.6
    allowed |= torch.nn.functional.one_hot(batch.tags_BT, NUM_TAGS).bool()
    losses = head.losses(hidden, replace(batch, allowed_BTL=allowed)).double()
    for row, length in enumerate(LENGTHS):
        scores = path_scores(head, emissions[row, :length])
        agreeing = [s for path, s in scores.items() if all(allowed[row, t, tag] for t, tag in enumerate(path))]
        expected = torch.stack(list(scores.values())).logsumexp(0) - torch.stack(agreeing).logsumexp(0)
        torch.testing.assert_close(losses[row], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "crf"])
@pytest.mark.parametrize("weighted", [False, True])
def test_where_all_tags_are_known_the_loss_is_the_ordinary_one_and_where_none_is_it_is_zero(kind, weighted):
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0]) if weighted else None
    head, batch, hidden = make_head(kind, class_weights_L=weights), tagged_batch(), make_hidden()
    gold = torch.nn.functional.one_hot(batch.tags_BT, NUM_TAGS).bool()
    ordinary, known = (head.losses(hidden, each) for each in (batch, replace(batch, allowed_BTL=gold)))
    torch.testing.assert_close(known, ordinary)
    nothing = head.losses(hidden, replace(batch, allowed_BTL=torch.ones_like(gold)))
    torch.testing.assert_close(nothing, torch.zeros_like(nothing), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_the_expected_share_of_entities_is_the_sum_of_their_marginals(kind):
    head, batch, hidden = make_head(kind), tagged_batch(), make_hidden()
    is_entity = torch.tensor([0.0, 1.0, 1.0, 0.0]).double()
    head.keep_entity_share(0.1, is_entity)
    emissions = head.emissions(hidden, batch)
    expected = (
        (head.marginals(emissions, batch.lengths_B) @ is_entity)
        .sum(-1)
        .to(emissions.dtype if kind == "linear" else torch.float64)
    )
    torch.testing.assert_close(head.expected_entities(emissions, batch.lengths_B), expected, rtol=1e-6, atol=1e-7)
    plain = make_head(kind)
    penalty = 10 * max(0.0, abs(expected.sum().item() / sum(LENGTHS) - 0.1) - 0.05)
    assert (head.loss(hidden, batch) - plain.loss(hidden, batch)).item() == pytest.approx(penalty, rel=1e-5)
