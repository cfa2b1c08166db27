"""The estimate of how far a run is: pure, so whole runs are made up here, and the recorded ones are replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    SettingTried,
    StageStarted,
)
from advisor.report.eta import Estimator, Eta
from advisor.types import Estimate, Exported, Recommendation, RuntimeSettings, TriedSetting

NAMES = ("openvino-qint8", "torch-fp32", "openvino", "onnx-qint8", "onnx", "torch-bf16")
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

    def events(self) -> Iterator[Event]:
        rec = factories.confirmed()
        names = NAMES[: self.candidates]
        now = 1.0
        yield StageStarted(elapsed_s=0.0, stage="model")
        yield ModelResolved(elapsed_s=now, model=rec.model)
        yield RulesDecided(elapsed_s=now, decision=rec.decision, alternatives=(), candidates=names)
        yield StageStarted(elapsed_s=now, stage="export")
        for index, name in enumerate(names, start=1):
            yield ExportStarted(elapsed_s=now, candidate=name, index=index, total=len(names))
            took_s = 0.0 if FILES[name] is None or self.cached else self.export_s
            now += took_s
            yield ExportFinished(elapsed_s=now, exported=self.exported(name))
        yield StageStarted(elapsed_s=now, stage="measure")
        for name in names:
            now += self.load_s
            yield CandidateLoaded(elapsed_s=now, candidate=name, load_s=self.load_s)
        racing = list(names)
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
        if isinstance(event, ExportFinished):
            assert eta.remaining_s is not None
            return
        assert eta.remaining_s is None
    pytest.fail("no export")


def test_exports_from_the_cache_take_no_time() -> None:
    def at_first_export(run: Run) -> float:
        remaining = (eta.remaining_s for event, eta in told(tuple(run.events())) if isinstance(event, ExportFinished))
        found = next(remaining)
        assert found is not None
        return found

    made = at_first_export(Run(export_s=20.0))
    cached = at_first_export(Run(export_s=20.0, cached=True))
    assert made - cached == pytest.approx(3 * 20.0)  # of six candidates, two run on torch, and one is done


def test_a_file_that_two_candidates_share_is_expected_once() -> None:
    events = tuple(Run(export_s=20.0).events())
    shared = tuple(
        replace(event, candidates=(*NAMES, "openvino-bf16")) if isinstance(event, RulesDecided) else event
        for event in events
    )

    def at_first_export(events: tuple[Event, ...]) -> float:
        found = next(eta.remaining_s for event, eta in told(events) if isinstance(event, ExportFinished))
        assert found is not None
        return found

    # Only loading and racing it come on top.
    assert at_first_export(shared) - at_first_export(events) == pytest.approx(4.0 + 15 * 0.4)


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
    for event in Run(export_s=20.0).events():
        eta = estimator.add(event)
        if isinstance(event, ExportFinished):
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
