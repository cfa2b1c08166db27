"""Candidates -> timings and losses: worker processes, interleaved rounds, statistics, noise.

Read in this order: `measurement` (the whole, in order) -> `prepare` (one candidate: `screening` its speed, `losses` its
accuracy) -> `heat.heat` (races, tuning, ranges) -> `race.race` (what is cut, and when it ends) -> `workers.worker` (the
timed process). `journal` keeps what was found, `contestant` holds what is known of a candidate, `workload` the texts.

A name is imported when it is first used (PEP 562): a worker, which is a module of this package, needs none of them, and
each of ten of them would import them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.lazy import imported

if TYPE_CHECKING:
    from advisor.measure.control import Control
    from advisor.measure.journal import Journal, journal_folder
    from advisor.measure.measurement import measure
    from advisor.measure.result import MeasureResult
    from advisor.measure.setup import Run, Seams
    from advisor.measure.workers.client import preload_torch

__all__ = ["Control", "Journal", "MeasureResult", "Run", "Seams", "journal_folder", "measure", "preload_torch"]

_HOMES = {
    "Control": "control",
    "Journal": "journal",
    "MeasureResult": "result",
    "Run": "setup",
    "Seams": "setup",
    "journal_folder": "journal",
    "measure": "measurement",
    "preload_torch": "workers.client",
}


def __getattr__(name: str) -> object:
    return imported(__name__, _HOMES, name)
