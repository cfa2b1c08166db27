"""Events as lines, and the one line that is redrawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import factories
from rich.console import Console

from advisor.cli.progress import REDRAW_S, Progress, Race
from advisor.cli.terminal import Stream
from advisor.events import (
    CandidateEnded,
    Event,
    ExportFinished,
    MachineProbed,
    ModelDownloading,
    ModelResolved,
    RaceRepeated,
    RoundFinished,
    RoundsReused,
    RulesDecided,
    ScreenFinished,
    SettingTried,
    WarningRaised,
)
from advisor.report.glyphs import UNICODE
from advisor.types import Estimate, RuntimeSettings, ScreenCheck, TriedSetting


class Screen(StringIO):
    """A file that counts how often it is redrawn."""

    draws = 0

    def write(self, text: str) -> int:
        self.draws += text.count("\x1b[2K")
        return super().write(text)


NOW = datetime(2026, 11, 23, 6, 44, 30, tzinfo=UTC)


def play(
    events: tuple[Event, ...], *, live: bool, verbose: bool = False, step_s: float = 1.0, columns: int = 80
) -> Screen:
    """Feed events, `step_s` apart on a fake clock."""
    screen = Screen()
    console = Console(file=screen, width=columns, force_terminal=live, color_system=None)
    now = iter(index * step_s for index in range(1_000_000))
    stream = Stream(console=console, glyphs=UNICODE, live=live)
    with Progress(stream, verbose=verbose, time_budget_s=90.0, clock=lambda: next(now), now=lambda: NOW) as progress:
        for event in events:
            progress(event)
    return screen


def rounds(number: int, candidates: tuple[str, ...] = ("a", "b")) -> tuple[RoundFinished, ...]:
    return tuple(
        RoundFinished(
            elapsed_s=10.0 + index * len(candidates) + place,
            candidate=name,
            round_index=index + 1,
            num_rounds=number,
            texts_per_s=100.0,
        )
        for index in range(number)
        for place, name in enumerate(candidates)
    )


def test_a_thousand_rounds_are_redrawn_at_most_four_times_a_second() -> None:
    events = rounds(500)
    step_s = 0.01
    screen = play(events, live=True, step_s=step_s)
    seconds = len(events) * step_s * 2  # the fake clock is read up to twice an event
    assert 5 < screen.draws <= seconds / REDRAW_S + 2


def test_an_ending_that_is_told_twice_is_printed_once() -> None:
    ended = CandidateEnded(elapsed_s=1.0, outcome=factories.confirmed().candidates[0])
    said = play((ended, ended), live=False).getvalue()
    assert said.count("openvino-qint8") == 1


def test_a_final_status_that_differs_is_told_again() -> None:
    measured = factories.confirmed().candidates[0]
    rejected = replace(measured, status="rejected", reason="loses 1.23%")
    events = tuple(CandidateEnded(elapsed_s=1.0, outcome=each) for each in (measured, rejected))
    lines = play(events, live=False).getvalue().splitlines()
    assert lines[0].startswith("✓ openvino-qint8    2,579 texts/s, 6.3x, loss 0.08%")
    said = " ".join(line.strip() for line in lines[1:])
    assert said.startswith(
        "✗ openvino-qint8    2,579 texts/s, 6.3x, loss 0.08% (0.02% to 0.15%); rejected: loses 1.23%"
    )


def test_warnings_are_lines() -> None:
    said = play((WarningRaised(elapsed_s=0.0, message="noise: too much of it"),), live=False).getvalue()
    assert said == "⚠ noise    too much of it\n\n"


def test_verbose_says_what_each_export_really_did() -> None:
    events = tuple(event for event in factories.events(factories.confirmed()) if isinstance(event, ExportFinished))
    assert play(events, live=False).getvalue() == "\n"
    said = play(events, live=False, verbose=True).getvalue()
    assert "openvino-qint8: exported in 12 s, 23 MB" in said


def test_verbose_names_the_log_of_a_candidate_that_failed() -> None:
    failed = replace(factories.outcome("onnx", status="failed", reason="no answer"), log="logs/onnx.log")
    event = CandidateEnded(elapsed_s=1.0, outcome=failed)
    assert "onnx.log" not in play((event,), live=False).getvalue()
    assert "(log: logs/onnx.log)" in " ".join(play((event,), live=False, verbose=True).getvalue().split())


def test_a_place_in_the_race_counts_those_who_have_come_as_far() -> None:
    race = Race()
    for name in ("a", "b", "c"):
        race.loaded(name)
    first, second = rounds(4)[:2]
    race.round(first)
    assert (race.place("a"), race.entrants) == (1, 3)
    race.round(second)
    assert (race.place("b"), race.entrants) == (2, 3)


def test_a_candidate_that_left_is_no_entrant() -> None:
    race = Race()
    race.loaded("a")
    race.loaded("b")
    race.left("b")
    assert race.entrants == 1


def test_in_a_repeated_race_everyone_starts_again() -> None:
    race = Race()
    for event in rounds(4):
        race.round(event)
    race.repeated()
    race.round(rounds(4)[0])
    assert (race.place("a"), race.entrants) == (1, 2)


def test_rounds_that_are_used_again_are_a_line_with_their_age_and_the_way_out() -> None:
    said = play((RoundsReused(elapsed_s=1.0, num_rounds=12, started="2026-11-23T06:41:00+00:00"),), live=False)
    assert said.getvalue().splitlines()[0] == (
        "✓ rounds   12 rounds from 3 min ago are used again (--fresh measures anew)"
    )


def tried(*, kept: bool) -> SettingTried:
    setting = TriedSetting(
        label="2 streams",
        settings=RuntimeSettings(threads=2, num_streams=2),
        speedup=Estimate(median=1.12, ci95=(1.1, 1.14)),
        kept=kept,
    )
    return SettingTried(elapsed_s=1.0, candidate="openvino-qint8", tried=setting)


def test_a_setting_that_is_kept_is_a_line_and_the_others_are_for_the_verbose() -> None:
    line = "✓ settings openvino-qint8 with 2 streams: 1.12x its default settings; kept"
    assert play((tried(kept=True),), live=False).getvalue().splitlines()[0] == line
    assert play((tried(kept=False),), live=False).getvalue().strip() == ""
    assert "not kept" in play((tried(kept=False),), live=False, verbose=True).getvalue()


def test_a_race_that_is_run_again_says_why() -> None:
    said = play((RaceRepeated(elapsed_s=1.0, why="the machine was busy"),), live=False).getvalue()
    assert said.splitlines()[0] == "✓ race     once more: the machine was busy"


def test_the_line_shows_the_time_to_go_of_the_whole_run() -> None:
    screen = play(factories.events(factories.confirmed()), live=True)
    drawn = [part.split("\n")[0] for part in screen.getvalue().split("\x1b[2K")]
    races = [line for line in drawn if line.startswith("  race")]
    assert races
    assert all(" ETA 0:" in line for line in races)
    assert any(line.startswith("  export   ") and "openvino-qint8, with calibration" in line for line in drawn)


def test_an_export_whose_files_are_there_is_not_shown() -> None:
    screen = play(factories.events(factories.confirmed()), live=True)
    drawn = [part.split("\n")[0] for part in screen.getvalue().split("\x1b[2K")]
    assert not any(line.startswith("  export") and "torch-fp32" in line for line in drawn)


def test_the_steps_of_a_screen_are_redrawn_and_what_it_found_is_a_line() -> None:
    events = factories.events(factories.unfinished())
    line = "✓ screen   3 candidates predicted from 1 and 3 of 12 layers; the baseline's own"
    said = play(events, live=False).getvalue()
    assert line in said.splitlines()
    assert "first layers" not in said
    drawn = play(events, live=True, columns=120).getvalue()
    assert line in drawn
    assert "exporting the first layers as onnx-qint8" in drawn
    assert "timing the first layers of 4 candidates" in drawn


def test_predictions_that_are_not_used_say_why() -> None:
    missed = "its predicted time misses the measured one of torch-fp32 by +22%"
    rec = factories.unfinished()
    check = ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.22, fell_back=missed)
    event = ScreenFinished(elapsed_s=1.0, screened=factories.screened(rec, check))
    said = " ".join(play((event,), live=False).getvalue().split())
    assert said == f"✓ screen no candidate was predicted from 1 and 3 of 12 layers: {missed}"


def test_a_candidate_that_is_cut_by_a_prediction_says_so_in_its_line() -> None:
    said = " ".join(play(factories.events(factories.unfinished()), live=False).getvalue().split())
    assert "✗ onnx-qint8 cut: 1.8x slower than openvino-qint8, predicted from 1 and 3 of 12 layers" in said


def test_in_a_narrow_window_the_time_to_go_is_the_last_to_be_cut() -> None:
    screen = play(factories.events(factories.confirmed()), live=True, columns=50)
    races = [part for part in screen.getvalue().split("\x1b[2K") if part.startswith("  race")]
    assert races
    for line in races:
        assert " ETA 0:" in line.split("\n")[0]
        assert len(line.split("\n")[0].rstrip("\r")) <= 50


def test_a_download_is_redrawn_on_a_terminal_and_one_line_elsewhere() -> None:
    parts = tuple(
        ModelDownloading(elapsed_s=float(step), model="owner/tiny", done_bytes=step * 10**6, total_bytes=5 * 10**6)
        for step in range(1, 6)
    )
    assert play(parts, live=False).getvalue().count("downloading owner/tiny") == 1
    assert "downloading owner/tiny, 5 of 5 MB" in play(parts, live=True).getvalue()


def test_the_first_lines_say_how_long_it_will_take_where_that_is_known() -> None:
    rec = factories.confirmed()
    model = replace(rec.model, weights_bytes=440 * 10**6)
    decided = RulesDecided(
        elapsed_s=1.0, decision=rec.decision, alternatives=(), candidates=("torch-fp32", "openvino-qint8", "onnx")
    )
    machine = MachineProbed(elapsed_s=0.5, hardware=rec.hardware, threads=2)
    seen = play((ModelResolved(elapsed_s=0.2, model=model), machine, decided), live=False).getvalue()
    assert "✓ time     about 1 min from an empty cache, 90 s at most" in seen
    unknown = play((ModelResolved(elapsed_s=0.2, model=rec.model), decided), live=False).getvalue()
    assert "✓ rules" in unknown
    assert "✓ time" not in unknown
