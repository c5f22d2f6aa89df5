"""Models on the Hugging Face hub: a name becomes a folder in the local cache, and a folder becomes a commit.

Only the files of a model folder travel: JSON, safetensors, ONNX and the card. A path never touches the network. Knows
names and files, and no model; huggingface_hub is imported where it is needed, because the runtime works without it.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seqtag.errors import ModelError, SeqtagError, UsageError, one_line
from seqtag.model_files import parse_json, read_inside
from seqtag.store import BESIDE, MODEL_FILES, damaged_files
from seqtag.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"(?!.*(?:--|\.\.))(?:{_PART}/)?{_PART}")  # the rule of huggingface_hub
_NAME = re.compile(rf"(?P<repository>(?![^@]*(?:--|\.\.)){_PART}/{_PART})(?:@(?P<revision>[^\s@]+))?")


class HubName(NamedTuple):
    """The name of a model on the hub."""

    repository: str  # OWNER/NAME
    revision: str | None  # a branch, a tag or a commit; None for the newest commit of main


def hub_name(model: str | Path) -> HubName | None:
    """Read a name on the hub, OWNER/NAME or OWNER/NAME@REVISION; None for what is a path.

    A path is whatever exists, every `Path`, and every string of another form: without a slash, with two of them, or
    with one in front or at the end.

    >>> hub_name("ada/ner"), hub_name("ada/ner@v1.0").revision
    (HubName(repository='ada/ner', revision=None), 'v1.0')
    >>> [hub_name(path) for path in ("ner", "./ner", "/ner", "~/ner", "ada/ner/", "models/en/ner")]
    [None, None, None, None, None, None]
    """
    found = _NAME.fullmatch(model) if isinstance(model, str) and not os.path.lexists(model) else None
    return HubName(found["repository"], found["revision"]) if found else None


def check_is_name(model: object) -> None:
    """Raise UsageError for what can't name a model, such as None."""
    if not isinstance(model, (str, os.PathLike)):
        raise UsageError(
            f"{model!r} names no model; give the path of its folder, or its name on the hub, such as 'ada/ner'"
        )


def check_is_path(model: str | Path, call: str) -> None:
    """Raise UsageError, which names the call that downloads, where a missing folder could be a name on the hub."""
    check_is_name(model)
    if hub_name(model) is not None and not _is_in_a_folder(str(model)):
        raise UsageError(
            f"{model}: there is no such folder, and this call reads folders only; to load a model from the Hugging "
            f"Face hub: {call}({str(model)!r})"
        )


def _is_in_a_folder(model: str) -> bool:
    """Say whether the first part of a path is a folder: then a mistyped name is more likely than a model on the hub."""
    return os.path.isdir(model.partition("/")[0])


def find_model(
    model: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    files: Sequence[str] | None = None,
    may_be_path: bool = True,
) -> Path:
    """Give the folder of a model: a path is returned as it is, a name on the hub is downloaded into the cache.

    `files` are those that the caller needs, by default all that a model folder can have. With `may_be_path`, a missing
    path in a folder that exists, such as a mistyped models/ner, is taken as a path, so that it never reaches the
    network. Every file is checked against its hash, and downloaded once more where it is damaged. Raises UsageError
    where the model can't be had or the repository holds no model of seqtag, ModelError for a damaged one.
    """
    check_is_name(model)
    name = hub_name(model)
    if name is None or (may_be_path and revision is None and _is_in_a_folder(str(model))):
        if revision is not None:
            raise UsageError(
                f"{model}: revision={revision!r} is for a name on the hub, OWNER/NAME, and this is a path; leave it out"
            )
        if not may_be_path and isinstance(model, str) and "/" not in model and not os.path.lexists(model):
            raise UsageError(f"{model}: there is no such folder here, and a name on the hub is OWNER/NAME")
        return Path(model)
    if revision is not None and name.revision is not None:
        raise UsageError(f"{model}: the revision is given twice, here and as revision={revision!r}; leave out one")
    revision = revision or name.revision
    _need_huggingface_hub(str(model))
    from huggingface_hub import snapshot_download

    def fetch(wanted: Sequence[str], commit: str | None, *, again: bool = False) -> Path:
        with _explained(str(model), revision, local_files_only=local_files_only):
            return Path(
                snapshot_download(
                    name.repository,
                    revision=commit,
                    token=token,
                    cache_dir=cache_dir,
                    local_files_only=local_files_only,
                    force_download=again,
                    allow_patterns=list(wanted),
                    library_name="seqtag",
                    library_version=__version__,
                )
            )

    # First of all the smallest file, which says whether there is a model of seqtag; then the rest of the same commit.
    folder = fetch(["config.json"], revision)
    task = _task_of(str(model), folder)
    folder = fetch([*(files or MODEL_FILES), *BESIDE, "config.json"], folder.name)  # where there are such
    for file in files or ():
        if not (folder / file).exists() and task != "lm":  # which has no exports, as whoever needs one says
            raise UsageError(
                f"{model}: the repository has no {file}; whoever owns the model writes it with `seqtag export` and "
                "pushes the model again, and seqtag.Tagger or Classifier.from_pretrained loads the model without it"
            )
    with named(model, folder):
        _mend(str(model), folder, lambda damaged: not local_files_only and fetch(damaged, folder.name, again=True))
    return folder


def _mend(model: str, folder: Path, download_again: Callable[[list[str]], object]) -> None:
    """Download the files again that are not those that were saved; ModelError where that does not help."""
    damaged = _damaged(folder)
    if not damaged:
        return
    try:
        is_new = download_again(damaged)
    except UsageError:
        is_new = False
    if not is_new:
        raise ModelError(
            f"{model}: {', '.join(damaged)} is damaged in the cache, and can't be downloaded again now; load the model "
            "where there is a network"
        )
    if damaged := _damaged(folder):
        raise ModelError(
            f"{model}: {', '.join(damaged)} is damaged, it is not the file that was saved, also when it is downloaded "
            "again; the model has to be pushed again"
        )


@contextmanager
def named(model: str | Path, folder: Path) -> Iterator[None]:
    """Let errors inside a `with` block name a model as the user did, and not by its folder in the cache."""
    try:
        yield
    except SeqtagError as error:
        if Path(model) == folder or str(folder) not in str(error):
            raise
        raise type(error)(str(error).replace(str(folder), str(model))) from None


def _task_of(model: str, folder: Path) -> Any:
    """Give the task of a model, None where that can't be read yet; UsageError for another library's repository."""
    path = folder / "config.json"
    config: Any = None
    if path.exists():
        with named(model, folder):
            try:
                config = parse_json(path, read_inside(path))
            except ModelError:
                return None  # a broken download, which is tried again
    if not isinstance(config, dict) or "seqtag_version" not in config:
        what = "has no config.json" if config is None else "has a config.json of another library"
        raise UsageError(
            f"{model}: this is not a model of seqtag, the repository {what}; name one that push_to_hub wrote"
        )
    return config.get("task")


def _damaged(folder: Path) -> list[str]:
    try:
        return damaged_files(folder)
    except ModelError as error:
        if "damaged" not in str(error):  # of a newer release
            raise
        return ["config.json"]


def make_repository(repository: str, *, private: bool | None = None, token: str | bool | None = None) -> str:
    """Make a repository unless it exists, and give its name with the owner, OWNER/NAME.

    Raises UsageError where it can't be made, and where one that exists is not as `private` as asked.
    """
    with _explained(repository, None, to_write=True):
        api = _api(token)
        full_name = str(api.create_repo(repository, private=private, exist_ok=True).repo_id)
        is_private = bool(api.repo_info(full_name).private)
    if private is not None and is_private != private:
        # Of a repository that exists the hub would ignore the wish, and show a private model to everybody.
        state, wish = ("private", "public") if is_private else ("public", "private")
        raise UsageError(
            f"{repository}: the repository exists and is {state}, and private={private} does not make it {wish}; "
            "change it in its settings on the hub, or leave private out"
        )
    return full_name


def push_model(folder: Path, repository: str, *, revision: str | None = None, token: str | bool | None = None) -> str:
    """Put the files of a model folder into a repository as one commit, and give the address of the commit.

    `repository` is what `make_repository` gave. A branch that does not exist is made. Files of an earlier model, such
    as an export of its weights, go with the same commit; all other files of the repository are kept. Raises UsageError
    where nothing can be written.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with _explained(repository, revision, to_write=True):
        api = _api(token)
        present = _make_branch(api, repository, revision)
        names = [name for name in MODEL_FILES if (folder / name).exists()]
        steps: list[Any] = [CommitOperationAdd(name, str(folder / name)) for name in names]
        steps += [CommitOperationDelete(name) for name in MODEL_FILES if name in present and name not in names]
        done = api.create_commit(repository, steps, commit_message="Push a model of seqtag", revision=revision)
    return str(done.commit_url)


def check_repository(repository: object) -> None:
    """Raise UsageError for what can't be the name of a repository, before anything is trained or uploaded."""
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository) or len(repository) > 96:
        raise UsageError(
            f"{repository!r} can't be the name of a repository on the hub; write OWNER/NAME with letters, digits and "
            "single - _ . inside, such as 'ada/ner'"
        )


def check_login() -> None:
    """Raise UsageError where nobody is logged in, who could push a model after hours of training."""
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise UsageError("a model can't be pushed to the hub while HF_HUB_OFFLINE is set; unset it")
    if not get_token():
        raise UsageError(
            "nobody is logged in to the hub, and a push needs a token that may write: log in with `hf auth login`, or "
            "set HF_TOKEN"
        )


def _api(token: str | bool | None) -> "HfApi":
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name="seqtag", library_version=__version__)


def _make_branch(api: "HfApi", repository: str, revision: str | None) -> set[str]:
    """Make a branch unless it exists, and give the names of its files."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        return set(api.list_repo_files(repository, revision=revision))
    except RevisionNotFoundError:
        assert revision is not None, "a repository has a branch main"
        api.create_branch(repository, branch=revision)
        return set(api.list_repo_files(repository, revision=revision))


def _need_huggingface_hub(model: str) -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ModuleNotFoundError:
        raise UsageError(
            f"{model}: there is no such folder here, and for a model on the Hugging Face hub the package "
            'huggingface_hub is missing: pip install "seqtag-runtime[hub]"'
        ) from None


@contextmanager
def _explained(
    model: str, revision: str | None, *, local_files_only: bool = False, to_write: bool = False
) -> Iterator[None]:
    """Turn the errors of huggingface_hub, and of the HTTP library below it, into one sentence that says what to do."""
    from huggingface_hub import errors

    # The library for HTTP has changed twice; what all of its errors have in common is a base of HfHubHTTPError.
    failures: tuple[Any, ...] = (OSError, ValueError, RuntimeError, *errors.HfHubHTTPError.__bases__)
    try:
        yield
    except SeqtagError:
        raise
    except failures as error:
        raise UsageError(f"{model}: {_reason(error, revision, local_files_only, to_write)}") from error


def _reason(error: BaseException, revision: str | None, local_files_only: bool, to_write: bool) -> str:
    from huggingface_hub import constants, errors

    log_in = "log in with `hf auth login`, or pass token=... or set HF_TOKEN"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return "access to this model is granted by its owner; ask for it on its page on the hub, and " + log_in
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the repository has no revision {revision!r}; name one of its branches, tags or commits"
    if to_write and status in (401, 403):
        return (
            f"the hub does not let you write there; check the name of the owner and the rights of your token; {log_in}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"there is no such folder here, and no such model on the hub, or it is private; check the name, or {log_in}"
        )
    if local_files_only:
        return (
            "the model is not in the cache, or not all of it, and local_files_only=True downloads nothing; leave it out"
        )
    if constants.HF_HUB_OFFLINE and to_write:
        return "nothing can be pushed while HF_HUB_OFFLINE is set; unset it"
    if constants.HF_HUB_OFFLINE:
        return (
            "the model is not in the cache, or not all of it, and HF_HUB_OFFLINE is set; unset it, or load the model "
            "once where there is a network, or give the path of a folder"
        )
    if isinstance(error, errors.HfHubHTTPError) and status is not None:
        return f"the hub refused the request ({one_line(error)}); try again later, or {log_in}"
    if "Consistency check failed" in str(error):
        return "the download broke off before the end of a file; try again"
    cause = one_line(error.__cause__ or error)
    if isinstance(error, OSError) and error.errno is not None:  # of this machine, such as a disk that is full
        return f"a file of the cache can't be read or written ({cause})"
    if isinstance(error, (ValueError, RuntimeError)) and not isinstance(error, errors.LocalEntryNotFoundError):
        return f"the transfer failed ({cause}); try again"
    return f"the hub can't be reached ({cause}); check the network" + ("" if to_write else ", or give a folder's path")
