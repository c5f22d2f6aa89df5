"""Say what to do next, where the figures of a report give it: sentences for labels, suspects, thresholds and training.

Every step holds by the report's own numbers, and a step that the numbers don't give is left out.
"""

from collections.abc import Iterable, Iterator, Sequence

from seqtag.evaluation.slices import Slice
from seqtag.evaluation.statistics.confidence import Confidence, CoveragePoint
from seqtag.evaluation.training_curve import Epoch
from seqtag.evaluation.wording import quoted
from seqtag.reporting.figures import listed

FEW = 10  # a figure of fewer examples says little
SURE = 0.9  # the probability from which on an error may be a mistake of gold
_LEAST_GAIN = 0.005  # in F1, by which a threshold has to help
_LEAST_LIFT = 0.02  # in the share of right answers
_LEAST_GAP = 0.1  # between what training had and the rest
# What the first slice of a group holds; the others hold the rest.
_KNOWN = {
    "surface in training": "spans of gold that training had",
    "word in training": "words that training had",
    "unknown words": "texts without unknown words",
}


def few_examples(support: Iterable[tuple[object, int]]) -> Iterator[str]:
    """Name the labels that have few examples in gold.

    >>> list(few_examples([("PER", 30), ("LOC", 3)]))
    ['Measure on more examples of “LOC”: with fewer than 10 in these data, its figures say little.']
    """
    few = [label for label, number in support if 0 < number < FEW]
    if few:
        its = "its figures say" if len(few) == 1 else "their figures say"
        yield f"Measure on more examples of {quoted(few)}: with fewer than {FEW} in these data, {its} little."


def confident_errors(places: Sequence[str]) -> Iterator[str]:
    """Point at errors that the model was sure of, the surest first.

    >>> [step.partition(";")[0] for step in confident_errors(["sentence 7", "sentence 2"])]
    ['Look at the errors with a probability of 0.9 or more (sentence 7, sentence 2): some may be mistakes in gold']
    """
    if places:
        yield (
            f"Look at the errors with a probability of {SURE} or more ({listed(places, most=3)}): some may be mistakes "
            "in gold; seqtag suspects finds those of training data."
        )


def more_labels(slices: Sequence[Slice]) -> Iterator[str]:
    """Advise more labels where what training had is found better than the rest by ten points or more.

    >>> slices = [Slice("word in training", "known", 20, 20, 19), Slice("word in training", "unknown", 10, 10, 4)]
    >>> [step.partition(";")[0] for step in more_labels(slices)]
    ['Label more: of the words that training had 95.0% come out right, of the others 40.0%']
    """
    for group, what in _KNOWN.items():
        known, *others = [each for each in slices if each.group == group] or [Slice(group, "", 0, 0, 0)]
        num_others, right = sum(each.num_gold for each in others), sum(each.num_right for each in others)
        if min(known.num_gold, num_others) < FEW:
            continue
        had, had_not = known.num_right / known.num_gold, right / num_others
        if had - had_not >= _LEAST_GAP:
            yield (
                f"Label more: of the {what} {100 * had:.1f}% come out right, of the others {100 * had_not:.1f}%; "
                "seqtag curve forecasts what more labels give, and seqtag select chooses what to label next."
            )


def threshold_for_spans(confidence: Confidence | None, num_gold: int) -> Iterator[str]:
    """Say which least probability would raise the F1 of what is predicted, if one does."""
    if confidence is None or not confidence.coverage or not num_gold:
        return

    def f1(point: CoveragePoint) -> float:
        kept = point.share * confidence.num_events
        return 2 * point.precision * kept / (kept + num_gold)

    now, best = confidence.coverage[-1], max(confidence.coverage, key=f1)
    if f1(best) - f1(now) >= _LEAST_GAIN:
        yield (
            f"Try a threshold: without what is less probable than {best.threshold:.4f}, F1 on these data would be "
            f"{100 * f1(best):.1f} instead of {100 * f1(now):.1f}; choose the threshold on dev data, with seqtag tune."
        )


def threshold_for_answers(confidence: Confidence | None, noun: str) -> Iterator[str]:
    """Say how much the surest answers are better than all of them, where that helps."""
    if confidence is None or not confidence.coverage:
        return
    now = confidence.coverage[-1]
    point = min(confidence.coverage, key=lambda point: (abs(point.share - 0.8), -point.share))
    if point.precision - now.precision >= _LEAST_LIFT:
        yield (
            f"Leave unsure {noun} to a person: of the surest {100 * point.share:.0f}% (probability "
            f"{point.threshold:.4f} or more) {100 * point.precision:.1f}% are right, of all {100 * now.precision:.1f}%."
        )


def longer_training(history: Sequence[Epoch]) -> Iterator[str]:
    """Advise more epochs where the last one had the best dev score.

    >>> list(longer_training([Epoch(1, 2.0, 0.5), Epoch(2, 1.0, 0.6)]))
    ['Train longer: the dev score was highest in the last epoch, 2.']
    """
    if len(history) > 1 and history[-1].dev_score > max(epoch.dev_score for epoch in history[:-1]):
        yield f"Train longer: the dev score was highest in the last epoch, {history[-1].epoch}."
