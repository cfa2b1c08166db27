"""How the front runners run best: other settings against their own, and fresh rounds for the one that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from advisor.errors import ChildFailed
from advisor.measure.contestant import Contestant
from advisor.measure.race import FLOOR_ROUNDS, TIE_MARGIN, Entrant, Exit, Limits, RaceResult
from advisor.measure.rounds import Round, estimate, log_speed
from advisor.measure.runners import Seat
from advisor.measure.stages import Stages, Tuned
from advisor.measure.tuning import Variant, best_of, variants
from advisor.types import BASELINE, TriedSetting

_TUNES = Limits(max_rounds=8, early_ratio=1.0)
"""A setting that was slower than the best in each of the first rounds is not worth more of them: to be kept it would
have to be faster in nearly every round (see `best_of`)."""
_CONFIRMS = Limits(max_rounds=Limits().min_rounds, cuts=False)
_CONFIRMS_LATENCY = Limits(max_rounds=2 * Limits().min_rounds, cuts=False)

_BEGINS_BEFORE = 0.85
"""Share of the heat's time after which nothing is tuned any more."""

_MAX_TUNED = 2
"""So many of the leader and those that tie with it are tuned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuner:
    """Tells `on_tried` of each setting, and `on_exit` of a candidate that it lost; `reopen` starts a worker again."""

    stages: Stages
    on_tried: Callable[[str, TriedSetting], None]
    on_exit: Callable[[Exit, Sequence[Round]], None]
    reopen: Callable[[Contestant], None]

    def run(
        self,
        contestants: Mapping[str, Contestant],
        deciding: RaceResult,
        rounds: list[Round],
        singles: list[Round],
    ) -> None:
        """Time other settings of the leader and of those that tie with it. Where one is kept, `rounds` and `singles`
        get fresh rounds of it beside the baseline, in place of the candidate's older ones. The baseline's other
        settings are timed for the user to know, and none is kept: it is what they run today."""
        if BASELINE not in contestants:  # it failed in the race
            return
        for name in dict.fromkeys((*self._front(contestants, deciding), BASELINE)):
            contestant = contestants[name]
            worth_trying = variants(
                contestant.exported.settings,
                runtime=contestant.candidate.runtime,
                objective=self.stages.request.objective,
            )
            if not worth_trying or self.stages.control.stopped:
                continue
            needed_s = self._needed_s(contestants[BASELINE], contestant, num_variants=len(worth_trying))
            if not self.stages.may_begin(f"tune {name}", before=_BEGINS_BEFORE, needed_s=needed_s):
                continue
            try:
                kept = self._try_settings(contestant, worth_trying, rounds)
                if kept is not None and not self._confirm(contestants[BASELINE], contestant, rounds, singles):
                    self._discard(contestant)
            except ChildFailed as error:  # it ran with its own settings, and does again
                self.stages.tuned.pop(name, None)
                try:
                    self.reopen(contestant)
                except ChildFailed:
                    reason = f"failed while it was tuned: {error.message}"
                    self.on_exit(Exit(name=name, status="failed", reason=reason, log=error.log), rounds)

    def _front(self, contestants: Mapping[str, Contestant], deciding: RaceResult) -> tuple[str, ...]:
        """The leader, and who may be as fast: within twice the tie margin in the median."""
        leader = deciding.leader
        if leader is None:
            return ()
        out = {left.name for left in deciding.exits}
        behind = {}
        for name, contestant in contestants.items():
            laps = log_speed(deciding.rounds, leader, name)
            if name not in out and laps and contestant.may_win(self.stages.request.max_loss):
                median = estimate(laps)
                assert median is not None  # there are laps
                behind[name] = median.median
        close = sorted((name for name in behind if behind[name] <= 1 + 2 * TIE_MARGIN), key=lambda name: behind[name])
        return tuple(close[:_MAX_TUNED])

    def _needed_s(self, baseline: Contestant, contestant: Contestant, *, num_variants: int) -> float:
        """The fewest seconds it takes: each setting opened and warmed up, few rounds, and those that confirm one."""
        plan = self.stages.plan
        latency = self.stages.request.objective == "latency"
        sizes = [plan.sizes[batch] for batch in plan.singles] if latency else plan.block_sizes
        lap = sum(sizes) / len(sizes) + (0 if latency else plan.sizes[plan.probe])
        own, others = (one.probe_s_per_text or 0.0 for one in (contestant, baseline))
        tries = num_variants * sum(plan.block_sizes) + FLOOR_ROUNDS * (1 + num_variants) * lap
        opening_s = 0.0 if contestant.load is None else num_variants * contestant.load.load_s
        return opening_s + own * tries + (own + others) * FLOOR_ROUNDS * lap

    def _try_settings(
        self, contestant: Contestant, worth_trying: Sequence[Variant], rounds: Sequence[Round]
    ) -> Variant | None:
        name = contestant.name
        seats = {name: Seat(contestant=contestant)}
        for variant in worth_trying:
            seats[variant.label] = Seat(contestant=contestant, setting=variant.label, settings=variant.settings)
        latency = self.stages.request.objective == "latency"
        result = self.stages.race(
            f"tune {name}",
            [Entrant(name=label, protected=label == name) for label in seats],
            self.stages.singles(seats) if latency else self.stages.blocks(seats),
            limits=_TUNES,
            share=0.9,
            baseline=name,
        )
        _raise_crash(result)
        self._tell_skipped(result, name, rounds)
        tried = []
        for variant in worth_trying:
            speedup = estimate(log_speed(result.rounds, variant.label, name))
            if speedup is not None:
                tried.append((variant, speedup))
        kept = None if name == BASELINE else best_of(tried)
        entries = tuple(
            TriedSetting(label=variant.label, settings=variant.settings, speedup=speedup, kept=variant is kept)
            for variant, speedup in tried
        )
        self.stages.tuned[name] = Tuned(
            setting="" if kept is None else kept.label, settings=None if kept is None else kept.settings, tried=entries
        )
        for entry in entries:
            self.on_tried(name, entry)
        for variant in worth_trying:
            if variant is not kept:
                contestant.drop_setting(variant.label)
        return kept

    def _confirm(self, baseline: Contestant, contestant: Contestant, rounds: list[Round], singles: list[Round]) -> bool:
        """Fresh rounds of the kept setting against the baseline: those in which it was found favour it.

        Where there are too few of them, since the user ended the race or the baseline failed in it, the answer is
        False, and `rounds` and `singles` stay as they are.
        """
        name = contestant.name
        pair = {BASELINE: baseline, name: contestant}
        entrants = [Entrant(name=BASELINE, protected=True), Entrant(name=name, protected=True)]
        fresh = self.stages.race(
            f"confirm {name}",
            entrants,
            self.stages.blocks(self.stages.seats(pair)),
            limits=_CONFIRMS,
            share=0.95,
        )
        fresh_singles = None
        if self.stages.request.objective == "latency":
            fresh_singles = self.stages.race(
                f"confirm latency {name}",
                entrants,
                self.stages.singles(self.stages.seats(pair)),
                limits=_CONFIRMS_LATENCY,
                share=0.95,
            )
        found = [(fresh, rounds)] + ([] if fresh_singles is None else [(fresh_singles, singles)])
        for result, _ in found:
            for left in result.exits:
                if left.name == BASELINE:
                    self.on_exit(left, rounds)
                    return False
            _raise_crash(result)
            self._tell_skipped(result, name, rounds)
        if any(_num_laps(result, name) < FLOOR_ROUNDS for result, _ in found):
            return False
        for result, all_rounds in found:
            all_rounds[:] = [one.only(set(one.seconds) - {name}) for one in all_rounds] + list(result.rounds)
        return True

    def _discard(self, contestant: Contestant) -> None:
        """The kept setting could not be confirmed: the candidate goes on as it was measured."""
        name = contestant.name
        tuned = self.stages.tuned[name]
        contestant.drop_setting(tuned.setting)
        tried = tuple(replace(one, kept=False) for one in tuned.tried)
        self.stages.tuned[name] = Tuned(setting="", settings=None, tried=tried)
        for one, before in zip(tried, tuned.tried, strict=True):
            if one != before:
                self.on_tried(name, one)

    def _tell_skipped(self, result: RaceResult, name: str, rounds: Sequence[Round]) -> None:
        for left in result.exits:
            if left.name == name and left.status == "skipped":
                self.on_exit(left, rounds)


def _num_laps(result: RaceResult, name: str) -> int:
    return sum(name in one.seconds for one in result.rounds)


def _raise_crash(result: RaceResult) -> None:
    for left in result.exits:
        if left.status == "failed":
            raise ChildFailed(left.reason, log=left.log)
