"""Turn `--set KEY=VALUE` and its short forms into a checked estimator. Trains nothing."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seqtag.cli.tasks import find_estimator
from seqtag.errors import UsageError, near_miss

_WORDS = {"none": None, "null": None, "true": True, "false": False}
_BARE_FRACTION = re.compile(r"-?\.\d+")


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Read KEY=VALUE pairs; a value is JSON where it can be, else a string.

    Raises UsageError for a pair without a key or value, and for a key that comes twice.

    >>> parse_settings(["hidden_size=64", "characters=None", "encoder=gru", 'class_weights={"PER": 2}'])
    {'hidden_size': 64, 'characters': None, 'encoder': 'gru', 'class_weights': {'PER': 2}}
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, _, value = (part.strip() for part in pair.partition("="))
        key = key.replace("-", "_")
        if not key or not value:
            raise UsageError(f"--set {pair}: write --set KEY=VALUE, such as --set hidden_size=128")
        if key in settings:
            raise UsageError(f"--set {pair}: {key} is set twice; leave out one")
        settings[key] = _parse_value(value)
    return settings


def make_estimator(task: str, settings: Mapping[str, Any], **short_forms: Any) -> Any:
    """Make the estimator of a task and check all that can be checked before the data is read.

    A short form that is None was not given. Raises UsageError for an unknown task or name, with the nearest one, for
    every bad value at once, and for an option that is given in both ways.
    """
    kind = find_estimator(task)
    from seqtag.models.options import check_options, checks_of
    from seqtag.text.tokenizer import Tokenizer
    from seqtag.training.device import pick_device

    given = {name: value for name, value in short_forms.items() if value is not None}
    known = kind().get_params(deep=False)
    for name in settings:
        if name not in known:
            others = "" if task == "tag" else f" for --task {task}"
            raise UsageError(f"--set {name}: there is no such option{others}; {near_miss(name, known)}")
        if name in given:
            raise UsageError(f"--{name} and --set {name}=...: the option is given twice; leave out one")
    estimator = kind(**settings, **given)
    check_options("train", estimator.get_params(deep=False), checks_of(kind))
    pick_device(estimator.device)
    if estimator.language is not None:
        Tokenizer(estimator.language)
    return estimator


def _parse_value(value: str) -> Any:
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if _BARE_FRACTION.fullmatch(value):
        return float(value)
    try:
        return json.loads(value)
    except ValueError:
        return value
