"""The run that is under way, what it tells, and what the keys do to it. Knows nothing of Textual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.errors import InputError
from advisor.events import Event
from advisor.report.eta import Estimator, Eta
from advisor.tui.runner import Run, Runner, sentence
from advisor.tui.state import State, fold
from advisor.types import BASELINE

if TYPE_CHECKING:
    from advisor.pipeline import RunSpec

LEAVE_S = 20.0
"""How long the children and scratch files of a run may take to go, before the app leaves without having seen it."""


class Steering:
    """One run at a time. Each step takes the state before it and gives the state after it.

    `draw` and `ended` are called in the run's thread, as by `Runner`.
    """

    def __init__(
        self, run: Run, *, draw: Callable[[tuple[Event, ...]], None], ended: Callable[[Exception | None], None]
    ) -> None:
        self.eta: Eta | None = None
        self._run = run
        self._draw = draw
        self._ended = ended
        self._runner: Runner | None = None
        self._estimator: Estimator | None = None

    @property
    def busy(self) -> bool:
        """Whether a run is under way, or has not unwound yet."""
        return self._runner is not None

    def start(self, spec: RunSpec) -> State:
        """Begin a run."""
        self._estimator = Estimator(time_budget_s=spec.time_budget_s)
        self.eta = None
        self._runner = Runner(spec, draw=self._draw, ended=self._ended, run=self._run)
        self._runner.start()
        return State(phase="running", ruleset=spec.ruleset)

    def told(self, state: State, events: tuple[Event, ...]) -> State:
        """The run told something."""
        for event in events:
            state = fold(state, event)
            if self._estimator is not None:
                self.eta = self._estimator.add(event)
        return state

    def over(self, state: State, error: Exception | None) -> State:
        """The run's thread has unwound."""
        self._runner = None
        state = replace(state, paused=False, stopping=False, stage=None, doing=None)
        if error is not None:
            return replace(state, phase="failed", error=sentence(error))
        return replace(state, phase="cancelled") if state.phase == "running" else state

    def pause(self, state: State) -> State:
        """Hold the race before the next block, or let it go on."""
        if self._runner is None:
            return state
        control = self._runner.control
        if control.paused:
            control.resume()
        else:
            control.pause()
        return replace(state, paused=control.paused)

    def skip(self, state: State, candidate: str | None) -> State:
        """Leave out a candidate; InputError for the baseline."""
        row = None if candidate is None else state.row(candidate)
        if self._runner is None or row is None or row.outcome is not None:
            return state
        if row.name == BASELINE:
            raise InputError(f"{BASELINE} is the baseline: every speedup and loss refers to it.")
        self._runner.control.skip(row.name)
        return replace(
            state, rows=tuple(replace(each, skip_asked=True) if each is row else each for each in state.rows)
        )

    def stop(self, state: State) -> State:
        """Measure no more; the answer is chosen among what is measured."""
        if self._runner is None:
            return state
        self._runner.control.stop()
        return replace(state, stopping=True, paused=False)

    def end(self) -> bool:
        """End a run without an answer, and wait until nothing of it is left; whether there was one."""
        runner = self._runner
        if runner is None or not runner.alive:
            return False
        runner.join(LEAVE_S)
        return True
