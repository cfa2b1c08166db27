"""Whether a run is screened, and the screen of an earlier run of the same question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from advisor.catalogue import Candidate
from advisor.device import CPU
from advisor.errors import ChildFailed
from advisor.events import Event, ScreenFinished, ScreenStep, StageStarted
from advisor.export import Exporter
from advisor.export.holding import release
from advisor.measure import Journal, Run
from advisor.question import Question
from advisor.screen import NotScreenedError, depths_of, is_screened, screen
from advisor.types import Exported, Screened

_FEWEST = 3
"""Candidates whose files have to be made: fewer are made as soon as foretold."""

_SHARE = 0.4
"""Of the time budget."""

_SHORTEST_S = 120.0
"""Of a time budget: a screen of BERT base took 43 s on two cores of a Zen 4, and it may take `_SHARE` of the budget."""


def screen_all(
    candidates: Sequence[Candidate],
    question: Question,
    run: Run,
    *,
    exporter: Exporter,
    journal: Journal,
    time_budget_s: float,
    emit: Callable[[Event], None],
) -> Screened | None:
    """What the first layers foretell, now or in an earlier run; None where nothing is screened."""
    if journal.screened is not None:
        emit(ScreenFinished(elapsed_s=run.clock(), screened=journal.screened))
        return journal.screened
    to_make = [each for each in candidates if not exporter.is_ready(each)]
    if (
        len(to_make) < _FEWEST
        or time_budget_s < _SHORTEST_S
        or question.request.objective == "memory"
        or question.device != CPU
    ):
        return None
    deadline_s = run.clock() + _SHARE * time_budget_s
    screened = [each for each in candidates if is_screened(each)]
    made: list[Exported] = []

    def make(candidate: Candidate, depth: int | None) -> Exported:
        exported = exporter.export(candidate, depth=depth, within_s=max(0.0, deadline_s - run.clock()))
        made.append(exported)
        return exported

    try:
        depths = depths_of(question.model)
        emit(StageStarted(elapsed_s=run.clock(), stage="screen"))
        found = screen(
            screened,
            question,
            run,
            make=make,
            depths=depths,
            time_s=_SHARE * time_budget_s,
            told=lambda step, candidate: emit(
                ScreenStep(elapsed_s=run.clock(), step=step, candidate=candidate, total=len(screened))
            ),
        )
    except (NotScreenedError, ChildFailed):
        return None
    finally:
        for exported in made:  # what is cut may be pruned from the cache from here on
            release(exported.folder)
    emit(ScreenFinished(elapsed_s=run.clock(), screened=found))
    if found.check.fell_back is None:
        journal.keep_screen(found)
    return found
