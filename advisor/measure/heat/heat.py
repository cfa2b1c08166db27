"""One heat: the candidates that are ready race, the front runners are tuned, and what only reports is timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.measure.contestant import Contestant
from advisor.measure.heat.speed_by_length import speed_by_length
from advisor.measure.heat.stages import Stages
from advisor.measure.heat.tuner import Tuner
from advisor.measure.race.race import RaceResult
from advisor.measure.race.rounds import Round
from advisor.objectives import FLOOR_ROUNDS

_REPORTS_SHARE = 0.4
"""Of the heat's time, for a race on throughput that only reports."""
_ROOM_FOR_ANOTHER = 0.9
"""Share of the time within which a race that is run once more must be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatResult:
    """What a heat gave: the rounds that count, and how the race that decides ended."""

    rounds: tuple[Round, ...]
    singles: tuple[Round, ...]
    deciding: RaceResult
    num_rounds: int
    num_reused: int
    num_reruns: int


@dataclass(slots=True, kw_only=True)
class Heat:
    """Run it once. `ready` holds the baseline; `doubt` says why what the stages hold carries no verdict, if it does
    not."""

    ready: Sequence[Contestant]
    stages: Stages
    doubt: Callable[[Stages], str | None]
    num_reruns: int = 0

    def run(self) -> HeatResult:
        """The races in the objective's order, then tuning, ranges of lengths, and what only reports."""
        stages = self.stages
        stages.start_s = stages.clock()
        deciding = self.decide()
        Tuner(stages=stages).run(self._still_there(), deciding)
        speed_by_length(stages, self._still_there())
        if stages.objective.races.decides == "throughput" and stages.may_begin("latency", before=1.0, needed_s=0.0):
            stages.singles += stages.report("latency", self._still_there(), share=1.0).rounds
        return HeatResult(
            rounds=tuple(stages.rounds),
            singles=tuple(stages.singles),
            deciding=deciding,
            num_rounds=stages.num_rounds,
            num_reused=stages.num_reused,
            num_reruns=self.num_reruns,
        )

    def decide(self) -> RaceResult:
        """The races up to the one that decides; once again if they carry no verdict and there is time."""
        stages = self.stages
        found = self._races()
        if stages.journal.finished or stages.control.stopped:
            return found
        why = self.doubt(stages)
        took_s = stages.clock() - stages.start_s
        if why is None or 2 * took_s > _ROOM_FOR_ANOTHER * stages.time_s:
            return found
        first = stages.rounds, stages.singles, stages.num_rounds, stages.num_reused, set(stages.gone)
        self.num_reruns += 1
        stages.journal.forget_rounds()
        for one in self.ready:
            if not one.is_gone:
                one.exit = None
        stages.observer.repeated(why)
        stages.attempt = 1
        stages.rounds, stages.singles, stages.num_rounds, stages.num_reused = [], [], 0, 0
        again = self._races()
        stages.attempt = 0
        if len(again.rounds) >= FLOOR_ROUNDS:
            return again
        # The user has stopped it: what is measured is the first race.
        stages.rounds, stages.singles, num_rounds, num_reused, stages.gone = first
        stages.num_rounds += num_rounds
        stages.num_reused += num_reused
        for left in found.exits:
            stages.observer.left(left, stages.rounds)
        return found

    def _races(self) -> RaceResult:
        stages = self.stages
        able = {one.name: one for one in self.ready if one.exit is None}
        if stages.objective.races.decides == "throughput":
            result = stages.decide("throughput", able)
            stages.rounds = list(result.rounds)
            return result
        stages.rounds = list(stages.report("throughput", able, share=_REPORTS_SHARE).rounds)
        result = stages.decide("latency", {name: one for name, one in able.items() if name not in stages.gone})
        stages.singles = list(result.rounds)
        return result

    def _still_there(self) -> dict[str, Contestant]:
        return {one.name: one for one in self.ready if one.name not in self.stages.gone}
