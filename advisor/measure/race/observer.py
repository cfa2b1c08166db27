"""What a race reports while it runs, and what may steer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from advisor.measure.race.rounds import Round
from advisor.types import TriedSetting, Untried


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A candidate that left early, and why."""

    name: str
    status: Literal["cut", "failed", "skipped"]
    reason: str
    log: str | None = None
    rival: str | None = None
    """The candidate that it was cut against."""
    untried: Untried | None = None
    """Set where it was left out for lack of time."""


class Observer:
    """Receives what happens in a race, and in the heat around it. Each method does nothing by default."""

    def lap(self, name: str, round_index: int, block: int, seconds: float) -> None:
        """A candidate ended its lap of a round (from 1) over a block."""

    def round(self, index: int, one: Round) -> None:
        """A round (from 0) was run to its end. Rounds that the journal held are not reported."""

    def left(self, left: Exit, rounds: Sequence[Round]) -> None:
        """A candidate left; `rounds` are those of throughput so far."""

    def tried(self, name: str, tried: TriedSetting) -> None:
        """A candidate was timed with another setting."""

    def repeated(self, why: str) -> None:
        """The race carries no verdict and is run once more; candidates that were cut are back in it."""


class Switches(Protocol):
    """What a user may do to a race from outside: see `advisor.measure.control`."""

    @property
    def stopped(self) -> bool:
        """Whether the race should end."""

    def skips(self, candidate: str) -> bool:
        """Whether a candidate should be left out."""

    def wait(self) -> float:
        """Sleep while the race is paused; returns the seconds slept."""


class NoSwitches:
    """A race that no user steers."""

    stopped = False

    def skips(self, candidate: str) -> bool:
        """No candidate is left out."""
        return False

    def wait(self) -> float:
        """There are no pauses."""
        return 0.0
