"""The probe: how fast a candidate is on a few texts, and whether it is worth a place in the race."""

from __future__ import annotations

from dataclasses import replace

from advisor import objectives
from advisor.errors import ChildFailed
from advisor.measure.contestant import Contestant
from advisor.measure.pool import Pool
from advisor.measure.race.observer import Exit
from advisor.measure.race.race import slower
from advisor.measure.workload.sizes import FIRST_PROBE, first_probe_size, probe_size
from advisor.measure.workload.workload import probe_workload
from advisor.question import Question
from advisor.types import BASELINE

_LAPS = 2
_TURNS = 2
"""A candidate that looks slow is probed so many times more, in turns with its rivals."""


class Screening:
    """Probes the baseline first, then each candidate against it and against the fastest so far that may win."""

    def __init__(self, question: Question, pool: Pool) -> None:
        self._question = question
        self._pool = pool
        self._races = objectives.get(question.request.objective).races
        self._baseline: Contestant | None = None
        self._fastest: Contestant | None = None

    def begin(self, baseline: Contestant) -> None:
        """All other candidates are compared with this one."""
        self._baseline = baseline

    def probe_baseline(self, baseline: Contestant) -> None:
        """Find how many seconds a text takes: from few texts, and where that is soon done from more. Raises
        ChildFailed. Leaves the pool with the probe's workload."""
        self.begin(baseline)
        device = baseline.exported.settings.device
        num_texts = first_probe_size(device)
        self._probe_texts(baseline, num_texts, num_laps=1, limit_s=self._pool.durations.load_timeout_s)
        more = probe_size(baseline.s_per_text, device=device)
        if more > num_texts:
            self._probe_texts(baseline, more, num_laps=_LAPS, limit_s=self.limit_s)

    def compare(self, one: Contestant) -> Exit | None:
        """Probe a candidate; an exit if it is hopeless against the baseline, or against the fastest that may win.

        If it looks so, all of them are probed again in turns, and the best of each counts: the machine may have been
        busy. Raises ChildFailed.
        """
        seconds = self._probe(one, num_laps=_LAPS if self._num_texts > FIRST_PROBE else 1, limit_s=self.limit_s)
        one.findings = replace(one.findings, s_per_text=seconds / self._num_texts)
        assert self._baseline is not None  # it was probed first
        rivals = [(self._baseline, self._races.hopeless)]
        fastest = self._to_beat()
        if self._races.beaten is not None and fastest is not None and not fastest.is_retired:
            rivals.append((fastest, self._races.beaten))
        for rival, limit in rivals:
            left = self._compare_with(rival, one, seconds=seconds, limit=limit)
            if left is not None:
                return left
        return None

    def consider(self, one: Contestant) -> None:
        """Whether this is the candidate to beat from here on."""
        fastest = self._to_beat()
        may_win = one.may_win(self._question.request.max_loss)
        if one.name != BASELINE and may_win and (fastest is None or one.s_per_text < fastest.s_per_text):
            self._fastest = one

    def still_holds(self, left: Exit) -> bool:
        """Whether the rival that a candidate lost to in the probe is still the one to beat."""
        fastest = self._to_beat()
        return left.rival == BASELINE or (fastest is not None and left.rival == fastest.name)

    @property
    def limit_s(self) -> float:
        """How long the probe may take, by the baseline's speed."""
        assert self._baseline is not None  # it is probed first
        durations = self._pool.durations
        foretold_s = durations.timeout_s((1 + _LAPS) * self._num_texts, self._baseline.s_per_text)
        return max(durations.probe_timeout_s, foretold_s)

    @property
    def _num_texts(self) -> int:
        return self._pool.workload.size(self._pool.workload.probe)

    def _to_beat(self) -> Contestant | None:
        return None if self._fastest is None or self._fastest.is_gone else self._fastest

    def _probe_texts(self, baseline: Contestant, num_texts: int, *, num_laps: int, limit_s: float) -> None:
        self._pool.use(probe_workload(self._question.texts, num_texts=num_texts))
        self._pool.send(baseline)
        seconds = self._probe(baseline, num_laps=num_laps, limit_s=limit_s)
        baseline.findings = replace(baseline.findings, s_per_text=seconds / num_texts)

    def _probe(self, one: Contestant, *, num_laps: int, limit_s: float) -> float:
        """The best of some laps over the probe's texts, after one that warms up."""
        probe = self._pool.workload.probe
        return min(one.connection.time_blocks([[probe]] * num_laps, wake=probe, timeout_s=limit_s))

    def _probe_again(self, one: Contestant) -> float:
        """One more lap, in the state that the probe has left the worker in."""
        probe = self._pool.workload.probe
        (seconds,) = one.connection.time_blocks([[probe]], wake=None, timeout_s=self.limit_s)
        return seconds

    def _compare_with(self, rival: Contestant, one: Contestant, *, seconds: float, limit: float) -> Exit | None:
        if seconds <= limit * rival.s_per_text * self._num_texts:
            return None
        assert self._baseline is not None  # it was probed first
        others = {each.name: each for each in (rival, self._baseline)}
        laps: dict[str, list[float]] = {one.name: [seconds], **{name: [] for name in others}}
        for _ in range(_TURNS):
            for other in others.values():
                try:
                    self._pool.ready(other)
                    laps[other.name].append(self._probe_again(other))
                except ChildFailed as error:  # it is not this candidate's fault
                    reason = f"failed while parked: {error.message}"
                    other.exit = Exit(name=other.name, status="failed", reason=reason, log=error.log)
                    return None
            laps[one.name].append(self._probe_again(one))
        best = {name: min(seconds) for name, seconds in laps.items()}
        one.findings = replace(
            one.findings,
            s_per_text=best[one.name] / self._num_texts,
            # The baseline's own probe is of another moment, when the machine may have been slower or faster.
            probe_speedup=best[BASELINE] / best[one.name],
        )
        ratio = best[one.name] / best[rival.name]
        if ratio <= limit:
            return None
        reason = f"cut after the probe: {slower(ratio)} than {rival.name}"
        return Exit(name=one.name, status="cut", reason=reason, rival=rival.name)
