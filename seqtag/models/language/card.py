"""The model card of a language model: README.md of its folder."""

import json
import shlex
from typing import TYPE_CHECKING

from seqtag.training.watchers import language_figure

if TYPE_CHECKING:
    from seqtag.models.language.language_model import LanguageModel


def tuned_rates(model: "LanguageModel") -> str:
    """Say at which rate a model was fine-tuned inside a tagger or classifier, each time; empty where it never was."""
    rates = model.data_.get("tuned_at", ())
    return f"at a rate of {' and then '.join(f'{rate:g}' for rate in rates)}" if rates else ""


def language_card(model: "LanguageModel") -> str:
    """Write the card of a language model in Markdown."""
    from seqtag.version import __version__

    best = max(model.history_, key=lambda record: record.dev_score)
    data = model.data_
    defaults = type(model)().get_params()
    changed = {k: v for k, v in model._params_to_store().items() if k != "device" and v != defaults[k]}
    settings = "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in changed.items())
    rates = tuned_rates(model)
    tuned = f"\n| fine-tuned since | in a tagger or classifier, {rates}; the figures are from before |" if rates else ""
    use = 'model.generate("It was")' if model.direction == "forward" else 'model.score("It rained all day.")'
    return f"""# A seqtag language model

| | |
|---|---|
| predicts | the {"next" if model.direction == "forward" else "previous"} {model.level} |
| {model.level}s known | {len(model.vocabulary_):,} |
| encoder | {model.encoder} {model.hidden_size} x {model.num_layers} |
| trained on | {data["train"]:,} {model.level}s; {data["dev"]:,} chose the epoch |
| SHA-256 of these data | {data["fingerprint"][:16]} |
| on dev | {language_figure(-best.dev_score, model.level)} |
| epoch kept | {best.epoch} of {len(model.history_)} |
| seeds tried | {len(model.seed_scores_)} |{tuned}
| seqtag | {__version__} |

The dev figure chose the epoch, so it flatters; it was read in parallel streams, so it is a little worse than
`perplexity(text)` and `bits_per_character(text)`, which carry the state across the whole text. A language model can
repeat what it was trained on, word for word: share it with whom you would share its training text. The training, on the
same data and machine, once more:

```sh
seqtag train TEXT --out DIR --task lm{settings}
```

```python
from seqtag import LanguageModel

model = LanguageModel.load("DIR")
{use}
```
"""
