"""What was read, for a terminal: the machine fact by fact, and the lengths of texts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from rich.text import Text

from advisor.report import format as fmt
from advisor.report import steps
from advisor.types import Fact, Hardware, LengthStats, Package, TextProfile

_MIN_VALUE = 18
_SOURCE = 36
"""Columns kept for a source, such as `onnxruntime.get_available_providers`."""


def machine(hardware: Hardware, packages: Sequence[Package], *, width: int) -> Text:
    """One line in words, then every fact with its value, its source and what is to be said about it, and packages."""
    lines = [Text(steps.machine(hardware), style="bold"), Text()]
    name_width = max((len(fact.name) for fact in hardware.facts), default=0)
    value_width = max((len(value_of(fact)) for fact in hardware.facts), default=0)
    value_width = min(value_width, max(_MIN_VALUE, width - name_width - _SOURCE - 6))
    for fact in hardware.facts:
        source = fact.source if fact.note is None else f"{fact.source}: {fact.note}"
        columns = (
            [fact.name],
            textwrap.wrap(value_of(fact), value_width) or [""],
            textwrap.wrap(source, max(16, width - name_width - value_width - 6)) or [""],
        )
        for index in range(max(map(len, columns))):
            name, value, origin = (column[index] if index < len(column) else "" for column in columns)
            shown = (f"{value.ljust(value_width)}  " if origin else value, "bold")
            lines.append(Text.assemble(f"  {name.ljust(name_width)}  ", shown, (origin, "dim")))
    lines += [Text(), Text.assemble(("Packages", "bold"), ("  importlib.metadata", "dim"))]
    installed = ", ".join(f"{package.name} {package.version}" for package in packages if package.version is not None)
    missing = ", ".join(package.name for package in packages if package.version is None)
    for listed in (installed, f"not installed: {missing}" if missing else ""):
        lines += [Text(f"  {line}") for line in textwrap.wrap(listed, width - 2, break_on_hyphens=False)]
    return Text("\n").join(lines)


def lengths(profile: TextProfile) -> Text:
    """The length profile: how many texts, and a line of statistics a unit."""
    source = profile.source if profile.field is None else f"{profile.source}, field {profile.field}"
    number = fmt.plural(profile.num_seen, "text")
    if profile.num_sampled != profile.num_seen:
        number += f", {fmt.count(profile.num_sampled)} of them sampled with seed {profile.seed}"
    table = [["", *(name for name, _ in _STATISTICS)], ["chars", *_statistics(profile.chars)]]
    if profile.tokens is not None:
        table.append(["tokens", *_statistics(profile.tokens)])
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [Text.assemble((source, "bold"), f": {number}"), Text()]
    for index, row in enumerate(table):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True))]
        lines.append(Text("  " + "  ".join(cells), style="dim" if index == 0 else ""))
    shares = [f"{fmt.share(profile.fraction_under_500_chars)} under 500 characters"]
    if profile.truncated_fraction is not None:
        shares.append(f"{fmt.share(profile.truncated_fraction)} truncated at the model's maximum length")
    return Text("\n").join([*lines, Text(), Text("  " + ", ".join(shares))])


_STATISTICS: Sequence[tuple[str, Callable[[LengthStats], float]]] = (
    ("mean", lambda stats: stats.mean),
    ("p50", lambda stats: stats.p50),
    ("p90", lambda stats: stats.p90),
    ("p95", lambda stats: stats.p95),
    ("p99", lambda stats: stats.p99),
    ("max", lambda stats: stats.max),
)


def _statistics(stats: LengthStats) -> list[str]:
    return [fmt.count(read(stats)) for _, read in _STATISTICS]


def value_of(fact: Fact) -> str:
    """A fact's value for people."""
    value = fact.value
    if value is None:
        return fmt.UNKNOWN if fact.note is None else "-"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if fact.name.endswith("_bytes") and isinstance(value, int | float):
        return fmt.memory(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
