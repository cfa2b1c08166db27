"""What all heats together have given so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

from advisor.measure.contestant import Contestant
from advisor.measure.heat import HeatResult
from advisor.measure.noise import Contest
from advisor.measure.race import Ending
from advisor.measure.result import Measured
from advisor.measure.rounds import Round, log_speed
from advisor.types import BASELINE, Measurement


@dataclass(slots=True, kw_only=True)
class Tally:
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

    def take(self, result: HeatResult, contestants: Mapping[str, Contestant]) -> None:
        """Count what a heat gave, and tell each candidate what was found about it alone."""
        self.rounds += result.rounds
        self.singles += result.singles
        self.deciding_rounds += result.deciding.rounds
        self.endings.append(result.deciding.ending)
        if result.deciding.leader is not None:
            self.leaders.append(result.deciding.leader)
        self.num_rounds += result.num_rounds
        self.num_reused += result.num_reused
        self.num_reruns += result.num_reruns
        for name, tuned in result.tuned.items():
            contestants[name].tried, contestants[name].settings = tuned.tried, tuned.settings
        for name, by_length in result.by_length.items():
            contestants[name].by_length = by_length

    def measured(
        self,
        contestants: Iterable[Contestant],
        block_texts: Sequence[float],
        *,
        rounds: Sequence[Round] = (),
        singles: Sequence[Round] = (),
    ) -> tuple[Measured, ...]:
        """Everything that is known of `contestants`, with rounds of a heat that is not counted yet."""
        return tuple(
            one.measured((*self.rounds, *rounds), (*self.singles, *singles), block_texts) for one in contestants
        )

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
        """The leader over all heats and whom of `able`, who may win, it had to beat; None where nobody ran."""
        if not self.leaders:
            return None
        ending = "time" if "time" in self.endings else self.endings[-1]
        return contest_of(self.deciding_rounds, able, leaders=self.leaders, ending=ending)


def contest_of(
    rounds: Sequence[Round], able: Sequence[str], *, leaders: Sequence[str] = (), ending: Ending = "settled"
) -> Contest | None:
    """The fastest of `leaders` (of all who ran, if there are none) beside the others of `able`, who may win."""
    ran = [name for name in able if any(name in one.seconds for one in rounds)]
    if not ran:
        return None
    leader = max(leaders or ran, key=lambda name: median(log_speed(rounds, name, BASELINE) or [0.0]))
    rivals = tuple(name for name in ran if name != leader)
    return Contest(rounds=tuple(rounds), leader=leader, rivals=rivals, ending=ending)
