"""Events as lines, and the one line that is redrawn."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import factories
from rich.console import Console

from advisor.cli.progress import REDRAW_S, Progress, Race
from advisor.cli.terminal import Stream
from advisor.events import CandidateEnded, Event, ExportFinished, RoundFinished, WarningRaised
from advisor.report.glyphs import UNICODE


class Screen(StringIO):
    """A file that counts how often it is redrawn."""

    draws = 0

    def write(self, text: str) -> int:
        self.draws += text.count("\x1b[2K")
        return super().write(text)


def play(events: tuple[Event, ...], *, live: bool, verbose: bool = False, step_s: float = 1.0) -> Screen:
    """Feed events, `step_s` apart on a fake clock."""
    screen = Screen()
    console = Console(file=screen, width=80, force_terminal=live, color_system=None)
    now = iter(index * step_s for index in range(1_000_000))
    stream = Stream(console=console, glyphs=UNICODE, live=live)
    with Progress(stream, verbose=verbose, clock=lambda: next(now)) as progress:
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
    assert lines[1] == "✗ openvino-qint8    2,579 texts/s, 6.3x, loss 0.08%; rejected: loses 1.23%"


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


def test_the_share_done_grows_from_none_to_all() -> None:
    race = Race()
    race.loaded("a")
    race.loaded("b")
    shares = []
    for event in rounds(10):
        race.round(event)
        shares.append(race.fraction)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1


def test_the_time_to_go_is_that_of_a_steady_race() -> None:
    race = Race()
    events = rounds(20)
    for event in events[:20]:
        race.round(event)
    left_s = events[-1].elapsed_s - events[19].elapsed_s
    assert race.eta_s is not None
    assert abs(race.eta_s - left_s) < 2


def test_no_time_to_go_is_guessed_from_a_first_round() -> None:
    race = Race()
    assert race.eta_s is None
    for event in rounds(20)[:2]:
        race.round(event)
    assert race.eta_s is None


def test_a_candidate_that_left_holds_nobody_up() -> None:
    race = Race()
    for event in rounds(4):
        race.round(event)
    race.loaded("c")
    assert race.fraction < 1
    race.left("c")
    assert race.fraction == 1
    assert race.entrants == 2
