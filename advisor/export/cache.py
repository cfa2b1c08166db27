"""The cache of exports: one folder a file, named by what it was made from, checked at every use.

    <cache>/exports/<key>/onnx/model.onnx     the files, at their relative names
    <cache>/exports/<key>/export.json         their sizes and sha256, how long it took, what the export did

A folder is built beside its place under a name of its own and renamed, so that it is complete or absent; two
processes that build the same key at once do the work twice, and one result stays.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from advisor.types import ArtifactFile

RECORD = "export.json"
WORK = "work"
"""Subfolder of a folder under construction for whatever must not be kept."""
_TEMPORARY = ".building-"
_STALE_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedExport:
    """A complete export in the cache. `notes` are sentences for the user."""

    folder: Path
    files: tuple[ArtifactFile, ...]
    export_s: float
    notes: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """The size of all its files."""
        return sum(file.size_bytes for file in self.files)


def key_of(ingredients: object) -> str:
    """The key of an export: sha256 of the canonical JSON of everything that its bytes depend on."""
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ExportCache:
    """The folder `<cache_dir>/exports`. Any number of processes may share it."""

    def __init__(self, cache_dir: Path) -> None:
        self.root = cache_dir / "exports"

    def find(self, key: str) -> CachedExport | None:
        """The export under `key` if every one of its files has its recorded size and sha256, else None."""
        folder = self.root / key
        found = _read_record(folder)
        if found is None:
            return None
        try:
            whole = all(_is_whole(folder / file.name, file) for file in found.files)
        except OSError:
            whole = False
        return found if whole else None

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A new folder to build an export in, removed at the end whatever happens; `publish` moves it away before."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.root))
        try:
            (folder / WORK).mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(
        self, folder: Path, key: str, *, export_s: float, notes: tuple[str, ...], replace: bool = False
    ) -> CachedExport:
        """Record what is in `folder` and move it into its place.

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
        record = {"files": [asdict(file) for file in files], "export_s": export_s, "notes": list(notes)}
        (folder / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        folder.chmod(0o755)  # mkdtemp's 0700 would shut out others who share the cache
        target = self.root / key
        while True:
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            else:
                return CachedExport(folder=target, files=files, export_s=export_s, notes=notes)
            if not replace and (found := self.find(key)) is not None:
                return found
            with (
                tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=self.root, ignore_cleanup_errors=True) as aside,
                contextlib.suppress(FileNotFoundError),  # another process moved it first
            ):
                target.rename(Path(aside) / "old")

    def _sweep(self) -> None:
        """Remove what killed processes left behind a day ago or earlier."""
        for left in self.root.glob(f"{_TEMPORARY}*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_S:
                    shutil.rmtree(left, ignore_errors=True)


def _read_record(folder: Path) -> CachedExport | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = tuple(ArtifactFile(**file) for file in record["files"])
        notes = tuple(str(note) for note in record["notes"])
        return CachedExport(folder=folder, files=files, export_s=float(record["export_s"]), notes=notes)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_whole(path: Path, file: ArtifactFile) -> bool:
    return path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256
