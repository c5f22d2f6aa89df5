"""The options of a tagger, beside those that it has in common with other estimators."""

from collections.abc import Mapping
from dataclasses import dataclass

from seqtag.models import options as check
from seqtag.models.options import option


@dataclass(kw_only=True, eq=False, repr=False)
class TaggerOptions:
    """What the constructor of `Tagger` takes besides."""

    head: str = option(
        "crf",
        check.one_of("linear", "crf"),
        "The tags come from a CRF (legal sequences only, exact probabilities), or one by one from a linear layer.",
        "task",
    )
    balance: bool = option(True, check.truth, "The score of the tag O is shifted to where F1 on dev is best.", "task")
    calibrate: bool = option(
        False, check.truth, "A temperature fitted on dev makes probabilities as sure as they are right.", "task"
    )
    wanted_recall: float | None = option(
        None,
        check.optional(check.share),
        "Thresholds are chosen on dev so that each label reaches this recall; see `tune`.",
        "task",
    )
    wanted_precision: float | None = option(
        None,
        check.optional(check.share),
        "Thresholds are chosen on dev so that each label reaches this precision; see `tune`.",
        "task",
    )
    unlabelled: str = option(
        "outside",
        check.one_of("outside", "unknown"),
        "Tokens with the tag O are outside of entities; or they are unknown, because annotators marked only some "
        "entities: then `entity_share` says how many there are.",
        "task",
    )
    entity_share: float = option(
        0.15,
        check.share,
        "With unlabelled='unknown' about this share of the tokens, give or take 0.05, is expected to be inside of "
        "entities; without, it says nothing.",
        "task",
    )
    augment: float = option(
        0.0,
        check.number(0, 1),
        "Training puts others of the same label, drawn anew in each epoch from the training data, in the place of this "
        "share of the mentions; under plain tags each word is a mention (Dai and Adel 2020, "
        "https://aclanthology.org/2020.coling-main.343/).",
        "training",
    )
    start_from: str | None = option(
        None,
        check.optional(check.text),
        "Training starts from the model in this folder: its weights, words and tags stay. Labels that it has and the "
        "new data lack count as not annotated there.",
        "training",
    )
    keep: float | None = option(
        None,
        check.optional(check.share),
        "With `start_from`, the old model says where its labels are in the new data, if it is at least this sure.",
        "training",
    )

    gazetteers: Mapping[str, str] | None = option(
        None,
        check.optional(check.phrase_files),
        "Lists of phrases: a file for each name, one phrase per line, gzipped or not. The model learns what it means "
        "that a token begins, ends or stands inside a phrase of a list.",
        "tokens",
    )
    gazetteer_case: str = option(
        "match",
        check.one_of("match", "ignore"),
        "A phrase has to match in upper and lower case as well, or case is ignored.",
        "tokens",
    )
    gazetteer_size: int | None = option(
        None,
        check.optional(check.size(1)),
        "What a token is in phrases of lists reaches the encoder as this many numbers; None takes 4 for each list, and "
        "at most 20.",
        "tokens",
    )
    gazetteer_dropout: float = option(
        0.3,
        check.fraction,
        "Training overlooks this share of the phrases that sentences hold, each as a whole, so that the model does not "
        "lean on the lists.",
        "tokens",
    )
