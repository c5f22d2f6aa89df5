"""A model folder with a network so small that it is written out twice: as ONNX, and as a torch network to compare with.

A token's emissions are a row for its word, rows for its characters, and some for its length of sentence: enough that
every input of the border matters.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from seqtag.models.tagging.inference import TorchTagEngine
from seqtag.nn.batch import Batch
from seqtag.nn.heads import CRFHead, LinearHead
from seqtag.store import StoredModel, write_model
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary

WORDS = ["Ada", "met", "Bo", "in", "Turin", ".", "東京", "x" * 40, ""]
VOCABULARY = Vocabulary.build(dict.fromkeys(WORDS[:-2], 2))
TAGS = {
    "plain": ["NOUN", "VERB", "X"],
    "IO": ["O", "I-A", "I-B"],
    "IOB1": ["O", "I-A", "B-A", "I-B", "B-C"],
    "IOB2": ["O", "B-A", "I-A", "B-B", "I-B", "B-C"],
    "BIOES": ["O", "B-A", "I-A", "E-A", "S-A", "S-B", "B-C", "E-C"],
}


class ToyNetwork(nn.Module):
    """The network in torch."""

    def __init__(self, head: CRFHead | LinearHead, num_tags: int, seed: int) -> None:
        super().__init__()
        random = np.random.default_rng(seed)
        self.head = head
        words_VL = random.normal(size=(VOCABULARY.feature_sizes["word"], num_tags)).astype(np.float32)
        characters_KL = random.normal(size=(VOCABULARY.num_characters, num_tags)).astype(np.float32)
        characters_KL[0] = 0.0
        self.words_VL, self.characters_KL = nn.Parameter(torch.tensor(words_VL)), torch.tensor(characters_KL)
        self.by_length_L = torch.tensor(random.normal(size=num_tags).astype(np.float32)) / 9

    def emissions(self, batch: Batch) -> Tensor:
        scored_UL = self.words_VL[batch.features_UF[:, 0]] + self.characters_KL[batch.characters_UC].sum(1)
        return scored_UL[batch.slots_BT] + batch.lengths_B[:, None, None] * self.by_length_L


def toy_graph(network: ToyNetwork, metadata: dict[str, Any]) -> onnx.ModelProto:
    """Give the same network as an export has it."""
    constants = {
        "words_VL": network.words_VL.detach().numpy(),
        "characters_KL": network.characters_KL.numpy(),
        "by_length_L": network.by_length_L.numpy(),
        "first": np.array(0),
        "characters": np.array([1]),
        "behind": np.array([1, 2]),
    }
    nodes = [
        helper.make_node("Gather", ["features_UF", "first"], ["word_U"], axis=1),
        helper.make_node("Gather", ["words_VL", "word_U"], ["by_word_UL"]),
        helper.make_node("Gather", ["characters_KL", "characters_UC"], ["each_UCL"]),
        helper.make_node("ReduceSum", ["each_UCL", "characters"], ["by_characters_UL"], keepdims=0),
        helper.make_node("Add", ["by_word_UL", "by_characters_UL"], ["scored_UL"]),
        helper.make_node("Gather", ["scored_UL", "slots_BT"], ["by_token_BTL"]),
        helper.make_node("Cast", ["lengths_B"], ["real_B"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["real_B", "behind"], ["real_B11"]),
        helper.make_node("Mul", ["real_B11", "by_length_L"], ["length_B1L"]),
        helper.make_node("Add", ["by_token_BTL", "length_B1L"], ["emissions_BTL"]),
    ]
    kinds = {"slots_BT": TensorProto.INT64, "lengths_B": TensorProto.INT32}
    inputs = [
        helper.make_tensor_value_info(name, kinds.get(name, TensorProto.INT64), list(sizes))
        for name, sizes in (("slots_BT", "BT"), ("lengths_B", "B"), ("features_UF", "UF"), ("characters_UC", "UC"))
    ]
    outputs = [helper.make_tensor_value_info("emissions_BTL", TensorProto.FLOAT, ["B", "T", "L"])]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"seqtag": json.dumps(metadata)})
    return model


def head_metadata(head: CRFHead | LinearHead, weights_sha256: str) -> dict[str, Any]:
    """Say of a head what an export says of it."""
    about: dict[str, Any] = {"format": 1, "temperature": float(head.temperature), "weights_sha256": weights_sha256}
    if isinstance(head, LinearHead):
        return about | {"head": "linear"}
    parts = zip(("start", "transitions", "end"), head.scores())
    return about | {"head": "crf"} | {name: part.clamp(min=-1e30).tolist() for name, part in parts}


def toy_engine(
    scheme: str, kind: str, *, seed: int = 0, temperature: float = 1.0, thresholds: dict[str, float] | None = None
) -> TorchTagEngine:
    """Give the torch side, with a head of random scores."""
    tagset = TagSet.build(TAGS[scheme], scheme)
    num_tags = len(tagset.names)
    legal = tuple(map(torch.from_numpy, tagset.legal))
    head = CRFHead(1, num_tags, legal=legal) if kind == "crf" else LinearHead(1, num_tags)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(generator=generator)
    head.temperature.fill_(temperature)
    network = ToyNetwork(head, num_tags, seed).eval().requires_grad_(False)
    return TorchTagEngine(network, VOCABULARY, tagset, 64, thresholds)  # type: ignore[arg-type]


def write_toy(folder: Path, predictor: TorchTagEngine, **metadata: Any) -> Path:
    """Write its model folder with its export; `metadata` stand in for what the export would say."""
    thresholds = predictor.thresholds
    reached = {"precision": None, "recall": None, "reached": True}
    labels = {name: {"value": value, **reached} for name, value in (thresholds or {}).items()}
    tuning = {"figure": "recall", "wanted": {}, "num_sentences": 1, "labels": labels}
    config = {
        "task": "tag",
        "params": {"max_tokens": predictor.max_tokens, "language": "en"},
        "seed_scores": [1.0],
        "data": {"fingerprint": "toy", "train": 1, "dev": 1, "dev_interval": [0.0, 1.0]},
        "tagset": predictor.tagset.to_dict(),
        "tuning": None if thresholds is None else tuning,
    }
    write_model(folder, StoredModel(config, VOCABULARY.to_dict(), {"a": torch.ones(2)}, [], "card"))
    weights_sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    network: Any = predictor.network
    stated = head_metadata(network.head, weights_sha256) | metadata
    onnx.save(toy_graph(network, stated), folder / "model.onnx")
    return folder
