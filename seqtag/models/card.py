"""The model card: README.md of a model folder. Says what the model is, what it was trained on and how well it did.

A card begins with the metadata by which the Hugging Face Hub lists models. They name the kind of figure that was
measured on dev and not its value: the dev score chose the epoch, and so it is no result on a test set.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from seqtag.reporting.markdown import escape
from seqtag.training.watchers import EpochRecord
from seqtag.version import __version__


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
        tags=[model.encoder or "linear", name.replace(" ", "-")],
        metrics=None if metric is None else [metric],
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
