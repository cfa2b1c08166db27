"""The machine: processor, memory, accelerators, runtimes and packages, each fact with its source.

The names below are imported when they are first used (PEP 562): loading an artifact needs the processor alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.probe.machine import fingerprint, probe
    from advisor.probe.packages import read_packages

__all__ = ["fingerprint", "probe", "read_packages"]

_HOMES = {"fingerprint": "machine", "probe": "machine", "read_packages": "packages"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
