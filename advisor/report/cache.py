"""The cache for a terminal: what is in it, and what was removed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text

from advisor.cache import ExportEntry, Inventory, Kept, LogEntry, Pruned, Removed, RoundsEntry
from advisor.report import format as fmt

_HEADINGS = ("file", "made", "last used", "size")
_WHY = {"corrupt": "corrupt", "half-built": "half-built", "unused": "not used lately", "all": ""}


def inventory(shown: Inventory, *, now: float, width: int) -> Text:
    """Where the cache is and its size, the exports of each model, and the logs; `now` is seconds since the epoch."""
    if not shown.exists:
        return Text(f"There is no cache at {shown.root} yet.")
    if not shown.exports and not shown.logs and not shown.rounds:
        return Text(f"The cache {shown.root} is empty.")
    exports = fmt.plural(len(shown.exports), "export")
    lines = [
        Text.assemble((str(shown.root), "bold"), f": {fmt.size(shown.size_bytes)}"),
        *_table(shown.exports, now=now, width=width),
        Text(),
        Text(
            f"{exports}, {fmt.size(shown.exports_bytes)}; {fmt.plural(len(shown.rounds), 'measurement')}, "
            f"{fmt.size(shown.rounds_bytes)}; logs, {fmt.size(shown.logs_bytes)}"
        ),
    ]
    broken = sum(entry.state != "whole" and not entry.in_use for entry in shown.exports)
    if broken:
        them = "It is" if broken == 1 else "They are"
        lines.append(Text(f"{fmt.plural(broken, 'export')} of no use. {them} removed by: advisor cache --prune"))
    return Text("\n").join(lines)


def pruned(done: Pruned) -> Text:
    """What was removed and freed, and what stayed that was to go."""
    exports = [each for each in done.removed if isinstance(each.entry, ExportEntry)]
    rounds = sum(isinstance(each.entry, RoundsEntry) for each in done.removed)
    logs = len(done.removed) - len(exports) - rounds
    lines = [_removed(each, each.entry) for each in exports if isinstance(each.entry, ExportEntry)]
    if not done.removed:
        lines.append(Text("Nothing was removed."))
    else:
        what = [fmt.plural(len(exports), "export")] if exports else []
        what += [fmt.plural(rounds, "measurement")] if rounds else []
        what += [fmt.plural(logs, "log")] if logs else []
        lines.append(Text(f"Removed {fmt.listed(what)}: {fmt.size(done.freed_bytes)} freed."))
    lines += [_kept(each) for each in done.kept if each.problem is None]
    return Text("\n").join(lines)


def _removed(removed: Removed, entry: ExportEntry) -> Text:
    why = _WHY[removed.why]
    return Text(f"  {label(entry)}  {fmt.size(entry.size_bytes)}{f'  {why}' if why else ''}")


def _kept(kept: Kept) -> Text:
    entry = kept.entry
    if isinstance(entry, ExportEntry):
        what = label(entry)
    else:
        what = f"{'log' if isinstance(entry, LogEntry) else 'measurement'} {entry.path.name[:20]}"
    return Text(f"Kept {what}: a running process uses it.")


def label(entry: ExportEntry) -> str:
    """An export in words: `onnx/model_O3.onnx of demo`."""
    return f"{entry.file or entry.folder.name} of {entry.model or 'an unknown model'}"


def _table(exports: Sequence[ExportEntry], *, now: float, width: int) -> list[Text]:
    if not exports:
        return []
    cells = {
        entry.folder: (
            entry.file or entry.folder.name[:20],
            fmt.age(now - entry.made),
            fmt.age(now - entry.last_used),
            fmt.size(entry.size_bytes),
        )
        for entry in exports
    }
    widths = [max(len(row[column]) for row in (_HEADINGS, *cells.values())) for column in range(len(_HEADINGS))]
    lines = [Text(), Text(_row(_HEADINGS, widths), style="dim")]
    for model, entries in groupby(exports, key=lambda entry: entry.model):
        lines.append(Text(f"  {model or 'unknown model'}", style="bold"))
        for entry in entries:
            row, note = _row(cells[entry.folder], widths), _note(entry)
            if note and len(row) + 2 + len(note) > width:
                lines += [Text(row), Text(f"      {note}", style="red" if entry.damage else "yellow")]
            else:
                lines.append(Text.assemble(row, (f"  {note}" if note else "", "red" if entry.damage else "yellow")))
    return lines


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    rest = (cell.rjust(size) for cell, size in zip(cells[1:], widths[1:], strict=True))
    return "    " + "  ".join([cells[0].ljust(widths[0]), *rest])


def _note(entry: ExportEntry) -> str:
    if entry.state == "half-built":
        return "being built" if entry.in_use else "half-built"
    if entry.state == "corrupt":
        return f"corrupt: {entry.damage}"
    return "in use" if entry.in_use else ""
