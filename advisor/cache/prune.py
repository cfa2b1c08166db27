"""Removing from the cache what is not needed. What a running process uses stays, and so does what is not advisor's."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from typing import Literal

from advisor.cache.inventory import ExportEntry, Inventory, LogEntry
from advisor.export.cache import ExportCache

Why = Literal["corrupt", "half-built", "unused", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An entry that is gone, and why; `unused` is one that was not used for as long as was asked for."""

    entry: ExportEntry | LogEntry
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry that was to go and is still there; `problem` is None where a running process uses it."""

    entry: ExportEntry | LogEntry
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What pruning did."""

    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]

    @property
    def freed_bytes(self) -> int:
        """The size of all that is gone."""
        return sum(each.entry.size_bytes for each in self.removed)


def prune(inventory: Inventory, *, unused_for_s: float) -> Pruned:
    """Remove exports that are half-built, corrupt, or were not used for `unused_for_s` seconds or longer."""
    now = time.time()
    chosen: list[tuple[ExportEntry | LogEntry, Why]] = []
    for entry in inventory.exports:
        if entry.state != "whole":
            chosen.append((entry, entry.state))
        elif max(0.0, now - entry.last_used) >= unused_for_s:
            chosen.append((entry, "unused"))
    return _remove(inventory, chosen)


def remove_all(inventory: Inventory) -> Pruned:
    """Remove all exports and logs, and their two folders if nothing else is in them. The cache folder itself stays."""
    entries: tuple[ExportEntry | LogEntry, ...] = (*inventory.exports, *inventory.logs)
    done = _remove(inventory, [(entry, "all") for entry in entries])
    for name in ("exports", "logs"):
        with contextlib.suppress(OSError):  # it is not there, or not empty
            (inventory.root / name).rmdir()
    return done


def _remove(inventory: Inventory, chosen: list[tuple[ExportEntry | LogEntry, Why]]) -> Pruned:
    cache = ExportCache(inventory.root)
    removed: list[Removed] = []
    kept: list[Kept] = []
    for entry, why in chosen:
        try:
            gone = cache.remove(entry.folder.name) if isinstance(entry, ExportEntry) else _remove_log(entry)
        except FileNotFoundError:  # another process was faster
            continue
        except OSError as error:
            kept.append(Kept(entry=entry, problem=error.strerror or str(error)))
            continue
        if gone:
            removed.append(Removed(entry=entry, why=why))
        else:
            kept.append(Kept(entry=entry, problem=None))
    return Pruned(removed=tuple(removed), kept=tuple(kept))


def _remove_log(entry: LogEntry) -> bool:
    if entry.in_use:
        return False
    if entry.path.is_dir():
        shutil.rmtree(entry.path)
    else:
        entry.path.unlink()
    return True
