"""The machine: processor, memory, accelerators, runtimes and packages, each fact with its source.

The names below are imported when they are first used (PEP 562): loading an artifact needs the processor alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.lazy import imported

if TYPE_CHECKING:
    from advisor.probe.machine import fingerprint, probe
    from advisor.probe.packages import read_packages

__all__ = ["fingerprint", "probe", "read_packages"]

_HOMES = {"fingerprint": "machine", "probe": "machine", "read_packages": "packages"}


def __getattr__(name: str) -> object:
    return imported(__name__, _HOMES, name)
