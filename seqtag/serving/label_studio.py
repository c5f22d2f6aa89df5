"""The dialect of Label Studio's ML backends: pre-annotations for a labelling project, and finished annotations back.

Sources: https://labelstud.io/guide/ml_create and https://labelstud.io/guide/webhook_reference. Offsets count
characters: the browser side of Label Studio turns its own into code points before they leave it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from seqtag.corpora.formats.writers import label_studio
from seqtag.errors import UsageError
from seqtag.serving.served_models import Answer, Classified, ServedModel, Tagged

_CONTROLS = {"Labels": "Label", "Choices": "Choice"}
_MOST_CONTROLS = 100
_LONGEST_ID = 100  # of a task
_FINISHED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")


@dataclass(frozen=True, slots=True)
class Project:
    """What a labelling project marks with and in what, as its configuration says."""

    control: str  # the name of the tag that marks
    owner: str  # the name of the object that is marked
    key: str  # of the text in the data of a task
    is_choice: bool
    has_several: bool  # whether several choices may be right for a text
    labels: frozenset[str]


def read_projects(config: str) -> list[Project]:
    """Read the controls of a labelling configuration that a model can fill; UsageError where there is none."""
    if "<!" in config.replace("<!--", ""):
        raise UsageError("label_config: a document type or an entity is declared, which no configuration needs")
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise UsageError(f"label_config: not XML ({error})") from None
    if sum(element.tag in _CONTROLS for element in root.iter()) > _MOST_CONTROLS:
        raise UsageError(f"label_config: more than {_MOST_CONTROLS} Labels and Choices, and one is what a model fills")
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
            has_several=element.get("choice") == "multiple",
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
        raise UsageError(f"task {_id_of(task)}: its data have no text under {project.key!r}")
    return text


def prediction(model: ServedModel, project: Project, answer: Answer) -> dict[str, Any]:
    """Write an answer as a prediction of Label Studio; labels that the project does not know are left out."""
    names = {"from_name": project.control, "to_name": project.owner}
    if isinstance(answer, Classified):
        chosen = [label for label in answer.chosen if label in project.labels]
        return label_studio.prediction(label_studio.choice_results(chosen, answer.probabilities, **names), model.name)
    assert isinstance(answer, Tagged)
    spans = [span for span in answer.spans if span.label in project.labels]
    return label_studio.prediction(label_studio.span_results(spans, **names), model.name)


def finished(
    action: str,
    task: Mapping[str, Any] | None,
    annotation: Mapping[str, Any] | None,
    project: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Give the text and the labels of a finished annotation as one record of a corpus; None for other events.

    The configuration of the project says which text was marked; without it the longest one of the task is taken.
    Raises UsageError for an annotation that holds neither spans nor choices of a text.
    """
    if action not in _FINISHED or not task or not annotation or annotation.get("was_cancelled"):
        return None
    results, data = annotation.get("result"), task.get("data")
    if not isinstance(results, list) or not isinstance(data, Mapping):
        raise UsageError("the event holds no result or no data of its task")
    marks = [each for each in results if isinstance(each, Mapping) and isinstance(each.get("value"), Mapping)]
    choices = [each["value"].get("choices") for each in marks if each.get("type") == "choices"]
    spans = [each["value"] for each in marks if each.get("type") == "labels"]
    if len(choices) + bool(spans) > 1:
        raise UsageError("the event holds several kinds of marks, and a text is kept with one")
    control = _control(project, [each.get("from_name") for each in marks if each.get("type") in ("choices", "labels")])
    if control is not None:
        text = text_of(task, control)
    else:
        texts = [value for value in data.values() if isinstance(value, str)]
        if not texts:
            raise UsageError(f"task {_id_of(task)}: its data hold no text")
        text = max(texts, key=len)
    record: dict[str, Any] = {} if task.get("id") is None else {"id": _id_of(task)}
    record["text"] = text
    if choices:
        chosen = choices[0]
        if not isinstance(chosen, list) or not chosen:
            raise UsageError("its choices are no list, or none was made")
        is_one = len(chosen) == 1 and not (control and control.has_several)
        return {**record, "label": chosen[0]} if is_one else {**record, "labels": chosen}
    if control is not None and control.is_choice:
        if not control.has_several:
            raise UsageError("no choice was made")
        return {**record, "labels": []}
    return {**record, "spans": [_span(value, text) for value in spans]}


def _id_of(task: Mapping[str, Any]) -> str:
    return str(task.get("id"))[:_LONGEST_ID]


def _control(project: Mapping[str, Any] | None, names: Sequence[Any]) -> Project | None:
    """Find the control that an annotation was made with: the one of its marks, or else the first of the project."""
    config = project.get("label_config") if project else None
    if not isinstance(config, str):
        return None
    controls = read_projects(config)
    return next((control for control in controls if control.control in names), controls[0])


def _span(value: Mapping[str, Any], text: str) -> dict[str, Any]:
    start, end, labels, words = (value.get(key) for key in ("start", "end", "labels", "text"))
    if not isinstance(labels, list) or len(labels) != 1:
        raise UsageError("a span needs one label")
    if type(start) is not int or type(end) is not int:
        raise UsageError("the start and end of a span must be whole numbers")
    if not 0 <= start < end <= len(text) or (isinstance(words, str) and words != text[start:end]):
        raise UsageError("a span doesn't hold the words of the text that it was marked on")
    return {"start": start, "end": end, "label": labels[0]}
