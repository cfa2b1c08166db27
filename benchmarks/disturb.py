"""Whether a busy machine gives another answer: the same recommendation, with busy loops started in mid-race.

    python benchmarks/disturb.py [--tries 10] [--model demo] [--texts SOURCE] [--out FILE]

First comes one recommendation on the machine as it is. Then each try measures anew (the exports are cached, the rounds
are not), and from the third round on a busy loop runs for each core that advisor may use, until the recommendation is
there. An answer is good if it has the same winner and verdict, or is `inconclusive`. Exit code 1 if one is not.

Progress goes to stderr, and Ctrl+C prints what is finished.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from common import Machine, environment, say, write_json

import advisor
from advisor.events import Event, RaceRepeated, RoundFinished
from advisor.paths import ROUNDS

DISTURBED_FROM_ROUND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One recommendation."""

    winner: str | None
    verdict: str
    why: str
    repeated: bool
    warnings: tuple[str, ...]
    wall_s: float

    def line(self) -> str:
        again = ", raced twice" if self.repeated else ""
        return f"{self.winner} ({self.verdict}{again}), {len(self.warnings)} warnings, {self.wall_s:.0f} s: {self.why}"


def burn() -> None:
    """Until it is ended, or its parent was: a loop that is left behind would disturb for days."""
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass


@contextmanager
def busy_loops(count: int) -> Iterator[list[multiprocessing.Process]]:
    """Holds what the block starts with `start`; ends them all."""
    context = multiprocessing.get_context("spawn")
    loops = [context.Process(target=burn, daemon=True) for _ in range(count)]
    try:
        yield loops  # type: ignore[misc]  # a process of a context is a process
    finally:
        for loop in loops:
            if loop.pid is not None:
                loop.kill()
                loop.join()


def attempt(model: str, texts: str | None, cache: Path, *, num_loops: int) -> Try:
    shutil.rmtree(cache / ROUNDS, ignore_errors=True)
    repeated = False
    with busy_loops(num_loops) as loops:

        def on_event(event: Event) -> None:
            nonlocal repeated
            repeated = repeated or isinstance(event, RaceRepeated)
            if isinstance(event, RoundFinished) and event.round_index == DISTURBED_FROM_ROUND:
                for loop in loops:
                    if loop.pid is None:
                        loop.start()

        start = time.monotonic()
        found = advisor.recommend(model, texts=texts, out=cache / "artifact", on_event=on_event)
        wall_s = time.monotonic() - start
    return Try(
        winner=found.winner,
        verdict=found.verdict,
        why=found.why,
        repeated=repeated,
        warnings=found.warnings,
        wall_s=wall_s,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--texts", metavar="SOURCE")
    parser.add_argument("--out", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    machine = Machine.here()
    tries: list[Try] = []
    with tempfile.TemporaryDirectory(prefix="advisor-disturb-") as scratch, environment(ADVISOR_CACHE=scratch):
        attempt(arguments.model, arguments.texts, Path(scratch), num_loops=0)  # fills the cache of exports
        quiet = attempt(arguments.model, arguments.texts, Path(scratch), num_loops=0)
        say(f"quiet: {quiet.line()}")
        with contextlib.suppress(KeyboardInterrupt):
            for index in range(arguments.tries):
                cores = machine.hardware.threads
                tries.append(attempt(arguments.model, arguments.texts, Path(scratch), num_loops=cores))
                say(f"{index + 1} of {arguments.tries}: {tries[-1].line()}")
    good = [each for each in tries if each.verdict == "inconclusive" or _same(each, quiet)]
    print(machine.describe())
    print(f"quiet: {quiet.line()}")
    print(f"disturbed: {len(good)} of {len(tries)} the same or inconclusive")
    for each in tries:
        print(f"  {'good' if each in good else 'BAD '}  {each.line()}")
    if arguments.out is not None:
        write_json(arguments.out, {"quiet": asdict(quiet), "tries": [asdict(each) for each in tries]})
    return 0 if len(good) == len(tries) else 1


def _same(one: Try, other: Try) -> bool:
    return (one.winner, one.verdict) == (other.winner, other.verdict)


if __name__ == "__main__":
    sys.exit(main())
