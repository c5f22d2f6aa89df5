"""Read product reviews in the mark-up of Hu and Liu (2004), one sentence per line, as sentences with a polarity.

`battery[+2], size[-1][u]##the battery lasts , but it is heavy .` has the opinions on features before `##`; lines that
begin with `[t]` are titles, lines that begin with `*` notes. Source: Mining and Summarizing Customer Reviews, KDD 2004,
and the README of the data.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from seqtag.corpora.labelled_drafts import LabelledPart, LabelledRow, gather_texts
from seqtag.corpora.lines import numbered_lines

logger = logging.getLogger("seqtag")

_START = "##"
_OPINION = re.compile(r"\[([+-]\d{1,9})\]")
_FEATURE = re.compile(r"[^\[\]{},]*\[[+-]\d{1,9}\](\s*\[(u|p|s|cc|cs)\])*")  # of a feature without space around it
_LOOKED_AT = 100  # lines that tell the mark-up


def is_opinion_file(path: Path) -> bool:
    """Say whether a file has this mark-up: four lines in five look like it, and one has an opinion."""
    lines = (line for _, line in numbered_lines(path) if line.strip() and not line.startswith("*"))
    first = list(islice(lines, _LOOKED_AT))
    marked = [line for line in first if line.startswith("[t]") or _START in line]
    return 5 * len(marked) >= 4 * len(first) and any(_OPINION.search(line.split(_START)[0]) for line in marked)


def opinion_parts(paths: Sequence[Path]) -> list[LabelledPart]:
    """Make a part of each file: positive where the strengths of a sentence's opinions add up to more than 0, else
    negative; sentences without an opinion, or with a sum of 0, are left out and counted in the log.

    Marks that break the mark-up don't count, and are listed in the log by file and line; a sentence with no other mark
    is left out.

    >>> polarity("size[-1], picture[+3][u]"), polarity("lens[-2]"), polarity("")
    (2, -2, None)
    """
    others = ["features with their opinions", "titles and notes"]
    return [LabelledPart(str(path), gather_texts(_sentences(path)), others=others) for path in paths]


def polarity(features: str) -> int | None:
    """Add up the strengths of the opinions; None if there is no opinion."""
    strengths = [int(strength) for strength in _OPINION.findall(features)]
    return sum(strengths) if strengths else None


def _sentences(path: Path) -> Iterator[LabelledRow]:
    counts: Counter[str] = Counter()
    unreadable: list[str] = []
    for number, line in numbered_lines(path):
        if not line.strip() or line.startswith(("*", "[t]")):
            continue
        features, start, text = line.partition(_START)
        # Without the mark `##`, features can't be told from the text.
        if not (
            start and all(_FEATURE.fullmatch(feature.strip()) for feature in features.split(",") if feature.strip())
        ):
            unreadable.append(f"{path.name}:{number} {(features if start else line)[:40]!r}")
            if not start or polarity(features) is None:
                continue
        total = polarity(features)
        if total:
            counts["kept"] += 1
            yield text, "positive" if total > 0 else "negative", f"{path}:{number}"
        else:
            counts["neutral" if total is None else "even"] += 1
    logger.info(
        "%s: %d sentences with an opinion; left out: %d without one, %d whose opinions add up to 0",
        path,
        counts["kept"],
        counts["neutral"],
        counts["even"],
    )
    if unreadable:
        logger.warning(
            "%s: in %d lines, marks can't be read and don't count: %s", path, len(unreadable), "; ".join(unreadable)
        )
