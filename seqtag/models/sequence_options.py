"""The options that taggers and classifiers have in common, beside those of every estimator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtag.models import options as check
from seqtag.models.context import context_problem
from seqtag.models.language.language_model import LanguageModel
from seqtag.models.options import option

ENGINE = check.one_of(*check.ENGINES)


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceOptions:
    """What the constructors of taggers and classifiers take besides."""

    bias: bool = option(True, check.truth, "The gates of the encoder have biases.", "encoder")
    bidirectional: bool = option(
        True, check.truth, "The encoder reads in both directions, not from left to right alone.", "encoder"
    )
    merge: str = option(
        "concat",
        check.one_of("concat", "sum"),
        "The states of the two directions are put side by side (concat) or added (sum).",
        "encoder",
    )
    proj_size: int = option(
        0, check.size(0), "An LSTM narrows its states to this many numbers; 0 leaves them as they are.", "encoder"
    )
    word_size: int = option(
        100, check.size(1), "Each word has a vector of this many numbers, unless it comes from `vectors`.", "tokens"
    )
    characters: str | None = option(
        "cnn",
        check.one_of("cnn", "lstm", "gru", None),
        "A network of this kind reads the characters of each word; None reads none.",
        "tokens",
    )
    character_size: int = option(
        50, check.size(2), "The network of characters describes a word by this many numbers.", "tokens"
    )
    shape_size: int = option(
        10, check.size(0), "The casing of a word is a vector of this many numbers; 0 leaves it out.", "tokens"
    )
    affix_size: int = option(
        20,
        check.size(0),
        "The first two and three characters of a word, and the last, are vectors of this many numbers each; 0 leaves "
        "them out.",
        "tokens",
    )
    lexical: bool = option(
        True,
        check.truth,
        "Linear scores stand beside the encoder, or alone with encoder=None: for a tag from the spelling of a word and "
        "its neighbours, for a class from the words, pairs and pieces of words of the text.",
        "tokens",
    )
    lexical_dropout: float | None = option(
        None,
        check.optional(check.fraction),
        "Training drops this share of what the linear scores are made of; None drops 0.5, and 0.3 for a Tagger without "
        "an encoder.",
        "tokens",
    )
    lexical_learning_rate: float = option(0.005, check.rate, "The linear scores are learned at this rate.", "training")
    word_dropout: float = option(
        0.25,
        check.rate,
        "With this number a, training reads a word that occurs n times as unknown with probability a / (a + n).",
        "tokens",
    )
    lowercase: bool = option(True, check.truth, "Words are looked up in lower case.", "tokens")
    merge_digits: bool = option(True, check.truth, "Words are looked up with each digit as 0.", "tokens")
    vectors: str | None = option(
        None,
        check.optional(check.text),
        "Pretrained word vectors come from this place: a file of GloVe, word2vec or fastText (.vec, .bin), a spaCy "
        "pipeline with vectors (a folder, or the name of an installed package), or a folder of static embeddings "
        "(Model2Vec, StaticEmbedding); None uses none.",
        "tokens",
    )
    vectors_keep: str = option(
        "all",
        check.one_of("all", "corpus"),
        "The model keeps all vectors, those of pieces of words too, or those of the words of the training data.",
        "tokens",
    )
    vectors_precision: str = option(
        "float32",
        check.one_of("float32", "int8"),
        "The model keeps the vectors of words that training has not in this format; int8 takes a quarter of the room.",
        "tokens",
    )
    freeze_vectors: bool = option(False, check.truth, "Training leaves all word vectors as they were.", "tokens")
    context: Sequence[str | Path | LanguageModel] | None = option(
        None,
        check.optional(check.Check("a list of folders, hub names or trained models of language", context_problem)),
        "These language models of characters, usually one forward and one backward, lend each token their states "
        "(Akbik et al. 2018, https://aclanthology.org/C18-1139/); they are kept inside the model.",
        "tokens",
    )
    context_size: int = option(
        64, check.size(1), "The states of the language models are narrowed to this many numbers per token.", "tokens"
    )
    context_dropout: float = option(
        0.2, check.fraction, "Training drops this share of the states of the language models.", "tokens"
    )
    context_learning_rate: float = option(
        0.0,
        check.rate,
        "The language models learn along at this rate (try 1e-4, which doubles the time); at 0 they stay as they are "
        "and read each sentence once.",
        "training",
    )
    class_weights: Mapping[Any, float] | str | None = option(
        None,
        check.optional(check.weights),
        "An error on these labels weighs this many times as much in training; labels left out weigh 1. With 'balanced' "
        "all labels count alike, however often they occur.",
        "training",
    )
    max_tokens: int = option(
        4096, check.whole(1), "A batch holds at most this many tokens, padding included, or one row.", "training"
    )
    engine: str = option(
        "auto",
        ENGINE,
        "This predicts: auto takes the folder's model.onnx if it was there at loading and the device is the CPU, else "
        "torch; onnx also makes the graph in memory; onnx-int8 needs an export.",
        "running",
    )
