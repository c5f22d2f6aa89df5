"""The answers of a model in the shapes that clients expect: ours, Hugging Face's and Presidio's."""

from collections.abc import Sequence
from typing import Any

from seqtag.serving.served_models import Answer, Classified, Continued, ServedModel, Tagged
from seqtag.text.schemes import Span

Record = dict[str, Any]

_DIGITS = 6  # of a probability


def _score(span: Span) -> float:
    assert span.score is not None
    return round(span.score, _DIGITS)


def _likely(spans: Sequence[Span], threshold: float | None) -> list[Span]:
    return [span for span in spans if threshold is None or _score(span) >= threshold]


def native(model: ServedModel, answer: Answer, threshold: float | None = None) -> Record:
    """Give spans with offsets and probabilities, with tags where tokens were given; or the classes of a text."""
    if isinstance(answer, Classified):
        probabilities = {label: round(value, _DIGITS) for label, value in answer.probabilities.items()}
        if model.has_several:
            chosen = answer.chosen
            if threshold is not None:
                chosen = [label for label, value in probabilities.items() if value >= threshold]
            return {"labels": chosen, "probabilities": probabilities}
        return {"label": answer.chosen[0], "score": probabilities[answer.chosen[0]], "probabilities": probabilities}
    assert isinstance(answer, Tagged)  # what goes on with a text is written by `continued`
    spans = _likely(answer.spans, threshold)
    records = [{"start": span.start, "end": span.end, "label": span.label, "score": _score(span)} for span in spans]
    if isinstance(answer.row, str):
        return {"spans": [{**record, "text": span.text} for record, span in zip(records, spans)]}
    return {"spans": records, "tags": model.tags(answer, spans)}


def continued(answer: Answer, k: int) -> Record:
    """Give the `k` most probable symbols after a text."""
    assert isinstance(answer, Continued)
    return {"next": [{"symbol": symbol, "probability": round(p, _DIGITS)} for symbol, p in answer.symbols[:k]]}


def hugging_face(answer: Answer, *, strategy: str = "simple", top_k: int | None = None) -> list[Record]:
    """Give the answer in the shape of Hugging Face's inference API: entities, or classes by falling probability.

    Source: https://huggingface.co/docs/inference-providers/tasks/token-classification and .../text-classification.
    """
    if isinstance(answer, Classified):
        ordered = sorted(answer.probabilities.items(), key=lambda item: -item[1])
        return [{"label": label, "score": round(value, _DIGITS)} for label, value in ordered[:top_k]]
    assert isinstance(answer, Tagged)
    if strategy != "none":
        return [{**span.to_dict("hf"), "score": _score(span)} for span in answer.spans]
    return [
        {
            "entity": tags[i],
            "score": _score(span),
            "index": i + 1,
            "word": tokens[i].text,
            "start": tokens[i].start,
            "end": tokens[i].end,
        }
        for tokens, tags, spans in answer.sentences
        for span in spans
        for i in range(span.start, span.end)
    ]


def presidio(answer: Tagged, *, threshold: float | None, entities: Sequence[str] | None) -> list[Record]:
    """Give the answer in the shape of Presidio's /analyze.

    Source: https://microsoft.github.io/presidio/api-docs/api-docs.html
    """
    return [
        {**span.to_dict("presidio"), "score": _score(span), "analysis_explanation": None}
        for span in _likely(answer.spans, threshold)
        if entities is None or span.label in entities
    ]
