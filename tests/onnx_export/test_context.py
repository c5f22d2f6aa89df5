"""The states of language models in an exported graph: torch's emissions, for every kind of model and any sentences."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.batching import ContextReader, collate
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import LinearHead
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.network import TagNetwork
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.onnx_export import context as graph_context
from seqtag.onnx_export.tagging import build_graph
from seqtag.onnx_export.weights import graph_spec, graph_weights
from seqtag.text.symbol_vocabulary import SymbolVocabulary
from seqtag.text.vocabulary import Vocabulary

torch.set_num_threads(1)

WORDS = ["Ada", "met", "Bo", "in", "Turin", "", "東京", "x" * 30, "☃"]
VOCABULARY = Vocabulary.build(dict.fromkeys(WORDS[:5], 2))
SYMBOLS = SymbolVocabulary("character", None, sorted(set("".join(WORDS[:7]))))
SENTENCES = [["Ada", "met", "Bo"], [], ["東京", "x" * 30, "", "☃", "Turin"], ["in"]]
NUM_TAGS = 4

Models = list[tuple[str, int, str]]  # of each: encoder, layers, direction
some_sentences = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=4).filter(any)


def make(models: Models, seed: int = 0) -> tuple[TagNetwork, ContextReader]:
    """A network of random weights, those of the language models so large that states differ."""
    torch.manual_seed(seed)
    networks = [
        LanguageNetwork(len(SYMBOLS), encoder=encoder, embedding_size=5, hidden_size=6 + number, num_layers=layers)
        for number, (encoder, layers, _) in enumerate(models)
    ]
    context = ContextEmbedder(networks, size=3)
    sizes = tuple(VOCABULARY.feature_sizes.values())
    embedder = Embedder(sizes, word_size=4, characters=None, context=context)
    recurrent = RecurrentEncoder(embedder.output_size, hidden_size=5)
    network = TagNetwork(embedder, recurrent, LinearHead(recurrent.output_size, NUM_TAGS)).eval()
    with torch.no_grad():
        for values in network.parameters():
            values.normal_(std=0.3)
    reader = ContextReader([SYMBOLS] * len(models), [direction for _, _, direction in models])
    return network.requires_grad_(False), reader


def export(network: TagNetwork, *, int8: bool = False) -> onnxruntime.InferenceSession:
    model = build_graph(graph_weights(network), graph_spec(network, VOCABULARY), int8=int8)
    return onnxruntime.InferenceSession(model.SerializeToString())


def emissions(session: onnxruntime.InferenceSession, reader: ContextReader, sentences: Any) -> np.ndarray:
    batch = collate(VOCABULARY, sentences, context=reader)
    given = {
        name: getattr(batch, name).numpy()
        for name in ("slots_BT", "features_UF", "characters_UC", "symbols_MBC", "picks_MBT")
    }
    given["lengths_B"] = batch.lengths_B.numpy().astype(np.int32)
    assert {value.name for value in session.get_inputs()} == set(given)
    return session.run(["emissions_BTL"], given)[0]


def assert_torch(session, network, reader, sentences, *, most=1e-5) -> float:
    """Compare the real tokens of a batch; gives how far they are apart at most."""
    expected_BTL = network.emissions(collate(VOCABULARY, sentences, context=reader)).numpy()
    found_BTL = emissions(session, reader, sentences)
    assert found_BTL.shape == expected_BTL.shape
    real_BT = np.arange(expected_BTL.shape[1]) < np.array([len(tokens) for tokens in sentences])[:, None]
    distance = np.abs(found_BTL - expected_BTL)[real_BT].max()
    assert distance < most
    return float(distance)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("encoder", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_every_kind_of_language_model_gives_the_emissions_of_torch(encoder, layers, direction):
    network, reader = make([(encoder, layers, direction)])
    assert_torch(export(network), network, reader, SENTENCES)


@pytest.mark.parametrize("window", [1, 2, 7, 1 << 15])
def test_models_of_every_kind_together_and_windows_of_any_size(window, monkeypatch):
    monkeypatch.setattr(graph_context, "_MOST_CHARACTERS", window)  # the state goes on from window to window
    kinds: Models = [("gru", 3, "backward"), ("lstm", 2, "forward"), ("rnn_relu", 1, "forward"), ("lstm", 1, "forward")]
    network, reader = make(kinds)
    session = export(network)
    for sentences in (SENTENCES, SENTENCES[:1], SENTENCES[3:]):
        assert_torch(session, network, reader, sentences)


@pytest.fixture(scope="module")
def pair():
    network, reader = make([("lstm", 2, "forward"), ("gru", 1, "backward")], seed=1)
    return network, reader, export(network)


@settings(max_examples=40)
@given(sentences=some_sentences)
def test_any_sentences_give_the_emissions_of_torch(pair, sentences):
    network, reader, session = pair
    assert_torch(session, network, reader, sentences)


@settings(max_examples=25)
@given(sentences=some_sentences)
def test_a_sentence_has_the_same_emissions_alone_and_beside_others(pair, sentences):
    _, reader, session = pair
    together_BTL = emissions(session, reader, sentences)
    for tokens, emissions_TL in zip(sentences, together_BTL, strict=True):
        if tokens:
            alone_1TL = emissions(session, reader, [tokens])
            np.testing.assert_allclose(emissions_TL[: len(tokens)], alone_1TL[0], atol=1e-6)


def test_the_states_matter(pair):
    network, reader, session = pair
    other = emissions(session, reader, [["Ada", "☃"]])[0, 0] - emissions(session, reader, [["Ada", "met"]])[0, 0]
    assert np.abs(other).max() > 1e-3
    assert network.embedder.context.linear.weight.abs().min() > 0


@pytest.mark.parametrize(
    "kinds", [[("lstm", 2, "forward")], [("gru", 1, "forward"), ("lstm", 1, "backward")]], ids=["lstm", "gru and lstm"]
)
def test_int8_stays_near_torch_and_stores_integers_where_onnxruntime_can_use_them(kinds):
    network, reader = make(kinds)
    spread = network.emissions(collate(VOCABULARY, SENTENCES, context=reader)).std().item()
    assert assert_torch(export(network, int8=True), network, reader, SENTENCES, most=0.2 * spread) > 1e-6
    model = build_graph(graph_weights(network), graph_spec(network, VOCABULARY), int8=True)
    whole = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT8}
    for m, (encoder, layers, _) in enumerate(kinds):
        assert f"context{m}.symbols" in whole
        matrices = [name for name in whole if f"networks.{m}.encoder" in name and name.endswith(("_ih", "_hh"))]
        assert len(matrices) == (2 * layers if encoder == "lstm" else 0)
