"""Making candidates' files when the measurement asks for them, and saying so."""

from __future__ import annotations

from collections.abc import Callable

from advisor.catalogue import Candidate
from advisor.events import Event, ExportFinished, ExportStarted, StageStarted
from advisor.export import Exporter
from advisor.export.holding import release
from advisor.types import Exported


class Making:
    """The exporter as `advisor.measure.Files`. Until `release`, what was made is held in the cache.

    `total` is the number of candidates that may be made.
    """

    def __init__(
        self, exporter: Exporter, *, total: int, emit: Callable[[Event], None], clock: Callable[[], float]
    ) -> None:
        self.made: dict[str, Exported] = {}
        self._exporter = exporter
        self._total = total
        self._emit = emit
        self._clock = clock

    def is_ready(self, candidate: Candidate) -> bool:
        """Whether nothing has to be made."""
        return self._exporter.is_ready(candidate)

    def estimate_s(self, candidate: Candidate) -> float | None:
        """About how long making them takes."""
        return self._exporter.estimate_s(candidate)

    def make(self, candidate: Candidate, *, within_s: float) -> Exported:
        """The files, with an event before and after. Raises ChildFailed."""
        ready = self.is_ready(candidate)
        if not ready:
            self._emit(StageStarted(elapsed_s=self._clock(), stage="export"))
        index = len(self.made) + 1
        self._emit(ExportStarted(elapsed_s=self._clock(), candidate=candidate.name, index=index, total=self._total))
        try:
            exported = self._exporter.export(candidate, within_s=within_s)
            self.made[candidate.name] = exported
            self._emit(ExportFinished(elapsed_s=self._clock(), exported=exported))
        finally:
            if not ready:
                self._emit(StageStarted(elapsed_s=self._clock(), stage="measure"))
        return exported

    def close(self) -> None:
        """End the exporter's process."""
        self._exporter.close()

    def release(self) -> None:
        """What was made may be pruned from the cache from here on."""
        for exported in self.made.values():
            release(exported.folder)
