"""Decide the scheme of a whole corpus and bring its tags into form: repaired, converted, with one list of names.

Works on tag numbers in bulk; strings are touched only in sentences that change.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from datasets import Dataset, DatasetDict

from seqtag.corpora.arrow_files import distinct, offsets_of
from seqtag.corpora.column_roles import tagging_columns
from seqtag.corpora.formats.arrow_tables import dataset_blocks
from seqtag.corpora.tagged_drafts import (
    Block,
    Draft,
    Part,
    discard,
    document_type,
    draft_batches,
    finish_draft,
    tagged_features,
    write_draft,
)
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import (
    SCHEMES,
    check_scheme,
    convert_tags,
    detect_scheme,
    illegal_positions,
    legal_transitions,
    repair_tags,
    tag_fits,
)

logger = logging.getLogger("seqtag")

Bigrams: TypeAlias = Counter[tuple[str | None, str | None]]

REPAIRS = ("conlleval", "strict")
_SHOWN = 5
_BUILDER = "seqtag"  # the builder of a dataset that carries its scheme, which is then the name of its configuration


@dataclass(frozen=True, slots=True)
class IllegalTags:
    """The tags of a split that break the corpus's scheme."""

    count: int
    first: tuple[str, ...]  # the first few, as "file:line 'I-PER'"

    def __str__(self) -> str:
        return f"{self.count} orphan or illegal tag{'s' * (self.count != 1)}: {', '.join(self.first)}" + (
            ", ..." if self.count > len(self.first) else ""
        )


def corpus_scheme(corpus: Dataset | Mapping[str, Dataset]) -> str:
    """Name the scheme of a corpus's tags: the one that it carries, otherwise the one detected over all its splits.

    >>> corpus_scheme(Dataset.from_dict({"tokens": [["Ada", "Lovelace"]], "tags": [["I-PER", "I-PER"]]}))
    'IO'
    """
    tables = {"the dataset": corpus} if isinstance(corpus, Dataset) else corpus
    bigrams = _dataset_bigrams(tables)
    carried = common_scheme(map(carried_scheme, tables.values()))
    return carried if carried and _are_legal(bigrams, carried, ()) else detect_scheme(bigrams)


def carried_scheme(dataset: Dataset) -> str | None:
    """Give the scheme that `load_corpus` wrote into a dataset's information, as the name of its configuration.

    It survives select, shuffle, train_test_split, pickling and save_to_disk, but also a `map` that changes the tags.
    Whoever relies on it therefore has the tags checked, as `settled` does.
    """
    is_ours = dataset.builder_name == _BUILDER and dataset.config_name in SCHEMES
    return str(dataset.config_name) if is_ours else None


def common_scheme(schemes: Iterable[str | None]) -> str | None:
    """Give the one scheme that all splits carry; None where two differ or one carries none.

    >>> common_scheme(["IOB2", "IOB2"]), common_scheme(["IOB2", None])
    ('IOB2', None)
    """
    found = set(schemes)
    return found.pop() if len(found) == 1 else None


def carrying(table: Dataset, scheme: str) -> Dataset:
    """Give a dataset whose information names the scheme of its tags; the one that was given stays as it is."""
    if carried_scheme(table) != scheme:
        table = table.select(range(len(table)))
        table.info.builder_name, table.info.config_name = _BUILDER, scheme
    return table


def count_bigrams(tags: np.ndarray, offsets: np.ndarray, names: Sequence[str]) -> Bigrams:
    """Count neighbouring tags of many sentences at once, as `schemes.tag_bigrams` does for strings.

    `tags` are numbers into `names`, shape (N,); sentence s is `tags[offsets[s]:offsets[s + 1]]`.
    """
    edge = len(names)
    befores, afters, full, lasts = _neighbours(tags, offsets, edge)
    codes = np.concatenate((befores * (edge + 1) + afters, lasts * (edge + 1) + edge))
    found, counts = np.unique(codes, return_counts=True)
    labels = [*names, None]
    bigrams = Counter(
        {(labels[code // (edge + 1)], labels[code % (edge + 1)]): n for code, n in zip(found.tolist(), counts.tolist())}
    )
    if num_empty := len(offsets) - 1 - len(full):
        bigrams[None, None] += num_empty
    return bigrams


def settle(
    parts: Mapping[str, Part], folder: Path, *, scheme: str | None = None, repair: str = "conlleval"
) -> DatasetDict:
    """Turn parts into a DatasetDict with legal tags of one scheme and one ClassLabel; says in the log what it found.

    `scheme` is what the tags are converted to; 'plain' takes them as they are. The scheme that all parts were settled
    in before counts where their tags keep to it; otherwise the scheme is detected. Raises DataError under
    repair='strict' for illegal tags, UsageError for plain tags that should be converted.
    """
    check_options(scheme, repair)
    numbers: dict[str, int] = {}
    drafts = {split: write_draft(part, folder, numbers) for split, part in parts.items()}
    names = list(numbers)
    carried = common_scheme(part.scheme for part in parts.values())
    found = "plain" if (scheme or carried) == "plain" else _detect(drafts, names, carried)
    target = scheme or found
    if found == "plain" != target:
        odd = next(name for name in names if detect_scheme({(None, name): 1}) == "plain")
        raise UsageError(f"the tags can't be converted to {target}: {odd!r}, for one, is a plain label, no entity tag")
    if found == "plain" and scheme is None:
        _warn_of_mixture(names)
    illegal = {split: _list_illegal(draft, names, found) for split, draft in drafts.items()}
    num_illegal = sum(each.count for each in illegal.values())
    if num_illegal and repair == "strict":
        listed = "; ".join(f"{split}: {each}" for split, each in illegal.items() if each.count)
        raise DataError(f"tags that break the scheme {found}: {listed}; mend them, or read with repair='conlleval'")
    for split, each in illegal.items():
        if each.count:
            logger.warning("%s: %s; repaired by the conlleval reading", split, each)
    if num_illegal or target != found:
        declared = (name for part in parts.values() for name in part.declared) if target == found else ()
        numbers = {name: number for number, name in enumerate(dict.fromkeys(declared))}
        drafts = {split: _rewrite(draft, folder, names, found, target, numbers) for split, draft in drafts.items()}
    final = ordered_names(numbers)
    document = document_type(drafts.values())
    corpus = DatasetDict()
    for split, draft in drafts.items():
        corpus[split] = carrying(finish_draft(draft, folder, split, numbers, final, document), target)
        discard(draft)
    logger.info(
        "scheme %s%s, %d sentences, %d tokens, %d tags repaired (%s)",
        found,
        f" converted to {target}" if target != found else "",
        sum(draft.num_sentences for draft in drafts.values()),
        sum(draft.num_tokens for draft in drafts.values()),
        num_illegal,
        ", ".join(f"{split} from {draft.part.origin}" for split, draft in drafts.items()),
    )
    return corpus


def settled(tables: Mapping[str, Dataset], scheme: str | None) -> DatasetDict | None:
    """Give datasets that already are what `settle` would make of them, without a second copy on disk; otherwise None.

    They have the columns and the order of tags of every corpus here, and no tag breaks the scheme that they carry or,
    if they carry none, the one detected. For this the tags are read once.
    """
    lists = [getattr(table.features.get("tags"), "feature", None) for table in tables.values()]
    names = getattr(lists[0], "names", None)
    if names is None or names != ordered_names(names):
        return None
    if not any(
        all(table.features == tagged_features(names, document) for table in tables.values())
        for document in (None, "int64", "string")
    ):
        return None
    bigrams = _dataset_bigrams(tables)
    carried = common_scheme(map(carried_scheme, tables.values()))
    candidates = (carried, detect_scheme(bigrams)) if scheme != "plain" else ("plain",)
    found = next((name for name in candidates if name and _are_legal(bigrams, name, names)), None)
    if found is None or scheme not in (None, found):
        return None
    return DatasetDict({split: carrying(table, found) for split, table in tables.items()})


def check_options(scheme: str | None, repair: str) -> None:
    """Raise UsageError for an unknown scheme or repair."""
    if scheme is not None:
        check_scheme(scheme)
    if repair not in REPAIRS:
        raise UsageError(f"unknown repair {repair!r}; {near_miss(str(repair), REPAIRS)}")


def ordered_names(names: Iterable[str]) -> list[str]:
    """Put tags in the order of every corpus's ClassLabel: O first, then sorted.

    >>> ordered_names(["I-PER", "O", "B-PER"])
    ['O', 'B-PER', 'I-PER']
    """
    return sorted(names, key=lambda name: (name != "O", name))


def _are_legal(bigrams: Bigrams, scheme: str, declared: Iterable[str]) -> bool:
    """Say whether neighbouring tags keep to a scheme, and whether it has the tags that a ClassLabel declares."""
    if scheme == "plain":
        return True
    names = list(dict.fromkeys([*declared, *(name for pair in bigrams for name in pair if name is not None)]))
    if not all(tag_fits(name, scheme) for name in names):
        return False
    legal = legal_table(names, scheme)
    numbers: dict[str | None, int] = {None: len(names)} | {name: number for number, name in enumerate(names)}
    return all(legal[numbers[before], numbers[after]] for before, after in bigrams)


def _dataset_bigrams(tables: Mapping[str, Dataset]) -> Bigrams:
    bigrams: Bigrams = Counter()
    for origin, table in tables.items():
        columns = tagging_columns(table.features, source=origin)
        for block in dataset_blocks(table, columns, origin):
            names, tags = distinct(block.tags)
            bigrams.update(count_bigrams(tags, offsets_of(block.lengths), names))
    return bigrams


def _detect(drafts: Mapping[str, Draft], names: Sequence[str], carried: str | None) -> str:
    # one plain tag decides, and tag sets of that kind may be too large for counting pairs
    if detect_scheme({(None, name): 1 for name in names}) == "plain":
        return "plain"
    bigrams: Bigrams = Counter()
    for draft in drafts.values():
        for batch in draft_batches(draft):
            bigrams.update(count_bigrams(batch.tags, batch.offsets, names))
    is_kept = carried is not None and carried != "plain" and _are_legal(bigrams, carried, names)
    return carried if carried and is_kept else detect_scheme(bigrams)


def _warn_of_mixture(names: Sequence[str]) -> None:
    """Say it where tags look like entity tags but for some: a single typing error makes a corpus plain."""
    plain = [name for name in names if detect_scheme({(None, name): 1}) == "plain"]
    if "O" in names and 2 * len(plain) < len(names):
        shown = ", ".join(map(repr, plain[:_SHOWN])) or "their letters belong to no one scheme"
        logger.warning("the tags are read as plain labels, though most look like entity tags; not so: %s", shown)


def _neighbours(
    tags: np.ndarray, offsets: np.ndarray, edge: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pair each of N tags with the one before it: (N,), (N,); then the non-empty sentences and the last tag of each."""
    here = tags.astype(np.int64)
    full = np.flatnonzero(offsets[1:] > offsets[:-1])
    before = np.empty_like(here)
    before[1:] = here[:-1]
    before[offsets[full]] = edge
    return before, here, full, here[offsets[full + 1] - 1]


def legal_table(names: Sequence[str], scheme: str) -> np.ndarray:
    """Say which tag may follow which, bool (L + 1, L + 1); the last row and column are the sentence's edge."""
    start, transitions, end = legal_transitions(names, scheme)
    table = np.ones((len(names) + 1, len(names) + 1), bool)
    table[:-1, :-1], table[-1, :-1], table[:-1, -1] = transitions, start, end
    return table


def illegal_sentences(tags: np.ndarray, offsets: np.ndarray, legal: np.ndarray) -> list[int]:
    """Find the sentences in which a tag follows another that it may not follow, by a table of `legal_table`.

    `tags` and `offsets` are those of `count_bigrams`.
    """
    before, here, full, last = _neighbours(tags, offsets, len(legal) - 1)
    broken = np.searchsorted(offsets, np.flatnonzero(~legal[before, here]), side="right") - 1
    return [int(sentence) for sentence in np.union1d(broken, full[~legal[last, -1]])]


def _list_illegal(draft: Draft, names: Sequence[str], scheme: str) -> IllegalTags:
    if scheme in ("plain", "IO"):
        return IllegalTags(0, ())
    legal = legal_table(names, scheme)
    count = 0
    first: list[str] = []
    for batch in draft_batches(draft):
        for sentence in illegal_sentences(batch.tags, batch.offsets, legal):
            start, end = batch.offsets[sentence : sentence + 2].tolist()
            tags = [names[number] for number in batch.tags[start:end]]
            positions = illegal_positions(tags, scheme)
            count += len(positions)
            for position in positions[: _SHOWN - len(first)]:
                first.append(f"{draft.part.place(int(batch.lines[start + position]), position)} {tags[position]!r}")
    return IllegalTags(count, tuple(first))


def _rewrite(
    draft: Draft, folder: Path, names: Sequence[str], source: str, target: str, numbers: dict[str, int]
) -> Draft:
    """Write a draft anew with its tags repaired, or converted, which repairs them too."""
    legal = legal_table(names, source)

    def blocks() -> Iterator[Block]:
        for batch in draft_batches(draft):
            tags = np.array(names, object)[batch.tags]
            sentences = (
                illegal_sentences(batch.tags, batch.offsets, legal)
                if source == target
                else range(len(batch.offsets) - 1)
            )
            for sentence in sentences:
                start, end = batch.offsets[sentence : sentence + 2].tolist()
                old = tags[start:end].tolist()
                if source == target:
                    tags[start:end] = repair_tags(old, source)
                elif set(old) != {"O"}:
                    tags[start:end] = convert_tags(old, source, target)
            yield Block(batch.tokens, tags.tolist(), batch.lines, np.diff(batch.offsets), batch.documents)

    rewritten = write_draft(replace(draft.part, blocks=blocks(), declared=()), folder, numbers)
    discard(draft)
    return rewritten
