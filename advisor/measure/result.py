"""What a measurement gives, and what its heats have given so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

from advisor.measure.heat.heat import HeatResult
from advisor.measure.noise import Contest
from advisor.measure.race.race import Ending
from advisor.measure.race.rounds import Round, log_speed
from advisor.types import BASELINE, LabelProfile, Measurement, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult:
    """One outcome for each candidate, in the order in which they were given."""

    candidates: tuple[Outcome, ...]
    warnings: tuple[str, ...]
    measurement: Measurement | None = None
    labels: LabelProfile | None = None
    """What the losses were measured on."""

    def of(self, name: str) -> Outcome:
        """The candidate called `name`; raises KeyError if it was not in the run."""
        for outcome in self.candidates:
            if outcome.name == name:
                return outcome
        raise KeyError(name)


@dataclass(slots=True, kw_only=True)
class Totals:
    """Rounds and endings, one heat after the other."""

    rounds: list[Round] = field(default_factory=list)
    """Throughput."""
    singles: list[Round] = field(default_factory=list)
    """Latency."""
    deciding_rounds: list[Round] = field(default_factory=list)
    """Of the races that decide under the objective."""
    endings: list[Ending] = field(default_factory=list)
    """How those ended, one for each heat."""
    leaders: list[str] = field(default_factory=list)
    """Of those."""
    num_rounds: int = 0
    num_reused: int = 0
    num_reruns: int = 0

    def take(self, heat: HeatResult) -> None:
        """Count what a heat gave."""
        self.rounds += heat.rounds
        self.singles += heat.singles
        self.deciding_rounds += heat.deciding.rounds
        self.endings.append(heat.deciding.ending)
        if heat.deciding.leader is not None:
            self.leaders.append(heat.deciding.leader)
        self.num_rounds += heat.num_rounds
        self.num_reused += heat.num_reused
        self.num_reruns += heat.num_reruns

    def measurement(self, *, started: str | None, disturbed: str | None) -> Measurement:
        """How the figures came about; `started` is when the first round that counts was run, None for just now."""
        return Measurement(
            started=started or datetime.now(UTC).isoformat(timespec="seconds"),
            num_rounds=self.num_rounds,
            num_reused=self.num_reused,
            num_reruns=self.num_reruns,
            disturbed=disturbed,
        )

    def contest(self, able: Sequence[str]) -> Contest | None:
        """The leader over all heats and its rivals among `able`, the candidates that may win; None if nothing ran."""
        if not self.leaders:
            return None
        ending = "time" if "time" in self.endings else self.endings[-1]
        return contest_of(self.deciding_rounds, able, leaders=self.leaders, ending=ending)


def contest_of(
    rounds: Sequence[Round], able: Sequence[str], *, leaders: Sequence[str] = (), ending: Ending = "settled"
) -> Contest | None:
    """The fastest of `leaders` (of all that ran, if there are none) and the others of `able`, which may win."""
    ran = [name for name in able if any(name in one.seconds for one in rounds)]
    if not ran:
        return None
    leader = max(leaders or ran, key=lambda name: median(log_speed(rounds, name, BASELINE) or [0.0]))
    rivals = tuple(name for name in ran if name != leader)
    return Contest(rounds=tuple(rounds), leader=leader, rivals=rivals, ending=ending)
