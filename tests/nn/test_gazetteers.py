"""Matches of lists in the network: each number by hand, neighbours by a loop, and what training leaves out."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from batches import make_batch, random_words

from seqtag.nn.embedder import Embedder
from seqtag.nn.gazetteers import PARTS, MatchEmbedder, MatchScores, match_codes, without_some_matches
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.network import NoStates, TagNetwork
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.onnx_export.tagging import GraphSpec, build_graph
from seqtag.onnx_export.weights import graph_weights
from seqtag.text.gazetteers import match_cells

SIZES, NUM_TAGS, NUM_LISTS = (12, 5), 4, 2
MATCHES = np.array([[0, 0, 3, 0], [0, 2, 4, 0], [0, 2, 3, 1], [1, 1, 2, 1]])  # sentence, start, end, list
SENTENCES = [[1, 2, 3, 4, 5], [6, 7]]


def batch_of(matches=MATCHES, sentences=SENTENCES):
    batch = make_batch(sentences, *random_words(9, feature_sizes=SIZES, num_characters=6))
    return replace(batch, matches_S4=torch.from_numpy(match_cells(matches)))


def network_of(encoder, *, lexical=True, head=CRFHead):
    torch.manual_seed(0)
    scores = LexicalScores(SIZES, NUM_TAGS, num_lists=NUM_LISTS) if lexical else None
    embedder, recurrent, hidden_size = NoStates(), None, 0
    if encoder is not None:
        lists = MatchEmbedder(NUM_LISTS, 3)
        embedder = Embedder(SIZES, word_size=5, characters=None, gazetteers=lists)
        assert embedder.output_size == 5 + 3
        recurrent = RecurrentEncoder(embedder.output_size, encoder=encoder, hidden_size=6)
        hidden_size = recurrent.output_size
    network = TagNetwork(embedder, recurrent, head(hidden_size, NUM_TAGS, lexical=scores), match_dropout=0.5)
    with torch.no_grad():
        for values in network.parameters():
            values.normal_(std=0.5)
    return network.eval()


def test_codes_are_one_where_a_token_is_that_part_of_a_match():
    codes_BTG = match_codes(batch_of(), NUM_LISTS)
    begin, inside, end, single = range(PARTS)
    places = [(0, 0, begin), (0, 1, inside), (0, 2, begin), (0, 2, end), (0, 2, PARTS + single), (0, 3, end)]
    assert list(map(tuple, codes_BTG.nonzero().tolist())) == [*places, (1, 1, PARTS + single)]
    assert codes_BTG.max() == 1


def test_a_batch_without_matches_has_no_code_and_a_gradient_of_zero():
    batch = batch_of(np.zeros((0, 4), np.int64))
    scores = MatchScores(NUM_LISTS, 3)
    scores(without_some_matches(batch, 0.5)).sum().backward()
    assert not scores.weight.grad.any()


def test_scores_begin_at_zero_and_those_of_neighbours_are_shifted():
    batch, lexical = batch_of(), LexicalScores(SIZES, NUM_TAGS, num_lists=NUM_LISTS)
    assert not lexical(batch).any()
    torch.nn.init.normal_(lexical.gazetteers.weight)
    here_LG, before_LG, after_LG = lexical.gazetteers.weight.detach().split(NUM_TAGS)
    codes_BTG = match_codes(batch, NUM_LISTS)
    expected_BTL = torch.zeros(2, 5, NUM_TAGS)
    for row, length in enumerate(map(len, SENTENCES)):
        for place in range(length):
            expected_BTL[row, place] += here_LG @ codes_BTG[row, place]
            if place:
                expected_BTL[row, place] += before_LG @ codes_BTG[row, place - 1]
            if place + 1 < length:
                expected_BTL[row, place] += after_LG @ codes_BTG[row, place + 1]
    real_BT = torch.arange(5) < batch.lengths_B[:, None]
    torch.testing.assert_close(lexical(batch)[real_BT].detach(), expected_BTL[real_BT])


def test_training_leaves_out_whole_matches_as_often_as_asked():
    torch.manual_seed(1)
    batch, left = batch_of(), []
    whole = [set(map(tuple, cells)) for cells in np.split(match_cells(MATCHES), [3, 5, 6])]
    for _ in range(1000):
        kept = set(map(tuple, without_some_matches(batch, 0.3).matches_S4.tolist()))
        assert all(match <= kept or not match & kept for match in whole)
        left.append([not match <= kept for match in whole])
    np.testing.assert_allclose(np.mean(left, 0), 0.3, atol=0.06)
    assert np.abs(np.corrcoef(np.array(left).T) - np.eye(4)).max() < 0.12  # each by itself


def test_embedder_and_head_miss_the_same_matches_and_only_in_training():
    network, batch = network_of("lstm"), replace(batch_of(), tags_BT=torch.zeros(2, 5, dtype=torch.int64))
    seen = []
    for module in (network.embedder.gazetteers, network.head.lexical.gazetteers):
        module.register_forward_pre_hook(lambda _, given: seen.append(given[0].matches_S4.tolist()))
    network(batch)
    assert seen == [batch.matches_S4.tolist()] * 2
    seen.clear()
    network.train()
    losses = set()
    for _ in range(20):
        losses.add(network(batch).item())
        assert seen[-1] == seen[-2]
    assert len({str(matches) for matches in seen}) > 5
    network.emissions(batch)
    assert seen[-1] == batch.matches_S4.tolist()


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize(("encoder", "lexical"), [("lstm", True), ("gru", False), (None, True)])
def test_the_export_gives_the_emissions_of_torch(encoder, lexical, int8):
    if int8 and encoder == "gru":
        pytest.skip("onnxruntime has int8 arithmetic for an LSTM alone")
    network = network_of(encoder, lexical=lexical, head=LinearHead)
    spec = GraphSpec(encoder, "concat", None, SIZES, num_matches=PARTS * NUM_LISTS)
    model = build_graph(graph_weights(network), spec, int8=int8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for matches, sentences in ((MATCHES, SENTENCES), (MATCHES[3:], SENTENCES), (MATCHES[:1], [[1, 2, 3]])):
        matches = np.where([1, 0, 0, 0], 0, matches) if len(sentences) == 1 else matches
        batch = batch_of(matches, sentences)
        given = {
            "slots_BT": batch.slots_BT.numpy(),
            "lengths_B": batch.lengths_B.numpy().astype(np.int32),
            "features_UF": batch.features_UF.numpy(),
            "characters_UC": batch.characters_UC.numpy(),
            "matches_BTG": match_codes(batch, NUM_LISTS).numpy(),
        }
        (emissions_BTL,) = session.run(["emissions_BTL"], given)
        expected_BTL = network.emissions(batch).numpy()
        real_BT = np.arange(expected_BTL.shape[1]) < batch.lengths_B.numpy()[:, None]
        np.testing.assert_allclose(emissions_BTL[real_BT], expected_BTL[real_BT], atol=0.1 if int8 else 1e-5)
