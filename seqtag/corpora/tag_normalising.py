"""Decide the scheme of a whole corpus and bring its tags into form: repaired, converted, with one list of names.

Works on tag numbers in bulk; strings are touched only in sentences that change.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from datasets import Dataset, DatasetDict

from seqtag.corpora.arrow_files import distinct, offsets_of
from seqtag.corpora.column_roles import tagging_columns
from seqtag.corpora.formats.arrow_tables import dataset_blocks
from seqtag.corpora.tagged_blocks import Block, Part
from seqtag.corpora.tagged_drafts import (
    Draft,
    discard,
    document_type,
    draft_batches,
    finish_draft,
    tagged_features,
    write_draft,
)
from seqtag.errors import DataError, UsageError, near_miss
from seqtag.text.schemes import (
    ANNOTATED,
    SCHEMES,
    UNKNOWN_TAG,
    check_scheme,
    convert_tags,
    detect_scheme,
    entity_labels,
    illegal_positions,
    repair_tags,
    tag_fits,
)
from seqtag.text.tag_spelling import (
    DEFAULT_SPELLING,
    Respelling,
    TagSpelling,
    find_respelling,
    looks_like_entities,
)
from seqtag.text.tag_tables import Bigrams, count_bigrams, illegal_sentences, legal_table

logger = logging.getLogger("seqtag")

REPAIRS = ("conlleval", "strict")
_SHOWN, _MOST_TAKEN = 5, 20  # tags that a message shows
_FEW = 10  # so few different words or tags say nothing
_BUILDER = "seqtag"  # the builder of a dataset that carries its scheme, which is then the name of its configuration
_SPELLED = "The corpus spells its tags as follows: "  # the beginning of the description of such a dataset


def corpus_scheme(corpus: Dataset | Mapping[str, Dataset]) -> str:
    """Name the scheme of a corpus's tags: the one that it carries, otherwise the one detected over all its splits.

    >>> corpus_scheme(Dataset.from_dict({"tokens": [["Ada", "Lovelace"]], "tags": [["I-PER", "I-PER"]]}))
    'IO'
    """
    tables = {"the dataset": corpus} if isinstance(corpus, Dataset) else corpus
    bigrams = _dataset_bigrams(tables)
    carried = common_scheme(map(carried_scheme, tables.values()))
    if carried and _are_legal(bigrams, carried, ()):
        return carried
    if respelling := find_respelling(_tag_counts(bigrams)):
        bigrams = _respelled(bigrams, respelling)
    return detect_scheme(bigrams)


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


def carried_spelling(dataset: Dataset) -> TagSpelling:
    """Give the spelling of the tags in the file that a dataset was read from, which `load_corpus` wrote beside them."""
    description = str(dataset.info.description or "")
    if carried_scheme(dataset) is None or not description.startswith(_SPELLED):
        return DEFAULT_SPELLING
    return TagSpelling.from_dict(json.loads(description.removeprefix(_SPELLED)))


def common_spelling(spellings: Iterable[TagSpelling]) -> TagSpelling:
    """Give the spelling that predictions use: the first one that is not the default, since train comes first."""
    return next((spelling for spelling in spellings if spelling != DEFAULT_SPELLING), DEFAULT_SPELLING)


def carrying(table: Dataset, scheme: str, spelling: TagSpelling = DEFAULT_SPELLING) -> Dataset:
    """Give a dataset whose information names scheme and spelling of its tags; the given dataset is not changed."""
    if (carried_scheme(table), carried_spelling(table)) != (scheme, spelling):
        table = table.select(range(len(table)))
        table.info.builder_name, table.info.config_name = _BUILDER, scheme
        table.info.description = "" if spelling == DEFAULT_SPELLING else _SPELLED + json.dumps(spelling.to_dict())
    return table


def settle(
    parts: Mapping[str, Part],
    folder: Path,
    *,
    scheme: str | None = None,
    outside: str | None = None,
    repair: str = "conlleval",
    unknown: str | None = UNKNOWN_TAG,
) -> DatasetDict:
    """Turn parts into a DatasetDict with legal tags of one scheme and one ClassLabel; says in the log what it found.

    `scheme` is what the tags are converted to; 'plain' takes them as they are. The scheme that all parts were settled
    in before counts where their tags keep to it; otherwise the scheme is detected. Tags that are spelled in another way
    than `B-PER` and O are respelled, see `text.tag_spelling`; the datasets carry how the corpus spells them. Tokens
    with the tag `unknown` were not annotated. Raises DataError under repair='strict' for illegal tags, UsageError for
    plain tags that should be converted.
    """
    check_options(scheme, repair, outside)
    numbers: dict[str, int] = {}
    drafts = {split: write_draft(part, folder, numbers, unknown=unknown) for split, part in parts.items()}
    names = list(numbers)
    carried = common_scheme(part.scheme for part in parts.values())
    spelling = common_spelling(part.spelling for part in parts.values())
    is_plain = scheme == "plain" or (scheme is None and outside is None and carried == "plain")
    respelling = None if is_plain else _find_respelling(drafts, names, scheme, outside)
    if respelling is not None:
        tell_respelling(respelling)
        spelling = respelling.spelling
        names = [respelling.read_as[name] for name in names]
    found = "plain" if is_plain else _detect(drafts, names, carried)
    _tell_unknown(drafts, names, is_plain=found == "plain")
    target = scheme or found
    if found == "plain" != target:
        odd = next((name for name in names if detect_scheme({(None, name): 1}) == "plain"), names[0])
        raise UsageError(
            f"the tags can't be converted to {target}: {odd!r}, for one, is a plain label, no entity tag; if it stands "
            f"outside of entities, pass outside={odd!r}"
        )
    start = next(draft_batches(next(iter(drafts.values()))))
    found_words, which = distinct(start.tokens)
    words = dict(zip(found_words, np.bincount(which, minlength=len(found_words)).tolist()))
    num_sentences = sum(draft.num_sentences for draft in drafts.values())
    num_tokens = sum(draft.num_tokens for draft in drafts.values())
    for doubt in doubts_of_words(words, num_sentences, num_tokens):
        logger.warning("%s", doubt)
    if found == "plain" and scheme is None:
        for doubt in doubts_of_plain(names, len(words), len(np.unique(start.tags))):
            logger.warning("the tags are read as plain labels, though %s", doubt)
        if outside is not None and outside not in names:
            logger.warning("no token has the tag %r that outside= names; the tags are read as plain labels", outside)
    illegal = {split: _list_illegal(draft, names, found) for split, draft in drafts.items()}
    num_illegal = sum(count for count, _ in illegal.values())
    if num_illegal and repair == "strict":
        listed = "; ".join(f"{split}: {places}" for split, (count, places) in illegal.items() if count)
        raise DataError(f"tags that break the scheme {found}: {listed}; mend them, or read with repair='conlleval'")
    for split, (count, places) in illegal.items():
        if count:
            logger.warning("%s: %s; repaired by the conlleval reading", split, places)
    if target != found:
        spelling = DEFAULT_SPELLING
    if num_illegal or target != found or respelling is not None:
        declared = [name for part in parts.values() for name in part.declared] if target == found else []
        if respelling is not None:
            declared = [respelling.read_as[name] for name in declared]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(declared))}
        drafts = {split: _rewrite(draft, folder, names, found, target, numbers) for split, draft in drafts.items()}
    final = ordered_names(numbers)
    document = document_type(drafts.values())
    is_partial = any(draft.is_partial for draft in drafts.values())
    corpus = DatasetDict()
    for split, draft in drafts.items():
        finished = finish_draft(draft, folder, split, numbers, final, document, is_partial=is_partial)
        corpus[split] = carrying(finished, target, spelling)
        discard(draft)
    logger.info(
        "scheme %s%s, %d sentences, %d tokens, %d tags repaired (%s)",
        found,
        f" converted to {target}" if target != found else "",
        num_sentences,
        num_tokens,
        num_illegal,
        ", ".join(f"{split} from {draft.part.origin}" for split, draft in drafts.items()),
    )
    return corpus


def settled(tables: Mapping[str, Dataset], scheme: str | None, outside: str | None = None) -> DatasetDict | None:
    """Give datasets that already are what `settle` would make of them, without a second copy on disk; otherwise None.

    They have the columns and the order of tags of every corpus here, and no tag breaks the scheme that they carry or,
    if they carry none, the one detected. For this the tags are read once.
    """
    lists = [getattr(table.features.get("tags"), "feature", None) for table in tables.values()]
    names = getattr(lists[0], "names", None)
    if names is None or names != ordered_names(names):
        return None
    if any(ANNOTATED in table.features and carried_scheme(table) is None for table in tables.values()):  # to be told
        return None
    if not any(
        all(table.features == tagged_features(names, document, is_partial=partial) for table in tables.values())
        for document in (None, "int64", "string")
        for partial in (False, True)
    ):
        return None
    bigrams = _dataset_bigrams(tables)
    carried = common_scheme(map(carried_scheme, tables.values()))
    candidates = (carried, detect_scheme(bigrams)) if scheme != "plain" else ("plain",)
    found = next((name for name in candidates if name and _are_legal(bigrams, name, names)), None)
    if found is None or scheme not in (None, found):
        return None
    if UNKNOWN_TAG not in names and any(UNKNOWN_TAG in pair for pair in bigrams):  # null or -1, which ? replaces
        return None
    is_open = (outside is not None or carried != "plain") and scheme != "plain"
    if is_open and find_respelling(_tag_counts(bigrams, names), outside=outside, are_entities=scheme is not None):
        return None
    spelling = DEFAULT_SPELLING if found == "plain" else common_spelling(map(carried_spelling, tables.values()))
    return DatasetDict({split: carrying(table, found, spelling) for split, table in tables.items()})


def check_options(scheme: str | None, repair: str, outside: str | None = None) -> None:
    """Raise UsageError for an unknown scheme or repair, and for a tag outside of entities where there are none."""
    if scheme is not None:
        check_scheme(scheme)
    if outside is not None and (not isinstance(outside, str) or not outside.strip()):
        raise UsageError(f"outside={outside!r}: name the tag that stands outside of entities, such as 'O' or '_'")
    if outside is not None and scheme == "plain":
        raise UsageError(
            f"outside={outside!r} and scheme='plain': plain tags have no outside; leave out one of the two"
        )
    if repair not in REPAIRS:
        raise UsageError(f"unknown repair {repair!r}; {near_miss(str(repair), REPAIRS)}")


def ordered_names(names: Iterable[str]) -> list[str]:
    """Put tags in the order of every corpus's ClassLabel: O first, then sorted, and ? last.

    >>> ordered_names(["I-PER", "O", "B-PER"])
    ['O', 'B-PER', 'I-PER']
    """
    return sorted(names, key=lambda name: (name != "O", name == UNKNOWN_TAG, name))


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


def _tag_counts(bigrams: Bigrams, declared: Iterable[str] = ()) -> Counter[str]:
    counts: Counter[str] = Counter(dict.fromkeys(declared, 0))
    for (_, tag), count in bigrams.items():
        if tag is not None:
            counts[tag] += count
    return counts


def _respelled(bigrams: Bigrams, respelling: Respelling) -> Bigrams:
    respelled: Bigrams = Counter()
    for pair, count in bigrams.items():
        before, after = (None if tag is None else respelling.read_as[tag] for tag in pair)
        respelled[before, after] += count
    return respelled


def _find_respelling(
    drafts: Mapping[str, Draft], names: Sequence[str], scheme: str | None, outside: str | None
) -> Respelling | None:
    counts = np.zeros(len(names), np.int64)
    for draft in drafts.values():
        for batch in draft_batches(draft):
            counts += np.bincount(batch.tags, minlength=len(names))
    known = dict(zip(names, counts.tolist()))
    return find_respelling(known, outside=outside, are_entities=scheme is not None)


def tell_respelling(respelling: Respelling, source: str = "") -> None:
    """Say in the log which tags were taken for which, and that predictions are written as the corpus writes them."""
    taken = [f"{written!r} for {tag}" for written, tag in respelling.changed.items()]
    more = f" and {len(taken) - _MOST_TAKEN} more" if len(taken) > _MOST_TAKEN else ""
    logger.warning(
        "%sthe tags are entity tags in another spelling and were taken as such: %s%s. Predictions keep the spelling of "
        "the corpus; scheme='plain' takes the tags as they are",
        f"{source}: " if source else "",
        ", ".join(taken[:_MOST_TAKEN]),
        more,
    )
    if respelling.uneven:
        shown = ", ".join(map(repr, respelling.uneven[:_SHOWN])) + ", ..." * (len(respelling.uneven) > _SHOWN)
        logger.warning("most tags are spelled in another way than %s; write them in one way", shown)


def _tell_unknown(drafts: Mapping[str, Draft], names: Sequence[str], *, is_plain: bool) -> None:
    """Say in the log how many tags are unknown, and where only some labels were annotated.

    Raises DataError where labels were annotated of plain tags, which have none outside of them.
    """
    if UNKNOWN_TAG not in names and not any(draft.is_partial for draft in drafts.values()):
        return
    for split, draft in drafts.items():
        if draft.part.scheme is not None:  # it was settled before, and told
            continue
        number, num_unknown, num_partial = names.index(UNKNOWN_TAG) if UNKNOWN_TAG in names else -1, 0, 0
        said = set[str]()
        for batch in draft_batches(draft):
            num_unknown += int((batch.tags == number).sum())
            num_partial += len(batch.annotated) - batch.annotated.null_count
            said.update(batch.annotated.flatten().to_pylist())
        if num_unknown:
            advice = "; if ? is a tag like the others, give it another name" if is_plain else ""
            logger.warning("%s: %d of %d tags are unknown (?)%s", split, num_unknown, draft.num_tokens, advice)
        if num_partial and is_plain:
            raise DataError(
                f"{draft.part.origin}: {ANNOTATED} names labels of spans, and the tags are plain; leave it out, and "
                f"give tokens that nobody annotated the tag {UNKNOWN_TAG}"
            )
        labels = [] if is_plain else entity_labels(name for name in names if name != UNKNOWN_TAG)
        for label in sorted(said.difference(labels)):
            logger.warning(
                "%s: %s names %r, of which there is no span; %s", split, ANNOTATED, label, near_miss(label, labels)
            )
        if num_partial:
            logger.warning(
                "%s: in %d of %d sentences only some labels were annotated", split, num_partial, draft.num_sentences
            )


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


def doubts_of_words(words: Mapping[str, int], num_sentences: int, num_tokens: int) -> Iterator[str]:
    """Say what makes it doubtful that the words of a corpus, given with their counts, and its sentences are such."""
    num_numbers = sum(count for word, count in words.items() if word.isdecimal())
    if len(words) > _FEW and 10 * num_numbers > 9 * sum(words.values()):
        yield "nearly all words are numbers; if they only count the words, name the column of words with token="
    if num_tokens == num_sentences > _FEW:
        yield "each sentence is a single word; take out what ends it, such as doubled line ends or blank lines"


def doubts_of_plain(names: Sequence[str], num_words: int, num_tags: int) -> Iterator[str]:
    """Say what makes it doubtful that tags are plain labels, with what to do.

    A single typing error makes the whole corpus plain. `num_words` and `num_tags` are how many different words and tags
    there are in the same part of the corpus.
    """
    plain = [name for name in names if detect_scheme({(None, name): 1}) == "plain"]
    if ("O" in names and 2 * len(plain) < len(names)) or looks_like_entities(names):
        odd = [name for name in plain if not looks_like_entities([name])]
        if len(odd) < len(names) - ("O" in names):
            shown = ", ".join(map(repr, odd[:_SHOWN])) or "their letters belong to no one scheme"
            yield (
                f"most look like entity tags; not so: {shown}. Mend them, or name the tag that stands outside of "
                "entities with outside="
            )
        else:
            example = max(odd, key=len)
            yield f"they look like entity tags of an unknown form ({example!r}); write them as B-PER, I-PER, O"
    elif len(names) > 2 and all(name.isdecimal() for name in names):
        yield "they are numbers, which may stand for entity tags; write their names"
    if num_tags > max(num_words, _FEW):
        yield "there are more different tags than words; if the columns are swapped, name them with token= and tag="


def _list_illegal(draft: Draft, names: Sequence[str], scheme: str) -> tuple[int, str]:
    """Count the tags of a split that break its scheme, and write their number and the first of their places."""
    if scheme in ("plain", "IO"):
        return 0, ""
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
    listed = ", ".join(first) + ", ..." * (count > len(first))
    return count, f"{count} orphan or illegal tag{'s' * (count != 1)}: {listed}"


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
            lengths = np.diff(batch.offsets)
            yield Block(batch.tokens, tags.tolist(), batch.lines, lengths, batch.documents, annotated=batch.annotated)

    rewritten = write_draft(replace(draft.part, blocks=blocks(), declared=()), folder, numbers)
    discard(draft)
    return rewritten
