"""How long the texts are, as columns over a logarithmic axis, with marks at percentiles and at the model's maximum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from advisor.report import format as fmt
from advisor.tui.drawing.canvas import Canvas
from advisor.tui.drawing.spark import BARS
from advisor.types import Histogram

MIN_WIDTH = 40
MIN_HEIGHT = 8
_AXIS = 6
"""Columns for the counts, with a blank after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A length to mark, such as p50; the model's maximum is a line through the whole picture."""

    label: str
    value: float
    line: bool = False


def draw(histogram: Histogram, marks: Sequence[Mark], *, width: int, height: int) -> Text:
    """Columns of counts; below them the edges, and below those the marks. `height` counts all rows."""
    rows = max(1, height - 4)  # the axis, the edges, the marks' carets and their labels
    canvas = Canvas(max(MIN_WIDTH, width), rows + 4)
    bins = len(histogram.counts)
    beyond = any(mark.value >= histogram.edges[-1] for mark in marks)
    room = canvas.width - _AXIS - (14 if beyond else 2)
    column = max(1, min(8, room // max(1, bins)))
    end = _AXIS + column * bins
    top = max(histogram.counts, default=0) or 1
    canvas.put(0, 0, fmt.count(top).rjust(_AXIS - 1), "dim")
    canvas.put(0, rows - 1, "0".rjust(_AXIS - 1), "dim")
    for index, count in enumerate(histogram.counts):
        eighths = math.ceil(8 * rows * count / top)  # a bin that holds anything is never drawn empty
        for row in range(rows):
            filled = min(8, max(0, eighths - 8 * row))
            if filled:
                bar = BARS[filled - 1] * max(1, column - (column > 2))
                canvas.put(_AXIS + index * column, rows - 1 - row, bar, "cyan")
    canvas.put(_AXIS - 1, rows, "└" + "─" * (end - _AXIS), "dim")
    _put_edges(canvas, histogram.edges, column, rows + 1)
    _put_marks(canvas, histogram.edges, column, marks, rows)
    return canvas.to_text()


def place(value: float, edges: Sequence[int]) -> float:
    """Where a length lies on the axis, in bins from the left: logarithmic between the edges, cut to the axis."""
    if value <= edges[0]:
        return 0.0
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        if value < high:
            below = max(low, 0.5)
            return index + math.log(max(value, below) / below) / math.log(high / below)
    return float(len(edges) - 1)


def _put_edges(canvas: Canvas, edges: Sequence[int], column: int, row: int) -> None:
    free_from = 0
    for index, edge in enumerate(edges):
        label = fmt.count(edge)
        x = max(0, _AXIS + index * column - len(label) // 2)
        if x >= free_from and x + len(label) <= canvas.width:
            canvas.put(x, row, label, "dim")
            free_from = x + len(label) + 1


def _put_marks(canvas: Canvas, edges: Sequence[int], column: int, marks: Sequence[Mark], rows: int) -> None:
    for mark in sorted(marks, key=lambda mark: mark.value):
        outside = mark.value >= edges[-1]
        x = _AXIS + round(place(mark.value, edges) * column) + (2 if outside else 0)
        x = min(x, canvas.width - 1)
        style = "bold red" if mark.line else "bold"
        if mark.line:
            for row in range(rows):
                canvas.put(x, row, "┆", style)
        sign = "▸" if outside else "▲"
        label = f"{mark.label} {fmt.count(mark.value)}"
        if outside and mark.line:
            canvas.put(x + 1, 0, label[: max(0, canvas.width - x - 1)], style)
            continue
        for row in (rows + 2, rows + 3):
            if canvas.free(x - (x > 0), row, len(label) + 3):
                canvas.put(x, row, f"{sign} {label}", style)
                break
