"""How the front runners run best: other settings against their own, and fresh rounds for the one that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from advisor import objectives
from advisor.errors import ChildFailed
from advisor.measure.contestant import Contestant
from advisor.measure.heat.laps import Seat, seats_of
from advisor.measure.heat.settings import Variant, best_of, variants
from advisor.measure.heat.stages import Stages
from advisor.measure.race.race import Entrant, RaceResult
from advisor.measure.race.rounds import estimate, log_speed
from advisor.objectives import FLOOR_ROUNDS, Limits
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
    """Tries settings of the candidates in a heat, and puts what it keeps into them."""

    stages: Stages

    def run(self, contestants: Mapping[str, Contestant], deciding: RaceResult) -> None:
        """Time other settings of the leader and of those that tie with it. Where one is kept, the stages' rounds get
        fresh ones of it and the baseline, in place of the candidate's older ones. The baseline's other settings are
        timed for the user to know, and none is kept: it is what they run today."""
        if BASELINE not in contestants:  # it failed in the race
            return
        baseline = contestants[BASELINE]
        for name in dict.fromkeys((*self._front(contestants, deciding), BASELINE)):
            one = contestants[name]
            worth_trying = variants(
                one.exported.settings, runtime=one.candidate.runtime, objective=self.stages.objective.name
            )
            if not worth_trying or self.stages.control.stopped:
                continue
            needed_s = self._needed_s(baseline, one, num_variants=len(worth_trying))
            if not self.stages.may_begin(f"tune {name}", before=_BEGINS_BEFORE, needed_s=needed_s):
                continue
            try:
                if self._try_settings(one, worth_trying) and not self._confirm(baseline, one):
                    self._discard(one)
            except ChildFailed:  # it ran with its own settings, and does again
                one.setting, one.settings, one.tried = "", None, ()
                one.kill()

    def _front(self, contestants: Mapping[str, Contestant], deciding: RaceResult) -> tuple[str, ...]:
        """The leader, and those that may be as fast: within twice the tie margin in the median."""
        leader = deciding.leader
        if leader is None:
            return ()
        out = {left.name for left in deciding.exits}
        behind = {}
        for name, one in contestants.items():
            ratio = estimate(log_speed(deciding.rounds, leader, name))
            if name not in out and ratio is not None and self.stages.may_win(one):
                behind[name] = ratio.median
        close = (name for name in behind if behind[name] <= 1 + 2 * objectives.TIE_MARGIN)
        return tuple(sorted(close, key=lambda name: behind[name])[:_MAX_TUNED])

    @property
    def _latency(self) -> bool:
        return self.stages.objective.races.decides == "latency"

    def _needed_s(self, baseline: Contestant, one: Contestant, *, num_variants: int) -> float:
        """The fewest seconds it takes: each setting opened and warmed up, few rounds, and those that confirm one."""
        workload = self.stages.pool.workload
        blocks = [workload.size(*block) for block in workload.blocks]
        sizes = [workload.size(batch) for batch in workload.singles] if self._latency else blocks
        lap = sum(sizes) / len(sizes) + (0 if self._latency else workload.size(workload.probe))
        tries = num_variants * sum(blocks) + FLOOR_ROUNDS * (1 + num_variants) * lap
        opening_s = num_variants * (one.findings.load_s or 0.0)
        return opening_s + one.s_per_text * tries + (one.s_per_text + baseline.s_per_text) * FLOOR_ROUNDS * lap

    def _try_settings(self, one: Contestant, worth_trying: Sequence[Variant]) -> bool:
        """Whether a setting is kept."""
        name = one.name
        seats = {name: Seat(contestant=one)}
        for variant in worth_trying:
            seats[variant.label] = Seat(contestant=one, setting=variant.label, settings=variant.settings)
        result = self.stages.race(
            f"tune {name}",
            [Entrant(name=label, protected=label == name) for label in seats],
            self.stages.laps(self.stages.objective.races.decides, seats),
            limits=_TUNES,
            share=0.9,
            baseline=name,
        )
        self._note_exits(result, name)
        tried = []
        for variant in worth_trying:
            speedup = estimate(log_speed(result.rounds, variant.label, name))
            if speedup is not None:
                tried.append((variant, speedup))
        kept = None if name == BASELINE else best_of(tried)
        one.tried = tuple(
            TriedSetting(label=variant.label, settings=variant.settings, speedup=speedup, kept=variant is kept)
            for variant, speedup in tried
        )
        one.setting, one.settings = ("", None) if kept is None else (kept.label, kept.settings)
        for entry in one.tried:
            self.stages.observer.tried(name, entry)
        for variant in worth_trying:
            if variant is not kept:
                one.drop_setting(variant.label)
        return kept is not None

    def _confirm(self, baseline: Contestant, one: Contestant) -> bool:
        """Fresh rounds of the kept setting against the baseline: those in which it was found favour it.

        Where there are too few of them, since the user ended the race or the baseline failed in it, the answer is
        False, and the stages' rounds stay as they are.
        """
        name, stages = one.name, self.stages
        entrants = [Entrant(name=each, protected=True) for each in (BASELINE, name)]
        seats = seats_of({BASELINE: baseline, name: one})
        found = [
            (
                stages.race(
                    f"confirm {name}", entrants, stages.laps("throughput", seats), limits=_CONFIRMS, share=0.95
                ),
                stages.rounds,
            )
        ]
        if self._latency:
            laps = stages.laps("latency", seats)
            label = f"confirm latency {name}"
            found.append((stages.race(label, entrants, laps, limits=_CONFIRMS_LATENCY, share=0.95), stages.singles))
        for result, _ in found:
            failed = next((left for left in result.exits if left.name == BASELINE), None)
            if failed is not None:
                stages.gone.add(BASELINE)
                stages.observer.left(failed, stages.rounds)
                return False
            self._note_exits(result, name)
        if any(sum(name in each.seconds for each in result.rounds) < FLOOR_ROUNDS for result, _ in found):
            return False
        for result, all_rounds in found:
            all_rounds[:] = [each.only(set(each.seconds) - {name}) for each in all_rounds] + list(result.rounds)
        return True

    def _discard(self, one: Contestant) -> None:
        """The kept setting could not be confirmed: the candidate goes on as it was measured."""
        one.drop_setting(one.setting)
        before = one.tried
        one.setting, one.settings = "", None
        one.tried = tuple(replace(each, kept=False) for each in before)
        for each, old in zip(one.tried, before, strict=True):
            if each != old:
                self.stages.observer.tried(one.name, each)

    def _note_exits(self, result: RaceResult, name: str) -> None:
        """Report the candidate if the user has left it out. Raises ChildFailed where a setting failed."""
        for left in result.exits:
            if left.status == "failed":
                raise ChildFailed(left.reason, log=left.log)
        for left in result.exits:
            if left.name == name and left.status == "skipped":
                self.stages.gone.add(name)
                self.stages.observer.left(left, self.stages.rounds)
