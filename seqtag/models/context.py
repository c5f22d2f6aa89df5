"""The language models that lend a tagger or classifier their states: from folders or the hub, kept inside it, cached.

`seqtag.nn.context` and `seqtag.batching` say what a state is and how it reaches the network.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from seqtag.batching import ContextReader, KnownStates, sentence_key
from seqtag.corpora.workspace import no_room, workspace
from seqtag.errors import SeqtagError, UsageError
from seqtag.hub import find_model, named
from seqtag.inference.stored_model import Place
from seqtag.model_files import shown
from seqtag.models.estimator import check_params
from seqtag.models.language.language_model import LanguageModel, new_network, tuned_rates
from seqtag.nn.context import ContextEmbedder
from seqtag.nn.language import LanguageNetwork
from seqtag.store import read_files
from seqtag.text.length_batches import sorted_batches
from seqtag.text.symbol_vocabulary import SymbolVocabulary
from seqtag.training.device import pick_device
from seqtag.training.watchers import EpochRecord

logger = logging.getLogger("seqtag")

# Bytes on disk that the states of training and dev sentences may take: about half a million tokens at 1,024 numbers
# each. Those of sentences that no longer fit are computed in each epoch anew.
MOST_BYTES = 2 << 30
_ROWS_A_TIME = 4096  # of a dataset, sorted by length together
_CHARACTERS_A_BATCH = 1 << 15

_EXAMPLE = '["models/forward", "models/backward"]'


@dataclass(frozen=True)
class Context:
    """Trained language models of characters, and what lays sentences out for them."""

    models: tuple[LanguageModel, ...]
    reader: ContextReader

    @classmethod
    def of(cls, models: Sequence[LanguageModel]) -> "Context":
        """Put models together."""
        reader = ContextReader([model.vocabulary_ for model in models], [model.direction for model in models])
        return cls(tuple(models), reader)

    @classmethod
    def open(cls, given: Sequence[str | Path | LanguageModel]) -> "Context":
        """Take language models as they are, or from their folders, or by their names on the hub.

        Raises UsageError for anything but a trained language model of characters, ModelError for a damaged folder.
        """
        problem = context_problem(given)
        if problem:
            raise UsageError(f"context={given!r}: {problem}")
        models = [model if isinstance(model, LanguageModel) else _opened(model) for model in given]
        return cls.of([_twin(model) for model in models])

    def networks(self) -> list[LanguageNetwork]:
        """Give new networks of the same weights, so that no two models share one."""
        networks = [new_network(model) for model in self.models]
        for model, network in zip(self.models, networks):
            if hasattr(model, "network_"):  # not yet where a model is being loaded: weights come with all others
                network.load_state_dict(model.network_.state_dict())
        return networks

    def installed(self, embedder: ContextEmbedder, *, tuned_at: float = 0.0) -> "Context":
        """Let the models have the networks of an embedder; `tuned_at` is the rate at which they learned there, or 0.

        Each model remembers the rate from then on.
        """
        for model, network in zip(self.models, embedder.networks):
            assert isinstance(network, LanguageNetwork)
            model.network_ = network
            if tuned_at:
                model.data_ = {**model.data_, "tuned_at": [*model.data_.get("tuned_at", ()), tuned_at]}
        return self

    def sha256(self) -> str:
        """Hash what shapes the states: weights, symbols and directions."""
        digest = hashlib.sha256()
        for model in self.models:
            digest.update(repr((model.direction, model.encoder, model.vocabulary_.symbols)).encode())
            for name, values in model.network_.state_dict().items():
                digest.update(f"{name} {tuple(values.shape)}".encode())
                digest.update(values.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def describe(self) -> str:
        """Say in a line what models these are, and at which rate they were fine-tuned if they were."""
        return ", ".join(map(_described, self.models))

    # -- saving -------------------------------------------------------------------------------

    def to_config(self) -> list[dict[str, Any]]:
        """Lay out for config.json everything but vocabularies and weights."""
        return [_about(model) for model in self.models]

    @classmethod
    def from_store(
        cls, config: Sequence[dict[str, Any]], vocabularies: Sequence[dict[str, Any]], *, device: str, place: Place
    ) -> "Context":
        """Take back what `to_config` laid out, at a place in a file; networks come later, with `installed`."""
        for number, about in enumerate(config):
            check_params(LanguageModel, about["params"], Place(place.path, f"{place.inside}[{number}].params"))
        models = [_model_of(about, SymbolVocabulary.from_dict(symbols)) for about, symbols in zip(config, vocabularies)]
        for model in models:
            model.device = device
        return cls.of(models)

    # -- the cache ----------------------------------------------------------------------------

    @contextmanager
    def remembering(self, *datasets: Dataset, device: str) -> Iterator[None]:
        """Compute the states of all sentences of some datasets once, and keep them on disk inside a `with` block.

        They are computed in batches that depend on the datasets alone, in float32, and kept unchanged, so a run that is
        killed and resumed sees the same ones bit for bit. At most `MOST_BYTES` are kept, the first datasets first.
        """
        path = workspace() / "states"
        embedder = ContextEmbedder(self.networks(), size=1).to(pick_device(device)).eval()
        first_rows: dict[bytes, int] = {}
        size = sum(map(sum, embedder.widths))
        most_rows = MOST_BYTES // (4 * size)
        num_rows = 0
        with path.open("wb") as file:
            for sentences, states_BTS in _states(embedder, self.reader, datasets, first_rows):
                if num_rows + sum(map(len, sentences)) > most_rows:
                    logger.info("context: the states of the other sentences have no room and are computed each epoch")
                    break
                for tokens, states_TS in zip(sentences, states_BTS):
                    first_rows[sentence_key(tokens)] = num_rows
                    num_rows += len(tokens)
                    try:
                        file.write(states_TS[: len(tokens)].tobytes())
                    except OSError as error:
                        raise no_room(path.parent, error) from error
        logger.info(
            "context: the states of %s sentences are computed once and kept on disk, %.0f MB",
            f"{len(first_rows):,}",
            4 * size * num_rows / 1e6,
        )
        states_NS = np.memmap(path, np.float32, "r").reshape(-1, size) if num_rows else np.zeros((0, size), np.float32)
        self.reader.known = KnownStates(states_NS, first_rows)
        try:
            yield
        finally:
            self.reader.known = None
            with suppress(OSError):  # where the system keeps a file that is mapped, it goes with the process
                path.unlink()


def _about(model: LanguageModel) -> dict[str, Any]:
    """Lay out a trained model for JSON, except for its vocabulary and weights."""
    return {
        "params": model.get_params(deep=False),
        "data": dict(model.data_),
        "seed_scores": list(model.seed_scores_),
        "history": [asdict(record) for record in model.history_],
    }


def _opened(name: str | Path) -> LanguageModel:
    folder = find_model(name)
    with named(name, folder):
        return LanguageModel.load(folder, device="cpu")


def _described(model: LanguageModel) -> str:
    rates = tuned_rates(model.data_)
    name = f"{model.direction} {model.encoder} {model.hidden_size} x {model.num_layers}"
    return f"{name}, {model.data_['fingerprint'][:16]}" + (f" (fine-tuned {rates})" if rates else "")


def _model_of(about: dict[str, Any], vocabulary: SymbolVocabulary) -> LanguageModel:
    model = LanguageModel(**about["params"])
    model.vocabulary_ = vocabulary
    model.data_, model.seed_scores_ = about["data"], about["seed_scores"]
    model.history_ = [EpochRecord(**record) for record in about["history"]]
    return model


def _twin(model: LanguageModel) -> LanguageModel:
    """Copy a trained model as it is now: the one that was given may be trained anew, or set otherwise, at any time."""
    twin = _model_of(_about(model), model.vocabulary_)
    network = new_network(twin)
    network.load_state_dict(model.network_.state_dict())
    twin.network_ = network.eval()
    return twin


def _states(
    embedder: ContextEmbedder, reader: ContextReader, datasets: Sequence[Dataset], done: dict[bytes, int]
) -> Iterator[tuple[list[list[str]], np.ndarray]]:
    """Give the sentences that are not done yet, each once, in batches of like length, with their states (B, T, S)."""
    device = embedder.linear.weight.device
    for dataset in datasets:
        for rows in dataset.select_columns("tokens").with_format("arrow").iter(_ROWS_A_TIME):
            found = {sentence_key(tokens): tokens for tokens in rows.column("tokens").to_pylist() if tokens}
            sentences = [tokens for key, tokens in found.items() if key not in done]
            lengths = np.array([sum(map(len, tokens)) + len(tokens) for tokens in sentences], np.int64)
            for indices in sorted_batches(lengths, max_tokens=_CHARACTERS_A_BATCH):
                together = [sentences[i] for i in indices]
                symbols_MBC, picks_MBT = (torch.from_numpy(ids).to(device) for ids in reader.lay_out(together))
                yield together, embedder.states(symbols_MBC, picks_MBT).cpu().numpy()


def context_problem(value: Any) -> str | None:
    """Say what is wrong with the option `context`, which has to be a list of language models of characters.

    Only that part of a folder is read that says what it holds, so this is quick enough to come before everything else;
    a model on the hub is downloaded once.
    """
    if not isinstance(value, (list, tuple)) or not value:
        return f"must be a list of model folders, names on the hub or trained LanguageModels, such as {_EXAMPLE}"
    problems = [f"number {n}: {found}" for n, model in enumerate(value, 1) if (found := _model_problem(model))]
    return "; ".join(problems) or None


def _model_problem(model: Any) -> str | None:
    train = "train one: seqtag train TEXT --out DIR --task lm"
    if isinstance(model, LanguageModel):
        if not hasattr(model, "network_"):
            return "this LanguageModel is not trained yet; call its fit(text) first"
        level: object = model.level
        name = "this LanguageModel"
    elif isinstance(model, (str, Path)):
        try:
            folder = find_model(model)
            with named(model, folder):
                config, _ = read_files(folder, ())
        except SeqtagError as error:
            return f"{error}; {train}"
        task, params = config.get("task"), config.get("params")
        if task != LanguageModel.task:
            return f"{model}: holds a model for the task {shown(task)}, not a language model; {train}"
        level, name = params.get("level") if isinstance(params, dict) else None, str(model)
    else:
        return f"{type(model).__name__} is neither a model folder, a name on the hub nor a LanguageModel; {train}"
    if level != "character":
        return (
            f"{name} reads {level}s, and the states of tokens come from a model of characters; train one with "
            "level='character'"
        )
    return None
