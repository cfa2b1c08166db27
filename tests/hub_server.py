"""A stand-in for the Hub's HTTP API, as far as `advisor push` and a model's download use it.

Written after what huggingface_hub sends and reads: `_commit_api.py`, `lfs.py`, `file_download.py` and `hf_api.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".onnx", ".bin", ".safetensors", ".onnx_data")


@dataclass
class Repository:
    """The files of each branch."""

    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    private: bool = False

    def at(self, revision: str) -> dict[str, bytes] | None:
        """The files of a branch or a commit, None where there is none such."""
        if revision in self.branches:
            return self.branches[revision]
        return next((files for files in self.branches.values() if sha_of(files) == revision), None)


@dataclass
class Hub:
    """What is on it, and what was asked of it. `tokens` maps a token to the owner that it may write for."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=lambda: {"hf_mine": "me"})
    stored: dict[str, bytes] = field(default_factory=dict)
    commits: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""


def sha_of(files: dict[str, bytes]) -> str:
    """A commit's name."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A hub on a port of its own, while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _RefusedError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base class calls it so

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the base class calls them so

    def _answer(self) -> None:
        body = self._body()
        url = urlsplit(self.path)
        self.hub.asked.append(f"{self.command} {url.path}")
        try:
            for pattern, handler in _ROUTES.items():
                found = re.fullmatch(pattern, url.path)
                if found:
                    parts = [unquote(part) if part else "main" for part in found.groups()]
                    headers, content = handler(self, body, parse_qs(url.query), *parts)
                    self._send(200, headers, content)
                    return
            raise _RefusedError(404, "EntryNotFound")
        except _RefusedError as refused:
            self._send(refused.status, {"X-Error-Code": refused.code, "X-Error-Message": refused.message}, b"{}")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            chunks = b""
            while size := int(self.rfile.readline(), 16):
                chunks += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return chunks
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _owner(self) -> str | None:
        """Whom the token may write for; None without one."""
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            raise _RefusedError(401, message="Invalid credentials in Authorization header")
        return self.hub.tokens.get(token)

    def _repository(self, repo_id: str) -> Repository:
        owner = self._owner()
        repository = self.hub.repositories.get(repo_id)
        if repository is None or (repository.private and owner != repo_id.split("/")[0]):
            raise _RefusedError(404 if owner else 401, "RepoNotFound", "Repository not found")
        return repository

    def _files(self, repo_id: str, revision: str) -> dict[str, bytes]:
        files = self._repository(repo_id).at(revision)
        if files is None:
            raise _RefusedError(404, "RevisionNotFound", "Invalid rev id")
        return files

    def _must_write(self, repo_id: str, query: dict[str, list[str]]) -> None:
        if self._owner() != repo_id.split("/")[0] and "create_pr" not in query:
            raise _RefusedError(403, message="You don't have the rights to create a commit on main")

    def info(self, body: bytes, query: Any, repo_id: str, revision: str) -> tuple[dict[str, str], bytes]:
        files = self._files(repo_id, revision)
        return _json(
            {
                "id": repo_id,
                "sha": sha_of(files),
                "private": self.hub.repositories[repo_id].private,
                "siblings": [{"rfilename": name} for name in sorted(files)],
                "tags": [],
            }
        )

    def resolve(self, body: bytes, query: Any, repo_id: str, revision: str, name: str) -> tuple[dict[str, str], bytes]:
        files = self._files(repo_id, revision)
        if name not in files:
            raise _RefusedError(404, "EntryNotFound", "Entry not found")
        etag = hashlib.sha256(files[name]).hexdigest()
        return {"ETag": f'"{etag}"', "X-Repo-Commit": sha_of(files)}, files[name]

    def create(self, body: bytes, query: Any) -> tuple[dict[str, str], bytes]:
        asked = json.loads(body)
        repo_id = f"{asked['organization'] or self._owner()}/{asked['name']}"
        self._must_write(repo_id, {})
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.repositories[repo_id] = Repository(private=private)
        return _json({"url": f"{self.hub.url}/{repo_id}"})

    def validate(self, body: bytes, query: Any) -> tuple[dict[str, str], bytes]:
        assert json.loads(body)["content"].startswith("---")
        return _json({"errors": [], "warnings": []})

    def preupload(self, body: bytes, query: Any, repo_id: str, revision: str) -> tuple[dict[str, str], bytes]:
        files = self._files(repo_id, revision)
        self._must_write(repo_id, query)
        asked = json.loads(body)["files"]
        return _json({"files": [{**_mode(one["path"]), "oid": _oid(files, one["path"])} for one in asked]})

    def batch(self, body: bytes, query: Any, repo_id: str) -> tuple[dict[str, str], bytes]:
        objects = []
        for each in json.loads(body)["objects"]:
            stored = each["oid"] in self.hub.stored
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}"}}
            objects.append(each if stored else {**each, "actions": upload})
        return _json({"transfer": "basic", "objects": objects})

    def store(self, body: bytes, query: Any, oid: str) -> tuple[dict[str, str], bytes]:
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.stored[oid] = body
        return _json({})

    def commit(self, body: bytes, query: Any, repo_id: str, revision: str) -> tuple[dict[str, str], bytes]:
        repository = self._repository(repo_id)
        self._must_write(repo_id, query)
        lines = [json.loads(line) for line in body.splitlines()]
        changed = dict(self._files(repo_id, revision))
        for line in lines[1:]:
            value = line["value"]
            changed[value["path"]] = (
                base64.b64decode(value["content"]) if line["key"] == "file" else self.hub.stored[value["oid"]]
            )
        proposed = "create_pr" in query
        branch = f"refs/pr/{len(self.hub.commits) + 1}" if proposed else revision
        repository.branches[branch] = changed
        self.hub.commits.append({"repo": repo_id, "branch": branch, **lines[0]["value"]})
        return _json(
            {
                "commitUrl": f"{self.hub.url}/{repo_id}/commit/{sha_of(changed)}",
                "commitOid": sha_of(changed),
                "pullRequestUrl": f"{self.hub.url}/{repo_id}/discussions/1" if proposed else None,
            }
        )


def _mode(path: str) -> dict[str, Any]:
    return {"path": path, "uploadMode": "lfs" if path.endswith(LFS) else "regular", "shouldIgnore": False}


def _oid(files: dict[str, bytes], path: str) -> str | None:
    content = files.get(path)
    if content is None:
        return None
    if path.endswith(LFS):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _json(document: object) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": "application/json"}, json.dumps(document).encode()


_ID = "([^/]+/[^/]+)"
_ROUTES: dict[str, Any] = {
    f"/api/models/{_ID}/preupload/([^/]+)": _Handler.preupload,
    f"/api/models/{_ID}/commit/([^/]+)": _Handler.commit,
    f"/api/models/{_ID}(?:/revision/([^/]+))?": _Handler.info,
    "/api/repos/create": _Handler.create,
    "/api/validate-yaml": _Handler.validate,
    f"/{_ID}\\.git/info/lfs/objects/batch": _Handler.batch,
    "/lfs/([0-9a-f]+)": _Handler.store,
    f"/{_ID}/resolve/([^/]+)/(.+)": _Handler.resolve,
}
