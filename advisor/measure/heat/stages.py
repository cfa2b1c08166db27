"""The races of one heat: each has its name in the journal, its share of the time, and its place in the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from advisor import objectives
from advisor.measure.contestant import Contestant
from advisor.measure.control import Control
from advisor.measure.heat.laps import BlockLaps, Seat, SingleLaps, seats_of
from advisor.measure.journal import Journal
from advisor.measure.pool import Pool
from advisor.measure.race.observer import Exit, Observer
from advisor.measure.race.race import Entrant, Race, RaceResult, Runner
from advisor.measure.race.rounds import Round
from advisor.objectives import Laps, Limits, Objective
from advisor.question import Question
from advisor.types import BASELINE

_SEED_STEP = 1000
_LAST_SHARE = 0.95
"""Of the heat's time, for a race that is run once more."""


@dataclass(slots=True, kw_only=True)
class Stages:
    """Runs the races of a heat, one after the other, and keeps what they gave.

    Where the journal is finished, no race begins that it does not hold, and a race that only reports ends with the
    journal's rounds. `time_s` is the heat's; `clock` does not go on during pauses.
    """

    index: int
    question: Question
    pool: Pool
    journal: Journal
    control: Control
    clock: Callable[[], float]
    time_s: float
    observer: Observer
    extras_s: float = inf
    """How long what does not decide may take, after the race that does."""
    start_s: float = 0.0
    decided_s: float | None = None
    """When the race that decides ended."""
    attempt: int = 0
    """How often the races that decide were run before."""
    rounds: list[Round] = field(default_factory=list)
    """Throughput."""
    singles: list[Round] = field(default_factory=list)
    """Latency."""
    gone: set[str] = field(default_factory=set)
    """Candidates that failed or were left out in this heat."""
    num_rounds: int = 0
    num_reused: int = 0

    @property
    def objective(self) -> Objective:
        """What the run optimises."""
        return objectives.get(self.question.request.objective)

    def may_win(self, one: Contestant) -> bool:
        """Whether a candidate's loss is within the budget."""
        return one.may_win(self.question.request.max_loss)

    def laps(self, kind: Laps, seats: Mapping[str, Seat]) -> Runner:
        """What times throughput, or latency."""
        return SingleLaps(seats, self.pool) if kind == "latency" else BlockLaps(seats, self.pool)

    def is_late(self, share: float) -> bool:
        """Whether so much of the time is spent that no further race should begin."""
        return self.journal.finished or self.clock() > self._end_s(share)

    def may_begin(self, stage: str, *, before: float, needed_s: float) -> bool:
        """Whether a race that may be left out should be run: the journal has rounds of it, or less than the share
        `before` of the heat's time is spent and there is room for `needed_s` seconds more."""
        recorded = bool(self.journal.rounds(self._label(stage)))
        return recorded or not (self.is_late(before) or self._lacks_room(needed_s))

    def _lacks_room(self, needed_s: float) -> bool:
        return self.clock() + needed_s >= self._end_s(_LAST_SHARE)

    def _end_s(self, share: float) -> float:
        """Until when what does not decide may go on."""
        begun_s = self.start_s if self.decided_s is None else self.decided_s
        return min(self.start_s + share * self.time_s, begun_s + self.extras_s)

    def decide(self, kind: Laps, contestants: Mapping[str, Contestant]) -> RaceResult:
        """The race on what the objective asks for. It may take `Races.share` of the heat's time."""
        races = self.objective.races
        result = self.race(
            kind,
            self._entrants(contestants),
            self.laps(kind, seats_of(contestants)),
            limits=races.limits(kind),
            share=races.share if self.attempt == 0 else _LAST_SHARE,
            decides=True,
        )
        self.gone |= {left.name for left in result.exits if left.status != "cut"}
        self.decided_s = self.clock()
        return result

    def report(self, kind: Laps, contestants: Mapping[str, Contestant], *, share: float) -> RaceResult:
        """A race that decides nothing: a candidate that is slow in it is timed no longer there, and stays."""
        result = self.race(
            kind,
            self._entrants(contestants),
            self.laps(kind, seats_of(contestants)),
            limits=self.objective.races.limits(kind),
            share=share if self.attempt == 0 else _LAST_SHARE,
        )
        self.note_exits(result)
        return result

    def note_exits(self, result: RaceResult) -> None:
        """Report the candidates that failed or were left out in a race that decides nothing."""
        for left in result.exits:
            if left.status != "cut":
                self.gone.add(left.name)
                self.observer.left(left, self.rounds)

    def race(
        self,
        stage: str,
        entrants: Sequence[Entrant],
        runner: Runner,
        *,
        limits: Limits,
        share: float,
        baseline: str = BASELINE,
        decides: bool = False,
    ) -> RaceResult:
        """Run the race called `stage`, until `share` of the heat's time at most."""
        reports_only = self.journal.finished and not decides
        result = Race(
            entrants=entrants,
            runner=runner,
            baseline=baseline,
            seed=self.question.request.seed + _SEED_STEP * self.attempt + len(stage),
            clock=self.clock,
            limits=limits,
            deadline_s=-inf if reports_only else self.start_s + share * self.time_s if decides else self._end_s(share),
            control=self.control,
            observer=_RaceObserver(stages=self, stage=stage, decides=decides),
            replay=self.journal.rounds(self._label(stage)),
        ).run()
        self.num_rounds += len(result.rounds)
        self.num_reused += result.num_replayed
        return result

    def keep_round(self, stage: str, index: int, one: Round) -> None:
        """Put a round into the journal."""
        self.journal.add_round(self._label(stage), index, one)

    def _entrants(self, contestants: Mapping[str, Contestant]) -> tuple[Entrant, ...]:
        return tuple(
            Entrant(name=name, may_win=self.may_win(one), protected=name in (BASELINE, self.question.pick))
            for name, one in contestants.items()
        )

    def _label(self, stage: str) -> str:
        return f"{self.index}.{stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RaceObserver(Observer):
    """Passes on what the heat's observer should see of one race."""

    stages: Stages
    stage: str
    decides: bool

    def lap(self, name: str, round_index: int, block: int, seconds: float) -> None:
        if self.stage == "throughput":
            self.stages.observer.lap(name, round_index, block, seconds)

    def round(self, index: int, one: Round) -> None:
        self.stages.keep_round(self.stage, index, one)

    def left(self, left: Exit, rounds: Sequence[Round]) -> None:
        if self.decides:
            self.stages.observer.left(left, rounds if self.stage == "throughput" else self.stages.rounds)
