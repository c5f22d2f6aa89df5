"""Models on the hub, through the real huggingface_hub and a server on this machine that speaks the hub's protocol."""

import json
import shutil
from pathlib import Path

import pytest

from seqtag import ModelError, UsageError
from seqtag.hub import check_is_path, check_repository, find_model, hub_name, make_repository, push_model
from seqtag.store import read_model


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("ada/ner", ("ada/ner", None)),
        ("Ada_1/ner.v2-small", ("Ada_1/ner.v2-small", None)),
        ("ada/ner@v1..2", ("ada/ner", "v1..2")),
        ("ada/ner@refs/pr/1", ("ada/ner", "refs/pr/1")),
    ],
)
def test_a_name_on_the_hub_has_an_owner_and_may_have_a_revision(model: str, name: tuple[str, str | None]):
    assert hub_name(model) == name


def push(folder: Path, repository: str, *, private: bool | None = None, token=None, revision=None) -> str:
    full_name = make_repository(repository, private=private, token=token)
    return push_model(folder, full_name, token=token, revision=revision)


PATHS = [
    *("ner", "./ner", "../ner", "/ner", "~/ner", "ada/ner/", "a/b/c", "ada//ner", "", " ", "ada/n r", "a\\b", "C:/ner"),
    *("ada/--ner", "ada/n..r", ".ada/ner", "ada/.ner", "ada/ner@", "модель/ner", Path("ada/ner"), Path("ner")),
]


@pytest.mark.parametrize("model", PATHS, ids=str)
def test_what_looks_like_a_path_is_one_and_never_reaches_the_hub(model: str | Path, hub):
    assert hub_name(model) is None
    assert find_model(model) == Path(model)
    assert hub.requests == []


def test_what_exists_is_a_path_and_so_is_a_mistyped_name_in_a_folder_that_exists(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "ner").mkdir(parents=True)
    assert find_model("models/ner", may_be_path=False) == Path("models/ner")
    assert find_model("models/nre") == Path("models/nre")
    assert hub.requests == []
    with pytest.raises(UsageError, match=r"models/ner: revision='v1' is for a name on the hub"):
        find_model("models/ner", revision="v1")
    with pytest.raises(UsageError, match="no such model on the hub"):
        find_model("models/nre", may_be_path=False)


def test_a_model_comes_back_as_it_was_pushed(hub, exported_tagger: Path):
    address = push(exported_tagger, "me/ner")
    assert address.startswith(f"{hub.url}/me/ner/commit/")
    names = ["README.md", "config.json", "history.json", "model.int8.onnx", "model.onnx", "model.safetensors"]
    assert sorted(hub.files("me/ner")) == [".gitattributes", *names, "vocabulary.json"]
    folder = find_model("me/ner")
    for path in folder.iterdir():
        assert path.read_bytes() == (exported_tagger / path.name).read_bytes()
    assert len(read_model(folder).weights) == len(read_model(exported_tagger).weights) > 0
    asked = len(hub.requests)
    assert find_model("me/ner") == folder
    # The second time the hub is asked for nothing but the newest commit.
    assert hub.requests[asked:] == ["GET /api/models/me/ner/revision/main"]


def test_only_the_files_of_a_model_travel(hub, saved_tagger: Path, tmp_path: Path):
    folder = Path(shutil.copytree(saved_tagger, tmp_path / "model"))
    (folder / "train.conll").write_text("Ada B-PER\n")
    push(folder, "me/ner")
    assert "train.conll" not in hub.files("me/ner")
    repository = hub.add("you/ner", saved_tagger)
    repository.commit("main", {**hub.files("you/ner"), "pytorch_model.bin": b"code", "setup.py": b"code"})
    assert not {path.name for path in find_model("you/ner").iterdir()} & {"pytorch_model.bin", "setup.py"}


def test_a_push_takes_away_the_files_of_the_model_before_and_no_other(hub, exported_tagger: Path, saved_tagger: Path):
    hub.add("me/ner", exported_tagger)
    hub.repositories["me/ner"].commit("main", {**hub.files("me/ner"), "figure.png": b"png"})
    push(saved_tagger, "me/ner")
    assert not {"model.onnx", "model.int8.onnx"} & set(hub.files("me/ner"))
    assert hub.files("me/ner")["figure.png"] == b"png"
    num_commits = len(hub.repositories["me/ner"].commits)
    push(saved_tagger, "me/ner")  # nothing new: no empty commit
    assert len(hub.repositories["me/ner"].commits) == num_commits


def test_a_name_without_an_owner_is_pushed_to_whoever_has_the_token(hub, saved_tagger: Path):
    push(saved_tagger, "ner")
    assert "config.json" in hub.files("me/ner")


def test_a_revision_is_a_branch_on_the_way_there_and_a_branch_a_tag_or_a_commit_back(
    hub, saved_tagger: Path, exported_tagger: Path
):
    push(saved_tagger, "me/ner")
    push(exported_tagger, "me/ner", revision="with-exports")
    assert "model.onnx" not in hub.files("me/ner")
    commit = hub.repositories["me/ner"].refs["with-exports"]
    hub.repositories["me/ner"].refs["v1.0"] = commit
    folders = {
        find_model("me/ner", revision="with-exports"),
        find_model("me/ner@v1.0"),
        find_model(f"me/ner@{commit}"),
    }
    assert {folder.name for folder in folders} == {commit}
    assert not (find_model("me/ner") / "model.onnx").exists()
    with pytest.raises(UsageError, match=r"me/ner: the repository has no revision 'v9'; name one of its branches"):
        find_model("me/ner", revision="v9")
    with pytest.raises(UsageError, match="the revision is given twice"):
        find_model("me/ner@v1.0", revision="v1.0")


def test_a_private_repository_needs_a_token(hub, saved_tagger: Path, tmp_path: Path):
    push(saved_tagger, "me/secret", private=True)
    assert hub.repositories["me/secret"].private
    assert read_model(find_model("me/secret", token="token-of-me")).config["task"] == "tag"
    for token in ("token-of-you", False):
        with pytest.raises(
            UsageError,
            match=r"there is no such folder here, and no such model on the hub, or it is private; .*HF_TOKEN",
        ):
            find_model("me/secret", token=token, revision="main", cache_dir=tmp_path / "empty")
    with pytest.raises(UsageError, match="does not let you write there"):
        push(saved_tagger, "me/secret", token="token-of-you")
    with pytest.raises(UsageError, match="does not let you write there"):
        push(saved_tagger, "me/other", token=False)


def test_a_repository_that_is_public_is_not_pushed_to_as_a_private_one(hub, saved_tagger: Path):
    push(saved_tagger, "me/ner")
    with pytest.raises(UsageError, match=r"exists and is public, and private=True does not make it private"):
        push(saved_tagger, "me/ner", private=True)
    push(saved_tagger, "me/ner", private=False)


def test_a_missing_repository_is_named(hub):
    with pytest.raises(
        UsageError, match=r"^me/nowhere: there is no such folder here, and no such model on the hub, or it is private"
    ):
        find_model("me/nowhere")


@pytest.mark.parametrize("repository", ["", "a/b/c", "./ner", "me/", "me/n r", "me/a--b", "me/" + "x" * 100, 3])
def test_what_can_be_no_repository_is_refused_before_anything_else(repository):
    with pytest.raises(UsageError, match="can't be the name of a repository"):
        check_repository(repository)
    check_repository("me/ner")
    check_repository("ner")


@pytest.mark.parametrize("files", [{"README.md": b"# A data set\n"}, {"config.json": b'{"model_type": "bert"}'}])
def test_a_repository_of_something_else_is_no_model_of_seqtag_and_its_weights_stay_there(hub, files):
    hub.add("you/bert", {**files, "model.safetensors": b"large"})
    with pytest.raises(UsageError, match=r"you/bert: this is not a model of seqtag, the repository has"):
        find_model("you/bert")
    assert not any("model.safetensors" in request for request in hub.requests)


def test_offline_a_model_comes_from_the_cache_or_the_message_says_what_to_do(hub, saved_tagger: Path, monkeypatch):
    from huggingface_hub import constants

    hub.add("me/ner", saved_tagger)
    with pytest.raises(UsageError, match=r"me/ner: the model is not in the cache, .*local_files_only=True"):
        find_model("me/ner", local_files_only=True)
    folder, asked = find_model("me/ner"), len(hub.requests)
    assert find_model("me/ner", local_files_only=True) == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_model("me/ner") == folder
    assert len(hub.requests) == asked
    with pytest.raises(UsageError, match=r"me/other: the model is not in the cache, .*HF_HUB_OFFLINE is set; unset"):
        find_model("me/other")


def test_a_hub_that_does_not_answer_is_no_obstacle_for_what_is_in_the_cache(hub, saved_tagger: Path, monkeypatch):
    from huggingface_hub import constants

    hub.add("me/ner", saved_tagger)
    folder = find_model("me/ner")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    assert find_model("me/ner") == folder
    with pytest.raises(UsageError, match=r"me/other: the hub can't be reached \(.*refused.*\); check the network"):
        find_model("me/other")


def test_a_download_that_breaks_off_is_told_and_can_be_repeated(hub, saved_tagger: Path):
    hub.add("me/ner", saved_tagger)
    hub.broken = lambda name, content: content[:-9] if name == "model.safetensors" else content
    with pytest.raises(UsageError, match=r"me/ner: the download broke off before the end of a file; try again"):
        find_model("me/ner")
    hub.broken = lambda name, content: content
    assert read_model(find_model("me/ner")).config["task"] == "tag"


def test_a_connection_that_is_cut_is_taken_up_again_where_it_broke(hub, saved_tagger: Path):
    hub.add("me/ner", saved_tagger)
    hub.cut = {"model.safetensors"}
    folder = find_model("me/ner")
    assert (folder / "model.safetensors").read_bytes() == (saved_tagger / "model.safetensors").read_bytes()
    assert (
        len([request for request in hub.requests if request.startswith("GET") and "model.safetensors" in request]) == 2
    )


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "vocabulary.json"])
def test_a_file_that_was_damaged_on_the_way_is_downloaded_again(hub, saved_tagger: Path, file: str):
    hub.add("me/ner", saved_tagger)
    times = []

    def damage(name: str, content: bytes) -> bytes:
        if name == file and not times:
            times.append(1)
            return bytes(reversed(content))
        return content

    hub.broken = damage
    folder = find_model("me/ner")
    assert times
    assert (folder / file).read_bytes() == (saved_tagger / file).read_bytes()


def test_a_file_that_is_damaged_in_the_repository_is_named(hub, saved_tagger: Path):
    hub.add("me/ner", saved_tagger)
    hub.broken = lambda name, content: bytes(reversed(content)) if name == "vocabulary.json" else content
    with pytest.raises(ModelError, match=r"^me/ner: vocabulary.json is damaged, .* also when it is downloaded again"):
        find_model("me/ner")


def test_a_model_of_a_newer_release_is_refused_by_its_name(hub, saved_tagger: Path):
    config = json.loads((saved_tagger / "config.json").read_text())
    hub.add("me/ner", saved_tagger)
    files = {**hub.files("me/ner"), "config.json": json.dumps({**config, "format_version": 99}).encode()}
    hub.repositories["me/ner"].commit("main", files)
    with pytest.raises(ModelError, match=r"^me/ner: format version 99 is newer"):
        find_model("me/ner")


def test_only_what_is_needed_is_downloaded(hub, exported_tagger: Path, saved_tagger: Path):
    hub.add("me/ner", exported_tagger)
    folder = find_model("me/ner", files=("vocabulary.json", "model.onnx"))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.onnx", "vocabulary.json"]
    hub.add("me/plain", saved_tagger)
    with pytest.raises(UsageError, match=r"me/plain: the repository has no model.onnx; .*seqtag export"):
        find_model("me/plain", files=("vocabulary.json", "model.onnx"))


def test_a_call_for_folders_names_the_one_that_downloads(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"ada/ner: there is no such folder, .*: Tagger.from_pretrained\('ada/ner'\)"):
        check_is_path("ada/ner", "Tagger.from_pretrained")
    check_is_path("./ada/ner", "Tagger.from_pretrained")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ada").mkdir()
    check_is_path("ada/nre", "Tagger.from_pretrained")  # more likely mistyped


def test_a_cache_that_can_not_be_written_is_named(hub, saved_tagger: Path, tmp_path: Path):
    hub.add("me/ner", saved_tagger)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsageError, match=r"me/ner: a file of the cache can't be read or written \(.*Not a directory"):
        find_model("me/ner", cache_dir=tmp_path / "file")


def test_a_damaged_file_of_the_cache_is_told_where_there_is_no_network(hub, saved_tagger: Path, monkeypatch):
    from huggingface_hub import constants

    hub.add("me/ner", saved_tagger)
    path = find_model("me/ner") / "vocabulary.json"
    path.resolve().write_bytes(b"{}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for only_local in (True, False):
        with pytest.raises(ModelError, match=r"^me/ner: vocabulary.json is damaged in the cache, and"):
            find_model("me/ner", local_files_only=only_local)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert find_model("me/ner") == path.parent
    assert path.read_bytes() == (saved_tagger / "vocabulary.json").read_bytes()


def test_a_gated_model_says_that_its_owner_gives_access(hub, saved_tagger: Path):
    hub.add("you/ner", saved_tagger).gated = True
    with pytest.raises(UsageError, match=r"you/ner: access to this model is granted by its owner; ask for it"):
        find_model("you/ner")


def test_nothing_is_pushed_while_offline(hub, saved_tagger: Path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="me/ner: nothing can be pushed while HF_HUB_OFFLINE is set; unset it"):
        push(saved_tagger, "me/ner")


def test_a_name_without_an_owner_is_told_where_only_the_hub_can_be_meant(hub):
    with pytest.raises(UsageError, match=r"^ner: there is no such folder here, and a name on the hub is OWNER/NAME"):
        find_model("ner", may_be_path=False)
    assert hub.requests == []


@pytest.mark.parametrize("model", [None, 3, b"ada/ner", ["ada/ner"]], ids=repr)
def test_what_names_no_model_is_told_in_one_sentence(model, hub):
    from seqtag import Classifier, LanguageModel, Tagger
    from seqtag.integrations.batches import BatchPredictor
    from seqtag.models.predictor import load_predictor
    from seqtag.runtime import load

    estimators = (Tagger, Classifier, LanguageModel)
    calls = [*(each.load for each in estimators), *(each.from_pretrained for each in estimators)]
    for call in (*calls, load, load_predictor, BatchPredictor):
        with pytest.raises(UsageError, match=r"names no model; give the path of its folder, or its name on the hub"):
            call(model)
    assert hub.requests == []
