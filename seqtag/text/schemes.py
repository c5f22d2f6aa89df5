"""Read spans off tag sequences and write them back, in every scheme in use.

Everything that counts or shows entities reads the tags of a corpus or a model through this module. It knows strings
only, and neither the numbers of tags nor the probabilities of spans.

An entity tag is a letter, a hyphen and a label (`B-PER`). BIOES, BILOU and BMES differ only in their letters, so the
code reads all tags as BIOES: L and E end a span, U and S are a span of one token, M and I stand inside one.

A tag that nobody has decided is written `?`. It may stand for any tag, so it breaks no scheme, and no span reaches over
it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError, near_miss

SCHEMES: tuple[str, ...] = ("plain", "IO", "IOB1", "IOB2", "BIOES", "BILOU", "BMES")

# The tag of a token that is not annotated, in every scheme.
UNKNOWN_TAG = "?"

# The column of a corpus that names the labels that were annotated in a row; it is null where all were.
ANNOTATED = "annotated_labels"

# The shapes that `Span.to_dict` gives.
STYLES: tuple[str, ...] = ("seqtag", "hf", "displacy", "presidio")

# How each scheme writes the letters B, I, E and S of BIOES.
_WRITTEN = {
    "IO": {"I": "I"},
    "IOB1": {"B": "B", "I": "I"},
    "IOB2": {"B": "B", "I": "I"},
    "BIOES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "E": "L", "S": "U"},
    "BMES": {"B": "B", "I": "M", "E": "E", "S": "S"},
}
_CLOSED = ("BIOES", "BILOU", "BMES")
_READ = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I"}
_OUTSIDE, _UNKNOWN = ("O", ""), (UNKNOWN_TAG, "")
_LETTERS = "OBIES?"


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Span:
    """A labelled stretch of tokens or characters; `end` is exclusive.

    >>> Span(0, 2, "PER")
    Span(start=0, end=2, label='PER')
    """

    start: int
    end: int
    label: str
    text: str | None = None
    score: float | None = None  # the span's probability under the model

    def to_dict(self, style: str = "seqtag") -> dict[str, Any]:
        """Give the span as plain JSON values, in the shape that other code expects.

        "hf" is that of transformers' pipelines, "displacy" that of an entity for displaCy, and "presidio" that of a
        RecognizerResult, where a span without a score counts as certain. Raises UsageError for another style.

        >>> span = Span(0, 3, "PER", "Ada", 0.98)
        >>> span.to_dict()
        {'start': 0, 'end': 3, 'label': 'PER', 'text': 'Ada', 'score': 0.98}
        >>> span.to_dict("hf")
        {'entity_group': 'PER', 'score': 0.98, 'word': 'Ada', 'start': 0, 'end': 3}
        """
        place = {"start": int(self.start), "end": int(self.end)}
        score = None if self.score is None else float(self.score)
        if style == "seqtag":
            return {**place, "label": self.label, "text": self.text, "score": score}
        if style == "hf":
            return {"entity_group": self.label, "score": score, "word": self.text, **place}
        if style == "displacy":
            return {**place, "label": self.label}
        if style == "presidio":
            return {"entity_type": self.label, **place, "score": 1.0 if score is None else score}
        raise UsageError(f"style={style!r}: {near_miss(str(style), STYLES)}")

    def __repr__(self) -> str:
        known = ((field.name, getattr(self, field.name)) for field in fields(self))
        return f"Span({', '.join(f'{name}={value!r}' for name, value in known if value is not None)})"


def check_scheme(scheme: str) -> None:
    """Raise UsageError for a name that is not in `SCHEMES`."""
    if scheme not in SCHEMES:
        raise UsageError(f"unknown scheme {scheme!r}; {near_miss(str(scheme), SCHEMES)}")


def tag_fits(tag: str, scheme: str) -> bool:
    """Say whether a scheme has such a tag in any position; 'plain' has every tag.

    >>> tag_fits("L-PER", "BILOU"), tag_fits("L-PER", "BIOES"), tag_fits("NOUN", "IOB2"), tag_fits("NOUN", "plain")
    (True, False, False, True)
    """
    check_scheme(scheme)
    if scheme == "plain" or tag in ("O", UNKNOWN_TAG):
        return True
    return _is_entity_tag(tag) and tag[0] in _WRITTEN[scheme].values()


def split_tag(tag: str) -> tuple[str, str]:
    """Cut a tag into its letter and its label, at the first hyphen: labels may hold hyphens too.

    O and ? have no label. Raises DataError for another tag without one of the letters B I E S L U M and a label.

    >>> split_tag("B-creative-work"), split_tag("O")
    (('B', 'creative-work'), ('O', ''))
    """
    if tag == "O":
        return _OUTSIDE
    if tag == UNKNOWN_TAG:
        return _UNKNOWN
    if not _is_entity_tag(tag):
        raise DataError(
            f"tag {tag!r} is neither 'O' nor a letter of {' '.join(_READ)} with a hyphen and a label, such as 'B-PER'; "
            "mend the tag, or read the corpus as scheme 'plain' where tags stand for single tokens"
        )
    return tag[0], tag[2:]


def entity_labels(tags: Iterable[str]) -> list[str]:
    """List the labels of entity tags, sorted, each once.

    >>> entity_labels(["O", "B-PER", "I-PER", "B-LOC"])
    ['LOC', 'PER']
    """
    return sorted({split_tag(tag)[1] for tag in tags} - {""})


def tag_bigrams(sentences: Iterable[Sequence[str]]) -> Counter[tuple[str | None, str | None]]:
    """Count pairs of neighbouring tags; None is the edge of a sentence, so an empty sentence counts as (None, None).

    >>> sorted(tag_bigrams([["O", "O"]]).items(), key=str)
    [(('O', 'O'), 1), (('O', None), 1), ((None, 'O'), 1)]
    """
    bigrams: Counter[tuple[str | None, str | None]] = Counter()
    for tags in sentences:
        bigrams.update(zip(chain((None,), tags), chain(tags, (None,))))
    return bigrams


def detect_scheme(bigrams: Mapping[tuple[str | None, str | None], int]) -> str:
    """Name the scheme of a whole corpus, from its `tag_bigrams`.

    A single tag of another form makes the corpus 'plain', as do letters that no scheme has together. Between IOB1 and
    IOB2 the one with fewer violations wins, IOB2 on a tie; I- alone is IO; a corpus without entities is IOB2.

    >>> detect_scheme(tag_bigrams([["I-PER", "B-PER", "O"], ["O", "I-LOC"]]))
    'IOB1'
    """
    tags = {tag for pair in bigrams for tag in pair if tag is not None} - {UNKNOWN_TAG}
    if not all(tag == "O" or _is_entity_tag(tag) for tag in tags):
        return "plain"
    letters = {tag[0] for tag in tags} - {"O"}
    if letters == {"I"}:
        return "IO"
    if letters <= {"B", "I"}:
        cut = [(_cut(left), _cut(right), count) for (left, right), count in bigrams.items()]
        violations = {
            scheme: sum(count for left, right, count in cut if _is_orphan(left, right, scheme))
            for scheme in ("IOB1", "IOB2")
        }
        return "IOB1" if violations["IOB1"] < violations["IOB2"] else "IOB2"
    return next((scheme for scheme in _CLOSED if letters <= set(_WRITTEN[scheme].values())), "plain")


def spans_from_tags(tags: Sequence[str], scheme: str) -> list[Span]:
    """Read spans as leniently as conlleval does: an orphan I- or E- opens a span, and no tag is lost.

    Under 'plain' every token is a span. `illegal_positions` lists the tags that were read leniently. The rule is that
    of the CoNLL-2000 shared task's scorer, https://www.clips.uantwerpen.be/conll2000/chunking/output.html

    >>> spans_from_tags(["B-PER", "I-PER", "O", "I-LOC"], "IOB2")
    [Span(start=0, end=2, label='PER'), Span(start=3, end=4, label='LOC')]
    """
    check_scheme(scheme)
    if scheme == "plain":
        return [Span(position, position + 1, tag) for position, tag in enumerate(tags)]
    spans = []
    start, open_label = 0, ""
    for position, tag in enumerate(tags):
        letter, label = _OUTSIDE if tag == "O" else read_tag(tag)
        if open_label and (label != open_label or letter == "B" or letter == "S"):
            spans.append(Span(start, position, open_label))
            open_label = ""
        if label and not open_label:
            start, open_label = position, label
        if letter == "E" or letter == "S":
            spans.append(Span(start, position + 1, open_label))
            open_label = ""
    if open_label:
        spans.append(Span(start, len(tags), open_label))
    return spans


def tags_from_spans(spans: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Write spans as `length` tags; IO cannot keep neighbours of one label apart, so there they become one span.

    Raises DataError for spans that overlap, lie outside the sentence or have no label, and under 'plain' unless each
    token has exactly one span.

    >>> tags_from_spans([Span(0, 2, "PER"), Span(2, 3, "PER")], 4, "IOB1")
    ['I-PER', 'I-PER', 'B-PER', 'O']
    """
    check_scheme(scheme)
    ordered = sorted(spans, key=lambda span: (span.start, span.end))
    for span in ordered:
        check_span(span, length)
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise DataError(
                f"{left} and {right} overlap; a tag sequence holds one label per token: drop one of the two"
            )
    if scheme == "plain":
        if [(span.start, span.end) for span in ordered] != [(position, position + 1) for position in range(length)]:
            raise DataError(
                f"{length} plain tags need one span for each token, found {len(ordered)} spans; name an entity scheme"
            )
        return [span.label for span in ordered]
    tags = ["O"] * length
    for index, span in enumerate(ordered):
        touching = index > 0 and ordered[index - 1].end == span.start and ordered[index - 1].label == span.label
        tags[span.start : span.end] = span_tags(span, scheme, touching=touching)
    return tags


def convert_tags(tags: Sequence[str], source: str, target: str) -> list[str]:
    """Rewrite tags of one scheme in another; illegal tags are read as by `spans_from_tags`, so the result is legal.

    Raises UsageError between 'plain' and an entity scheme: plain tags have no spans to carry over.

    >>> convert_tags(["I-PER", "I-PER", "O"], "IO", "BIOES")
    ['B-PER', 'E-PER', 'O']
    """
    check_scheme(source)
    check_scheme(target)
    if source == target == "plain":
        return list(tags)
    if "plain" in (source, target):
        raise UsageError(f"tags of scheme {source!r} can't become {target!r}: plain tags mark no spans")
    if UNKNOWN_TAG in tags:
        return _convert_known(tags, source, target)
    return tags_from_spans(spans_from_tags(tags, source), len(tags), target)


def _convert_known(tags: Sequence[str], source: str, target: str) -> list[str]:
    """Convert tags of which some are unknown, and stay so.

    The tags of a span that may go on where they are unknown are left as they are within a scheme; in another one, which
    might write the span in another way if it went on, they become unknown too.
    """
    spans = spans_from_tags(tags, source)
    converted = tags_from_spans(spans, len(tags), target)
    for position in (position for position, tag in enumerate(tags) if tag == UNKNOWN_TAG):
        converted[position] = UNKNOWN_TAG
    for span in open_spans(tags, source):
        place = slice(span.start, span.end)
        converted[place] = tags[place] if source == target else [UNKNOWN_TAG] * (span.end - span.start)
    return converted


def open_spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Read the spans that may go on in an unknown tag beside them: no letter says that they begin or end there.

    >>> open_spans(["B-PER", "?", "B-LOC", "O"], "IOB2"), open_spans(["S-PER", "?"], "BIOES")
    ([Span(start=0, end=1, label='PER')], [])
    """
    found = []
    for span in spans_from_tags(tags, scheme) if scheme != "plain" else []:
        is_left = span.start > 0 and tags[span.start - 1] == UNKNOWN_TAG and read_tag(tags[span.start])[0] not in "BS"
        last = read_tag(tags[span.end - 1])[0]
        is_right = span.end < len(tags) and tags[span.end] == UNKNOWN_TAG and last not in "ES"
        if is_left or is_right:
            found.append(span)
    return found


def repair_tags(tags: Sequence[str], scheme: str) -> list[str]:
    """Make tags legal: their spans by the conlleval reading, written in the scheme; legal tags come back unchanged.

    >>> repair_tags(["I-PER", "I-PER", "I-LOC"], "IOB2")
    ['B-PER', 'I-PER', 'B-LOC']
    """
    return convert_tags(tags, scheme, scheme)


def illegal_positions(tags: Sequence[str], scheme: str) -> list[int]:
    """List where tags break their scheme: a letter that it lacks, an orphan, or a span that was begun and not ended.

    >>> illegal_positions(["O", "I-PER", "B-LOC"], "IOB2"), illegal_positions(["B-LOC", "O"], "BIOES")
    ([1], [0])
    """
    check_scheme(scheme)
    if scheme == "plain":
        return []
    cut = [None, *(_cut(tag) for tag in tags), None]
    return [
        position
        for position, (left, here, right) in enumerate(zip(cut, cut[1:], cut[2:]))
        if not tag_fits(tags[position], scheme) or _is_orphan(left, here, scheme) or _is_unfinished(here, right, scheme)
    ]


def legal_transitions(tags: Sequence[str], scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Say which of L tags may start a sentence, follow one another and end a sentence: bool (L,), (L, L), (L,).

    The middle array is indexed [from, to]. A sequence is legal by these three exactly where `illegal_positions` is
    empty; 'plain' and IO forbid nothing. Raises DataError for a tag with a letter that the scheme lacks.

    >>> start, transitions, end = legal_transitions(["O", "B-PER", "I-PER"], "IOB2")
    >>> start.tolist(), transitions[0].tolist(), end.tolist()
    ([True, True, False], [True, True, False], [True, True, True])
    """
    moves = Moves.build(tags, scheme)
    transitions_LL = moves.of_two_labels[np.ix_(moves.letters_L, moves.letters_L)]
    by_label_L = np.argsort(moves.labels_L, kind="stable")
    for same in np.split(by_label_L, np.flatnonzero(np.diff(moves.labels_L[by_label_L])) + 1):
        transitions_LL[np.ix_(same, same)] = moves.of_one_label[np.ix_(moves.letters_L[same], moves.letters_L[same])]
    return moves.start_L, transitions_LL, moves.end_L


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Which of L tags may follow which, by their letters and labels, so that no table of all pairs is needed."""

    letters_L: np.ndarray  # numbers into O B I E S
    labels_L: np.ndarray  # numbers of labels
    of_one_label: np.ndarray  # bool (5, 5): from a letter to a letter, within one label
    of_two_labels: np.ndarray  # the same between different labels
    start_L: np.ndarray  # bool: whether a tag may start a sentence
    end_L: np.ndarray  # bool: whether a tag may end one

    @classmethod
    def build(cls, tags: Sequence[str], scheme: str) -> "Moves":
        """Read the tags; raises DataError for a tag with a letter that the scheme lacks."""
        check_scheme(scheme)
        for tag in tags:
            if not tag_fits(tag, scheme):
                raise DataError(
                    f"tag {tag!r} has no place in scheme {scheme}; name the tags' own scheme, or repair them"
                )
        cut = [("O", tag) if scheme == "plain" else read_tag(tag) for tag in tags]
        numbers = {label: number for number, label in enumerate(dict.fromkeys(label for _, label in cut))}

        def legal(left: tuple[str, str] | None, right: tuple[str, str] | None) -> bool:
            return not _is_orphan(left, right, scheme) and not _is_unfinished(left, right, scheme)

        def each(label: str) -> list[tuple[str, str]]:
            return [(letter, label if letter in _READ else "") for letter in _LETTERS]

        def table(left: str, right: str) -> np.ndarray:
            return np.array([[legal(before, after) for after in each(right)] for before in each(left)])

        letters_L = np.array([_LETTERS.index(letter) for letter, _ in cut], np.int64)
        labels_L = np.array([numbers[label] for _, label in cut], np.int64)
        starts = np.array([legal(None, tag) for tag in each("one")])
        ends = np.array([legal(tag, None) for tag in each("one")])
        within, across = table("one", "one"), table("one", "another")
        return cls(letters_L, labels_L, within, across, starts[letters_L], ends[letters_L])

    def between(self, from_N: np.ndarray, to_N: np.ndarray) -> np.ndarray:
        """Say for pairs of tags, by number, whether the second may follow the first."""
        letters = self.letters_L[from_N], self.letters_L[to_N]
        is_same = self.labels_L[from_N] == self.labels_L[to_N]
        may_follow_N: np.ndarray = np.where(is_same, self.of_one_label[letters], self.of_two_labels[letters])
        return may_follow_N


def span_tags(span: Span, scheme: str, *, touching: bool) -> list[str]:
    """Write the tags of one span; `touching` says that another span of the same label ends right before it.

    The tokens of a span with the label ? are unknown.
    """
    size = span.end - span.start
    if span.label == UNKNOWN_TAG:
        return [UNKNOWN_TAG] * size
    if scheme in _CLOSED:
        letters = "S" if size == 1 else "B" + "I" * (size - 2) + "E"
    else:
        letters = ("B" if scheme == "IOB2" or (scheme == "IOB1" and touching) else "I") + "I" * (size - 1)
    return [f"{_WRITTEN[scheme][letter]}-{span.label}" for letter in letters]


def _is_orphan(left: tuple[str, str] | None, here: tuple[str, str] | None, scheme: str) -> bool:
    """Say whether `here` needs another tag before it; None is the edge of the sentence."""
    if here is None or not here[1] or scheme == "IO" or left == _UNKNOWN:
        return False
    letter, label = here
    if scheme == "IOB1":
        return letter == "B" and (left is None or left[1] != label)
    return letter in "IE" and (left is None or left[1] != label or left[0] not in "BI")


def _is_unfinished(here: tuple[str, str] | None, right: tuple[str, str] | None, scheme: str) -> bool:
    """Say whether `here` needs another tag after it; None is the edge of the sentence."""
    if here is None or here[0] not in "BI" or scheme not in _CLOSED or right == _UNKNOWN:
        return False
    return right is None or right[1] != here[1] or right[0] not in "IE"


def _is_entity_tag(tag: str) -> bool:
    return len(tag) > 2 and tag[1] == "-" and tag[0] in _READ


# Corpora have tens of tags and millions of tokens: each tag is cut once.
@lru_cache(maxsize=65536)
def read_tag(tag: str) -> tuple[str, str]:
    """Give the letter of BIOES that a tag has or stands for, and its label; ("O", "") outside."""
    letter, label = split_tag(tag)
    return _READ.get(letter, letter), label


def _cut(tag: str | None) -> tuple[str, str] | None:
    return None if tag is None else read_tag(tag)


def check_span(span: Span, length: int) -> None:
    """Raise DataError for a span outside its sentence, an empty one, or one without a label."""
    if not 0 <= span.start < span.end <= length:
        raise DataError(f"{span} does not lie in a sentence of {length} tokens; start at 0, end exclusive, not empty")
    if not span.label:
        raise DataError(f"{span} has no label, and a tag needs one; give it a name such as 'PER'")
