"""Sentences of the options, until they stand beside their defaults in the code; then this file goes."""

import inspect
from dataclasses import dataclass
from typing import Any

# The same name may mean something else in a language model; then its sentence stands under "LanguageModel.NAME".
_SENTENCES = {
    "encoder": "which of torch's recurrent modules reads the sequence",
    "hidden_size": "units of each direction of each layer",
    "num_layers": "recurrent layers, one on top of the other",
    "dropout": "share of the values that training drops around the encoder and between its layers",
    "embedding_dropout": "share of the values that training drops from the embeddings",
    "min_freq": "a word that comes less often counts as unknown",
    "language": "whose rules of spaCy cut raw text into tokens; `xx` fits most languages",
    "epochs": "passes over the training data; None: as many as suit its size",
    "batch_size": "sentences or texts per step; None: as many as suit the size of the corpus",
    "optimizer": "what turns gradients into steps",
    "learning_rate": "the rate after the warm-up",
    "weight_decay": "how fast weights shrink towards zero",
    "warmup": "share of the steps over which the rate rises",
    "schedule": "how the rate falls after the warm-up",
    "clip": "largest norm of the gradient; 0 leaves it as it is",
    "patience": "epochs without a better dev score after which training stops; 0 never stops early",
    "ema": "decay of a moving average of the weights; 0 keeps none",
    "dev_share": "share of the training data that is held out where no dev data are given",
    "seed": "the same seed gives the same model",
    "seeds": "how many models are trained; the best on dev is kept",
    "device": "where training and torch run: `auto`, `cpu`, `cuda`, `cuda:1`",
    "precision": "the numbers that training computes with",
    "bias": "whether the recurrent modules have biases",
    "bidirectional": "whether a second direction reads the sequence from its end",
    "merge": "how the two directions are joined",
    "proj_size": "width that an LSTM's states are projected to; 0: no projection",
    "word_size": "width of the embedding of words",
    "characters": "what reads the characters of a word",
    "character_size": "width of what the characters give",
    "shape_size": "width of the embedding of a word's shape, such as `Xxxx`; 0: none",
    "affix_size": "width of the embedding of beginnings and endings; 0: none",
    "lexical": "linear scores beside the encoder: for a tag from the spelling of a word and its neighbours, for a class "
    "from the words, pairs and pieces of words of the text",
    "lexical_dropout": "share of these features that training drops",
    "lexical_learning_rate": "the rate at which these scores learn",
    "word_dropout": "how often training takes a rare word for the unknown one",
    "lowercase": "whether words are looked up in lower case",
    "merge_digits": "whether all digits count as one",
    "vectors": "a file of pretrained word vectors",
    "vectors_keep": "whether all words of that file are kept, or those of the training data",
    "freeze_vectors": "whether pretrained vectors stay as they are",
    "context": "language models of characters, as folders or trained `LanguageModel`s, usually one forward and one "
    "backward, whose states each token gets ([Akbik et al. 2018](https://aclanthology.org/C18-1139/))",
    "context_size": "width that their states are narrowed to",
    "context_dropout": "share of their values that training drops",
    "context_learning_rate": "the rate at which they learn along; 0 leaves them as they are, 1e-4 is worth a try and "
    "doubles the time",
    "class_weights": "how much each label counts in the loss",
    "max_tokens": "most tokens of a batch, padding included",
    "engine": "what predicts; `auto` takes the folder's `model.onnx` where it was there at loading and the device is the "
    "CPU, else torch; int8 only when asked for, from an export",
    "head": "`crf`: legal sequences only, with exact marginals; `linear`: each tag by itself",
    "balance": "whether the score of `O` is shifted to where F1 on dev is best",
    "calibrate": "whether a temperature is fitted on dev, so that probabilities are as sure as they are right",
    "wanted_recall": "share of the spans in dev that the thresholds are to find, for all labels",
    "wanted_precision": "share of the spans found in dev that are to be right, for all labels",
    "pooling": "how the states of a text become one vector",
    "segment_size": "tokens that the encoder reads in a row; longer texts are read in segments side by side",
    "label_smoothing": "share of the target that all classes get",
    "level": "what the symbols are",
    "direction": "which way the text is read",
    "embedding_size": "width of the embedding of symbols",
    "weight_drop": "share of the recurrent weights that training drops",
    "tied": "whether the scores are made with the embedding's vectors",
    "softmax_samples": "words that a step of training scores beside its own, drawn by their frequency; None: all words",
    "bptt": "symbols of a window; the state goes on from window to window, the gradient does not",
    "LanguageModel.batch_size": "streams of text that are read side by side",
    "LanguageModel.language": "whose rules of spaCy cut text into words; None cuts at white space",
    "LanguageModel.min_freq": "a symbol that comes less often counts as unknown; None: 1 for characters, 2 for words",
    "LanguageModel.seeds": "how many models are trained; the best on dev is kept",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an estimator."""

    name: str
    default: Any
    allowed: str  # what values it takes
    doc: str


def option_table(estimator_class: type) -> list[Option]:
    """Give the options of an estimator, in the order of its constructor."""
    parameters = inspect.signature(estimator_class).parameters.values()
    return [
        Option(
            each.name,
            each.default,
            _allowed(estimator_class.CHECKS[each.name], each.default),
            _SENTENCES.get(f"{estimator_class.__name__}.{each.name}") or _SENTENCES[each.name],
        )
        for each in parameters
    ]


def _allowed(check: Any, default: Any) -> str:
    """Ask a check what it takes, by giving it something that nothing takes."""
    said = check(object()) or ""
    said = said.removeprefix("unknown; choose from ").split("; did you mean")[0].removeprefix("must be ")
    return f"{said}, or None" if default is None and "None" not in said else said
