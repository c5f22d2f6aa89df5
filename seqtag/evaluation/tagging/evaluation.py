"""Evaluate predicted tags against gold: fill the report of a tagger.

metrics.py counts, by seqeval and scikit-learn; report.py knows what is said about the counts.
"""

from collections.abc import Hashable, Sequence
from numbers import Integral

import numpy as np

from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.statistics.confidence import Confidence, measure_confidence
from seqtag.evaluation.statistics.counts import count_spans
from seqtag.evaluation.statistics.measurement import Measurement, hash_tagged
from seqtag.evaluation.statistics.resampling import bootstrap
from seqtag.evaluation.tagging.errors import plain_errors, span_errors
from seqtag.evaluation.tagging.metrics import score_spans, score_tokens, token_accuracy
from seqtag.evaluation.tagging.report import TagReport
from seqtag.evaluation.tagging.slices import TrainingKnowledge, score_slices
from seqtag.text.schemes import Span, check_scheme, illegal_positions, spans_from_tags, tag_fits

_REPAIRS = ("conlleval", "strict")

SpanLists = Sequence[Sequence[Span]]


def evaluate_tags(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    scheme: str,
    repair: str = "conlleval",
    source: str = "",
    tokens: Sequence[Sequence[str]] | None = None,
    documents: Sequence[Hashable] | None = None,
    training: TrainingKnowledge | None = None,
    spans: SpanLists | None = None,
    candidates: SpanLists | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> TagReport:
    """Compare predicted tags with gold, sentence by sentence; `scheme` is that of both.

    Tags that break their scheme count as they stand: conlleval's reading is lenient, the strict one passes them over.
    `repair="strict"` refuses them. Whatever else is given makes the report richer: `tokens` show the errors,
    `documents` (one name or number per sentence) are resampled in place of sentences, `training` says what was seen
    before, `spans` are those of the prediction with their probabilities (under 'plain' one per token), `candidates` all
    spans with a probability, predicted or not. `source` names the data in messages and in the heading;
    `resamples=0` leaves the intervals out. Raises DataError, with the sentence's number from 1, for unequal lengths and
    for a tag that does not belong to the scheme.

    >>> report = evaluate_tags([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]], scheme="IOB2")
    >>> report.precision, report.recall, report.num_predicted
    (0.5, 1.0, 2)
    """
    check_scheme(scheme)
    if repair not in _REPAIRS:
        raise UsageError(f"unknown repair {repair!r}; {near_miss(str(repair), _REPAIRS)}")
    if not isinstance(resamples, Integral) or resamples < 0:
        raise UsageError(f"resamples={resamples!r}: pass a whole number, 0 for no intervals")
    where = f"{source}: " if source else ""
    num_illegal = _check(gold, predicted, scheme=scheme, where=where, strict=repair == "strict")
    for name, column in (("lists of tokens", tokens), ("documents", documents), ("lists of spans", spans)):
        if column is not None and len(column) != len(gold):
            raise DataError(f"{where}{len(gold)} gold sentences but {len(column)} {name}; pair them one to one")
    for number, (words, tags) in enumerate(zip(tokens or (), gold), 1):
        if len(words) != len(tags):
            raise DataError(f"{where}sentence {number} has {len(words)} tokens but {len(tags)} gold tags; mend one")

    gold_spans = [spans_from_tags(tags, scheme) for tags in gold]
    found_spans = spans or [spans_from_tags(tags, scheme) for tags in predicted]
    sides = (gold_spans, found_spans)
    is_plain = scheme == "plain"
    if is_plain:
        strict = conlleval = score_tokens(gold, predicted)
        counts = count_spans(*sides)
    else:
        strict, conlleval, counts = score_spans(gold, predicted, scheme=scheme)
    units = counts if documents is None else counts.by_group(documents)
    return TagReport(
        source=source,
        measurement=Measurement(
            "tags" if is_plain else "spans",
            hash_tagged(tokens, gold_spans),
            "sentences" if documents is None else "documents",
            units,
        ),
        scheme=scheme,
        repair=repair,
        num_sentences=len(gold),
        num_documents=None if documents is None else units.num_units,
        num_tokens=sum(map(len, gold)),
        num_gold=sum(map(len, gold_spans)),
        num_predicted=sum(map(len, found_spans)),
        num_illegal=num_illegal,
        accuracy=token_accuracy(gold, predicted),
        strict=strict,
        conlleval=conlleval,
        intervals=bootstrap(units, resamples=resamples, seed=seed) if resamples else None,
        errors=(plain_errors if is_plain else span_errors)(*sides, tokens),
        slices=() if tokens is None else score_slices(tokens, *sides, training=training, is_plain=is_plain),
        confidence=None if spans is None else _confidence(gold_spans, spans, candidates),
    )


def _confidence(gold: SpanLists, spans: SpanLists, candidates: SpanLists | None) -> Confidence:
    """Compare the probabilities of the predicted spans with gold, and those of all candidates for the curve."""
    wider = None if candidates is None else _events(gold, candidates)
    return measure_confidence(*_events(gold, spans), num_gold=sum(map(len, gold)), candidates=wider)


def _events(gold: SpanLists, spans: SpanLists) -> tuple[np.ndarray, np.ndarray]:
    """Give the probability of each span, and whether it is in gold."""
    scores, right = [], []
    for expected, found in zip(gold, spans):
        known = {(span.start, span.end, span.label) for span in expected}
        scores += [span.score for span in found]
        right += [(span.start, span.end, span.label) in known for span in found]
    return np.array(scores, float), np.array(right, bool)


def _check(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, scheme: str, where: str, strict: bool
) -> tuple[int, int]:
    """Refuse sides that can't be compared; count the tags of both that break the scheme."""
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        if isinstance(corpus, str) or any(isinstance(tags, str) for tags in corpus):
            raise UsageError(f"{where}{name} holds strings where lists of tags are meant; pass [['B-PER', 'O'], ...]")
    if len(gold) != len(predicted):
        raise DataError(f"{where}{len(gold)} gold sentences but {len(predicted)} predicted; pair them one to one")
    if len(gold) == 0:
        raise DataError(f"{where}no sentences to score; pass at least one")
    known: dict[str, bool] = {}
    num_illegal = {"gold": 0, "predicted": 0}
    for number, pair in enumerate(zip(gold, predicted), 1):
        if len(pair[0]) != len(pair[1]):
            raise DataError(
                f"{where}sentence {number} has {len(pair[0])} gold tags but {len(pair[1])} predicted; "
                "each token needs one of each, so both sides must be cut into the same tokens"
            )
        for name, tags in zip(("gold", "predicted"), pair):
            for tag in tags:
                if tag not in known:
                    if not isinstance(tag, str):
                        raise UsageError(
                            f"{where}sentence {number}: {name} tag {tag!r} is no string; pass names, not ids"
                        )
                    known[tag] = tag_fits(tag, scheme)
                if not known[tag]:
                    raise DataError(
                        f"{where}sentence {number}: {name} tag {tag!r} has no place in scheme {scheme}; "
                        "convert one side with convert_tags, or name another scheme"
                    )
            illegal = illegal_positions(tags, scheme) if any(tag != "O" for tag in tags) else []
            num_illegal[name] += len(illegal)
            if illegal and strict:
                raise DataError(
                    f"{where}sentence {number}: {name} tag {tags[illegal[0]]!r} at token {illegal[0] + 1} breaks "
                    f"scheme {scheme}; mend it, or pass repair='conlleval'"
                )
    return num_illegal["gold"], num_illegal["predicted"]
