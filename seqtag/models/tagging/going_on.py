"""Let a tagger go on from an older one: its weights, its words and tags, what it knows of labels that new data lack.

Rows of weights are found by what they stand for, a word or a tag, so whatever both models know starts where the older
one ended. Labels that only the older model has are not annotated in the new data: outside of spans, tokens may have
them. What is learned from such data is the business of the head.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from datasets import Dataset, Value, concatenate_datasets
from datasets import Sequence as ListOf
from torch import Tensor

from seqtag.corpora.held_out import sentences_to_hold_out
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.tag_normalising import carried_scheme
from seqtag.errors import UsageError
from seqtag.inference.span_selection import labels_apart, side_by_side
from seqtag.inference.tag_engine import TagEngine
from seqtag.models.context import Context
from seqtag.models.tagging.inputs import tag_lists
from seqtag.nn.network import TagNetwork
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.schemes import ANNOTATED, UNKNOWN_TAG, Span, entity_labels, spans_from_tags, tags_from_spans
from seqtag.text.tagset import TagSet
from seqtag.text.training_surfaces import Surfaces
from seqtag.text.vocabulary import FEATURES, UNKNOWN, Vocabulary

# L tags of the new model, N rows of a table


class Fitted(Protocol):
    """What is taken over from a fitted tagger."""

    network_: TagNetwork
    vocabulary_: Vocabulary
    tagset_: TagSet
    surfaces_: Surfaces | None
    gazetteers_: Gazetteers | None
    context_: Context | None
    data_: dict[str, Any]
    word_size: int


@dataclass(frozen=True, slots=True)
class OldModel:
    """The model that another one starts from."""

    name: str  # of its folder, for messages
    network: TagNetwork
    vocabulary: Vocabulary
    tagset: TagSet
    engine: TagEngine
    surfaces: Surfaces | None  # of its training data and of those before; None in a model of an earlier release
    seen: Sequence[Mapping[str, str]]  # the hashes of these data; see `models.seen_data`
    knows_tags: bool = True  # not where it has read text without labels alone
    gazetteers: Gazetteers | None = None
    context: Context | None = None
    vectors_size: int | None = None  # of pretrained ones

    def with_surfaces(self, new: Surfaces) -> Surfaces | None:
        """Give the surfaces that it learned and the new ones; None where those that it learned are not known."""
        return None if self.surfaces is None else self.surfaces.union(new)

    @classmethod
    def of(cls, tagger: Fitted, name: str, engine: TagEngine) -> "OldModel":
        """Take over what a fitted tagger knows."""
        seen = [*([tagger.data_["seen"]] if "seen" in tagger.data_ else []), *tagger.data_.get("seen_before", [])]
        knows_tags = "pretrained" not in tagger.data_
        surfaces = tagger.surfaces_ if knows_tags else Surfaces.of([])
        width = tagger.network_.state_dict().get("embedder.word.weight", torch.zeros(0, 0)).shape[1]
        return cls(
            name,
            tagger.network_,
            tagger.vocabulary_,
            tagger.tagset_,
            engine,
            surfaces,
            seen,
            knows_tags,
            tagger.gazetteers_,
            tagger.context_,
            None if width in (0, tagger.word_size) else width,  # as where a model is loaded
        )

    def room_for_vectors(self, vocabulary: Vocabulary) -> Tensor | None:
        """Give zeros, (V, E), to be filled with its pretrained vectors; None where it has none."""
        return None if self.vectors_size is None else torch.zeros(vocabulary.feature_sizes["word"], self.vectors_size)

    def check_lists(self, names: Collection[str]) -> None:
        """Raise UsageError for lists of other names than its own, of which it knows what they say."""
        if self.gazetteers is not None and tuple(names) != self.gazetteers.names:
            raise UsageError(
                f"gazetteers= has the lists {', '.join(names)}, and the model of start_from={self.name!r} knows "
                f"{', '.join(self.gazetteers.names)}; give these names in this order, or leave gazetteers out to keep "
                "its lists"
            )

    @property
    def tags(self) -> Sequence[str]:
        """The tags that it has learned."""
        return self.tagset.data_tags if self.knows_tags else ()

    @property
    def labels(self) -> list[str]:
        """The labels of its spans; none where its tags are plain."""
        return [] if self.tagset.data_scheme == "plain" else entity_labels(self.tags)

    def sha256(self) -> str:
        """Give a hash of the weights."""
        digest = hashlib.sha256()
        for name, values in self.network.state_dict().items():
            digest.update(name.encode())
            digest.update(values.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def check_start(folder: str | None, *, keep: float | None, replay: Dataset | None) -> None:
    """Raise UsageError for what only a model that goes on has a use for."""
    for name, value in (("keep", keep), ("replay", replay)):
        if folder is None and value is not None:
            raise UsageError(f"{name}= is about an older model: name its folder with start_from=, or leave it out")


def about_training(train: Dataset, old: OldModel | None, replay: Dataset | None) -> dict[str, Any]:
    """Give what a model remembers of its training data beside their size: unknown tags, and those of older models."""
    names = train.features["tags"].feature.names
    unknown = names.index(UNKNOWN_TAG) if UNKNOWN_TAG in names else None
    about: dict[str, Any] = {}
    if unknown is not None:
        about["unknown_tags"] = sum(row.count(unknown) for row in train["tags"])
    if old is not None:
        about |= {"seen_before": list(old.seen), "replayed": 0 if replay is None else len(replay)}
    return about


def card_rows(data: Mapping[str, Any], start_from: str | None) -> dict[str, str]:
    """Say in a model card what `about_training` gave.

    >>> card_rows({"replayed": 20}, "models/people")
    {'started from': 'people, with 20 of its sentences again'}
    """
    rows = {}
    if data.get("unknown_tags"):
        rows["unknown tags"] = f"{data['unknown_tags']:,} tokens, of whose tags nothing was learned"
    if start_from is not None:
        again = f", with {data['replayed']:,} of its sentences again" if data.get("replayed") else ""
        rows["started from"] = f"{Path(start_from).name}{again}"
    return rows


def going_on(
    train: Dataset,
    dev: Dataset,
    old: OldModel,
    *,
    keep: float | None,
    replay: Dataset | None,
    dev_share: float,
    seed: int,
    language: str = "xx",
) -> tuple[Dataset, Dataset]:
    """Give the training and dev data of a model that goes on from an older one, in the older one's scheme.

    Where the new data lack labels of the old model, their tokens outside of spans may have these. With `keep` the old
    model says where its labels are, if it is at least so sure, and that nothing is there. `replay` are sentences that
    it learned from: they are added, with a share of them held out. A model that knows no tags changes nothing.
    """
    if not old.knows_tags:
        if keep is not None or replay is not None:
            name = "keep" if keep is not None else "replay"
            raise UsageError(f"{name}= is about labels, and start_from={old.name!r} has read text alone; leave it out")
        return train, dev
    scheme, labels = old.tagset.data_scheme, _labels(train)
    parts = {"train": train, "dev": dev}
    if replay is not None:
        parts["replay"] = load_corpus(replay, split="train", language=language)
    for name, data in parts.items():
        _check_kind(data, old, "the new data" if name != "replay" else "replay=")
        others = set(old.labels if name != "replay" else labels) - set(_labels(data))
        # Each by itself: in one corpus their schemes would be taken for one.
        parts[name] = load_corpus({name: _annotated(data, _labels(data)) if others else data}, scheme=scheme)[name]
    corpus = load_corpus(parts, scheme=scheme)
    missing = set(old.labels) - set(labels)
    if keep is not None and missing:
        corpus = load_corpus(
            {**corpus, "train": _taught(corpus["train"], old, missing, keep)}, scheme=old.tagset.data_scheme
        )
    train, dev = corpus["train"], corpus["dev"]
    if replay is None:
        return train, dev
    again = corpus["replay"]
    held = sentences_to_hold_out(len(again), dev_share, seed) if len(again) > 1 else np.zeros(0, np.int64)
    rest = np.setdiff1d(np.arange(len(again)), held)
    info = train.info
    train = concatenate_datasets([train, again.select(rest)])
    dev = concatenate_datasets([dev, again.select(held)])
    train.info.builder_name = dev.info.builder_name = info.builder_name
    train.info.config_name = dev.info.config_name = info.config_name
    return train, dev


def _labels(data: Dataset) -> list[str]:
    return [] if carried_scheme(data) == "plain" else entity_labels(data.features["tags"].feature.names)


def _check_kind(data: Dataset, old: OldModel, what: str) -> None:
    """Raise UsageError where one has plain tags and the other entity tags, which would be taken for plain ones too."""
    kinds = [
        "plain tags" if scheme == "plain" else "entity tags"
        for scheme in (old.tagset.data_scheme, carried_scheme(data))
    ]
    if kinds[0] != kinds[1]:
        given, known = (
            next(tag for tag in reversed(tags) if tag != UNKNOWN_TAG)
            for tags in (data.features["tags"].feature.names, old.tags)
        )
        raise UsageError(
            f"start_from={old.name!r}: that model has {kinds[0]}, such as {known!r}, and {what} has {kinds[1]}, such "
            f"as {given!r}; go on with tags of the same kind, or train another model"
        )


def _annotated(data: Dataset, labels: Sequence[str]) -> Dataset:
    """Say of every row that these labels alone were annotated, if it does not say so of fewer."""
    if ANNOTATED not in data.features:
        rows: Dataset = data.add_column(ANNOTATED, [list(labels)] * len(data), feature=ListOf(Value("string")))
        return rows
    return _with_annotated(data, [list(labels) if said is None else said for said in data[ANNOTATED][:]])


def _with_annotated(data: Dataset, annotated: Sequence[Sequence[str] | None]) -> Dataset:
    rows: Dataset = data.remove_columns(ANNOTATED).add_column(ANNOTATED, annotated, feature=data.features[ANNOTATED])
    return rows


def _taught(data: Dataset, old: OldModel, missing: Collection[str], keep: float) -> Dataset:
    """Put the labels that a model is sure of beside those of the data."""
    tokens, tags = data["tokens"][:], tag_lists(data)
    candidates, marginals = old.engine.candidates(tokens, keep).lists(), old.engine.marginals(tokens)
    outside = old.tagset.data_tags.index("O") if "O" in old.tagset.data_tags else None
    apart = labels_apart(old.tagset)
    taught = []
    for row, found, marginals_TD in zip(tags, candidates, marginals):
        is_outside_T = np.zeros(len(row), bool) if outside is None else marginals_TD[:, outside] >= keep
        wanted = [span for span in found if span.label in missing]
        taught.append(taught_tags(row, wanted, is_outside_T, scheme=old.tagset.data_scheme, apart=apart))
    everything = {*old.labels, *_labels(data)}
    annotated = [sorted({*said, *missing}) for said in data[ANNOTATED][:]]
    rows: Dataset = data.remove_columns("tags").add_column("tags", taught, feature=ListOf(Value("string")))
    return _with_annotated(rows, [None if everything <= set(said) else said for said in annotated])


def taught_tags(
    tags: Sequence[str],
    candidates: Sequence[Span],
    is_outside_T: np.ndarray,
    *,
    scheme: str,
    apart: Collection[str] = frozenset(),
) -> list[str]:
    """Add a model's spans to the tags of a sentence where these have none, and call unknown what neither of them says.

    `candidates` are the spans that it is sure of, with their probabilities, and `is_outside_T` the tokens that it is
    sure to be outside of its spans.

    >>> taught_tags(["B-ORG", "O", "O"], [Span(1, 2, "PER", score=0.9)], np.array([True, False, True]), scheme="IOB2")
    ['B-ORG', 'B-PER', 'O']
    """
    given = spans_from_tags(tags, scheme)
    is_free = [tag == "O" for tag in tags]
    fitting = [span for span in candidates if all(is_free[span.start : span.end])]
    chosen = side_by_side(fitting, frozenset(apart))
    taught = tags_from_spans([*given, *chosen], len(tags), scheme)
    return [
        UNKNOWN_TAG if old == UNKNOWN_TAG or (new == "O" and not is_outside) else new
        for old, new, is_outside in zip(tags, taught, is_outside_T)
    ]


# -- weights ----------------------------------------------------------------------------------


@torch.no_grad()
def take_weights(network: TagNetwork, vocabulary: Vocabulary, tagset: TagSet, old: OldModel) -> None:
    """Give a new network the weights of an old one for all that both know.

    Raises UsageError where the networks are of other shapes, which their options decide, or look words up otherwise.
    """
    for option in ("lowercase", "merge_digits"):
        was, given = getattr(old.vocabulary, option), getattr(vocabulary, option)
        if was != given:
            raise UsageError(
                f"{option}={given}: the model of start_from={old.name!r} looks words up with {option}={was}, and many "
                f"of its words would never be found; give {option}={was}"
            )
    known = {name: number for number, name in enumerate(old.tagset.names)} if old.knows_tags else {}
    tags_L = _places(tagset.names, known)
    rows = _tables(vocabulary, old.vocabulary)
    rows |= dict.fromkeys(("head.start_L", "head.end_L", "head.shift_L", "head.transitions_LL"), tags_L)
    rows |= dict.fromkeys(("head.output.weight", "head.output.bias"), tags_L)
    state, before = (
        {name: values for name, values in each.state_dict().items() if old.knows_tags or not name.startswith("head.")}
        for each in (network, old.network)
    )
    new_lists = {name for name in state if ".gazetteers." in name} if old.gazetteers is None else set()
    unlike = sorted((state.keys() ^ before.keys()) - new_lists)
    for name in state.keys() & before.keys():
        values, given = state[name], before[name].to(state[name].device)
        rows_N, columns_N = rows.get(name), None
        if name == "head.lexical.table.weight":  # scores of the tags for a word, the word before it and the one after
            values, given = (table.view(len(table), 3, -1).permute(0, 2, 1) for table in (values, given))
        if name == "head.lexical.gazetteers.weight":
            values, given = (table.view(3, -1, table.shape[1]).permute(1, 0, 2) for table in (values, given))
            rows_N = tags_L
        if new_lists and name.startswith("encoder.rnn.weight_ih_l0"):  # what lists say stands last in its input
            values = values[:, : given.shape[1]]
        if name in ("head.lexical.table.weight", "head.transitions_LL"):
            columns_N = tags_L
        fixed = 0 if rows_N is None else 1 if columns_N is None else 2  # from this axis on both have the same sizes
        if values.shape[fixed:] == given.shape[fixed:]:
            _copy(values, given, rows_N, columns_N)
        else:
            unlike.append(name)
    if not unlike and old.vocabulary.unseen is not None:  # new words start with the vectors that they had beside it
        words = [word for word in vocabulary.indices["word"] if word not in old.vocabulary.indices["word"]]
        vectors_UE, is_known_U = (torch.from_numpy(part) for part in old.vocabulary.unseen.find(words))
        rows_U = torch.tensor([vocabulary.indices["word"][word] for word in words], dtype=torch.long)
        state["embedder.word.weight"][rows_U[is_known_U]] = vectors_UE[is_known_U]
    if unlike:
        raise UsageError(
            f"start_from={old.name!r}: that model has another network ({', '.join(unlike[:3])}); give the options that "
            "it was trained with, which its config.json holds, such as encoder, hidden_size, head, word_size and "
            "gazetteer_size"
        )


def _tables(vocabulary: Vocabulary, old: Vocabulary) -> dict[str, np.ndarray]:
    """Give the row in the old table for each row of the new ones, -1 for none, by the name of the weights.

    What is new starts with the vector that the old model had for everything it did not know.
    """
    columns = {name: _ids(vocabulary.indices[name], old.indices[name]) for name in FEATURES}
    vectors = {f"embedder.features.{number}.weight": columns[name] for number, name in enumerate(FEATURES)}
    vectors["embedder.word.weight"] = columns["word"]
    vectors["embedder.characters.embedding.weight"] = _ids(vocabulary.characters, old.characters)
    rows = {name: np.where(ids_N < 0, UNKNOWN, ids_N) for name, ids_N in vectors.items()}
    firsts = np.cumsum([0, *old.feature_sizes.values()][:-1])
    parts = [np.where(columns[name] < 0, -1, columns[name] + first) for name, first in zip(FEATURES, firsts)]
    return rows | {"head.lexical.table.weight": np.concatenate(parts)}


def _ids(index: Mapping[str, int], old: Mapping[str, int]) -> np.ndarray:
    """Padding and the unknown keep their ids, 0 and 1."""
    return np.concatenate([[0, 1], _places(list(index), old)])


def _places(names: Sequence[str], old: Mapping[str, int]) -> np.ndarray:
    return np.array([old.get(name, -1) for name in names], np.int64)


def _copy(values: Tensor, given: Tensor, rows_N: np.ndarray | None, columns_N: np.ndarray | None = None) -> None:
    """Copy the rows of an old tensor, or its rows and columns, to their new places."""
    if rows_N is None:
        values.copy_(given)
        return
    new, found = (torch.from_numpy(part) for part in (np.flatnonzero(rows_N >= 0), rows_N[rows_N >= 0]))
    if columns_N is None:
        values[new] = given[found]
        return
    across, place = (torch.from_numpy(part) for part in (np.flatnonzero(columns_N >= 0), columns_N[columns_N >= 0]))
    values[new[:, None], across] = given[found[:, None], place]
