"""Candidates -> timings and losses: worker processes, interleaved rounds, statistics, noise.

A name is imported when it is first used (PEP 562): a worker, which is a module of this package, needs none of them, and
each of ten of them would import them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.lazy import imported

if TYPE_CHECKING:
    from advisor.measure.client import preload_torch
    from advisor.measure.control import Control
    from advisor.measure.journal import Journal, journal_folder
    from advisor.measure.result import Measured, MeasureResult
    from advisor.measure.session import measure

__all__ = ["Control", "Journal", "MeasureResult", "Measured", "journal_folder", "measure", "preload_torch"]

_HOMES = {
    "Control": "control",
    "Journal": "journal",
    "MeasureResult": "result",
    "Measured": "result",
    "journal_folder": "journal",
    "measure": "session",
    "preload_torch": "client",
}


def __getattr__(name: str) -> object:
    return imported(__name__, _HOMES, name)
