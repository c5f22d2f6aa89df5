"""Find labels that are probably wrong: where a model that has not seen a row reads it otherwise.

Each row gets its exact probabilities from a model of folds without it. The label that the corpus has stands against the
likeliest counter-proposal. The log odds of the two rank all kinds of suspects together; those against a label count the
less, the less probability such labels have on the whole, since models fail to find hard labels although they are right.
Where models find little of any label, what they say of one says little too, and such differences count less.
This module finds suspects; what the report says of them is in suspect_report.py.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.tag_normalising import carried_scheme
from seqtag.curation.folds import Fold, Pool, cross_fit, pooled
from seqtag.curation.surroundings import Sentences, surfaces_of, with_copies, with_copies_of_texts
from seqtag.curation.suspect_report import BORDER, CLASS, EXTRA, MISSING, TAG, TYPE, Suspect, Suspects
from seqtag.errors import UsageError
from seqtag.text.joining import join_tokens
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG, Span, open_spans, spans_from_tags

_EXCERPT = 60  # characters of a text by which a correction knows it again
_FLOOR = 0.01  # the least probability of a proposal
_PRIOR, _LEAST_TRUST = 10, 0.01
_CERTAIN = 0.5  # from this probability on, a second span that the model would have in the place of one is proposed too


def find_suspects(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    folds: int = 5,
    seed: int = 0,
    least: float = 0.0,
    watch: Callable[[Fold], None] = lambda fold: None,
) -> Suspects:
    """Find what is probably labelled wrong in a corpus, with counter-proposals and exact probabilities.

    `estimator` is an untrained Tagger or Classifier; a clone of it is trained for each of the `folds`, and the
    probabilities of a row come from the clone that has not seen it. Documents, where they are known, and copies of a
    row stay in one fold. `X` is whatever `load_corpus` takes, all splits of it, or rows with their labels `y`. Suspects
    are spans that are missing, extra, of a wrong type or with a wrong border, plain tags, or classes of texts; unknown
    tags are none. They are ranked by a score, the log odds of the proposal times what the trust in models on such
    labels weighs; those of a lower score than `least` are left out, by default all whose proposal is less likely than
    what the corpus has. `watch` is called with each fold once its model is trained. Raises UsageError for a wrong call,
    DataError for the data.

    >>> find_suspects(None, [["Ada"]])
    Traceback (most recent call last):
        ...
    seqtag.errors.UsageError: find_suspects needs an untrained Tagger or Classifier first, not None
    """
    if getattr(estimator, "task", None) is None:
        raise UsageError(f"find_suspects needs an untrained Tagger or Classifier first, not {estimator!r}")
    if isinstance(least, bool) or not isinstance(least, (int, float)) or math.isnan(least):
        raise UsageError(f"least={least!r}: is the least score of a suspect, a number such as 0")
    pool = pooled(X, y, task=estimator.task, language=estimator.language)
    find = _find_in_texts if pool.task == "classify" else _find_in_sentences
    suspects, trust, surfaces = find(pool, cross_fit(estimator, pool, folds=folds, seed=seed), least, watch)
    return Suspects(
        source=X if isinstance(X, str) else "the corpus",
        task=pool.task,
        scheme=carried_scheme(pool.rows),
        num_rows=len(pool.rows),
        num_labels=sum(trust.counts.values()),
        folds=folds,
        seed=seed,
        least=float(least),
        trust=trust.by_label(),
        suspects=tuple(suspects),
        surfaces=surfaces,
    )


class Trust:
    """How far models can be trusted on each label: the mean probability that they gave to what the corpus has of it.

    The mean of all labels counts as much as ten more examples, so that a label that occurs once does not judge itself.

    >>> trust = Trust()
    >>> for label, probability in [*[("PER", 0.9)] * 90, ("PRE", 0.0)]:
    ...     trust.add(label, probability)
    >>> {label: round(share, 2) for label, share in trust.by_label().items()}
    {'PER': 0.9, 'PRE': 0.81}
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._sums: defaultdict[str, float] = defaultdict(float)

    def add(self, label: str, probability: float) -> None:
        """Take note of the probability of something that the corpus has."""
        self.counts[label] += 1
        self._sums[label] += probability

    @property
    def mean(self) -> float:
        """The trust in all labels together."""
        return max(_LEAST_TRUST, sum(self._sums.values()) / max(1, self.counts.total()))

    def by_label(self) -> dict[str, float]:
        """Give the trust for each label, more than 0 and at most 1."""
        mean = self.mean
        return {
            label: min(1.0, (self._sums[label] + _PRIOR * mean) / (self.counts[label] + _PRIOR))
            for label in sorted(self.counts)
        }

    def weights(self) -> dict[str, float]:
        """Give what the log odds against each label count: the trust in it, to the power of that in all labels.

        >>> trust = Trust()
        >>> trust.add("PER", 1.0), trust.add("LOC", 0.0)
        (None, None)
        >>> {label: round(weight, 2) for label, weight in trust.weights().items()}
        {'LOC': 0.67, 'PER': 0.74}
        """
        mean = self.mean
        return {label: share**mean for label, share in self.by_label().items()}

    def ranked(self, suspects: Sequence[Suspect], least: float) -> list[Suspect]:
        """Weigh suspects, with 1 where the corpus has nothing, and order those with a score of `least` or more."""
        weights = self.weights()
        weighed = [replace(s, weight=min((weights[span.label] for span in s.gold), default=1.0)) for s in suspects]
        chosen = [each for each in weighed if each.score >= least]
        return sorted(chosen, key=lambda each: (-each.score, each.split, each.row, each.region))


# -- sentences -------------------------------------------------------------------------------------------------------


def _find_in_sentences(pool: Pool, folds: Iterator[Fold], least: float, watch: Callable[[Fold], None]) -> Any:
    names, scheme = pool.rows.features["tags"].feature.names, str(carried_scheme(pool.rows))
    tags = [[names[number] for number in row] for row in pool.rows["tags"][:]]
    annotated = pool.rows[ANNOTATED][:] if ANNOTATED in pool.rows.column_names else [None] * len(tags)
    sentences = Sentences(
        pool.place,
        [tuple(tokens) for tokens in pool.rows["tokens"][:]],
        [known_spans(row, scheme) for row in tags],
        [frozenset(unknown_tokens(row, scheme)) for row in tags],
        [None if labels is None else frozenset(labels) for labels in annotated],
    )
    of_fold = _tags_of_fold if scheme == "plain" else _spans_of_fold
    found: list[Suspect] = []
    trust = Trust()
    for fold in folds:
        watch(fold)
        found += of_fold(sentences, fold, trust)
    suspects = with_copies(trust.ranked(found, least), sentences)
    return suspects, trust, surfaces_of(suspects, sentences, is_plain=scheme == "plain")


def known_spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Read the spans of a sentence, but for those that may go on in a token whose tag is unknown.

    >>> known_spans(["B-PER", "?", "B-LOC", "O"], "IOB2"), known_spans(["NOUN", "?"], "plain")
    ([Span(start=2, end=3, label='LOC')], [Span(start=0, end=1, label='NOUN')])
    """
    left_out = open_spans(tags, scheme) if UNKNOWN_TAG in tags else []
    return [span for span in spans_from_tags(tags, scheme) if span.label != UNKNOWN_TAG and span not in left_out]


def unknown_tokens(tags: Sequence[str], scheme: str) -> set[int]:
    """Give the tokens of a sentence whose tag is unknown, and those of spans that may go on in one of these.

    >>> unknown_tokens(["B-PER", "?", "B-LOC", "O"], "IOB2")
    {0, 1}
    """
    if UNKNOWN_TAG not in tags:
        return set()
    going_on = (range(span.start, span.end) for span in open_spans(tags, scheme))
    return {at for at, tag in enumerate(tags) if tag == UNKNOWN_TAG}.union(*going_on)


def _spans_of_fold(sentences: Sentences, fold: Fold, trust: Trust) -> Iterator[Suspect]:
    rows = fold.rows_N.tolist()
    tokens = [sentences.tokens[row] for row in rows]
    candidates = fold.model.predict_candidates(tokens, floor=_FLOOR)
    readings = [
        Reading.of(sentences.gold[row], found, unknown=sentences.unknown[row], annotated=sentences.annotated[row])
        for row, found in zip(rows, candidates)
    ]
    probabilities = fold.model.span_probabilities(tokens, [list(reading.asked) for reading in readings])
    for row, reading, scores in zip(rows, readings, probabilities):
        for span, score in zip(reading.gold, scores):
            trust.add(span.label, score)
        yield from map(partial(_placed, sentences, row), reading.suspects(scores))


@dataclass(frozen=True, slots=True)
class Found:
    """A suspect before it is known where its sentence stands."""

    kind: str
    gold: tuple[Span, ...]
    proposed: tuple[Span, ...]
    gold_probability: float
    proposed_probability: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The spans that the corpus has in a sentence, and those that a model holds for likely."""

    gold: tuple[Span, ...]
    rivals: tuple[Span, ...]  # likely spans that overlap one of gold and are not among them
    missing: tuple[Span, ...]  # likely spans where gold has none, without overlap

    @classmethod
    def of(
        cls,
        gold: Sequence[Span],
        candidates: Sequence[Span],
        *,
        unknown: frozenset[int] = frozenset(),
        annotated: frozenset[str] | None = None,
    ) -> "Reading":
        """Sort the likely spans of a sentence; one that has an unknown tag, or a label nobody looked for, is left out.

        `annotated` are the labels that were looked for in the sentence; None means all of them.
        """
        known = {(span.start, span.end, span.label) for span in gold}
        rivals, free = [], []
        for span in candidates:
            place = (span.start, span.end, span.label)
            if place in known or not unknown.isdisjoint(range(span.start, span.end)):
                continue
            if any(_overlap(span, each) for each in gold):
                rivals.append(span)
            elif annotated is None or span.label in annotated:
                free.append(span)
        missing: list[Span] = []
        for span in sorted(free, key=_probability, reverse=True):
            if not any(_overlap(span, other) for other in missing):
                missing.append(span)
        return cls(tuple(gold), tuple(rivals), tuple(missing))

    @property
    def asked(self) -> tuple[Span, ...]:
        """What the probabilities are needed of: of gold, and that nothing is where a span is, or is missing."""
        nothing = (Span(span.start, span.end, "") for span in (*self.gold, *self.missing))
        return (*self.gold, *nothing)

    def suspects(self, probabilities: Sequence[float]) -> list[Found]:
        """Give the suspects, whose proposals don't overlap, by the probabilities of what was `asked`."""
        sides = iter(probabilities)
        gold = [replace(span, score=next(sides)) for span in self.gold]
        nothing = [next(sides) for _ in gold]
        found: dict[tuple[Span, ...], Found] = {}
        for span, outside in zip(gold, nothing):
            each = self._against(span, outside, gold)
            # A proposal that overlaps several spans of gold is one suspect.
            found.setdefault(each.proposed or each.gold, each)
        for span in self.missing:
            each = Found(MISSING, (), (span,), next(sides), _probability(span))
            found.setdefault(each.proposed, each)
        chosen: list[Found] = []
        for each in sorted(found.values(), key=_odds, reverse=True):
            taken = [span for other in chosen for span in (*other.gold, *other.proposed)]
            if not any(_overlap(span, other) for span in (*each.gold, *each.proposed) for other in taken):
                chosen.append(each)
        return chosen

    def _against(self, span: Span, outside: float, gold: Sequence[Span]) -> Found:
        """Set the likeliest counter-proposal against a span of gold."""
        rivals = sorted((other for other in self.rivals if _overlap(span, other)), key=_probability, reverse=True)
        if not rivals or _probability(rivals[0]) <= outside:
            return Found(EXTRA, (span,), (), _probability(span), outside)
        best = rivals[0]
        replaced = tuple(each for each in gold if _overlap(best, each))
        proposed = [best]
        for other in rivals[1:]:
            inside = all(each in replaced for each in gold if _overlap(other, each))
            if inside and _probability(other) >= _CERTAIN and not any(_overlap(other, each) for each in proposed):
                proposed.append(other)
        is_type = len(replaced) == 1 and (best.start, best.end) == (span.start, span.end)
        least = min(map(_probability, replaced))
        proposal = tuple(sorted(proposed, key=lambda each: each.start))
        return Found(TYPE if is_type else BORDER, replaced, proposal, least, _probability(best))


def _overlap(left: Span, right: Span) -> bool:
    return left.start < right.end and right.start < left.end


def _probability(span: Span) -> float:
    assert span.score is not None
    return span.score


def _odds(found: Found) -> float:
    return found.proposed_probability / max(found.gold_probability, 1e-300)


def _placed(sentences: Sentences, row: int, found: Found) -> Suspect:
    tokens = sentences.tokens[row]
    split, number = sentences.place(row)
    gold, proposed = (
        tuple(replace(span, text=join_tokens(tokens[span.start : span.end])[0]) for span in spans)
        for spans in (found.gold, found.proposed)
    )
    places = {(span.start, span.end) for span in gold}
    return Suspect(
        found.kind,
        split,
        number,
        gold,
        proposed,
        found.gold_probability,
        found.proposed_probability,
        tokens,
        join_tokens(tokens)[0],
        () if found.kind == TAG else tuple(s for s in sentences.gold[row] if (s.start, s.end) not in places),
    )


def _tags_of_fold(sentences: Sentences, fold: Fold, trust: Trust) -> Iterator[Suspect]:
    rows = fold.rows_N.tolist()
    names = list(fold.model.tags_)
    column = {name: number for number, name in enumerate(names)}
    for row, probability_TD in zip(rows, fold.model.predict_proba([sentences.tokens[row] for row in rows])):
        for span in sentences.gold[row]:
            probability_D = probability_TD[span.start]
            gold = float(probability_D[column[span.label]]) if span.label in column else 0.0
            trust.add(span.label, gold)
            best = _best_other(probability_D, column.get(span.label))
            if best is None or probability_D[best] < _FLOOR:
                continue
            proposed = Span(span.start, span.end, names[best], score=float(probability_D[best]))
            found = Found(TAG, (replace(span, score=gold),), (proposed,), gold, _probability(proposed))
            yield _placed(sentences, row, found)


def _best_other(probability_L: np.ndarray, number: int | None) -> int | None:
    """Give the likeliest label but for one."""
    order = [int(each) for each in np.argsort(-probability_L, kind="stable")[:2] if each != number]
    return order[0] if order else None


# -- texts -----------------------------------------------------------------------------------------------------------


def _find_in_texts(pool: Pool, folds: Iterator[Fold], least: float, watch: Callable[[Fold], None]) -> Any:
    has_text = "text" in pool.rows.column_names
    given: list[Any] = pool.rows["text" if has_text else "tokens"][:]
    labels = label_names(pool.rows)
    is_multi = "labels" in pool.rows.column_names
    found: list[Suspect] = []
    trust = Trust()
    for fold in folds:
        watch(fold)
        rows = fold.rows_N.tolist()
        names = [str(label) for label in fold.model.classes_]
        probability_NL = fold.model.predict_proba([given[row] for row in rows])
        for row, probability_L in zip(rows, probability_NL.tolist()):
            known = dict(zip(names, probability_L))
            for label in labels[row] if is_multi else [labels[row]]:
                if label != UNKNOWN_TAG:
                    trust.add(label, known.get(label, 0.0))
            several = _wrong_of_several(labels[row], known) if is_multi else _wrong_class(labels[row], known)
            for each in several:
                if each.proposed_probability >= _FLOOR:
                    found.append(_text_suspect(pool, row, given[row], each))
    return with_copies_of_texts(trust.ranked(found, least), pool, given, labels), trust, ()


def _wrong_class(label: str, probabilities: dict[str, float]) -> Iterator[Found]:
    others = {name: probability for name, probability in probabilities.items() if name != label}
    if others and label != UNKNOWN_TAG:
        best = max(others, key=others.__getitem__)
        gold = Span(0, 0, label, score=probabilities.get(label, 0.0))
        proposed = Span(0, 0, best, score=others[best])
        yield Found(CLASS, (gold,), (proposed,), _probability(gold), _probability(proposed))


def _wrong_of_several(labels: Sequence[str], probabilities: dict[str, float]) -> Iterator[Found]:
    if UNKNOWN_TAG in labels:
        return
    for name, probability in probabilities.items():
        span = Span(0, 0, name, score=probability)
        if name in labels:
            yield Found(EXTRA, (span,), (), probability, 1 - probability)
        else:
            yield Found(MISSING, (), (span,), 1 - probability, probability)


def _text_suspect(pool: Pool, row: int, given: str | Sequence[str], found: Found) -> Suspect:
    split, number = pool.place(row)
    is_text = isinstance(given, str)
    text = str(given) if is_text else join_tokens(given)[0]
    gold, proposed = (
        tuple(replace(span, end=len(text), text=text[:_EXCERPT]) for span in spans)
        for spans in (found.gold, found.proposed)
    )
    tokens = () if is_text else tuple(given)
    probabilities = found.gold_probability, found.proposed_probability
    return Suspect(found.kind, split, number, gold, proposed, *probabilities, tokens, text)
