"""Run an exported network with onnxruntime, and answer from its emissions: the torch-free engine behind a tagger."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from seqtag.errors import ModelError, UsageError
from seqtag.inference.tagging import Scored, Sentences, TagAnswers
from seqtag.runtime.heads import Head, ScoredBatch, read_head
from seqtag.runtime.onnx_session import Session, open_session
from seqtag.runtime.word_table import WordTable
from seqtag.store import sha256_of
from seqtag.text.context_layout import CharacterLayout
from seqtag.text.length_batches import pad, sorted_batches
from seqtag.text.tagset import TagSet

# B sentences, T tokens, L tags, N tokens of a batch, M language models, C characters

# An export with a context has format 2; all others are what earlier releases read as well.
EXPORT_FORMAT, CONTEXT_FORMAT = 1, 2
# Padded tokens a batch, and no more than the model was trained with.
MAX_TOKENS = 2048
_INPUTS = ("slots_BT", "lengths_B", "features_UF", "characters_UC")
_CONTEXT = ("symbols_MBC", "picks_MBT")
_OUTPUT = "emissions_BTL"


@dataclass(frozen=True, eq=False)
class RuntimeEngine(TagAnswers):
    """An exported network with the indices that it was trained with. Any number of threads may ask it at once."""

    session: Session
    head: Head
    words: WordTable
    tagset: TagSet
    max_tokens: int  # padded tokens a batch
    thresholds: Mapping[str, float] | None = None
    context: CharacterLayout | None = None  # of a network that has one

    def scored(self, sentences: Sentences) -> Iterator[tuple[np.ndarray, Scored]]:
        """Score sentences, batch by batch: their numbers and the batch. Empty sentences are in none."""
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))

        def score(indices: np.ndarray) -> ScoredBatch:
            lengths_B = lengths[indices]
            own = [sentences[i] for i in indices]
            looked = self.words.look_up(list(chain.from_iterable(own)))
            values = (
                pad(looked.slots_N, lengths_B),
                lengths_B.astype(np.int32),
                looked.features_UF,
                looked.characters_UC,
            )
            given = dict(zip(_INPUTS, values))
            if self.context is not None:
                given |= zip(_CONTEXT, self.context.lay_out(own))
            (emissions_BTL,) = self.session.run([_OUTPUT], given)
            return ScoredBatch(self.head, emissions_BTL, lengths_B)

        most = self.session.batch_tokens(int(lengths.sum()), self.max_tokens)
        if self.context is None:
            batches = sorted_batches(lengths, max_tokens=most)
        else:
            batches = self.context.batches(sentences, max_tokens=most)
        yield from self.session.each(score, batches)


def open_network(
    path: Path,
    tagset: TagSet,
    *,
    weights_sha256: str,
    threads: int | None,
    sha256: str | None = None,
    has_context: bool = False,
) -> tuple[Session, Head]:
    """Open an exported tagging network and check that it is whole, of this release's form and of these weights.

    `threads` is how many cores one call may use; None: all that the process may. `sha256` is that of the file, where it
    is known; `has_context` says whether language models lend the network their states. Raises UsageError where there is
    no export or no onnxruntime, ModelError for a file that is damaged or of other weights.
    """
    exported = open_export(path, weights_sha256=weights_sha256, threads=threads, sha256=sha256)
    try:
        head = read_head(exported.about, len(tagset.names))
    except (ValueError, TypeError, KeyError) as error:
        raise exported.damaged(f"its metadata can't be read ({error!r})") from None
    return tagging_session(exported, has_context=has_context), head


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was opened: of the right form and of the right weights."""

    path: Path
    session: Session
    about: Mapping[str, Any]  # what the metadata say

    def damaged(self, what: str) -> ModelError:
        """Give the error that says what is wrong with the file."""
        return ModelError(f"{self.path}: damaged, {what}; {_again(self.path)}")

    def check_borders(self, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        """Raise ModelError where the graph takes or gives something else."""
        found = set(self.session.inputs), set(self.session.outputs)
        if found != (set(inputs), set(outputs)):
            raise self.damaged(f"it takes {sorted(found[0])} and gives {sorted(found[1])}")


def open_export(path: Path, *, weights_sha256: str, threads: int | None, sha256: str | None = None) -> Exported:
    """Open an export of any task; what `open_network` says of a file holds here."""
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise UsageError(f"threads={threads!r}: give a whole number of threads, at least 1, or None for all cores")
    if not path.is_file():
        raise UsageError(f"{path.parent}: there is no {path.name} in it; {_again(path)}")
    if sha256 is not None and sha256_of(path) != sha256:
        raise ModelError(f"{path}: damaged, it is not the file that was exported; {_again(path)}")
    exported = start_export(path, str(path), threads=threads)
    if exported.about["weights_sha256"] != weights_sha256:
        raise ModelError(f"{path}: made from other weights than those of this model; {_again(path)}")
    return exported


def tagging_session(exported: Exported, *, has_context: bool) -> Session:
    """Give the session of a tagging network; ModelError where its graph is another one."""
    exported.check_borders((*_INPUTS, *(_CONTEXT if has_context else ())), (_OUTPUT,))
    return exported.session


def start_export(path: Path, content: str | bytes, *, threads: int | None) -> Exported:
    """Hand a graph to onnxruntime, from a file or from memory; `path` is what messages name."""
    session = open_session(path, content, threads=threads, advice=_again(path))
    stored = session.metadata.get("seqtag")
    if stored is None:
        raise ModelError(f"{path}: not an export of seqtag, its metadata say nothing; {_again(path)}")
    try:
        about = json.loads(stored)
        version = about["format"]
        about["weights_sha256"]
        is_newer = version > CONTEXT_FORMAT
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: damaged, its metadata can't be read ({error!r}); {_again(path)}") from None
    if is_newer:
        raise ModelError(
            f"{path}: format version {version} is newer than this release reads ({CONTEXT_FORMAT}); upgrade seqtag"
        )
    return Exported(path, session, about)


def _again(path: Path) -> str:
    return f"export the model again: seqtag export {path.parent}" + " --int8" * path.name.endswith(".int8.onnx")
