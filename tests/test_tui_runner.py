"""The run's thread: what is drawn when, and how a run is ended."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import factories
import psutil
import pytest

from advisor.errors import InputError
from advisor.events import Event, ExportFinished, RoundFinished, ScreenStep, StageStarted
from advisor.measure import Control
from advisor.pipeline import RunSpec
from advisor.tui.runner import REDRAW_S, Runner, kill_children, sentence
from advisor.types import Recommendation

SPEC = RunSpec(model="demo")
SLEEPER = "import time; time.sleep(60)"


class Listener:
    """What the app would be told."""

    def __init__(self) -> None:
        self.drawn: list[tuple[float, tuple[Event, ...]]] = []
        self.errors: list[Exception | None] = []
        self.ended = threading.Event()

    def draw(self, told: tuple[Event, ...]) -> None:
        self.drawn.append((time.monotonic(), told))

    def end(self, error: Exception | None) -> None:
        self.errors.append(error)
        self.ended.set()


def runner_of(run: Callable[..., Recommendation], listener: Listener) -> Runner:
    return Runner(SPEC, draw=listener.draw, ended=listener.end, run=run)


def lap(index: int) -> RoundFinished:
    return RoundFinished(elapsed_s=index, candidate="onnx", round_index=index, num_rounds=99, texts_per_s=1.0)


@pytest.mark.timed
def test_in_a_race_it_draws_at_most_four_times_a_second_and_only_when_an_event_ends_a_window() -> None:
    listener = Listener()
    windows: list[tuple[float, float]] = []

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        emit(StageStarted(elapsed_s=0.0, stage="measure"))
        for index in range(1, 21):
            start = time.monotonic()
            time.sleep(0.06)
            windows.append((start, time.monotonic()))
            emit(lap(index))
        return factories.confirmed()

    runner = runner_of(run, listener)
    runner.start()
    assert listener.ended.wait(300)
    times = [at for at, _ in listener.drawn]
    # What is left at the end of a run is drawn at once.
    assert all(after - before >= REDRAW_S * 0.99 for before, after in itertools.pairwise(times[:-1]))
    assert not [at for at in times for start, end in windows if start < at < end]
    told = [event for _, events in listener.drawn for event in events]
    assert [event.round_index for event in told if isinstance(event, RoundFinished)] == list(range(1, 21))


def drawn_at_the_end_of(told: tuple[Event, ...]) -> list[tuple[Event, ...]]:
    """What has been drawn when the last of these events, told at once, begins a timed window."""
    listener, found = Listener(), list[tuple[Event, ...]]()

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        for event in told:
            emit(event)
        time.sleep(2 * REDRAW_S)  # the window
        found.extend(events for _, events in listener.drawn)
        return factories.confirmed()

    runner_of(run, listener).start()
    assert listener.ended.wait(300)
    return found


STAGES = {stage: StageStarted(elapsed_s=0.0, stage=stage) for stage in ("screen", "export", "measure")}
TIME = ScreenStep(elapsed_s=0.0, step="time", candidate="", total=3)
MADE = ExportFinished(elapsed_s=0.0, exported=factories.exported(factories.confirmed().candidates[0]))


@pytest.mark.parametrize(
    "told",
    [
        (STAGES["screen"], TIME),
        (STAGES["measure"], STAGES["export"], MADE, STAGES["measure"]),
    ],
    ids=["a screen", "after an export"],
)
def test_all_is_drawn_before_a_timed_window_and_nothing_inside_of_it(told: tuple[Event, ...]) -> None:
    assert [event for events in drawn_at_the_end_of(told) for event in events] == list(told)
    lapped = (*told, lap(1))
    drawn = [event for events in drawn_at_the_end_of((*lapped, lap(2))) for event in events]
    assert drawn in ([*told], [*lapped])


def test_while_something_is_exported_between_two_loads_what_is_told_is_drawn_soon() -> None:
    told = (STAGES["measure"], STAGES["export"], lap(1))
    assert [event for events in drawn_at_the_end_of(told) for event in events] == list(told)


@pytest.mark.timed
def test_outside_a_race_the_last_event_is_drawn_soon_even_if_none_follows() -> None:
    listener = Listener()
    go_on = threading.Event()

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        emit(StageStarted(elapsed_s=0.0, stage="model"))
        emit(StageStarted(elapsed_s=0.1, stage="export"))
        assert go_on.wait(300)
        return factories.confirmed()

    runner = runner_of(run, listener)
    runner.start()
    for _ in range(200):
        if len(listener.drawn) == 2:
            break
        time.sleep(0.02)
    assert [event.stage for _, events in listener.drawn for event in events] == ["model", "export"]  # type: ignore[attr-defined]
    go_on.set()
    assert listener.ended.wait(300)


def test_cancelling_unwinds_the_run_as_ctrl_c_does() -> None:
    listener, unwound = Listener(), threading.Event()

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        try:
            control.pause()
            while True:
                control.wait()
                emit(lap(1))
                time.sleep(0.005)
        finally:
            unwound.set()

    runner = runner_of(run, listener)
    runner.start()
    time.sleep(0.05)
    assert runner.join(300)
    assert unwound.is_set()
    assert listener.errors == [None]


def test_cancelling_kills_a_child_that_the_run_waits_for_and_no_other_process() -> None:
    listener = Listener()
    started: list[subprocess.Popen[bytes]] = []

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        child = subprocess.Popen([sys.executable, "-c", SLEEPER, "advisor.export.worker"], start_new_session=True)
        started.append(child)
        child.wait()
        emit(lap(1))
        return factories.confirmed()

    other = subprocess.Popen([sys.executable, "-c", SLEEPER, "a browser"])
    try:
        runner = runner_of(run, listener)
        runner.start()
        for _ in range(500):
            if started:
                break
            time.sleep(0.01)
        time.sleep(0.2)
        assert runner.join(300)
        assert started[0].poll() is not None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_without_children_there_is_nothing_to_kill() -> None:
    before = {child.pid for child in psutil.Process().children()}
    kill_children()
    assert {child.pid for child in psutil.Process().children()} == before


@pytest.mark.parametrize("error", [InputError("The file is empty.", hint="Give another."), RuntimeError("a\nb")])
def test_an_error_reaches_the_app_as_one_line(error: Exception) -> None:
    listener = Listener()

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        raise error

    runner_of(run, listener).start()
    assert listener.ended.wait(300)
    assert listener.errors == [error]
    assert "\n" not in sentence(error)
    assert sentence(error) in {"The file is empty. Give another.", "Internal error: RuntimeError: a b"}
