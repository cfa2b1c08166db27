"""The export stage: every planned candidate's files, within its share of the time budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from advisor.catalogue import Candidate
from advisor.errors import ChildFailed
from advisor.events import CandidateEnded, Event, ExportFinished, ExportStarted
from advisor.export import Exporter
from advisor.measure import Control
from advisor.pipeline.plan import skipped_outcome
from advisor.types import BASELINE, Exported, Outcome

EXPORT_SHARE = 0.5
"""Share of the time budget after which no further export is begun: what is exported must still be measured."""

EXPORT_LIMIT = 0.65
"""Share of the time budget after which an export that goes on is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """What can be measured, and the outcomes of what cannot."""

    ready: tuple[Exported, ...]
    ended: tuple[Outcome, ...]


def export_all(
    candidates: Sequence[Candidate],
    exporter: Exporter,
    *,
    start_s: float,
    time_budget_s: float,
    emit: Callable[[Event], None],
    clock: Callable[[], float],
    control: Control | None = None,
) -> Exports:
    """Export in order, from `start_s` on `clock`. A failed export costs its candidate only.

    The first candidate is always exported. The others are begun within `EXPORT_SHARE` of the time budget or not at all,
    unless the cache holds them, and given up at `EXPORT_LIMIT` of it. `control` is looked at before each: the baseline
    cannot be skipped, and after a stop nothing is exported that the cache does not hold.
    """
    control = control or Control()
    deadline_s = start_s + EXPORT_SHARE * time_budget_s
    limit_s = start_s + EXPORT_LIMIT * time_budget_s
    ready: list[Exported] = []
    ended: list[Outcome] = []
    for index, candidate in enumerate(candidates, start=1):
        if control.skips(candidate.name) and candidate.name != BASELINE:
            outcome = skipped_outcome(candidate, "left out by the user")
        elif control.stopped and not exporter.is_ready(candidate):
            outcome = skipped_outcome(candidate, "the run was stopped before its turn")
        elif index > 1 and clock() > deadline_s and not exporter.is_ready(candidate):
            outcome = skipped_outcome(candidate, "the time budget left no room to export it (--time-budget)")
        else:
            emit(ExportStarted(elapsed_s=clock(), candidate=candidate.name, index=index, total=len(candidates)))
            try:
                exported = exporter.export(candidate, within_s=inf if index == 1 else limit_s - clock())
            except ChildFailed as error:
                if error.kind == "unneeded":
                    outcome = skipped_outcome(candidate, error.message)
                elif error.kind == "hung" and clock() >= limit_s:
                    outcome = skipped_outcome(candidate, "its export took more than the time budget (--time-budget)")
                else:
                    outcome = Outcome(
                        name=candidate.name,
                        status="failed",
                        reason=f"export failed: {error.message}",
                        precision=candidate.precision,
                        log=error.log,
                    )
            else:
                ready.append(exported)
                emit(ExportFinished(elapsed_s=clock(), exported=exported))
                continue
        ended.append(outcome)
        emit(CandidateEnded(elapsed_s=clock(), outcome=outcome))
    return Exports(ready=tuple(ready), ended=tuple(ended))
