"""Who is faster, decided in interleaved rounds. Pure: the runner, the clock and the control are given."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, log, log1p
from typing import Literal, Protocol

from advisor.errors import ChildFailed
from advisor.measure.control import Control
from advisor.measure.intervals import sequential_interval
from advisor.measure.rounds import Lap, Round, fastest, log_speed

TIE_MARGIN = 0.03
"""Two candidates that differ by less are tied: whoever is simpler or more accurate wins."""

FLOOR_ROUNDS = 3
"""Rounds that are run even when the time is spent: fewer give no interval at all."""

Ending = Literal["settled", "tied", "rounds", "time", "stopped", "exhausted"]
"""`exhausted`: the recorded rounds did not reach the end of the race, and it was not to run any."""

Standing = Literal["slower", "tied", "faster", "open"]


class Runner(Protocol):
    """Whatever can run a candidate over a block of texts."""

    def run(self, candidate: str, block: int) -> Lap:
        """What it took. Raises ChildFailed where it could not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A candidate in the race. One that may not win (over the loss budget) cuts nobody and stops at `min_rounds`."""

    name: str
    may_win: bool = True
    protected: bool = False
    """Even as a straggler it runs `FLOOR_ROUNDS`, so that its speedup has an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a race may last, and when it may decide."""

    min_rounds: int = 6
    """Nobody is cut by the interval before these, nor is a winner settled. The fewest for which `median_interval` needs
    no normality; with fewer, a machine that flips between two speeds would cut one of eleven equals too often."""
    baseline_rounds: int = 10
    """From these on the baseline rests, if it is slower than the leader: its laps are the longest, and with so many a
    stall in one does not reach the interval of a speedup (`median_interval`)."""
    max_rounds: int = 15
    cuts: bool = True
    """Whether to cut clearly slower candidates and to stop when the winner is settled; else `max_rounds` are run."""
    straggler_ratio: float = 3.0
    """Two laps in a row that took this many times the baseline's end a candidate, whatever the interval says."""
    early_ratio: float = 2.0
    """From `FLOOR_ROUNDS` to `min_rounds`, one that took this many times the leader's in every single round is cut."""
    alpha: float = 0.05
    """Probability that the race cuts its truly fastest candidate, over all looks and all rivals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A candidate that left the race early."""

    name: str
    status: Literal["cut", "failed", "skipped"]
    reason: str
    log: str | None = None
    rival: str | None = None
    """Who it was cut against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceResult:
    """What a race gave. `leader` is None if nobody who may win finished a round."""

    rounds: tuple[Round, ...]
    exits: tuple[Exit, ...]
    leader: str | None
    ending: Ending
    num_replayed: int = 0
    """Rounds that were not run, but taken from an earlier race."""


def slower(ratio: float) -> str:
    """`3.7x slower`, without decimals from 10x on."""
    return f"{ratio:.0f}x slower" if ratio >= 10 else f"{ratio:.1f}x slower"


def standing(rounds: Sequence[Round], candidate: str, leader: str, *, alpha: float) -> Standing:
    """Where a candidate stands against the leader, at a confidence that holds however often it is asked."""
    margin = log1p(TIE_MARGIN)
    low, high = sequential_interval(log_speed(rounds, candidate, leader), alpha=alpha)
    if high < -margin:
        return "slower"
    if low > margin:
        return "faster"
    return "tied" if -margin < low and high < margin else "open"


class Race:
    """One race; `run` it once.

    Every round times every running candidate once, on the same block, in a fresh random order. Blocks take turns.
    Rounds in `replay`, which an earlier race of the same seed finished, count as if they were run now, as far as they
    hold everyone who is still running; with `live` False the race ends where they do.

    From `min_rounds` on, a candidate is cut when the upper bound of its speed relative to the leader is more than the
    tie margin below it. The bound is `sequential_interval` at alpha / (contenders - 1): the truly fastest candidate is
    cut only if one of its own comparisons with a rival fails, and there are that many (Bonferroni). The baseline is
    never cut; from `baseline_rounds` on it rests once it is slower. The race ends when nobody is undecided, at
    `max_rounds`, at `deadline_s` (on `clock`, which does not go on during pauses), or when `control` says so.
    """

    def __init__(
        self,
        entrants: Sequence[Entrant],
        runner: Runner,
        *,
        baseline: str,
        num_blocks: int,
        limits: Limits,
        seed: int,
        clock: Callable[[], float],
        deadline_s: float = inf,
        control: Control | None = None,
        on_lap: Callable[[str, int, int, float], None] | None = None,
        on_exit: Callable[[Exit, Sequence[Round]], None] | None = None,
        on_round: Callable[[int, Round], None] | None = None,
        replay: Sequence[Round] = (),
        live: bool = True,
    ) -> None:
        self._runner = runner
        self._baseline = baseline
        self._num_blocks = num_blocks
        self._limits = limits
        self._rng = random.Random(seed)
        self._clock = clock
        self._deadline_s = deadline_s
        self._control = control or Control()
        self._on_lap = on_lap
        self._on_exit = on_exit
        self._on_round = on_round
        self._replay = tuple(replay)
        self._live = live
        self._num_replayed = 0
        self._wall_s: dict[str, float] = {}
        self._running = {entrant.name: entrant for entrant in entrants}
        self._alpha = limits.alpha / max(1, sum(entrant.may_win for entrant in entrants) - 1)
        self._rounds: list[Round] = []
        self._exits: list[Exit] = []

    def run(self) -> RaceResult:
        """Run rounds until there is a reason to stop."""
        ending = self._ending()
        while ending is None:
            self._run_round()
            self._drop_stragglers()
            if self._limits.cuts:
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
        block = index % self._num_blocks
        recorded = self._recorded()
        laps: dict[str, Lap] = {}
        for name in order:
            self._control.wait()
            if self._control.stopped:
                break
            if self._control.skips(name) and name != self._baseline:
                self._leave(Exit(name=name, status="skipped", reason="skipped: left out by the user"))
                continue
            if recorded is not None:
                laps[name] = Lap(seconds=recorded.seconds[name], singles=tuple(recorded.singles.get(name, ())))
            else:
                start_s = self._clock()
                try:
                    laps[name] = self._runner.run(name, block)
                except ChildFailed as error:
                    reason = f"failed in round {index + 1}: {error.message}"
                    self._leave(Exit(name=name, status="failed", reason=reason, log=error.log))
                    continue
                self._wall_s[name] = self._clock() - start_s
            if self._on_lap is not None:
                self._on_lap(name, index + 1, block, laps[name].seconds)
        finished = Round(
            block=block,
            seconds={name: lap.seconds for name, lap in laps.items()},
            singles={name: lap.singles for name, lap in laps.items() if lap.singles},
        )
        self._rounds.append(finished)
        self._num_replayed += recorded is not None
        if recorded is None and self._on_round is not None and not self._control.stopped:
            self._on_round(index, finished)

    def _recorded(self) -> Round | None:
        """The next round, if it was run before. From the first one that cannot be used on, none is."""
        index = len(self._rounds)
        if index < len(self._replay):
            recorded = self._replay[index]
            if recorded.block == index % self._num_blocks and set(self._running) <= set(recorded.seconds):
                return recorded
            self._replay = self._replay[:index]
        return None

    def _drop_stragglers(self) -> None:
        num_rounds = len(self._rounds)
        for entrant in tuple(self._running.values()):
            last_two = log_speed(self._rounds[-2:], self._baseline, entrant.name)
            if len(last_two) < 2 or (entrant.protected and num_rounds < FLOOR_ROUNDS):
                continue
            ratio = exp(min(last_two))
            if ratio > self._limits.straggler_ratio:
                self._cut(entrant.name, exp(statistics.fmean(last_two)), self._baseline)

    def _cut_the_slower(self) -> None:
        leader = self._leader()
        num_rounds = len(self._rounds)
        if leader is None or num_rounds < FLOOR_ROUNDS:
            return
        early = num_rounds < self._limits.min_rounds
        for entrant in tuple(self._running.values()):
            if entrant.name == leader:
                continue
            if entrant.name == self._baseline:
                if num_rounds >= self._limits.baseline_rounds and self._is_slower(entrant.name, leader):
                    del self._running[entrant.name]
                continue
            behind = log_speed(self._rounds, leader, entrant.name)
            if not entrant.may_win:
                if not early:  # it has the rounds for an interval, and nobody waits for more
                    del self._running[entrant.name]
            elif early:
                if len(behind) == num_rounds and min(behind) > log(self._limits.early_ratio):
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
        if self._on_exit is not None:
            self._on_exit(candidate_exit, self._rounds)

    def _leader(self) -> str | None:
        ran = [
            entrant.name
            for entrant in self._running.values()
            if entrant.may_win and any(entrant.name in one.seconds for one in self._rounds)
        ]
        return fastest(self._rounds, ran) if ran else None

    def _ending(self) -> Ending | None:
        num_rounds = len(self._rounds)
        if self._control.stopped or not self._running:
            return "stopped"
        if num_rounds >= self._limits.max_rounds:
            return "rounds"
        decided = self._decided()
        if decided is not None:
            return decided
        if self._recorded() is not None:
            return None
        if not self._live:
            return "exhausted"
        next_round_s = sum(self._wall_s.get(name, 0.0) for name in self._running)
        if num_rounds >= FLOOR_ROUNDS and self._clock() + next_round_s > self._deadline_s:
            return "time"
        return None

    def _decided(self) -> Ending | None:
        """Whether the rounds so far leave nothing to find out."""
        leader = self._leader()
        if len(self._rounds) < self._limits.min_rounds or not self._limits.cuts or leader is None:
            return None
        standings = {
            standing(self._rounds, entrant.name, leader, alpha=self._alpha)
            for entrant in self._running.values()
            if entrant.may_win and entrant.name != leader
        }
        if "open" in standings:
            return None
        return "tied" if "tied" in standings else "settled"
