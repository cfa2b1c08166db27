"""How far a run is and how long it will take, folded over its events. Pure: the only clock is the events' own."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from advisor import catalogue, events, objectives
from advisor.export.plan import Pace, steps_for, typical_s
from advisor.types import BASELINE, Hardware, ModelProfile, Screened

# What is expected until this run has shown better, in seconds; exports by what they take elsewhere. Measuring sizes its
# work by the clock, so that the model hardly matters: a block lasts the baseline 0.4 s, others are faster, and at most
# 15 rounds are run.
_UNPLANNED_S = 75.0
_SCREENED_S = 4.0
"""Making a candidate's first layers."""
_SCREEN_TIMED_S = 15.0
_EXPORT_S = 10.0
_LOAD_S = 3.0
_LAP_S = 0.25
_NUM_ROUNDS = 15
_SHORTEST_LAP_S = 0.001
"""What took less was not run now: rounds of an earlier run are told one right after the other."""
_FINISH_S = 5.0
"""Settings, latencies, the choice, and an artifact that is written and verified."""

_SMOOTH_S = 3.0
_LEAST_WEIGHT = 0.25
_DOWNLOAD_SEEN_S = 1.0
"""A download's pace is believed after so long."""
_NEARLY = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Eta:
    """How far the whole run is.

    `fraction`, from 0 to 1, never falls. `remaining_s` is None while nothing is known yet, and where the time budget is
    spent but the run goes on.
    """

    fraction: float
    remaining_s: float | None


@dataclass(slots=True)
class _Laps:
    """A candidate that is loaded. `left` is None until its first lap; `seconds` are of the laps that were timed now."""

    left: int | None = None
    seconds: list[float] = field(default_factory=list)


class Estimator:
    """Feed it every event of one run, in order; a bare `Event(elapsed_s=...)` between them moves its clock.

    A download goes on at its mean pace so far, and so does a screen. Candidates that a screen predicts to be hopeless
    are not expected to be tried. An export takes what the screen predicts, else what it takes elsewhere, times how much
    longer those that were done took here; files that are there take no time. A load takes the mean of those that were
    done. Rounds go on at each candidate's own pace, for as many candidates as are still in the race. The remaining time
    moves slowly towards what is expected: one slow lap does not make it jump. It never exceeds what is left of
    `time_budget_s`, which counts from the moment the model is at hand; None sets no limit.
    """

    def __init__(self, *, time_budget_s: float | None) -> None:
        self._time_budget_s = math.inf if time_budget_s is None else time_budget_s
        self._deadline_s = math.inf
        self._now_s = 0.0
        self._step_s = 0.0
        """When the step that is under way began."""
        self._stage = "model"
        self._planned = False
        self._model: ModelProfile | None = None
        self._hardware: Hardware | None = None
        self._download_s: float | None = None
        """What is left of a download; None where there is none, or it has just begun."""
        self._to_screen = 0
        self._screens_s: list[float] = []
        self._screened: Screened | None = None
        self._predicted: dict[str, float] = {}
        """The predicted speedup of each candidate that may still be tried, or win."""
        self._to_try: list[str] = []
        """Candidates that are not loaded yet."""
        self._making = ""
        self._files: set[str] = set()
        """Those that are there, by the catalogue's names."""
        self._exports_s: list[float] = []
        self._pace = Pace()
        self._loads_s: list[float] = []
        self._laps: dict[str, _Laps] = {}
        self._end_s = 0.0
        self.eta = Eta(fraction=0.0, remaining_s=None)
        """What is known after the last event."""

    def add(self, event: events.Event) -> Eta:
        """What is known after `event`."""
        passed_s = max(0.0, event.elapsed_s - self._now_s)
        self._now_s += passed_s
        self._note(event)
        if isinstance(event, events.Finished):
            self.eta = Eta(fraction=1.0, remaining_s=0.0)
        elif self.eta.fraction < 1:
            self.eta = self._estimate(passed_s)
        return self.eta

    # -- what happened ---------------------------------------------------------------------------------------

    def _note(self, event: events.Event) -> None:
        match event:
            case events.ModelDownloading():
                self._download(event)
            case events.ModelResolved():
                self._download_s = None
                self._model = event.model
                self._deadline_s = self._now_s + self._time_budget_s
            case events.MachineProbed():
                self._hardware = event.hardware
            case events.RulesDecided():
                self._planned = True
                self._to_try = list(event.candidates)
            case events.StageStarted():
                self._begin(event.stage)
            case events.ScreenStep():
                self._screen(event)
            case events.ScreenFinished():
                self._begin("measure")
                self._screened = event.screened
                if event.screened.check.fell_back is None:
                    self._predicted = {name: each.speedup for name, each in event.screened.predicted.items()}
            case events.ExportStarted() if self._stage == "export":
                self._making = event.candidate
                own = self._predicted.get(event.candidate, math.inf)  # what makes it hopeless has not passed
                self._predicted = {
                    name: each
                    for name, each in self._predicted.items()
                    if each <= (1 + objectives.PREDICTION_MARGIN) * own
                }
            case events.ExportFinished():
                self._export(event)
            case events.CandidateLoaded():
                self._load(event.candidate)
            case events.CandidateEnded():
                self._leave(event.outcome.name)
            case events.RoundFinished():
                self._lap(event)
            case events.RaceRepeated():
                for laps in self._laps.values():
                    laps.left = None
            case events.SettingTried():
                self._begin("settings")

    def _begin(self, stage: str) -> None:
        self._stage = stage
        self._step_s = self._now_s

    def _download(self, event: events.ModelDownloading) -> None:
        passed_s = self._now_s - self._step_s
        if event.total_bytes is not None and event.done_bytes > 0 and passed_s >= _DOWNLOAD_SEEN_S:
            self._download_s = passed_s * max(0, event.total_bytes - event.done_bytes) / event.done_bytes

    def _screen(self, event: events.ScreenStep) -> None:
        self._screens_s.append(self._now_s - self._step_s)
        self._to_screen = max(0, event.total + 1 - len(self._screens_s)) if event.step == "export" else 0
        self._step_s = self._now_s

    def _export(self, event: events.ExportFinished) -> None:
        done, file = event.exported, _file(event.exported.candidate)
        if done.export_s is not None and not done.cached and file not in self._files:
            self._exports_s.append(done.export_s)
            self._pace.add(done.export_s, self._typical_s(done.candidate))
        self._files.add(file)
        self._step_s = self._now_s

    def _load(self, candidate: str) -> None:
        if _discard(self._to_try, candidate):
            self._loads_s.append(self._now_s - self._step_s)
        self._laps[candidate] = _Laps()
        self._step_s = self._now_s

    def _leave(self, candidate: str) -> None:
        self._laps.pop(candidate, None)
        self._predicted.pop(candidate, None)
        if _discard(self._to_try, candidate):
            self._step_s = self._now_s

    def _lap(self, event: events.RoundFinished) -> None:
        self._stage = "measure"
        _discard(self._to_try, event.candidate)
        laps = self._laps.setdefault(event.candidate, _Laps())
        laps.left = max(0, event.num_rounds - event.round_index)
        took_s = self._now_s - self._step_s
        if took_s >= _SHORTEST_LAP_S:
            laps.seconds.append(took_s)
        self._step_s = self._now_s

    # -- what is to come -------------------------------------------------------------------------------------

    def _estimate(self, passed_s: float) -> Eta:
        expected_s = self._expected_s()
        known = self._download_s is not None or (
            self._planned
            and bool(
                self._exports_s or self._screened or all(self._typical_s(name) is not None for name in self._to_make())
            )
        )
        if self.eta.remaining_s is None or not known:
            self._end_s = self._now_s + expected_s
        else:
            weight = max(_LEAST_WEIGHT, 1 - math.exp(-passed_s / _SMOOTH_S))
            self._end_s += weight * (self._now_s + expected_s - self._end_s)
        budget_s = self._deadline_s - self._now_s
        to_go_s = max(0.0, self._end_s - self._now_s)
        if budget_s > 0:
            to_go_s = min(to_go_s, budget_s)
        share = self._now_s / (self._now_s + to_go_s) if self._now_s > 0 else 0.0
        return Eta(
            fraction=max(self.eta.fraction, min(share, _NEARLY)),
            remaining_s=to_go_s if known and budget_s > 0 else None,
        )

    def _expected_s(self) -> float:
        """Seconds until the run ends; what the step under way has taken so far is not expected again."""
        if not self._planned:
            return (self._download_s or 0.0) + min(_UNPLANNED_S, self._time_budget_s)
        under_way_s = self._now_s - self._step_s
        if self._stage in {"settings", "choose", "artifact"}:
            return max(0.0, _FINISH_S - under_way_s)
        coming = self._coming()
        load_s = _mean(self._loads_s[1:], _LOAD_S)  # the first one imports PyTorch, and sizes the work of all
        ahead_s = sum(map(self._export_s, self._to_make())) + len(coming) * (load_s + self._race_s(None))
        ahead_s += sum(self._race_s(laps) for laps in self._laps.values())
        if self._stage == "screen":
            step_s = _mean(self._screens_s[1:], _SCREENED_S) if self._to_screen else _SCREEN_TIMED_S
            ahead_s += self._to_screen * step_s + _SCREEN_TIMED_S
        elif self._stage == "export":
            step_s = self._export_s(self._making)
        else:
            step_s = load_s if coming else self._lap_s()
        return max(0.0, ahead_s - min(under_way_s, step_s)) + _FINISH_S

    def _coming(self) -> list[str]:
        """Candidates that are still to be tried, without those that are predicted to be hopeless."""
        best = max(self._predicted.values(), default=0.0)
        return [
            name
            for name in self._to_try
            if name == BASELINE or best <= (1 + objectives.PREDICTION_MARGIN) * self._predicted.get(name, math.inf)
        ]

    def _to_make(self) -> list[str]:
        """Of these the ones whose file has to be made: the first one of each file. Those on PyTorch need none, and the
        mixed one is hardly ever made."""
        names = [name for name in reversed(self._coming()) if name != catalogue.MIXED]
        first = {_file(name): name for name in names if catalogue.get(name).runtime != "torch"}
        return [name for file, name in first.items() if file not in self._files]

    def _export_s(self, name: str) -> float:
        predicted = None if self._screened is None else self._screened.export_s.get(name)
        if predicted is not None:
            return predicted
        elsewhere_s = self._typical_s(name)
        return _mean(self._exports_s, _EXPORT_S) if elsewhere_s is None else self._pace.factor * elsewhere_s

    def _typical_s(self, name: str) -> float | None:
        """What making a candidate's own file takes elsewhere; None where that is not known."""
        candidate = catalogue.find(name)
        if self._hardware is None or self._model is None or candidate is None:
            return None
        steps = steps_for(candidate, self._hardware)
        return typical_s(steps[-1], weights_bytes=self._model.weights_bytes) if steps else 0.0

    def _race_s(self, laps: _Laps | None) -> float:
        """What is left of a candidate's race; all of it where it has not begun."""
        num_left = _NUM_ROUNDS if laps is None or laps.left is None else laps.left
        own = None if laps is None else laps.seconds
        return num_left * (statistics.median(own) if own else self._lap_s())

    def _lap_s(self) -> float:
        return _mean([statistics.median(laps.seconds) for laps in self._laps.values() if laps.seconds], _LAP_S)


def _file(candidate: str) -> str:
    return catalogue.get(candidate).file or candidate


def _mean(values: Sequence[float], otherwise: float) -> float:
    return statistics.fmean(values) if values else otherwise


def _discard(names: list[str], name: str) -> bool:
    """Remove `name` where it is there; whether it was."""
    if name in names:
        names.remove(name)
        return True
    return False
