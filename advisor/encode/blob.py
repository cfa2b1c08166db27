"""Compiled graphs, kept inside an artifact so that the next process need not compile again.

Compiling the int8 file of all-MiniLM-L6-v2 takes OpenVINO 0.4 s, reading what it compiled 0.1 s. A blob is good for the
same graph, OpenVINO, processor and settings only, and is made again where its sha256 does not fit. Where the artifact
cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from advisor.files import replace_file

FOLDER = ".cache"
"""Inside the artifact. No file in it is one of the artifact's own."""

MOST_BLOBS = 4
"""So many are kept, the newest: an artifact on a shared disk serves several kinds of machine."""


class Blob:
    """The compiled graph of one artifact, for one kind of machine and one set of settings.

    `identity` is what it depends on besides the runtime's version. With `check`, its sha256 is compared.
    """

    def __init__(self, artifact: Path, *, identity: object, check: bool = True) -> None:
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self._path = artifact / FOLDER / f"{key}.blob"
        self._label = self._path.with_suffix(".sha256")
        self._check = check
        self._begun: Future[mmap.mmap | None] | None = None

    def begin(self) -> None:
        """Begin to read in a thread, while others import the runtime."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="blob")
        self._begun = pool.submit(self._read)
        pool.shutdown(wait=False)

    def get(self, version: str) -> mmap.mmap | None:
        """What this version of the runtime compiled, mapped copy-on-write; None if there is nothing usable."""
        blob = self._read() if self._begun is None else self._begun.result()
        self._begun = None
        return blob if blob is not None and self._labelled()[1:] == [version] else None

    def put(self, blob: bytes, version: str) -> None:
        """Keep it, if the artifact can be written; the oldest of too many go."""
        folder = self._path.parent
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            replace_file(self._label, f"{hashlib.sha256(blob).hexdigest()}\n{version}\n".encode())
            replace_file(self._path, blob)
            newest_first = sorted(folder.glob("*.blob"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
            for old in newest_first[MOST_BLOBS:]:
                old.unlink(missing_ok=True)
                old.with_suffix(".sha256").unlink(missing_ok=True)

    def _read(self) -> mmap.mmap | None:
        try:
            with self._path.open("rb") as file:
                blob = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError):  # ValueError: it is empty
            return None
        if self._check and self._labelled()[:1] != [hashlib.sha256(blob).hexdigest()]:
            return None
        return blob

    def _labelled(self) -> list[str]:
        """The sha256 and the version that are written down; empty if they cannot be read."""
        try:
            return self._label.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
