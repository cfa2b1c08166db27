"""Labels that do not cover one another. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.report.html.svg import Box, label_box


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A point that wants a label."""

    text: str
    x: float
    y: float
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a label goes; `far` is whether it needs a line to its point."""

    text: str
    x: float
    y: float
    anchor: str
    box: Box
    far: bool


_APART = 0.5
"""Between labels, for a drawing's coordinates are rounded."""
_RADII = (11.0, 18.0, 28.0, 40.0, 54.0, 70.0, 90.0, 120.0, 160.0)
_ANGLES = (0, 180, -25, 25, 205, 155, -50, 50, 230, 130, -90, 90)
"""Degrees, y downward: beside the point first, as that is read with it at once."""


def place(spots: Sequence[Spot], *, within: Box, obstacles: Sequence[Box], lines: Sequence[Box] = ()) -> list[Placed]:
    """A place for each label, the first spots choosing first.

    No label covers another one or an `obstacle`, or leaves `within`, as long as there is such a place; `lines` are
    crossed only where that is the smaller evil.
    """
    placed: list[Placed] = []
    for spot in spots:
        options = (_option(spot, radius, angle) for radius in _RADII for angle in _ANGLES)
        taken = [each.box.grown(_APART) for each in placed]
        placed.append(min(options, key=lambda option: _cost(option, spot, within, [*obstacles, *taken], lines)))
    return placed


def spread(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """The places moved as little as needed to be `gap` apart, in their order, between `low` and `high` if they fit."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    groups: list[tuple[list[int], float]] = []
    for index in order:
        members, middle = [index], min(max(places[index], low), high)
        while groups:
            before, centre = groups[-1]
            if middle - centre >= gap * (len(before) + len(members)) / 2 - 1e-9:
                break
            groups.pop()
            middle = (centre * len(before) + middle * len(members)) / (len(before) + len(members))
            members = before + members
            half = gap * (len(members) - 1) / 2
            middle = max(min(middle, high - half), low + half)
        groups.append((members, middle))
    result = [0.0] * len(places)
    for members, middle in groups:
        for rank, index in enumerate(members):
            result[index] = middle + gap * (rank - (len(members) - 1) / 2)
    return result


def _option(spot: Spot, radius: float, angle: int) -> Placed:
    dx, dy = radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))
    anchor = "middle" if abs(angle) == 90 else "start" if dx > 0 else "end"
    x, y = spot.x + dx, spot.y + dy + 4.5
    box = label_box(spot.text, x, y, anchor=anchor, bold=spot.bold)
    return Placed(text=spot.text, x=x, y=y, anchor=anchor, box=box, far=radius > 30)


def _cost(option: Placed, spot: Spot, within: Box, obstacles: Sequence[Box], lines: Sequence[Box]) -> float:
    box = option.box
    area = (box.right - box.left) * (box.bottom - box.top)
    outside = area - box.overlap(within)
    covered = sum(box.overlap(each) for each in obstacles)
    crossed = sum(1 for each in lines if box.overlap(each) > 0)
    distance = math.hypot(option.x - spot.x, option.y - spot.y)
    return 1000 * outside + 100 * covered + 60 * crossed + distance
