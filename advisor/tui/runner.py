"""The run, in a thread of its own: events are handed to the app between timed windows, and a run can be ended.

The app draws while the run's thread waits for it, so that nothing is drawn inside a timed window. It draws at most four
times a second; what comes in between is drawn with the next event.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from advisor.child.running import own_processes
from advisor.errors import AdvisorError
from advisor.events import Event, ScreenStep, StageStarted
from advisor.types import Recommendation

if TYPE_CHECKING:
    from advisor.measure import Control
    from advisor.pipeline import RunSpec

REDRAW_S = 0.25
TIMED = ("measure", "time")
"""The stage, and the step of a screen, with timed windows: there, nothing is drawn but by the event that ends a window.
"""
DRAW_TIMEOUT_S = 1.0
"""A terminal that takes longer than this to draw holds the run no more."""
SETTLE_S = 0.02
"""What is drawn still has to be written and cleared away, some 5 ms of CPU time in Textual's own threads: the next
timed window begins after that."""

Run = Callable[["RunSpec", Callable[[Event], None], "Control"], Recommendation]


def run_pipeline(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
    """The real thing."""
    from advisor.pipeline import run

    return run(spec, emit, control=control)


class Cancelled(KeyboardInterrupt):
    """Unwinds a run as Ctrl+C does: children are ended, scratch files removed, finished exports kept."""


class Runner:
    """One run. `draw` is called in the run's thread and returns when the events have been drawn."""

    def __init__(
        self,
        spec: RunSpec,
        *,
        draw: Callable[[tuple[Event, ...]], None],
        ended: Callable[[Exception | None], None],
        run: Run = run_pipeline,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from advisor.measure import Control

        self.spec = spec
        self.control = Control()
        self._draw = draw
        self._ended = ended
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: list[Event] = []
        self._drawn_at = float("-inf")
        self._timed = False
        self._late: threading.Timer | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="run", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the run goes on."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """End the run: a pause ends, the children are killed, and the thread unwinds at its next event.

        Call it again while the run is `alive`: a child may have been started since.
        """
        self._cancelled.set()
        self.control.stop()
        if self.alive:
            kill_children()

    def join(self, timeout_s: float) -> bool:
        """Cancel and wait until everything is gone; False if it takes longer."""
        deadline = self._clock() + timeout_s
        while self.alive and self._clock() < deadline:
            self.cancel()
            self._thread.join(0.1)
        return not self.alive

    def _work(self) -> None:
        error: Exception | None = None
        try:
            self._run(self.spec, self._emit, self.control)
        except Cancelled:
            pass
        except Exception as raised:
            error = raised
        finally:
            if not self._cancelled.is_set():
                self._flush()
            self._ended(error)

    def _emit(self, event: Event) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        begun = (
            event.stage if isinstance(event, StageStarted) else event.step if isinstance(event, ScreenStep) else None
        )
        if begun is not None:
            self._timed = begun in TIMED
        with self._lock:
            self._pending.append(event)
            wait_s = self._drawn_at + REDRAW_S - self._clock()
        if wait_s <= 0 or (self._timed and begun is not None):
            self._flush()
        elif not self._timed and self._late is None:
            # Nothing is being timed, and what comes next may take minutes: draw as soon as it is due.
            self._late = threading.Timer(wait_s, self._flush_late)
            self._late.daemon = True
            self._late.start()

    def _flush(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            late.cancel()
        self._draw_pending()

    def _flush_late(self) -> None:
        self._late = None
        if not self._timed:
            self._draw_pending()

    def _draw_pending(self) -> None:
        with self._lock:
            events, self._pending = tuple(self._pending), []
            self._drawn_at = self._clock()
        if events:
            self._draw(events)
            if self._timed:
                time.sleep(SETTLE_S)


def kill_children() -> None:
    """Kill this process's advisor workers and whatever they started."""
    import psutil

    for process in own_processes():
        with contextlib.suppress(psutil.Error):
            process.kill()


def sentence(error: Exception) -> str:
    """An error as one line for the screen; an unforeseen one is named by its type."""
    if isinstance(error, AdvisorError):
        return " ".join(str(error).split())
    return f"Internal error: {type(error).__name__}: {' '.join(str(error).split())}"
