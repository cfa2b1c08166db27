"""What a measurement is run with, apart from the question: its folders, its clock, and the seams for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from advisor.child.forking import Preload
from advisor.events import Event
from advisor.measure.control import Control
from advisor.measure.workers.client import WORKER_MODULE
from advisor.measure.workers.memory import MemoryFit
from advisor.measure.workload.durations import Durations


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run."""

    log_dir: Path
    """Gets one log for each candidate."""
    work_dir: Path
    """Gets the texts and the embeddings."""
    emit: Callable[[Event], None]
    clock: Callable[[], float]
    """Seconds since the run's start."""
    control: Control = field(default_factory=Control)
    torch: Preload | None = None
    """What workers on PyTorch are forked from; None starts each by itself."""

    def elapsed_s(self) -> float:
        """Seconds since the run's start, without the pauses: these count against no time budget."""
        return self.clock() - self.control.paused_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What tests replace."""

    worker_module: str = WORKER_MODULE
    durations: Durations = field(default_factory=Durations)
    memory: MemoryFit = field(default_factory=MemoryFit)
