"""The bodies of requests and answers, typed: what FastAPI checks, and writes into the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, model_validator

from seqtag.inference.held_batch import KnownSpan
from seqtag.serving.served_models import MOST_SYMBOLS, KnownRow, Row


def _whole_characters(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate); mend the escape") from None
    return text


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must have a character that can be seen, and none that can't be printed")
    return text


Text = Annotated[StrictStr, AfterValidator(_whole_characters)]
Label = Annotated[StrictStr, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Language = Annotated[StrictStr, Field(max_length=100)]
# A list is left at its first error: millions of them would fill the memory.
Texts = Annotated[list[Text], Field(fail_fast=True)]
Lists = Annotated[list[Texts], Field(fail_fast=True)]
Labels = Annotated[list[Label], Field(fail_fast=True)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Body(BaseModel):
    """A request; a key that is none of its own is an error, so that a slip of the pen is seen."""

    model_config = ConfigDict(extra="forbid")


class KnownBody(Body):
    """A span that is known before the prediction, in the characters of a text or in the tokens of a sentence."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: Label
    strength: Strength | None = None


KnownList = Annotated[list[KnownBody], Field(fail_fast=True)]


def _with_known(row: str | list[str], known: list[KnownBody], strength: float | None) -> Row:
    spans = [
        KnownSpan(span.start, span.end, span.label, strength if span.strength is None else span.strength)
        for span in known
    ]
    return KnownRow(row, spans) if spans else row


class PredictBody(Body):
    """Texts, which are cut by the rules of the model's language, or sentences as lists of tokens."""

    texts: Texts | None = Field(None, examples=[["Ada Lovelace lived in London."]])
    tokens: Lists | None = Field(None, examples=[[["Ada", "lived", "in", "London"]]])
    threshold: Probability | None = Field(
        None,
        description="Spans with a lower probability are left out; of a classifier with several labels per text, those "
        "with at least this probability are chosen.",
    )
    known: Annotated[list[KnownList], Field(fail_fast=True)] | None = Field(
        None,
        description="What is known before: a list of spans for each text or sentence. The answer has all of them, and "
        "is the most probable one beside them; its probabilities are those given them.",
        examples=[[[{"start": 0, "end": 12, "label": "PER"}]]],
    )
    strength: Strength | None = Field(
        None, description="Known spans are likely and not certain: this is added to the log odds of each."
    )
    words: bool = Field(False, description="Also give the weight of each word, for a classifier that attends to words.")

    @model_validator(mode="after")
    def _one_kind(self) -> "PredictBody":
        if (self.texts is None) == (self.tokens is None):
            raise ValueError("give texts or tokens, one of the two")
        rows = self.texts if self.texts is not None else self.tokens or ()
        if self.known is not None and len(self.known) != len(rows):
            raise ValueError("known must have a list of spans for each text or sentence, which may be empty")
        if self.strength is not None and self.known is None:
            raise ValueError("strength is that of known spans, and there are none")
        return self

    @property
    def rows(self) -> list[Row]:
        """What is to be answered."""
        rows: list[str | list[str]] = list(self.texts if self.texts is not None else self.tokens or ())
        known = self.known or [[] for _ in rows]
        return [_with_known(row, spans, self.strength) for row, spans in zip(rows, known)]


def _check_one_row(body: "StreamLine | ExplainBody") -> None:
    if (body.text is None) == (body.tokens is None):
        raise ValueError("give text or tokens, one of the two")
    if body.strength is not None and not body.known:
        raise ValueError("strength is that of known spans, and there are none")


class StreamLine(Body):
    """A line of a stream, one JSON object: a text, or the tokens of a sentence, with what is known of its spans."""

    text: Text | None = None
    tokens: Texts | None = None
    known: KnownList = []
    strength: Strength | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "StreamLine":
        _check_one_row(self)
        return self

    @property
    def row(self) -> Row:
        """What is to be answered."""
        return _with_known(self.text if self.text is not None else self.tokens or [], self.known, self.strength)


class SpanAnswer(BaseModel):
    """A span: its offsets in the characters of the text, or in the tokens where tokens were given; `end` exclusive."""

    start: int
    end: int
    label: str
    text: str | None = None
    score: float


class TaggedAnswer(BaseModel):
    """What a tagger answers for one text or sentence; `tags` only where tokens were given."""

    spans: list[SpanAnswer]
    tags: list[str] | None = None


class WordAnswer(BaseModel):
    """A word and its share in the decision."""

    start: int
    end: int
    text: str
    weight: float


class ClassAnswer(BaseModel):
    """What a classifier answers for one text: `label` with its `score`, or `labels` where a text may have several."""

    label: str | None = None
    score: float | None = None
    labels: list[str] | None = None
    probabilities: dict[str, float]
    words: list[WordAnswer] | None = None


class Answers(BaseModel):
    """The answers, in the order of the texts or sentences."""

    model: str
    answers: list[TaggedAnswer] | list[ClassAnswer]


class AskedSpan(Body):
    """A span that is to be explained, found or not: in the characters of the text, or in tokens; `end` exclusive."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: Text


class ExplainBody(Body):
    """A text, or a sentence as a list of tokens, and what of it is to be explained: by default all that was found."""

    text: Text | None = Field(None, examples=["Ada Lovelace lived in London."])
    tokens: Texts | None = None
    span: AskedSpan | None = Field(None, description="Of a tagger: explain this span alone.")
    label: Text | None = Field(None, description="Of a classifier: explain this class, chosen or not.")
    known: KnownList = Field([], description="Spans that are known before: all is said given these.")
    strength: Strength | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "ExplainBody":
        _check_one_row(self)
        return self

    @property
    def row(self) -> Row:
        """What is to be explained."""
        return _with_known(self.text if self.text is not None else self.tokens or [], self.known, self.strength)


class ExplainedSpan(BaseModel):
    """A span, or a class with the whole text as its place; `score` is its probability where that was computed."""

    start: int
    end: int
    label: str
    text: str | None = None
    score: float | None = None


class ExplainedToken(BaseModel):
    """A token of the sentence."""

    text: str
    start: int
    end: int


class ShareAnswer(BaseModel):
    """What one source adds to a part; of a feature `token` has the `value`."""

    name: str
    token: int | None
    value: str | None
    score: float


class PartAnswer(BaseModel):
    """A summand of the log odds: a score of the reading less that of the next best one."""

    kind: str
    token: int | None
    chosen: str
    instead: str
    score: float
    shares: list[ShareAnswer]


class OcclusionAnswer(BaseModel):
    """What becomes of it where a `word` is hidden, its `spelling`, or what `lists` have it."""

    token: int
    hidden: str
    log_odds: float | None
    change: float | None
    probability: float


class ExplanationAnswer(BaseModel):
    """Why a span or class was chosen; `summary` says it in sentences. What would be infinite is null."""

    span: ExplainedSpan
    probability: float
    log_odds: float | None
    reading: str
    instead: list[ExplainedSpan] | None
    summary: list[str]
    tokens: list[ExplainedToken]
    parts: list[PartAnswer]
    occlusions: list[OcclusionAnswer]
    weights: list[float]
    note: str
    known: str


class Explained(BaseModel):
    """The explanations, in the order of the spans or classes."""

    model: str
    explanations: list[ExplanationAnswer]


class NextBody(Body):
    """A text that a language model is to go on with."""

    text: Text = Field("", examples=["It was"])
    k: int = Field(10, ge=1, le=MOST_SYMBOLS, description="So many symbols, the most probable ones.")


class NextSymbol(BaseModel):
    """A character or word that may follow."""

    symbol: str
    probability: float


class NextAnswer(BaseModel):
    """What may follow the text, the most probable symbol first."""

    next: list[NextSymbol]


class ModelInfo(BaseModel):
    """A model that is served."""

    name: str
    task: Literal["tag", "classify", "lm"]
    kind: str
    language: str
    labels: list[str]
    several_labels: bool
    thresholds: dict[str, float] | None


class Refusal(BaseModel):
    """Why a request was not answered, and which field of it is at fault."""

    error: str
    field: str | None = None


class HuggingFaceParameters(BaseModel):
    """The parameters of Hugging Face's inference API that mean something here; others are passed over."""

    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = "simple"
    top_k: int | None = Field(default=None, ge=1)


class HuggingFaceBody(BaseModel):
    """A request in the shape of Hugging Face's inference API for token and text classification."""

    inputs: Text | Texts
    parameters: HuggingFaceParameters = HuggingFaceParameters()


class PresidioBody(BaseModel):
    """A request to Presidio's analyzer; keys that mean nothing here are passed over."""

    text: Text | Texts
    language: Language = "en"
    score_threshold: Probability | None = None
    entities: Texts | None = None


class LabelStudioBody(BaseModel):
    """What Label Studio sends to /setup and /predict of an ML backend; keys that mean nothing here are passed over."""

    model_config = ConfigDict(populate_by_name=True)

    tasks: Annotated[list[dict[str, Any]], Field(fail_fast=True)] = []
    label_config: StrictStr | None = None
    label_schema: StrictStr | None = Field(None, alias="schema")  # what /setup calls the same


class WebhookBody(BaseModel):
    """What Label Studio sends to a webhook."""

    action: StrictStr
    task: dict[str, Any] | None = None
    annotation: dict[str, Any] | None = None
    project: dict[str, Any] | None = None


class KeptSpan(Body):
    """A span that a person has confirmed, in the characters of the text."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: Label


class Kept(BaseModel):
    """How many texts are kept, and which spans of this one were moved to the borders of tokens."""

    kept: int
    moved: list[str]


class KeptText(Body):
    """A text with the spans, or the classes, that a person has confirmed."""

    text: Text = Field(min_length=1)
    spans: Annotated[list[KeptSpan], Field(fail_fast=True)] | None = None
    label: Label | None = None
    labels: Labels | None = None
    model: str | None = Field(
        None, max_length=100, description="Whose language cuts the text; else the first tagger's."
    )

    @model_validator(mode="after")
    def _spans_fit(self) -> "KeptText":
        if sum(value is not None for value in (self.spans, self.label, self.labels)) != 1:
            raise ValueError("give spans, label or labels, one of them")
        place = 0
        for span in sorted(self.spans or (), key=lambda span: (span.start, span.end)):
            if not place <= span.start < span.end <= len(self.text):
                raise ValueError("spans must lie in the text and may not overlap")
            if not self.text[span.start : span.end].strip():
                raise ValueError("a span must hold more than white space")
            place = span.end
        return self
