"""Say of a trained network what its exported graph needs to know beside the weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqtag.nn.network import Network
from seqtag.onnx_export.tagging import GraphSpec
from seqtag.runtime.tagging_engine import CONTEXT_FORMAT, EXPORT_FORMAT
from seqtag.text.vocabulary import Vocabulary


def graph_spec(network: Network[Any], vocabulary: Vocabulary | None, params: Mapping[str, Any]) -> GraphSpec:
    """Describe a network, trained with these parameters; without a vocabulary its rows are series of numbers."""
    embedder: Any = network.embedder
    context = None if vocabulary is None else embedder.context
    return GraphSpec(
        encoder=params["encoder"],
        merge=params["merge"],
        characters=params["characters"],
        feature_sizes=() if vocabulary is None else tuple(vocabulary.feature_sizes.values()),
        columns=() if vocabulary is None else tuple(embedder.columns),
        context=() if context is None else tuple(network.encoder.encoder for network in context.networks),
    )


def graph_format(spec: GraphSpec) -> int:
    """Give the format version of an export."""
    return CONTEXT_FORMAT if spec.context else EXPORT_FORMAT


def graph_weights(network: Network[Any]) -> dict[str, np.ndarray]:
    """Give the weights of a network as arrays, by the names in its `state_dict`."""
    return {name: values.detach().cpu().numpy() for name, values in network.state_dict().items()}
