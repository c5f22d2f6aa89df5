"""Which parameters are trained unlike the others: of whole networks, against a list written by hand."""

import torch
from torch import nn
from trainers import make_network, tiny_rows

from seqtag.nn.classification import SingleLabelHead
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.ngrams import Ngrams, NgramScores
from seqtag.nn.pooling import MeanPooling
from seqtag.training.optimizers import parameter_groups


def groups_by_name(network):
    groups = parameter_groups(network)
    assert list(groups) == list(network.parameters())
    return {name: groups[parameter] for name, parameter in network.named_parameters()}


def test_of_a_tagger_the_table_of_spelling_is_lexical_and_vectors_and_transitions_do_not_decay():
    groups = groups_by_name(make_network(tiny_rows()))
    assert {name for name, group in groups.items() if group == "lexical"} == {"head.lexical.table.weight"}
    undecayed = {name for name, group in groups.items() if group == "undecayed"}
    scores = {"head.start_L", "head.transitions_LL", "head.end_L", "head.output.bias"}
    assert undecayed == scores | {name for name in groups if "bias" in name}
    assert groups["embedder.word.weight"] == groups["head.output.weight"] == "decayed"
    assert "context" not in groups.values()


def test_of_a_classifier_the_table_of_ngrams_is_lexical_and_its_bias_is_not():
    ngrams = Ngrams(torch.arange(3), torch.ones(3), torch.zeros(3, 2), torch.zeros(2))
    lexical = NgramScores(ngrams, torch.arange(4), num_words=5)
    groups = groups_by_name(SingleLabelHead(6, 2, pooling=MeanPooling(), lexical=lexical))
    assert groups == {
        "output.weight": "decayed",
        "output.bias": "undecayed",
        "lexical.bias_L": "undecayed",
        "lexical.table.weight": "lexical",
    }


def test_the_language_models_of_a_context_are_a_group_of_their_own():
    models = [LanguageNetwork(9, embedding_size=4, hidden_size=6) for _ in range(2)]
    groups = groups_by_name(nn.ModuleDict({"context": ContextEmbedder(models, size=3)}))
    inside = {name for name in groups if ".networks." in name}
    assert {name for name, group in groups.items() if group == "context"} == inside != set()
    assert {name: group for name, group in groups.items() if name not in inside} == {
        "context.linear.weight": "decayed",
        "context.linear.bias": "undecayed",
    }
