"""One heat: the candidates that are loaded race, the front runners are tuned, and what only reports is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from advisor.measure.contestant import Contestant
from advisor.measure.plan import LATENCY_BLOCKS
from advisor.measure.race import FLOOR_ROUNDS, Exit, Limits, RaceResult
from advisor.measure.ranges import speed_by_length
from advisor.measure.rounds import Round
from advisor.measure.stages import Stages, Tuned
from advisor.measure.tuner import Tuner
from advisor.types import LengthSpeed, ObjectiveName, TriedSetting

_DECIDES = Limits()
_REPORTS = Limits(max_rounds=FLOOR_ROUNDS, cuts=False)
_LATENCY_REPORTS = Limits(min_rounds=LATENCY_BLOCKS, max_rounds=LATENCY_BLOCKS, cuts=False)

_REPORTS_SHARE = 0.4
_ROOM_FOR_ANOTHER = 0.9
"""Share of the time within which a race that is run once more must be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPlan:
    """How the races run under an objective. The race on what it asks for decides: it cuts, and stops by evidence.

    `share` is that of the heat's time after which the deciding race ends, so that there is some for the rest.
    """

    throughput: Limits
    latency: Limits
    share: float


HEAT_PLANS: dict[ObjectiveName, HeatPlan] = {
    "throughput": HeatPlan(throughput=_DECIDES, latency=_LATENCY_REPORTS, share=0.75),
    "latency": HeatPlan(throughput=_REPORTS, latency=_DECIDES, share=0.85),
    "memory": HeatPlan(
        throughput=Limits(max_rounds=_DECIDES.min_rounds, cuts=False, straggler_ratio=20.0),
        latency=_LATENCY_REPORTS,
        share=0.8,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatResult:
    """What a heat gave: the rounds that count, and how the race that decides ended."""

    rounds: tuple[Round, ...]
    singles: tuple[Round, ...]
    deciding: RaceResult
    tuned: Mapping[str, Tuned]
    by_length: Mapping[str, tuple[LengthSpeed, ...]]
    num_rounds: int
    num_reused: int
    num_reruns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told what, while a heat runs, and who is asked; nobody, unless somebody is named."""

    on_lap: Callable[[str, int, int, float], None] = lambda *_: None
    """Candidate, round from 1, block, seconds. Laps of the race on throughput only."""
    on_exit: Callable[[Exit, Sequence[Round]], None] = lambda *_: None
    """An exit and the rounds of its race on throughput so far."""
    on_tried: Callable[[str, TriedSetting], None] = lambda *_: None
    doubt: Callable[[Sequence[Round], Sequence[Round]], str | None] = lambda *_: None
    """Why rounds of throughput and of latency carry no verdict; None if they do."""
    on_repeat: Callable[[str], None] = lambda _: None
    """The race is run again, for that reason; whoever was cut is back."""
    reopen: Callable[[Contestant], None] = lambda _: None
    """Start a candidate's worker again. Raises ChildFailed."""


OnExit = Callable[[Exit, Sequence[Round]], None]


def unless_slow(on_exit: OnExit) -> OnExit:
    """For a race that only reports: one that is slow in it is timed no longer there, and stays where it is."""

    def told(left: Exit, rounds: Sequence[Round]) -> None:
        if left.status != "cut":
            on_exit(left, rounds)

    return told


def _num_rounds(found: tuple[RaceResult, RaceResult | None]) -> int:
    """Those of the race that decides."""
    throughput, latency = found
    return len((throughput if latency is None else latency).rounds)


@dataclass(slots=True, kw_only=True)
class Heat:
    """Run it once. `ready` holds the baseline."""

    ready: Sequence[Contestant]
    stages: Stages
    listeners: Listeners
    num_reruns: int = 0

    def run(self) -> HeatResult:
        """The races in the objective's order, then tuning, ranges of lengths, and what only reports.

        Raises ExhaustedError where all rounds were to come from the journal, and do not.
        """
        stages, listeners = self.stages, self.listeners
        stages.start_s = stages.clock()
        throughput, latency = self.decide()
        deciding = latency if latency is not None else throughput
        rounds, singles = list(throughput.rounds), list(() if latency is None else latency.rounds)
        gone = {left.name for left in (*throughput.exits, *deciding.exits) if left.status != "cut"}
        still_there = {one.name: one for one in self.ready if one.name not in gone}
        Tuner(stages=stages, on_tried=listeners.on_tried, on_exit=listeners.on_exit, reopen=listeners.reopen).run(
            still_there, deciding, rounds, singles
        )
        by_length = speed_by_length(stages, still_there, rounds, on_exit=listeners.on_exit)
        if latency is None:
            singles += stages.race(
                "latency",
                stages.entrants(still_there),
                stages.singles(stages.seats(still_there)),
                limits=HEAT_PLANS[stages.request.objective].latency,
                share=1.0,
                on_exit=unless_slow(lambda left, _: listeners.on_exit(left, rounds)),
            ).rounds
        return HeatResult(
            rounds=tuple(rounds),
            singles=tuple(singles),
            deciding=deciding,
            tuned=stages.tuned,
            by_length=by_length,
            num_rounds=stages.num_rounds,
            num_reused=stages.num_reused,
            num_reruns=self.num_reruns,
        )

    def decide(self) -> tuple[RaceResult, RaceResult | None]:
        """The race on throughput, and where latency decides that on latency; once again if they carry no verdict."""
        stages = self.stages
        found = self._races(0)
        if not stages.live or stages.control.stopped:
            return found
        throughput, latency = found
        why = self.listeners.doubt(throughput.rounds, () if latency is None else latency.rounds)
        took_s = stages.clock() - stages.start_s
        if why is None or 2 * took_s > _ROOM_FOR_ANOTHER * stages.time_s:
            return found
        self.num_reruns += 1
        stages.journal.forget_rounds()
        self.listeners.on_repeat(why)
        counted = stages.num_rounds, stages.num_reused
        stages.num_rounds = stages.num_reused = 0  # they are forgotten
        again = self._races(1)
        if _num_rounds(again) >= FLOOR_ROUNDS:
            return again
        # The user has stopped it: what is measured is the first race.
        stages.num_rounds += counted[0]
        stages.num_reused += counted[1]
        for left in throughput.exits if latency is None else (*throughput.exits, *latency.exits):
            self.listeners.on_exit(left, throughput.rounds)
        return found

    def _races(self, attempt: int) -> tuple[RaceResult, RaceResult | None]:
        stages = self.stages
        heat_plan = HEAT_PLANS[stages.request.objective]
        able = {one.name: one for one in self.ready if one.exit is None or not stages.live}
        decides = stages.request.objective != "latency"
        throughput = stages.race(
            "throughput",
            stages.entrants(able),
            stages.blocks(stages.seats(able)),
            limits=heat_plan.throughput,
            share=heat_plan.share if decides else _REPORTS_SHARE,
            decides=decides,
            attempt=attempt,
            on_lap=self.listeners.on_lap,
            on_exit=self.listeners.on_exit if decides else unless_slow(self.listeners.on_exit),
        )
        if decides:
            return throughput, None
        gone = {left.name for left in throughput.exits if left.status != "cut"}
        still_there = {name: one for name, one in able.items() if name not in gone}
        latency = stages.race(
            "latency",
            stages.entrants(still_there),
            stages.singles(stages.seats(still_there)),
            limits=heat_plan.latency,
            share=heat_plan.share,
            decides=True,
            attempt=attempt,
            on_exit=lambda left, _: self.listeners.on_exit(left, throughput.rounds),
        )
        return throughput, latency
