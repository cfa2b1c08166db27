"""What a user may do to a running measurement, from another thread: pause, skip a candidate, stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class Control:
    """Switches that the race looks at between blocks, never inside a timed window. All methods are thread-safe."""

    def __init__(self) -> None:
        self._may_run = threading.Event()
        self._may_run.set()
        self._stopped = threading.Event()
        self._skipped: frozenset[str] = frozenset()
        self._paused_s = 0.0
        self.during_pause: Callable[[], AbstractContextManager[None]] = nullcontext
        """What `wait` enters while it sleeps."""
        self._lock = threading.Lock()

    def pause(self) -> None:
        """Hold the race before the next block; the pause does not count against the time budget."""
        self._may_run.clear()

    def resume(self) -> None:
        """End a pause."""
        self._may_run.set()

    def skip(self, candidate: str) -> None:
        """Leave a candidate out from the next block on."""
        with self._lock:
            self._skipped |= {candidate}

    def stop(self) -> None:
        """Measure no more and keep what is measured. Ends a pause."""
        self._stopped.set()
        self._may_run.set()

    @property
    def paused(self) -> bool:
        """Whether the race is held."""
        return not self._may_run.is_set()

    @property
    def stopped(self) -> bool:
        """Whether the race should end."""
        return self._stopped.is_set()

    def skips(self, candidate: str) -> bool:
        """Whether a candidate should be left out."""
        return candidate in self._skipped

    @property
    def paused_s(self) -> float:
        """Seconds of all pauses that `wait` has slept through: they count against no time budget."""
        return self._paused_s

    def wait(self) -> float:
        """Sleep while paused; returns the seconds slept. Called by the thread that measures, and no other."""
        if self._may_run.is_set():
            return 0.0
        start = time.monotonic()
        with self.during_pause():
            self._may_run.wait()
        slept_s = time.monotonic() - start
        self._paused_s += slept_s
        return slept_s
