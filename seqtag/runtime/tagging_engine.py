"""The engine of a tagger that runs an exported network with onnxruntime and decides on its emissions with numpy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from seqtag.inference.explaining.occlusion import OF_EVERY_MODEL, WITH_LISTS, Occluded
from seqtag.inference.scored import Scored
from seqtag.inference.tag_engine import Sentences, TagEngine
from seqtag.runtime.heads import Head, ScoredBatch, read_head
from seqtag.runtime.onnx_session import MAX_TOKENS, Exported, Session
from seqtag.runtime.word_table import WordTable, last_ids
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.length_batches import pad, row_batches
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary

# B sentences, T tokens, L tags, N tokens of a batch, M language models, C characters

_INPUTS = ("slots_BT", "lengths_B")
_CONTEXT = ("symbols_MBC", "picks_MBT")
_LISTS = "matches_BTG"
_OUTPUT = "emissions_BTL"


@dataclass(frozen=True, eq=False)
class OnnxTagEngine(TagEngine):
    """An exported network with the indices that it was trained with. Any number of threads may ask it at once."""

    session: Session
    head: Head
    words: WordTable
    tagset: TagSet
    max_tokens: int  # padded tokens per batch
    thresholds: Mapping[str, float] | None = None
    context: CharacterLayout | None = None  # of a network that has one
    gazetteers: Gazetteers | None = None  # of a network that has some

    @classmethod
    def build(
        cls,
        exported: Exported,
        config: Mapping[str, Any],
        vocabulary: Vocabulary,
        context: CharacterLayout | None = None,
        gazetteers: Gazetteers | None = None,
    ) -> "OnnxTagEngine":
        """Bring an export and the configuration of its model together; ModelError where they don't fit."""
        tagset, tuning = TagSet.from_dict(config["tagset"]), config.get("tuning")
        try:
            head = read_head(exported.about, len(tagset.names))
        except (ValueError, TypeError, KeyError) as error:
            raise exported.damaged(f"its metadata can't be read ({error!r})") from None
        return cls(
            tagging_session(exported, vocabulary, len(tagset.names), context, gazetteers),
            head,
            WordTable(vocabulary),
            tagset,
            min(config["params"]["max_tokens"], MAX_TOKENS),
            None if tuning is None else {label: found["value"] for label, found in tuning["labels"].items()},
            context,
            gazetteers,
        )

    def scored(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences batch by batch: give their numbers and the batch. Empty sentences are in no batch."""
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))

        def score(indices: np.ndarray) -> ScoredBatch:
            lengths_B = lengths[indices]
            together = [sentences[i] for i in indices]
            looked = self.words.look_up(list(chain.from_iterable(together)))
            values = pad(looked.slots_N, lengths_B), lengths_B.astype(np.int32)
            given: dict[str, np.ndarray] = dict(zip(_INPUTS, values)) | looked.inputs()
            if self.context is not None:
                given |= zip(_CONTEXT, self.context.lay_out(together))
            if self.gazetteers is not None:
                given[_LISTS] = self.gazetteers.codes(together, lengths_B)
            (emissions_BTL,) = self.session.run([_OUTPUT], _of_two_words(given))
            return ScoredBatch(self.head, emissions_BTL[:, : lengths_B.max()], lengths_B)

        most = self.session.batch_tokens(int(lengths.sum()), self.max_tokens)
        yield from self.session.each(score, row_batches(sentences, self.context, max_tokens=most))

    def hides(self) -> Sequence[str]:
        """Name what can be hidden; a word that is hidden from lists alone would be hidden from language models too."""
        return WITH_LISTS if self.gazetteers is not None and self.context is None else OF_EVERY_MODEL

    def reading(self, occluded: Occluded) -> "OnnxTagEngine":
        """Give the same engine for sentences in which something is hidden."""
        lists = None if self.gazetteers is None else occluded.gazetteers(self.gazetteers)
        return replace(self, words=WordTable(occluded.vocabulary(self.words.vocabulary)), gazetteers=lists)


def _of_two_words(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add padding to sentences of one word: onnxruntime 1.23 computes older exports wrongly for a single step."""
    if given["slots_BT"].shape[1] > 1:
        return given
    axes = {"slots_BT": 1, "picks_MBT": 2, _LISTS: 1}
    return given | {
        name: np.pad(given[name], [(0, int(at == axis)) for at in range(given[name].ndim)])
        for name, axis in axes.items()
        if name in given
    }


def tagging_session(
    exported: Exported,
    vocabulary: Vocabulary,
    num_tags: int,
    context: CharacterLayout | None,
    gazetteers: Gazetteers | None = None,
) -> Session:
    """Give the session of a tagging network; ModelError where its graph is another one, or of another vocabulary."""
    added = (*(_CONTEXT if context is not None else ()), *([_LISTS] if gazetteers is not None else ()))
    # One word with the highest ids: its tables must have a row for each, or a prediction would fail later.
    last = last_ids(vocabulary).inputs()
    exported.check_borders((*_INPUTS, *last, *added), (_OUTPUT,))
    given = last | {"slots_BT": np.ones((1, 1), np.int64), "lengths_B": np.ones(1, np.int32)}
    if context is not None:
        given |= zip(_CONTEXT, (context.last_symbols(), np.zeros((len(context.models), 1, 1), np.int64)))
    if gazetteers is not None:
        given[_LISTS] = np.ones((1, 1, gazetteers.num_columns), np.float32)
    (emissions_BTL,) = exported.session.run([_OUTPUT], _of_two_words(given))
    if emissions_BTL.shape != (1, 2, num_tags):
        raise exported.damaged(f"it does not score the {num_tags} tags of config.json")
    return exported.session
