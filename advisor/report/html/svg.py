"""What all plots share: the frame with its description, text whose width is known beforehand, markers, axes. Pure.

Colours are classes, so that one drawing serves light, dark and paper: `r-` is a runtime's, and a precision has its own
marker and its own dashes, so that nothing rests on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from advisor import catalogue
from advisor.report.html.markup import Markup, join, number, tag
from advisor.report.html.scale import Scale
from advisor.types import Outcome, Precision

FONT = 13.0
"""Pixels of every label, in the drawing's own units."""

REACH = 1.75
"""Intervals reach up to 1.75 times the highest figure into a plot: beyond, they would squeeze what was measured."""

_BOLD = 1.16
_NARROW = set("iljtfrI.,;:'|!()[]/ -")
_BROAD = set("mwMW@%→←")
_DASHES: dict[Precision, str | None] = {"fp32": None, "bf16": "7 3", "fp16": "2 3", "int8": "10 3 2 3"}


SHAPES: dict[Precision, str] = {"fp32": "circle", "bf16": "square", "fp16": "diamond", "int8": "triangle"}
"""The marker of each precision; a winner's is a star."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A sign and what it means."""

    shape: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on the paper, y downward."""

    left: float
    top: float
    right: float
    bottom: float

    def grown(self, by: float) -> Box:
        """The same with a margin."""
        return Box(left=self.left - by, top=self.top - by, right=self.right + by, bottom=self.bottom + by)

    def overlap(self, other: Box) -> float:
        """The area in common."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def text_width(text: str, size: float = FONT, *, bold: bool = False) -> float:
    """About the width of `text`, on the generous side, for the system's fonts differ."""
    ems = sum(0.36 if each in _NARROW else 0.95 if each in _BROAD else 0.7 if each.isupper() else 0.61 for each in text)
    return ems * size * (_BOLD if bold else 1.0)


def frame(name: str, *, width: float, height: float, title: str, desc: str, parts: Sequence[str | None]) -> Markup:
    """A drawing. `name` makes its ids; `title` and `desc` are what a screen reader says instead of it."""
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", desc, id=f"{name}-desc"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        style=f"--w:{number(width)}px",
    )


def label(text: str, x: float, y: float, *, anchor: str = "start", kind: str = "") -> Markup:
    """A line of text with its baseline at `y`. `anchor` is `start`, `middle` or `end`."""
    return tag("text", text, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=kind or None)


def label_box(text: str, x: float, y: float, *, anchor: str = "start", bold: bool = False) -> Box:
    """The rectangle that `label` fills."""
    width = text_width(text, bold=bold)
    left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
    return Box(left=left, top=y - 0.8 * FONT, right=left + width, bottom=y + 0.25 * FONT)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A stroke."""
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """A confidence interval on the paper, upright or across; an end that goes on beyond the plot is `open`."""

    x1: float
    y1: float
    x2: float
    y2: float
    open1: bool = False
    open2: bool = False

    @property
    def box(self) -> Box:
        """What it covers with its caps."""
        return Box(
            left=min(self.x1, self.x2) - 3,
            top=min(self.y1, self.y2) - 3,
            right=max(self.x1, self.x2) + 3,
            bottom=max(self.y1, self.y2) + 3,
        )


def whisker(ci95: tuple[float, float], scale: Scale, at: float, *, upright: bool) -> Whisker:
    """The interval on a scale, at a place on the other one; what is beyond the scale is cut and left open."""
    low, high = (min(max(end, scale.low), scale.high) for end in ci95)
    cut = {"open1": low != ci95[0], "open2": high != ci95[1]}
    if upright:
        return Whisker(x1=at, y1=scale(low), x2=at, y2=scale(high), **cut)
    return Whisker(x1=scale(low), y1=at, x2=scale(high), y2=at, **cut)


def draw(drawn: Whisker, kind: str) -> Markup:
    """The stroke with a cap at each end that is not open."""
    dx, dy = (3.5, 0.0) if drawn.x1 == drawn.x2 else (0.0, 3.5)
    ends = ((drawn.x1, drawn.y1, drawn.open1), (drawn.x2, drawn.y2, drawn.open2))
    return join(
        [
            line(drawn.x1, drawn.y1, drawn.x2, drawn.y2, kind),
            *(None if open_ else line(x - dx, y - dy, x + dx, y + dy, kind) for x, y, open_ in ends),
        ]
    )


def polyline(points: Sequence[tuple[float, float]], kind: str, *, precision: Precision) -> Markup:
    """A run of strokes, dashed as the precision is."""
    places = " ".join(f"{number(float(x))},{number(float(y))}" for x, y in points)
    return tag("polyline", points=places, class_=kind, stroke_dasharray=_DASHES.get(precision))


def runtime_class(name: str) -> str:
    """The class that colours a candidate: its runtime's."""
    return f"r-{catalogue.get(name).runtime}" if name in catalogue.names() else "r-other"


def marker(outcome: Outcome, x: float, y: float, *, winner: bool, size: float = 6.0) -> Markup:
    """A candidate's sign: a star for the winner, else one a precision; hollow where it is out."""
    kind = f"mark {runtime_class(outcome.name)}" + ("" if outcome.status == "measured" else " hollow")
    if winner:
        return shape("star", x, y, size=1.9 * size, kind=kind)
    return shape(SHAPES.get(outcome.precision, "circle"), x, y, size=size, kind=kind)


def shape(name: str, x: float, y: float, *, size: float, kind: str) -> Markup:
    """A marker by its name: `circle`, `square`, `diamond`, `triangle` or `star`."""
    if name == "circle":
        return tag("circle", cx=float(x), cy=float(y), r=size, class_=kind)
    corners = {
        "square": [(sx * 0.9, sy * 0.9) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))],
        "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
        "triangle": [(0, -1.2), (1.15, 0.85), (-1.15, 0.85)],
        "star": [
            (
                (1 if step % 2 == 0 else 0.45) * math.sin(step * math.pi / 5),
                -(1 if step % 2 == 0 else 0.45) * math.cos(step * math.pi / 5),
            )
            for step in range(10)
        ],
    }[name]
    places = " ".join(f"{number(x + dx * size)},{number(y + dy * size)}" for dx, dy in corners)
    return tag("polygon", points=places, class_=kind)


def left_axis(ticks: Sequence[tuple[float, str]], scale: Scale, *, left: float, right: float) -> Markup:
    """Horizontal lines across the plot with their values at the left."""
    parts = []
    for value, text in ticks:
        y = scale(value)
        parts += [line(left, y, right, y, "grid"), label(text, left - 8, y + 4.5, anchor="end", kind="tick")]
    return join(parts)


def bottom_axis(ticks: Sequence[tuple[float, str]], scale: Scale, *, y: float) -> Markup:
    """The lower edge with its values; one that would touch its neighbour is left out."""
    parts = [line(scale.start, y, scale.end, y, "axis")]
    free = -math.inf
    for value, text in ticks:
        x = scale(value)
        box = label_box(text, x, y + 20, anchor="middle")
        if box.left < free:
            continue
        free = box.right + 4
        parts += [line(x, y, x, y + 5, "axis"), label(text, x, y + 20, anchor="middle", kind="tick")]
    return join(parts)


def keys(entries: Sequence[Key], *, left: float, y: float) -> Markup:
    """What the signs mean, in a row."""
    parts = []
    x = left
    for entry in entries:
        size = 8.5 if entry.shape == "star" else 5.0
        parts += [
            shape(entry.shape, x + 6, y - 4.5, size=size, kind=f"mark {entry.kind}"),
            label(entry.text, x + 17, y),
        ]
        x += 17 + text_width(entry.text) + 18
    return tag("g", *parts, class_="keys")
