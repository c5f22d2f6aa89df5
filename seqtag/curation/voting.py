"""Merge what annotators say of the same texts by vote: the majority counts, and a split vote is an unknown tag.

annotations.py sets their labels side by side. This module knows no file: what it gives are rows.
"""

# A annotators, N items (tokens or texts), L labels

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seqtag.curation.annotations import PARTLY, Annotations
from seqtag.text.schemes import UNKNOWN_TAG, Span, span_tags


@dataclass(frozen=True, slots=True)
class Merged:
    """A corpus by vote, and how the votes went."""

    rows: tuple[int, ...]  # of the annotations, which are in it: all of them but for texts with a split vote
    tags: tuple[list[str], ...]  # of each row; `?` where the vote was split
    spans: tuple[list[Span], ...]  # of tokens; for plain tags one per token that is known
    labels: tuple[list[str], ...]  # of each text
    num_decided: int  # tokens or texts on which the vote decided, or all agreed
    num_split: int  # tokens or texts without a majority; nobody knew some of them
    num_left_out: int  # texts that are not in `rows`
    counts: dict[str, int]  # label -> how many spans, tags or texts


def merge_by_vote(annotations: Annotations) -> Merged:
    """Merge the annotators: what more than half of those who know a place say of it counts.

    A span needs its borders and its label to be the same in more than half of them, and a token stands outside where
    more than half say so. All other tokens become unknown, `?`: nothing is decided by a draw. Texts with a split vote
    are left out. Tags are written in the annotators' scheme, or in IOB2 where their schemes differ.

    >>> from datasets import Dataset
    >>> from seqtag.curation.annotations import side_by_side
    >>> tags = {"ada": ["B-PER", "I-PER", "O"], "bo": ["B-PER", "I-PER", "B-LOC"], "cy": ["B-PER", "O", "O"]}
    >>> words = [["Ada", "Byron", "met"]]
    >>> rows = {name: Dataset.from_dict({"tokens": words, "tags": [row]}) for name, row in tags.items()}
    >>> merge_by_vote(side_by_side(rows)).tags
    (['B-PER', 'I-PER', 'O'],)
    >>> merge_by_vote(side_by_side({name: rows[name] for name in ("bo", "cy")})).tags
    (['?', '?', '?'],)
    """
    if annotations.task == "spans":
        return _merge_spans(annotations)
    return _merge_tags(annotations) if annotations.task == "tags" else _merge_labels(annotations)


def _merge_spans(annotations: Annotations) -> Merged:
    codes_AN, scheme = annotations.codes_AN, str(annotations.scheme)
    if annotations.annotated is not None:  # the merged corpus says for which labels it was annotated, as the others do
        codes_AN = np.where(codes_AN == PARTLY, 0, codes_AN)
    is_outside_N = 2 * (codes_AN == 0).sum(0) > (codes_AN >= 0).sum(0)
    voters = {label: annotations.by_label(number) >= 0 for number, label in enumerate(annotations.labels)}
    lists = [table.lists() for table in annotations.spans]
    tags, spans = [], []
    num_known = 0
    for row, (start, end) in enumerate(pairwise(annotations.offsets.tolist())):
        votes = Counter((s.start, s.end, s.label) for found in lists for s in found[row])
        elected = sorted(
            place
            for place, number in votes.items()
            if 2 * number > voters[place[2]][:, start + place[0] : start + place[1]].all(1).sum()
        )
        # Where not all know all tokens, spans that overlap may each have a majority: a draw.
        clear = [
            place
            for place in elected
            if not any(other != place and max(other[0], place[0]) < min(other[1], place[1]) for other in elected)
        ]
        found = [Span(*place) for place in clear]
        row_tags = ["O" if outside else UNKNOWN_TAG for outside in is_outside_N[start:end].tolist()]
        for place in elected:
            row_tags[place[0] : place[1]] = [UNKNOWN_TAG] * (place[1] - place[0])
        for number, span in enumerate(found):
            before = found[number - 1] if number else None
            touching = before is not None and before.end == span.start and before.label == span.label
            row_tags[span.start : span.end] = span_tags(span, scheme, touching=touching)
        num_known += len(row_tags) - row_tags.count(UNKNOWN_TAG)
        tags.append(row_tags)
        spans.append(found)
    return Merged(
        rows=tuple(range(len(tags))),
        tags=tuple(tags),
        spans=tuple(spans),
        labels=(),
        num_decided=num_known,
        num_split=codes_AN.shape[1] - num_known,
        num_left_out=0,
        counts=_ordered(Counter(span.label for found in spans for span in found)),
    )


def _merge_tags(annotations: Annotations) -> Merged:
    code_N = _majority(annotations.codes_AN, len(annotations.categories))
    names = [*annotations.categories, UNKNOWN_TAG]
    bounds = list(pairwise(annotations.offsets.tolist()))
    tags = [[names[code] for code in code_N[start:end].tolist()] for start, end in bounds]
    spans = [[Span(at, at + 1, tag) for at, tag in enumerate(row) if tag != UNKNOWN_TAG] for row in tags]
    num_split = int((code_N < 0).sum())
    return Merged(
        rows=tuple(range(len(tags))),
        tags=tuple(tags),
        spans=tuple(spans),
        labels=(),
        num_decided=len(code_N) - num_split,
        num_split=num_split,
        num_left_out=0,
        counts=_ordered(Counter(span.label for found in spans for span in found)),
    )


def _merge_labels(annotations: Annotations) -> Merged:
    known_AN = annotations.codes_AN >= 0
    if annotations.holds_ANL is None:
        code_N = _majority(annotations.codes_AN, len(annotations.categories))
        is_clear_N = code_N >= 0
        found = [[annotations.labels[code]] for code in code_N.tolist()]
    else:
        votes_NL = (annotations.holds_ANL & known_AN[:, :, None]).sum(0)
        voters_N = known_AN.sum(0)
        is_clear_N = (2 * votes_NL != voters_N[:, None]).all(1) & (voters_N > 0)
        has_NL = 2 * votes_NL > voters_N[:, None]
        found = [[annotations.labels[number] for number in np.flatnonzero(has_L)] for has_L in has_NL]
    rows = np.flatnonzero(is_clear_N).tolist()
    labels = [found[row] for row in rows]
    return Merged(
        rows=tuple(rows),
        tags=(),
        spans=(),
        labels=tuple(labels),
        num_decided=len(rows),
        num_split=len(found) - len(rows),
        num_left_out=len(found) - len(rows),
        counts=_ordered(Counter(label for names in labels for label in names)),
    )


def _majority(codes_AN: np.ndarray, num_categories: int) -> np.ndarray:
    """Give the category that more than half of the annotators who know an item say; -1 where there is none."""
    votes_NC = np.stack([(codes_AN == code).sum(0) for code in range(num_categories)], 1)
    code_N = votes_NC.argmax(1)
    return np.where(2 * votes_NC.max(1) > (codes_AN >= 0).sum(0), code_N, -1)


def _ordered(counts: "Counter[str]") -> dict[str, int]:
    return dict(sorted(counts.items()))


def unknown_spans(tags: Sequence[str]) -> list[Span]:
    """Give the runs of unknown tags as spans, for formats that hold spans and no tags.

    >>> unknown_spans(["?", "?", "O", "?"])
    [Span(start=0, end=2, label='?'), Span(start=3, end=4, label='?')]
    """
    inside = [False, *(tag == UNKNOWN_TAG for tag in tags), False]
    borders = [at for at, (before, here) in enumerate(pairwise(inside)) if before != here]
    return [Span(start, end, UNKNOWN_TAG) for start, end in zip(borders[::2], borders[1::2])]
