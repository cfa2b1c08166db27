"""The app in a real terminal, by keys alone: tmux holds the screen, and nothing is left behind in the end."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import tiny_models

if shutil.which("tmux") is None:
    pytest.skip("tmux is not installed", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]  # each wait may take minutes on a busy machine

GENEROUS = ("--max-loss", "90%", "--time-budget", "10m")


class Terminal:
    """One tmux server of its own with one session."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(folder / "socket")]
        self._folder = folder

    def open(self, *args: str, env: dict[str, str], columns: int = 80, rows: int = 24) -> None:
        variables = [f"{name}={value}" for name, value in env.items()]
        command = shlex.join(["env", *variables, sys.executable, "-m", "advisor", *args])
        line = f"cd {shlex.quote(str(self._folder))}; {command}; echo left with $?; sleep 300"
        size = ["-x", str(columns), "-y", str(rows)]
        subprocess.run([*self._tmux, "new-session", "-d", *size, "sh", "-c", line], check=True)

    def keys(self, *keys: str) -> None:
        for key in keys:
            subprocess.run([*self._tmux, "send-keys", key], check=True)
            time.sleep(0.2)  # so that no escape is read as the beginning of a longer key

    def escape(self) -> None:
        """Press Escape until the field or the dialog is left: a busy app may read Escape and the next key as one."""
        for _ in range(10):
            self.keys("Escape")
            with contextlib.suppress(AssertionError):
                self.until("q Quit", timeout_s=20)
                return
        self.until("q Quit")

    def resize(self, columns: int, rows: int) -> None:
        size = ["-x", str(columns), "-y", str(rows)]
        subprocess.run([*self._tmux, "resize-window", *size], check=True)

    @property
    def screen(self) -> str:
        done = subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True)
        return done.stdout

    def until(self, *words: str, timeout_s: float = 300) -> str:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            screen = self.screen
            if all(word in screen for word in words):
                return screen
            time.sleep(0.2)
        raise AssertionError(f"{words} did not come in a window of {self.size}:\n{self.screen}")

    @property
    def size(self) -> str:
        shown = [*self._tmux, "display", "-p", "#{pane_width}x#{pane_height}"]
        return subprocess.run(shown, capture_output=True, text=True, check=True).stdout.strip()

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment that marks every process of the run."""
    (tmp_path / "tmp").mkdir()
    return {
        "ADVISOR_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(tmp_path / "tmp"),
        "COLUMNS": "80",  # as some shells export them: the terminal's own size must count
        "LINES": "24",
    }


def processes(cache: Path) -> list[psutil.Process]:
    """The processes of the run and their children."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ADVISOR_CACHE") == str(cache) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 300
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)
    return holds()


def nothing_is_left(folder: Path) -> bool:
    """No process but the shell's, no scratch folder, no half-made export."""
    advisors = [each for each in processes(folder / "cache") if any("advisor" in part for part in each.cmdline())]
    scratch = list((folder / "tmp").glob("advisor*"))
    building = [path for path in (folder / "cache" / "exports").glob("*") if not path.name.isalnum()]
    return not (advisors or scratch or building)


def test_a_whole_run_by_keys_alone_with_a_resize_in_the_race(
    terminal: Terminal, env: dict[str, str], tmp_path: Path
) -> None:
    model = str(tiny_models.shared(max_seq_length=128))
    terminal.open("tui", "--candidates", "openvino", "--out", str(tmp_path / "out"), *GENEROUS, env=env)
    terminal.until("[1 Setup]", "Model")
    terminal.keys("q")  # a letter in a field
    assert " q" in terminal.until("Model         q")
    terminal.keys("BSpace")
    subprocess.run([*terminal._tmux, "send-keys", "-l", model], check=True)
    terminal.escape()
    terminal.keys("2")
    terminal.until("[2 Machine]", "cpu.isa")
    terminal.keys("C-r")
    terminal.until("[5 Race]", "openvino")
    terminal.until("round ")
    terminal.resize(60, 15)
    terminal.until("candidate         texts/s")
    terminal.resize(100, 30)
    terminal.until("95% CI")
    terminal.until("[6 Result]", 'advisor.load("')
    terminal.keys("Enter")
    terminal.until("esc closes", "what")
    terminal.escape()
    terminal.keys("w")
    terminal.until("What if", "Here")
    terminal.escape()
    terminal.keys("q")
    terminal.until("left with 0")
    assert (tmp_path / "out" / "advisor.json").is_file()
    assert eventually(lambda: nothing_is_left(tmp_path))


@pytest.mark.parametrize("when", ["exporting", "round "])
def test_ctrl_c_ends_a_run_after_a_question_and_leaves_nothing_behind(
    terminal: Terminal, env: dict[str, str], tmp_path: Path, when: str
) -> None:
    model = str(tiny_models.shared(max_seq_length=128))
    out = tmp_path / "out"
    terminal.open("tui", model, "--candidates", "openvino", "--out", str(out), "--time-budget", "10m", env=env)
    terminal.until("[1 Setup]", "Start")
    terminal.keys("C-r")
    terminal.until("[5 Race]", when)
    terminal.keys("C-c")
    terminal.until("A run is under way")
    terminal.keys("n")
    assert "A run is under way" not in terminal.until("[5 Race]")
    terminal.keys("C-c")
    terminal.until("A run is under way")
    terminal.keys("y")
    terminal.until("left with 130", "interrupted: exports and rounds are kept")
    assert not out.exists()
    assert eventually(lambda: nothing_is_left(tmp_path))


def test_a_signal_from_outside_ends_the_app_and_its_run(
    terminal: Terminal, env: dict[str, str], tmp_path: Path
) -> None:
    model = str(tiny_models.shared(max_seq_length=128))
    terminal.open("tui", model, "--candidates", "openvino", "--time-budget", "10m", env=env)
    terminal.until("[1 Setup]", "Start")
    terminal.keys("C-r")
    terminal.until("round ")
    app = next(each for each in processes(tmp_path / "cache") if "tui" in each.cmdline())
    app.terminate()
    terminal.until("left with 130")
    assert eventually(lambda: nothing_is_left(tmp_path))


def test_a_child_that_is_killed_costs_its_candidate_alone(
    terminal: Terminal, env: dict[str, str], tmp_path: Path
) -> None:
    model = str(tiny_models.shared(max_seq_length=128))
    out = tmp_path / "out"
    terminal.open("tui", model, "--candidates", "openvino,onnx", "--out", str(out), *GENEROUS, env=env)
    terminal.until("[1 Setup]", "Start")
    terminal.keys("C-r")
    terminal.until("round ")
    worker = next(each for each in processes(tmp_path / "cache") if "advisor.measure.workers.worker" in each.cmdline())
    worker.kill()
    terminal.until("[6 Result]", "torch-fp32")
    terminal.keys("5")
    terminal.until("[5 Race]", ": failed in round")
    terminal.keys("q")
    terminal.until("left with 0")
    assert (out / "advisor.json").is_file()
    assert eventually(lambda: nothing_is_left(tmp_path))


def test_advisor_alone_opens_the_app(terminal: Terminal, env: dict[str, str], tmp_path: Path) -> None:
    terminal.open(env=env)
    terminal.until("[1 Setup]", "Model", "ctrl+r")
    terminal.escape()
    terminal.keys("q")
    terminal.until("left with 0")
    assert os.path.isdir(tmp_path)
