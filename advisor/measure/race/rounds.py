"""Timed rounds and the ratios inside them. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from advisor.codec import Positive
from advisor.measure.race.intervals import median_interval
from advisor.types import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One candidate's turn in a round."""

    seconds: float
    """What the race compares: the time for the block, or the median over its single texts."""
    singles: tuple[float, ...] = ()
    """Seconds for each text, where they were encoded one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One turn of every candidate over the same texts. `seconds` holds a lap for each candidate that finished it."""

    block: int
    seconds: Mapping[str, Positive]
    singles: Mapping[str, tuple[Positive, ...]] = field(default_factory=dict)
    """`Lap.singles` of each candidate; empty for throughput."""

    @classmethod
    def of(cls, block: int, laps: Mapping[str, Lap]) -> Round:
        """The round in which these laps were run."""
        return cls(
            block=block,
            seconds={name: lap.seconds for name, lap in laps.items()},
            singles={name: lap.singles for name, lap in laps.items() if lap.singles},
        )

    def lap(self, name: str) -> Lap:
        """A candidate's lap. Raises KeyError where it ran none."""
        return Lap(seconds=self.seconds[name], singles=self.singles.get(name, ()))

    def only(self, names: Collection[str]) -> Round:
        """The round without the laps of all others."""
        return Round(
            block=self.block,
            seconds={name: value for name, value in self.seconds.items() if name in names},
            singles={name: value for name, value in self.singles.items() if name in names},
        )


def log_speed(rounds: Sequence[Round], of: str, against: str) -> list[float]:
    """`log(seconds of against / seconds of of)` in every round that holds both: above 0 where `of` was faster.

    Pairing inside a round cancels what all rounds share: which texts, and a machine that is slower for a while.
    """
    return [
        math.log(one.seconds[against] / one.seconds[of])
        for one in rounds
        if of in one.seconds and against in one.seconds
    ]


def fastest(rounds: Sequence[Round], names: Sequence[str]) -> str:
    """The candidate with the smallest median of log seconds, relative to the round's mean, over the shared rounds.

    Falls back to the first name if there is no shared round. `names` must not be empty.
    """
    shared = [one.seconds for one in rounds if all(name in one.seconds for name in names)]
    if not shared:
        return names[0]
    means = [statistics.fmean(math.log(seconds[name]) for name in names) for seconds in shared]

    def score(name: str) -> float:
        return statistics.median(math.log(seconds[name]) - mean for seconds, mean in zip(shared, means, strict=True))

    return min(names, key=score)


def estimate(log_values: Sequence[float]) -> Estimate | None:
    """The median of the values behind `log_values` and its 95 % interval; None if there are none."""
    if not log_values:
        return None
    interval = median_interval(log_values)
    return Estimate(
        median=math.exp(statistics.median(log_values)),
        ci95=None if interval is None else (math.exp(interval[0]), math.exp(interval[1])),
    )
