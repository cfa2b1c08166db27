"""Main memory, under the cgroup's limit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from advisor.probe.cgroup import MemoryLimit
from advisor.probe.sources import Sources, to_int, why
from advisor.types import Fact, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReading:
    """The memory and the facts behind it."""

    memory: Memory
    facts: tuple[Fact, ...]


def parse_meminfo(text: str) -> Memory:
    """MemTotal and MemAvailable of /proc/meminfo, which counts in KiB and writes kB; None for what it does not list."""
    return Memory(total_bytes=_kib(text, "MemTotal"), available_bytes=_kib(text, "MemAvailable"))


def _kib(text: str, key: str) -> int | None:
    match = re.search(rf"^{key}:\s*([0-9]+) kB", text, re.MULTILINE)
    value = to_int(match[1]) if match else None
    return None if value is None else value * 1024


def read_memory(sources: Sources, limit: MemoryLimit | None) -> MemoryReading:
    """Total and available memory; a limit caps both. `limit` is None on systems without cgroups."""
    linux = sources.system == "Linux"
    source = "/proc/meminfo" if linux else "psutil.virtual_memory"
    system, note = Memory(total_bytes=None, available_bytes=None), None
    try:
        system = parse_meminfo(sources.text("/proc/meminfo")) if linux else sources.memory()
    except Exception as error:  # OSError, and psutil's own tree; a probe must not end for either
        note = f"not readable: {why(error)}"
    memory = Memory(
        total_bytes=_least(system.total_bytes, limit.limit_bytes if limit else None),
        available_bytes=_least(system.available_bytes, limit.left_bytes if limit else None),
    )
    facts = [
        _fact("memory.total_bytes", memory.total_bytes, system.total_bytes, source, limit, note),
        _fact("memory.available_bytes", memory.available_bytes, system.available_bytes, source, limit, note),
    ]
    if limit is not None:
        facts.append(Fact(name="memory.limit_bytes", value=limit.limit_bytes, source=limit.source, note=limit.note))
    return MemoryReading(memory=memory, facts=tuple(facts))


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _fact(
    name: str, value: int | None, system: int | None, source: str, limit: MemoryLimit | None, note: str | None
) -> Fact:
    if value is None:
        return Fact(name=name, value=None, source=source, note=note or "not listed")
    if limit is not None and value != system:
        return Fact(name=name, value=value, source=limit.source)
    return Fact(name=name, value=value, source=source)
