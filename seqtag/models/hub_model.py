"""What makes an estimator at home on the Hugging Face hub: `push_to_hub` and `from_pretrained`.

Knows no task. seqtag/hub.py moves the files, card.py writes the page of the model.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

from seqtag.errors import UsageError
from seqtag.evaluation.report import Headline, Report
from seqtag.hub import check_repository, find_model, make_repository, named, push_model
from seqtag.models.card import Publication, published_card
from seqtag.store import StoredModel, write_export, write_model
from seqtag.training.launch import is_main_process

Self = TypeVar("Self", bound="HubModel")


class HubModel:
    """A model that can be pushed to the hub and loaded from there."""

    task: ClassVar[str]

    @classmethod
    @abstractmethod
    def load(cls: type[Self], folder: str | Path) -> Self:
        """Read a model folder."""

    @abstractmethod
    def _check_fitted(self) -> None: ...

    @abstractmethod
    def _to_store(self) -> StoredModel: ...

    def _exports(self) -> Mapping[str, bytes]:
        """Give the exports of the weights as they are now, by name; a language model has none."""
        carried = vars(self)["engines_"].carried() if "engines_" in vars(self) else None
        return carried[0] if carried else {}

    @classmethod
    def from_pretrained(
        cls: type[Self],
        model: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **loading: Any,
    ) -> Self:
        """Load a model from the Hugging Face hub, OWNER/NAME or OWNER/NAME@REVISION, or from a folder.

        Its files are downloaded once into the cache of huggingface_hub, `cache_dir` or HF_HUB_CACHE, and checked
        against their hashes; no code comes along. `revision` is a branch, a tag or a commit. `token` is for private
        models, by default that of `hf auth login` or HF_TOKEN. With `local_files_only` nothing is downloaded. `loading`
        are the options of `load`, such as `device`. Raises UsageError where there is no such model, ModelError for a
        damaged one.
        """
        folder = find_model(
            model,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            may_be_path=False,
        )
        with named(model, folder):
            return cls.load(folder, **loading)

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
        license: str | None = None,
        datasets: str | Sequence[str] = (),
        report: Any = None,
    ) -> str:
        """Put the model, with its exports and its card, on the Hugging Face hub; gives the address of the commit.

        `repository` is OWNER/NAME, or NAME for your own; it is made if it does not exist, `private` or public.
        `revision` is a branch, which is made as well. The card names the `license`, such as "mit", and the data sets on
        the hub that training used: the one that `load_corpus` loaded by name, and `datasets`. Figures on test data come
        from a `report`, what `evaluate` gives, with their intervals; without one the card has none, since the score on
        dev chose the epoch. Of several processes that trained one model together, the first one pushes. Raises
        UsageError for a wrong value, and where nothing can be written.
        """
        check_publication(repository, task=self.task, private=private, license=license, report=report)
        self._check_fitted()
        if not is_main_process():
            return ""
        stored, exports = self._to_store(), self._exports()
        repository = make_repository(repository, private=private, token=token)
        about = Publication(
            repository=repository,
            license=license,
            datasets=(datasets,) if isinstance(datasets, str) else datasets,
            results=headlines(report),
            measured=_measured(report),
            test_data=_test_data(report, stored.config["data"].get("source")),
            has_export="model.onnx" in exports,
        )
        with TemporaryDirectory(prefix="seqtag-") as place:
            folder = write_model(Path(place, "model"), replace(stored, card=published_card(stored.card, about)))
            for name, content in exports.items():
                write_export(folder, name, content)
            return push_model(folder, repository, revision=revision, token=token)


def check_publication(
    repository: object, *, task: str, private: object = None, license: object = None, report: object = None
) -> None:
    """Raise UsageError for values that `push_to_hub` can't take, before anything is trained or written."""
    check_repository(repository)
    if private not in (None, True, False):
        raise UsageError(f"private={private!r}: give True or False, or leave it out")
    if license is not None and (not isinstance(license, str) or not license.strip()):
        raise UsageError(f"license={license!r}: give its name on the hub, such as 'mit' or 'cc-by-4.0'")
    if report is not None and _task_of(report) != task:
        raise UsageError(
            f"report={type(report).__name__}: give what evaluate(...) of this model gives, which has the task {task!r}"
        )


def _task_of(report: object) -> str | None:
    if isinstance(report, Report):
        return str(report.to_dict()["task"])
    return "lm" if hasattr(report, "bits_per_character") else None


def headlines(report: Any) -> tuple[Headline, ...]:
    """Give the figures of a report that stand in a card."""
    if report is None or isinstance(report, Report):
        return () if report is None else report.headlines
    return (
        Headline("perplexity", "perplexity", report.perplexity, None, None, is_share=False),
        Headline("bits_per_character", "bits per character", report.bits_per_character, None, None, is_share=False),
    )


def _measured(report: Any) -> str:
    """Say what the figures of a report were measured on, and how."""
    if not isinstance(report, Report):
        return "" if report is None else f"Measured on a text of {report.num_characters:,} characters."
    drawn = "".join(f"; {line}" for line in report.drawn())
    return f"Measured by `seqtag evaluate`, SHA-256 of gold {report.data_hash[:16]}{drawn}."


def _test_data(report: Any, trained_on: str | None) -> str:
    """Name the test data of a report: of a path its last part alone, since a card is no place for folders of yours."""
    source = getattr(report, "source", "")
    return source if trained_on and source.startswith(trained_on) else source.rpartition("/")[2]
