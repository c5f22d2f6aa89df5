"""A small Hugging Face hub on this machine: the endpoints that huggingface_hub calls to write and read a model.

It keeps repositories in memory, as commits of whole files, and answers as the real hub does, error codes included.
Files of weights are uploaded over LFS. Downloads can be broken on purpose. There is no Xet, so that has to be off.
"""

import base64
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

LARGE = (".safetensors", ".onnx")  # what the hub keeps in LFS


@dataclass
class Repository:
    """A repository: branches and tags lead to commits, and a commit has all its files."""

    private: bool = False
    gated: bool = False  # its owner has to let people in
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        content = repr((len(self.commits), sorted((name, sha1(data)) for name, data in files.items())))
        sha = hashlib.sha1(content.encode()).hexdigest()
        self.refs[branch], self.commits[sha] = sha, files
        return sha

    def find(self, revision: str) -> str | None:
        sha = self.refs.get(revision, revision)
        return sha if sha in self.commits else None


class Hub:
    """The state of the hub, and a record of what it was asked."""

    def __init__(self) -> None:
        self.users = {"token-of-me": "me", "token-of-you": "you"}
        self.repositories: dict[str, Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.requests: list[str] = []
        # What a download of a file brings in place of its content; its headers tell of the whole file all the same.
        self.broken: Callable[[str, bytes], bytes] = lambda name, content: content
        self.cut: set[str] = set()  # files of which the first download breaks off in the middle
        self.url = ""

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        repository = self.repositories[repo]
        sha = repository.find(revision)
        assert sha is not None
        return repository.commits[sha]

    def add(self, repo: str, folder: Path | dict[str, bytes], *, private: bool = False) -> Repository:
        files = folder if isinstance(folder, dict) else {path.name: path.read_bytes() for path in folder.iterdir()}
        self.repositories[repo] = Repository(private)
        self.repositories[repo].commit("main", files)
        return self.repositories[repo]


def sha1(content: bytes) -> str:
    """Hash a file as git does."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, status: int, body: object = None, **headers: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        headers = {"Content-Length": len(content), **headers}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

    @property
    def _user(self) -> str | None:
        return self.hub.users.get((self.headers.get("Authorization") or "").removeprefix("Bearer "))

    def _repository(self, repo: str) -> Repository | None:
        """Find a repository that the user may read; answers as if a private one were not there."""
        found = self.hub.repositories.get(repo)
        if found is None or (found.private and self._user != repo.split("/")[0]):
            # The hub says 401 to a stranger, who may just have forgotten a token.
            self._refuse(404 if self._user else 401, "RepoNotFound", "Repository not found")
            return None
        if found.gated and self._user != repo.split("/")[0]:
            self._refuse(403, "GatedRepo", "Access to this model is restricted")
            return None
        return found

    def _route(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path) if "%2F" not in parts.path else parts.path
        self.hub.requests.append(f"{self.command} {path}")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        for method, pattern, call in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and self.command in method:
                arguments = {name: unquote(value) for name, value in found.groupdict().items() if value is not None}
                call(self, body, **arguments)
                return
        self._refuse(404, "NotFound", f"no such endpoint: {self.command} {self.path}")

    do_GET = do_HEAD = do_POST = do_PUT = _route

    # -- repositories -------------------------------------------------------------------------

    def _create(self, body: bytes) -> None:
        wanted = json.loads(body)
        if self._user is None:
            self._refuse(401, "", "Invalid username or password.")
            return
        repo = f"{wanted.get('organization') or self._user}/{wanted['name']}"
        if repo.split("/")[0] != self._user:
            self._refuse(403, "", "You don't have the rights to create a model under this namespace")
        elif repo in self.hub.repositories:
            self._answer(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo}"})
        else:
            private = wanted.get("private") or wanted.get("visibility") == "private"
            self.hub.add(repo, {".gitattributes": b""}, private=bool(private))
            self._answer(200, {"url": f"{self.hub.url}/{repo}"})

    def _validate(self, body: bytes) -> None:
        content = json.loads(body)["content"]
        warnings = [] if content.startswith("---\n") else [{"message": "empty or missing yaml metadata in repo card"}]
        self._answer(200, {"errors": [], "warnings": warnings})

    def _info(self, body: bytes, repo: str, revision: str = "main") -> None:
        repository = self._repository(repo)
        if repository is None:
            return
        sha = repository.find(revision)
        if sha is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        siblings = [{"rfilename": name} for name in repository.commits[sha]]
        self._answer(200, {"id": repo, "sha": sha, "private": repository.private, "siblings": siblings})

    def _tree(self, body: bytes, repo: str, revision: str) -> None:
        repository = self._repository(repo)
        if repository is None:
            return
        sha = repository.find(revision)
        if sha is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        entries = []
        for name, content in repository.commits[sha].items():
            entry = {"type": "file", "path": name, "size": len(content), "oid": sha1(content)}
            if name.endswith(LARGE):
                entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
            entries.append(entry)
        self._answer(200, entries)

    def _branch(self, body: bytes, repo: str, branch: str) -> None:
        repository = self._writable(repo)
        if repository is None:
            return
        if branch in repository.refs:
            self._answer(409, {"error": "Reference already exists"})
            return
        repository.refs[branch] = repository.refs[json.loads(body).get("startingPoint", "main")]
        self._answer(200, {})

    # -- writing ------------------------------------------------------------------------------

    def _writable(self, repo: str) -> Repository | None:
        repository = self._repository(repo)
        if repository is not None and self._user != repo.split("/")[0]:
            self._refuse(403, "", "You don't have the rights to write to this repo")
            return None
        return repository

    def _preupload(self, body: bytes, repo: str, revision: str) -> None:
        repository = self._writable(repo)
        if repository is None:
            return
        sha = repository.find(revision)
        if sha is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        files = []
        for wanted in json.loads(body)["files"]:
            name = wanted["path"]
            is_large = name.endswith(LARGE)
            found = repository.commits[sha].get(name)
            oid = None if found is None else sha256(found) if is_large else sha1(found)
            mode = "lfs" if is_large else "regular"
            files.append({"path": name, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._answer(200, {"files": files})

    def _lfs_batch(self, body: bytes, repo: str) -> None:
        if self._writable(repo) is None:
            return
        objects = []
        for wanted in json.loads(body)["objects"]:
            entry = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.large_files:
                entry["actions"] = {
                    "upload": {"href": f"{self.hub.url}/lfs/{wanted['oid']}"},
                    "verify": {"href": f"{self.hub.url}/lfs-verify/{wanted['oid']}"},
                }
            objects.append(entry)
        self._answer(200, {"transfer": "basic", "objects": objects})

    def _lfs_upload(self, body: bytes, oid: str) -> None:
        if sha256(body) != oid:
            self._answer(400, {"error": "the content has another hash"})
            return
        self.hub.large_files[oid] = body
        self._answer(200, {})

    def _lfs_verify(self, body: bytes, oid: str) -> None:
        self._answer(200 if oid in self.hub.large_files else 404, {})

    def _commit(self, body: bytes, repo: str, revision: str) -> None:
        repository = self._writable(repo)
        if repository is None:
            return
        if revision not in repository.refs:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        files = dict(repository.commits[repository.refs[revision]])
        for line in body.splitlines():
            step = json.loads(line)
            value = step["value"]
            if step["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif step["key"] == "lfsFile":
                files[value["path"]] = self.hub.large_files[value["oid"]]
            elif step["key"] == "deletedFile":
                del files[value["path"]]
        sha = repository.commit(revision, files)
        self._answer(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{sha}", "commitOid": sha})

    # -- reading ------------------------------------------------------------------------------

    def _resolve(self, body: bytes, repo: str, revision: str, name: str) -> None:
        repository = self._repository(repo)
        if repository is None:
            return
        sha = repository.find(revision)
        if sha is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        content = repository.commits[sha].get(name)
        if content is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        etag = sha256(content) if name.endswith(LARGE) else sha1(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if name.endswith(LARGE):
            headers |= {"X-Linked-Size": len(content), "X-Linked-Etag": f'"{etag}"'}
        if self.command == "HEAD":
            self._answer(200, content, **headers)
            return
        sent = self.hub.broken(name, content)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted:
            first = int(wanted[1])
            place = f"bytes {first}-{len(sent) - 1}/{len(sent)}"
            self._answer(206, sent[first:], **headers, **{"Content-Range": place})
        elif name in self.hub.cut:
            self.hub.cut.remove(name)
            self.send_response(200)
            for header, value in {**headers, "Content-Length": len(sent)}.items():
                self.send_header(header, str(value))
            self.end_headers()
            self.wfile.write(sent[: len(sent) // 2])
            self.close_connection = True
        else:
            self._answer(200, sent, **headers)


_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_ROUTES = [
    (("POST",), "/api/repos/create", _Handler._create),
    (("POST",), "/api/validate-yaml", _Handler._validate),
    (("GET",), f"/api/models/{_REPO}", _Handler._info),
    (("GET",), f"/api/models/{_REPO}/revision/(?P<revision>.+)", _Handler._info),
    (("GET",), f"/api/models/{_REPO}/tree/(?P<revision>.+?)/?", _Handler._tree),
    (("POST",), f"/api/models/{_REPO}/branch/(?P<branch>.+)", _Handler._branch),
    (("POST",), f"/api/models/{_REPO}/preupload/(?P<revision>.+)", _Handler._preupload),
    (("POST",), f"/api/models/{_REPO}/commit/(?P<revision>.+)", _Handler._commit),
    (("POST",), f"/{_REPO}.git/info/lfs/objects/batch", _Handler._lfs_batch),
    (("PUT",), r"/lfs/(?P<oid>\w+)", _Handler._lfs_upload),
    (("POST",), r"/lfs-verify/(?P<oid>\w+)", _Handler._lfs_verify),
    (("GET", "HEAD"), f"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)", _Handler._resolve),
]


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub on a free port of this machine inside a `with` block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def environment(hub: Hub, cache: Path) -> dict[str, str]:
    """Give the environment in which a program of its own talks to this hub."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_TOKEN": "token-of-me",
    }


@contextmanager
def used_here(hub: Hub, cache: Path, patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Let the huggingface_hub of this process, which has read its environment long ago, talk to this hub."""
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
    from huggingface_hub.utils._http import close_session

    patch.setenv("HF_TOKEN", "token-of-me")
    patch.setattr(constants, "ENDPOINT", hub.url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    disable_progress_bars()
    try:
        with warnings.catch_warnings():
            # Of huggingface_hub itself, where it uploads without Xet.
            warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)
            yield hub
    finally:
        close_session()
        enable_progress_bars()
