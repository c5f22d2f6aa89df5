"""Evaluate predicted tags against gold: fill the report of a tagger.

Tags and spans become arrays once, and all that is counted is counted there. metrics.py says who counts what; report.py
knows what is said about the counts.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from numbers import Integral

import numpy as np

from seqtag.errors import DataError, UsageError, near_miss
from seqtag.evaluation.statistics.confidence import Confidence, measure_confidence
from seqtag.evaluation.statistics.counts import count_spans
from seqtag.evaluation.statistics.measurement import Measurement, hash_tagged
from seqtag.evaluation.statistics.resampling import bootstrap
from seqtag.evaluation.tagging.errors import plain_errors, span_errors
from seqtag.evaluation.tagging.known import Annotated, Known
from seqtag.evaluation.tagging.metrics import score_spans, score_tokens, token_accuracy
from seqtag.evaluation.tagging.report import TagReport
from seqtag.evaluation.tagging.slices import TrainingKnowledge, score_slices
from seqtag.text.schemes import check_scheme, tag_fits
from seqtag.text.tag_tables import SpanTable, TagTable

_REPAIRS = ("conlleval", "strict")

TagLists = Sequence[Sequence[str]]


def evaluate_tags(
    gold: TagLists,
    predicted: TagLists,
    *,
    scheme: str,
    repair: str = "conlleval",
    source: str = "",
    tokens: Sequence[Sequence[str]] | None = None,
    documents: Sequence[Hashable] | None = None,
    training: TrainingKnowledge | None = None,
    spans: SpanTable | None = None,
    candidates: SpanTable | None = None,
    annotated: Annotated | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> TagReport:
    """Compare predicted tags with gold, sentence by sentence; `scheme` is that of both.

    Tags that break their scheme count as they stand: conlleval's reading is lenient, the strict one passes them over.
    `repair="strict"` refuses them. Whatever else is given makes the report richer: `tokens` show the errors,
    `documents` (one name or number per sentence) are resampled in place of sentences, `training` says what was seen
    before, `spans` are those of the prediction with their probabilities (under 'plain' one per token), `candidates` all
    spans with a probability, predicted or not. What nobody annotated is left out, see known.py: tokens with the gold
    tag ?, and labels that are not among those that `annotated` has for a sentence. `source` names the data in messages
    and in the heading; `resamples=0` leaves the intervals out. Raises DataError, with the sentence's number from 1, for
    unequal lengths and for a tag that does not belong to the scheme.

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
    _check_pairs(gold, predicted, where)
    for name, column in (("lists of tokens", tokens), ("documents", documents)):
        if column is not None and len(column) != len(gold):
            raise DataError(f"{where}{len(gold)} gold sentences but {len(column)} {name}; pair them one to one")
    for number, (words, tags) in enumerate(zip(tokens or (), gold), 1):
        if len(words) != len(tags):
            raise DataError(f"{where}sentence {number} has {len(words)} tokens but {len(tags)} gold tags; mend one")

    numbers: dict[str, int] = {}
    tables = {"gold": TagTable.of(gold, numbers), "predicted": TagTable.of(predicted, numbers)}
    for name, table in tables.items():
        _check_names(table, name, scheme, where)
    num_illegal = [_count_illegal(*table, scheme, where, strict=repair == "strict") for table in tables.items()]
    known = Known(gold, scheme, annotated)
    found_spans = tables["predicted"].spans(scheme) if spans is None else spans
    num_unknown, num_found = 0, len(found_spans)
    if not known.is_all:
        num_unknown = int(known.unknown_tokens.sum())
        tables = {name: TagTable.of(known.tags(tags), numbers) for name, tags in zip(tables, (gold, predicted))}
        spans, candidates = (table if table is None else known.judged(table) for table in (spans, candidates))
        found_spans = known.judged(found_spans)
    gold_spans = tables["gold"].spans(scheme)
    judged = [
        replace(table, tags_N=table.tags_N[~known.unknown_tokens]) if num_unknown else table
        for table in tables.values()
    ]
    sides = (gold_spans, found_spans)
    is_plain = scheme == "plain"
    if is_plain:
        strict = conlleval = score_tokens(*judged)
        counts = count_spans(*sides)
    else:
        strict, conlleval, counts = score_spans(*tables.values(), scheme=scheme)
    units = counts if documents is None else counts.by_group(documents)
    return TagReport(
        source=source,
        measurement=Measurement(
            "tags" if is_plain else "spans",
            hash_tagged(tokens, gold_spans.places()),
            "sentences" if documents is None else "documents",
            units,
        ),
        scheme=scheme,
        repair=repair,
        num_sentences=len(gold),
        num_documents=None if documents is None else units.num_units,
        num_tokens=len(judged[0].tags_N),
        num_gold=len(gold_spans),
        num_predicted=len(found_spans),
        num_illegal=(num_illegal[0], num_illegal[1]),
        accuracy=token_accuracy(*judged),
        strict=strict,
        conlleval=conlleval,
        intervals=bootstrap(units, resamples=resamples, seed=seed) if resamples else None,
        errors=(plain_errors if is_plain else span_errors)(*sides, tokens),
        slices=() if tokens is None else score_slices(tokens, *sides, training=training, is_plain=is_plain),
        confidence=None if spans is None else _confidence(gold_spans, spans, candidates),
        num_unknown=num_unknown,
        num_unjudged=num_found - len(found_spans),
    )


def _confidence(gold: SpanTable, spans: SpanTable, candidates: SpanTable | None) -> Confidence:
    """Compare the probabilities of the predicted spans with gold, and those of all candidates for the curve."""
    wider = None if candidates is None else _events(gold, candidates)
    return measure_confidence(*_events(gold, spans), num_gold=len(gold), candidates=wider)


def _events(gold: SpanTable, spans: SpanTable) -> tuple[np.ndarray, np.ndarray]:
    """Give the probability of each span, and whether it is in gold."""
    assert spans.scores_K is not None
    return spans.scores_K, spans.are_in(gold)


def _check_pairs(gold: TagLists, predicted: TagLists, where: str) -> None:
    """Refuse sides that are no lists of tags, or not of the same sentences."""
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        if isinstance(corpus, str) or any(isinstance(tags, str) for tags in corpus):
            raise UsageError(f"{where}{name} holds strings where lists of tags are meant; pass [['B-PER', 'O'], ...]")
    if len(gold) != len(predicted):
        raise DataError(f"{where}{len(gold)} gold sentences but {len(predicted)} predicted; pair them one to one")
    if len(gold) == 0:
        raise DataError(f"{where}no sentences to score; pass at least one")
    for number, (left, right) in enumerate(zip(gold, predicted), 1):
        if len(left) != len(right):
            raise DataError(
                f"{where}sentence {number} has {len(left)} gold tags but {len(right)} predicted; "
                "each token needs one of each, so both sides must be cut into the same tokens"
            )


def _check_names(table: TagTable, name: str, scheme: str, where: str) -> None:
    """Refuse what is no tag of the scheme."""
    for number, tag in enumerate(table.names):
        if isinstance(tag, str) and tag_fits(tag, scheme):
            continue
        places = np.flatnonzero(table.tags_N == number)
        if not len(places):  # the other side has it
            continue
        sentence = np.searchsorted(table.offsets, places[0], side="right")
        if not isinstance(tag, str):
            raise UsageError(f"{where}sentence {sentence}: {name} tag {tag!r} is no string; pass names, not ids")
        raise DataError(
            f"{where}sentence {sentence}: {name} tag {tag!r} has no place in scheme {scheme}; "
            "convert one side with convert_tags, or name another scheme"
        )


def _count_illegal(name: str, table: TagTable, scheme: str, where: str, *, strict: bool) -> int:
    """Count the tags that break the scheme; `strict` refuses them."""
    num_illegal = 0
    for sentence, places in table.illegal(scheme):
        if strict:
            tag = table.names[table.tags_N[table.offsets[sentence] + places[0]]]
            raise DataError(
                f"{where}sentence {sentence + 1}: {name} tag {tag!r} at token {places[0] + 1} breaks scheme {scheme}; "
                "mend it, or pass repair='conlleval'"
            )
        num_illegal += len(places)
    return num_illegal
