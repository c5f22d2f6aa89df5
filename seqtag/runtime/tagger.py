"""The tagger of the runtime: the predicting half of `seqtag.Tagger`, on numpy and onnxruntime."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from seqtag.inference.tagging import text_spans
from seqtag.inference.user_input import texts, token_lists
from seqtag.runtime.tagging_engine import MAX_TOKENS, RuntimeEngine, open_network
from seqtag.runtime.word_table import WordTable
from seqtag.store import StoredExport
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.schemes import Span, entity_labels
from seqtag.text.tagset import TagSet
from seqtag.text.tokenizer import Tokenizer
from seqtag.text.vocabulary import Vocabulary

Tokens = Sequence[str]

# Sentences of a prediction that are sorted by length together; the rest waits, so memory stays flat.
_CHUNK = 2048


def open_tagger(folder: Path, stored: StoredExport, *, int8: bool, threads: int | None) -> "RuntimeTagger":
    """Open the tagger in a model folder; see `seqtag.runtime.load`."""
    tagset = TagSet.from_dict(stored.config["tagset"])
    path = folder / ("model.int8.onnx" if int8 else "model.onnx")
    context = CharacterLayout.from_store(stored.config, stored.vocabulary)
    session, head = open_network(
        path,
        tagset,
        weights_sha256=stored.weights_sha256,
        threads=threads,
        sha256=stored.sha256(path.name),
        has_context=context is not None,
    )
    tuning, params = stored.config.get("tuning"), stored.config["params"]
    engine = RuntimeEngine(
        session,
        head,
        WordTable(Vocabulary.from_dict(stored.vocabulary)),
        tagset,
        min(params["max_tokens"], MAX_TOKENS),
        None if tuning is None else {label: found["value"] for label, found in tuning["labels"].items()},
        context,
    )
    return RuntimeTagger(engine, language=params["language"])


class RuntimeTagger:
    """A trained tagger that predicts as `seqtag.Tagger` does: the same tags, spans and probabilities, without torch.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: RuntimeEngine, *, language: str) -> None:
        self.engine = engine
        self.language = language

    @property
    def thresholds_(self) -> dict[str, float] | None:
        """From which probability on spans of each label are predicted; None where the best tags are."""
        return None if self.engine.thresholds is None else dict(self.engine.thresholds)

    @property
    def tags_(self) -> list[str]:
        """The tags of the training data, in the order of `predict_proba`'s columns."""
        return list(self.engine.tagset.data_tags)

    @property
    def labels_(self) -> list[str]:
        """The labels of spans, or the tags themselves where they are plain."""
        return self.tags_ if self.scheme_ == "plain" else entity_labels(self.tags_)

    @property
    def scheme_(self) -> str:
        """The scheme of the training data, which is that of the predictions."""
        return self.engine.tagset.data_scheme

    def predict(self, X: Iterable[Tokens]) -> list[list[str]]:
        """Tag token lists: one tag a token, in the scheme of the training data; an empty sentence gives no tags."""
        return self.engine.tags(token_lists(X, "predict"))

    def predict_stream(self, X: Iterable[Tokens]) -> Iterator[list[str]]:
        """Tag token lists one after the other, in order, in memory that does not grow with their number."""
        source = iter(X)
        while chunk := list(islice(source, _CHUNK)):
            yield from self.engine.tags(token_lists(chunk, "predict_stream"))

    def predict_proba(self, X: Iterable[Tokens]) -> list[np.ndarray]:
        """Give the probability of each tag at each token: one array (tokens, tags) a sentence, columns as in `tags_`.

        With the CRF head these are true marginals, over all legal sequences.
        """
        return self.engine.marginals(token_lists(X, "predict_proba"))

    def predict_token_spans(self, X: Iterable[Tokens]) -> list[list[Span]]:
        """Find the spans of token lists: offsets in tokens, with the exact probability of each."""
        return self.engine.spans(token_lists(X, "predict_token_spans"))[1]

    def predict_spans(self, X: Iterable[str]) -> list[list[Span]]:
        """Find the spans of texts: offsets in characters of the text given, with the exact probability of each.

        A text is cut into sentences and tokens with spaCy's rules for the model's language; spaCy is imported here.
        """
        return list(self.spans_stream(texts(X, "predict_spans")))

    def spans_stream(self, X: Iterable[str]) -> Iterator[list[Span]]:
        """Find the spans of texts one after the other, in order, in memory that does not grow with their number."""
        tokenizer, source = Tokenizer(self.language), iter(X)
        while chunk := texts(islice(source, _CHUNK // 4), "predict_spans"):
            for text, sentences in zip(chunk, self.engine.texts(tokenizer, chunk)):
                yield text_spans(text, sentences)
