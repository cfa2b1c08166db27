"""Lines across a plot, each named at its right end: speed by length, and rounds over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.report.html.labels import spread
from advisor.report.html.markup import Markup, join
from advisor.report.html.svg import FONT, Whisker, draw, label, line, marker, polyline, runtime_class, text_width
from advisor.types import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A candidate's line: where its points and their intervals stand on the paper."""

    outcome: Outcome
    points: tuple[tuple[float, float], ...]
    bars: tuple[Whisker, ...] = ()
    winner: bool = False
    marked: bool = True
    """Whether each point has its sign, or the last one alone."""


def names_width(names: Sequence[str]) -> float:
    """What the names at the right need, with the lines that lead to them."""
    return max((text_width(name, bold=True) for name in names), default=0.0) + 30


def lines(runs: Sequence[Run], *, right: float, top: float, bottom: float) -> Markup:
    """The lines with their names, which are moved apart where they would touch; `right` is the edge of the plot."""
    ends = spread([run.points[-1][1] for run in runs], gap=FONT * 1.25, low=top, high=bottom)
    parts: list[str | None] = []
    for run, at in zip(runs, ends, strict=True):
        kind = runtime_class(run.outcome.name)
        x, y = run.points[-1]
        parts += [
            polyline(run.points, f"run {kind}" + (" win" if run.winner else ""), precision=run.outcome.precision),
            *(draw(bar, f"bar {kind}") for bar in run.bars),
            line(x + 5, y, right + 8, y, "leader") if right - x > 6 else None,
            line(max(x + 5, right + 8), y, right + 22, at, "leader"),
        ]
    for run, at in zip(runs, ends, strict=True):
        marked = run.points if run.marked else run.points[-1:]
        parts += [marker(run.outcome, x, y, winner=run.winner, size=5) for x, y in marked]
        parts.append(label(run.outcome.name, right + 26, at + 4.5, kind="name win" if run.winner else "name"))
    return join(parts)
