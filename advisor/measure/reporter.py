"""What a measurement reports, as events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from advisor.events import (
    CandidateEnded,
    CandidateLoaded,
    Event,
    FidelityMeasured,
    RaceRepeated,
    RoundFinished,
    RoundsReused,
    SettingTried,
    WarningRaised,
)
from advisor.measure.contestant import Contestant
from advisor.measure.journal import Journal
from advisor.types import Outcome, TriedSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Every method emits one event, or a few that belong together."""

    emit: Callable[[Event], None]
    clock: Callable[[], float]

    def reused(self, journal: Journal) -> None:
        """Rounds of an earlier run count, if there are any."""
        if journal.num_rounds and journal.started is not None:
            self.emit(RoundsReused(elapsed_s=self.clock(), num_rounds=journal.num_rounds, started=journal.started))

    def loaded(self, one: Contestant) -> None:
        """A candidate is ready, and its loss is known if it was compared."""
        self.emit(CandidateLoaded(elapsed_s=self.clock(), candidate=one.name, load_s=one.findings.load_s or 0.0))
        if one.reference_path is not None:
            self.emit(FidelityMeasured(elapsed_s=self.clock(), candidate=one.name, loss=one.findings.loss))

    def lap(self, name: str, round_index: int, num_rounds: int, texts_per_s: float) -> None:
        """A candidate ended its lap of a round."""
        self.emit(
            RoundFinished(
                elapsed_s=self.clock(),
                candidate=name,
                round_index=round_index,
                num_rounds=num_rounds,
                texts_per_s=texts_per_s,
            )
        )

    def ended(self, outcome: Outcome) -> None:
        """A candidate left."""
        self.emit(CandidateEnded(elapsed_s=self.clock(), outcome=outcome))

    def tried(self, name: str, tried: TriedSetting) -> None:
        """A candidate was timed with another setting."""
        self.emit(SettingTried(elapsed_s=self.clock(), candidate=name, tried=tried))

    def repeated(self, why: str) -> None:
        """The race is run once more."""
        self.emit(RaceRepeated(elapsed_s=self.clock(), why=why))

    def warned(self, message: str) -> None:
        """Something the user should know."""
        self.emit(WarningRaised(elapsed_s=self.clock(), message=message))
