"""How often a candidate beats itself: the same file, opened by two workers under two names, raced again and again.

    python benchmarks/aa.py [--races 40] [--candidate onnx] [--objective throughput] [--model demo] [--texts SOURCE]

Workers, texts, rounds, cuts, intervals and `choose` are those of a recommendation, with PyTorch as the baseline in
every round; only the time budget is left out. Since both names stand for one file, every winner is a false one, and the
95 % interval of the ratio of their speeds should hold 1.0 in 95 % of the races. Progress goes to stderr, and Ctrl+C
prints what is finished.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from common import Machine, Workers, export, question_of, sample, say, write_json
from scipy.stats import binomtest  # type: ignore[import-untyped]  # scipy ships no types

from advisor import catalogue
from advisor.choose import choose
from advisor.errors import AdvisorError
from advisor.measure.contestant import Contestant
from advisor.measure.control import Control
from advisor.measure.heat.heat import Heat
from advisor.measure.heat.stages import Stages
from advisor.measure.journal import Journal
from advisor.measure.race.observer import Exit, Observer
from advisor.measure.race.rounds import Round, estimate, log_speed
from advisor.model import resolve_model
from advisor.paths import cache_dir
from advisor.types import BASELINE, Decision, Exported, Request

ANY_LOSS = 0.9
"""Both names have the same loss, so it must not keep either of them out of the race."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One race of a candidate against itself."""

    rounds: int
    ending: str
    ratio: float
    """Speed of the first name relative to the second: the median over the rounds that both ran."""
    low: float
    high: float
    cut: bool
    """The race cut one of them as slower than the other."""
    winner: bool
    """`choose` would overturn either name, had the rules named it, for the other one."""

    @property
    def covered(self) -> bool:
        return self.low <= 1.0 <= self.high


def second_name(candidate: str) -> str:
    """Another name of the catalogue with the same runtime, if possible with the same precision."""
    first = catalogue.get(candidate)
    others = [
        one for one in catalogue.CATALOGUE if one.runtime == first.runtime and one.name not in (candidate, BASELINE)
    ]
    return min(others, key=lambda one: one.precision != first.precision).name


class Exits(Observer):
    """Tells the contestants that they have left."""

    def __init__(self, contestants: Mapping[str, Contestant]) -> None:
        self._contestants = contestants

    def left(self, left: Exit, rounds: Sequence[Round]) -> None:
        contestant = self._contestants[left.name]
        if contestant.exit is None:
            contestant.exit = left


def race(workers: Workers, names: tuple[str, str], request: Request, folder: Path) -> Trial:
    """One heat, as a recommendation runs it, with `request.seed`."""
    for contestant in workers.contestants.values():
        contestant.exit = None
    stages = Stages(
        index=0,
        question=replace(workers.question, request=request, pick=names[0]),
        pool=workers.pool,
        journal=Journal(None, scratch=folder),
        control=Control(),
        clock=time.monotonic,
        time_s=math.inf,
        observer=Exits(workers.contestants),
    )
    deciding = Heat(ready=list(workers.contestants.values()), stages=stages, doubt=lambda _: None).decide()
    exits = [contestant.exit for contestant in workers.contestants.values() if contestant.exit is not None]
    failed = next((left for left in exits if left.status == "failed"), None)
    if failed is not None:
        raise AdvisorError(f"{failed.name} {failed.reason}", hint=f"See {failed.log}.")
    sizes = workers.workload.block_texts
    outcomes = [workers.contestants[name].outcome(stages.rounds, stages.singles, sizes) for name in names]
    ratio = estimate(log_speed(deciding.rounds, *names))
    if ratio is None or ratio.ci95 is None:
        raise AdvisorError("A race ended with too few rounds for an interval.")
    return Trial(
        rounds=len(deciding.rounds),
        ending=deciding.ending,
        ratio=ratio.median,
        low=ratio.ci95[0],
        high=ratio.ci95[1],
        cut=any(left.rival in names for left in exits),
        winner=any(
            choose(outcomes, decision=_decision(name), request=request).verdict == "overturned" for name in names
        ),
    )


def _decision(name: str) -> Decision:
    return Decision(ruleset="none", path=(), recommendation=name, challengers=())


def run(arguments: argparse.Namespace, names: tuple[str, str], trials: list[Trial], machine: Machine) -> None:
    """Append to `trials` until there are enough."""
    model = resolve_model(arguments.model)
    texts = sample(arguments.texts, field=arguments.field)
    threads = machine.hardware.threads
    with tempfile.TemporaryDirectory(prefix="advisor-aa-") as name:
        folder = Path(name)
        files = export(
            dict.fromkeys((BASELINE, names[0])),
            model=model,
            machine=machine,
            texts=texts,
            threads=threads,
            objective=arguments.objective,
            cache=cache_dir(),
            logs=folder,
        )
        if files.failed:
            raise AdvisorError(f"{names[0]}: {files.failed[names[0]]}")
        exported: list[Exported] = [*files.exported, replace(files.exported[-1], candidate=names[1])]
        while len(trials) < arguments.races:
            left = arguments.races - len(trials)
            loaded_for = min(left, arguments.reload) if arguments.reload else left
            request = Request(
                objective=arguments.objective, max_loss=ANY_LOSS, threads=threads, seed=arguments.seed + len(trials)
            )
            question = question_of(model, texts, request, machine=machine)
            with Workers(exported, question, folder=folder) as workers:
                if workers.failed:
                    raise AdvisorError("; ".join(f"{name}: {reason}" for name, reason in workers.failed.items()))
                for _ in range(loaded_for):
                    start = time.monotonic()
                    trial = race(workers, names, replace(request, seed=arguments.seed + len(trials)), folder)
                    trials.append(trial)
                    say(
                        f"{len(trials):3} of {arguments.races}: ratio {trial.ratio:.3f} "
                        f"({trial.low:.3f} to {trial.high:.3f}), {trial.rounds} rounds ({trial.ending}), "
                        f"{time.monotonic() - start:.0f} s{', a winner' if trial.winner or trial.cut else ''}"
                    )


def report(trials: Sequence[Trial], names: tuple[str, str], machine: Machine, arguments: argparse.Namespace) -> None:
    """The answer, on stdout."""
    total = len(trials)
    print(machine.describe())
    texts = "the built-in sample" if arguments.texts is None else arguments.texts
    print(f"{arguments.model}, {texts}, {arguments.objective}: {names[0]} against itself as {names[1]}, {total} races")
    for what, hits in (
        ("the race cut one of the two", sum(trial.cut for trial in trials)),
        ("choose declared a winner", sum(trial.winner for trial in trials)),
        ("the 95% interval held 1.0", sum(trial.covered for trial in trials)),
    ):
        low, high = binomtest(hits, total).proportion_ci(0.95, method="exact")
        print(f"{what:28} {hits:3} of {total}  {hits / total:6.1%}  (exact 95% interval {low:.1%} to {high:.1%})")
    ratios = [trial.ratio for trial in trials]
    print(
        f"ratio of speeds: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}; "
        f"half interval {statistics.median((trial.high - trial.low) / 2 for trial in trials):.3f}; "
        f"rounds {statistics.median(trial.rounds for trial in trials):g} (medians)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--races", type=int, default=40, metavar="N")
    parser.add_argument("--model", default="demo", help="a folder, an id, or `demo`")
    parser.add_argument("--candidate", default="onnx", choices=[name for name in catalogue.names() if name != BASELINE])
    parser.add_argument("--objective", default="throughput", choices=("throughput", "latency"))
    parser.add_argument("--texts", metavar="SOURCE", help="as for `advisor recommend`; default: the built-in sample")
    parser.add_argument("--field", help="the text column of a table")
    parser.add_argument("--reload", type=int, default=5, metavar="N", help="start new workers every N races; 0: never")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write every race to this JSON file")
    arguments = parser.parse_args()
    names = (arguments.candidate, second_name(arguments.candidate))
    machine = Machine.here()
    trials: list[Trial] = []
    status = 0
    try:
        run(arguments, names, trials, machine)
    except KeyboardInterrupt:
        status = 130
    except AdvisorError as error:
        say(str(error))
        status = 1
    if trials:
        report(trials, names, machine, arguments)
    if arguments.out is not None:
        rows = [asdict(trial) | {"covered": trial.covered} for trial in trials]
        asked = {key: value for key, value in vars(arguments).items() if key != "out"}
        write_json(arguments.out, {"machine": machine.facts(), "asked": asked, "names": list(names), "races": rows})
    return status


if __name__ == "__main__":
    sys.exit(main())
