"""Speed against loss, one letter a candidate, with intervals and the budget's line. Faster is right, worse is down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text

from advisor.report import format as fmt
from advisor.tui.drawing.canvas import Canvas
from advisor.types import BASELINE, Recommendation

MIN_WIDTH = 40
MIN_HEIGHT = 7
_TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
_LEFT = 8
"""Columns for the losses, with a blank after them."""


Place = Callable[[float], int]
"""A column or row for a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One candidate in the plane; intervals are None where they are not known."""

    key: str
    name: str
    speedup: float
    speedup_ci95: tuple[float, float] | None
    loss: float
    loss_ci95: tuple[float, float] | None
    winner: bool
    passed: bool


def points(rec: Recommendation) -> tuple[Point, ...]:
    """The candidates whose speed and loss are both known, the fastest first, with letters from A on."""
    known = [
        (outcome, outcome.timing.speedup, outcome.loss)
        for outcome in rec.candidates
        if outcome.timing is not None and outcome.timing.speedup is not None and outcome.timing.speedup.median > 0
        if outcome.loss is not None or outcome.name == BASELINE
    ]
    known.sort(key=lambda each: -each[1].median)
    return tuple(
        Point(
            key=chr(ord("A") + index),
            name=outcome.name,
            speedup=speedup.median,
            speedup_ci95=None if outcome.name == BASELINE else speedup.ci95,
            loss=0.0 if loss is None else loss.value,
            loss_ci95=None if loss is None or outcome.name == BASELINE else loss.ci95,
            winner=outcome.name == rec.winner,
            passed=outcome.status == "measured",
        )
        for index, (outcome, speedup, loss) in enumerate(known)
    )


def draw(shown: Sequence[Point], *, max_loss: float, width: int, height: int) -> Text:
    """The plot. Speed is on a logarithmic scale. `height` counts the axis and its labels."""
    if not shown:
        return Text("Nothing to plot: no candidate has both a speed and a loss.", style="dim")
    canvas = Canvas(max(MIN_WIDTH, width), max(MIN_HEIGHT, height))
    rows = canvas.height - 2
    speeds = [speed for point in shown for speed in (point.speedup, *(point.speedup_ci95 or ())) if speed > 0]
    losses: list[float] = [0.0, max_loss, *(loss for point in shown for loss in (point.loss, *(point.loss_ci95 or ())))]
    low, high = math.log(min(speeds)), math.log(max(speeds))
    pad = max(0.05, (high - low) * 0.04)
    low, high = low - pad, high + pad
    least, most = min(losses), max(losses)
    span: float = (most - least) or 1e-4

    def x_of(speed: float) -> int:
        share = (math.log(speed) - low) / (high - low)
        return int(_LEFT + round(share * (canvas.width - _LEFT - 2)))

    def y_of(loss: float) -> int:
        return round((loss - least) / span * (rows - 1))

    for row in range(rows):
        canvas.put(_LEFT - 1, row, "│", "dim")
    canvas.put(_LEFT - 1, rows, "└" + "─" * (canvas.width - _LEFT), "dim")
    budget = y_of(max_loss)
    canvas.put(_LEFT, budget, "┄" * (canvas.width - _LEFT), "yellow")
    for loss, label in ((least, fmt.percent(least)), (most, fmt.percent(most)), (0.0, fmt.percent(0.0))):
        canvas.put(0, y_of(loss), label.rjust(_LEFT - 2), "dim")
    canvas.put(0, budget, fmt.percent(max_loss).rjust(_LEFT - 2), "yellow")
    for point in reversed(shown):  # the fastest is drawn last, over the others
        _put_intervals(canvas, point, x_of, y_of)
    for point in reversed(shown):
        style = "bold green" if point.winner else "" if point.passed else "yellow"
        canvas.put(x_of(point.speedup), y_of(point.loss), point.key, f"reverse {style}".strip())
    _put_labels(canvas, shown, x_of, y_of)
    _put_axis(canvas, low, high, x_of, rows + 1)
    return canvas.to_text()


def _put_intervals(canvas: Canvas, point: Point, x_of: Place, y_of: Place) -> None:
    style = "green" if point.winner else "dim"
    x, y = x_of(point.speedup), y_of(point.loss)
    if point.speedup_ci95 is not None:
        start, end = (x_of(max(speed, 1e-9)) for speed in point.speedup_ci95)
        canvas.put(start, y, "─" * (end - start + 1), style)
    if point.loss_ci95 is not None:
        for row in range(y_of(point.loss_ci95[0]), y_of(point.loss_ci95[1]) + 1):
            if canvas.at(x, row) in " ┄":
                canvas.put(x, row, "│", style)


def _put_labels(canvas: Canvas, shown: Sequence[Point], x_of: Place, y_of: Place) -> None:
    """The candidates' names beside their letters where there is room; the letters are in the table too."""
    for point in shown:
        x, y = x_of(point.speedup), y_of(point.loss)
        label = f" {point.name}"
        style = "bold green" if point.winner else ""
        for start, row in (
            (x + 1, y),
            (x - len(label), y),
            (x + 1, y + 1),
            (x - len(label), y + 1),
            (x + 1, y - 1),
            (x - len(label), y - 1),
        ):
            if start >= _LEFT and row < canvas.height - 2 and canvas.free(start, row, len(label)):
                canvas.put(start, row, label if start > x else label[1:] + " ", style)
                break


def _put_axis(canvas: Canvas, low: float, high: float, x_of: Place, row: int) -> None:
    ticks = [tick for tick in _TICKS if low <= math.log(tick) <= high]
    end = "speedup"
    free_from = _LEFT
    for tick in ticks:
        label = f"{tick:g}x"
        x = x_of(tick)
        if x >= free_from and x + len(label) < canvas.width - len(end):
            canvas.put(x, row, label, "dim")
            canvas.put(x, row - 1, "┴", "dim")
            free_from = x + len(label) + 2
    canvas.put(0, row, "loss", "dim")
    canvas.put(canvas.width - len(end), row, end, "dim")
