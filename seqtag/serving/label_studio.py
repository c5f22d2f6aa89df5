"""The dialect of Label Studio's ML backends: pre-annotations for a labelling project, and finished annotations back.

Sources: https://labelstud.io/guide/ml_create and https://labelstud.io/guide/webhook_reference. Offsets count
characters: the browser side of Label Studio turns its own into code points before they leave it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from seqtag.errors import UsageError
from seqtag.serving.served_models import Answer, Classified, ServedModel

_CONTROLS = {"Labels": "Label", "Choices": "Choice"}
_FINISHED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")


@dataclass(frozen=True, slots=True)
class Project:
    """What a labelling project marks with and in what, as its configuration says."""

    control: str  # the name of the tag that marks
    owner: str  # the name of the object that is marked
    key: str  # of the text in the data of a task
    is_choice: bool
    labels: frozenset[str]


def read_projects(config: str) -> list[Project]:
    """Read the controls of a labelling configuration that a model can fill; UsageError where there is none."""
    if "<!" in config.replace("<!--", ""):
        raise UsageError("label_config: a document type or an entity is declared, which no configuration needs")
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise UsageError(f"label_config: not XML ({error})") from None
    texts = {
        element.get("name"): (element.get("value") or "").removeprefix("$")
        for element in root.iter()
        if element.tag == "Text"
    }
    projects = [
        Project(
            control=element.get("name", ""),
            owner=element.get("toName", ""),
            key=texts[element.get("toName")],
            is_choice=element.tag == "Choices",
            labels=frozenset(
                str(each.get("alias") or each.get("value")) for each in element.iter(_CONTROLS[element.tag])
            ),
        )
        for element in root.iter()
        if element.tag in _CONTROLS and element.get("toName") in texts
    ]
    if not projects:
        raise UsageError("label_config: no Labels or Choices that belong to a Text, which is what the models here fill")
    return projects


def choose_model(models: Mapping[str, ServedModel], projects: Sequence[Project]) -> tuple[ServedModel, Project]:
    """Choose the model and the control that have the most labels in common; UsageError where no model has any."""
    pairs = [
        (len(project.labels & set(model.labels)), model, project)
        for project in projects
        for model in models.values()
        if project.is_choice != model.is_tagger
    ]
    common, model, project = max(pairs, key=lambda pair: pair[0], default=(0, None, None))
    if not common or model is None or project is None:
        wanted = sorted(set().union(*(project.labels for project in projects)))
        have = "; ".join(f"{name}: {', '.join(model.labels[:20])}" for name, model in models.items())
        raise UsageError(f"no model here has labels of this project ({', '.join(wanted[:20])}); there are {have}")
    return model, project


def text_of(task: Mapping[str, Any], project: Project) -> str:
    """Give the text of a task; UsageError where its data have none under the key of the project."""
    data = task.get("data")
    text = data.get(project.key) if isinstance(data, Mapping) else None
    if not isinstance(text, str):
        raise UsageError(f"task {task.get('id')}: its data have no text under {project.key!r}")
    return text


def prediction(model: ServedModel, project: Project, answer: Answer) -> dict[str, Any]:
    """Write an answer as a prediction of Label Studio; labels that the project does not know are left out."""
    shared = {"from_name": project.control, "to_name": project.owner}
    if isinstance(answer, Classified):
        chosen = [label for label in answer.chosen if label in project.labels]
        score = max((answer.probabilities[label] for label in chosen), default=0.0)
        result = {**shared, "id": "c1", "type": "choices", "value": {"choices": chosen}, "score": round(score, 6)}
        return {"model_version": model.name, "score": round(score, 6), "result": [result] if chosen else []}
    assert isinstance(answer.row, str)
    spans = [span for span in answer.spans if span.label in project.labels]
    results = [
        {
            **shared,
            "id": f"s{number}",
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": span.text,
                "labels": [span.label],
            },
            "score": round(span.score or 0.0, 6),
        }
        for number, span in enumerate(spans, 1)
    ]
    # The least certain span tells Label Studio which task to show first.
    return {
        "model_version": model.name,
        "score": round(min((span.score or 0.0 for span in spans), default=1.0), 6),
        "result": results,
    }


def finished(
    action: str, task: Mapping[str, Any] | None, annotation: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Give the text and the labels of a finished annotation as one record of a corpus; None for other events.

    Raises UsageError for an annotation that holds neither spans nor choices of a text.
    """
    if action not in _FINISHED or not task or not annotation or annotation.get("was_cancelled"):
        return None
    results = annotation.get("result")
    data = task.get("data")
    if not isinstance(results, list) or not isinstance(data, Mapping):
        raise UsageError("the event holds no result or no data of its task")
    texts = [value for value in data.values() if isinstance(value, str)]
    if not texts:
        raise UsageError(f"task {task.get('id')}: its data hold no text")
    text = max(texts, key=len)
    record: dict[str, Any] = {"id": str(task.get("id")), "text": text}
    values = [(each.get("type"), each.get("value")) for each in results if isinstance(each, Mapping)]
    choices = [value["choices"] for kind, value in values if kind == "choices" and isinstance(value, Mapping)]
    if choices:
        return {**record, "label": choices[0][0]} if len(choices[0]) == 1 else {**record, "labels": choices[0]}
    spans = []
    for kind, value in values:
        if kind in ("labels", "hypertextlabels") and isinstance(value, Mapping):
            start, end = int(value["start"]), int(value["end"])
            words = value.get("text")
            if not 0 <= start < end <= len(text) or (isinstance(words, str) and words != text[start:end]):
                raise UsageError(f"task {task.get('id')}: at {start}:{end} of its text stand other words than marked")
            spans.append({"start": start, "end": end, "label": value[kind][0]})
    return {**record, "spans": spans}
