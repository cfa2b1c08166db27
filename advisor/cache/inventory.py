"""The cache folder -> what advisor put there. Whatever else lies in that folder is not looked at."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from advisor.errors import InputError
from advisor.export.cache import RECORD, TEMPORARY, damage_of, read_record
from advisor.export.holding import alone
from advisor.paths import JOURNAL, ROUNDS

State = Literal["whole", "corrupt", "half-built"]

_KEY = re.compile(r"[0-9a-f]{64}")
_BUILDING = re.compile(re.escape(TEMPORARY) + r"[a-z0-9_]{8}")
_RUN = re.compile(r"(\d{8}T\d{6})-(\d{1,10})", re.ASCII)
_ERROR = re.compile(r"error-\d+\.log", re.ASCII)
_GRAPHS = (".onnx", ".xml")
_EXPORT_FOLDERS = {"onnx", "openvino"}
_CLOCK_SLACK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEntry:
    """One folder of exports.

    `damage` says what is wrong with a corrupt one, as the end of a sentence. `in_use` is whether a running process
    builds it or took it from the cache. `model` and `file` are None where they are not known. `made` and `last_used`
    are seconds since the epoch.
    """

    folder: Path
    state: State
    damage: str | None
    in_use: bool
    model: str | None
    file: str | None
    size_bytes: int
    made: float
    last_used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """The log folder of one run, or the traceback of one internal error; `in_use` while that run goes on."""

    path: Path
    in_use: bool
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsEntry:
    """The rounds of one measurement: `in_use` while it runs; `last_used` is in seconds since the epoch."""

    path: Path
    in_use: bool
    size_bytes: int
    last_used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What advisor put into the folder `root`. `exists` is whether there is such a folder."""

    root: Path
    exists: bool
    exports: tuple[ExportEntry, ...]
    logs: tuple[LogEntry, ...]
    rounds: tuple[RoundsEntry, ...] = ()

    @property
    def rounds_bytes(self) -> int:
        """The size of all measurements."""
        return sum(entry.size_bytes for entry in self.rounds)

    @property
    def exports_bytes(self) -> int:
        """The size of all exports, with those that are corrupt or half-built."""
        return sum(entry.size_bytes for entry in self.exports)

    @property
    def logs_bytes(self) -> int:
        """The size of all logs."""
        return sum(entry.size_bytes for entry in self.logs)

    @property
    def size_bytes(self) -> int:
        """The size of everything."""
        return self.exports_bytes + self.rounds_bytes + self.logs_bytes


def read_inventory(root: Path, *, hashed: bool = True) -> Inventory:
    """What the cache folder `root` holds; every file of every export is hashed, as at every use, unless `hashed` is
    False: then sizes say what is corrupt, which takes milliseconds.

    Raises InputError if `root` is not a folder, and OSError if it cannot be read.
    """
    if not root.exists():
        return Inventory(root=root, exists=False, exports=(), logs=())
    if not root.is_dir():
        raise InputError(
            f"The cache {str(root)!r} is not a folder.",
            hint="Name another one in the environment variable ADVISOR_CACHE.",
        )
    exports = [entry for path in _listed(root / "exports") if (entry := _export(path, hashed=hashed)) is not None]
    logs = [log for path in _listed(root / "logs") if (log := log_entry(path)) is not None]
    return Inventory(
        root=root,
        exists=True,
        exports=tuple(sorted(exports, key=lambda entry: (entry.model or "~", entry.file or "~", entry.folder.name))),
        logs=tuple(logs),
        rounds=tuple(each for path in _listed(root / ROUNDS) if (each := _rounds(path)) is not None),
    )


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _export(folder: Path, *, hashed: bool) -> ExportEntry | None:
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return None
        if _BUILDING.fullmatch(folder.name):
            return _entry(folder, state="half-built")
        if not _KEY.fullmatch(folder.name):
            return None
        return _published(folder, hashed=hashed)
    except FileNotFoundError:  # another process removed it, or moved it into its place
        return None


def _published(folder: Path, *, hashed: bool) -> ExportEntry | None:
    names = {path.name for path in folder.iterdir()}
    if RECORD not in names and not names <= _EXPORT_FOLDERS:
        return None  # named like an export, but not laid out like one
    record = read_record(folder)
    if record is None:
        return _entry(folder, state="corrupt", damage=f"{RECORD} is missing or cannot be read")
    damage = damage_of(record, hashed=hashed)
    state: State = "whole" if damage is None else "corrupt"
    graphs = (file.name for file in record.files if file.name.endswith(_GRAPHS))
    return _entry(folder, state=state, damage=damage, model=record.model, file=next(graphs, None))


def _entry(
    folder: Path, *, state: State, damage: str | None = None, model: str | None = None, file: str | None = None
) -> ExportEntry:
    with alone(folder) as unused:
        pass
    made = folder.stat().st_mtime
    last_used = made
    with contextlib.suppress(OSError):
        last_used = max(made, (folder / RECORD).stat().st_mtime)
    if file is None:
        graphs = (path for path in _files(folder) if path.suffix in _GRAPHS)
        file = next((path.relative_to(folder).as_posix() for path in graphs), None)
    return ExportEntry(
        folder=folder,
        state=state,
        damage=damage,
        in_use=not unused,
        model=_printable(model),
        file=_printable(file),
        size_bytes=_size_of(folder),
        made=made,
        last_used=last_used,
    )


def _rounds(folder: Path) -> RoundsEntry | None:
    try:
        if not _KEY.fullmatch(folder.name) or not stat.S_ISDIR(folder.lstat().st_mode):
            return None
        names = {path.name for path in folder.iterdir()}
        if names and JOURNAL not in names and not all(name.endswith(".npy") for name in names):
            return None  # named like a measurement, but not laid out like one
        with alone(folder) as unused:
            pass
        last_used = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        return RoundsEntry(path=folder, in_use=not unused, size_bytes=_size_of(folder), last_used=last_used)
    except FileNotFoundError:
        return None


def log_entry(path: Path) -> LogEntry | None:
    """What lies at `path` in the folder of logs, if it is named and laid out as a log of advisor's; else None."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and _ERROR.fullmatch(path.name):
            return LogEntry(path=path, in_use=False, size_bytes=path.stat().st_size)
        named = _RUN.fullmatch(path.name)
        if named is None or not stat.S_ISDIR(mode):
            return None
        try:
            started = datetime.strptime(named[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None
        return LogEntry(path=path, in_use=_is_running(int(named[2]), started=started), size_bytes=_size_of(path))
    except FileNotFoundError:
        return None


def _is_running(pid: int, *, started: float) -> bool:
    """Whether the process that began to log at `started` goes on; a later process may have been given its id."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() <= started + 1 + _CLOCK_SLACK_S)
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
    except psutil.Error:
        return True


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):  # links are not followed
        yield from (Path(parent, name) for name in sorted(names))


def _size_of(folder: Path) -> int:
    total = 0
    for path in _files(folder):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total


def _printable(text: str | None) -> str | None:
    """A name out of a file that anybody may have written, without signs that would steer a terminal."""
    return None if text is None else "".join(sign if sign.isprintable() else "?" for sign in text)
