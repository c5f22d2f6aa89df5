"""Check every field of a model folder's JSON before anything is built from it, for the loaders on torch and without it.

A folder may come from anywhere, with checksums that fit. Knows what each task stores; the options of an estimator,
and the weights are checked where they are read, in seqtag.models.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np

from seqtag.errors import ModelError
from seqtag.model_files import shown
from seqtag.text.gazetteers import MOST_LISTS
from seqtag.text.schemes import SCHEMES, entity_labels, tag_fits
from seqtag.text.tag_spelling import FORMS
from seqtag.text.vocabulary import FEATURES


class Place(NamedTuple):
    """Where a value stands: a file, and the names and numbers that lead to it."""

    path: Path
    inside: str = ""

    def at(self, name: str) -> "Place":
        """Give the place of a field of an object."""
        return Place(self.path, f"{self.inside}.{name}" if self.inside else name)

    def fail(self, what: str) -> NoReturn:
        """Raise the ModelError that names the place."""
        where = f"{self.path}: {shown(self.inside)} " if self.inside else f"{self.path}: it "
        raise ModelError(f"{where}{what}; the file is damaged or was not written by seqtag: save the model again")


Rule: TypeAlias = Callable[[Any, Place], None]  # raises ModelError for a value that can't stand at a place


def _rule(allowed: str, accepts: Callable[[Any], bool]) -> Rule:
    def check(value: Any, place: Place) -> None:
        if not accepts(value):
            place.fail(f"must be {allowed}, not {shown(value)}")

    return check


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


text = _rule("a string", lambda value: isinstance(value, str) and value != "")
truth = _rule("true or false", lambda value: isinstance(value, bool))
number = _rule("a finite number", _is_number)
share = _rule("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
count = _rule("a whole number, at least 0", lambda value: type(value) is int and 0 <= value < 1 << 63)
size = _rule("a whole number, at least 1", lambda value: type(value) is int and 0 < value < 1 << 63)
_object = _rule("an object", lambda value: isinstance(value, dict))
_list = _rule("a list", lambda value: isinstance(value, list))


def optional(rule: Rule) -> Rule:
    """Accept null as well."""
    return lambda value, place: None if value is None else rule(value, place)


def one_of(*choices: str) -> Rule:
    """Accept one of some names."""
    return _rule(f"one of {', '.join(choices)}", lambda value: isinstance(value, str) and value in choices)


def list_of(rule: Rule, *, is_full: bool = False) -> Rule:
    """Accept a list of such values; a full one has at least one."""

    def check(value: Any, place: Place) -> None:
        _list(value, place)
        if is_full and not value:
            place.fail("is empty")
        for number, one in enumerate(value):
            rule(one, Place(place.path, f"{place.inside}[{number}]"))

    return check


def mapping_of(rule: Rule) -> Rule:
    """Accept an object with such values under any names."""

    def check(value: Any, place: Place) -> None:
        _object(value, place)
        for name, one in value.items():
            rule(one, place.at(name))

    return check


def record(fields: Mapping[str, Rule], may_lack: Mapping[str, Rule] | None = None, *, is_open: bool = False) -> Rule:
    """Accept an object with these fields, and some that it may lack; an open one may have others as well."""
    rules = {**fields, **(may_lack or {})}

    def check(value: Any, place: Place) -> None:
        _object(value, place)
        for name in fields:
            if name not in value:
                place.at(name).fail("is missing")
        for name, one in value.items():
            if name in rules:
                rules[name](one, place.at(name))
            elif not is_open:
                place.at(name).fail("is no field of this file")

    return check


def by_kind(**fields: Mapping[str, Rule]) -> Rule:
    """Accept an object whose `kind` says which fields it has besides."""

    def check(value: Any, place: Place) -> None:
        record({"kind": one_of(*fields)}, is_open=True)(value, place)
        record({"kind": text, **fields[value["kind"]]})(value, place)

    return check


def strings(what: str = "strings", accepts: Callable[[str], bool] = bool) -> Rule:
    """Accept a list of different strings, quickly: a vocabulary may have millions."""

    def check(value: Any, place: Place) -> None:
        _list(value, place)
        for one in value:
            if type(one) is not str or not accepts(one):
                place.fail(f"must be a list of {what}, and has {shown(one)}")
        if len(set(value)) < len(value):
            place.fail("has the same string twice")

    return check


def _counts(value: Any, place: Place) -> None:
    _list(value, place)
    if not all(type(one) is int and 0 <= one < 1 << 53 for one in value):
        place.fail("must be a list of whole numbers, at least 0")


def _interval(value: Any, place: Place) -> None:
    list_of(number)(value, place)
    if len(value) != 2:
        place.fail("must be two numbers")


def _hashes(value: Any, place: Place) -> None:
    try:
        hashes_N = np.frombuffer(base64.b64decode(value, validate=True), "<u8")
    except (TypeError, ValueError, binascii.Error):
        place.fail(f"must be hashes of 8 bytes in base64, not {shown(value)}")
    if (hashes_N[1:] <= hashes_N[:-1]).any():
        place.fail("must be hashes in rising order")


_characters = strings("single characters", lambda one: len(one) == 1)
_symbols = record(
    {"level": one_of("character", "word"), "language": optional(text), "symbols": strings()},
    {"glued_before": strings(), "glued_after": strings()},
)
_words = record(
    {
        "features": record(dict.fromkeys(FEATURES, strings(accepts=lambda one: True))),
        "characters": _characters,
        "word_counts": _counts,
        "lowercase": truth,
        "merge_digits": truth,
    },
    {"surfaces": mapping_of(_hashes), "context": list_of(_symbols)},
)
_tuning = record(
    {
        "figure": one_of("precision", "recall"),
        "wanted": mapping_of(share),
        "num_sentences": count,
        "labels": mapping_of(
            record({"value": share, "precision": optional(share), "recall": optional(share), "reached": truth})
        ),
    }
)
_RATES = ("learning_rate", "seconds", "tokens_per_second")
EPOCHS = list_of(
    record(
        {"epoch": size, "best": truth} | dict.fromkeys(("loss", "dev_score", *_RATES), number),
        {"dev_loss": optional(number)},
    ),
    is_full=True,
)
_data = {"fingerprint": text, "train": count, "dev": count}
_key = _rule(
    "32 hexadecimal digits", lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{32}", value))
)
_seen = record({"train": _key, "dev": _key})
_language_model = {
    "params": record({"level": one_of("character", "word"), "direction": one_of("forward", "backward")}, is_open=True),
    "seed_scores": list_of(number, is_full=True),
    "data": record(_data, {"tuned_at": list_of(number), "source": text}, is_open=True),
}
_sequences = {
    "params": record(
        {"language": text, "max_tokens": size},
        {"context": optional(list_of(one_of("forward", "backward"))), "pooling": text, "segment_size": size},
        is_open=True,
    ),
    "seed_scores": list_of(number, is_full=True),
    "data": record(
        {**_data, "dev_interval": _interval},
        {
            **{"temperature": number, "source": text, "seen": _seen, "seen_before": list_of(_seen)},
            **{"unknown_tags": count, "replayed": count, "pretrained": count},
        },
        is_open=True,
    ),
}
_spelling = record(
    {
        "outside": text,
        "separator": _rule("a string", lambda value: isinstance(value, str)),
        "form": one_of(*FORMS),
        "is_lower": truth,
    }
)
_lent = {"context": list_of(record({**_language_model, "history": EPOCHS}))}
_lists = record(
    {
        "names": _rule(
            f"a list of 1 to {MOST_LISTS} different strings",
            lambda value: (
                isinstance(value, list)
                and 0 < len(value) <= MOST_LISTS
                and all(isinstance(name, str) and name for name in value)
                and len(set(value)) == len(value)
            ),
        ),
        "ignores_case": truth,
        "num_phrases": list_of(size, is_full=True),
    }
)
_mark = _rule("a string of at most 9 characters", lambda value: isinstance(value, str) and len(value) < 10)
_ngrams = {"minn": count, "maxn": count}
_vectors = record(
    {
        **dict.fromkeys(("num_words", "num_rows"), count),
        "size": size,
        "precision": one_of("float32", "int8"),
        "is_unit": truth,
        "pieces": optional(
            by_kind(
                fasttext={**_ngrams, "num_buckets": size, "first_row": count},
                floret={
                    **_ngrams,
                    "bow": _mark,
                    "eow": _mark,
                    "hash_count": size,
                    "hash_seed": count,
                    "num_rows": size,
                },
                tokenizer={},
            )
        ),
    }
)
_CONFIGS = {
    "tag": record(
        {**_sequences, "tagset": record({"tags": strings(), "scheme": one_of(*SCHEMES)}, {"spelling": _spelling})},
        {"tuning": optional(_tuning), "gazetteers": _lists, "unseen_vectors": _vectors, **_lent},
        is_open=True,
    ),
    "classify": record(
        {
            **_sequences,
            "classes": record({"labels": _list, "is_multi": truth}, {"as_indicators": truth}),
            "prior": list_of(share),
        },
        {
            "series": record({"shift": list_of(number, is_full=True)}, {"names": strings("names", lambda one: True)}),
            "unseen_vectors": _vectors,
            **_lent,
        },
        is_open=True,
    ),
    "lm": record(_language_model, is_open=True),
}


def check_stored(folder: Path, config: Mapping[str, Any], vocabulary: Any) -> None:
    """Raise ModelError, naming file and field, where config.json or vocabulary.json hold what no model can have.

    `config` has a task that is known.
    """
    about, words = Place(folder / "config.json"), Place(folder / "vocabulary.json")
    task = config["task"]
    _CONFIGS[task](config, about)
    if task == "lm":
        _symbols(vocabulary, words)
        _check_symbols(vocabulary, config["params"], words)
        return
    if task == "tag" or vocabulary != {}:
        _words(vocabulary, words)
        if len(vocabulary["word_counts"]) != len(vocabulary["features"]["word"]):
            words.at("word_counts").fail("must have as many numbers as there are words")
    (_check_tags if task == "tag" else _check_classes)(config, about)
    _check_encoder(config["params"], about, is_text=vocabulary != {})
    _check_context(config, vocabulary, about, words)


def _check_symbols(symbols: Mapping[str, Any], params: Mapping[str, Any], words: Place) -> None:
    if symbols["level"] != params["level"]:
        words.at("level").fail(f"must be {params['level']!r}, as in config.json")
    if symbols["level"] == "character":
        _characters(symbols["symbols"], words.at("symbols"))


def _check_encoder(params: Mapping[str, Any], about: Place, *, is_text: bool) -> None:
    """Check that a model without an encoder has what decides in its place, and nothing that only an encoder reads."""
    if params.get("encoder", "lstm") is not None:
        return
    if not is_text or params.get("lexical") is not True:
        about.at("params.encoder").fail("must not be null, since the model has no linear scores")
    if params.get("context"):
        about.at("params.context").fail("must be null, since the model has no encoder")


def _check_context(config: Mapping[str, Any], vocabulary: Mapping[str, Any], about: Place, words: Place) -> None:
    """Check that language models which lend their states stand in all three places, in the same order."""
    directions = config["params"].get("context") or []
    lent, symbols = config.get("context", []), vocabulary.get("context", [])
    if [model["params"]["direction"] for model in lent] != directions:
        about.at("context").fail(f"must have the language models of params.context, {shown(directions)}")
    if len(symbols) != len(lent):
        words.at("context").fail(f"must have the symbols of {len(lent)} language models")
    for number, (model, known) in enumerate(zip(lent, symbols)):
        if model["params"]["level"] != "character":
            about.at(f"context[{number}].params.level").fail("must be 'character'")
        _check_symbols(known, model["params"], Place(words.path, f"context[{number}]"))


def _check_tags(config: Mapping[str, Any], about: Place) -> None:
    tags, scheme = config["tagset"]["tags"], config["tagset"]["scheme"]
    if not tags:
        about.at("tagset.tags").fail("is empty")
    for tag in tags:
        if not tag_fits(tag, scheme):
            about.at("tagset.tags").fail(f"has {shown(tag)}, which is no tag of the scheme {scheme}")
        if scheme == "IOB2" and tag.startswith("I-") and f"B-{tag[2:]}" not in tags:
            about.at("tagset.tags").fail(f"has {shown(tag)} without the tag that begins such a span")
    lists = config.get("gazetteers")
    if lists is not None and len(lists["num_phrases"]) != len(lists["names"]):
        about.at("gazetteers.num_phrases").fail(f"must have a number for each of the {len(lists['names'])} lists")
    tuning = config.get("tuning")
    if tuning is None:
        return
    if scheme == "plain":
        about.at("tuning").fail("must be null, since plain tags have no spans")
    labels = entity_labels(tags)
    if sorted(tuning["labels"]) != labels or not set(tuning["wanted"]) <= set(labels):
        about.at("tuning.labels").fail(f"must have the labels of the tags, {shown(labels)}")


def _check_classes(config: Mapping[str, Any], about: Place) -> None:
    labels, prior = config["classes"]["labels"], config["prior"]
    kinds = {type(label) for label in labels}
    if len(kinds) != 1 or not kinds <= {str, int, bool} or len(set(labels)) < len(labels):
        about.at("classes.labels").fail(
            f"must be different strings, whole numbers or truth values, not {shown(labels)}"
        )
    series = config.get("series", {})
    if "names" in series and len(series["names"]) != len(series["shift"]):
        about.at("series.names").fail(f"must have a name for each of the {len(series['shift'])} features")
    if len(prior) != len(labels):
        about.at("prior").fail(f"must have the share of each of the {len(labels)} classes")
    if not config["classes"]["is_multi"] and abs(sum(prior) - 1) > 1e-3:
        about.at("prior").fail("must be shares that sum to 1")
