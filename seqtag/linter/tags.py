"""Look at tags: their scheme, the tags that break it, and the entities that they mark."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqtag.corpora.tag_normalising import common_scheme, doubts_of_plain, doubts_of_words
from seqtag.errors import near_miss
from seqtag.linter.corpus import Corpus, Rows
from seqtag.linter.findings import Finding, Tally
from seqtag.text.schemes import UNKNOWN_TAG, detect_scheme, illegal_positions, split_tag, tag_fits
from seqtag.text.tag_spelling import Respelling, find_respelling
from seqtag.text.tag_tables import Bigrams, SpanTable, count_bigrams, illegal_sentences, legal_table, read_spans

_MOST_FIXES = 20  # tags that an odd one may be a misspelling of


@dataclass(frozen=True)
class TagReading:
    """How the tags of a corpus are read."""

    corpus: Corpus
    names: Sequence[str]  # the tags of the corpus in the spelling of `schemes`, by number
    scheme: str
    odd: tuple[int, ...]  # tags that are not entity tags, though nearly all others are
    mixed: bool  # entity tags whose letters belong to no one scheme
    respelling: Respelling | None = None  # of entity tags in another spelling
    wanted: str | None = None  # the scheme that the source names

    @cached_property
    def _cut(self) -> list[tuple[str, str]]:
        """The letter and the label of each tag; both are empty outside of entities."""
        if self.scheme == "plain" and not self.mixed:
            return [("S", tag) if tag != UNKNOWN_TAG else ("", "") for tag in self.names]
        outside = {self.names[number] for number in self.odd} | {"O"}
        return [("", "") if tag in outside else split_tag(tag) for tag in self.names]

    def spans(self, rows: Rows) -> SpanTable:
        """Read all spans of a split, leniently; under plain tags each token is a span."""
        return read_spans(rows.labels, rows.offsets, self._cut)


def read_tags(corpus: Corpus, *, scheme: str | None = None, outside: str | None = None) -> TagReading:
    """Decide the scheme of the tags: the one that the corpus carries, otherwise the detected one.

    Unlike elsewhere, a few odd tags among entity tags do not make a corpus plain, even if it was loaded as plain.
    `scheme` and `outside` are what the source names: plain tags or not, and which tag stands outside of entities.
    """
    names = corpus.labels
    if scheme == "plain":
        return TagReading(corpus, names, "plain", (), False, wanted=scheme)
    carried = common_scheme(rows.scheme for rows in corpus.splits.values())
    if carried and carried != "plain" and all(tag_fits(name, carried) for name in names):
        return TagReading(corpus, names, carried, (), False)
    counts: Counter[str] = Counter()
    for rows in corpus.splits.values():
        numbers, uses = np.unique(rows.labels[rows.labels >= 0], return_counts=True)
        counts.update({names[number]: count for number, count in zip(numbers.tolist(), uses.tolist())})
    respelling = None
    if carried != "plain" or scheme or outside:
        respelling = find_respelling(counts, outside=outside, are_entities=scheme is not None)
    if respelling is not None:
        names = [respelling.read_as.get(name, name) for name in names]
    odd = tuple(n for n, name in enumerate(names) if detect_scheme({(None, name): 1}) == "plain")
    # a ClassLabel may name tags that do not occur
    found = {int(number) for rows in corpus.splits.values() for number in np.unique(rows.labels)} - {-1}
    num_odd = len(found.intersection(odd))
    # as `load_corpus`, which warns of the same mixture
    if num_odd == len(found) or (num_odd and not ("O" in names and 2 * num_odd < len(found))):
        return TagReading(corpus, names, "plain", (), False, wanted=scheme)
    outside_number = names.index("O") if "O" in names else len(names)
    entity_tag = np.arange(len(names) + 1)  # the last: a missing tag
    entity_tag[[*odd, -1]] = outside_number
    bigrams: Bigrams = Counter()
    for rows in corpus.splits.values():
        bigrams.update(count_bigrams(entity_tag[rows.labels], rows.offsets, [*names, "O"]))
    found_scheme = detect_scheme(bigrams)
    return TagReading(corpus, names, found_scheme, odd, found_scheme == "plain", respelling, scheme)


def check_tags(reading: TagReading) -> Iterator[Finding]:
    """Find missing, odd and illegal tags, and spans that cut tokens."""
    yield from _missing(reading.corpus)
    yield from _unknown(reading)
    yield from _respelled(reading)
    yield from _of_no_scheme(reading)
    yield from _doubtful(reading)
    yield from _odd(reading)
    yield from _illegal(reading)
    yield from _misaligned(reading.corpus)


def check_surfaces(reading: TagReading) -> Iterator[Finding]:
    """Find entities with two labels; case counts, so `us` is not `US`."""
    if reading.scheme == "plain" and not reading.mixed:
        return  # a word may have several parts of speech
    uses: dict[bytes, dict[str, tuple[int, Rows, int]]] = {}  # surface -> label -> how often, and where first
    for rows in reading.corpus.splits.values():
        spans = reading.spans(rows)
        for start, end, label in zip(*(column.tolist() for column in (spans.starts_K, spans.ends_K, spans.labels_K))):
            labelled = uses.setdefault(rows.words[start:end].tobytes(), {})
            name = spans.labels[label]
            count, *first = labelled.get(name) or (0, rows, start)
            labelled[name] = count + 1, *first
    several = [(key, labelled) for key, labelled in uses.items() if len(labelled) > 1]
    several.sort(key=lambda item: -sum(count for count, *_ in item[1].values()))
    tally = Tally("ambiguous_surface")
    tally.add("", len(several), (_surface(reading.corpus, key, labelled) for key, labelled in several))
    yield from tally.finding(
        "entities have two labels or more in different places, the most frequent first. Names can be so; where one "
        "label is rare, look whether it is a mistake"
    )


def _surface(corpus: Corpus, key: bytes, labelled: dict[str, tuple[int, Rows, int]]) -> tuple[str, str]:
    surface = " ".join(corpus.words[number] for number in np.frombuffer(key, np.int32).tolist())
    uses = sorted(((count, label) for label, (count, *_) in labelled.items()), reverse=True)
    _, rows, first = labelled[uses[-1][1]]
    return rows.place_of(first), f"{surface!r}: " + ", ".join(f"{label} {count}" for count, label in uses)


def _missing(corpus: Corpus) -> Iterator[Finding]:
    tally = corpus.tally(
        "missing_label",
        lambda rows: np.flatnonzero(rows.labels < 0).tolist(),
        lambda rows, position: (rows.place_of(position), repr(corpus.words[int(rows.words[position])])),
    )
    yield from tally.finding("tokens have no tag; give each token a tag, which is 'O' outside of entities")


def _unknown(reading: TagReading) -> Iterator[Finding]:
    numbers = [number for number, tag in enumerate(reading.names) if tag == UNKNOWN_TAG]
    tally = reading.corpus.tally(
        "unknown_tag",
        lambda rows: np.flatnonzero(np.isin(rows.labels, numbers)).tolist(),
        lambda rows, position: (rows.place_of(position), repr(reading.corpus.words[int(rows.words[position])])),
    )
    yield from tally.finding(
        "tokens have an unknown tag, ?: nobody annotated them, and a tagger learns from the others. If ? is a tag like "
        "the others, give it another name"
    )


def _respelled(reading: TagReading) -> Iterator[Finding]:
    found = reading.respelling
    if found is None:
        return
    written = reading.corpus.labels
    numbers = [n for n, tag in enumerate(written) if tag in found.changed and tag not in found.uneven]
    tally = _with_tags(reading.corpus, "respelled_tag", numbers, lambda tag: f"{tag!r} for {found.read_as[tag]}")
    yield from tally.finding(
        "tags are entity tags in another spelling than 'B-PER' and 'O'. seqtag takes them as such, and a model keeps "
        "the spelling; other readers may take them for plain tags. If they are plain, or another tag stands outside "
        "of entities, say so: FILE:scheme=plain, FILE:outside=TAG"
    )


def _of_no_scheme(reading: TagReading) -> Iterator[Finding]:
    """Find tags that can't be converted to the scheme that the source names."""
    if reading.wanted in (None, "plain"):
        return
    names = reading.names
    is_plain = reading.scheme == "plain" and not reading.mixed
    wanted = [n for n, tag in enumerate(names) if n in reading.odd or (is_plain and tag != "O") or reading.mixed]
    tally = _with_tags(reading.corpus, "tag_of_no_scheme", wanted, repr)
    yield from tally.finding(
        f"tags can't be read in the scheme {reading.wanted} that is named behind the path; mend them, name the tag "
        "that stands outside of entities (FILE:outside=TAG), or leave the scheme out"
    )


def _doubtful(reading: TagReading) -> Iterator[Finding]:
    """Find words that may be none, and plain tags that may be something else."""
    splits = reading.corpus.splits.values()
    numbers, counts = np.unique(np.concatenate([*(rows.words for rows in splits), []]).astype(int), return_counts=True)
    words = {reading.corpus.words[number]: count for number, count in zip(numbers.tolist(), counts.tolist())}
    num_tokens, num_sentences = sum(len(rows.words) for rows in splits), sum(len(rows.offsets) - 1 for rows in splits)
    for doubt in doubts_of_words(words, num_sentences, num_tokens):
        tally = Tally("doubtful_word")
        tally.add("", len(words), (("", repr(word)) for word in words))
        yield from tally.finding(doubt)
    if reading.scheme != "plain" or reading.mixed or reading.wanted is not None:
        return
    names = [name for n, name in enumerate(reading.names) if any((rows.labels == n).any() for rows in splits)]
    for doubt in doubts_of_plain(names, len(words), len(names)):
        tally = Tally("doubtful_tag")
        tally.add("", len(names), (("", repr(name)) for name in names))
        yield from tally.finding(f"the tags are read as plain labels, though {doubt}")


def _odd(reading: TagReading) -> Iterator[Finding]:
    names = reading.corpus.labels
    uneven = reading.respelling.uneven if reading.respelling else ()
    odd = [number for number, name in enumerate(names) if number in reading.odd or name in uneven]
    known = [name for number, name in enumerate(names) if number not in odd]
    tally = _with_tags(reading.corpus, "odd_tag", odd, lambda tag: _fixed(tag, known))
    yield from tally.finding(
        "tags are neither 'O' nor of the form of the others, such as 'B-PER'. A single one can make readers take the "
        "whole corpus for plain tags; mend them"
    )
    if reading.mixed:
        letters: Counter[str] = Counter()
        for rows in reading.corpus.splits.values():
            numbers, counts = np.unique(rows.labels[rows.labels >= 0], return_counts=True)
            for number, count in zip(numbers.tolist(), counts.tolist()):
                letters[reading.names[number][0]] += count if number not in reading.odd else 0
        rare = min((letter for letter in letters if letters[letter] and letter != "O"), key=letters.__getitem__)
        wanted = [n for n, tag in enumerate(reading.names) if tag[0] == rare and n not in reading.odd]
        mixed = _with_tags(reading.corpus, "mixed_letters", wanted, repr)
        counts_of = ", ".join(f"{letter}- {letters[letter]:,}" for letter in sorted(letters) if letter != "O")
        yield from mixed.finding(
            f"tags begin with {rare}-, the rarest of letters that no one scheme has together ({counts_of}); write all "
            "splits in one scheme"
        )


def _with_tags(corpus: Corpus, kind: str, wanted: Sequence[int], show: Callable[[str], str]) -> Tally:
    return corpus.tally(
        kind,
        lambda rows: np.flatnonzero(np.isin(rows.labels, wanted)).tolist(),
        lambda rows, position: (rows.place_of(position), show(corpus.labels[rows.labels[position]])),
    )


def _fixed(tag: str, known: Sequence[str]) -> str:
    # a long list of choices would hide the nearest one
    _, found, near = near_miss(tag, known).partition("; ") if len(known) <= _MOST_FIXES else ("", "", "")
    return repr(tag) + (f"; {near}" if found else "")


def _illegal(reading: TagReading) -> Iterator[Finding]:
    scheme, names = reading.scheme, [*reading.names, "O"]
    if scheme in ("plain", "IO"):
        tally = Tally("no_begin_tags")
        for split, rows in reading.corpus.splits.items():
            tally.add(split, len(reading.spans(rows)) if scheme == "IO" else 0)
        yield from tally.finding(
            "entities are marked by I- alone: two neighbours of one label can't be told from one long entity. Where "
            "they occur, write the corpus in IOB2"
        )
        return
    for number in reading.odd:
        names[number] = "O"
    legal = legal_table([name if tag_fits(name, scheme) else "O" for name in names], scheme)
    tally = Tally("illegal_tag")
    for split, rows in reading.corpus.splits.items():
        tags = np.where(rows.labels < 0, len(names) - 1, rows.labels)
        for row in illegal_sentences(tags, rows.offsets, legal):
            row_tags = [names[number] for number in tags[rows.offsets[row] : rows.offsets[row + 1]]]
            found = illegal_positions(row_tags, scheme)
            tally.add(split, len(found), ((rows.place(row, p), _context(row_tags, p)) for p in found))
    yield from tally.finding(
        f"tags break the scheme {scheme}: they continue an entity that no tag began, or leave one open. Readers differ "
        "in how they read such tags (load_corpus repairs them as the conlleval script reads them); mend them"
    )


def _context(tags: Sequence[str], position: int) -> str:
    before = repr(tags[position - 1]) if position else "the beginning of the sentence"
    if position + 1 < len(tags):
        return f"{tags[position]!r} after {before}, before {tags[position + 1]!r}"
    return f"{tags[position]!r} after {before}, at the end"


def _faults_of(corpus: Corpus, kind: str) -> Tally:
    tally = Tally(kind)
    for name, faults in corpus.faults.items():
        found = [fault for fault in faults if fault.kind == kind]
        tally.add(name, len(found), ((fault.place, str(fault)) for fault in found))
    return tally


def _misaligned(corpus: Corpus) -> Iterator[Finding]:
    for kind in ("misaligned_span", "few_misaligned"):
        fate = (
            "which is more than load_corpus moves"
            if kind == "misaligned_span"
            else "so few that load_corpus moves them"
        )
        yield from _faults_of(corpus, kind).finding(
            f"spans have a border inside a token, or their own text is not what stands at their offsets, {fate}; the "
            "new place of each stands beside it. Mend the offsets, or name the language of the texts, whose rules cut "
            "them into tokens"
        )
    yield from _faults_of(corpus, "overlapping_span").finding(
        "spans overlap another one, and a token has one tag. Remove one of each two, or read the corpus with "
        "overlaps='longest' or overlaps='first' (FILE:overlaps=longest)"
    )
