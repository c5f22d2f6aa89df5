"""The exported graph of a classifier, with what brings segments together: torch's scores, for every kind of network."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqtag.batching import collate, collate_series
from seqtag.models.classifying.inference import TorchClassEngine
from seqtag.nn.classification import MultiLabelHead, SingleLabelHead
from seqtag.nn.embedder import Embedder
from seqtag.nn.network import ClassNetwork
from seqtag.nn.pooling import POOLINGS
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.segments import SegmentedEncoder
from seqtag.nn.series import SeriesEmbedder
from seqtag.onnx_export.classifying import build_graph
from seqtag.onnx_export.tagging import GraphSpec
from seqtag.runtime.classifying_engine import OnnxClassEngine, segments
from seqtag.runtime.onnx_session import start_export
from seqtag.text.vocabulary import Vocabulary

WORDS = ["Ada", "met", "Bo", "in", "Turin", ".", "42", "bees", "ab" * 15]
VOCABULARY = Vocabulary.build(dict.fromkeys(WORDS, 2))
POOL = [*WORDS, "unknown", "東京", "x" * 50]
COLUMNS = {3: 2, 1: 3}
TEXTS = [
    ["Ada"],
    ["met", "unknown", "Bo", "."],
    [POOL[i % len(POOL)] for i in range(5)],
    [POOL[i * 5 % len(POOL)] for i in range(6)],
    [POOL[i * 7 % len(POOL)] for i in range(33)],
    [],
]
NUM_CLASSES, NUM_NUMBERS = 3, 4


def build(
    encoder="lstm",
    pooling="attention",
    *,
    characters="cnn",
    series=False,
    multi=False,
    segment_size=5,
    max_tokens=64,
    int8=False,
    sharpness=0.0,
    seed=0,
    **options,
) -> tuple[TorchClassEngine, OnnxClassEngine]:
    """A network of random weights in torch, and its export."""
    torch.manual_seed(seed)
    sizes = tuple(VOCABULARY.feature_sizes.values())
    if series:
        embedder = SeriesEmbedder(torch.randn(NUM_NUMBERS), torch.rand(NUM_NUMBERS) + 0.5)
    else:
        embedder = Embedder(
            sizes,
            word_size=6,
            feature_widths=COLUMNS,
            characters=characters,
            num_characters=VOCABULARY.num_characters,
            character_size=4,
        )
    inner = RecurrentEncoder(embedder.output_size, encoder=encoder, hidden_size=6, **options)
    outer = SegmentedEncoder(inner, segment_size=segment_size, max_tokens=10_000)
    two_halves = options.get("bidirectional", True) and options.get("merge", "concat") == "concat"
    pool = POOLINGS[pooling](outer.output_size, bidirectional=two_halves, segment_size=segment_size)
    head = (MultiLabelHead if multi else SingleLabelHead)(outer.output_size, NUM_CLASSES, pooling=pool)
    network = ClassNetwork(embedder, outer, head).eval().requires_grad_(False)
    for values in network.parameters():
        values.normal_(std=0.3)
    if sharpness:
        pool.query.weight.mul_(sharpness / pool.query.weight.abs().sum())
    head.weights_V.fill_(0.7)
    head.threshold_L.uniform_(0.3, 0.7)
    vocabulary = None if series else VOCABULARY
    spec = GraphSpec(
        encoder, options.get("merge", "concat"), characters, () if series else sizes, () if series else tuple(COLUMNS)
    )
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    metadata = {"seqtag": json.dumps({"format": 1, "weights_sha256": ""})}
    content = build_graph(weights, spec, pooling=pooling, int8=int8, metadata=metadata).SerializeToString()
    prior_L = np.array([0.5, 0.3, 0.2])
    config = {
        "params": {"pooling": pooling, "segment_size": segment_size, "max_tokens": max_tokens},
        "classes": {"labels": ["a", "b", "c"], "is_multi": multi},
        "prior": prior_L.tolist(),
    }
    engine = OnnxClassEngine.build(start_export(Path("model.onnx"), content, threads=1), config, vocabulary)
    return TorchClassEngine(network, vocabulary, engine.classes, prior_L, max_tokens), engine


def assert_same(theirs: TorchClassEngine, ours: OnnxClassEngine, rows: list) -> None:
    expected_NL = theirs.probabilities(rows)
    found_NL = ours.probabilities(rows)
    np.testing.assert_allclose(found_NL, expected_NL, atol=1e-5)
    np.testing.assert_array_equal(ours.choose(expected_NL), theirs.choose(expected_NL))
    assert ours.pooling == theirs.pooling
    if ours.pooling == "attention":
        for mine, other in zip(ours.attention(rows), theirs.attention(rows), strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-5)


ENCODERS = [
    (encoder, pooling, *rest)
    for encoder, pooling, rest in itertools.product(
        ("lstm", "gru", "rnn_tanh", "rnn_relu"),
        sorted(POOLINGS),
        ((1, True, "concat"), (2, True, "sum"), (2, True, "concat"), (1, False, "concat"), (1, False, "sum")),
    )
]


@pytest.mark.parametrize(("encoder", "pooling", "num_layers", "bidirectional", "merge"), ENCODERS, ids=str)
def test_every_encoder_and_pooling_gives_the_probabilities_of_torch(encoder, pooling, num_layers, bidirectional, merge):
    options = {"num_layers": num_layers, "bidirectional": bidirectional, "merge": merge}
    assert_same(*build(encoder, pooling, **options), TEXTS)


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
@pytest.mark.parametrize(
    "options",
    [
        {"proj_size": 3},
        {"bias": False},
        {"characters": None},
        {"characters": "lstm", "multi": True},
        {"characters": "gru"},
        {"series": True},
        {"series": True, "encoder": "gru", "multi": True, "merge": "sum"},
        {"segment_size": 1},
        {"segment_size": 1000},
        {"max_tokens": 1},
    ],
    ids=str,
)
def test_every_option_gives_the_probabilities_of_torch(pooling, options):
    theirs, ours = build(pooling=pooling, **options)
    rows = TEXTS
    if options.get("series"):
        random = np.random.default_rng(0)
        rows = [random.normal(size=(len(text), NUM_NUMBERS)).astype(np.float32) for text in TEXTS]
    assert_same(theirs, ours, rows)


@pytest.fixture(scope="module", params=sorted(POOLINGS))
def pair(request):
    return build(pooling=request.param, segment_size=4, max_tokens=16)


@given(st.lists(st.lists(st.sampled_from(POOL), max_size=14), max_size=6))
def test_any_texts_give_the_probabilities_of_torch_whatever_their_neighbours(pair, texts):
    theirs, ours = pair
    assert_same(theirs, ours, texts)
    together_NL = ours.probabilities(texts)
    np.testing.assert_allclose(ours.probabilities(texts[::-1])[::-1], together_NL, atol=1e-6)
    for text, own_L in zip(texts, together_NL):
        np.testing.assert_allclose(ours.probabilities([text])[0], own_L, atol=1e-6)


def test_attention_whose_powers_overflow_is_that_of_torch():
    theirs, ours = build(pooling="attention", segment_size=4, sharpness=400)
    found, expected = ours.attention(TEXTS), theirs.attention(TEXTS)
    assert max(probabilities.max() for probabilities in expected[:-1]) > 0.99
    for mine, other in zip(found, expected, strict=True):
        # scores of this size have no more than five digits behind the point in float32
        np.testing.assert_allclose(mine, other, atol=1e-3)


def test_int8_stays_near_torch():
    theirs, ours = build(int8=True)
    away_NL = np.abs(ours.probabilities(TEXTS) - theirs.probabilities(TEXTS))
    assert 1e-7 < away_NL.max() < 0.02


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(1, 20))
def test_segments_cover_each_text_in_order_with_as_few_as_can_be(lengths, most):
    cut = segments(lengths, most)
    for text, length in enumerate(lengths):
        of_text = cut.text_R == text
        pieces = list(zip(cut.start_R[of_text].tolist(), cut.lengths_R[of_text].tolist(), strict=True))
        assert [i for start, size in pieces for i in range(start, start + size)] == list(range(length))
        assert len(pieces) == -(-length // most)
        assert all(1 <= size <= most for _, size in pieces)
        assert len({size for _, size in pieces[:-1]}) <= 1


def test_the_inputs_are_those_of_collate():
    """What the engine lays out by itself, the padding of series included, is what torch is given."""
    _, ours = build(series=True)
    rows = [np.full((n, NUM_NUMBERS), n, np.float32) for n in (3, 1)]
    given = ours._given(rows, np.array([3, 1]))
    np.testing.assert_array_equal(given["values_RSD"], collate_series(rows).values_BTD.numpy())
    _, ours = build()
    given, batch = ours._given(TEXTS[1:3], np.array([4, 5])), collate(VOCABULARY, TEXTS[1:3])
    words_BT = batch.features_UF[batch.slots_BT].numpy()
    np.testing.assert_array_equal(given["features_UF"][given["slots_RS"]], words_BT)
