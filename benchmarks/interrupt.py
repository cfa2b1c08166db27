"""Whether an interrupted recommendation goes on: Ctrl+C at random moments, then the same command again.

    python benchmarks/interrupt.py [--times 10] [--model demo] [--texts SOURCE] [--seed 0]

`advisor recommend` runs in a process of its own, from an empty cache. It is sent SIGINT after a random time and started
again, until it has been interrupted so often; then it is left alone. In the end there must be an answer, no export may
have been made twice, and no process may be left. Exit code 1 if not.

Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from common import say

from advisor.paths import ROUNDS

FIRST_S = 2.0
"""No sooner: an interpreter that is still starting has no finished work to lose."""

_EXPORTED = re.compile(r"^\s*(\S+): exported in ", re.MULTILINE)
_FROM_CACHE = re.compile(r"^\s*(\S+): from the cache", re.MULTILINE)
_REUSED = re.compile(r"(\d+) rounds? from")


def start(arguments: argparse.Namespace, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "advisor", "recommend", arguments.model, "-v", "--no-color"]
    command += ["--out", str(folder / "artifact")]
    command += [] if arguments.texts is None else ["--texts", arguments.texts]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "ADVISOR_CACHE": str(folder / "cache")},
        start_new_session=True,
    )


def left_over(folder: Path) -> list[str]:
    """Processes that still use the folder, and what is half-built in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environment = process.info["environ"] or {}
        if environment.get("ADVISOR_CACHE") == str(folder / "cache"):
            found.append(" ".join(process.info["cmdline"] or ["a process"]))
    exports = folder / "cache" / "exports"
    found += [path.name for path in exports.glob("*") if len(path.name) != 64] if exports.is_dir() else []
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--texts", metavar="SOURCE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=60.0, metavar="SECONDS", help="interrupt no later; default 60")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    made: list[str] = []
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="advisor-interrupt-") as scratch:
        folder = Path(scratch)
        interrupted = 0
        while True:
            process = start(arguments, folder)
            wait_s = rng.uniform(FIRST_S, arguments.longest) if interrupted < arguments.times else None
            start_s = time.monotonic()
            try:
                output, _ = process.communicate(timeout=wait_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate()
                interrupted += 1
            took_s = time.monotonic() - start_s
            exports = _EXPORTED.findall(output)
            made += exports
            reused = _REUSED.search(output)
            say(
                f"exit {process.returncode} after {took_s:.0f} s: {len(exports)} exports made, "
                f"{len(_FROM_CACHE.findall(output))} from the cache, {reused[1] if reused else 0} rounds reused"
            )
            problems += [f"left over: {each}" for each in left_over(folder)]
            if process.returncode not in (0, 130):
                problems.append(f"exit code {process.returncode}: {output[-500:]}")
                break
            if process.returncode == 0 and interrupted < arguments.times:
                shutil.rmtree(folder / "cache" / ROUNDS)  # it was done before it could be interrupted: measure anew
                continue
            if process.returncode == 0:
                break
        if not (folder / "artifact" / "advisor.json").is_file():
            problems.append("there is no artifact")
    repeated = sorted({name for name in made if made.count(name) > 1})
    problems += [f"exported more than once: {name}" for name in repeated]
    print(f"interrupted {interrupted} times; exports made: {', '.join(made)}")
    for problem in problems:
        print(f"  {problem}")
    print("it ended with an answer, and no export was made twice" if not problems else "FAILED")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
