"""Removing from the cache what is not needed. What a running process uses stays, and so does what is not advisor's."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from typing import Literal

from advisor.cache.inventory import ExportEntry, Inventory, LogEntry, RoundsEntry
from advisor.export.cache import ExportCache
from advisor.export.holding import alone
from advisor.paths import JOURNAL, ROUNDS

Entry = ExportEntry | LogEntry | RoundsEntry
Why = Literal["corrupt", "half-built", "unused", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An entry that is gone, and why; `unused` is one that was not used for as long as was asked for."""

    entry: Entry
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry that was to go and is still there; `problem` is None where a running process uses it."""

    entry: Entry
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
    """Remove exports that are half-built or corrupt, and exports and measurements that were not used for
    `unused_for_s` seconds or longer."""
    now = time.time()
    chosen: list[tuple[Entry, Why]] = []
    for entry in inventory.exports:
        if entry.state != "whole":
            chosen.append((entry, entry.state))
        elif max(0.0, now - entry.last_used) >= unused_for_s:
            chosen.append((entry, "unused"))
    chosen += [(rounds, "unused") for rounds in inventory.rounds if max(0.0, now - rounds.last_used) >= unused_for_s]
    return _remove(inventory, chosen)


def remove_all(inventory: Inventory) -> Pruned:
    """Remove all exports, measurements and logs, and their folders if nothing else is in them. The cache folder itself
    stays."""
    entries: tuple[Entry, ...] = (*inventory.exports, *inventory.rounds, *inventory.logs)
    done = _remove(inventory, [(entry, "all") for entry in entries])
    for name in ("exports", ROUNDS, "logs"):
        with contextlib.suppress(OSError):  # it is not there, or not empty
            (inventory.root / name).rmdir()
    return done


def _remove(inventory: Inventory, chosen: list[tuple[Entry, Why]]) -> Pruned:
    cache = ExportCache(inventory.root)
    removed: list[Removed] = []
    kept: list[Kept] = []
    for entry, why in chosen:
        try:
            if isinstance(entry, ExportEntry):
                gone = cache.remove(entry.folder.name)
            else:
                gone = _remove_rounds(entry) if isinstance(entry, RoundsEntry) else _remove_log(entry)
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


def _remove_rounds(entry: RoundsEntry) -> bool:
    with alone(entry.path) as unused:
        if unused:
            (entry.path / JOURNAL).unlink(missing_ok=True)  # what is left without it counts for nothing
            shutil.rmtree(entry.path)
        return unused


def _remove_log(entry: LogEntry) -> bool:
    if entry.in_use:
        return False
    if entry.path.is_dir():
        shutil.rmtree(entry.path)
    else:
        entry.path.unlink()
    return True
