"""Does the app disturb what it shows? The same run without a screen and in the app, in turns.

    python benchmarks/tui.py --pairs 12

Each pair is one `advisor recommend` with no terminal and one `advisor tui` on a pseudo terminal, in random order, with
the same seed, the same texts and the same exports. Printed is, for each candidate, its texts/s with the app over its
texts/s without, as the median over the pairs with a 95 % interval. Promised is that it stays within 2 %. The two runs
of a pair are a minute apart, so the machine's own drift is in the interval: take many pairs on a quiet machine.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import random
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from common import Machine, say, write_json

from advisor.measure.intervals import median_interval
from advisor.paths import ROUNDS
from advisor.types import BASELINE

COLUMNS, ROWS = 100, 30
DEADLINE_S = 900.0
CTRL_R = b"\x12"


def headless(arguments: list[str], env: dict[str, str]) -> None:
    """A run with no terminal at all."""
    subprocess.run(
        [sys.executable, "-m", "advisor", "recommend", *arguments, "-q"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def in_the_app(arguments: list[str], env: dict[str, str], out: Path) -> None:
    """A run in the app, on a terminal that reads all that is drawn; it is left once the artifact is there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "advisor", "tui", *arguments],
        env={**env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    start, begun, left = time.monotonic(), False, False
    try:
        while process.poll() is None:
            if time.monotonic() - start > DEADLINE_S:
                raise TimeoutError("The app did not end.")
            # A second is rare enough to disturb nothing: what is drawn wakes this loop, and between draws it sleeps.
            if select.select([ours], [], [], 1.0)[0]:
                try:
                    seen = os.read(ours, 65536)
                except OSError:  # Linux' way to say that the other end is closed
                    break
                if not begun and b"Loss budget" in seen:
                    os.write(ours, CTRL_R)
                    begun = True
            if begun and not left and (out / "advisor.json").is_file():
                time.sleep(1.0)  # for the last screen
                os.write(ours, b"q")
                left = True
        process.wait(30)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        os.close(ours)


def texts_per_s(out: Path) -> dict[str, float]:
    """The medians that a run wrote down."""
    document = json.loads((out / "advisor.json").read_text(encoding="utf-8"))
    candidates = document["candidates"]
    return {each["name"]: each["texts_per_s"]["median"] for each in candidates if each["texts_per_s"] is not None}


def pair(arguments: argparse.Namespace, index: int, folder: Path) -> dict[str, float]:
    """The ratio of speeds, with the app over without, for each candidate that both runs have measured."""
    env = {**os.environ, "ADVISOR_CACHE": str(folder / "cache")}
    order = ["headless", "app"]
    random.Random(arguments.seed + index).shuffle(order)
    speeds: dict[str, dict[str, float]] = {}
    for mode in order:
        out = folder / mode
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(folder / "cache" / ROUNDS, ignore_errors=True)  # no round of the other run may count
        asked = [arguments.model, "--candidates", arguments.candidate, "--out", str(out)]
        asked += ["--time-budget", arguments.time_budget, "--seed", str(arguments.seed + index)]
        if arguments.texts is not None:
            asked += ["--texts", arguments.texts]
        if mode == "headless":
            headless(asked, env)
        else:
            in_the_app(asked, env, out)
        speeds[mode] = texts_per_s(out)
    both = speeds["app"].keys() & speeds["headless"].keys()
    return {name: speeds["app"][name] / speeds["headless"][name] for name in sorted(both)}


def report(pairs: list[dict[str, float]], names: tuple[str, ...], machine: Machine) -> None:
    """The answer, on stdout."""
    print(machine.describe())
    print(f"texts/s with the app over texts/s without, {len(pairs)} pairs of runs")
    for name in names:
        ratios = [each[name] for each in pairs if name in each]
        if not ratios:
            print(f"{name:16} was not measured")
            continue
        ci95 = median_interval(ratios)
        shown = "too few pairs for an interval" if ci95 is None else f"95% CI {ci95[0]:.3f} to {ci95[1]:.3f}"
        print(f"{name:16} {statistics.median(ratios):.3f}  ({shown})")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=12, metavar="N")
    parser.add_argument("--model", default="demo", help="a folder, an id, or `demo`")
    parser.add_argument("--candidate", default="openvino", help="beside the baseline")
    parser.add_argument("--texts", metavar="SOURCE", help="as for `advisor recommend`; default: the built-in sample")
    parser.add_argument("--time-budget", default="90s", metavar="TIME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write every pair to this JSON file")
    arguments = parser.parse_args()
    machine = Machine.here()
    pairs: list[dict[str, float]] = []
    status = 0
    with tempfile.TemporaryDirectory(prefix="advisor-tui-") as name:
        try:
            for index in range(arguments.pairs):
                pairs.append(pair(arguments, index, Path(name)))
                ratios = ", ".join(f"{each} {ratio:.3f}" for each, ratio in pairs[-1].items())
                say(f"{index + 1:3} of {arguments.pairs}: {ratios}")
        except KeyboardInterrupt:
            status = 130
        except (subprocess.CalledProcessError, TimeoutError) as error:
            say(str(error))
            status = 1
    if pairs:
        report(pairs, (BASELINE, arguments.candidate), machine)
    if arguments.out is not None:
        write_json(arguments.out, {"machine": machine.facts(), "pairs": pairs})
    return status


if __name__ == "__main__":
    sys.exit(main())
