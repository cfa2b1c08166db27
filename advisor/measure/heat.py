"""One heat: the candidates that are loaded race, the front runners are tuned, and ranges of lengths are timed apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from advisor.errors import ChildFailed
from advisor.measure.contestant import Contestant
from advisor.measure.control import Control
from advisor.measure.journal import Journal
from advisor.measure.pace import Pace
from advisor.measure.plan import LATENCY_BLOCKS, Plan
from advisor.measure.race import FLOOR_ROUNDS, TIE_MARGIN, Entrant, Exit, Limits, Race, RaceResult, Runner
from advisor.measure.rounds import Round, estimate, log_speed
from advisor.measure.runners import BlockRunner, Seat, SingleRunner
from advisor.measure.tuning import Variant, best_of, variants
from advisor.types import BASELINE, LengthSpeed, Objective, Request, RuntimeSettings, TriedSetting

_DECIDES = Limits()
_REPORTS = Limits(max_rounds=FLOOR_ROUNDS, cuts=False)
_CONFIRMS = Limits(max_rounds=_DECIDES.min_rounds, cuts=False)
_LATENCY_REPORTS = Limits(min_rounds=LATENCY_BLOCKS, max_rounds=LATENCY_BLOCKS, cuts=False)
_TUNES = Limits(max_rounds=8)
_RANGES = Limits(max_rounds=3, cuts=False, straggler_ratio=math.inf)

_RANGE_ENTRANTS = 3
"""So many of the fastest, the cut ones too, are timed on each range of lengths: another one may be best there."""

_TUNED_ENTRANTS = 2
"""So many of the leader and those that tie with it are tuned."""

_SEED_STEP = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPlan:
    """How the races run under an objective. The race on what it asks for decides: it cuts, and stops by evidence.

    `share` is that of the heat's time after which the deciding race ends, so that there is some for the rest.
    """

    throughput: Limits
    latency: Limits
    share: float


HEAT_PLANS: dict[Objective, HeatPlan] = {
    "throughput": HeatPlan(throughput=_DECIDES, latency=_LATENCY_REPORTS, share=0.75),
    "latency": HeatPlan(throughput=_REPORTS, latency=_DECIDES, share=0.85),
    "memory": HeatPlan(
        throughput=Limits(max_rounds=_DECIDES.min_rounds, cuts=False, straggler_ratio=20.0),
        latency=_LATENCY_REPORTS,
        share=0.8,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What tuning found for a candidate. `settings` is None where its own are the best."""

    setting: str
    settings: RuntimeSettings | None
    tried: tuple[TriedSetting, ...]


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
    """Who is told what, while a heat runs, and who is asked."""

    on_lap: Callable[[str, int, int, float], None]
    """Candidate, round from 1, block, seconds. Laps of the race on throughput only."""
    on_exit: Callable[[Exit, Sequence[Round]], None]
    """An exit and the rounds of its race on throughput so far."""
    on_tried: Callable[[str, TriedSetting], None]
    doubt: Callable[[Sequence[Round], Sequence[Round]], str | None]
    """Why rounds of throughput and of latency carry no verdict; None if they do."""
    on_repeat: Callable[[str], None]
    """The race is run again, for that reason; whoever was cut is back."""
    reopen: Callable[[Contestant], None]
    """Start a candidate's worker again. Raises ChildFailed."""


class ExhaustedError(Exception):
    """The journal does not hold all the rounds of a heat."""


@dataclass(slots=True, kw_only=True)
class Heat:
    """Run it once. `ready` holds the baseline. Without `live` all rounds come from the journal, or ExhaustedError."""

    index: int
    ready: Sequence[Contestant]
    plan: Plan
    pace: Pace
    request: Request
    pick: str
    time_s: float
    clock: Callable[[], float]
    control: Control
    journal: Journal
    listeners: Listeners
    live: bool = True
    _start_s: float = 0.0
    _num_rounds: int = 0
    _num_reused: int = 0
    _num_reruns: int = 0
    _tuned: dict[str, Tuned] = field(default_factory=dict)

    def run(self) -> HeatResult:
        """The races in the objective's order, then tuning, ranges of lengths, and what only reports."""
        self._start_s = self.clock()
        throughput, latency = self.decide()
        deciding = latency if latency is not None else throughput
        rounds, singles = list(throughput.rounds), list(() if latency is None else latency.rounds)
        gone = {left.name for left in (*throughput.exits, *deciding.exits) if left.status != "cut"}
        still_there = {one.name: one for one in self.ready if one.name not in gone}
        self._tune(still_there, deciding, rounds, singles)
        by_length = self._lengths(still_there, rounds)
        if latency is None:
            singles += self._race(
                "latency",
                self._entrants(still_there),
                SingleRunner(self._seats(still_there), self.plan, self.pace),
                num_blocks=len(self.plan.singles),
                limits=HEAT_PLANS[self.request.objective].latency,
                share=1.0,
                on_exit=lambda left, _: self.listeners.on_exit(left, rounds),
            ).rounds
        return HeatResult(
            rounds=tuple(rounds),
            singles=tuple(singles),
            deciding=deciding,
            tuned=self._tuned,
            by_length=by_length,
            num_rounds=self._num_rounds,
            num_reused=self._num_reused,
            num_reruns=self._num_reruns,
        )

    # -- who is fastest --------------------------------------------------------------------------------------

    def decide(self) -> tuple[RaceResult, RaceResult | None]:
        """The race on throughput, and where latency decides that on latency; once again if they carry no verdict."""
        found = self._races(0)
        if not self.live or self.control.stopped:
            return found
        throughput, latency = found
        why = self.listeners.doubt(throughput.rounds, () if latency is None else latency.rounds)
        took_s = self.clock() - self._start_s
        if why is None or took_s > 0.9 * self.time_s - took_s:
            return found
        self._num_reruns += 1
        self.journal.forget_rounds()
        self.listeners.on_repeat(why)
        return self._races(1)

    def _races(self, attempt: int) -> tuple[RaceResult, RaceResult | None]:
        heat_plan = HEAT_PLANS[self.request.objective]
        able = {one.name: one for one in self.ready if one.exit is None or not self.live}
        decides = self.request.objective != "latency"
        throughput = self._race(
            "throughput",
            self._entrants(able),
            BlockRunner(self._seats(able), self.plan, self.pace),
            num_blocks=len(self.plan.blocks),
            limits=heat_plan.throughput,
            share=heat_plan.share if decides else 0.4,
            decides=decides,
            attempt=attempt,
            on_lap=self.listeners.on_lap,
            on_exit=self.listeners.on_exit,
        )
        if decides:
            return throughput, None
        gone = {left.name for left in throughput.exits}
        still_there = {name: one for name, one in able.items() if name not in gone}
        latency = self._race(
            "latency",
            self._entrants(still_there),
            SingleRunner(self._seats(still_there), self.plan, self.pace),
            num_blocks=len(self.plan.singles),
            limits=heat_plan.latency,
            share=heat_plan.share,
            decides=True,
            attempt=attempt,
            on_exit=lambda left, _: self.listeners.on_exit(left, throughput.rounds),
        )
        return throughput, latency

    def _race(
        self,
        stage: str,
        entrants: Sequence[Entrant],
        runner: Runner,
        *,
        num_blocks: int,
        limits: Limits,
        share: float,
        baseline: str = BASELINE,
        decides: bool = False,
        attempt: int = 0,
        on_lap: Callable[[str, int, int, float], None] | None = None,
        on_exit: Callable[[Exit, Sequence[Round]], None] | None = None,
    ) -> RaceResult:
        label = f"{self.index}.{stage}"
        result = Race(
            entrants,
            runner,
            baseline=baseline,
            num_blocks=num_blocks,
            limits=limits,
            seed=self.request.seed + _SEED_STEP * attempt + len(stage),
            clock=self.clock,
            deadline_s=self._start_s + (share if attempt == 0 else 0.95) * self.time_s,
            control=self.control,
            on_lap=on_lap,
            on_exit=on_exit,
            on_round=lambda index, one: self.journal.add_round(label, index, one),
            replay=self.journal.rounds(label),
            live=self.live,
        ).run()
        if result.ending == "exhausted" and (decides or len(result.rounds) < FLOOR_ROUNDS):
            raise ExhaustedError(label)  # a race that only reports may have ended for lack of time
        self._num_rounds += len(result.rounds)
        self._num_reused += result.num_replayed
        return result

    def _entrants(self, contestants: Mapping[str, Contestant]) -> tuple[Entrant, ...]:
        return tuple(
            Entrant(
                name=name,
                may_win=contestant.may_win(self.request.max_loss),
                protected=name in (BASELINE, self.pick),
            )
            for name, contestant in contestants.items()
        )

    def _seats(self, contestants: Mapping[str, Contestant]) -> dict[str, Seat]:
        """Everyone with the settings that tuning has kept so far."""
        seats = {}
        for name, contestant in contestants.items():
            tuned = self._tuned.get(name)
            seats[name] = (
                Seat(contestant=contestant)
                if tuned is None or tuned.settings is None
                else Seat(contestant=contestant, setting=tuned.setting, settings=tuned.settings)
            )
        return seats

    # -- how the fastest run best ----------------------------------------------------------------------------

    def _tune(
        self,
        contestants: Mapping[str, Contestant],
        deciding: RaceResult,
        rounds: list[Round],
        singles: list[Round],
    ) -> None:
        """Time other settings of the leader and of those that tie with it. Where one is kept, `rounds` and `singles`
        get fresh rounds of it beside the baseline, in place of the candidate's older ones."""
        for name in self._front(contestants, deciding):
            contestant = contestants[name]
            worth_trying = variants(
                contestant.exported.settings,
                runtime=contestant.candidate.runtime,
                objective=self.request.objective,
            )
            recorded = bool(self.journal.rounds(f"{self.index}.tune {name}"))
            late = not self.live or self.clock() - self._start_s > 0.85 * self.time_s
            if not worth_trying or self.control.stopped or (late and not recorded):
                continue
            try:
                kept = self._try_settings(contestant, worth_trying)
                if kept is not None:
                    self._confirm(contestants[BASELINE], contestant, rounds, singles)
            except ChildFailed as error:  # it ran with its own settings, and does again
                self._tuned.pop(name, None)
                try:
                    self.listeners.reopen(contestant)
                except ChildFailed:
                    reason = f"failed while it was tuned: {error.message}"
                    self.listeners.on_exit(Exit(name=name, status="failed", reason=reason, log=error.log), rounds)

    def _front(self, contestants: Mapping[str, Contestant], deciding: RaceResult) -> tuple[str, ...]:
        """The leader, and who may be as fast: within twice the tie margin in the median."""
        leader = deciding.leader
        if leader is None:
            return ()
        out = {left.name for left in deciding.exits}
        behind = {}
        for name, contestant in contestants.items():
            laps = log_speed(deciding.rounds, leader, name)
            if name not in out and laps and contestant.may_win(self.request.max_loss):
                median = estimate(laps)
                assert median is not None  # there are laps
                behind[name] = median.median
        close = sorted((name for name in behind if behind[name] <= 1 + 2 * TIE_MARGIN), key=lambda name: behind[name])
        return tuple(close[:_TUNED_ENTRANTS])

    def _try_settings(self, contestant: Contestant, worth_trying: Sequence[Variant]) -> Variant | None:
        name = contestant.name
        seats = {name: Seat(contestant=contestant)}
        for variant in worth_trying:
            seats[variant.label] = Seat(contestant=contestant, setting=variant.label, settings=variant.settings)
        latency = self.request.objective == "latency"
        result = self._race(
            f"tune {name}",
            [Entrant(name=label, protected=label == name) for label in seats],
            (SingleRunner if latency else BlockRunner)(seats, self.plan, self.pace),
            num_blocks=len(self.plan.singles if latency else self.plan.blocks),
            limits=_TUNES,
            share=0.9,
            baseline=name,
        )
        crashed = next((left for left in result.exits if left.status == "failed"), None)
        if crashed is not None:
            raise ChildFailed(crashed.reason, log=crashed.log)
        tried = []
        for variant in worth_trying:
            speedup = estimate(log_speed(result.rounds, variant.label, name))
            if speedup is not None:
                tried.append((variant, speedup))
        kept = best_of(tried)
        entries = tuple(
            TriedSetting(label=variant.label, settings=variant.settings, speedup=speedup, kept=variant is kept)
            for variant, speedup in tried
        )
        self._tuned[name] = Tuned(
            setting="" if kept is None else kept.label, settings=None if kept is None else kept.settings, tried=entries
        )
        for entry in entries:
            self.listeners.on_tried(name, entry)
        for variant in worth_trying:
            if variant is not kept:
                contestant.drop_setting(variant.label)
        return kept

    def _confirm(self, baseline: Contestant, contestant: Contestant, rounds: list[Round], singles: list[Round]) -> None:
        """Fresh rounds of the kept setting against the baseline: those in which it was found favour it."""
        name = contestant.name
        pair = {BASELINE: baseline, name: contestant}
        entrants = [Entrant(name=BASELINE, protected=True), Entrant(name=name, protected=True)]
        fresh = self._race(
            f"confirm {name}",
            entrants,
            BlockRunner(self._seats(pair), self.plan, self.pace),
            num_blocks=len(self.plan.blocks),
            limits=_CONFIRMS,
            share=0.95,
        )
        fresh_singles = None
        if self.request.objective == "latency":
            fresh_singles = self._race(
                f"confirm latency {name}",
                entrants,
                SingleRunner(self._seats(pair), self.plan, self.pace),
                num_blocks=len(self.plan.singles),
                limits=Limits(max_rounds=2 * _DECIDES.min_rounds, cuts=False),
                share=0.95,
            )
        found = [(fresh, rounds)] + ([] if fresh_singles is None else [(fresh_singles, singles)])
        crashed = next((left for result, _ in found for left in result.exits if left.status == "failed"), None)
        if crashed is not None:
            raise ChildFailed(crashed.reason, log=crashed.log)
        for result, all_rounds in found:
            all_rounds[:] = [one.only(set(one.seconds) - {name}) for one in all_rounds] + list(result.rounds)

    # -- where another one would be best ---------------------------------------------------------------------

    def _lengths(
        self, contestants: Mapping[str, Contestant], rounds: Sequence[Round]
    ) -> dict[str, tuple[LengthSpeed, ...]]:
        """Speed on each range of lengths of the baseline and the fastest others; nothing once time is short."""
        if not self.plan.ranges or self.control.stopped:
            return {}
        recorded = bool(self.journal.rounds(f"{self.index}.range 0"))
        late = not self.live or self.clock() - self._start_s > 0.9 * self.time_s
        if late and not recorded:
            return {}
        speeds = {}
        for name, contestant in contestants.items():
            speed = estimate(log_speed(rounds, name, BASELINE))
            if name != BASELINE and speed is not None and contestant.may_win(self.request.max_loss):
                speeds[name] = speed.median
        fastest = sorted(speeds, key=lambda name: -speeds[name])[:_RANGE_ENTRANTS]
        chosen = {name: contestants[name] for name in (BASELINE, *fastest) if name in contestants}
        found: dict[str, list[LengthSpeed]] = {name: [] for name in chosen}
        for position, each in enumerate(self.plan.ranges):
            result = self._race(
                f"range {position}",
                [Entrant(name=name, protected=True) for name in chosen],
                BlockRunner(self._seats(chosen), self.plan, self.pace, blocks=[(each.batch,)], wake=each.batch),
                num_blocks=1,
                limits=_RANGES,
                share=0.95,
                on_exit=lambda left, _: self.listeners.on_exit(left, rounds),
            )
            for name in found:
                laps = [one.seconds[name] for one in result.rounds if name in one.seconds]
                rate = estimate([math.log(self.plan.sizes[each.batch] / seconds) for seconds in laps])
                if rate is not None:
                    found[name].append(
                        LengthSpeed(
                            min_chars=each.min_chars,
                            max_chars=each.max_chars,
                            share=each.share,
                            texts_per_s=rate,
                            speedup=None if name == BASELINE else estimate(log_speed(result.rounds, name, BASELINE)),
                        )
                    )
        complete = len(self.plan.ranges)
        return {name: tuple(speeds) for name, speeds in found.items() if len(speeds) == complete}
