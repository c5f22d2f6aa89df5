"""Let a tagger read text without labels before it learns from some: what `Tagger.pretrain` does.

The words get vectors by skip-gram; then the embedder and the encoder learn to predict the words beside each token. What
comes out is a tagger without labels, from which another one starts (`start_from`).
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from seqtag.batching import collate
from seqtag.corpora.plain_text import TextSource, read_text, source_name
from seqtag.corpora.vectors.skip_gram import learn_vectors
from seqtag.errors import DataError, UsageError
from seqtag.models import options as check
from seqtag.models.estimator import keeps_generators
from seqtag.models.fitting import Run, TrainedSeeds, train_seeds, training_options
from seqtag.models.sequence_estimator import SequenceEstimator
from seqtag.models.tagging.fitted import FittedTagger
from seqtag.models.tagging.inference import NbestTagEngine
from seqtag.nn.batch import Batch
from seqtag.nn.embedder import Embedder
from seqtag.nn.neighbours import NeighbourHead
from seqtag.nn.network import Network, TagNetwork
from seqtag.reporting.progress import watched
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import Vocabulary
from seqtag.training.device import pick_device
from seqtag.training.watchers import DevFigures, Watcher, Wording, default_watcher

logger = logging.getLogger("seqtag")

Self = TypeVar("Self", bound="PretrainedTagger")

_LONGEST = 100  # tokens of a sentence; a longer one is cut
_LEAST = 20  # sentences that something can be learned from
_MOST_DEV = 2_000  # sentences that choose the epoch
_WORDING = Wording("tokens", "7.4f", "loss {:.3f}".format, lambda score: f"{-score:.3f}")
# What a network drops while it reads plain text, of which there is much.
_DROPOUT, _EMBEDDING_DROPOUT = 0.2, 0.1
# What has to be as it is by default for each direction to see one side of a word alone.
_NEEDED = {"num_layers": 1, "bidirectional": True, "merge": "concat"}
_LEAST_COUNT = 2  # of a word in the text; a rarer one is unknown
_CARD = """\
# A start for taggers

This model has read {num_tokens:,} tokens of text and knows no labels: it predicts nothing by itself. A tagger starts
from it, with its words and weights:

```python
from seqtag import Tagger

tagger = Tagger(start_from="FOLDER").fit(X, y)
```

On the command line that is `seqtag train DATA --from FOLDER --out DIR`. Its mean loss on the words beside each token of
held-out text is {loss:.3f} (sampled softmax). It holds the words of its text: share it with whom you would share them.
"""
_LEFT_OUT = ("vectors", "context", "gazetteers", "start_from")


@dataclass(frozen=True, slots=True)
class PlainText:
    """Sentences of tokens, a part of which chooses the epoch."""

    train: pa.Array
    dev: pa.Array
    sha256: str

    @classmethod
    def read(cls, text: TextSource, *, language: str, dev_share: float) -> "PlainText":
        """Read and cut a text; the last sentences are for dev. DataError where there is too little of it."""
        sentences = pa.array(_sentences(text, language), pa.large_list(pa.large_string()))
        if len(sentences) < _LEAST:
            raise DataError(
                f"{source_name(text)}: {len(sentences)} sentences are too few to learn from; give {_LEAST} or more"
            )
        num_dev = min(_MOST_DEV, max(1, round(dev_share * len(sentences))))
        digest = hashlib.sha256(np.asarray(sentences.value_lengths()).tobytes())
        for piece in sentences.flatten().to_pylist():
            digest.update(piece.encode())
        return cls(sentences[:-num_dev], sentences[-num_dev:], digest.hexdigest())

    def counts(self) -> dict[str, int]:
        """Count the tokens to train on."""
        pairs = pc.value_counts(self.train.flatten())
        return dict(zip(pairs.field("values").to_pylist(), pairs.field("counts").to_pylist()))


def _sentences(text: TextSource, language: str) -> Iterator[list[str]]:
    lines = chain.from_iterable(piece.splitlines() for piece in read_text(text))
    for runs in Tokenizer(language, max_tokens=_LONGEST).stream(line for line in lines if line.strip()):
        yield from (run.words for run in runs if run.words)


class PlainRows:
    """Sentences without labels, as batches."""

    def __init__(self, sentences: pa.Array, vocabulary: Vocabulary) -> None:
        self.sentences, self.vocabulary = sentences, vocabulary
        self.lengths = np.asarray(sentences.value_lengths(), np.int64)

    def batch(self, indices: np.ndarray) -> Batch:
        """Collate the sentences of the given numbers."""
        return collate(self.vocabulary, self.sentences.take(pa.array(indices)))


class NormalisedSentences:
    """The sentences as a vocabulary looks words up; can be read again and again, and only one is in memory."""

    def __init__(self, sentences: pa.Array, vocabulary: Vocabulary) -> None:
        encoded = sentences.flatten().dictionary_encode()
        self.words = list(map(vocabulary.normalise, encoded.dictionary.to_pylist()))
        self.numbers_N = encoded.indices.to_numpy()
        self.ends_B = np.asarray(sentences.value_lengths(), np.int64).cumsum()

    def __len__(self) -> int:
        return len(self.ends_B)

    def __iter__(self) -> Iterator[list[str]]:
        start = 0
        for end in watched(self.ends_B.tolist(), "learning word vectors, one of several passes", total=len(self)):
            yield [self.words[number] for number in self.numbers_N[start:end]]
            start = end


def check_pretraining(params: dict[str, Any]) -> None:
    """Raise UsageError for options with which an encoder can't learn from plain text."""
    if params["seeds"] != 1:
        raise UsageError(
            f"seeds={params['seeds']!r}: text is read with one seed; leave it out, and give it to the tagger that "
            "starts from what comes out"
        )
    if params["encoder"] is None:
        raise UsageError("encoder=None: only an encoder learns from text without labels; name one, such as 'lstm'")
    for name, needed in _NEEDED.items():
        if params[name] != needed:
            raise UsageError(
                f"{name}={params[name]!r}: pretraining needs {name}={needed!r}, since each direction may know one side "
                "of a word alone; leave it out"
            )
    for name in _LEFT_OUT:
        if params[name] is not None:
            raise UsageError(
                f"{name}={params[name]!r}: is for `fit`, and text without labels is read without it; leave it out"
            )


def first_vectors(vocabulary: Vocabulary, sentences: pa.Array, *, size: int, min_freq: int, seed: int) -> torch.Tensor:
    """Learn the vectors of all words, (V, E); those of words without one are random, of the same spread."""
    learned = learn_vectors(NormalisedSentences(sentences, vocabulary), size=size, min_freq=min_freq, seed=seed)
    if not learned:
        raise DataError(f"no word of the text comes {min_freq} times or more; give more text")
    index = vocabulary.indices["word"]
    spread = float(np.std(list(learned.values())))
    vectors_VE = np.random.default_rng(seed).normal(0.0, spread, (len(index) + 2, size)).astype(np.float32)
    vectors_VE[0] = 0.0
    for word, number in index.items():
        if word in learned:
            vectors_VE[number] = learned[word]
    return torch.from_numpy(vectors_VE)


def learn_from_text(
    text: PlainText,
    vocabulary: Vocabulary,
    build: Callable[[], Network[NeighbourHead]],
    *,
    params: dict[str, Any],
    epochs: int,
    run: Run,
) -> TrainedSeeds[Network[NeighbourHead]]:
    """Train an embedder and an encoder on a text; dev sentences choose the epoch."""
    rows, held = (PlainRows(sentences, vocabulary) for sentences in (text.train, text.dev))

    @torch.no_grad()
    def evaluate(network: Network[NeighbourHead]) -> DevFigures:
        network.eval()
        device = next(network.parameters()).device
        order = np.argsort(held.lengths, kind="stable")
        parts = np.array_split(order, max(1, len(order) // 64))
        losses = [float(network(held.batch(part).to(device))) for part in parts]
        loss = float(np.average(losses, weights=[held.lengths[part].sum() for part in parts]))
        return DevFigures(-loss, loss)

    options = training_options({**params, "epochs": epochs}, epochs=epochs, batch_size=64)
    return train_seeds(
        build,
        rows,
        evaluate,
        options=options,
        seeds=1,
        fingerprint=f"{text.sha256}|{sorted(params.items(), key=str)}",
        run=run,
        params=params,
    )


class PretrainedTagger(FittedTagger, SequenceEstimator[TagNetwork, Vocabulary, NbestTagEngine]):
    """The part of a tagger that learns from text without labels."""

    @keeps_generators
    def pretrain(
        self: Self,
        text: TextSource,
        *,
        epochs: int = 3,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        watchers: Sequence[Watcher] | None = None,
    ) -> Self:
        """Learn words and an encoder from text without labels; save it, and `start_from` its folder.

        `text` is a path, a dataset with a column of strings, or a list of texts (see `read_text`); spaCy's rules for
        `language` cut it. First the words that occur twice or more get vectors by skip-gram (gensim). Then the states
        of the encoder learn to predict the next word, and the word before, in `epochs` passes. Held-out sentences, at
        most 2,000, choose the epoch. `checkpoint` and `resume` are as in `fit`. What comes out knows no labels and
        predicts nothing. Raises UsageError for options with which this can't be done, DataError for too little text.
        """
        self._check_options()
        if check.whole(1).problem(epochs):
            raise UsageError(f"epochs={epochs!r}: must be a whole number, at least 1")
        params = self.get_params(deep=False)
        check_pretraining(params)
        self._forget_network()
        read = PlainText.read(text, language=self.language, dev_share=self.dev_share)
        counts, min_freq = read.counts(), max(_LEAST_COUNT, self.min_freq)
        vocabulary = Vocabulary.build(
            counts, min_freq=min_freq, lowercase=self.lowercase, merge_digits=self.merge_digits
        )
        num_tokens = sum(counts.values())
        logger.info("%s tokens of text, %s words; their vectors come first", f"{num_tokens:,}", f"{len(counts):,}")
        vectors_VE = first_vectors(vocabulary, read.train, size=self.word_size, min_freq=min_freq, seed=self.seed)

        def build() -> Network[NeighbourHead]:
            self.vectors_ = vectors_VE
            embedder = self._new_embedder(vocabulary)
            self.vectors_ = None  # the network has them now
            assert isinstance(embedder, Embedder)
            embedder.dropout.probability = _EMBEDDING_DROPOUT
            encoder = self._new_encoder(embedder.output_size)
            head = NeighbourHead(encoder.output_size, vectors_VE, vocabulary.word_counts)
            return Network(embedder, encoder, head, dropout=_DROPOUT)

        run = Run(checkpoint, resume, [default_watcher(_WORDING)] if watchers is None else watchers, None)
        trained = learn_from_text(read, vocabulary, build, params=params, epochs=epochs, run=run)
        vocabulary.word_counts = [0] * len(vocabulary.word_counts)  # no word has been seen with a label
        self.vocabulary_, self.tagset_, self.label_weights_ = vocabulary, TagSet.build(["O"], "IOB2"), {}
        self.surfaces_ = self.tuning_ = self.gazetteers_ = self.start_ = None
        self.data_ = {"fingerprint": read.sha256, "train": len(read.train), "dev": len(read.dev)}
        self.data_ |= {"dev_interval": [0.0, 0.0], "pretrained": num_tokens}
        self.network_ = self._build_network().eval()
        learned = {n: v for n, v in trained.network.state_dict().items() if not n.startswith("head.")}
        self.network_.load_state_dict({**self.network_.state_dict(), **learned})
        self.network_.to(pick_device(self.device))
        self.history_, self.seed_scores_ = trained.history, trained.seed_scores
        self.interrupted_ = trained.interrupted
        self.engines_ = self._make_engines()
        return self

    def _engine(self) -> NbestTagEngine:
        self._check_knows_labels()
        return super()._engine()

    def _check_knows_labels(self) -> None:
        self._check_fitted()
        if "pretrained" in self.data_:
            raise UsageError(
                "this tagger has read text alone and knows no labels; save it, and train another one that starts from "
                "its folder: Tagger(start_from=FOLDER).fit(X, y)"
            )

    def _pretrained_card(self) -> str:
        loss = -max(record.dev_score for record in self.history_)
        return _CARD.format(num_tokens=self.data_["pretrained"], loss=loss)
