"""The bodies of requests and answers, typed: what FastAPI checks, and writes into the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, model_validator

from seqtag.serving.served_models import MOST_SYMBOLS


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


class Body(BaseModel):
    """A request; a key that is none of its own is an error, so that a slip of the pen is seen."""

    model_config = ConfigDict(extra="forbid")


class PredictBody(Body):
    """Texts, which are cut by the rules of the model's language, or sentences as lists of tokens."""

    texts: Texts | None = Field(None, examples=[["Ada Lovelace lived in London."]])
    tokens: Lists | None = Field(None, examples=[[["Ada", "lived", "in", "London"]]])
    threshold: Probability | None = Field(
        None,
        description="Spans with a lower probability are left out; of a classifier with several labels per text, those "
        "with at least this probability are chosen.",
    )
    words: bool = Field(False, description="Also give the weight of each word, for a classifier that attends to words.")

    @model_validator(mode="after")
    def _one_kind(self) -> "PredictBody":
        if (self.texts is None) == (self.tokens is None):
            raise ValueError("give texts or tokens, one of the two")
        return self

    @property
    def rows(self) -> list[str | list[str]]:
        """What is to be answered."""
        return list(self.texts if self.texts is not None else self.tokens or ())


class StreamLine(Body):
    """A line of a stream, one JSON object: a text, or the tokens of a sentence."""

    text: Text | None = None
    tokens: Texts | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "StreamLine":
        if (self.text is None) == (self.tokens is None):
            raise ValueError("give text or tokens, one of the two")
        return self


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
