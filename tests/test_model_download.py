"""A download from a hub is told as it goes: the real huggingface_hub against a small hub on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from advisor.model.download import TELL_S, progress_class

COMMIT = "c" * 40


@contextmanager
def hub_of(folder: Path) -> Iterator[str]:
    """A hub with one repository, `owner/tiny`; gives its address."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            found = re.fullmatch(f"/owner/tiny/resolve/(?:main|{COMMIT})/(.+)", self.path.split("?")[0])
            if found is not None:
                self.answer_file(found[1])
            elif "/tree/" in self.path:
                tree = [
                    {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
                    for name, body in files.items()
                ]
                self.answer(json.dumps(tree).encode())
            elif self.path.startswith("/api/models/owner/tiny"):
                siblings = [{"rfilename": name} for name in files]
                self.answer(json.dumps({"id": "owner/tiny", "sha": COMMIT, "siblings": siblings}).encode())
            else:
                self.send_error(404)

        def answer_file(self, name: str) -> None:
            if name in files:
                self.answer(files[name])
                return
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


FETCH = """
import sys
from advisor.model import resolve_model
told = []
def arrived(done, total):
    told.append((done, total))
    if sys.argv[1:] == ["stop"]:
        raise KeyboardInterrupt
try:
    print(resolve_model("owner/tiny", arrived=arrived, offline=sys.argv[1:] == ["offline"]).revision)
except KeyboardInterrupt:
    print("stopped")
print(told)
"""


def fetch(address: str, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-c", FETCH, *arguments],
        env={**env, "HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_every_byte_is_told_and_nothing_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="the hub's client is not installed")
    with hub_of(tiny_models.shared()) as address:
        done = fetch(address, tmp_path)
    revision, told = done.stdout.splitlines()
    assert revision == COMMIT, done.stderr
    assert done.stderr == ""
    last_done, last_total = eval(told)[-1]
    assert last_done == last_total > 10_000


def test_who_is_told_can_end_the_download(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="the hub's client is not installed")
    with hub_of(tiny_models.shared()) as address:
        done = fetch(address, tmp_path, "stop")
    assert done.stdout.startswith("stopped"), done.stderr


@pytest.mark.parametrize("plain", [False, True], ids=["modules", "plain"])
def test_what_was_downloaded_is_found_offline(tmp_path: Path, plain: bool) -> None:
    pytest.importorskip("huggingface_hub", reason="the hub's client is not installed")
    model = tmp_path / "model"
    if plain:
        tiny_models.build_plain(model)
    else:
        tiny_models.copy(tiny_models.shared(), model)
    (model / "README.md").write_text("advisor has no use for it")
    with hub_of(model) as address:
        assert fetch(address, tmp_path / "cache").stdout.startswith(COMMIT)
    done = fetch(address, tmp_path / "cache", "offline")
    assert done.stdout.splitlines() == [COMMIT, "[]"], done.stderr


def test_the_bar_is_one_that_the_threads_of_older_clients_take() -> None:
    concurrent = pytest.importorskip("tqdm.contrib.concurrent", reason="comes with the hub's client")
    told: list[tuple[int, int | None]] = []
    bar_class: Any = progress_class(lambda done, total: told.append((done, total)))
    assert concurrent.thread_map(str, range(3), tqdm_class=bar_class, unit="B") == ["0", "1", "2"]
    assert told[-1] == (3, 3)
    assert list(bar_class(iter("abc"), total=3)) == ["a", "b", "c"]  # tqdm before 4.70 iterates


def test_it_is_told_at_most_four_times_a_second_and_at_the_end() -> None:
    told: list[tuple[int, int | None]] = []
    now = iter(range(10_000))
    bar_class: Any = progress_class(
        lambda done, total: told.append((done, total)), clock=lambda: next(now) * TELL_S / 10
    )
    with bar_class(total=3, desc="files") as files, bar_class(total=1000, unit="B", unit_scale=True) as size:
        for _ in range(1000):
            size.update(1)
            files.update(0)
        size.set_postfix_str("1 kB/s", refresh=False)
        size.refresh()
        size.close()
    assert told[-1] == (1000, 1000)
    assert 90 < len(told) < 210  # the clock moves by a tenth of that, once or twice a call
    assert told == sorted(told)
