"""The model card: README.md of a model folder. Says what the model is, what it was trained on and how well it did."""

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqtag.models.classifying.classifier import Classifier
    from seqtag.models.sequence_estimator import SequenceEstimator
    from seqtag.models.tagging.tagger import Tagger


def tagger_card(tagger: "Tagger") -> str:
    """Write the card of a tagger in Markdown."""
    about = {"labels": ", ".join(tagger.labels_), "scheme": tagger.scheme_, "head": tagger.head}
    if "temperature" in tagger.data_:
        about["temperature"] = f"{tagger.data_['temperature']:.3f}; fitted on labelled data, scores are divided by it"
    if tagger.tuning_ is not None:
        tuning = tagger.tuning_
        least = ", ".join(f"{label} {found.value:.3f}" for label, found in tuning.labels.items())
        shares = set(tuning.wanted.values()) if set(tuning.wanted) == set(tuning.labels) else set()
        wanted = ", ".join(f"{label} {share:g}" for label, share in tuning.wanted.items())
        wanted = f"{shares.pop():g}" if len(shares) == 1 else wanted
        about["least probability of a span"] = (
            f"{least}; chosen on {tuning.num_sentences:,} sentences, where a {tuning.figure} of {wanted} was wanted. "
            "The score on dev is without it"
        )
    return _card(
        tagger,
        about,
        unit="sentences",
        measure="accuracy" if tagger.scheme_ == "plain" else "strict F1",
        use='tagger.predict_spans(["Ada lives in Turin."])',
    )


def classifier_card(classifier: "Classifier") -> str:
    """Write the card of a classifier in Markdown."""
    is_multi, is_text = classifier.class_set_.is_multi, classifier.vocabulary_ is not None
    return _card(
        classifier,
        {
            "classes": ", ".join(classifier.class_set_.names),
            "a row has": "any number of classes" if is_multi else "one class",
            "pooling": classifier.pooling,
        },
        unit="texts" if is_text else "series",
        measure="micro F1" if is_multi else "accuracy",
        use='classifier.predict(["What a day!"])'
        if is_text
        else "classifier.predict(series)  # (series, steps, features)",
    )


def _card(estimator: "SequenceEstimator", about: Mapping[str, str], *, unit: str, measure: str, use: str) -> str:
    from seqtag.version import __version__

    kind = type(estimator).__name__
    best = max(estimator.history_, key=lambda record: record.dev_score)
    data = estimator.data_
    low, high = data["dev_interval"]
    if estimator.context_ is not None:
        told = estimator.context_.describe()
        about = {**about, "context": f"{told}; states as {estimator.context_size} numbers"}
    rows = "\n".join(f"| {name} | {value} |" for name, value in about.items())
    defaults = type(estimator)().get_params()
    here = ("device", "engine")  # of this machine, not of the training
    changed = {k: v for k, v in estimator._params_to_store().items() if k not in here and v != defaults[k]}
    if estimator.context_ is not None:
        changed["context"] = [f"{direction.upper()}_LM" for direction in changed["context"]]  # folders of the reader's
    settings = "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in changed.items())
    task = "" if estimator.task == "tag" else f" --task {estimator.task}"
    return f"""# A seqtag {kind.lower()}

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
seqtag train DATA --out DIR{task}{settings}
```

```python
from seqtag import {kind}

{kind.lower()} = {kind}.load("DIR")
{use}
```
"""
