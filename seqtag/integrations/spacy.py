"""The component "seqtag" of a spaCy pipeline: a trained model predicts on the tokens of each Doc.

spaCy finds the factory through an entry point. Models come from `load_predictor`; this file writes their predictions
into Docs, and their files to where a pipeline is saved. Nothing here trains.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from spacy import util
from spacy.attrs import ENT_IOB
from spacy.language import Language
from spacy.parts_of_speech import IDS
from spacy.pipeline import Pipe
from spacy.pipeline.spancat import spancat_score
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span, SpanGroup

from seqtag.errors import ModelError, UsageError, near_miss, one_line
from seqtag.hub import find_model, named
from seqtag.inference.classifying import PredictingClassifier
from seqtag.inference.known_spans import check_strength
from seqtag.inference.tagging import PredictingTagger
from seqtag.model_files import parse_json
from seqtag.models.predictor import load_predictor
from seqtag.store import model_identity, read_contents, read_files, unpacked, write_contents
from seqtag.text.tokenizer import TokenRun, cut_long

if TYPE_CHECKING:
    from seqtag.models.classifying.classifier import Classifier
    from seqtag.runtime.loading import RuntimeClassifier

Scores: TypeAlias = dict[str, Any]

_ATTRIBUTES = ("auto", "pos", "tag")
ENTITIES = "ents"  # what `known` calls doc.ents; anything else is a key of doc.spans
_UPOS = IDS.keys() - {""}
# The most words of a Doc without sentences that a tagger reads together; `predict_spans` cuts long sentences there too.
_MOST_WORDS = 200

# Set on import and not by the factory: Docs that come back from a file or another process need no pipeline to be read.
if not Span.has_extension("seqtag_score"):
    Span.set_extension("seqtag_score", default=None)
if not Doc.has_extension("seqtag_classes"):
    Doc.set_extension("seqtag_classes", default=None)


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of a component; `seqtag_component` says what each entry means."""

    model: str
    overwrite: bool
    spans_key: str | None
    attribute: str
    batch_size: int | None
    engine: str | None
    device: str
    threads: int | None
    known: str | None = None
    known_strength: float | None = None

    def __post_init__(self) -> None:
        if self.known_strength is not None:
            check_strength(self.known_strength)
            if self.known is None:
                raise UsageError('seqtag: known_strength is that of known spans; say where they are: known="ents"')
        if self.attribute not in _ATTRIBUTES:
            raise UsageError(f"seqtag: unknown attribute={self.attribute!r}; {near_miss(self.attribute, _ATTRIBUTES)}")
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"seqtag: batch_size={self.batch_size}; give at least 1, or leave it to nlp.pipe")


class Words(NamedTuple):
    """Tokens of a Doc that a model reads together; none of them is white space."""

    texts: list[str]
    places: Sequence[int]  # the number of each token in its Doc

    def places_of(self, spans: Iterable[Span]) -> list[tuple[int, int, str]]:
        """Give those of some spans of the Doc that are here, in these tokens."""
        found = ((*np.searchsorted(self.places, [span.start, span.end]).tolist(), span.label_) for span in spans)
        return [(start, end, label) for start, end, label in found if start < end]


class Annotator(Protocol):
    """Writes what the model of one task predicts into Docs."""

    labels: tuple[str, ...]

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Predict on all Docs in one call, and write the predictions into them."""

    def score(self, examples: Sequence[Any]) -> Scores:
        """Compare the predictions of spaCy's Examples with their references, by spaCy's own measures."""


class EntityAnnotator:
    """Writes the spans of a tagger into `doc.ents`, and into `doc.spans` under a key if one is given."""

    def __init__(self, tagger: PredictingTagger[Any], settings: Settings) -> None:
        self.tagger, self.overwrite, self.spans_key = tagger, settings.overwrite, settings.spans_key
        self.known, self.strength = settings.known, settings.known_strength
        self.labels = tuple(tagger.labels_)

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Find the spans of all Docs in one call, and write them with their probabilities."""
        known = [self._known(doc) for doc in docs]
        runs = [word_runs(doc, spans) for doc, spans in zip(docs, known)]
        rules: dict[str, Any] = {}
        if self.known is not None:
            of_runs = [words.places_of(spans) for of_doc, spans in zip(runs, known) for words in of_doc]
            rules = {"known": of_runs, "strength": self.strength}
        found = iter(self.tagger.predict_token_spans([words.texts for words in _joined(runs)], **rules))
        for doc, runs_of_doc in zip(docs, runs):
            scored = [
                (Span(doc, words.places[span.start], words.places[span.end - 1] + 1, label=span.label), span.score)
                for words, spans in zip(runs_of_doc, found)
                for span in spans
            ]
            if self.spans_key is not None:
                scores = np.array([score for _, score in scored], np.float32)  # where spaCy's spancat has them
                spans = [span for span, _ in scored]
                doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, attrs={"scores": scores}, spans=spans)
            earlier = self._write_entities(doc, [span for span, _ in scored])
            for span, score in scored:
                if (span.start, span.end) not in earlier:  # in spaCy two spans of the same tokens share what `_` holds
                    span._.seqtag_score = score

    def _known(self, doc: Doc) -> list[Span]:
        """Give the spans that are known of a Doc; those with labels that the model lacks tell it nothing."""
        if self.known is None:
            return []
        spans = doc.ents if self.known == ENTITIES else doc.spans.get(self.known, ())
        return [span for span in spans if span.label_ in self.labels]

    def _write_entities(self, doc: Doc, spans: Sequence[Span]) -> set[tuple[int, int]]:
        """Set `doc.ents`, and give the places of earlier entities that were kept."""
        taken = set() if self.overwrite else set(np.flatnonzero(doc.to_array(ENT_IOB) % 2).tolist())  # I is 1, B is 3
        earlier = list(doc.ents) if taken else []
        blocked = [doc[place : place + 1] for place in taken if not doc[place].ent_type]
        free = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
        doc.set_ents([*earlier, *free], blocked=blocked)
        return {(entity.start, entity.end) for entity in earlier}

    def score(self, examples: Sequence[Any]) -> Scores:
        """Give the scores of spaCy's `ner`, and those of its `spancat` if the spans have a key."""
        scores: Scores = get_ner_prf(examples)
        return scores if self.spans_key is None else scores | spancat_score(examples, spans_key=self.spans_key)


class TagAnnotator:
    """Writes the tags of a tagger without spans into `token.pos_` or `token.tag_`."""

    def __init__(self, tagger: PredictingTagger[Any], settings: Settings) -> None:
        self.tagger, self.overwrite = tagger, settings.overwrite
        self.labels = tuple(tagger.tags_)
        others = sorted(set(self.labels) - _UPOS)
        if settings.attribute == "pos" and others:
            raise UsageError(
                f"{settings.model}: attribute='pos' takes universal parts of speech, and this model has the tag "
                f"{others[0]!r}; leave attribute out, or give attribute='tag'"
            )
        self.attribute = settings.attribute if settings.attribute != "auto" else "tag" if others else "pos"

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Tag the words of all Docs in one call; white space gets the tag that spaCy's own taggers give it."""
        runs = [word_runs(doc) for doc in docs]
        found = iter(self.tagger.predict([words.texts for words in _joined(runs)]))
        for doc, runs_of_doc in zip(docs, runs):
            earlier_N = doc.to_array(self.attribute.upper())
            ids_N = np.full(len(doc), self._id(doc, "SPACE" if self.attribute == "pos" else "_SP"), np.uint64)
            for words, tags in zip(runs_of_doc, found):
                ids_N[words.places] = np.array([self._id(doc, tag) for tag in tags], np.uint64)
            is_kept_N = (earlier_N != 0) & (not self.overwrite)
            doc.from_array([self.attribute.upper()], np.where(is_kept_N, earlier_N, ids_N))

    def _id(self, doc: Doc, tag: str) -> int:
        number: int = IDS[tag] if self.attribute == "pos" else doc.vocab.strings.add(tag)
        return number

    def score(self, examples: Sequence[Any]) -> Scores:
        """Give the accuracy, under the name that spaCy gives it: `pos_acc` or `tag_acc`."""
        scores: Scores = Scorer.score_token_attr(examples, self.attribute)
        return scores


class ClassAnnotator:
    """Writes the probability of each class into `doc.cats`, and the chosen classes into `doc._.seqtag_classes`."""

    def __init__(self, classifier: "Classifier | RuntimeClassifier") -> None:
        self.classifier = classifier
        self.labels = classifier.class_set_.names

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Classify all Docs in one call, each by all of its words."""
        probability_NL = self.classifier.predict_proba([_words(doc).texts for doc in docs])
        for doc, row_L, chosen in zip(docs, probability_NL, self.classifier.choose(probability_NL)):
            doc.cats.update(zip(self.labels, map(float, row_L)))
            others = [
                label for label in doc._.seqtag_classes or () if label not in self.labels
            ]  # of another classifier
            doc._.seqtag_classes = [*others, *map(str, chosen if isinstance(chosen, list) else [chosen])]

    def score(self, examples: Sequence[Any]) -> Scores:
        """Give the scores of spaCy's `textcat`, or of `textcat_multilabel` if a text may have several classes.

        Of several, precision and recall are those of the chosen classes: each class has a threshold of its own.
        """
        is_multi = self.classifier.class_set_.is_multi
        scores: Scores = Scorer.score_cats(examples, "cats", labels=self.labels, multi_label=is_multi)
        if is_multi:
            chosen = Scorer.score_cats(examples, "cats", labels=self.labels, multi_label=True, getter=_decisions)
            scores |= {
                name: value for name, value in chosen.items() if name.endswith(("_p", "_r", "_f", "_f_per_type"))
            }
        return scores


class SeqtagComponent(Pipe):
    """A component whose model is read when it is first needed, so that a saved pipeline needs no other folder."""

    def __init__(self, name: str, settings: Settings, *, files: Mapping[str, bytes] | None = None) -> None:
        self.name, self.settings = name, settings
        self._files = files  # the model itself, by the names of its files, where it came as bytes
        self._folder = ""  # where the model was loaded from otherwise, and what it was then
        self._identity: dict[str, Any] = {}
        self._annotator: Annotator | None = None

    @property
    def annotator(self) -> Annotator:
        """What predicts; loads the model if that has not been done yet."""
        if self._annotator is None:
            annotator = self._read(self.settings.model) if self._files is None else self._unpack(self._files)
            self._annotator = annotator
        return self._annotator

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of entities, the tags, or the classes."""
        return self.annotator.labels

    @property
    def hide_labels(self) -> bool:
        """Whether the description of the pipeline leaves the labels out: they are not known before the model is."""
        return self._annotator is None

    def __call__(self, doc: Doc) -> Doc:
        """Predict on one Doc."""
        self.annotator.annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Predict on a stream of Docs, a batch of them in one call."""
        handle_error = self.get_error_handler()
        for docs in util.minibatch(stream, size=self.settings.batch_size or batch_size):
            try:
                self.annotator.annotate(docs)
            except Exception as error:  # what to do about it is for the pipeline's handler to say
                handle_error(self.name, self, docs, error)
            else:
                yield from docs

    def initialize(self, get_examples: Callable[[], Iterable[Any]], *, nlp: Language | None = None) -> None:
        """Load the model; it is trained already, and takes nothing from the examples."""
        _ = self.annotator

    def score(self, examples: Iterable[Any], **options: Any) -> Scores:
        """Score predictions as `nlp.evaluate` asks for it."""
        return self.annotator.score(list(examples))

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into a folder of the pipeline, which is a model folder as any other."""
        write_contents(path, self._contents())

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "SeqtagComponent":
        """Load the model that a pipeline was saved with; without one, the model of the configuration is kept."""
        if Path(path).exists():
            self._annotator, self._files = self._read(Path(path)), None
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Give the files of the model as bytes."""
        content: bytes = util.to_bytes({"model": self._contents}, exclude)
        return content

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "SeqtagComponent":
        """Load a model from what `to_bytes` gave; ModelError where that is damaged."""
        found: list[Any] = []
        try:
            util.from_bytes(data, {"model": found.append}, exclude)
        except ValueError as error:
            raise ModelError(
                f"{self.name}: the bytes are damaged ({one_line(error)}); save the pipeline again"
            ) from None
        for files in found:
            if not isinstance(files, dict) or not all(isinstance(content, bytes) for content in files.values()):
                raise ModelError(f"{self.name}: the bytes hold no files of a model; save the pipeline again")
            self._annotator, self._files = self._unpack(files), files
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.name, self.settings, self._contents(), getattr(self, "error_handler", None))

    def _read(self, model: str | Path) -> Annotator:
        folder = find_model(model)
        with named(model, folder):
            identity = model_identity(read_files(folder, ())[0])
            annotator = self._open(folder)
        # A relative path, or a name on the hub, may mean another model when this one is saved.
        self._folder, self._identity = os.path.abspath(folder), identity
        return annotator

    def _unpack(self, files: Mapping[str, bytes]) -> Annotator:
        with unpacked(files) as folder, named(f"the model of {self.name!r}", folder):
            return self._open(folder)

    def _open(self, folder: Path) -> Annotator:
        wanted = self.settings
        predictor = load_predictor(folder, device=wanted.device, engine=wanted.engine, threads=wanted.threads)
        if wanted.known is not None and (isinstance(predictor, PredictingClassifier) or predictor.scheme_ == "plain"):
            raise UsageError(f"{wanted.model}: known={wanted.known!r} is for entities, and this model finds none")
        if isinstance(predictor, PredictingClassifier):
            return ClassAnnotator(predictor)
        return (TagAnnotator if predictor.scheme_ == "plain" else EntityAnnotator)(predictor, wanted)

    def _contents(self) -> Mapping[str, bytes]:
        """Give the files of the model; ModelError where its folder has another one by now."""
        if self._files is not None:
            return self._files
        _ = self.annotator  # what can't be loaded is not saved
        files = read_contents(self._folder)
        if model_identity(parse_json(Path(self._folder, "config.json"), files["config.json"])) != self._identity:
            raise ModelError(f"{self._folder}: holds another model than when this pipeline loaded it; load it again")
        return files


def _unpickled(
    name: str, settings: Settings, files: Mapping[str, bytes], error_handler: Callable[..., Any] | None
) -> SeqtagComponent:
    component = SeqtagComponent(name, settings, files=files)
    if error_handler is not None:
        component.set_error_handler(error_handler)
    return component


@Language.factory(
    "seqtag",
    assigns=[
        *("doc.ents", "token.ent_iob", "token.ent_type", "doc.spans", "span._.seqtag_score"),
        *("token.pos", "token.tag", "doc.cats", "doc._.seqtag_classes"),
    ],
    default_config={
        "overwrite": False,
        "spans_key": None,
        "attribute": "auto",
        "batch_size": None,
        "engine": None,
        "device": "auto",
        "threads": None,
        "known": None,
        "known_strength": None,
    },
)
def seqtag_component(
    nlp: Language,
    name: str,
    model: str,
    overwrite: bool,
    spans_key: str | None,
    attribute: str,
    batch_size: int | None,
    engine: str | None,
    device: str,
    threads: int | None,
    known: str | None,
    known_strength: float | None,
) -> SeqtagComponent:
    """Make the component; called by `nlp.add_pipe("seqtag", config={"model": "models/ner"})`.

    `model` is a folder or the name of a repository on the hub. With `overwrite`, earlier entities and tags give way to
    those of the model; otherwise they are kept, and the model adds what they leave room for. `spans_key` puts the
    spans into `doc.spans` too. `attribute` says where tags go that spell no spans: "pos", "tag", or "auto", which takes
    "pos" if all of them are universal parts of speech. `batch_size` is how many Docs are predicted in one call, by
    default as many as `nlp.pipe` batches. `engine`, `device` and `threads` are those of `load_predictor`. `known` says
    which spans the model is told before it predicts: "ents", the earlier entities, or a key of `doc.spans`; with
    `known_strength`, which is added to their log odds, they are likely and not certain.
    """
    settings = Settings(
        model, overwrite, spans_key, attribute, batch_size, engine, device, threads, known, known_strength
    )
    return SeqtagComponent(name, settings)


def word_runs(doc: Doc, whole: Iterable[Span] = ()) -> list[Words]:
    """Cut a Doc into what a tagger reads together: its sentences, or all of it if no sentences are marked.

    A Doc without sentences of more than 200 words is cut after punctuation, or else after 200 words. What a span that
    stays `whole` reaches into is read together.
    """
    words = _words(doc)
    if doc.has_annotation("SENT_START"):
        starts: list[int] = np.searchsorted(words.places, [sentence.start for sentence in doc.sents]).tolist()
    else:
        parts = cut_long(TokenRun(doc.text, words.texts), _MOST_WORDS)
        starts = [0, *np.cumsum([len(part) for part in parts])[:-1].tolist()]
    for span in whole:
        first, end = np.searchsorted(words.places, [span.start, span.end])
        starts = [start for start in starts if not first < start < end]
    return [
        Words(words.texts[start:end], words.places[start:end])
        for start, end in zip(starts, [*starts[1:], len(words.texts)])
    ]


def _words(doc: Doc) -> Words:
    texts = [token.text for token in doc if not token.is_space]
    is_all = len(texts) == len(doc)  # as in most Docs
    return Words(texts, range(len(doc)) if is_all else [token.i for token in doc if not token.is_space])


def _joined(runs: Iterable[Iterable[Words]]) -> Iterator[Words]:
    return (words for runs_of_doc in runs for words in runs_of_doc)


def _decisions(doc: Doc, attribute: str) -> dict[str, float]:
    """Give the classes of a Doc as 0 and 1: those that were chosen, or those of a reference."""
    if doc._.seqtag_classes is None:
        reference: dict[str, float] = getattr(doc, attribute)
        return reference
    return {label: float(label in doc._.seqtag_classes) for label in doc.cats}
