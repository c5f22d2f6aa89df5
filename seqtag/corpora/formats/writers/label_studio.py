"""Write tasks of Label Studio, with predictions for people to correct or with annotations, and a labelling interface.

The form is that of https://labelstud.io/guide/predictions . Offsets count characters: since release 1.4 the browser
side of Label Studio turns its own offsets into code points (`charsToCodePoints` in its selection-tools.js).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqtag.corpora.formats.writers.documents import About, Document, FormatWriter, rounded, set_aside


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
        results = _choice(document, about) if about.task == "classify" else _regions(document, about)
        if not about.is_predicted:
            return json.dumps({"data": data, "annotations": [{"result": results}]}, ensure_ascii=False)
        prediction: dict[str, Any] = {"model_version": about.model_version, "result": results}
        if scores := [result["score"] for result in results]:
            prediction["score"] = min(scores)  # Label Studio can sort by it: the least sure first
        return json.dumps({"data": data, "predictions": [prediction]}, ensure_ascii=False)

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


def _regions(document: Document, about: About) -> list[dict[str, Any]]:
    return [
        {
            "id": f"span-{number}",
            "from_name": about.from_name,
            "to_name": about.to_name,
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": document.text[span.start : span.end],
                "labels": [span.label],
            },
            **({} if span.score is None else {"score": rounded(span.score)}),
        }
        for number, span in enumerate(document.spans, 1)
    ]


def _choice(document: Document, about: About) -> list[dict[str, Any]]:
    if not document.labels:
        return []
    score = {"score": rounded(min(document.scores[each] for each in document.labels))} if document.scores else {}
    value = {"choices": list(document.labels)}
    names = {"from_name": about.from_name, "to_name": about.to_name}
    return [{"id": "choice-1", **names, "type": "choices", "value": value, **score}]


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
