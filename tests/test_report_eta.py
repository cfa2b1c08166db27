"""The estimate of how far a run is: pure, so whole runs are made up here, and the recorded ones are replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.events import (
    CandidateEnded,
    CandidateLoaded,
    Event,
    ExportFinished,
    ExportStarted,
    Finished,
    ModelDownloading,
    ModelResolved,
    RaceRepeated,
    RoundFinished,
    RoundsReused,
    RulesDecided,
    ScreenFinished,
    ScreenStep,
    SettingTried,
    StageStarted,
)
from advisor.report.eta import _LAP_S, _LOAD_S, Estimator, Eta
from advisor.types import (
    BASELINE,
    Estimate,
    Exported,
    Predicted,
    Recommendation,
    RuntimeSettings,
    ScreenCheck,
    Screened,
    TriedSetting,
)

NAMES = ("torch-fp32", "openvino-qint8", "openvino", "onnx-qint8", "onnx", "torch-bf16")
EXPECTED_S = _LOAD_S + 15 * _LAP_S
"""For loading and racing a candidate that nothing is known of."""
FILES = {name: None if name.startswith("torch") else f"{name}.file" for name in NAMES}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it may go. Times in seconds; every candidate takes the same."""

    candidates: int = 6
    export_s: float = 5.0
    cached: bool = False
    load_s: float = 3.0
    lap_s: float = 0.4
    rounds: int = 15
    num_rounds: int = 15
    leaves_after: int | None = None
    """The round after which all but the baseline and one more leave."""
    finish_s: float = 5.0
    predicted: Mapping[str, float] | None = None
    """Speedups that a screen foretells; None without a screen."""
    screen_s: float = 3.0
    """A step of it."""

    def events(self) -> Iterator[Event]:
        rec = factories.confirmed()
        names = NAMES[: self.candidates]
        now = 1.0
        yield StageStarted(elapsed_s=0.0, stage="model")
        yield ModelResolved(elapsed_s=now, model=rec.model)
        yield RulesDecided(elapsed_s=now, decision=rec.decision, alternatives=(), candidates=names)
        hopeless: set[str] = set()
        if self.predicted is not None:
            yield StageStarted(elapsed_s=now, stage="screen")
            for name in names:
                yield ScreenStep(elapsed_s=now, step="export", candidate=name, total=len(names))
                now += self.screen_s
            yield ScreenStep(elapsed_s=now, step="time", candidate="", total=len(names))
            now += self.screen_s
            yield ScreenFinished(elapsed_s=now, screened=screened(self.predicted, export_s=self.export_s))
            best = max(self.predicted.values())
            hopeless = {name for name, speedup in self.predicted.items() if best > 1.25 * speedup} - {BASELINE}
        yield StageStarted(elapsed_s=now, stage="measure")
        ready = [name for name in names if FILES[name] is None or self.cached]
        for name in ready:
            yield self.export_started(name, now)
            yield ExportFinished(elapsed_s=now, exported=self.exported(name))
        for name in names:
            if name in hopeless:
                yield CandidateEnded(elapsed_s=now, outcome=factories.outcome(name, status="cut", reason="slower"))
                continue
            if name not in ready:
                yield StageStarted(elapsed_s=now, stage="export")
                yield self.export_started(name, now)
                now += self.export_s
                yield ExportFinished(elapsed_s=now, exported=self.exported(name))
                yield StageStarted(elapsed_s=now, stage="measure")
            now += self.load_s
            yield CandidateLoaded(elapsed_s=now, candidate=name, load_s=self.load_s)
        racing = [name for name in names if name not in hopeless]
        for index in range(1, self.rounds + 1):
            for name in racing:
                now += self.lap_s
                yield lap(name, index, self.num_rounds, now)
            if index == self.leaves_after:
                for name in racing[2:]:
                    yield CandidateEnded(
                        elapsed_s=now, outcome=factories.outcome(name, 1.0, status="cut", reason="slower")
                    )
                racing = racing[:2]
        yield StageStarted(elapsed_s=now, stage="choose")
        yield StageStarted(elapsed_s=now, stage="artifact")
        yield Finished(elapsed_s=now + self.finish_s, recommendation=rec)

    def export_started(self, name: str, now: float) -> ExportStarted:
        return ExportStarted(elapsed_s=now, candidate=name, index=1, total=self.candidates)

    def exported(self, name: str) -> Exported:
        return Exported(
            candidate=name,
            folder=Path("cache"),
            file=FILES[name],
            settings=RuntimeSettings(threads=2),
            export_s=None if FILES[name] is None else self.export_s,
            size_bytes=1,
            cached=self.cached and FILES[name] is not None,
        )


def screened(predicted: Mapping[str, float], *, export_s: float, fell_back: str | None = None) -> Screened:
    return Screened(
        check=ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.02, fell_back=fell_back),
        predicted={name: Predicted(depths=(1, 3), num_layers=12, speedup=each) for name, each in predicted.items()},
        export_s={name: export_s for name in predicted if FILES[name] is not None},
    )


def lap(name: str, index: int, num_rounds: int, now: float) -> RoundFinished:
    return RoundFinished(elapsed_s=now, candidate=name, round_index=index, num_rounds=num_rounds, texts_per_s=100.0)


def told(events: tuple[Event, ...], *, time_budget_s: float = 600.0) -> list[tuple[Event, Eta]]:
    estimator = Estimator(time_budget_s=time_budget_s)
    return [(event, estimator.add(event)) for event in events]


def until_the_race_ends(run: Run) -> list[Event]:
    """Without the choice and what comes after it."""
    events = list(run.events())
    return events[
        : next(
            at for at, event in enumerate(events) if event == StageStarted(elapsed_s=event.elapsed_s, stage="choose")
        )
    ]


RUNS = st.builds(
    Run,
    candidates=st.integers(1, 6),
    export_s=st.floats(0.0, 120.0),
    cached=st.booleans(),
    load_s=st.floats(0.0, 60.0),
    lap_s=st.floats(0.0, 20.0),
    rounds=st.integers(1, 15),
    leaves_after=st.none() | st.integers(1, 15),
    finish_s=st.floats(0.0, 60.0),
    predicted=st.none() | st.fixed_dictionaries({name: st.floats(0.2, 9.0) for name in NAMES}),
    screen_s=st.floats(0.0, 20.0),
)


@pytest.mark.parametrize("kind", factories.EVERY_KIND)
def test_a_recorded_run_goes_from_nothing_to_all_and_never_back(kind: Callable[[], Recommendation]) -> None:
    etas = [eta for _, eta in told(factories.events(kind()))]
    fractions = [eta.fraction for eta in etas]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert etas[-1] == Eta(fraction=1.0, remaining_s=0.0)
    assert all(fraction < 1 for fraction in fractions[:-1])


@given(run=RUNS, time_budget_s=st.floats(0.0, 1000.0))
def test_of_any_run_the_share_never_falls_and_the_rest_is_within_the_time_budget(
    run: Run, time_budget_s: float
) -> None:
    events = tuple(run.events())
    deadline_s = next(event.elapsed_s for event in events if isinstance(event, ModelResolved)) + time_budget_s
    before = 0.0
    for event, eta in told(events, time_budget_s=time_budget_s):
        assert before <= eta.fraction <= 1
        before = eta.fraction
        if not isinstance(event, Finished):
            assert eta.fraction < 1
            if eta.remaining_s is not None:
                assert 0 <= eta.remaining_s <= max(0.0, deadline_s - event.elapsed_s)
    assert before == 1


def test_nothing_is_promised_before_the_first_file_is_made() -> None:
    for event, eta in told(tuple(Run().events())):
        if isinstance(event, ExportFinished) and event.exported.file is not None:
            assert eta.remaining_s is not None
            return
        assert eta.remaining_s is None
    pytest.fail("no export")


def at_baseline_loaded(events: tuple[Event, ...]) -> float:
    found = next(eta.remaining_s for event, eta in told(events) if isinstance(event, CandidateLoaded))
    assert found is not None
    return found


def known_exports(**changes: object) -> Run:
    """A screen has told what exports take, and that no candidate is hopeless."""
    return Run(export_s=20.0, predicted=dict.fromkeys(NAMES, 1.0), **changes)  # type: ignore[arg-type]


def test_exports_from_the_cache_take_no_time() -> None:
    made = at_baseline_loaded(tuple(known_exports().events()))
    cached = at_baseline_loaded(tuple(known_exports(cached=True).events()))
    assert made - cached == pytest.approx(4 * 20.0, rel=0.1)  # of six candidates, two run on torch


def test_a_file_that_two_candidates_share_is_expected_once() -> None:
    events = tuple(known_exports().events())
    shared = tuple(
        replace(event, candidates=(*NAMES, "openvino-bf16")) if isinstance(event, RulesDecided) else event
        for event in events
    )
    # Only loading and racing it come on top.
    more_s = at_baseline_loaded(shared) - at_baseline_loaded(events)
    assert more_s == pytest.approx(EXPECTED_S, rel=0.1)


def after_screen(predicted: Mapping[str, float], *, fell_back: str | None = None) -> Eta:
    events = list(Run().events())
    found = screened(predicted, export_s=20.0, fell_back=fell_back)
    return told((*events[:3], ScreenFinished(elapsed_s=30.0, screened=found)))[-1][1]


def test_after_a_screen_the_exports_take_what_it_foretold_and_hopeless_candidates_nothing() -> None:
    level = dict.fromkeys(NAMES, 1.0)
    assert after_screen(level).remaining_s == pytest.approx(6 * EXPECTED_S + 4 * 20.0 + 5.0)
    one_leads = level | {"onnx": 2.0}  # the baseline is measured all the same
    assert after_screen(one_leads).remaining_s == pytest.approx(2 * EXPECTED_S + 20.0 + 5.0)
    unreliable = after_screen(one_leads, fell_back="it missed the baseline")
    assert unreliable.remaining_s == after_screen(level).remaining_s


def test_an_export_that_a_faster_candidate_would_rule_out_shows_that_the_faster_one_did_not_pass() -> None:
    predicted = dict.fromkeys(NAMES, 1.0) | {"onnx-qint8": 2.0}
    estimator = Estimator(time_budget_s=None)
    events = list(Run().events())
    for event in (*events[:3], ScreenFinished(elapsed_s=30.0, screened=screened(predicted, export_s=20.0))):
        before = estimator.add(event)
    estimator.add(StageStarted(elapsed_s=30.0, stage="export"))
    estimator.add(Run().export_started("onnx", 30.0))
    for _ in range(40):  # it moves slowly
        after = estimator.add(Event(elapsed_s=30.0))
    assert before.remaining_s is not None
    assert after.remaining_s is not None
    assert after.remaining_s > before.remaining_s + 3 * 20.0


def test_while_the_first_layers_are_timed_nothing_is_promised_but_the_share_grows() -> None:
    run = Run(predicted=dict.fromkeys(NAMES, 1.0))
    etas = [eta for event, eta in told(tuple(run.events())) if isinstance(event, ScreenStep)]
    assert len(etas) == len(NAMES) + 1
    assert all(eta.remaining_s is None for eta in etas)
    assert etas[-1].fraction > etas[0].fraction


def test_without_a_time_budget_nothing_bounds_the_estimate() -> None:
    estimator = Estimator(time_budget_s=None)
    etas = [estimator.add(event) for event in known_exports(lap_s=60.0).events()]
    assert max(eta.remaining_s or 0.0 for eta in etas) > 3600
    assert etas[-1] == Eta(fraction=1.0, remaining_s=0.0)


@given(
    run=st.builds(
        Run, candidates=st.integers(2, 6), load_s=st.floats(0.5, 10.0), lap_s=st.floats(0.05, 3.0), cached=st.booleans()
    )
)
def test_of_a_steady_race_the_end_is_known_from_the_fifth_round_on(run: Run) -> None:
    events = tuple(run.events())
    end_s = events[-1].elapsed_s
    for event, eta in told(events, time_budget_s=10_000.0):
        if isinstance(event, RoundFinished) and event.round_index >= 5:
            assert eta.remaining_s is not None
            # A smoothed estimate lags; a lap per candidate and the fixed rest are what it may be off by.
            assert eta.remaining_s == pytest.approx(
                end_s - event.elapsed_s, rel=0.2, abs=run.candidates * run.lap_s + 3
            )


@given(run=st.builds(Run, lap_s=st.floats(0.05, 3.0), load_s=st.floats(0.5, 10.0)))
def test_in_a_steady_race_what_remains_does_not_jump(run: Run) -> None:
    last: tuple[float, float] | None = None
    for event, eta in told(tuple(run.events()), time_budget_s=10_000.0):
        if isinstance(event, RoundFinished) and event.round_index >= 5 and eta.remaining_s is not None:
            if last is not None:
                passed_s = event.elapsed_s - last[0]
                assert abs(eta.remaining_s - (last[1] - passed_s)) <= 3 * run.lap_s + 0.03 * eta.remaining_s
            last = (event.elapsed_s, eta.remaining_s)


def test_one_slow_lap_changes_little() -> None:
    events = [event for event in Run().events() if not isinstance(event, Finished)]
    at = next(
        index for index, event in enumerate(events) if isinstance(event, RoundFinished) and event.round_index == 5
    )
    slow = [
        replace(event, elapsed_s=event.elapsed_s + (30.0 if index >= at else 0.0)) for index, event in enumerate(events)
    ]
    usual, disturbed = told(tuple(events)), told(tuple(slow))
    later = at + 6
    assert disturbed[later][1].remaining_s == pytest.approx(usual[later][1].remaining_s, abs=4.0)


def test_candidates_that_leave_shorten_the_race() -> None:
    all_stay = told(tuple(Run(lap_s=1.0).events()))
    most_leave = told(tuple(Run(lap_s=1.0, leaves_after=6).events()))

    def after_round(number: int, etas: list[tuple[Event, Eta]]) -> float:
        last = [eta for event, eta in etas if isinstance(event, RoundFinished) and event.round_index == number][-1]
        assert last.remaining_s is not None
        return last.remaining_s

    assert after_round(9, most_leave) < after_round(9, all_stay) / 2


def test_rounds_that_are_used_again_take_no_time_and_tell_no_pace() -> None:
    before = [event for event in until_the_race_ends(Run(candidates=2)) if not isinstance(event, RoundFinished)]
    start_s = before[-1].elapsed_s
    reused = [RoundsReused(elapsed_s=start_s, num_rounds=10, started="2026-11-23T06:41:00+00:00")]
    replayed = [lap(name, index, 15, start_s) for index in range(1, 11) for name in NAMES[:2]]
    timed = [lap(name, 11 + at // 2, 15, start_s + 2.0 * (at + 1)) for at, name in enumerate(NAMES[:2] * 3)]
    eta = told((*before, *reused, *replayed, *timed))[-1][1]
    assert eta.remaining_s == pytest.approx(2 * 2 * 2.0 + 5.0, abs=2.0)


def test_a_repeated_race_takes_its_time_again_but_the_share_stays() -> None:
    events = until_the_race_ends(Run(lap_s=1.0))
    end_s = events[-1].elapsed_s
    repeated = RaceRepeated(elapsed_s=end_s, why="the machine was busy")
    again = [lap(name, 1, 15, end_s + place) for place, name in enumerate(NAMES, start=1)]
    etas = told((*events, repeated, *again))
    before, after = etas[len(events) - 1][1], etas[-1][1]
    assert before.remaining_s is not None
    assert after.remaining_s is not None
    assert after.remaining_s > before.remaining_s + 30
    assert after.fraction >= before.fraction


def test_once_settings_are_tried_the_race_is_over() -> None:
    events = until_the_race_ends(Run(lap_s=3.0, rounds=6))
    setting = TriedSetting(
        label="2 streams", settings=RuntimeSettings(threads=2), speedup=Estimate(median=1.0), kept=False
    )
    now = events[-1].elapsed_s + 30.0
    eta = told((*events, SettingTried(elapsed_s=now, candidate=NAMES[0], tried=setting)))[-1][1]
    assert eta.remaining_s == pytest.approx(5.0, abs=0.1)


def test_a_bare_event_moves_the_clock_and_what_remains_counts_down() -> None:
    estimator = Estimator(time_budget_s=600.0)
    for event in known_exports().events():
        eta = estimator.add(event)
        if isinstance(event, ExportStarted) and event.candidate == "onnx":
            break
    assert eta.remaining_s is not None
    later = estimator.add(Event(elapsed_s=event.elapsed_s + 5.0))
    assert later.remaining_s == pytest.approx(eta.remaining_s - 5.0)
    assert later.fraction > eta.fraction
    assert estimator.eta == later


def test_past_the_time_budget_nothing_is_promised_any_more() -> None:
    for event, eta in told(tuple(Run(export_s=30.0).events()), time_budget_s=40.0):
        if event.elapsed_s >= 41.0 and not isinstance(event, Finished):
            assert eta.remaining_s is None


def test_a_dry_run_is_through_when_it_ends() -> None:
    events = [event for event in Run().events() if isinstance(event, StageStarted | ModelResolved | RulesDecided)][:3]
    end = Finished(elapsed_s=1.0, recommendation=factories.confirmed())
    assert told((*events, end))[-1][1] == Eta(fraction=1.0, remaining_s=0.0)


def test_a_download_goes_on_at_its_pace_and_lengthens_what_is_to_come() -> None:
    def part(at_s: float, done: int, total: int | None = 100) -> ModelDownloading:
        return ModelDownloading(elapsed_s=at_s, model="owner/tiny", done_bytes=done, total_bytes=total)

    estimator = Estimator(time_budget_s=60)
    estimator.add(StageStarted(elapsed_s=0.0, stage="model"))
    assert estimator.add(part(0.5, 0, None)).remaining_s is None
    assert estimator.add(part(0.9, 40)).remaining_s is None  # too early to tell
    early = estimator.add(part(2.0, 10))
    assert early.remaining_s == pytest.approx(18 + 60)
    late = estimator.add(part(10.0, 50))
    assert late.remaining_s is not None
    assert 60 < late.remaining_s < 78
    assert late.fraction > early.fraction
    there = estimator.add(ModelResolved(elapsed_s=20.0, model=factories.model()))
    assert there.remaining_s is None
