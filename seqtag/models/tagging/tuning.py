"""Choose thresholds for a trained tagger, so that the spans that it finds reach a wanted precision or recall.

`inference.span_selection` says how thresholds decide; the weights of the network stay unchanged.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqtag.errors import UsageError, near_miss
from seqtag.evaluation.tagging.thresholds import Threshold, choose_thresholds, cuts
from seqtag.inference.span_selection import labels_apart, score_of, side_by_side
from seqtag.inference.tag_engine import Sentences
from seqtag.models import options as check
from seqtag.models.tagging.inference import NbestTagEngine
from seqtag.text.schemes import Span, entity_labels, spans_from_tags
from seqtag.text.tagset import TagSet

logger = logging.getLogger("seqtag")

# No threshold is lower than this: the candidates below are many and nearly all wrong.
_LEAST = 0.005
_MOST_PASSES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that thresholds have to reach on the data that they are chosen on."""

    figure: str  # precision or recall
    by_label: Mapping[str, float]  # a label that is missing here gets the threshold with the best F1


@dataclass(frozen=True, slots=True)
class Tuning:
    """The thresholds of a tagger, the figures that they had to reach, and those that they reached on their data."""

    figure: str  # precision or recall
    wanted: Mapping[str, float]  # by label
    num_sentences: int
    labels: Mapping[str, Threshold]

    def describe(self) -> str:
        """Say in a line which thresholds these are, and what was wanted of them."""
        least = ", ".join(f"{label} {found.value:.3f}" for label, found in self.labels.items())
        shares = set(self.wanted.values()) if set(self.wanted) == set(self.labels) else set()
        wanted = ", ".join(f"{label} {share:g}" for label, share in self.wanted.items())
        wanted = f"{shares.pop():g}" if len(shares) == 1 else wanted
        return f"{least}; chosen on {self.num_sentences:,} sentences, where a {self.figure} of {wanted} was wanted"

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Tuning":
        """Read what `dataclasses.asdict` made of one."""
        return cls(**{**stored, "labels": {label: Threshold(**found) for label, found in stored["labels"].items()}})


def read_target(recall: Any, precision: Any, tagset: TagSet, *, prefix: str = "") -> Target | None:
    """Check what thresholds have to reach: a share for all labels, or a mapping by label; None where nothing is asked.

    `prefix` begins the names of the two arguments, for the messages. Raises UsageError for both figures at once, for a
    value that is no share, for an unknown label, and for plain tags, since each token gets one however sure it is.
    """
    asked = {name: wanted for name, wanted in (("recall", recall), ("precision", precision)) if wanted is not None}
    if not asked:
        return None
    given = " and ".join(f"{prefix}{name}={wanted!r}" for name, wanted in asked.items())
    if len(asked) > 1:
        raise UsageError(f"{given}: thresholds can be chosen for one of the two figures; leave out the other")
    if tagset.data_scheme == "plain":
        raise UsageError(f"{given}: the tags are plain, one per token, and thresholds choose among spans; leave it out")
    [(figure, wanted)] = asked.items()
    labels = entity_labels(tagset.data_tags)
    by_label = dict(wanted) if isinstance(wanted, Mapping) else dict.fromkeys(labels, wanted)
    for label, share in by_label.items():
        if label not in labels:
            raise UsageError(f"{given}: unknown label {label!r}; {near_miss(str(label), labels)}")
        if check.share.problem(share):
            raise UsageError(f"{given}: {share!r} is no share; give a number above 0 and at most 1, such as 0.95")
    return Target(figure, {label: float(share) for label, share in by_label.items()})


def fit_thresholds(engine: NbestTagEngine, sentences: Sentences, gold: Sentences, target: Target) -> Tuning:
    """Choose a threshold for each label so that the spans that are found with them reach the target on these data.

    Labels that can't reach it get the threshold that comes nearest, and a warning names them.
    """
    tagset = engine.tagset
    gold_spans = [spans_from_tags(tags, tagset.data_scheme) for tags in gold]
    search = _Search(
        engine.candidates(sentences, _LEAST).lists(),
        gold_spans,
        target,
        labels=entity_labels(tagset.data_tags),
        apart=labels_apart(tagset),
    )
    chosen = search.run()
    missed = {label: getattr(found, target.figure) for label, found in chosen.items() if not found.reached}
    if missed:
        named = ", ".join(f"{label} ({_percent(figure)})" for label, figure in missed.items())
        logger.warning("the wanted %s is out of reach for %s; the nearest threshold is taken", target.figure, named)
    return Tuning(target.figure, target.by_label, len(sentences), chosen)


class _Search:
    """Find the thresholds that reach a target when only some of the candidates that overlap are kept.

    `choose_thresholds` looks at each candidate by itself and gives the place to begin at. Of candidates that overlap
    decoding keeps some, which lowers the recall and improves the precision; so from there the thresholds go down as far
    as the target asks (recall) or allows (precision), by bisection in all labels at once. Since labels compete for the
    same tokens, some then fall short of it: for a recall, they are asked for no more than they reached; for a
    precision, they go back to where they began; and the others are searched once more.
    """

    def __init__(
        self,
        found: Sequence[Sequence[Span]],
        gold: Sequence[Sequence[Span]],
        target: Target,
        *,
        labels: Sequence[str],
        apart: frozenset[str],
    ) -> None:
        self.found, self.target, self.apart = found, target, apart
        self.gold = [{(span.start, span.end, span.label) for span in spans} for spans in gold]
        in_gold = Counter(label for spans in self.gold for *_, label in spans)
        self.num_gold = {label: in_gold[label] for label in labels}
        events = [(span, _is_right(span, right)) for spans, right in zip(found, self.gold) for span in spans]
        names = [span.label for span, _ in events]
        scores = np.array([score_of(span) for span, _ in events], np.float64)
        right = [is_right for _, is_right in events]
        wanted: dict[str, Mapping[str, float]] = {target.figure: target.by_label}
        self.first = choose_thresholds(names, scores, right, self.num_gold, **wanted)
        by_label = {label: scores[np.array([name == label for name in names], bool)] for label in target.by_label}
        # Labels whose threshold can be moved, with all the places that it can have: the lower, the more spans.
        self.levels = {label: cuts(some) for label, some in by_label.items() if len(some) and self.num_gold[label]}
        self.begin = {k: int(np.searchsorted(-level, -self.first[k].value)) for k, level in self.levels.items()}

    def run(self) -> dict[str, Threshold]:
        """Give the threshold of each label, with its figures after decoding."""
        place, free = dict(self.begin), set(self.levels)
        wanted = {label: self.target.by_label[label] for label in self.levels}
        for _ in range(_MOST_PASSES):
            place = self._bisect(place, free, wanted)
            measured = self.measure(place)
            short = {label for label in free if self._figure(measured[label]) < wanted[label]}
            if not short:
                break
            for label in short:
                if self.target.figure == "recall":
                    wanted[label] = self._figure(measured[label])
                else:
                    place[label] = self.begin[label]
                    free.discard(label)
        return self.measure(place)

    def measure(self, place: Mapping[str, int]) -> dict[str, Threshold]:
        """Decode with the thresholds at these places, and measure the figures of each label."""
        values = {label: found.value for label, found in self.first.items()}
        values |= {label: float(self.levels[label][i]) for label, i in place.items()}
        num_kept: Counter[str] = Counter()
        num_right: Counter[str] = Counter()
        for spans, right in zip(self.found, self.gold):
            for span in side_by_side([span for span in spans if score_of(span) >= values[span.label]], self.apart):
                num_kept[span.label] += 1
                num_right[span.label] += _is_right(span, right)
        measured = {}
        for label, value in values.items():
            precision = num_right[label] / num_kept[label] if num_kept[label] else None
            recall = num_right[label] / self.num_gold[label] if self.num_gold[label] else None
            found = Threshold(value, precision, recall, reached=True)
            wanted = self.target.by_label.get(label, 0.0)
            measured[label] = found if self._figure(found) >= wanted else replace(found, reached=False)
        return measured

    def _bisect(self, place: Mapping[str, int], free: set[str], wanted: Mapping[str, float]) -> dict[str, int]:
        """Find the first place that reaches what is wanted, for a recall, or the last one, for a precision."""
        low = dict(place) | {label: self.begin[label] for label in free}
        high = dict(place) | {label: len(self.levels[label]) - 1 for label in free}
        is_recall = self.target.figure == "recall"
        while moving := [label for label in free if low[label] < high[label]]:
            middle = {label: (low[label] + high[label] + (not is_recall)) // 2 for label in low}
            measured = self.measure(middle)
            for label in moving:
                if (self._figure(measured[label]) >= wanted[label]) == is_recall:
                    high[label] = middle[label] - (not is_recall)
                else:
                    low[label] = middle[label] + is_recall
        return low

    def _figure(self, found: Threshold) -> float:
        """Give the figure of the target; 0 where there are no spans to measure it on."""
        return (found.precision if self.target.figure == "precision" else found.recall) or 0.0


def _is_right(span: Span, gold: set[tuple[int, int, str]]) -> bool:
    return (span.start, span.end, span.label) in gold


def _percent(share: float | None) -> str:
    return "no span" if share is None else f"{100 * share:.1f}%"
