"""Does the app disturb what it shows? Every block is timed twice in a row: beside the app, and without it.

    python benchmarks/tui.py --rounds 60 --texts stsb-test.csv

The app runs in a process of its own on a pseudo terminal, on its race screen, and is told of every lap as it is in a
real run: it draws, and the next lap waits until it has. The workers are those of a recommendation. In each round every
candidate encodes the round's block twice, in random order: once beside the app, which has just drawn, and once while
the app's process is stopped (SIGSTOP), so that it cannot use a core. Printed is, for each candidate, its speed beside
the app over its speed without, as the median over the rounds with a 95 % interval, and what the app used of the CPU
time while something was timed. Promised is that the speed stays within 2 %.
"""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import pty
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from common import Machine, Workers, export, question_of, sample, say, write_json

import advisor
from advisor import events
from advisor.catalogue import names
from advisor.cli.tui import parsers
from advisor.errors import AdvisorError
from advisor.events import Event
from advisor.measure.heat.laps import BlockLaps, seats_of
from advisor.measure.race.intervals import median_interval
from advisor.model import resolve_model
from advisor.paths import cache_dir
from advisor.types import BASELINE, Request

COLUMNS, ROWS = 100, 30
READY = b"Loss budget"
CTRL_R = b"\x12"
ANY_LOSS = 0.9
START_S = 60.0
"""The app must have opened by then."""


# -- the app's process ---------------------------------------------------------------------------------------


def be_the_app(pipe: Connection) -> int:
    """The app itself; only the run that it starts is not the pipeline, but what comes through the pipe."""
    from advisor.tui.app import AdvisorApp
    from advisor.tui.form import Fields

    def follow(_spec: Any, emit: Callable[[Event], None], _control: Any) -> Any:
        while (event := pipe.recv()) is not None:
            emit(event)  # returns when it has been drawn, if it is time to draw
            pipe.send(None)

    AdvisorApp(Fields(model="demo"), parsers(), run=follow).run()
    return 0


class App:
    """The app on a pseudo terminal that reads all that it draws. Use it as a context manager."""

    def __init__(self) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._pipe, child_end = Pipe()
        os.set_inheritable(child_end.fileno(), True)
        self.num_drawn_bytes = 0
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--app-fd", str(child_end.fileno())],
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            close_fds=False,
        )
        os.close(theirs)
        child_end.close()
        self._terminal = ours
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def tell(self, event: Event) -> None:
        """Returns when the app has taken the event in, and drawn if it does."""
        self._pipe.send(event)
        if not self._pipe.poll(START_S):
            raise TimeoutError("The app did not answer.")
        self._pipe.recv()

    def stop(self) -> None:
        """From here on it uses nothing."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """It runs again."""
        os.kill(self._process.pid, signal.SIGCONT)

    def cpu_s(self) -> float:
        """The CPU seconds that it has used."""
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    def _read(self) -> None:
        begun = False
        while True:
            try:
                drawn = os.read(self._terminal, 65536)
                self.num_drawn_bytes += len(drawn)
                if not begun and READY in drawn:
                    os.write(self._terminal, CTRL_R)
                    begun = True
            except OSError:
                return


# -- the race ------------------------------------------------------------------------------------------------


def rounds(
    workers: Workers, app: App, *, num_rounds: int, seed: int
) -> tuple[list[dict[str, tuple[float, float]]], float]:
    """Seconds of every candidate in every round, beside the app and without it, and the app's share of the CPU time
    inside the laps beside it."""
    contestants = workers.contestants
    runner = BlockLaps(seats_of(contestants), workers.pool)
    rng = random.Random(seed)
    start = time.monotonic()
    found: list[dict[str, tuple[float, float]]] = []
    app_s = lap_s = 0.0
    for index in range(num_rounds):
        block = index % len(workers.workload.blocks)
        turns = [(name, beside) for name in contestants for beside in (True, False)]
        rng.shuffle(turns)
        seconds: dict[tuple[str, bool], float] = {}
        for name, beside in turns:
            if beside:
                before_s = app.cpu_s()
                seconds[name, beside] = runner.run(name, block).seconds
                app_s += app.cpu_s() - before_s
                lap_s += seconds[name, beside]
            else:
                app.stop()
                try:
                    seconds[name, beside] = runner.run(name, block).seconds
                finally:
                    app.go_on()
            app.tell(
                events.RoundFinished(
                    elapsed_s=time.monotonic() - start,
                    candidate=name,
                    round_index=index + 1,
                    num_rounds=num_rounds,
                    texts_per_s=workers.workload.block_texts[block] / seconds[name, beside],
                )
            )
        found.append({name: (seconds[name, True], seconds[name, False]) for name in contestants})
        if (index + 1) % 10 == 0:
            say(f"{index + 1:4} of {num_rounds} rounds")
    return found, app_s / lap_s


def run(arguments: argparse.Namespace, machine: Machine) -> tuple[list[dict[str, tuple[float, float]]], float, int]:
    """Everything, with a worker for each candidate; the last figure is the bytes that the app has drawn."""
    asked = [BASELINE, *arguments.candidates]
    seen: list[Event] = []
    advisor.recommend(
        arguments.model, texts=arguments.texts, candidates=arguments.candidates, dry_run=True, on_event=seen.append
    )
    model = resolve_model(arguments.model)
    texts = sample(arguments.texts)
    threads = machine.hardware.threads
    request = Request(objective="throughput", max_loss=ANY_LOSS, threads=threads, seed=arguments.seed)
    with tempfile.TemporaryDirectory(prefix="advisor-tui-") as name:
        folder = Path(name)
        files = export(
            asked, model=model, machine=machine, texts=texts, threads=threads, cache=cache_dir(), logs=folder
        )
        if files.failed:
            raise AdvisorError("; ".join(f"{each}: {reason}" for each, reason in files.failed.items()))
        question = question_of(model, texts, request, machine=machine)
        with Workers(files.exported, question, folder=folder) as workers, App() as app:
            if workers.failed:
                raise AdvisorError("; ".join(f"{each}: {reason}" for each, reason in workers.failed.items()))
            for event in seen:
                if not isinstance(event, (events.Finished, events.CandidateEnded)):
                    app.tell(event)
            for exported in files.exported:
                app.tell(events.ExportFinished(elapsed_s=0.0, exported=exported))
            app.tell(events.StageStarted(elapsed_s=0.0, stage="measure"))
            for contestant in workers.contestants.values():
                load_s = contestant.findings.load_s or 0.0
                app.tell(events.CandidateLoaded(elapsed_s=0.0, candidate=contestant.name, load_s=load_s))
            before = app.num_drawn_bytes
            found, share = rounds(workers, app, num_rounds=arguments.rounds, seed=arguments.seed)
            return found, share, app.num_drawn_bytes - before


def report(found: Sequence[dict[str, tuple[float, float]]], share: float, drawn: int, machine: Machine) -> None:
    """The answer, on stdout."""
    print(machine.describe())
    print(f"speed beside the app over speed without it, {len(found)} rounds; the app drew {drawn / 1e3:,.0f} kB")
    for name in found[0]:
        ratios = [math.log(one[name][1] / one[name][0]) for one in found]
        ci95 = median_interval(ratios)
        shown = (
            "too few rounds for an interval"
            if ci95 is None
            else f"95% CI {math.exp(ci95[0]):.3f} to {math.exp(ci95[1]):.3f}"
        )
        print(f"{name:16} {math.exp(statistics.median(ratios)):.3f}  ({shown})")
    print(f"CPU time of the app while something was timed: {share:.2%} of one core")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, metavar="N")
    parser.add_argument("--model", default="demo", help="a folder, an id, or `demo`")
    parser.add_argument("--candidates", type=lambda text: text.split(","), default=["openvino"], metavar="A,B")
    parser.add_argument("--texts", metavar="SOURCE", help="as for `advisor recommend`; default: the built-in sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write every round to this JSON file")
    parser.add_argument("--app-fd", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.app_fd is not None:
        return be_the_app(Connection(arguments.app_fd))
    unknown = [name for name in arguments.candidates if name not in names() or name == BASELINE]
    if unknown:
        parser.error(f"{unknown[0]} is no candidate beside {BASELINE}")
    machine = Machine.here()
    try:
        found, share, drawn = run(arguments, machine)
    except (AdvisorError, TimeoutError) as error:
        say(str(error))
        return 1
    report(found, share, drawn, machine)
    if arguments.out is not None:
        write_json(
            arguments.out, {"machine": machine.facts(), "app_cpu_share": share, "drawn_bytes": drawn, "rounds": found}
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
