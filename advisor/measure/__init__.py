"""Candidates -> timings and losses: worker processes, interleaved rounds, statistics, noise.

A name is imported when it is first used (PEP 562): a worker, which is a module of this package, needs none of them, and
each of ten of them would import them all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.measure.client import preload_torch
    from advisor.measure.control import Control
    from advisor.measure.journal import Journal, journal_folder
    from advisor.measure.result import Measured, MeasureResult
    from advisor.measure.session import measure

__all__ = ["Control", "Journal", "MeasureResult", "Measured", "journal_folder", "measure", "preload_torch"]

_MODULES = ("session", "client", "control", "journal", "result")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            found = vars(importlib.import_module(f"{__name__}.{module}"))
            if name in found:
                return globals().setdefault(name, found[name])  # asked once
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
