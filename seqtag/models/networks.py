"""Build the network that an estimator's options and training data ask for, with its weights not yet learned."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from seqtag.nn.classification import MultiLabelHead, SingleLabelHead
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.embedder import Embedder
from seqtag.nn.heads import CRFHead, LexicalScores, LinearHead
from seqtag.nn.network import ClassNetwork, TagNetwork
from seqtag.nn.ngrams import NgramScores
from seqtag.nn.pooling import POOLINGS
from seqtag.nn.recurrent import RecurrentEncoder
from seqtag.nn.segments import SegmentedEncoder
from seqtag.nn.series import SeriesEmbedder
from seqtag.text.vocabulary import FEATURES, Vocabulary

if TYPE_CHECKING:
    from seqtag.models.classifying.classifier import Classifier
    from seqtag.models.sequence_estimator import SequenceEstimator
    from seqtag.models.tagging.tagger import Tagger

# Widths of the spelling features that go into the encoder, beside the word and its characters.
SHAPE_COLUMNS = ("shape",)
AFFIX_COLUMNS = ("prefix2", "prefix3", "suffix2", "suffix3")
# A text that is longer than a batch may be is a batch by itself. Up to so many times the size of a batch its states are
# kept for the gradient, as those of other texts are; of a longer one they are computed twice.
_ONE_TEXT = 8


def tag_network(tagger: "Tagger") -> TagNetwork:
    """Build the network of a tagger: embedder, encoder, and a head for the tags of its model."""
    tagset = tagger.tagset_
    num_tags = len(tagset.names)
    embedder = _embedder(tagger, tagger.vocabulary_)
    encoder = _encoder(tagger, embedder.output_size)
    sizes = list(tagger.vocabulary_.feature_sizes.values())
    lexical = LexicalScores(sizes, num_tags, dropout=tagger.lexical_dropout) if tagger.lexical else None
    weights_L = torch.ones(num_tags)
    for i, name in enumerate(tagset.names):
        label = name if tagset.scheme == "plain" or name == "O" else name.partition("-")[2]
        weights_L[i] = (tagger.class_weights or {}).get(label, 1.0)
    head: LinearHead | CRFHead
    if tagger.head == "crf":
        legal = tuple(map(torch.from_numpy, tagset.legal()))
        head = CRFHead(encoder.output_size, num_tags, lexical=lexical, class_weights_L=weights_L, legal=legal)  # type: ignore[arg-type]
    else:
        head = LinearHead(encoder.output_size, num_tags, lexical=lexical, class_weights_L=weights_L)
    return TagNetwork(embedder, encoder, head, dropout=tagger.dropout)


def class_network(classifier: "Classifier") -> ClassNetwork:
    """Build the network of a classifier: its two views of a text, or the encoder of a series, and the head."""
    num_classes = len(classifier.class_set_)
    embedder: nn.Module
    lexical = None
    if classifier.scale_ is not None:
        embedder = SeriesEmbedder(*classifier.scale_)
    else:
        embedder = _embedder(classifier, classifier.vocabulary_)
        if classifier.ngrams_ is not None:
            lexical = NgramScores(
                classifier.ngrams_,
                torch.tensor(classifier.vocabulary_.folded_characters()),
                num_words=classifier.vocabulary_.feature_sizes["word"],
                dropout=classifier.lexical_dropout,
            )
    encoder = SegmentedEncoder(
        _encoder(classifier, embedder.output_size),
        segment_size=classifier.segment_size,
        max_tokens=_ONE_TEXT * classifier.max_tokens,
    )
    pooling = POOLINGS[classifier.pooling](
        encoder.output_size,
        bidirectional=classifier.bidirectional and classifier.merge == "concat",
        segment_size=classifier.segment_size,
    )
    weights = {str(label): float(weight) for label, weight in (classifier.class_weights or {}).items()}
    weights_L = torch.tensor([weights.get(name, 1.0) for name in classifier.class_set_.names])
    make = MultiLabelHead if classifier.class_set_.is_multi else SingleLabelHead
    head = make(
        encoder.output_size,
        num_classes,
        pooling=pooling,
        lexical=lexical,
        class_weights_L=weights_L,
        label_smoothing=classifier.label_smoothing,
    )
    return ClassNetwork(embedder, encoder, head, dropout=classifier.dropout)


def _embedder(estimator: "SequenceEstimator", vocabulary: Vocabulary) -> Embedder:
    widths = dict.fromkeys(SHAPE_COLUMNS, estimator.shape_size) | dict.fromkeys(AFFIX_COLUMNS, estimator.affix_size)
    word_size = estimator.word_size if estimator.vectors_ is None else estimator.vectors_.shape[1]
    context = None
    if estimator.context_ is not None:
        context = ContextEmbedder(
            estimator.context_.networks(),
            size=estimator.context_size,
            dropout=estimator.context_dropout,
            tunes=estimator.context_learning_rate > 0,
        )
    return Embedder(
        list(vocabulary.feature_sizes.values()),
        word_size=word_size,
        feature_widths={FEATURES.index(name): width for name, width in widths.items() if width},
        characters=estimator.characters,
        num_characters=vocabulary.num_characters,
        character_size=estimator.character_size,
        word_counts=vocabulary.word_counts,
        word_dropout=estimator.word_dropout,
        dropout=estimator.embedding_dropout,
        pretrained_VE=estimator.vectors_,
        freeze=estimator.freeze_vectors,
        context=context,
    )


def _encoder(estimator: "SequenceEstimator", input_size: int) -> RecurrentEncoder:
    return RecurrentEncoder(
        input_size,
        encoder=estimator.encoder,
        hidden_size=estimator.hidden_size,
        num_layers=estimator.num_layers,
        bias=estimator.bias,
        dropout=estimator.dropout,
        bidirectional=estimator.bidirectional,
        merge=estimator.merge,
        proj_size=estimator.proj_size,
    )
