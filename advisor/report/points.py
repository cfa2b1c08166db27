"""What a recommendation has to say, point by point: the terminal, the app, the page and the README take it from here.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor import objectives
from advisor.report import verdict
from advisor.report.lengths import crossover
from advisor.types import Recommendation
from advisor.whatif import best_by_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing to say."""

    label: str
    value: str
    more: bool = False
    """Whether it goes on with the point before, which has the same label."""
    local: bool = False
    """Whether it names a path of this machine, so that no document may hold it."""


def points(rec: Recommendation) -> tuple[Point, ...]:
    """All that there is to say, the most important first."""
    rules = "rules" if rec.winner is not None else "why"
    losses = verdict.losses_by_length(rec)
    found = [
        Point(label=objectives.get(rec.request.objective).words.noun, value=verdict.figures(rec)),
        Point(label="settings", value=verdict.settings(rec)),
        Point(label="baseline", value=verdict.larger_batches(rec)),
        Point(label="accuracy", value=verdict.accuracy(rec)),
        Point(label="accuracy", value=verdict.unlabelled(rec), more=True),
        Point(label="nearest", value=verdict.neighbours(rec)),
        Point(label="old index", value=verdict.reindexing(rec)),
        Point(label="by length", value=losses and f"loss at {losses}"),
        Point(label="moved", value=_most_moved(rec), local=True),
        Point(label=rules, value=verdict.rules(rec)),
        *(Point(label=rules, value=sentence, more=True) for sentence in verdict.disagreements(rec)),
        Point(label="screen", value=verdict.screen(rec)),
        Point(label="lengths", value=_crossover(rec)),
    ]
    return tuple(point for point in found if point.value)


def documented(rec: Recommendation) -> tuple[Point, ...]:
    """The points that may leave this machine."""
    return tuple(point for point in points(rec) if not point.local)


def _most_moved(rec: Recommendation) -> str:
    winner = verdict.winner_of(rec)
    if winner is None or winner.most_moved is None:
        return ""
    return f"the five texts that moved most are in {winner.most_moved}"


def _crossover(rec: Recommendation) -> str:
    """The best on texts of each length, where that is not the same one everywhere."""
    found = best_by_length(rec.candidates, rec.request)
    return crossover(found) if len({each.candidate for each in found}) > 1 else ""
