"""Recognise entity tags that are written in another way than `B-PER`, and write tags in the way of a corpus.

`schemes` knows one way of writing: a capital letter, a hyphen and a label, and O outside of entities. Corpora write
`b-per`, `B_PER`, `PER-B`, B, I and O without a label, types without a letter, and `0`, `_` or `None` for O. This module
decides from all tags of a corpus whether they are one scheme up to that. It leaves out which scheme it is.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from seqtag.errors import ModelError
from seqtag.text.schemes import UNKNOWN_TAG, detect_scheme, split_tag

BARE_LABEL = "ENTITY"  # the label of tags that are a letter alone
FORMS: tuple[str, ...] = ("letter first", "label first", "letter alone", "label alone")

_OUTSIDE = ("o", "0", "-", "_", "–", "—", "*", "none", "null", "nil", "nan", "n/a", "other", "outside", "out")
_OF_O = {"O", "o", "0"}
_SEPARATORS = r"[-_:/.|+~=\s\u2010-\u2015\u2212\ufe63\uff0d\uff3f\uff1a]"
_SEPARATOR = rf"({_SEPARATORS})"
_LETTER_FIRST = re.compile(rf"([BIESLUM]){_SEPARATOR}(.+)", re.IGNORECASE)
_LABEL_FIRST = re.compile(rf"(.+){_SEPARATOR}([BIESLUM])", re.IGNORECASE)
_LONG_SEPARATOR = re.compile(rf"{_SEPARATORS}.")  # where all labels begin so, the separator has one character more
_LETTER = re.compile(r"[BIESLUM]", re.IGNORECASE)
_GLUED = re.compile(r"([BIESLUM])(\w{2,})", re.IGNORECASE)
# How the beginning of an entity and what follows it may be marked inside of a tag that no form can be found in.
_MARKS = (("B", "I"), ("BEGIN", "IN"), ("BEGIN", "INSIDE"), ("BEG", "INT"), ("START", "IN"), ("FIRST", "NEXT"))


@dataclass(frozen=True, slots=True)
class TagSpelling:
    """How a corpus writes its entity tags; the default is that of `schemes`."""

    outside: str = "O"
    separator: str = "-"
    form: str = "letter first"  # one of FORMS
    is_lower: bool = False  # whether the letters B, I, ... are lower case; labels are never changed

    def write(self, tag: str) -> str:
        """Write a tag of `schemes` as the corpus writes it.

        >>> TagSpelling("0", "_", "label first").write("B-PER"), TagSpelling("0").write("O")
        ('PER_B', '0')
        """
        letter, label = split_tag(tag)
        if not label:
            return self.outside if tag == "O" else tag
        letter = letter.lower() if self.is_lower else letter
        parts = (letter, self.separator, label)
        return {"letter alone": letter, "label alone": label}.get(
            self.form, "".join(parts[::-1] if self.form == "label first" else parts)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Any) -> "TagSpelling":
        """Read what `to_dict` gave; ModelError for anything else."""
        default = cls()
        kinds = {field.name: type(getattr(default, field.name)) for field in fields(cls)}
        is_ours = isinstance(stored, Mapping) and {name: type(value) for name, value in stored.items()} == kinds
        if not is_ours or stored["form"] not in FORMS or not stored["outside"]:
            raise ModelError(f"the spelling of the tags is {str(stored)[:100]}; it needs {', '.join(kinds)}")
        return cls(**stored)


DEFAULT_SPELLING = TagSpelling()


@dataclass(frozen=True, slots=True)
class Respelling:
    """What tags that are written in another way were taken for."""

    spelling: TagSpelling  # the most frequent way of writing, which predictions use
    read_as: Mapping[str, str]  # every tag, as the corpus writes it -> as `schemes` writes it

    @property
    def changed(self) -> dict[str, str]:
        """The tags that `schemes` writes in another way."""
        return {written: tag for written, tag in self.read_as.items() if written != tag}

    @property
    def uneven(self) -> list[str]:
        """The tags that are not even written as most tags of the corpus are."""
        return [written for written, tag in self.read_as.items() if self.spelling.write(tag) != written]


def find_respelling(
    counts: Mapping[str, int], *, outside: str | None = None, are_entities: bool = False
) -> Respelling | None:
    """Decide whether all tags of a corpus are entity tags of one scheme, written in another way than `schemes` does.

    `counts` says how often each tag occurs. Case, separator and order of letter and label may differ, letters may have
    no label, and another symbol may stand for O: a usual one, or the most frequent tag if all others have letters.
    Types without a letter are entity tags only where the symbol for O is the most frequent tag, so that parts of speech
    stay plain. `outside` names that symbol, and `are_entities` says that the tags are no plain ones; with either, types
    without a letter need no such majority. None: nothing to respell.

    >>> find_respelling({"o": 3, "b_per": 1, "i_per": 1}).changed
    {'o': 'O', 'b_per': 'B-per', 'i_per': 'I-per'}
    >>> find_respelling({"O": 3, "PER": 2}).changed, find_respelling({"O": 3, "NOUN": 5})
    ({'PER': 'I-PER'}, None)
    """
    unknown = {UNKNOWN_TAG} & counts.keys()
    counts = {tag: count for tag, count in counts.items() if tag not in unknown}
    around = _outside_tags(counts, outside)
    inside = {tag: count for tag, count in counts.items() if tag not in around}
    is_told = outside is not None or are_entities
    if not inside and not is_told:
        return None
    form, parts = _find_form(inside, has_outside=bool(around))
    if not form and _are_types(counts, inside, around, is_told=is_told):
        form, parts = "label alone", {tag: ("I", "", tag) for tag in inside}
    if not form and outside is None and not around and (other := _unknown_outside(inside)):
        around, inside = {other}, {tag: count for tag, count in inside.items() if tag != other}
        form, parts = _find_form(inside, has_outside=True)
    if not form:
        return None
    read_as = {tag: "O" if tag in around else f"{parts[tag][0].upper()}-{parts[tag][2]}" for tag in counts}
    read_as |= dict.fromkeys(unknown, UNKNOWN_TAG)
    has_separator = bool(inside) and form in FORMS[:2]
    spelling = TagSpelling(
        outside=_most_frequent(around, counts.__getitem__, default=outside or "O"),
        separator=_vote((parts[tag][1], inside[tag]) for tag in inside) if has_separator else "-",
        form=form,
        is_lower=bool(_vote((parts[tag][0].islower(), inside[tag]) for tag in inside)),
    )
    return Respelling(spelling, read_as) if any(tag != written for written, tag in read_as.items()) else None


def looks_like_entities(tags: Iterable[str]) -> bool:
    """Say whether more than half of the tags have a letter of a scheme and a label, in any spelling."""
    inside = [tag for tag in tags if tag.lower() not in _OUTSIDE]
    upper = {tag.upper() for tag in inside}
    is_entity = [bool(_letter_first(tag) or _label_first(tag)) or _has_partner(tag.upper(), upper) for tag in inside]
    return 2 * sum(is_entity) > len(is_entity)


def _has_partner(tag: str, tags: Collection[str]) -> bool:
    """Say whether a tag without its mark of a beginning is another tag, as <I-PER> is of <B-PER>, or the other way."""
    pairs = (*_MARKS, *(pair[::-1] for pair in _MARKS))
    return any(old in tag and tag.replace(old, new, 1) in tags for old, new in pairs)


def _outside_tags(counts: Mapping[str, int], outside: str | None) -> set[str]:
    """Choose the tags that stand outside of entities: different symbols are never taken for one, but o and 0 for O."""
    if outside is not None:
        return {"O", outside}.intersection(counts)
    if found := _OF_O.intersection(counts):
        return found
    symbols = {tag for tag in counts if tag.lower() in _OUTSIDE}
    chosen = _most_frequent(symbols, counts.__getitem__, default="").lower()
    return {tag for tag in symbols if tag.lower() == chosen}


def _unknown_outside(counts: Mapping[str, int]) -> str | None:
    """Give the one tag that has no letter, if it is the most frequent one beside tags that have one."""
    odd = [tag for tag in counts if not _letter_first(tag) and not _label_first(tag)]
    others = [count for tag, count in counts.items() if tag not in odd]
    return odd[0] if len(odd) == 1 and others and counts[odd[0]] > max(others) else None


def _find_form(inside: Iterable[str], *, has_outside: bool) -> tuple[str, dict[str, tuple[str, str, str]]]:
    """Find a form with letters that all tags inside of entities have; the form is empty if there is none."""
    tags = list(inside)
    for form, cut in _CUTS:
        parts = {tag: cut_tag for tag in tags if (cut_tag := cut(tag)) is not None}
        if len(parts) < len(tags) or (tags and not _is_scheme(parts.values(), has_outside=has_outside)):
            continue
        if cut is _glued and not _are_paired(parts.values()):
            continue
        while form == "letter first" and tags and all(_LONG_SEPARATOR.match(label) for _, _, label in parts.values()):
            parts = {tag: (letter, mark + label[0], label[1:]) for tag, (letter, mark, label) in parts.items()}
        return form, parts
    return "", {}


def _are_paired(parts: Iterable[tuple[str, str, str]]) -> bool:
    """Say whether each label begins somewhere and one of them goes on: no coincidence even without a separator."""
    letters: dict[str, set[str]] = {}
    for letter, _, label in parts:
        letters.setdefault(label, set()).add(letter.upper())
    return all(found & set("BSU") for found in letters.values()) and any(len(found) > 1 for found in letters.values())


def _letter_first(tag: str) -> tuple[str, str, str] | None:
    found = _LETTER_FIRST.fullmatch(tag)
    return (found[1], found[2], found[3]) if found else None


def _label_first(tag: str) -> tuple[str, str, str] | None:
    found = _LABEL_FIRST.fullmatch(tag)
    return (found[3], found[2], found[1]) if found else None


def _glued(tag: str) -> tuple[str, str, str] | None:
    found = _GLUED.fullmatch(tag)
    return (found[1], "", found[2]) if found else None


def _letter_alone(tag: str) -> tuple[str, str, str] | None:
    return (tag, "", BARE_LABEL) if _LETTER.fullmatch(tag) else None


# How to cut a tag into letter, separator and label, for each form with letters.
_CUTS: Sequence[tuple[str, Callable[[str], tuple[str, str, str] | None]]] = (
    ("letter first", _letter_first),
    ("label first", _label_first),
    ("letter alone", _letter_alone),
    ("letter first", _glued),
)


def _is_scheme(parts: Iterable[tuple[str, str, str]], *, has_outside: bool) -> bool:
    """Say whether the letters are those of one scheme, so that it is no coincidence that all tags can be cut so."""
    letters = {letter.upper() for letter, _, _ in parts}
    if detect_scheme({(None, f"{letter}-X"): 1 for letter in letters}) == "plain":
        return False
    return (has_outside or len(letters) > 1) and ("B" in letters or letters <= {"I"} or letters <= {"S", "U"})


def _are_types(counts: Mapping[str, int], inside: Mapping[str, int], around: set[str], *, is_told: bool) -> bool:
    """Say whether tags beside a symbol for O are types of entities that are written without a letter."""
    if not inside or not around or not all(any(map(str.isalpha, tag)) for tag in inside):
        return False
    if looks_like_entities(inside) or any((found := _letter_first(tag)) and found[0] in "BI" for tag in inside):
        return False
    return is_told or sum(counts[tag] for tag in around) > max(inside.values())


def _most_frequent(tags: Iterable[str], count: Callable[[str], int], *, default: str) -> str:
    return max(sorted(tags), key=count, default=default)


def _vote(votes: Iterable[tuple[Any, int]]) -> Any:
    """Give the value with the most votes, the first one on a tie; None without any."""
    tally: Counter[Any] = Counter()
    for value, count in votes:
        tally[value] += count
    return max(tally, key=tally.__getitem__, default=None)
