"""The cache of exports: one folder a file, named by what it was made from, checked at every use.

    <cache>/exports/<key>/onnx/model.onnx     the files, at their relative names
    <cache>/exports/<key>/export.json         their sizes and sha256, the model's name, how long it took, what was done;
                                              its time of modification is the time of the last use

A folder is built under a name of its own and renamed, so that it is complete or absent; two
processes that build the same key at once do the work twice, and one result stays. A folder that is being built or was
found is held until the process ends (`advisor.export.holding`), so that no other process prunes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from advisor.codec import HIDDEN, from_json, loads, to_json
from advisor.export.holding import alone, hold, release
from advisor.files import sha256_of
from advisor.types import ArtifactFile

RECORD = "export.json"
WORK = "work"
"""Subfolder of a folder under construction for whatever must not be kept."""
UNNEEDED = "unneeded.txt"
"""Stands in place of a file that did not have to be made, and says why."""
TEMPORARY = ".building-"
"""How the name of a folder begins that is under construction or on its way out."""
_STALE_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedExport:
    """An export in the cache. `notes` are sentences for the user.

    `model` is the name of the model that it was made from, None where an older version of advisor made it.
    """

    folder: Path = field(metadata=HIDDEN)
    files: tuple[ArtifactFile, ...]
    export_s: float
    notes: tuple[str, ...]
    model: str | None = None

    @property
    def size_bytes(self) -> int:
        """The size of all its files."""
        return sum(file.size_bytes for file in self.files)


def key_of(ingredients: object) -> str:
    """The key of an export: sha256 of the canonical JSON of everything that its bytes depend on."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class ExportCache:
    """The folder `<cache_dir>/exports`. Any number of processes may share it."""

    def __init__(self, cache_dir: Path) -> None:
        self.root = cache_dir / "exports"

    def find(self, key: str) -> CachedExport | None:
        """The export under `key` if every one of its files has its recorded size and sha256, else None.

        Finding it counts as a use, and keeps other processes from pruning it while this one runs.
        """
        folder = self.root / key
        if not hold(folder):
            return None
        found = read_record(folder)
        if found is None or damage_of(found) is not None:
            release(folder)
            return None
        with contextlib.suppress(OSError):  # a shared cache may be read-only for this user
            os.utime(folder / RECORD)
        return found

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A new folder to build an export in, removed at the end whatever happens; `publish` moves it away before."""
        self._sweep()
        folder = self._new_folder()
        try:
            (folder / WORK).mkdir()
            yield folder
        finally:
            release(folder)
            shutil.rmtree(folder, ignore_errors=True)

    def publish(
        self,
        folder: Path,
        key: str,
        *,
        export_s: float,
        notes: tuple[str, ...],
        model: str | None = None,
        replace: bool = False,
    ) -> CachedExport:
        """Record what is in `folder` and move it into its place. `model` is the model's name, never a path.

        What is already there goes if it is damaged or `replace` is set; a whole export that another process put there
        in the meantime stays, and is returned.
        """
        shutil.rmtree(folder / WORK, ignore_errors=True)
        files = tuple(
            ArtifactFile(
                name=path.relative_to(folder).as_posix(), sha256=sha256_of(path), size_bytes=path.stat().st_size
            )
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        )
        target = self.root / key
        export = CachedExport(folder=target, files=files, export_s=export_s, notes=notes, model=model)
        record = json.dumps(to_json(export), indent=2, ensure_ascii=False)
        (folder / RECORD).write_text(record + "\n", encoding="utf-8")
        folder.chmod(0o755)  # mkdtemp's 0700 would shut out others who share the cache
        while True:
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            else:
                return export
            if not replace and (found := self.find(key)) is not None:
                return found
            with (
                tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=self.root, ignore_cleanup_errors=True) as aside,
                contextlib.suppress(FileNotFoundError),  # another process moved it first
            ):
                release(target)
                target.rename(Path(aside) / "old")

    def remove(self, name: str) -> bool:
        """Remove the folder `name` from the cache at once; False, and nothing removed, if a process holds it.

        Raises OSError if it cannot be removed; what is left of it is then no export any more.
        """
        folder = self.root / name
        aside = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self.root))
        hold(aside)
        try:
            with alone(folder) as mine:
                if not mine:
                    return False
                folder.rename(aside / "old")
            shutil.rmtree(aside / "old")
        finally:
            release(aside)
            shutil.rmtree(aside, ignore_errors=True)
        return True

    def _new_folder(self) -> Path:
        """A new folder that is held; another process may prune it, or the empty cache, before it could be."""
        while True:
            self.root.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self.root))
                if hold(folder):
                    return folder

    def _sweep(self) -> None:
        """Remove what killed processes left behind a day ago or earlier."""
        for left in self.root.glob(f"{TEMPORARY}*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_S:
                    self.remove(left.name)


def read_record(folder: Path) -> CachedExport | None:
    """What `folder` says of itself, its files unchecked; None if it says nothing that can be read."""
    try:
        return from_json(CachedExport, loads((folder / RECORD).read_text(encoding="utf-8")), folder=folder)
    except (OSError, ValueError):
        return None


def damage_of(export: CachedExport, *, hashed: bool = True) -> str | None:
    """What is wrong with the files of `export`, as the end of a sentence; None if all are as they were written.

    Without `hashed` only their sizes are looked at.
    """
    for file in export.files:
        try:
            path = export.folder / file.name
            if path.stat().st_size != file.size_bytes:
                return f"{file.name} has another size than was written"
            if hashed and sha256_of(path) != file.sha256:
                return f"{file.name} has other bytes than were written"
        except (OSError, ValueError):
            return f"{file.name} is missing or cannot be read"
    return None
