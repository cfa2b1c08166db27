"""The command line as a person sees it: in a terminal of a given width."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

if os.name == "nt":
    pytest.skip("Windows has no pseudo terminals", allow_module_level=True)

from screens import Seen, run_in_terminal

FAKE = str(Path(__file__).parent / "fake_advisor.py")


def fake(kind: str, *args: str, columns: int = 80, env: dict[str, str] | None = None) -> Seen:
    return run_in_terminal([sys.executable, FAKE, kind, *args], columns=columns, env=env)


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("kind", ["confirmed", "with_failures"])
def test_no_line_wraps_and_nothing_of_the_progress_stays(kind: str, columns: int) -> None:
    seen = fake(kind, "recommend", "demo", columns=columns)
    assert seen.exit_code == 0
    copied = ("Use ", "Wrote ", "Verify ", "visor")  # these lines may wrap, as they are never broken
    assert all(len(line) < columns or line.startswith(copied) for line in seen.lines), seen.text
    assert sum(line.startswith("✓ ") for line in seen.lines) == 4
    for gone in ("  race  ", "  export  ", "ETA", "━"):
        assert gone not in seen.text
    assert "openvino-qint8   6.3x faster" in seen.text or columns == 60


def test_while_it_runs_one_line_shows_how_far_it_is() -> None:
    seen = fake("confirmed", "recommend", "demo", env={"FAKE_PAUSE_S": "0.1"})
    assert "reading the machine" in seen.raw
    assert re.search("1/4 [━╸─]{15}  openvino-qint8", seen.raw.replace("\x1b[36m", "").replace("\x1b[0m", ""))
    assert "round 1" in seen.raw
    assert "ETA 0:0" in seen.raw


def test_a_failed_candidate_is_told_at_once_and_the_others_are_left_to_the_table() -> None:
    seen = fake("with_failures", "recommend", "demo")
    assert any(line.startswith("✗ onnx-qint8        failed: the process was killed") for line in seen.lines)
    assert not any(line.startswith("- onnx-O4") for line in seen.lines)


def test_the_steps_and_the_answer_are_parted_by_a_blank_line() -> None:
    lines = list(fake("confirmed", "recommend", "demo").lines)
    assert lines[lines.index(next(line for line in lines if "faster than" in line)) - 1] == ""


def test_there_are_colours_on_a_terminal_and_none_where_they_are_not_wanted() -> None:
    assert "\x1b[32m" in fake("confirmed", "recommend", "demo").raw
    for args, env in (((), {"NO_COLOR": "1"}), (("--no-color",), {})):
        raw = fake("confirmed", "recommend", "demo", *args, env=env).raw
        assert "\x1b[3" not in raw
        assert "\x1b[1m" not in raw


def test_a_dumb_terminal_gets_lines_only() -> None:
    raw = fake("confirmed", "recommend", "demo", env={"TERM": "dumb"}).raw
    assert "\x1b" not in raw
    assert "torch-fp16        cut after the probe" in raw


def test_a_terminal_in_the_c_locale_gets_ascii() -> None:
    fake("confirmed", "recommend", "demo", env={"LC_ALL": "C", "FAKE_PAUSE_S": "0.05"}).raw.encode("ascii")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_gives_the_cursor_back_and_leaves_no_half_line(sent: signal.Signals) -> None:
    done: list[int] = []

    def interrupt(output: str, pid: int) -> None:
        if "round 1" in output and not done:
            done.append(pid)
            os.kill(pid, sent)

    seen = run_in_terminal(
        [sys.executable, FAKE, "confirmed", "recommend", "demo"],
        columns=80,
        env={"FAKE_PAUSE_S": "0.2"},
        on_output=interrupt,
    )
    assert seen.exit_code == 130
    assert seen.raw.rindex("\x1b[?25h") > seen.raw.rindex("\x1b[?25l")
    assert [line for line in seen.lines if line][-1].startswith("interrupted: exports and rounds are kept")
    assert "race" not in seen.text
