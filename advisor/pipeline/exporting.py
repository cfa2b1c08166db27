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
from advisor.types import BASELINE, Exported, Outcome, Untried

EXPORT_SHARE = 0.5
"""Share of the time budget after which no further export is begun: what is exported must still be measured."""

EXPORT_LIMIT = 0.65
"""Share of the time budget after which an export that goes on is given up."""

SLOW_SHARE, SLOW_LIMIT = 0.3, 0.45
"""The same where measuring takes long: what is exported and then not measured for lack of time is of no use."""

_SLOW = 0.1
_TEXTS_FIRST = 50
"""A model is slow if the baseline takes more than `_SLOW` of the time budget for about as many texts as it encodes
before the race: 2 to 16 in the probe, 32 or more that are compared, a block."""


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
    seconds_per_text: float | None = None,
    control: Control | None = None,
) -> Exports:
    """Export in order, from `start_s` on `clock`. A failed export costs its candidate only.

    The first candidate is always exported. The others are begun within `EXPORT_SHARE` of the time budget or not at all,
    unless the cache holds them, and given up at `EXPORT_LIMIT` of it; earlier where the baseline is slow, as far as
    `seconds_per_text` foretells. `control` is looked at before each: the baseline cannot be skipped, and after a stop
    nothing is exported that the cache does not hold.
    """
    control = control or Control()
    late = Untried(needs_s=None)
    slow = seconds_per_text is not None and _TEXTS_FIRST * seconds_per_text > _SLOW * time_budget_s
    share, limit = (SLOW_SHARE, SLOW_LIMIT) if slow else (EXPORT_SHARE, EXPORT_LIMIT)
    deadline_s = start_s + share * time_budget_s
    limit_s = start_s + limit * time_budget_s
    ready: list[Exported] = []
    ended: list[Outcome] = []
    for index, candidate in enumerate(candidates, start=1):
        if control.skips(candidate.name) and candidate.name != BASELINE:
            outcome = skipped_outcome(candidate, "left out by the user")
        elif control.stopped and not exporter.is_ready(candidate):
            outcome = skipped_outcome(candidate, "the run was stopped before its turn", untried=late)
        elif index > 1 and clock() > deadline_s and not exporter.is_ready(candidate):
            reason = "the time budget left no room to export it (--time-budget)"
            outcome = skipped_outcome(candidate, reason, untried=late)
        else:
            emit(ExportStarted(elapsed_s=clock(), candidate=candidate.name, index=index, total=len(candidates)))
            try:
                exported = exporter.export(candidate, within_s=inf if index == 1 else limit_s - clock())
            except ChildFailed as error:
                if error.kind == "unneeded":
                    outcome = skipped_outcome(candidate, error.message)
                elif error.kind == "hung" and clock() >= limit_s:
                    reason = "its export took more than the time budget (--time-budget)"
                    outcome = skipped_outcome(candidate, reason, untried=late)
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
