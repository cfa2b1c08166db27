"""How well a model's first layers foretell the whole: predicted against measured speedups.

    python benchmarks/screen.py [--models bert-12x768,...] [--lengths short,medium,long] [--objective throughput]
                                [--threads N] [--rounds N] [--out FILE]

For each model and length of texts the screen foretells every candidate that can run here, as a recommendation does it.
Then all of them are made whole and timed side by side on the same texts, in interleaved rounds without cuts. The error
is the predicted speedup over the measured one. `lost` are candidates within 5 % of the best that the screen's margin
would have cut. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path

from common import Machine, question_of, say, write_json
from material import LENGTHS, SHAPES, model_folder, texts_of

from advisor import catalogue, objectives
from advisor.errors import ChildFailed
from advisor.export import Exporter
from advisor.measure import Run, Seams, preload_torch
from advisor.measure.contestant import Contestant
from advisor.measure.heat.laps import BlockLaps, SingleLaps, seats_of
from advisor.measure.pool import Pool
from advisor.measure.race.race import Entrant, Race
from advisor.measure.race.rounds import log_speed
from advisor.measure.workload.workload import screen_workload
from advisor.model import resolve_model
from advisor.objectives import Limits
from advisor.question import Question
from advisor.screen import NotScreenedError, depths_of, screen
from advisor.screen.screen import is_screened
from advisor.types import BASELINE, Exported, Request, Screened

AS_GOOD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One candidate of one cell."""

    model: str
    length: str
    candidate: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One model on texts of one length."""

    model: str
    length: str
    lines: tuple[Line, ...]
    baseline_error: float
    screen_s: float
    whole_s: float
    """Making and opening every candidate whole."""
    lost: tuple[str, ...]


def cell(name: str, length: str, machine: Machine, request: Request, *, rounds: int, scratch: Path) -> Cell:
    """Screen, then measure. Raises NotScreenedError where the model is not screened."""
    question = question_of(
        resolve_model(model_folder(name, scratch)), texts_of(length, sts=None), request, machine=machine
    )
    depths = depths_of(question.model)
    candidates = [one for one in map(catalogue.get, _tried(machine)) if is_screened(one)]
    folder = scratch / f"{name}-{length}"
    folder.mkdir()
    torch = preload_torch(log_dir=folder, threads=request.threads, trust_remote_code=False)
    run = Run(log_dir=folder, work_dir=folder, emit=lambda event: None, clock=time.monotonic, torch=torch)
    try:
        with Exporter(question, cache_dir=scratch / "cache", log_dir=folder, torch=torch) as exporter:
            start = time.monotonic()
            screened = screen(
                candidates,
                question,
                run,
                make=lambda candidate, depth: exporter.export(candidate, depth=depth),
                depths=depths,
            )
            screen_s = time.monotonic() - start
            say(f"    screened in {screen_s:.1f} s, the baseline missed by {screened.check.baseline_error:+.1%}")
            exported = []
            start = time.monotonic()
            for candidate in candidates:
                say(f"    exporting {candidate.name}")
                try:
                    exported.append(exporter.export(candidate))
                except ChildFailed as error:
                    say(f"    {candidate.name}: {error.message}")
        measured = _measure(exported, question, run, rounds=rounds)
        whole_s = time.monotonic() - start
    finally:
        torch.close()
    return _cell(name, length, screened, measured, screen_s=screen_s, whole_s=whole_s)


def _tried(machine: Machine) -> list[str]:
    """What a recommendation tries by itself."""
    hardware = machine.hardware
    names = (catalogue.get(name) for name in machine.candidates())
    return [one.name for one in names if one.same_as is None and catalogue.hardly_pays(one, hardware) is None]


def _measure(exported: Sequence[Exported], question: Question, run: Run, *, rounds: int) -> dict[str, float]:
    """Speedups over the baseline, whole."""
    contestants = {
        files.candidate: Contestant(exported=files, candidate=catalogue.get(files.candidate)) for files in exported
    }
    pool = Pool(question, run, Seams(), wanted=lambda: list(contestants.values()))
    baseline = contestants[BASELINE]
    try:
        pool.use(screen_workload(question, s_per_text=1.0))
        pool.load(baseline)
        pool.send(baseline)
        limit_s = pool.durations.load_timeout_s
        size = pool.workload.size(*pool.workload.blocks[0])
        for _ in range(2):
            (seconds,) = baseline.connection.time_blocks([pool.workload.blocks[0]], wake=None, timeout_s=limit_s)
        pool.use(screen_workload(question, s_per_text=seconds / size))
        for name, one in contestants.items():
            say(f"    loading {name}")
            one.findings = replace(one.findings, s_per_text=seconds / size)
            if not one.is_open:
                pool.load(one)
            pool.send(one)
            pool.warm_up(one)
        say(f"    {rounds} rounds")
        latency = objectives.get(question.request.objective).races.decides == "latency"
        result = Race(
            entrants=[Entrant(name=name) for name in contestants],
            runner=(SingleLaps if latency else BlockLaps)(seats_of(contestants), pool),
            baseline=BASELINE,
            limits=Limits(max_rounds=rounds, cuts=False, straggler_ratio=inf),
            seed=1,
            clock=time.monotonic,
        ).run()
    finally:
        for one in contestants.values():
            one.kill()
    return {name: math.exp(statistics.median(log_speed(result.rounds, name, BASELINE))) for name in contestants}


def _cell(
    name: str, length: str, screened: Screened, measured: dict[str, float], *, screen_s: float, whole_s: float
) -> Cell:
    lines = tuple(
        Line(model=name, length=length, candidate=each, predicted=found.speedup, measured=measured[each])
        for each, found in screened.predicted.items()
        if each in measured and each != BASELINE
    )
    best = max(measured.values())
    good = {each for each, speedup in measured.items() if speedup * (1 + AS_GOOD) >= best}
    predicted_best = max(found.speedup for found in screened.predicted.values())
    lost = [
        each
        for each, found in screened.predicted.items()
        if each in good and found.speedup * (1 + objectives.PREDICTION_MARGIN) < predicted_best
    ]
    for line in lines:
        say(f"    {line.candidate:18} {line.predicted:5.2f}x  {line.measured:5.2f}x  {line.error:+4.0%}")
    return Cell(
        model=name,
        length=length,
        lines=lines,
        baseline_error=screened.check.baseline_error,
        screen_s=screen_s,
        whole_s=whole_s,
        lost=tuple(lost),
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(name for name, shape in SHAPES.items() if shape.num_layers >= 12))
    parser.add_argument("--lengths", default=",".join(LENGTHS))
    parser.add_argument("--objective", default="throughput")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = Machine.here()
    print(machine.describe())
    request = Request(threads=options.threads or machine.hardware.threads, objective=options.objective)
    cells = []
    with tempfile.TemporaryDirectory(prefix="advisor-screen-") as scratch:
        for name in options.models.split(","):
            for length in options.lengths.split(","):
                say(f"{name}, {length} texts")
                try:
                    cells.append(cell(name, length, machine, request, rounds=options.rounds, scratch=Path(scratch)))
                except NotScreenedError as error:
                    say(f"    not screened: {error}")
    lines = [line for each in cells for line in each.lines]
    print("model            length  candidate          predicted  measured  error")
    for line in lines:
        print(
            f"{line.model:16} {line.length:7} {line.candidate:18} {line.predicted:8.2f}x {line.measured:8.2f}x "
            f"{line.error:+6.1%}"
        )
    for each in cells:
        print(
            f"{each.model}, {each.length}: screened in {each.screen_s:.0f} s, whole in {each.whole_s:.0f} s; "
            f"the baseline missed by {each.baseline_error:+.1%}; lost: {', '.join(each.lost) or 'none'}"
        )
    if lines:
        close = sum(abs(line.error) <= 0.1 for line in lines)
        print(f"within 10 %: {close} of {len(lines)}; worst {max((line.error for line in lines), key=abs):+.1%}")
    if options.out is not None:
        write_json(options.out, {"machine": machine.facts(), "cells": [asdict(each) for each in cells]})


if __name__ == "__main__":
    main()
