"""Who fits into memory now: beside those that run already, and all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.device import CUDA, kind_of
from advisor.measure.contestant import Contestant
from advisor.measure.memory import needed_bytes, needed_gpu_bytes, short_of
from advisor.types import ModelProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The machine's memory and its GPUs'. Both functions give None where what is available is unknown."""

    model: ModelProfile
    memory: Callable[[], int | None]
    gpu_memory: Callable[[str], int | None]

    def holds_all(self, contestants: Sequence[Contestant]) -> bool:
        """Whether their workers can be started side by side."""
        needed = sum(needed_bytes(one.exported, one.candidate.runtime, self.model) for one in contestants)
        available = self.memory()
        return available is None or needed <= available

    def short(self, contestant: Contestant) -> str | None:
        """Why there is no room for a candidate now, as the end of a sentence; None if there is."""
        exported, runtime = contestant.exported, contestant.candidate.runtime
        needed, available = needed_bytes(exported, runtime, self.model), self.memory()
        if available is not None and needed > available:
            return short_of(needed, available)
        device = exported.settings.device
        if kind_of(device) != CUDA:
            return None
        needed, available = needed_gpu_bytes(exported, contestant.candidate, self.model), self.gpu_memory(device)
        if available is not None and needed > available:
            return short_of(needed, available, of=f"memory on {device}")
        return None
