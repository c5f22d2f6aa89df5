"""The exported graph gives torch's emissions, for every kind of network, on ragged batches of random words."""

import itertools
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from batches import make_batch, random_words
from hypothesis import given
from hypothesis import strategies as st

from seqtag.nn.batch import Batch
from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.network import TagNetwork
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.onnx_export.tagging import GraphSpec, build_graph

FEATURE_SIZES = (30, 6, 9, 7)
COLUMNS = {2: 3, 1: 2}  # out of order: the embedding has its own
NUM_CHARACTERS, NUM_TAGS, NUM_WORDS = 12, 5, 25
SENTENCES = [[3, 1, 4, 1, 5, 9, 2, 6], [24], [7, 8], [0, 24, 11, 12, 13], [14]]


def make_network(encoder="lstm", characters="cnn", *, head="crf", lexical=True, seed=0, **options) -> TagNetwork:
    torch.manual_seed(seed)
    embedder = Embedder(
        FEATURE_SIZES,
        word_size=6,
        feature_widths=COLUMNS if lexical else {},
        characters=characters,
        num_characters=NUM_CHARACTERS,
        character_size=4,
    )
    recurrent = RecurrentEncoder(embedder.output_size, encoder=encoder, hidden_size=7, **options)
    scores = LexicalScores(FEATURE_SIZES, NUM_TAGS) if lexical else None
    make = CRFHead if head == "crf" else LinearHead
    network = TagNetwork(embedder, recurrent, make(recurrent.output_size, NUM_TAGS, lexical=scores)).eval()
    # Every weight at random, so that none is 0 by chance of how training begins: rows of padding and the shift too.
    with torch.no_grad():
        for values in network.parameters():
            values.normal_(std=0.3)  # a ReLU RNN with larger ones grows without bound
        network.head.shift_L.normal_()
    return network


def export(network: TagNetwork, characters: str | None, *, int8: bool = False) -> onnxruntime.InferenceSession:
    spec = GraphSpec(
        network.encoder.encoder,
        "sum" if network.encoder._sums else "concat",
        characters,
        FEATURE_SIZES,
        tuple(network.embedder.columns),
    )
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    return onnxruntime.InferenceSession(build_graph(weights, spec, int8=int8).SerializeToString())


def run(session: onnxruntime.InferenceSession, batch: Batch) -> np.ndarray:
    given = {
        "slots_BT": batch.slots_BT.numpy(),
        "lengths_B": batch.lengths_B.numpy().astype(np.int32),
        "features_UF": batch.features_UF.numpy(),
        "characters_UC": batch.characters_UC.numpy(),
    }
    wanted = {value.name for value in session.get_inputs()}
    assert wanted == set(given)
    (emissions_BTL,) = session.run(["emissions_BTL"], given)
    return emissions_BTL


def random_batch(seed: int = 0, sentences=SENTENCES, *, longest: int = 7) -> Batch:
    features_UF, characters = random_words(
        NUM_WORDS, feature_sizes=FEATURE_SIZES, num_characters=NUM_CHARACTERS, longest=longest, seed=seed
    )
    return make_batch(sentences, features_UF, characters)


def furthest(emissions_BTL: np.ndarray, network: TagNetwork, batch: Batch) -> float:
    expected_BTL = network.emissions(batch).numpy()
    assert emissions_BTL.shape == expected_BTL.shape
    real_BT = np.arange(expected_BTL.shape[1]) < batch.lengths_B.numpy()[:, None]
    return float(np.abs(emissions_BTL - expected_BTL)[real_BT].max())


def assert_equal_emissions(network: TagNetwork, characters: str | None, *batches: Batch) -> None:
    session = export(network, characters)
    for batch in batches:
        assert furthest(run(session, batch), network, batch) < 1e-5


ENCODERS = list(
    itertools.product(
        ("lstm", "gru", "rnn_tanh", "rnn_relu"), (1, 2), ((True, "concat"), (True, "sum"), (False, "sum")), (0, 3)
    )
)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize(
    ("encoder", "num_layers", "directions", "proj_size"),
    [case for case in ENCODERS if case[0] == "lstm" or not case[3]],
    ids=str,
)
def test_every_encoder_gives_the_emissions_of_torch(encoder, num_layers, directions, proj_size, bias):
    bidirectional, merge = directions
    network = make_network(
        encoder,
        None,
        num_layers=num_layers,
        bidirectional=bidirectional,
        merge=merge,
        proj_size=proj_size,
        bias=bias,
    )
    assert_equal_emissions(network, None, random_batch(1), random_batch(2, SENTENCES[:1]))


@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("lexical", [True, False])
@pytest.mark.parametrize("characters", ["cnn", "lstm", "gru", None])
def test_every_embedder_and_head_gives_the_emissions_of_torch(characters, lexical, head):
    network = make_network("gru", characters, head=head, lexical=lexical)
    assert_equal_emissions(network, characters, random_batch(3), random_batch(4, [[24]]), random_batch(5, [[1, 2]]))


def test_scores_that_no_label_has_taught_take_no_room():
    network = make_network("gru", None)
    batches = [random_batch(6), random_batch(7, [[24]])]
    with torch.no_grad():
        table_VD = network.head.lexical.table.weight
        table_VD[torch.rand(len(table_VD)) < 0.7] = 0.0
        num_used = int(table_VD.any(1).sum())
    assert_equal_emissions(network, None, *batches)
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    spec = GraphSpec("gru", "concat", None, FEATURE_SIZES, tuple(network.embedder.columns))
    tables = {table.name: table.dims for table in build_graph(weights, spec, int8=False).graph.initializer}
    assert tables["lexical"][0] <= num_used + 1
    with torch.no_grad():
        table_VD.zero_()
    assert_equal_emissions(network, None, *batches)


@pytest.mark.parametrize("characters", ["cnn", "lstm"])
@pytest.mark.parametrize("longest", [1, 11, 12, 13, 40])
def test_words_of_every_length_give_the_emissions_of_torch(longest, characters):
    network = make_network("gru", characters)
    alone = [random_batch(longest, [[word]], longest=longest) for word in range(NUM_WORDS)]
    assert_equal_emissions(network, characters, random_batch(longest, longest=longest), *alone)


def test_every_option_meets_every_other_one():
    # pairs of what the two tests above vary apart
    for number, (encoder, characters) in enumerate(
        itertools.product(("lstm", "gru", "rnn_tanh", "rnn_relu"), ("cnn", "lstm", "gru", None))
    ):
        options = {"num_layers": 1 + number % 2, "merge": ("concat", "sum")[number // 2 % 2], "bias": number % 3 > 0}
        network = make_network(encoder, characters, lexical=number % 5 > 0, **options)
        assert_equal_emissions(network, characters, random_batch(number))


@pytest.fixture(scope="module")
def default() -> tuple[TagNetwork, onnxruntime.InferenceSession]:
    network = make_network(num_layers=2)
    return network, export(network, "cnn")


WORDS = st.integers(0, NUM_WORDS - 1)


@given(st.lists(st.lists(WORDS, max_size=12), min_size=1, max_size=6).filter(any), st.integers(0, 5))
def test_any_sentences_give_the_emissions_of_torch(default, sentences, seed):
    network, session = default
    batch = random_batch(seed, sentences, longest=20)
    assert furthest(run(session, batch), network, batch) < 1e-5


@pytest.mark.parametrize(("encoder", "proj_size"), [("lstm", 0), ("lstm", 3), ("gru", 0), ("rnn_tanh", 0)])
def test_an_empty_sentence_leaves_its_neighbours_as_they_are(encoder, proj_size):
    network = make_network(encoder, "lstm", proj_size=proj_size)
    batch = random_batch(6, [[], [1, 2, 3], []])
    assert_equal_emissions(network, "lstm", batch)
    alone = random_batch(6, [[1, 2, 3]])
    session = export(network, "lstm")
    np.testing.assert_allclose(run(session, batch)[1], run(session, alone)[0], atol=1e-6)


def test_a_batch_of_nothing_but_empty_sentences_runs():
    batch = replace(
        random_batch(7, [[1], [1]]), slots_BT=torch.zeros(2, 1, dtype=torch.int64), lengths_B=torch.zeros(2)
    )
    assert np.isfinite(run(export(make_network(), "cnn"), batch)).all()


@pytest.mark.parametrize(
    ("num_layers", "bidirectional", "merge"), [(1, True, "concat"), (2, True, "sum"), (2, False, "concat")]
)
def test_int8_stays_near_torch_and_stores_integers(num_layers, bidirectional, merge):
    network = make_network("lstm", "cnn", num_layers=num_layers, bidirectional=bidirectional, merge=merge)
    batch = random_batch(8)
    distance = furthest(run(export(network, "cnn", int8=True), batch), network, batch)
    spread = network.emissions(batch).std().item()
    assert 1e-6 < distance < 0.1 * spread
