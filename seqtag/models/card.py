"""The model card: README.md of a model folder. Says what the model is, what it was trained on and how well it did."""

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtag.models.tagger import Tagger


def model_card(tagger: "Tagger", changed: Mapping[str, Any]) -> str:
    """Write the card of a tagger in Markdown; `changed` are the options that are not the defaults."""
    from seqtag import __version__

    best = max(tagger.history_, key=lambda record: record.dev_score)
    data = tagger.data_
    low, high = data["dev_interval"]
    measure = "accuracy" if tagger.scheme_ == "plain" else "strict F1"
    labels = ", ".join(tagger.labels_)
    settings = "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in changed.items())
    return f"""# A seqtag tagger

| | |
|---|---|
| labels | {labels} |
| scheme | {tagger.scheme_} |
| encoder, head | {tagger.encoder} {tagger.hidden_size} x {tagger.num_layers}, {tagger.head} |
| trained on | {data["train"]:,} sentences; {data["dev"]:,} chose the epoch |
| SHA-256 of these data | {data["fingerprint"][:16]} |
| {measure} on dev | {100 * best.dev_score:.2f} (95% interval {100 * low:.1f} to {100 * high:.1f}) |
| epoch kept | {best.epoch} of {len(tagger.history_)} |
| seeds tried | {len(tagger.seed_scores_)} |
| seqtag | {__version__} |

The dev score chose the epoch, so it flatters; `seqtag evaluate DIR DATA` measures on data of your own. The interval is
a bootstrap over sentences. The training, on the same data and machine, once more:

```sh
seqtag train DATA --out DIR{settings}
```

```python
from seqtag import Tagger

tagger = Tagger.load("DIR")
tagger.predict_spans(["Ada lives in Turin."])
```
"""
