"""Which candidate is faster, decided in interleaved rounds. Pure: the runner, the clock and the switches are given."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp, inf, log, log1p
from typing import Literal, Protocol

from advisor import objectives
from advisor.errors import ChildFailed
from advisor.measure.race.intervals import sequential_interval
from advisor.measure.race.observer import Exit, NoSwitches, Observer, Switches
from advisor.measure.race.rounds import Lap, Round, fastest, log_speed
from advisor.objectives import FLOOR_ROUNDS, Limits

Ending = Literal["settled", "tied", "rounds", "time", "stopped"]

Standing = Literal["slower", "tied", "faster", "open"]


class Runner(Protocol):
    """Runs candidates over blocks of texts."""

    @property
    def num_blocks(self) -> int:
        """How many blocks there are; rounds take them in turn."""

    def ready(self, candidate: str) -> None:
        """Open the candidate, if it is not open. Raises ChildFailed where that fails."""

    def run(self, candidate: str, block: int) -> Lap:
        """What the block took. Raises ChildFailed where it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A candidate in the race. One that may not win (over the loss budget) cuts no other and stops at `min_rounds`."""

    name: str
    may_win: bool = True
    protected: bool = False
    """Even as a straggler it runs `FLOOR_ROUNDS`, so that its speedup has an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceResult:
    """What a race gave. `leader` is None if no candidate that may win finished a round."""

    rounds: tuple[Round, ...]
    exits: tuple[Exit, ...]
    leader: str | None
    ending: Ending
    num_replayed: int = 0
    """Rounds that were not run, but taken from the journal."""


def slower(ratio: float) -> str:
    """`3.7x slower`, without decimals from 10x on."""
    return f"{ratio:.0f}x slower" if ratio >= 10 else f"{ratio:.1f}x slower"


def standing(rounds: Sequence[Round], candidate: str, leader: str, *, alpha: float) -> Standing:
    """Where a candidate stands against the leader, at a confidence that holds however often it is asked."""
    margin = log1p(objectives.TIE_MARGIN)
    low, high = sequential_interval(log_speed(rounds, candidate, leader), alpha=alpha)
    if high < -margin:
        return "slower"
    if low > margin:
        return "faster"
    return "tied" if -margin < low and high < margin else "open"


@dataclass(slots=True, kw_only=True)
class Race:
    """One race; `run` it once.

    Every round times every running candidate once, on the same block, in a fresh random order. Blocks take turns.
    Rounds in `replay`, which an earlier race of the same seed finished, count as if they were run now, as long as they
    hold every candidate that is still running. A candidate is made ready before its first lap that is run.

    From `min_rounds` on, a candidate is cut when the upper bound of its speed relative to the leader is more than the
    tie margin below it. The bound is `sequential_interval` at alpha / (contenders - 1): the truly fastest candidate is
    cut only if one of its own comparisons with a rival fails, and there are that many (Bonferroni). The baseline is
    never cut; from `baseline_rounds` on it rests once it is slower. The race ends when no candidate is undecided, at
    `max_rounds`, at `deadline_s` (on `clock`, which does not go on during pauses), or when `control` says so.
    """

    entrants: Sequence[Entrant]
    runner: Runner
    baseline: str
    seed: int
    clock: Callable[[], float]
    limits: Limits = field(default_factory=Limits)
    deadline_s: float = inf
    control: Switches = field(default_factory=NoSwitches)
    observer: Observer = field(default_factory=Observer)
    replay: Sequence[Round] = ()
    _rng: random.Random = field(init=False)
    _alpha: float = field(init=False)
    _num_replayed: int = field(init=False, default=0)
    _wall_s: dict[str, float] = field(init=False, default_factory=dict)
    _running: dict[str, Entrant] = field(init=False)
    _rounds: list[Round] = field(init=False, default_factory=list)
    _exits: list[Exit] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._running = {entrant.name: entrant for entrant in self.entrants}
        self._alpha = self.limits.alpha / max(1, sum(entrant.may_win for entrant in self.entrants) - 1)

    def run(self) -> RaceResult:
        """Run rounds until there is a reason to stop."""
        ending = self._ending()
        while ending is None:
            self._run_round()
            self._drop_stragglers()
            if self.limits.cuts:
                self._cut_the_slower()
            ending = self._ending()
        return RaceResult(
            rounds=tuple(self._rounds),
            exits=tuple(self._exits),
            leader=self._leader(),
            ending=ending,
            num_replayed=self._num_replayed,
        )

    def _run_round(self) -> None:
        order = list(self._running)
        self._rng.shuffle(order)
        index = len(self._rounds)
        block = index % self.runner.num_blocks
        recorded = self._recorded()
        laps: dict[str, Lap] = {}
        for name in order:
            self.control.wait()
            if self.control.stopped:
                break
            if self.control.skips(name) and name != self.baseline:
                self._leave(Exit(name=name, status="skipped", reason="skipped: left out by the user"))
                continue
            try:
                laps[name] = recorded.lap(name) if recorded is not None else self._run_lap(name, block)
            except ChildFailed as error:
                reason = f"failed in round {index + 1}: {error.message}"
                self._leave(Exit(name=name, status="failed", reason=reason, log=error.log))
                continue
            self.observer.lap(name, index + 1, block, laps[name].seconds)
        finished = Round.of(block, laps)
        self._rounds.append(finished)
        self._num_replayed += recorded is not None
        if recorded is None and not self.control.stopped:
            self.observer.round(index, finished)

    def _run_lap(self, name: str, block: int) -> Lap:
        self.runner.ready(name)
        start_s = self.clock()
        lap = self.runner.run(name, block)
        self._wall_s[name] = self.clock() - start_s
        return lap

    def _recorded(self) -> Round | None:
        """The next round, if the journal held it. From the first one that cannot be used on, none is."""
        index = len(self._rounds)
        if index < len(self.replay):
            recorded = self.replay[index]
            if recorded.block == index % self.runner.num_blocks and set(self._running) <= set(recorded.seconds):
                return recorded
            self.replay = self.replay[:index]
        return None

    def _drop_stragglers(self) -> None:
        num_rounds = len(self._rounds)
        for entrant in tuple(self._running.values()):
            last_two = log_speed(self._rounds[-2:], self.baseline, entrant.name)
            if len(last_two) < 2 or (entrant.protected and num_rounds < FLOOR_ROUNDS):
                continue
            ratio = exp(min(last_two))
            if ratio > self.limits.straggler_ratio:
                self._cut(entrant.name, exp(statistics.fmean(last_two)), self.baseline)

    def _cut_the_slower(self) -> None:
        leader = self._leader()
        num_rounds = len(self._rounds)
        if leader is None or num_rounds < FLOOR_ROUNDS:
            return
        early = num_rounds < self.limits.min_rounds
        for entrant in tuple(self._running.values()):
            if entrant.name == leader:
                continue
            if entrant.name == self.baseline:
                if num_rounds >= self.limits.baseline_rounds and self._is_slower(entrant.name, leader):
                    del self._running[entrant.name]
                continue
            behind = log_speed(self._rounds, leader, entrant.name)
            if not entrant.may_win:
                if not early:  # it has the rounds for an interval, and needs no more
                    del self._running[entrant.name]
            elif early:
                if len(behind) == num_rounds and min(behind) > log(self.limits.early_ratio):
                    self._cut(entrant.name, exp(statistics.median(behind)), leader)
            elif self._is_slower(entrant.name, leader):
                self._cut(entrant.name, exp(statistics.median(behind)), leader)

    def _is_slower(self, name: str, leader: str) -> bool:
        return standing(self._rounds, name, leader, alpha=self._alpha) == "slower"

    def _cut(self, name: str, ratio: float, rival: str) -> None:
        num_rounds = len(self._rounds)
        rounds = "round" if num_rounds == 1 else "rounds"
        reason = f"cut after {num_rounds} {rounds}: {slower(ratio)} than {rival}"
        self._leave(Exit(name=name, status="cut", reason=reason, rival=rival))

    def _leave(self, candidate_exit: Exit) -> None:
        del self._running[candidate_exit.name]
        self._exits.append(candidate_exit)
        self.observer.left(candidate_exit, self._rounds)

    def _leader(self) -> str | None:
        ran = [
            entrant.name
            for entrant in self._running.values()
            if entrant.may_win and any(entrant.name in one.seconds for one in self._rounds)
        ]
        return fastest(self._rounds, ran) if ran else None

    def _ending(self) -> Ending | None:
        num_rounds = len(self._rounds)
        if self.control.stopped or not self._running:
            return "stopped"
        if num_rounds >= self.limits.max_rounds:
            return "rounds"
        decided = self._decided()
        if decided is not None:
            return decided
        if self._recorded() is not None:
            return None
        next_round_s = sum(self._wall_s.get(name, 0.0) for name in self._running)
        if num_rounds >= FLOOR_ROUNDS and self.clock() + next_round_s > self.deadline_s:
            return "time"
        return None

    def _decided(self) -> Ending | None:
        """Whether the rounds so far leave nothing to find out."""
        leader = self._leader()
        if len(self._rounds) < self.limits.min_rounds or not self.limits.cuts or leader is None:
            return None
        standings = {
            standing(self._rounds, entrant.name, leader, alpha=self._alpha)
            for entrant in self._running.values()
            if entrant.may_win and entrant.name != leader
        }
        if "open" in standings:
            return None
        return "tied" if "tied" in standings else "settled"
