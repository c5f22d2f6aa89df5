"""The model card: README.md of a model folder. Says what the model is, what it was trained on and how well it did."""

from collections.abc import Mapping
from typing import Any, Protocol

from seqtag.models.card_parts import settings_of, with_metadata
from seqtag.models.tagging.tuning import Tuning
from seqtag.models.trained import Trained
from seqtag.text.classes import ClassSet
from seqtag.version import __version__


class Describes(Protocol):
    """The language models that lend a network their states."""

    def describe(self) -> str:
        """Say in a line what models these are."""


class TrainedOnSequences(Trained, Protocol):
    """What the card tells of a tagger or classifier."""

    language: str
    context_size: int

    @property
    def context_(self) -> Describes | None:
        """The language models that lend it their states."""


class TrainedTagger(TrainedOnSequences, Protocol):
    """What the card tells of a tagger."""

    head: str
    tuning_: Tuning | None

    @property
    def labels_(self) -> list[str]:
        """The labels of spans, or the tags themselves where they are plain."""

    @property
    def scheme_(self) -> str:
        """The scheme of the tags."""


class TrainedClassifier(TrainedOnSequences, Protocol):
    """What the card tells of a classifier."""

    pooling: str
    class_set_: ClassSet
    scale_: Any


def tagger_card(tagger: TrainedTagger, changed: Mapping[str, Any]) -> str:
    """Write the card of a tagger in Markdown; `changed` are the options that differ from the defaults."""
    is_plain = tagger.scheme_ == "plain"
    about = {"labels": ", ".join(tagger.labels_), "scheme": tagger.scheme_, "head": tagger.head}
    if "temperature" in tagger.data_:
        about["temperature"] = f"{tagger.data_['temperature']:.3f}; fitted on labelled data, scores are divided by it"
    if tagger.tuning_ is not None:
        about["least probability of a span"] = _thresholds(tagger.tuning_)
    return _card(
        tagger,
        about,
        changed,
        task="tag",
        unit="sentences",
        measure="accuracy" if is_plain else "strict F1",
        use='tagger.predict_spans(["Ada lives in Turin."])',
        pipeline="token-classification",
        metric="accuracy" if is_plain else "f1",
    )


def _thresholds(tuning: Tuning) -> str:
    least = ", ".join(f"{label} {found.value:.3f}" for label, found in tuning.labels.items())
    shares = set(tuning.wanted.values()) if set(tuning.wanted) == set(tuning.labels) else set()
    wanted = ", ".join(f"{label} {share:g}" for label, share in tuning.wanted.items())
    wanted = f"{shares.pop():g}" if len(shares) == 1 else wanted
    return (
        f"{least}; chosen on {tuning.num_sentences:,} sentences, where a {tuning.figure} of {wanted} was wanted. "
        "The score on dev is without it"
    )


def classifier_card(classifier: TrainedClassifier, changed: Mapping[str, Any]) -> str:
    """Write the card of a classifier in Markdown; `changed` are the options that differ from the defaults."""
    is_multi, is_text = classifier.class_set_.is_multi, classifier.scale_ is None
    on_series = "classifier.predict(series)  # (series, steps, features)"
    return _card(
        classifier,
        {
            "classes": ", ".join(classifier.class_set_.names),
            "a row has": "any number of classes" if is_multi else "one class",
            "pooling": classifier.pooling,
        },
        changed,
        task="classify",
        unit="texts" if is_text else "series",
        measure="micro F1" if is_multi else "accuracy",
        use='classifier.predict(["What a day!"])' if is_text else on_series,
        pipeline="text-classification" if is_text else None,
        metric="f1" if is_multi else "accuracy",
    )


def _card(
    estimator: TrainedOnSequences,
    about: Mapping[str, str],
    changed: Mapping[str, Any],
    *,
    task: str,
    unit: str,
    measure: str,
    use: str,
    pipeline: str | None,
    metric: str,
) -> str:
    kind = type(estimator).__name__
    best = max(estimator.history_, key=lambda record: record.dev_score)
    data = estimator.data_
    low, high = data["dev_interval"]
    if estimator.context_ is not None:
        models = estimator.context_.describe()
        about = {**about, "context": f"{models}; states as {estimator.context_size} numbers"}
        # In the place of the directions stand the folders of whoever trains the model again.
        changed = {**changed, "context": [f"{direction.upper()}_LM" for direction in changed["context"]]}
    rows = "\n".join(f"| {name} | {value} |" for name, value in about.items())
    text = f"""# A seqtag {kind.lower()}

| | |
|---|---|
{rows}
| encoder | {estimator.encoder} {estimator.hidden_size} x {estimator.num_layers} |
| trained on | {data["train"]:,} {unit}; {data["dev"]:,} chose the epoch |
| SHA-256 of these data | {data["fingerprint"][:16]} |
| {measure} on dev | {100 * best.dev_score:.2f} (95% interval {100 * low:.1f} to {100 * high:.1f}) |
| epoch kept | {best.epoch} of {len(estimator.history_)} |
| seeds tried | {len(estimator.seed_scores_)} |
| seqtag | {__version__} |

The dev score chose the epoch, so it flatters; `seqtag evaluate DIR DATA` measures on data of your own. The interval is
a bootstrap over {unit}. The training, on the same data and machine, once more:

```sh
seqtag train DATA --out DIR{"" if task == "tag" else f" --task {task}"}{settings_of(changed)}
```

```python
from seqtag import {kind}

{kind.lower()} = {kind}.load("DIR")
{use}
```
"""
    tags = [estimator.encoder, kind.lower()]
    return with_metadata(text, pipeline=pipeline, language=estimator.language, tags=tags, metric=metric)
