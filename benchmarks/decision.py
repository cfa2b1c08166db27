"""How good a recommendation is, and what it saves: `advisor.recommend` against an exhaustive search.

    python benchmarks/decision.py [--models demo,bert-12x768] [--lengths short,long] [--objectives throughput]
                                  [--cells N] [--sts FILE] [--out FILE]

For each cell (a model, a length of texts, an objective) the oracle exports every candidate that can run here and times
all of them in 15 interleaved rounds, without cuts. Every round encodes all the texts of the sample (of long ones a
random part that takes the baseline about two seconds): none of the recommendation's short cuts is in it, so that an
error of theirs shows as regret. Then `advisor.recommend` runs as a user would run it. Both start from an empty cache.
The regret is how much slower the recommended candidate is than the oracle's best, by the oracle's rounds. Progress goes
to stderr, and Ctrl+C prints what is finished.

Of each cell is also printed what the recommendation made of every candidate: it should leave none unjudged that can
run.

`--models` takes every name of `material.MODELS`; by default it takes three small models. All but `demo` have random
weights. Their losses mean nothing, so that their loss budget is 90 % and accuracy decides nothing there.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from common import Machine, Workers, export, question_of, recommend, say, write_json
from material import ANY_LOSS, DEMO, LENGTHS, MODELS, max_loss_of, model_folder, texts_of

from advisor import catalogue, objectives
from advisor.device import CPU
from advisor.errors import AdvisorError, ChildFailed
from advisor.events import Event, ExportStarted, StageStarted
from advisor.measure.heat.laps import BlockLaps, SingleLaps, seats_of
from advisor.measure.noise import Contest, read_noise, warnings
from advisor.measure.race.race import Entrant, Race, Runner
from advisor.measure.race.rounds import Round, estimate, fastest, log_speed
from advisor.measure.workload.sizes import probe_size
from advisor.measure.workload.workload import Workload
from advisor.model import resolve_model
from advisor.objectives import Limits
from advisor.types import BASELINE, ObjectiveName, Recommendation, Request, Status

DEFAULT_MODELS = (DEMO, "bert-12x768", "mpnet-6x384")
"""Those of the published cells: a search of every shape by default would take too long to be repeated."""

OBJECTIVES = tuple(name for name in objectives.OBJECTIVES if name != "memory")
ORACLE_ROUNDS = 15
ORACLE_SEED = 1
"""Not that of the recommendation: the order of rounds is another."""

ORACLE_LAP_S = 2.0
"""How long the baseline may encode in a round: all 512 sampled texts of 40 characters, or a part of longer ones."""

FEWEST_TEXTS = 32
"""However slow the model is, unless `--fewest-texts` says otherwise: one batch of Sentence Transformers."""

_TIME_S = 45.0
"""About what a recommendation has left after its exports. Losses that mean nothing are estimated on as few texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One candidate as the oracle saw it."""

    name: str
    accepted: bool
    loss: float | None
    speedup: float
    """Over the baseline."""
    behind: float
    """How much slower it is than the best accepted one: 0.05 takes 5 % longer; below 0 where it is faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What the exhaustive search found for one objective. `wall_s` is all that it would have taken for this one."""

    rounds: tuple[Round, ...]
    best: str
    speeds: tuple[Speed, ...]
    failed: dict[str, str]
    wall_s: float
    warnings: tuple[str, ...] = ()
    """What else the machine did meanwhile, where it could have changed who is best."""

    def speed(self, name: str) -> Speed | None:
        return next((speed for speed in self.speeds if speed.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the recommendation made of one candidate."""

    name: str
    status: Status
    reason: str
    unjudged: bool
    """It can run here, and its turn did not come: `Outcome.untried`. What is known to equal another does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One comparison. `regret` is None where there was no pick, or where the oracle could not run it."""

    model: str
    length: str
    objective: ObjectiveName
    max_loss: float
    best: str
    best_speedup: float
    pick: str | None
    pick_accepted: bool | None
    """Whether the oracle's estimate of its loss is within the budget too."""
    rules: str
    """What the rules alone named."""
    regret: float | None
    regret_ci95: tuple[float, float] | None
    rules_regret: float | None
    verdict: str
    why: str
    oracle_s: float
    recommend_s: float
    oracle_warnings: tuple[str, ...]
    recommend_warnings: tuple[str, ...]
    speeds: tuple[Speed, ...]
    failed: dict[str, str]
    candidates: tuple[Entry, ...]
    """In the recommendation, where `speeds` and `failed` are the oracle's."""

    @property
    def unjudged(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.candidates if entry.unjudged)


def search(
    model_name: str,
    texts: Sequence[str],
    objectives: Sequence[ObjectiveName],
    *,
    max_loss: float,
    machine: Machine,
    skip: Sequence[str],
    fewest_texts: int,
) -> dict[ObjectiveName, Oracle]:
    """Export and time everything. The objectives share the exports, and each counts their time."""
    before = read_noise()
    model = resolve_model(model_name)
    found: dict[ObjectiveName, Oracle] = {}
    exports_s: float | None = None
    with tempfile.TemporaryDirectory(prefix="advisor-oracle-") as scratch:
        folder = Path(scratch)
        for objective in objectives:
            request = Request(
                objective=objective, max_loss=max_loss, threads=machine.hardware.threads, seed=ORACLE_SEED
            )
            start = time.monotonic()
            files = export(
                [name for name in machine.candidates() if name not in skip],
                model=model,
                machine=machine,
                texts=texts,
                threads=request.threads,
                objective=objective,
                cache=folder / "cache",
                logs=folder,
            )
            exported = time.monotonic()
            exports_s = exported - start if exports_s is None else exports_s
            with Workers(
                files.exported,
                question_of(model, texts, request, machine=machine),
                folder=folder,
                time_s=math.inf if max_loss < ANY_LOSS else _TIME_S,
            ) as workers:
                _take_whole_sample(workers, texts, objective, fewest_texts)
                say(f"    {ORACLE_ROUNDS} rounds for {objective}, of {workers.workload.size(1)} texts")
                rounds, failed = _race(workers, objective)
                wall_s = exports_s + time.monotonic() - exported
                failed = {**files.failed, **workers.failed, **failed}
                found[objective] = _judged(workers, rounds, failed, max_loss=max_loss, wall_s=wall_s)
    after = read_noise()  # the workers' own CPU time is known once they have ended
    return {
        objective: replace(oracle, warnings=warnings(before, after, _contest(oracle), threads=machine.hardware.threads))
        for objective, oracle in found.items()
    }


def _contest(oracle: Oracle) -> Contest:
    rivals = tuple(speed.name for speed in oracle.speeds if speed.accepted and speed.name != oracle.best)
    return Contest(rounds=oracle.rounds, leader=oracle.best, rivals=rivals, ending="rounds")


def _take_whole_sample(workers: Workers, texts: Sequence[str], objective: ObjectiveName, fewest_texts: int) -> None:
    """A workload of one block: all the texts, in one call or one at a time. Every worker gets it, and runs it once."""
    baseline = workers.contestants[BASELINE]
    seconds_per_text = baseline.s_per_text
    if objective == "latency":
        limit_s = workers.pool.durations.probe_timeout_s
        seconds_per_text = statistics.fmean(baseline.connection.latencies(workers.workload.probe, timeout_s=limit_s))
    affordable = round(ORACLE_LAP_S / max(seconds_per_text, 1e-6))
    chosen = tuple(texts[: max(fewest_texts, affordable, 1)])
    probe = chosen[: probe_size(seconds_per_text, device=CPU)]
    workers.pool.use(Workload(batches=(probe, chosen), blocks=((1,),), block_texts=(float(len(chosen)),), singles=(1,)))
    for contestant in workers.contestants.values():
        workers.pool.send(contestant)
    runner = _runner(workers, objective)
    for name in workers.contestants:
        with contextlib.suppress(ChildFailed):  # it fails again in its first round, which tells why
            runner.run(name, 0)


def _runner(workers: Workers, objective: ObjectiveName) -> Runner:
    return (SingleLaps if objective == "latency" else BlockLaps)(seats_of(workers.contestants), workers.pool)


def _race(workers: Workers, objective: ObjectiveName) -> tuple[tuple[Round, ...], dict[str, str]]:
    result = Race(
        entrants=[Entrant(name=name) for name in workers.contestants],
        runner=_runner(workers, objective),
        baseline=BASELINE,
        limits=Limits(max_rounds=ORACLE_ROUNDS, cuts=False, straggler_ratio=math.inf),
        seed=ORACLE_SEED,
        clock=time.monotonic,
    ).run()
    return result.rounds, {left.name: left.reason for left in result.exits}


def _judged(
    workers: Workers, rounds: tuple[Round, ...], failed: dict[str, str], *, max_loss: float, wall_s: float
) -> Oracle:
    ran = [name for name in workers.contestants if name not in failed]
    accepted = [name for name in ran if workers.contestants[name].may_win(max_loss)]
    best = fastest(rounds, accepted)
    speeds = []
    for name in ran:
        loss = workers.contestants[name].findings.loss
        speeds.append(
            Speed(
                name=name,
                accepted=name in accepted,
                loss=None if loss is None else loss.value,
                speedup=math.exp(statistics.median(log_speed(rounds, name, BASELINE))),
                behind=math.expm1(statistics.median(log_speed(rounds, best, name))),
            )
        )
    speeds.sort(key=lambda speed: speed.behind)
    return Oracle(rounds=rounds, best=best, speeds=tuple(speeds), failed=failed, wall_s=wall_s)


def progress(event: Event) -> None:
    """What a recommendation does now."""
    if isinstance(event, StageStarted):
        say(f"    {event.elapsed_s:4.0f} s  {event.stage}")
    elif isinstance(event, ExportStarted):
        say(f"    {event.elapsed_s:4.0f} s  exporting {event.candidate}")


def entries_of(found: Recommendation) -> tuple[Entry, ...]:
    """What became of every candidate."""
    return tuple(
        Entry(
            name=outcome.name,
            status=outcome.status,
            reason=outcome.reason,
            unjudged=outcome.status == "skipped" and bool(getattr(outcome, "untried", None)),
        )
        for outcome in found.candidates
    )


def compare(
    model: str,
    length: str,
    objective: ObjectiveName,
    max_loss: float,
    oracle: Oracle,
    found: Recommendation,
    wall_s: float,
) -> Cell:
    """One finished cell."""
    best = oracle.speed(oracle.best)
    assert best is not None  # it is one of those that ran
    pick = None if found.winner is None else oracle.speed(found.winner)
    rules = oracle.speed(found.decision.recommendation)
    ratio = None if pick is None else estimate(log_speed(oracle.rounds, oracle.best, pick.name))
    interval = None if ratio is None or ratio.ci95 is None else (ratio.ci95[0] - 1, ratio.ci95[1] - 1)
    return Cell(
        model=model,
        length=length,
        objective=objective,
        max_loss=max_loss,
        best=oracle.best,
        best_speedup=best.speedup,
        pick=found.winner,
        pick_accepted=None if pick is None else pick.accepted,
        rules=found.decision.recommendation,
        regret=None if pick is None else pick.behind,
        regret_ci95=interval,
        rules_regret=None if rules is None else rules.behind,
        verdict=found.verdict,
        why=found.why,
        oracle_s=oracle.wall_s,
        recommend_s=wall_s,
        oracle_warnings=oracle.warnings,
        recommend_warnings=found.warnings,
        speeds=oracle.speeds,
        failed=oracle.failed,
        candidates=entries_of(found),
    )


def run(arguments: argparse.Namespace, cells: list[Cell], machine: Machine, save: Any) -> None:
    """Append to `cells`, and call `save` after each."""
    options = {} if arguments.time_budget is None else {"time_budget_s": arguments.time_budget}
    grid = list(itertools.product(arguments.models, arguments.lengths, arguments.objectives))[: arguments.cells]
    with tempfile.TemporaryDirectory(prefix="advisor-models-") as scratch:
        for (model, length), group in itertools.groupby(grid, key=lambda cell: cell[:2]):
            objectives = [objective for _, _, objective in group]
            max_loss = max_loss_of(model, arguments.max_loss)
            texts = texts_of(length, sts=arguments.sts)
            try:
                name = model_folder(model, Path(scratch))
                say(f"{model}, {length}: the oracle")
                oracles = search(
                    name,
                    texts,
                    objectives,
                    max_loss=max_loss,
                    machine=machine,
                    skip=arguments.skip,
                    fewest_texts=arguments.fewest_texts,
                )
                for objective in objectives:
                    say(f"{model}, {length}, {objective}: advisor.recommend")
                    found, wall_s = recommend(
                        name, texts=texts, objective=objective, max_loss=max_loss, on_event=progress, **options
                    )
                    cell = compare(model, length, objective, max_loss, oracles[objective], found, wall_s)
                    cells.append(cell)
                    save()
                    say(f"{len(cells)} of {len(grid)}: {line(cell)}")
                    for warning in cell.oracle_warnings:
                        say(f"    the oracle: {warning}")
            except AdvisorError as error:
                say(f"{model}, {length}: {error}")


# -- the answer ----------------------------------------------------------------------------------------------


def line(cell: Cell) -> str:
    """One cell, as it is printed."""
    if cell.regret is None:
        regret = "-"
    else:
        over = "" if cell.pick_accepted else ", over the loss budget by the oracle's estimate"
        interval = "" if cell.regret_ci95 is None else f" ({cell.regret_ci95[0]:.1%} to {cell.regret_ci95[1]:.1%})"
        regret = f"{cell.regret:.1%}{'' if cell.pick == cell.best else interval}{over}"
    rules = "-" if cell.rules_regret is None else f"{cell.rules_regret:.1%}"
    return (
        f"{cell.model}, {cell.length}, {cell.objective}: oracle {cell.best} ({cell.best_speedup:.2f}x), "
        f"pick {cell.pick or 'none'} ({cell.verdict}), regret {regret}; rules alone {cell.rules}, regret {rules}; "
        f"oracle {cell.oracle_s:.0f} s, recommend {cell.recommend_s:.0f} s, "
        f"{cell.oracle_s / cell.recommend_s:.2f}x\n    {judgements(cell)}"
    )


def judgements(cell: Cell) -> str:
    """Which candidates the recommendation judged, by their statuses, and which it did not."""
    groups: dict[str, list[str]] = {}
    for entry in cell.candidates:
        if not entry.unjudged:
            groups.setdefault(entry.status, []).append(entry.name)
    judged = "; ".join(f"{status} {', '.join(names)}" for status, names in groups.items())
    return f"{judged}; not judged {', '.join(cell.unjudged) or 'none'}"


def report(cells: Sequence[Cell], machine: Machine) -> None:
    """The answer, on stdout."""
    print(machine.describe())
    for cell in cells:
        print(line(cell))
    for what, regrets in (
        ("regret", [cell.regret for cell in cells if cell.regret is not None]),
        ("regret of the rules alone", [cell.rules_regret for cell in cells if cell.rules_regret is not None]),
    ):
        if regrets:
            print(f"{what}: median {statistics.median(regrets):.1%}, worst {max(regrets):.1%}, cells {len(regrets)}")
    complete = sum(not cell.unjudged for cell in cells)
    print(f"every candidate that can run was judged: in {complete} of {len(cells)} cells")
    times = [cell.recommend_s for cell in cells]
    ratios = [cell.oracle_s / cell.recommend_s for cell in cells]
    print(f"recommend: median {statistics.median(times):.0f} s, worst {max(times):.0f} s")
    print(f"oracle / recommend: median {statistics.median(ratios):.2f}x, worst {min(ratios):.2f}x")


def choice(known: Sequence[str]) -> Any:
    """A parser of names with commas between them."""

    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is unknown; choose among {', '.join(known)}")
        return names

    return parse


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, known, default in (
        ("--models", MODELS, DEFAULT_MODELS),
        ("--lengths", tuple(LENGTHS), tuple(LENGTHS)),
        ("--objectives", OBJECTIVES, OBJECTIVES),
    ):
        taken = "all" if default == known else ", ".join(default)
        words = f"of {', '.join(known)}; default: {taken}"
        parser.add_argument(option, type=choice(known), default=default, metavar="A,B", help=words)
    parser.add_argument(
        "--skip",
        type=choice(catalogue.names()),
        default=(),
        metavar="A,B",
        help="what the oracle leaves out: torch-fp16, for one, is slowest where the CPU has no instructions for it",
    )
    parser.add_argument(
        "--fewest-texts",
        type=int,
        default=FEWEST_TEXTS,
        metavar="N",
        help=f"in a round of the oracle, however slow the model is; default {FEWEST_TEXTS}",
    )
    parser.add_argument("--cells", type=int, metavar="N", help="only the first N cells of the grid")
    parser.add_argument("--sts", type=Path, metavar="FILE", help="take the short texts from this STS file")
    parser.add_argument("--max-loss", type=float, default=0.004, metavar="SHARE", help="for `demo`; default 0.004")
    parser.add_argument("--time-budget", type=float, metavar="SECONDS", help="of the recommendation; default: its own")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a JSON file, anew after every cell")
    arguments = parser.parse_args()
    machine = Machine.here()
    cells: list[Cell] = []

    def save() -> None:
        if arguments.out is not None:
            asked = {key: value for key, value in vars(arguments).items() if key not in ("out", "sts")}
            rows = [asdict(cell) for cell in cells]
            write_json(arguments.out, {"machine": machine.facts(), "asked": asked, "cells": rows})

    status = 0
    try:
        run(arguments, cells, machine, save)
    except KeyboardInterrupt:
        status = 130
    if cells:
        report(cells, machine)
    return status or (0 if cells else 1)


if __name__ == "__main__":
    sys.exit(main())
