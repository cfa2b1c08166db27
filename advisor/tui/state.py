"""Everything the app shows, as one frozen value folded from the pipeline's events. Pure; knows nothing of Textual."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Literal

from advisor import events
from advisor.report import format as fmt
from advisor.report import steps
from advisor.types import (
    BASELINE,
    Decision,
    Estimate,
    Exported,
    Fidelity,
    Hardware,
    ModelProfile,
    Outcome,
    Predicted,
    Recommendation,
    Screened,
    Status,
    TextProfile,
    TriedSetting,
)

Phase = Literal["idle", "running", "finished", "failed", "cancelled"]
Step = Literal["waiting", "screening", "exporting", "exported", "loaded", "racing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One candidate, as far as it is known. `rounds` are texts/s by round, with gaps for rounds that it missed."""

    name: str
    step: Step = "waiting"
    predicted: Predicted | None = None
    exported: Exported | None = None
    load_s: float | None = None
    loss: Fidelity | None = None
    rounds: tuple[tuple[int, float], ...] = ()
    """Round from 1 and texts/s, ascending."""
    num_rounds: int | None = None
    tried: tuple[TriedSetting, ...] = ()
    outcome: Outcome | None = None
    skip_asked: bool = False
    planned: bool = True
    """False for one that was never going to be tried here."""

    @property
    def status(self) -> Status | Step:
        """What it is doing, or how it ended."""
        return self.step if self.outcome is None else self.outcome.status

    @property
    def prediction(self) -> Predicted | None:
        """Its predicted speedup: by the screen, or by what cut it in an earlier run."""
        return self.predicted if self.outcome is None else self.outcome.predicted or self.predicted

    @property
    def speeds(self) -> tuple[float, ...]:
        """Texts/s of its rounds: those of the outcome once it is there."""
        timing = None if self.outcome is None else self.outcome.timing
        if timing is not None and timing.by_round:
            return timing.by_round
        return tuple(speed for _, speed in self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the app knows. Everything is None or empty until an event has told it."""

    phase: Phase = "idle"
    stage: str | None = None
    elapsed_s: float = 0.0
    paused: bool = False
    stopping: bool = False
    """The user asked to stop and keep what is measured."""
    doing: str | None = None
    """What is under way in the stage, in words; None where the stage says it all."""
    model: ModelProfile | None = None
    hardware: Hardware | None = None
    threads: int | None = None
    profile: TextProfile | None = None
    ruleset: str | None = None
    """As it was asked for: a packaged one's name or a file."""
    decision: Decision | None = None
    alternatives: tuple[Decision, ...] = ()
    rows: tuple[Row, ...] = ()
    """In the order of the plan, which never changes while the race runs."""
    last_lap: str | None = None
    lap_index: int = 0
    remarks: tuple[str, ...] = ()
    """One line each: what a screen found, reused rounds, a race that is run again, settings that were tried."""
    warnings: tuple[str, ...] = ()
    recommendation: Recommendation | None = None
    error: str | None = None

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.phase == "running"

    def row(self, name: str) -> Row | None:
        """The row of a candidate, None if it has none."""
        return next((row for row in self.rows if row.name == name), None)


def fold(state: State, event: events.Event) -> State:
    """What is known after `event`."""
    state = replace(state, elapsed_s=max(state.elapsed_s, event.elapsed_s))
    match event:
        case events.StageStarted():
            over = {"screening", "exporting"}  # how an export ended is told by an event of its own
            rows = tuple(replace(row, step="waiting") if row.step in over else row for row in state.rows)
            return replace(state, stage=event.stage, doing=None, rows=rows)
        case events.ModelDownloading():
            return replace(state, doing=steps.downloading(event))
        case events.ModelResolved():
            return replace(state, model=event.model, doing=None)
        case events.MachineProbed():
            return replace(state, hardware=event.hardware, threads=event.threads)
        case events.TextsSampled():
            return replace(state, profile=event.profile)
        case events.RulesDecided():
            return replace(
                state,
                decision=event.decision,
                alternatives=event.alternatives,
                rows=tuple(Row(name=name) for name in event.candidates),
            )
        case events.ScreenStep():
            state = replace(state, doing=steps.screening(event))
            return _with(state, event.candidate, step="screening") if event.candidate else state
        case events.ScreenFinished():
            return _screened(state, event.screened)
        case events.ExportStarted() if state.stage == "export":  # else its files are there
            return _with(replace(state, doing=event.candidate), event.candidate, step="exporting")
        case events.ExportFinished():
            return _with(state, event.exported.candidate, step="exported", exported=event.exported)
        case events.CandidateLoaded():
            return _with(state, event.candidate, step="loaded", load_s=event.load_s)
        case events.FidelityMeasured():
            return _with(state, event.candidate, loss=event.loss)
        case events.RoundsReused():
            rounds = fmt.plural(event.num_rounds, "round")
            return _remark(state, f"{rounds} of an earlier run count, from {event.started}")
        case events.RoundFinished():
            return _lap(state, event)
        case events.SettingTried():
            return _tried(state, event)
        case events.RaceRepeated():
            rows = tuple(replace(row, rounds=()) if row.outcome is None else row for row in state.rows)
            return _remark(replace(state, rows=rows, lap_index=0), f"racing once more: {event.why}")
        case events.CandidateEnded():
            return _with(state, event.outcome.name, outcome=event.outcome)
        case events.WarningRaised():
            if event.message in state.warnings:
                return state
            return replace(state, warnings=(*state.warnings, event.message))
        case events.Finished():
            return finished(state, event.recommendation)
    return state


def finished(state: State, recommendation: Recommendation) -> State:
    """What is known once there is an answer: also the state of an artifact that is opened."""
    rec = recommendation
    for outcome in rec.candidates:
        state = _with(state, outcome.name, outcome=outcome, loss=outcome.loss, tried=outcome.tried)
    return replace(
        state,
        phase="finished",
        stage=None,
        paused=False,
        stopping=False,
        model=rec.model,
        hardware=rec.hardware,
        threads=rec.request.threads,
        profile=rec.texts,
        ruleset=state.ruleset or rec.decision.ruleset,
        decision=rec.decision,
        alternatives=rec.alternatives,
        warnings=rec.warnings,
        recommendation=rec,
    )


def live_speed(row: Row) -> Estimate | None:
    """Texts/s: the outcome's where there is one, else the median of the rounds so far, without an interval."""
    if row.outcome is not None and row.outcome.timing is not None:
        return row.outcome.timing.texts_per_s
    if not row.rounds:
        return None
    return Estimate(median=statistics.median(speed for _, speed in row.rounds))


def live_speedup(row: Row, state: State) -> Estimate | None:
    """Speed over the baseline's: the outcome's, else the median ratio in the rounds that both have run so far.

    The interval is the one that the race itself reports (`advisor.measure.race.intervals`).
    """
    if row.outcome is not None and row.outcome.timing is not None:
        return row.outcome.timing.speedup
    base = state.row(BASELINE)
    if base is None or not row.rounds:
        return None
    if row.name == BASELINE:
        return Estimate(median=1.0)
    from advisor.measure.race.intervals import median_interval  # late: not needed to draw the first screen

    theirs = dict(base.rounds)
    ratios = [speed / theirs[index] for index, speed in row.rounds if theirs.get(index)]
    return Estimate(median=statistics.median(ratios), ci95=median_interval(ratios)) if ratios else None


def _with(state: State, name: str, **changes: object) -> State:
    """The row called `name` with some things changed; a candidate that the plan does not name is added below."""
    if state.row(name) is None:
        state = replace(state, rows=(*state.rows, Row(name=name, planned=not state.running)))
    rows = tuple(replace(row, **changes) if row.name == name else row for row in state.rows)  # type: ignore[arg-type]  # replace() cannot see that the callers name fields of Row
    return replace(state, rows=rows)


def _screened(state: State, screened: Screened) -> State:
    if screened.check.fell_back is None:
        for name in screened.predicted.keys() - {BASELINE}:
            state = _with(state, name, predicted=screened.predicted[name])
    return _remark(state, steps.screened(screened))


def _lap(state: State, event: events.RoundFinished) -> State:
    row = state.row(event.candidate)
    before = () if row is None else tuple(lap for lap in row.rounds if lap[0] < event.round_index)
    state = replace(state, last_lap=event.candidate, lap_index=event.round_index)
    rounds = (*before, (event.round_index, event.texts_per_s))
    return _with(state, event.candidate, step="racing", rounds=rounds, num_rounds=event.num_rounds)


def _tried(state: State, event: events.SettingTried) -> State:
    row = state.row(event.candidate)
    before = () if row is None else row.tried
    state = _with(state, event.candidate, tried=(*before, event.tried))
    kept = "kept" if event.tried.kept else "not kept"
    speedup = fmt.times(event.tried.speedup.median)
    return _remark(state, f"{event.candidate} with {event.tried.label}: {speedup} its own speed, {kept}")


def _remark(state: State, line: str) -> State:
    return replace(state, remarks=(*state.remarks, line))
