"""Write tasks of Label Studio, with predictions for people to correct or with annotations, and a labelling interface.

The form is that of https://labelstud.io/guide/predictions . Offsets count characters: since release 1.4 the browser
side of Label Studio turns its own offsets into code points (`charsToCodePoints` in its selection-tools.js).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqtag.corpora.formats.writers.documents import About, Document, FormatWriter, rounded, set_aside
from seqtag.text.schemes import Span


class LabelStudioTasks(FormatWriter):
    """Writes one array of tasks."""

    def __init__(self, about: About) -> None:
        super().__init__(about)
        self.num_added = 0

    def head(self) -> str:
        """Open the array."""
        return "["

    def piece(self, document: Document) -> str:
        """Write the task of a text."""
        about = self.about
        data = set_aside(document.fields, ("text", "tokens")) | {"text": document.text}
        if document.own_tokens and about.task == "tag":
            data["tokens"] = [{"text": each.text, "start": each.start, "end": each.end} for each in document.tokens]
        names = {"from_name": about.from_name, "to_name": about.to_name}
        if about.task == "classify":
            results = choice_results(document.labels, document.scores, **names)
        else:
            results = span_results(document.spans, **names)
        made = [prediction(results, about.model_version)] if about.is_predicted else [{"result": results}]
        kind = "predictions" if about.is_predicted else "annotations"
        return json.dumps({"data": data, kind: made}, ensure_ascii=False)

    def add(self, piece: str) -> str:
        """Put a comma between two tasks."""
        self.num_added += 1
        return ("," if self.num_added > 1 else "") + "\n" + piece

    def foot(self) -> str:
        """Close the array."""
        return "\n]\n"

    def unheld(self, fields: Mapping[str, Any]) -> Iterable[str]:
        """Name no field: the data of a task hold all of them."""
        return ()


def prediction(results: list[dict[str, Any]], model_version: str) -> dict[str, Any]:
    """Write what a model found as a prediction; Label Studio can sort tasks by its score, the least sure first."""
    scores = [result["score"] for result in results if "score" in result]
    return {"model_version": model_version, "result": results, **({"score": min(scores)} if scores else {})}


def span_results(spans: Sequence[Span], *, from_name: str, to_name: str) -> list[dict[str, Any]]:
    """Write spans as the marked regions of a text."""
    return [
        {
            "id": f"span-{number}",
            "from_name": from_name,
            "to_name": to_name,
            "type": "labels",
            "value": {"start": span.start, "end": span.end, "text": span.text, "labels": [span.label]},
            **({} if span.score is None else {"score": rounded(span.score)}),
        }
        for number, span in enumerate(spans, 1)
    ]


def choice_results(
    labels: Sequence[str], scores: Mapping[str, float], *, from_name: str, to_name: str
) -> list[dict[str, Any]]:
    """Write the classes of a text as one choice, or as none at all; its score is that of the least sure class."""
    if not labels:
        return []
    score = {"score": rounded(min(scores[label] for label in labels))} if scores else {}
    names = {"from_name": from_name, "to_name": to_name}
    return [{"id": "choice-1", **names, "type": "choices", "value": {"choices": list(labels)}, **score}]


def labelling_interface(about: About) -> str:
    """Write the labelling interface for the tasks, which Label Studio takes under Settings, Labeling Interface, Code.

    >>> print(labelling_interface(About("tag", ["PER"])))
    <View>
      <Labels name="label" toName="text">
        <Label value="PER"/>
      </Labels>
      <Text name="text" value="$text"/>
    </View>
    """
    names = f"name={_quoted(about.from_name)} toName={_quoted(about.to_name)}"
    if about.task == "classify":
        kind = "multiple" if about.is_multi else "single"
        control = _element("Choices", f'{names} choice="{kind}"', "Choice", about.labels)
    else:
        control = _element("Labels", names, "Label", about.labels)
    return "\n".join(["<View>", *control, f'  <Text name={_quoted(about.to_name)} value="$text"/>', "</View>"])


def _element(name: str, attributes: str, inner: str, values: Sequence[str]) -> list[str]:
    lines = [f"    <{inner} value={_quoted(value)}/>" for value in values]
    return [f"  <{name} {attributes}>", *lines, f"  </{name}>"]


def _quoted(value: str) -> str:
    from xml.sax.saxutils import quoteattr  # brings urllib and ssl along, which most calls of the command don't need

    return quoteattr(value)
