"""The model card of a language model: README.md of its folder."""

from collections.abc import Mapping
from typing import Any, Protocol

from seqtag.models.card_parts import settings_of, with_metadata
from seqtag.models.trained import Trained, tuned_rates
from seqtag.text.symbol_vocabulary import SymbolVocabulary
from seqtag.training.watchers import language_figure
from seqtag.version import __version__


class TrainedLanguageModel(Trained, Protocol):
    """What the card tells of a language model."""

    level: str
    direction: str
    language: Any
    vocabulary_: SymbolVocabulary


def language_card(model: TrainedLanguageModel, changed: Mapping[str, Any]) -> str:
    """Write the card of a language model in Markdown; `changed` are the options that differ from the defaults."""
    best = max(model.history_, key=lambda record: record.dev_score)
    data = model.data_
    rates = tuned_rates(data)
    tuned = f"\n| fine-tuned since | in a tagger or classifier, {rates}; the figures are from before |" if rates else ""
    is_forward = model.direction == "forward"
    use = 'model.generate("It was")' if is_forward else 'model.score("It rained all day.")'
    text = f"""# A seqtag language model

| | |
|---|---|
| predicts | the {"next" if is_forward else "previous"} {model.level} |
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
seqtag train TEXT --out DIR --task lm{settings_of(changed)}
```

```python
from seqtag import LanguageModel

model = LanguageModel.load("DIR")
{use}
```
"""
    pipeline = "text-generation" if is_forward else None
    return with_metadata(text, pipeline=pipeline, language=model.language, tags=[model.encoder, "language-model"])
