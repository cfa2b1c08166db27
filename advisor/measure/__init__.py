"""Candidates -> timings and losses: worker processes, interleaved rounds, statistics, noise."""

from __future__ import annotations

from advisor.measure.client import preload_torch
from advisor.measure.control import Control
from advisor.measure.journal import Journal, journal_folder
from advisor.measure.result import Measured, MeasureResult
from advisor.measure.session import measure

__all__ = ["Control", "Journal", "MeasureResult", "Measured", "journal_folder", "measure", "preload_torch"]
