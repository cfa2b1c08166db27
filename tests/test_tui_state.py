"""The state that the app shows, folded from events."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import replace
from pathlib import Path

import factories
import pytest

from advisor import events
from advisor.events import CandidateLoaded, Event, ModelDownloading, ModelResolved, StageStarted
from advisor.tui.state import Row, State, finished, fold, live_speed, live_speedup
from advisor.tui.status import status
from advisor.types import BASELINE, Estimate, Recommendation, RuntimeSettings, TriedSetting


def folded(told: tuple[Event, ...], start: State | None = None) -> State:
    return functools.reduce(fold, told, start or State(phase="running"))


@pytest.mark.parametrize("kind", factories.EVERY_KIND)
def test_after_all_events_the_state_holds_the_very_recommendation(kind: object) -> None:
    rec: Recommendation = kind()  # type: ignore[operator]
    state = folded(factories.events(rec))
    assert state.phase == "finished"
    assert state.recommendation is rec
    assert state.warnings == rec.warnings
    for outcome in rec.candidates:
        row = state.row(outcome.name)
        assert row is not None
        assert row.outcome is outcome
        assert row.status == outcome.status


def test_every_event_of_the_pipeline_is_either_folded_or_changes_the_time_alone() -> None:
    """A new event must be thought of here."""
    known = {name for name, each in vars(events).items() if isinstance(each, type) and issubclass(each, Event)}
    assert known == {
        "Event",
        "ModelDownloading",
        "ModelResolved",
        "MachineProbed",
        "TextsSampled",
        "RulesDecided",
        "ExportStarted",
        "ExportFinished",
        "CandidateLoaded",
        "FidelityMeasured",
        "RoundFinished",
        "RoundsReused",
        "SettingTried",
        "RaceRepeated",
        "CandidateEnded",
        "WarningRaised",
        "StageStarted",
        "Finished",
    }


def test_rows_keep_the_order_of_the_plan_whatever_happens() -> None:
    told = factories.events(factories.confirmed())
    state, orders = State(phase="running"), []
    for event in told:
        state = fold(state, event)
        orders.append([row.name for row in state.rows])
    final = orders[-1]
    assert all(order == final[: len(order)] for order in orders)


def test_a_state_is_never_changed_in_place() -> None:
    told = factories.events(factories.confirmed())
    before = State(phase="running")
    fold(before, told[0])
    assert before == State(phase="running")
    assert dataclasses.fields(State)


def test_figures_of_the_rounds_so_far_are_medians_and_paired_ratios() -> None:
    state = State(phase="running")
    for index, (ours, base) in enumerate([(200.0, 100.0), (330.0, 110.0), (400.0, 100.0)], start=1):
        for name, speed in (("onnx", ours), (BASELINE, base)):
            state = fold(
                state,
                events.RoundFinished(
                    elapsed_s=index, candidate=name, round_index=index, num_rounds=15, texts_per_s=speed
                ),
            )
    row = state.row("onnx")
    assert row is not None
    assert live_speed(row) == Estimate(median=330.0)
    speedup = live_speedup(row, state)
    assert speedup is not None
    assert speedup.median == 3.0
    assert speedup.ci95 is not None
    assert live_speedup(Row(name="openvino"), state) is None


def test_a_race_that_is_run_once_more_counts_its_rounds_from_one() -> None:
    lap = events.RoundFinished(elapsed_s=1, candidate="onnx", round_index=7, num_rounds=15, texts_per_s=9.0)
    state = fold(State(phase="running"), lap)
    state = fold(state, events.RaceRepeated(elapsed_s=2, why="the intervals are too wide"))
    row = state.row("onnx")
    assert row is not None
    assert row.rounds == ()
    assert state.remarks == ("racing once more: the intervals are too wide",)
    again = dataclasses.replace(lap, round_index=1, texts_per_s=10.0)
    row = fold(state, again).row("onnx")
    assert row is not None
    assert row.rounds == ((1, 10.0),)


def test_reused_rounds_and_tried_settings_are_remarked_in_a_line_each() -> None:
    tried = TriedSetting(
        label="2 streams", settings=RuntimeSettings(threads=2), speedup=Estimate(median=1.12), kept=True
    )
    state = folded(
        (
            events.RoundsReused(elapsed_s=1, num_rounds=6, started="2026-11-23T06:41:00Z"),
            events.SettingTried(elapsed_s=2, candidate="openvino", tried=tried),
        )
    )
    assert state.remarks == (
        "6 rounds of an earlier run count, from 2026-11-23T06:41:00Z",
        "openvino with 2 streams: 1.12x its own speed, kept",
    )
    row = state.row("openvino")
    assert row is not None
    assert row.tried == (tried,)


def test_a_warning_that_is_raised_twice_is_shown_once() -> None:
    warning = events.WarningRaised(elapsed_s=1, message="The load is high.")
    assert folded((warning, warning)).warnings == ("The load is high.",)


def test_opening_an_artifact_gives_the_state_at_the_end_of_its_run() -> None:
    rec = factories.confirmed()
    opened, run = finished(State(), rec), folded(factories.events(rec))
    for name in ("phase", "model", "hardware", "profile", "decision", "alternatives", "warnings", "recommendation"):
        assert getattr(opened, name) == getattr(run, name)
    assert {row.name: row.outcome for row in opened.rows} == {row.name: row.outcome for row in run.rows}
    assert Path(rec.model.id).name == rec.model.id


def test_a_download_is_told_in_words_until_the_model_is_there() -> None:
    begun = StageStarted(elapsed_s=0.0, stage="model")
    part = ModelDownloading(elapsed_s=1.0, model="owner/tiny", done_bytes=43_000_000, total_bytes=91_000_000)
    state = folded((begun, part))
    assert "downloading owner/tiny, 43 of 91 MB" in status(state, None, width=80).plain
    unknown = replace(part, done_bytes=0, total_bytes=None)
    assert "downloading owner/tiny, 0 B" in status(folded((begun, unknown)), None, width=80).plain
    there = fold(state, ModelResolved(elapsed_s=2.0, model=factories.model()))
    assert "downloading" not in status(there, None, width=80).plain


def test_while_candidates_are_loaded_the_line_says_how_many_are() -> None:
    told = factories.events(factories.confirmed())
    second = [index for index, each in enumerate(told) if isinstance(each, CandidateLoaded)][1]
    assert "loading the candidates  2/4" in status(folded(told[: second + 1]), None, width=80).plain
