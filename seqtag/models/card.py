"""The model card: README.md of a model folder. Says what the model is, what it was trained on and how well it did.

A card begins with the metadata by which the Hugging Face Hub lists models. They name the kind of figure that was
measured on dev and not its value: the dev score chose the epoch, and so it is no result on a test set. A figure with
its value is in the metadata where somebody publishes a model together with a report of its evaluation.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from seqtag.evaluation.report import Headline
from seqtag.reporting.figures import between, percent
from seqtag.reporting.markdown import escape
from seqtag.training.watchers import EpochRecord
from seqtag.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


class Trained(Protocol):
    """What a card says of any estimator that was trained."""

    hidden_size: int
    num_layers: int
    history_: list[EpochRecord]
    seed_scores_: list[float]
    data_: dict[str, Any]

    @property
    def encoder(self) -> str | None:
        """The kind of the encoder; None for a model of linear scores alone."""


def model_card(
    model: Trained,
    rows: Mapping[str, str],
    *,
    name: str,
    unit: str,
    dev: tuple[str, str],
    late_rows: Mapping[str, str],
    note: str,
    command: str,
    changed: Mapping[str, Any],
    use: str,
    language: str | None,
    pipeline: str | None,
    metric: str | None = None,
) -> str:
    """Write the card of a model in Markdown.

    `rows` and `late_rows` are lines of its table, `dev` the name and value of the dev score, `changed` the options that
    differ from the defaults. `pipeline` and `metric` are the hub's names of the task and of the figure on dev.
    """
    from huggingface_hub import ModelCard, ModelCardData

    kind, variable = type(model).__name__, name.split()[-1]
    data = model.data_
    best = max(model.history_, key=lambda record: record.dev_score)
    table = {
        **rows,
        "encoder": f"{model.encoder} {model.hidden_size} x {model.num_layers}"
        if model.encoder
        else "none: linear scores alone",
        "trained on": f"{data['train']:,} {unit}; {data['dev']:,} chose the epoch",
        "SHA-256 of these data": data["fingerprint"][:16],
        dev[0]: dev[1],
        "epoch kept": f"{best.epoch} of {len(model.history_)}",
        "seeds tried": str(len(model.seed_scores_)),
        **late_rows,
        "seqtag": __version__,
    }
    lines = "\n".join(f"| {escape(key)} | {escape(value)} |" for key, value in table.items())
    settings = "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in changed.items())
    metadata = ModelCardData(
        library_name="seqtag",
        pipeline_tag=pipeline,
        language=None if language in (None, "xx") else language,  # 'xx' is spaCy's name for any language
        tags=["seqtag", model.encoder or "linear", name.replace(" ", "-")],
        metrics=None if metric is None else [metric],
        datasets=[data["source"]] if "source" in data else None,
    )
    text = f"""---
{metadata.to_yaml()}
---

# A seqtag {name}

| | |
|---|---|
{lines}

{note} The training, on the same data and machine, once more:

```sh
{command}{settings}
```

```python
from seqtag import {kind}

{variable} = {kind}.load("DIR")
{use}
```
"""
    return str(ModelCard(text))


@dataclass(frozen=True, slots=True)
class Publication:
    """What a card on the hub says beside what the card in a model folder says."""

    repository: str
    license: str | None
    datasets: Sequence[str]  # names on the hub of the training data, beside the one that the model remembers
    results: Sequence[Headline]  # on test data
    measured: str  # what the results were measured on and how, for people
    test_data: str  # its name; empty where it has none
    has_export: bool


def published_card(card: str, about: Publication) -> str:
    """Give the card for a model's page on the hub: with its license, its results and the way to load it from there."""
    from huggingface_hub import ModelCard

    page = ModelCard(card)
    name = about.repository.rpartition("/")[2]
    data: Any = page.data
    data.license = about.license
    data.datasets = list(dict.fromkeys([*(data.datasets or ()), *about.datasets])) or None
    if about.results:
        data.metrics = list(dict.fromkeys([*(data.metrics or ()), *(result.metric for result in about.results)]))
        data.model_name, data.eval_results = name, list(_eval_results(about, data.pipeline_tag))
    run = f'.from_pretrained("{about.repository}")'
    model, _, use = page.text.strip().replace('.load("DIR")', run).rpartition("```python\n")
    kind, _, model = model.removeprefix("# A seqtag ").partition("\n")
    parts = [f"# {name}, a {kind} made with seqtag\n", _INSTALL, use.strip(), "\n"]
    if about.has_export:
        parts.append(_WITHOUT_TORCH.replace("REPOSITORY", about.repository))
    if about.results:
        parts.append("\n".join(["", "## Results", "", *_result_table(about), "", about.measured, ""]))
    parts += ["\n## The model\n\n", model.strip(), "\n"]
    return f"---\n{data.to_yaml()}\n---\n\n{''.join(parts)}"


_INSTALL = """
## How to use it

```sh
pip install seqtag
```

```python
"""
_WITHOUT_TORCH = """
The repository holds the model as ONNX too, so that it runs without torch:

```sh
pip install "seqtag-runtime[hub]"
```

```python
from seqtag.runtime import load

model = load("REPOSITORY")
```
"""


def _eval_results(about: Publication, pipeline: str | None) -> "Iterator[EvalResult]":
    from huggingface_hub import EvalResult

    for result in about.results:
        interval: dict[str, float] = {}
        if result.low is not None and result.high is not None:
            interval = {"confidence": 0.95, "low": round(result.low, 4), "high": round(result.high, 4)}
        yield EvalResult(
            task_type=pipeline or "other",
            dataset_type=re.sub(r"[^\w./-]+", "-", about.test_data) or "test-data",
            dataset_name=about.test_data or "test data",
            metric_type=result.metric,
            metric_name=result.name + (" (95% interval {low} to {high})".format(**interval) if interval else ""),
            metric_value=round(result.value, 4),
            metric_args=interval or None,
        )


def _result_table(about: Publication) -> Iterator[str]:
    yield from ("| | | 95% interval |", "|---|---|---|")
    for result in about.results:
        value = f"{percent(result.value)}%" if result.is_share else f"{result.value:.3f}"
        interval = "-" if result.low is None or result.high is None else between(result.low, result.high)
        yield f"| {escape(result.name)} | {value} | {interval} |"
