"""`seqtag train --task lm` and `seqtag evaluate` of a language model: running text in, a model or its figures out."""

import logging
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.cli.model_folder import Place
from seqtag.cli.process import is_main_process
from seqtag.cli.sources import write_json
from seqtag.cli.tasks import LANGUAGE, find_estimator
from seqtag.cli.text_sources import find_texts, refuse_tags
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.models.language.language_model import LanguageModel

logger = logging.getLogger("seqtag")


def train(
    data: str,
    model: "LanguageModel",
    *,
    out: Path,
    dev: str | None,
    test: str | None,
    resume: bool,
    overwrite: bool,
    tensorboard: Path | None,
) -> int:
    """Train on text, save, then measure on test; gives the exit code. The rest is as in train.py."""
    place = Place.check(out, resume=resume, overwrite=overwrite)
    text, dev, test = find_texts(data, dev, test)
    for source in (text, dev, test):
        if source is not None:
            refuse_tags(source, advice="give a text file, or leave --task lm out to train a tagger")
    from seqtag.training.watchers import language_figure

    place.make_room()
    fit = partial(model.fit, text, dev=dev, tensorboard=tensorboard)
    code = place.fill(model, fit, describe=lambda best: f"dev {language_figure(-best, model.level)}")
    if code == 0 and is_main_process():
        if test is not None:
            print(render(measure(model, test)))
        if model.direction == "forward":
            logger.info('what it writes: seqtag generate %s --prompt "..."', out)
    return code


def evaluate(folder: str, source: str, *, split: str | None, files: Mapping[str, str | None], device: str) -> None:
    """Print the figures of the language model in `folder` on a text, or on a split of a folder: test, if none is named.

    Raises UsageError for a page or Markdown, which are for labels.
    """
    for ending, option in ((".html", "--html"), (".md", "--markdown")):
        if files.get(ending) is not None:
            raise UsageError(f"{option}: is for models that give labels; a language model's figures go to --json FILE")
    refuse_tags(source, advice="give a text file to measure this one on")
    splits = dict(zip(("train", "dev", "test"), find_texts(source, None, None)))
    named = {name: path for name, path in splits.items() if path is not None}
    if split is not None and (split not in named or named == {"train": source}):
        found = near_miss(split, named) if named != {"train": source} else "it is one text; leave out --split"
        raise UsageError(f"{source}: no split {split!r}; {found}")
    model = find_estimator(LANGUAGE).load(folder, device=device)
    figures = measure(model, named[split] if split else named.get("test", named["train"]))
    path = files.get(".json")
    if path != "-":
        print(render(figures))
    if path is not None:
        write_json(path, figures, sys.stdout)


def measure(model: "LanguageModel", source: str) -> dict[str, Any]:
    """Read a text once and give what `--json` writes of it."""
    found = model.evaluate(source)
    return {
        "source": source,
        "level": model.level,
        "direction": model.direction,
        "num_characters": found.num_characters,
        "num_tokens": found.num_symbols,
        "num_unknown": found.num_unknown,
        "perplexity": found.perplexity,
        "bits_per_character": found.bits_per_character,
    }


def render(figures: Mapping[str, Any]) -> str:
    """Lay figures out for reading.

    >>> print(render({"source": "new.txt", "level": "word", "num_tokens": 1200, "num_characters": 6543,
    ...     "num_unknown": 12, "perplexity": 98.7654, "bits_per_character": 1.2345}))
    new.txt
    6,543 characters, 1,200 words, 12 of them unknown
    <BLANKLINE>
    perplexity per word  98.77
    bits per character   1.2345
    """
    level = figures["level"]
    counted = f"{figures['num_characters']:,} characters"
    if level == "word":
        counted += f", {figures['num_tokens']:,} words"
    return "\n".join(
        (
            f"{figures['source']}",
            f"{counted}, {figures['num_unknown']:,} of them unknown",
            "",
            f"perplexity per {level}".ljust(25 if level == "character" else 20) + f" {figures['perplexity']:.2f}",
            "bits per character".ljust(25 if level == "character" else 20) + f" {figures['bits_per_character']:.4f}",
        )
    )
