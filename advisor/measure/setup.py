"""What a measurement is run with, apart from the question: its folders, its clock, and the seams for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from advisor.catalogue import Candidate
from advisor.child.forking import Preload
from advisor.events import Event
from advisor.measure.control import Control
from advisor.measure.workers.client import WORKER_MODULE
from advisor.measure.workers.memory import MemoryFit
from advisor.measure.workload.durations import Durations
from advisor.types import Exported


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


class Files(Protocol):
    """Where candidates' files come from. They are made when their turn comes, which may be never."""

    def is_ready(self, candidate: Candidate) -> bool:
        """Whether nothing has to be made: a torch candidate, or files that are there."""
        ...

    def estimate_s(self, candidate: Candidate) -> float | None:
        """About how many seconds making them takes; None where that is not known."""
        ...

    def make(self, candidate: Candidate, *, within_s: float) -> Exported:
        """The files, given up after `within_s` seconds. Raises ChildFailed; its kind is `unneeded` where the files
        would bring nothing, and `hung` where they took too long."""
        ...

    def close(self) -> None:
        """End the process that makes them: no more are needed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What tests replace."""

    worker_module: str = WORKER_MODULE
    durations: Durations = field(default_factory=Durations)
    memory: MemoryFit = field(default_factory=MemoryFit)
