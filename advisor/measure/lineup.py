"""Who comes first, and who need not come at all: what the screen foretold decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor import objectives
from advisor.catalogue import MIXED, Candidate
from advisor.measure.race.observer import Exit
from advisor.measure.race.race import slower
from advisor.types import BASELINE, Predicted, Screened

RESCUED = "openvino-qint8"
"""What the mixed candidate is made of. It is no faster, for it has some layers in floating point."""


@dataclass(frozen=True, slots=True)
class LineUp:
    """The candidates of a run, in the ruleset's order, and what is foretold of them."""

    candidates: Sequence[Candidate]
    screened: Screened | None = None

    @property
    def baseline(self) -> Candidate | None:
        """The baseline, if it is among them."""
        return next((each for each in self.candidates if each.name == BASELINE), None)

    def others(self) -> list[Candidate]:
        """All but the baseline, the likeliest to win first.

        By predicted speed where that is known; else in the ruleset's order. What could not be foretold comes last, and
        the mixed candidate right after the one that it is made of.
        """
        others = [each for each in self.candidates if each.name != BASELINE]
        place = {each.name: index for index, each in enumerate(others)}
        if RESCUED in place and MIXED in place:
            place[RESCUED] = place[MIXED] = min(place[RESCUED], place[MIXED])

        def turn(each: Candidate) -> tuple[bool, float, int, bool]:
            found = self.predicted(each.name)
            speedup = 0.0 if found is None else found.speedup
            return found is None, -speedup, place[each.name], each.name == MIXED

        return sorted(others, key=turn)

    def predicted(self, name: str) -> Predicted | None:
        """What is foretold of a candidate; for the mixed one, of what it is made of. The baseline is the unit."""
        if self.screened is None or self.screened.check.fell_back is not None:
            return None
        return self.screened.predicted.get(RESCUED if name == MIXED else name)

    def export_s(self, name: str) -> float | None:
        """About how long making a candidate's files takes; None where that is not known."""
        return None if self.screened is None else self.screened.export_s.get(name)

    def _speedup(self, name: str) -> float | None:
        found = self.predicted(name)
        return 1.0 if name == BASELINE else None if found is None else found.speedup

    def hopeless(self, name: str, passing: Iterable[str]) -> Exit | None:
        """Why a candidate need not be made: one of `passing`, which may win, is predicted to be that much faster."""
        found = self.predicted(name)
        rivals = {rival: self._speedup(rival) for rival in passing if rival != name}
        known = {rival: speedup for rival, speedup in rivals.items() if speedup is not None}
        if found is None or not known:
            return None
        rival = max(known, key=lambda each: known[each])
        ratio = known[rival] / found.speedup
        if ratio <= 1 + objectives.PREDICTION_MARGIN:
            return None
        reason = f"cut: {slower(ratio)} than {rival}, {found.origin}"
        return Exit(name=name, status="cut", reason=reason, rival=rival, predicted=True)
