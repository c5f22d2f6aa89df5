"""Write a tagging network as an ONNX graph, from its weights as arrays: ids in, emissions out. Knows no torch.

What follows from a word's spelling alone is computed once for each distinct word of a batch and then picked by token,
as in `seqtag.nn.embedder`; the head's chain (decoding, marginals) stays outside the graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from seqtag.onnx_export.context import add_context
from seqtag.onnx_export.nodes import Nodes
from seqtag.onnx_export.recurrent import Encoder, Weights, add_encoder, add_last_states
from seqtag.text.word_vectors import quantised

if TYPE_CHECKING:
    import onnx

# B sentences, T tokens, U distinct words, K long ones, F features, C characters, V ids, W columns of a kernel,
# E embedding, H hidden, L tags, D any width

_SPELLING, _HEAD = "embedder.characters.", "head."
_SHORT = 12  # characters that nearly all words get by with


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """What the weights of a network don't say; they do say layers, directions, biases, a projection and all sizes."""

    encoder: str | None  # gru, lstm, rnn_relu, rnn_tanh; None: the linear scores are all there is
    merge: str  # concat, sum
    characters: str | None = None  # cnn, lstm, gru
    feature_sizes: tuple[int, ...] = ()  # number of ids of each column of features; none for series of numbers
    columns: tuple[int, ...] = ()  # columns with vectors of their own beside the word, in the order of the embedding
    context: tuple[str, ...] = ()  # the encoder of each language model that lends its states: gru, lstm, ...
    unseen_size: int = 0  # numbers of the vectors that are given for words without an id; 0: none are
    num_matches: int = 0  # how many numbers say of a token what it is in phrases of lists


def build_graph(
    weights: Weights, spec: GraphSpec, *, int8: bool = False, metadata: Mapping[str, str] | None = None
) -> "onnx.ModelProto":
    """Write a network as an ONNX model, opset 18.

    `weights` has the names of a TagNetwork's `state_dict`. Inputs: `slots_BT` (int64), `lengths_B` (int32),
    `features_UF` and `characters_UC` (int64), as in `seqtag.nn.batch.Batch`, with at least one sentence and one token;
    a sentence among others may be empty; of a network with a context also `symbols_MBC` and `picks_MBT` (int64), of one
    with vectors of unseen words `unseen_UE` (float32), and of one with lists `matches_BTG` (float32), which is 1 for
    each list and part of its phrases that a token is.
    Output: `emissions_BTL` (float32) with the head's shift added, its temperature not applied, arbitrary at padding.
    `int8` (an LSTM without a projection) stores the encoder's matrices in 7 bits with a scale for each unit, those of
    language models too where they are LSTMs, and large tables in 8 bits with a scale for each row; the rest is float32.
    Raises UsageError where onnx is not installed.
    """
    nodes = Nodes()
    inputs = [nodes.value_info("lengths_B", np.int32, ["B"])]
    matches_TBG = ""
    if spec.num_matches:
        inputs.append(nodes.value_info("matches_BTG", np.float32, ["B", "T", spec.num_matches]))
        matches_TBG = nodes.add("Transpose", "matches_BTG", perm=[1, 0, 2])
    emissions_TBL = nodes.constant("output.bias", weights[f"{_HEAD}output.bias"] + weights[f"{_HEAD}shift_L"])
    if spec.encoder is None:
        slots_TB = _add_slots(nodes, spec, "BT", inputs)
    else:
        texts_B = nodes.counted("lengths_B") if spec.context else ""
        slots_TB, embedded_TBE = add_tokens(nodes, weights, spec, "BT", inputs, texts_B, int8=int8)
        if matches_TBG:
            projection = nodes.constant("gazetteers", weights["embedder.gazetteers.projection.weight"].T)
            embedded_TBE = nodes.add("Concat", embedded_TBE, nodes.add("MatMul", matches_TBG, projection), axis=-1)
        # Recurrent operators refuse an empty sentence; it is read as one token of padding, as torch's packing has it.
        lengths_B = nodes.add("Max", "lengths_B", nodes.whole(1, dtype=np.int32))
        encoder = Encoder(weights, "encoder.rnn.", spec.encoder, int8)
        hidden_TBH = add_encoder(nodes, encoder, embedded_TBE, lengths_B, merge=spec.merge)
        output = nodes.constant("output.weight", weights[f"{_HEAD}output.weight"].T)
        emissions_TBL = nodes.add("Add", nodes.add("MatMul", hidden_TBH, output), emissions_TBL)
    if f"{_HEAD}lexical.table.weight" in weights:
        emissions_TBL = nodes.add("Add", emissions_TBL, _lexical(nodes, weights, spec, slots_TB, int8=int8))
        if matches_TBG:
            emissions_TBL = nodes.add("Add", emissions_TBL, _lexical_matches(nodes, weights, matches_TBG))
    nodes.name(nodes.add("Transpose", emissions_TBL, perm=[1, 0, 2]), "emissions_BTL")

    num_tags = len(weights[f"{_HEAD}output.bias"])
    outputs = [nodes.value_info("emissions_BTL", np.float32, ["B", "T", num_tags])]
    return nodes.model(nodes.graph("tagger", inputs, outputs), metadata=metadata or {})


def add_tokens(
    nodes: Nodes,
    weights: Weights,
    spec: GraphSpec,
    axes: str,
    inputs: "list[onnx.ValueInfoProto]",
    texts: str,
    *,
    int8: bool,
) -> tuple[str, str]:
    """Add the vectors of the tokens of a batch; gives the places of their words and the vectors, both time first.

    `axes` are the letters of the rows and tokens of the batch. `inputs` is extended by what is read, and `texts` tells
    for each row the text that its language models read.
    """
    picks = f"picks_M{axes}"
    slots = _add_slots(nodes, spec, axes, inputs)
    if spec.unseen_size:
        inputs.append(nodes.value_info("unseen_UE", np.float32, ["U", spec.unseen_size]))
    word_UE = add_words(nodes, weights, spec, int8=int8)
    embedded = nodes.add("Gather", word_UE, slots)
    if spec.context:
        inputs += [
            nodes.value_info("symbols_MBC", np.int64, [len(spec.context), "texts", "symbols"]),
            nodes.value_info(picks, np.int64, [len(spec.context), *axes]),
        ]
        context = add_context(nodes, weights, spec.context, picks, texts, int8=int8)
        embedded = nodes.add("Concat", embedded, context, axis=-1)
    return slots, embedded


def _add_slots(nodes: Nodes, spec: GraphSpec, axes: str, inputs: "list[onnx.ValueInfoProto]") -> str:
    """Extend the inputs by words and the places of tokens among them; gives these places, time first."""
    slots = f"slots_{axes}"
    inputs += [
        nodes.value_info(slots, np.int64, list(axes)),
        nodes.value_info("features_UF", np.int64, ["U", len(spec.feature_sizes)]),
        nodes.value_info("characters_UC", np.int64, ["U", "C"]),
    ]
    return nodes.add("Transpose", slots, perm=[1, 0])


def add_words(nodes: Nodes, weights: Weights, spec: GraphSpec, *, int8: bool) -> str:
    """Add the vector of each distinct word, (U, E): word, features, characters."""

    def column(number: int) -> str:
        return nodes.add("Gather", "features_UF", nodes.whole(number, scalar=True), axis=1)

    ids_U = column(0)
    if spec.unseen_size:  # a word with such a vector takes the row of padding, which is 0
        highest_U = nodes.add("ReduceMax", nodes.add("Abs", "unseen_UE"), nodes.whole(1), keepdims=0)
        is_unseen_U = nodes.cast(highest_U, np.bool_)
        ids_U = nodes.add("Where", is_unseen_U, nodes.whole(0, scalar=True), ids_U)
    parts = [_rows(nodes, "word", weights["embedder.word.weight"], ids_U, int8=int8)]
    if spec.unseen_size:
        parts[0] = nodes.add("Add", parts[0], "unseen_UE")
    for number in spec.columns:
        table = nodes.constant(f"feature{number}", weights[f"embedder.features.{number}.weight"])
        parts.append(nodes.add("Gather", table, column(number)))
    if spec.characters == "cnn":
        parts.append(_convolution(nodes, weights))
    elif spec.characters is not None:
        parts.append(_spelled(nodes, weights, spec.characters))
    return nodes.add("Concat", *parts, axis=-1) if len(parts) > 1 else parts[0]


def _rows(nodes: Nodes, name: str, table_VD: np.ndarray, ids: str, *, int8: bool) -> str:
    """Pick rows of a table."""
    if not int8:
        return nodes.add("Gather", nodes.constant(name, table_VD), ids)
    integers_VD, scales_V1 = quantised(table_VD, 1)
    picked = nodes.cast(nodes.add("Gather", nodes.constant(name, integers_VD), ids), np.float32)
    return nodes.add("Mul", picked, nodes.add("Gather", nodes.constant(f"{name}.scale", scales_V1), ids))


def _convolution(nodes: Nodes, weights: Weights) -> str:
    """Add a convolution over the characters of a word and the maximum over the places that see one, (U, D).

    There are few characters, so the products of each with each column of the kernel stand in a table, and a convolution
    is a sum of looked-up rows. Few words are long, so their rest is not padding that all others have to carry.
    """
    kernel_DEW = weights[f"{_SPELLING}convolution.weight"]
    width = kernel_DEW.shape[-1]
    table_VE = weights[f"{_SPELLING}embedding.weight"].copy()
    table_VE[0] = 0.0  # padding adds nothing
    before = nodes.whole(len(table_VE), scalar=True)  # what stands before a word is a character of its own
    products_WVD = np.einsum("ve,dew->wvd", np.pad(table_VE, ((0, 1), (0, 0))), kernel_DEW)
    # A place counts where the first column of the kernel sees a character, or what stands before the word; a place
    # further behind exists beside longer words only, and never wins.
    products_WVD[0, 0] = -np.inf
    tables = [nodes.constant(f"convolution{column}", products_VD) for column, products_VD in enumerate(products_WVD)]

    def highest(characters_UC: str) -> str:
        led_UC = nodes.add("Pad", characters_UC, nodes.whole(0, width - 1, 0, 0), before)
        shifted = [
            nodes.add("Pad", led_UC, nodes.whole(0, -column, 0, column)) if column else led_UC
            for column in range(width)
        ]
        looked_up = [nodes.add("Gather", table, ids_UC) for table, ids_UC in zip(tables, shifted)]
        convolved_UCD = reduce(lambda left, right: nodes.add("Add", left, right), looked_up)
        return nodes.add("ReduceMax", convolved_UCD, nodes.whole(1), keepdims=0)

    first_UC = nodes.add("Slice", "characters_UC", nodes.whole(0), nodes.whole(_SHORT), nodes.whole(1))
    rest_UC = nodes.add("Slice", "characters_UC", nodes.whole(_SHORT), nodes.whole(_SHORT + 1), nodes.whole(1))
    is_long_U = nodes.add("ReduceSum", rest_UC, nodes.whole(1), keepdims=0)
    long_K1 = nodes.add("Transpose", nodes.add("NonZero", is_long_U), perm=[1, 0])
    long_KC = nodes.add("GatherND", "characters_UC", long_K1)
    highest_UD = nodes.add("ScatterND", highest(first_UC), long_K1, highest(long_KC))
    return nodes.add("Add", highest_UD, nodes.constant("convolution.bias", weights[f"{_SPELLING}convolution.bias"]))


def _spelled(nodes: Nodes, weights: Weights, cell: str) -> str:
    """Add the last states of both directions over the characters of a word, (U, D); a word without any has zeros."""
    table = nodes.constant("characters", weights[f"{_SPELLING}embedding.weight"])
    real_UC = nodes.cast(nodes.add("Greater", "characters_UC", nodes.whole(0)), np.int32)
    lengths_U = nodes.add("ReduceSum", real_UC, nodes.whole(1), keepdims=0)
    embedded_CUE = nodes.add("Gather", table, nodes.add("Transpose", "characters_UC", perm=[1, 0]))
    least_one_U = nodes.add("Max", lengths_U, nodes.whole(1, dtype=np.int32))
    encoder = Encoder(weights, f"{_SPELLING}encoder.rnn.", cell)
    last_UD = add_last_states(nodes, encoder, embedded_CUE, least_one_U)
    has_any_U = nodes.add("Min", lengths_U, nodes.whole(1, dtype=np.int32))
    return nodes.add("Mul", last_UD, nodes.cast(nodes.add("Unsqueeze", has_any_U, nodes.whole(1)), np.float32))


def _lexical(nodes: Nodes, weights: Weights, spec: GraphSpec, slots_TB: str, *, int8: bool) -> str:
    """Add the scores that the spelling of a word and of its neighbours gives the tags, (T, B, L)."""
    offsets_F = np.cumsum([0, *spec.feature_sizes[:-1]])
    table_VD = weights[f"{_HEAD}lexical.table.weight"].copy()
    table_VD[offsets_F] = table_VD[offsets_F + 1] = 0.0  # padding and unknown values score nothing
    ids_UF = nodes.add("Add", "features_UF", nodes.constant("lexical.offsets", offsets_F))
    is_used_V = table_VD.any(1)
    if 2 * is_used_V.sum() < len(table_VD):  # the rest are words that were read without labels, and score nothing
        place_V = np.where(is_used_V, is_used_V.cumsum(), 0)
        ids_UF = nodes.add("Gather", nodes.constant("lexical.places", place_V.astype(np.int32)), ids_UF)
        table_VD = np.concatenate([np.zeros_like(table_VD[:1]), table_VD[is_used_V]])
    scored_UFD = _rows(nodes, "lexical", table_VD, ids_UF, int8=int8)
    scored_UD = nodes.add("ReduceSum", scored_UFD, nodes.whole(1), keepdims=0)
    here_UL, before_UL, after_UL = nodes.add_several("Split", [scored_UD], 3, axis=1, num_outputs=3)
    # Row 0 of the words is padding and scores 0: what is shifted in at the borders, and what stands behind a sentence.
    previous_TB, next_TB = _neighbours(nodes, slots_TB, 2)
    scores = [
        nodes.add("Gather", table, slots)
        for table, slots in ((here_UL, slots_TB), (before_UL, previous_TB), (after_UL, next_TB))
    ]
    return nodes.add("Add", nodes.add("Add", scores[0], scores[1]), scores[2])


def _lexical_matches(nodes: Nodes, weights: Weights, matches_TBG: str) -> str:
    """Add the scores that the matches of a token and of its neighbours give the tags, (T, B, L)."""
    here_LG, before_LG, after_LG = np.split(weights[f"{_HEAD}lexical.gazetteers.weight"], 3)
    table = nodes.constant("lexical.gazetteers", np.concatenate([here_LG, before_LG, after_LG], 1).T)
    around_TBG = nodes.add("Concat", matches_TBG, *_neighbours(nodes, matches_TBG, 3), axis=-1)
    return nodes.add("MatMul", around_TBG, table)


def _neighbours(nodes: Nodes, values: str, num_axes: int) -> tuple[str, str]:
    """Give what stands at the token before each one, and at the one after it; 0 at the borders. Time comes first."""
    # Not one Pad that cuts as well: where that leaves no word of the text, onnxruntime 1.23 gives what is in memory.
    first, none = nodes.whole(0), [0] * (num_axes - 1)
    previous = nodes.add(
        "Slice", nodes.add("Pad", values, nodes.whole(1, *none, 0, *none)), first, nodes.whole(-1), first
    )
    later = nodes.add("Pad", values, nodes.whole(0, *none, 1, *none))
    return previous, nodes.add("Slice", later, nodes.whole(1), nodes.whole(2**31 - 1), first)
