"""One heat: the candidates that are loaded race on throughput, then on latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from advisor.measure.contestant import Contestant
from advisor.measure.control import Control
from advisor.measure.pace import Pace
from advisor.measure.plan import LATENCY_BLOCKS, Plan
from advisor.measure.race import Entrant, Exit, Limits, Race, RaceResult
from advisor.measure.rounds import Round
from advisor.measure.runners import BlockRunner, SingleRunner
from advisor.types import BASELINE, Objective, Request

_DECIDES = Limits()
_REPORTS = Limits(max_rounds=_DECIDES.min_rounds, cuts=False)
_LATENCY_REPORTS = Limits(min_rounds=LATENCY_BLOCKS, max_rounds=LATENCY_BLOCKS, cuts=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPlan:
    """How both races run under an objective. `throughput_share` of the time is for the first one."""

    throughput: Limits
    latency: Limits
    throughput_share: float


HEAT_PLANS: dict[Objective, HeatPlan] = {
    "throughput": HeatPlan(throughput=_DECIDES, latency=_LATENCY_REPORTS, throughput_share=0.9),
    "latency": HeatPlan(throughput=_REPORTS, latency=_DECIDES, throughput_share=0.5),
    "memory": HeatPlan(
        throughput=Limits(max_rounds=_DECIDES.min_rounds, cuts=False, straggler_ratio=20.0),
        latency=_LATENCY_REPORTS,
        throughput_share=0.9,
    ),
}
"""The race on what the objective asks for decides: it cuts and stops by evidence. The other one reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatResult:
    """Both races of a heat."""

    throughput: RaceResult
    latency: RaceResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told what, while a heat runs."""

    on_lap: Callable[[str, int, int, float], None]
    """Candidate, round from 1, block, seconds. Laps of the race on throughput only."""
    on_exit: Callable[[Exit, Sequence[Round]], None]
    """An exit and the rounds of its race on throughput so far."""


def run_heat(
    ready: Sequence[Contestant],
    *,
    plan: Plan,
    pace: Pace,
    request: Request,
    pick: str,
    time_s: float,
    clock: Callable[[], float],
    control: Control,
    listeners: Listeners,
) -> HeatResult:
    """Race `ready`, which holds the baseline, for about `time_s` seconds.

    Candidates that the first race cuts still run in the second, so that their latency is known too, unless it is the
    one that decides.
    """
    by_name = {contestant.name: contestant for contestant in ready}
    heat_plan = HEAT_PLANS[request.objective]
    start_s = clock()
    throughput = Race(
        _entrants(by_name, request, pick),
        BlockRunner(by_name, plan, pace),
        baseline=BASELINE,
        num_blocks=len(plan.blocks),
        limits=heat_plan.throughput,
        seed=request.seed,
        clock=clock,
        deadline_s=start_s + heat_plan.throughput_share * time_s,
        control=control,
        on_lap=listeners.on_lap,
        on_exit=listeners.on_exit,
    ).run()
    gone = {left.name for left in throughput.exits if left.status != "cut" or request.objective == "latency"}
    still_there = {name: contestant for name, contestant in by_name.items() if name not in gone}
    latency = Race(
        _entrants(still_there, request, pick),
        SingleRunner(still_there, plan, pace),
        baseline=BASELINE,
        num_blocks=len(plan.singles),
        limits=heat_plan.latency,
        seed=request.seed + 1,
        clock=clock,
        deadline_s=start_s + time_s,
        control=control,
        on_exit=lambda left, _: listeners.on_exit(left, throughput.rounds),
    ).run()
    return HeatResult(throughput=throughput, latency=latency)


def _entrants(contestants: Mapping[str, Contestant], request: Request, pick: str) -> tuple[Entrant, ...]:
    return tuple(
        Entrant(name=name, may_win=contestant.may_win(request.max_loss), protected=name in (BASELINE, pick))
        for name, contestant in contestants.items()
    )
