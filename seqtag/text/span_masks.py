"""Turn a span into the sets of tags that spell it: what a constrained forward pass sums over, in every scheme."""

from collections.abc import Sequence

import numpy as np

from seqtag.text.schemes import Span, check_scheme, check_span, span_tags


def span_masks(span: Span, length: int, tags: Sequence[str], scheme: str) -> list[np.ndarray]:
    """Say which tags may stand where for a span to be read off: mutually exclusive alternatives, bool (length, L).

    The legal sequences inside one of the alternatives are exactly the legal sequences with this span, borders and
    label. IOB1 may need two. The list is empty where no sequence over `tags` holds the span: its probability is 0.

    >>> [mask.astype(int).tolist() for mask in span_masks(Span(0, 1, "PER"), 2, ["O", "B-PER", "I-PER"], "IOB2")]
    [[[0, 1, 0], [1, 1, 0]]]
    """
    check_scheme(scheme)
    check_span(span, length)
    if scheme == "plain" and span.end - span.start > 1:
        return []
    mask = np.ones((length, len(tags)), bool)
    written = [span.label] if scheme == "plain" else span_tags(span, scheme, touching=False)
    for position, tag in enumerate(written, span.start):
        mask[position] = [other == tag for other in tags]
    inside = f"I-{span.label}"
    if scheme in ("IO", "IOB1", "IOB2") and span.end < length:
        mask[span.end] = [other != inside for other in tags]
    alternatives = [mask]
    if scheme in ("IO", "IOB1") and span.start > 0:
        if scheme == "IOB1":
            begun = mask.copy()
            begun[span.start] = [other == f"B-{span.label}" for other in tags]
            alternatives.append(begun)
        mask[span.start - 1] = [other not in (inside, f"B-{span.label}") for other in tags]
    return [alternative for alternative in alternatives if alternative.any(axis=1).all()]
