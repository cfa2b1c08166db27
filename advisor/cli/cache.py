"""`advisor cache`: what is in the cache, and removing what is not needed."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json
from advisor.errors import AdvisorError, InputError

if TYPE_CHECKING:
    from advisor.cache import ExportEntry, Inventory, LogEntry, Pruned, RoundsEntry

DEFAULT_AGE = "30d"
_AGE = re.compile(r"(\d{1,5})([dh])", re.ASCII)
_SECONDS = {"d": 86400.0, "h": 3600.0}


@click.command("cache", short_help="Show what is in the cache, or prune it.")
@click.option("--prune", "pruning", is_flag=True, help="Remove what is half-built, corrupt or unused for 30 days.")
@click.option("--older-than", metavar="AGE", help="With --prune: unused for this long, such as 7d, 12h or 0.")
@click.option("--all", "everything", is_flag=True, help="Remove everything that advisor put there.")
@options.as_json
@shared_options
@click.pass_obj
def command(session: Session, pruning: bool, older_than: str | None, everything: bool, as_json: bool) -> None:
    """Show where the cache is and what is in it; with --prune or --all, remove from it.

    Nothing goes that a running process uses or that advisor did not put there.
    """
    if pruning and everything:
        raise InputError(
            "--prune and --all exclude each other:", hint="--all removes what --prune would, and the rest."
        )
    if older_than is not None and not pruning:
        raise InputError("--older-than goes with --prune:", hint="add --prune to remove what is older.")
    unused_for_s = age_s(DEFAULT_AGE if older_than is None else older_than)

    from advisor.cache import prune, read_inventory, remove_all
    from advisor.paths import cache_dir

    inventory = read_inventory(cache_dir())
    done: Pruned | None = None
    if pruning or everything:
        session.after_interrupt = "what was removed is gone, and the rest of the cache is as it was"
        done = remove_all(inventory) if everything else prune(inventory, unused_for_s=unused_for_s)
    if as_json:
        write_json(_document(inventory if done is None else read_inventory(inventory.root), done))
    else:
        _show(session, inventory, done)
    if done is not None:
        _refuse_leftovers(done)


def age_s(text: str) -> float:
    """An age in seconds: `7d`, `12h` or `0`. Raises InputError for anything else."""
    typed = text.strip()
    if typed == "0":
        return 0.0
    found = _AGE.fullmatch(typed)
    if found is None:
        raise InputError(
            f"--older-than {typed!r} is not an age:", hint="write whole days or hours, such as 7d or 12h, or 0."
        )
    return int(found[1]) * _SECONDS[found[2]]


def _show(session: Session, inventory: Inventory, done: Pruned | None) -> None:
    from advisor.report import cache as report

    stream = out(session)
    if done is None or not inventory.exists:
        stream.print(report.inventory(inventory, now=time.time(), width=stream.width))
    else:
        stream.print(report.pruned(done))


def _refuse_leftovers(done: Pruned) -> None:
    """Raise AdvisorError for the first thing that could not be removed, with how many there are."""
    left = [kept for kept in done.kept if kept.problem is not None]
    if left:
        entry = left[0].entry
        more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
        raise AdvisorError(
            f"{_path(entry)!r}{more} cannot be removed: {left[0].problem}.",
            hint="Check who owns it and whether its folder can be written to.",
        )


def _document(inventory: Inventory, done: Pruned | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": {"name": "advisor.cache", "version": "1.0"},
        "path": str(inventory.root),
        "exists": inventory.exists,
        "size_bytes": inventory.size_bytes,
        "exports": [_entry(entry) for entry in inventory.exports],
        "measurements": [_entry(entry) for entry in inventory.rounds],
        "logs": {
            "path": str(inventory.root / "logs"),
            "size_bytes": inventory.logs_bytes,
            "count": len(inventory.logs),
        },
    }
    if done is not None:
        document["pruned"] = {
            "freed_bytes": done.freed_bytes,
            "removed": [
                {"path": _path(each.entry), "why": each.why, "size_bytes": each.entry.size_bytes}
                for each in done.removed
            ],
            "kept": [{"path": _path(each.entry), "why": each.problem or "in use"} for each in done.kept],
        }
    return document


def _entry(entry: ExportEntry | RoundsEntry) -> dict[str, Any]:
    from advisor.codec import to_json

    shown = {name: value for name, value in to_json(entry).items() if name not in {"folder", "path"}}
    times = {name: _utc(shown[name]) for name in ("made", "last_used") if name in shown}
    return {"path": _path(entry)} | shown | times


def _utc(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _path(entry: ExportEntry | LogEntry | RoundsEntry) -> str:
    from advisor.cache import ExportEntry

    return str(entry.folder if isinstance(entry, ExportEntry) else entry.path)
