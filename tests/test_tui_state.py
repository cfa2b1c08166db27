"""The state that the app shows, folded from events."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import factories
import pytest

from advisor import events
from advisor.events import (
    CandidateLoaded,
    Event,
    ModelDownloading,
    ModelResolved,
    ScreenFinished,
    ScreenStep,
    StageStarted,
)
from advisor.report import format as fmt
from advisor.tui.state import Row, State, finished, fold, live_speed, live_speedup
from advisor.tui.status import status
from advisor.types import BASELINE, Estimate, Recommendation, RuntimeSettings, ScreenCheck, TriedSetting


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
        "ScreenStep",
        "ScreenFinished",
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


def line(told: tuple[Event, ...]) -> str:
    return status(folded(told), None, width=80).plain


def up_to(told: tuple[Event, ...], holds: Callable[[Event], bool]) -> tuple[Event, ...]:
    """The events up to the first one of which something holds."""
    return told[: next(index for index, event in enumerate(told) if holds(event)) + 1]


def test_while_candidates_are_loaded_the_line_says_how_many_are_or_need_not_be() -> None:
    told = factories.events(factories.confirmed())
    second = [index for index, each in enumerate(told) if isinstance(each, CandidateLoaded)][1]
    assert "loading the candidates  2/5" in line(told[: second + 1])
    cut = factories.outcome("torch-fp16", status="cut", reason="slower")
    assert "loading the candidates  3/5" in line(
        (*told[: second + 1], events.CandidateEnded(elapsed_s=99, outcome=cut))
    )


def test_an_export_is_shown_between_loads_and_only_where_something_is_made() -> None:
    told = factories.events(factories.confirmed())
    for index, event in enumerate(told):
        if isinstance(event, events.ExportStarted):
            row = folded(told[: index + 1]).row(event.candidate)
            assert row is not None
            assert row.status == ("waiting" if row.name == BASELINE else "exporting")
    last = [index for index, each in enumerate(told) if isinstance(each, events.ExportStarted)][-1]
    assert line(told[: last + 1]).split() == ["export", told[last].candidate]  # type: ignore[attr-defined]
    loading = told[: last + 3]
    assert line(loading).startswith("measure loading the candidates")
    row = folded(loading).row(told[last].candidate)  # type: ignore[attr-defined]
    assert row is not None
    assert row.status == "exported"


def test_a_screen_is_a_stage_of_its_own_after_which_all_wait_and_have_a_predicted_speedup() -> None:
    told = factories.events(factories.unfinished())
    exporting = up_to(told, lambda each: isinstance(each, ScreenStep) and each.candidate == "onnx-qint8")
    assert line(exporting).startswith("screen exporting the first layers as onnx-qint8")
    assert folded(exporting).row("onnx-qint8").status == "screening"  # type: ignore[union-attr]
    timing = up_to(told, lambda each: isinstance(each, ScreenStep) and each.step == "time")
    assert line(timing).startswith("screen timing the first layers of 4 candidates")
    measuring = folded(up_to(told, lambda each: isinstance(each, StageStarted) and each.stage == "measure"))
    assert {row.status for row in measuring.rows if row.planned} == {"waiting"}
    predicted = {row.name: fmt.ratio(row.prediction.speedup) for row in measuring.rows if row.prediction is not None}
    assert predicted == {"openvino-qint8": "6.3", "openvino-bf16": "4.4", "onnx-qint8": "3.5"}
    assert measuring.remarks[0].startswith("3 candidates predicted from 1 and 3 of 12 layers")
    assert all(live_speedup(row, measuring) is None for row in measuring.rows)  # nothing is measured yet


def test_a_prediction_that_missed_the_baseline_is_not_shown_but_the_reason_is() -> None:
    rec = factories.unfinished()
    check = ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.22, fell_back="it missed the baseline by +22%")
    state = folded((ScreenFinished(elapsed_s=1.0, screened=factories.screened(rec, check)),))
    assert state.rows == ()
    assert state.remarks == ("no candidate was predicted from 1 and 3 of 12 layers: it missed the baseline by +22%",)


def test_what_cut_a_candidate_in_an_earlier_run_is_its_prediction() -> None:
    row = finished(State(), factories.unfinished()).row("onnx-qint8")
    assert row is not None
    assert row.prediction is not None
    assert row.prediction.speedup == 3.5
