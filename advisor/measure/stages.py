"""The races of one heat: each has its name in the journal, its share of the time, and who sits in which seat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from advisor.measure.contestant import Contestant
from advisor.measure.control import Control
from advisor.measure.journal import Journal
from advisor.measure.pace import Pace
from advisor.measure.plan import Plan
from advisor.measure.race import FLOOR_ROUNDS, Entrant, Exit, Limits, Race, RaceResult
from advisor.measure.rounds import Round
from advisor.measure.runners import BlockRunner, Seat, SingleRunner
from advisor.types import BASELINE, Request, RuntimeSettings, TriedSetting

_SEED_STEP = 1000
_LAST_SHARE = 0.95
"""Of the heat's time, for a race that is run once more."""


class ExhaustedError(Exception):
    """The journal does not hold all the rounds of a heat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What tuning found for a candidate. `settings` is None where its own are the best."""

    setting: str
    settings: RuntimeSettings | None
    tried: tuple[TriedSetting, ...]


@dataclass(slots=True, kw_only=True)
class Stages:
    """Runs the races of a heat, one after the other, and counts their rounds.

    Without `live` all rounds come from the journal, or ExhaustedError is raised. `time_s` is the heat's; `clock` does
    not go on during pauses.
    """

    index: int
    plan: Plan
    pace: Pace
    request: Request
    pick: str
    time_s: float
    clock: Callable[[], float]
    control: Control
    journal: Journal
    live: bool = True
    start_s: float = 0.0
    num_rounds: int = 0
    num_reused: int = 0
    tuned: dict[str, Tuned] = field(default_factory=dict)
    """What tuning has found so far: everybody is seated with the settings that it kept."""

    def blocks(self, seats: Mapping[str, Seat]) -> tuple[BlockRunner, int]:
        """What times throughput, and on how many blocks."""
        return BlockRunner(seats, self.plan, self.pace), len(self.plan.blocks)

    def singles(self, seats: Mapping[str, Seat]) -> tuple[SingleRunner, int]:
        """What times latency, and on how many blocks."""
        return SingleRunner(seats, self.plan, self.pace), len(self.plan.singles)

    def recorded(self, stage: str) -> bool:
        """Whether the journal has rounds of a race."""
        return bool(self.journal.rounds(self._label(stage)))

    def is_late(self, share: float) -> bool:
        """Whether so much of the time is spent that no further race should begin; without `live` none does."""
        return not self.live or self.clock() - self.start_s > share * self.time_s

    def may_begin(self, stage: str, *, before: float, needed_s: float) -> bool:
        """Whether a race that may be left out should be run: the journal has rounds of it, or less than the share
        `before` of the heat's time is spent and `needed_s` seconds more have room in it."""
        return self.recorded(stage) or not (self.is_late(before) or self._lacks_room(needed_s))

    def _lacks_room(self, needed_s: float) -> bool:
        return self.clock() + needed_s >= self.start_s + _LAST_SHARE * self.time_s

    def race(
        self,
        stage: str,
        entrants: Sequence[Entrant],
        runner: tuple[BlockRunner | SingleRunner, int],
        *,
        limits: Limits,
        share: float,
        baseline: str = BASELINE,
        decides: bool = False,
        attempt: int = 0,
        on_lap: Callable[[str, int, int, float], None] | None = None,
        on_exit: Callable[[Exit, Sequence[Round]], None] | None = None,
    ) -> RaceResult:
        """Run the race called `stage`, until `share` of the heat's time at most."""
        label = self._label(stage)
        result = Race(
            entrants,
            runner[0],
            baseline=baseline,
            num_blocks=runner[1],
            limits=limits,
            seed=self.request.seed + _SEED_STEP * attempt + len(stage),
            clock=self.clock,
            deadline_s=self.start_s + (share if attempt == 0 else _LAST_SHARE) * self.time_s,
            control=self.control,
            on_lap=on_lap,
            on_exit=on_exit,
            on_round=lambda index, one: self.journal.add_round(label, index, one),
            replay=self.journal.rounds(label),
            live=self.live,
        ).run()
        if result.ending == "exhausted" and (decides or len(result.rounds) < FLOOR_ROUNDS):
            raise ExhaustedError(label)  # a race that only reports may have ended for lack of time
        self.num_rounds += len(result.rounds)
        self.num_reused += result.num_replayed
        return result

    def entrants(self, contestants: Mapping[str, Contestant]) -> tuple[Entrant, ...]:
        """Everyone, with what the loss budget lets them do."""
        return tuple(
            Entrant(
                name=name,
                may_win=contestant.may_win(self.request.max_loss),
                protected=name in (BASELINE, self.pick),
            )
            for name, contestant in contestants.items()
        )

    def seats(self, contestants: Mapping[str, Contestant]) -> dict[str, Seat]:
        """Everyone with the settings that tuning has kept so far."""
        seats = {}
        for name, contestant in contestants.items():
            tuned = self.tuned.get(name)
            seats[name] = (
                Seat(contestant=contestant)
                if tuned is None or tuned.settings is None
                else Seat(contestant=contestant, setting=tuned.setting, settings=tuned.settings)
            )
        return seats

    def _label(self, stage: str) -> str:
        return f"{self.index}.{stage}"
