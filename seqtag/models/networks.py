"""Build the network that an estimator's options and training data ask for, with its weights not yet learned."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqtag.models.trained import ClassifierOptions, EncoderOptions, LanguageOptions, TaggerOptions
from seqtag.nn.classification import MultiLabelHead, SingleLabelHead
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.network import ClassNetwork, TagNetwork
from seqtag.nn.ngrams import Ngrams, NgramScores
from seqtag.nn.pooling import POOLINGS
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.segments import SegmentedEncoder
from seqtag.nn.series import SeriesEmbedder
from seqtag.text.classes import ClassSet
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import FEATURES, Vocabulary

# The spelling features that go into the encoder with vectors of their own, beside the word and its characters.
SHAPE_COLUMNS = ("shape",)
AFFIX_COLUMNS = ("prefix2", "prefix3", "suffix2", "suffix3")
# A text that is longer than a batch may be is a batch by itself. Up to so many times the size of a batch its states are
# kept for the gradient, as those of other texts are; those of a longer text are computed twice.
_ONE_TEXT = 8


@dataclass(frozen=True, slots=True)
class WordInputs:
    """What a network of words is made for: the indices of the words, and what is known of them before training."""

    vocabulary: Vocabulary
    vectors_VE: Tensor | None  # pretrained
    context: Sequence[LanguageNetwork] | None  # language models that lend their states


def tag_network(options: TaggerOptions, inputs: WordInputs, tagset: TagSet) -> TagNetwork:
    """Build the network of a tagger: embedder, encoder, and a head for the tags of its model."""
    num_tags = len(tagset.names)
    embedder = _embedder(options, inputs)
    encoder = _encoder(options, embedder.output_size)
    sizes = list(inputs.vocabulary.feature_sizes.values())
    lexical = LexicalScores(sizes, num_tags, dropout=options.lexical_dropout) if options.lexical else None
    weights_L = torch.ones(num_tags)
    for i, name in enumerate(tagset.names):
        label = name if tagset.scheme == "plain" or name == "O" else name.partition("-")[2]
        weights_L[i] = (options.class_weights or {}).get(label, 1.0)
    head: LinearHead | CRFHead
    if options.head == "crf":
        legal = tuple(map(torch.from_numpy, tagset.legal))
        head = CRFHead(encoder.output_size, num_tags, lexical=lexical, class_weights_L=weights_L, legal=legal)  # type: ignore[arg-type]
    else:
        head = LinearHead(encoder.output_size, num_tags, lexical=lexical, class_weights_L=weights_L)
    return TagNetwork(embedder, encoder, head, dropout=options.dropout)


def class_network(
    options: ClassifierOptions, inputs: WordInputs | tuple[Tensor, ...], classes: ClassSet, ngrams: Ngrams | None = None
) -> ClassNetwork:
    """Build the network of a classifier: its two views of a text, or the encoder of a series, and the head.

    Of series of numbers `inputs` are the mean and the deviation of each feature.
    """
    embedder: nn.Module
    lexical = None
    if isinstance(inputs, WordInputs):
        embedder = _embedder(options, inputs)
        if ngrams is not None:
            lexical = NgramScores(
                ngrams,
                torch.tensor(inputs.vocabulary.folded_characters()),
                num_words=inputs.vocabulary.feature_sizes["word"],
                dropout=options.lexical_dropout,
            )
    else:
        embedder = SeriesEmbedder(*inputs)
    encoder = SegmentedEncoder(
        _encoder(options, embedder.output_size),
        segment_size=options.segment_size,
        max_tokens=_ONE_TEXT * options.max_tokens,
    )
    pooling = POOLINGS[options.pooling](
        encoder.output_size,
        bidirectional=options.bidirectional and options.merge == "concat",
        segment_size=options.segment_size,
    )
    weights = {str(label): float(weight) for label, weight in (options.class_weights or {}).items()}
    weights_L = torch.tensor([weights.get(name, 1.0) for name in classes.names])
    make = MultiLabelHead if classes.is_multi else SingleLabelHead
    head = make(
        encoder.output_size,
        len(classes),
        pooling=pooling,
        lexical=lexical,
        class_weights_L=weights_L,
        label_smoothing=options.label_smoothing,
    )
    return ClassNetwork(embedder, encoder, head, dropout=options.dropout)


def language_network(options: LanguageOptions, num_symbols: int) -> LanguageNetwork:
    """Build the network of a language model."""
    return LanguageNetwork(
        num_symbols,
        encoder=options.encoder,
        embedding_size=options.embedding_size,
        hidden_size=options.hidden_size,
        num_layers=options.num_layers,
        dropout=options.dropout,
        embedding_dropout=options.embedding_dropout,
        weight_drop=options.weight_drop,
        tied=options.tied,
        softmax_samples=options.softmax_samples,
    )


def _embedder(options: EncoderOptions, inputs: WordInputs) -> Embedder:
    widths = dict.fromkeys(SHAPE_COLUMNS, options.shape_size) | dict.fromkeys(AFFIX_COLUMNS, options.affix_size)
    word_size = options.word_size if inputs.vectors_VE is None else inputs.vectors_VE.shape[1]
    context = None
    if inputs.context is not None:
        context = ContextEmbedder(
            inputs.context,
            size=options.context_size,
            dropout=options.context_dropout,
            tunes=options.context_learning_rate > 0,
        )
    return Embedder(
        list(inputs.vocabulary.feature_sizes.values()),
        word_size=word_size,
        feature_widths={FEATURES.index(name): width for name, width in widths.items() if width},
        characters=options.characters,
        num_characters=inputs.vocabulary.num_characters,
        character_size=options.character_size,
        word_counts=inputs.vocabulary.word_counts,
        word_dropout=options.word_dropout,
        dropout=options.embedding_dropout,
        pretrained_VE=inputs.vectors_VE,
        freeze=options.freeze_vectors,
        context=context,
    )


def _encoder(options: EncoderOptions, input_size: int) -> RecurrentEncoder:
    return RecurrentEncoder(
        input_size,
        encoder=options.encoder,
        hidden_size=options.hidden_size,
        num_layers=options.num_layers,
        bias=options.bias,
        dropout=options.dropout,
        bidirectional=options.bidirectional,
        merge=options.merge,
        proj_size=options.proj_size,
    )
