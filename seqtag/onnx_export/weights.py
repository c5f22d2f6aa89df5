"""Read off a trained network its weights as arrays, and what its exported graph needs to know beside them."""

import json
from typing import Any

import numpy as np
from torch import nn

from seqtag.nn.context import ContextEmbedder
from seqtag.nn.embedder import CharacterRNN, Embedder
from seqtag.nn.gazetteers import MatchEmbedder
from seqtag.nn.heads import LexicalScores
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.network import Network
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.segments import SegmentedEncoder
from seqtag.onnx_export.tagging import GraphSpec
from seqtag.runtime.onnx_session import CONTEXT_FORMAT, EXPORT_FORMAT, LISTS_FORMAT, METADATA_KEY, UNSEEN_FORMAT
from seqtag.text.vocabulary import Vocabulary


def graph_spec(network: Network[Any], vocabulary: Vocabulary | None) -> GraphSpec:
    """Describe a trained network; without a vocabulary its rows are series of numbers."""
    feature_sizes = () if vocabulary is None else tuple(vocabulary.feature_sizes.values())
    lexical = getattr(network.head, "lexical", None)
    scores = lexical.gazetteers if isinstance(lexical, LexicalScores) else None
    num_matches = 0 if scores is None else scores.weight.shape[1]
    if network.encoder is None:
        return GraphSpec(None, "concat", feature_sizes=feature_sizes, num_matches=num_matches)
    encoder = network.encoder.encoder if isinstance(network.encoder, SegmentedEncoder) else network.encoder
    assert isinstance(encoder, RecurrentEncoder)
    is_sum = encoder.rnn.bidirectional and encoder.output_size == (encoder.rnn.proj_size or encoder.rnn.hidden_size)
    kind, merge = encoder.encoder, "sum" if is_sum else "concat"
    if vocabulary is None:
        return GraphSpec(kind, merge)
    embedder = network.embedder
    assert isinstance(embedder, Embedder)
    models = embedder.context.networks if isinstance(embedder.context, ContextEmbedder) else ()
    lists = embedder.gazetteers
    return GraphSpec(
        kind,
        merge,
        characters=_characters(embedder.characters),
        feature_sizes=feature_sizes,
        columns=tuple(embedder.columns),
        context=tuple(model.encoder.encoder for model in models if isinstance(model, LanguageNetwork)),
        unseen_size=0 if vocabulary.unseen is None else vocabulary.unseen.size,
        num_matches=lists.projection.in_features if isinstance(lists, MatchEmbedder) else 0,
    )


def _characters(module: nn.Module | None) -> str | None:
    """Say what reads the characters of a word: cnn, lstm, gru or nothing."""
    if isinstance(module, CharacterRNN):
        return module.encoder.encoder
    return None if module is None else "cnn"


def export_metadata(
    spec: GraphSpec, weights_sha256: str, *, version: int = EXPORT_FORMAT, **head: Any
) -> dict[str, str]:
    """Give what stands beside the graph of an export: its format, what the head adds, and the hash of the weights."""
    newest = {UNSEEN_FORMAT: spec.unseen_size, LISTS_FORMAT: spec.num_matches, CONTEXT_FORMAT: spec.context}
    version = next((number for number, needed in newest.items() if needed), version)
    return {METADATA_KEY: json.dumps({"format": version, **head, "weights_sha256": weights_sha256})}


def graph_weights(network: Network[Any]) -> dict[str, np.ndarray]:
    """Give the weights of a network as arrays, by the names in its `state_dict`."""
    return {name: values.detach().cpu().numpy() for name, values in network.state_dict().items()}
