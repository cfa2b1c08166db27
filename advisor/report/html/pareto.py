"""The gain over the baseline against the loss of accuracy: the best stand at the upper left. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.report import format as fmt
from advisor.report.html.labels import Placed, Spot, place
from advisor.report.html.markup import Markup, tag
from advisor.report.html.scale import Scale, nice_ticks
from advisor.report.html.svg import (
    REACH,
    SHAPES,
    Box,
    Key,
    Whisker,
    bottom_axis,
    draw,
    frame,
    keys,
    label,
    label_box,
    left_axis,
    line,
    marker,
    runtime_class,
    text_width,
    whisker,
)
from advisor.report.html.tables import figure, table
from advisor.report.table import note
from advisor.report.verdict import axis, improvement
from advisor.types import Estimate, Outcome, Recommendation

WIDTH, HEIGHT = 760.0, 460.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 24.0, 46.0, 84.0


_NEAR = 8
"""A budget more than 8 times the largest loss stands at the edge as an arrow: drawn, it would squeeze the points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A candidate to draw: `loss` and its interval are fractions, `gain` is over the baseline."""

    outcome: Outcome
    gain: Estimate
    loss: float
    loss_ci95: tuple[float, float] | None
    winner: bool


def points(rec: Recommendation) -> tuple[Point, ...]:
    """What has both a gain and a loss, the winner first and then the best. The baseline loses nothing by definition."""
    found = []
    for outcome in rec.candidates:
        better = improvement(outcome, rec)
        if better is None or not math.isfinite(better.median):
            continue
        winner = outcome.name == rec.winner
        if outcome.name == rec.baseline:
            found.append(Point(outcome=outcome, gain=better, loss=0.0, loss_ci95=None, winner=winner))
        elif outcome.loss is not None and math.isfinite(outcome.loss.value):
            loss, ci95 = outcome.loss.value, outcome.loss.ci95
            found.append(Point(outcome=outcome, gain=better, loss=loss, loss_ci95=ci95, winner=winner))
    return tuple(sorted(found, key=lambda point: (not point.winner, -point.gain.median)))


def pareto(rec: Recommendation) -> Markup | None:
    """The plot with its table; None where fewer than two candidates can be placed."""
    drawn = points(rec)
    if len(drawn) < 2:
        return None
    names = {point.outcome.name for point in drawn}
    absent = [each.name for each in rec.candidates if each.timing is not None and each.name not in names]
    caption = "Bars are 95% confidence intervals."
    if absent:
        caption += f" Not drawn, for the loss was not measured: {', '.join(absent)}."
    return figure(_drawing(rec, drawn), name="Gain against loss", caption=caption, data=_table(rec, drawn))


def _drawing(rec: Recommendation, drawn: Sequence[Point]) -> Markup:
    x, clip_at = _loss_scale(rec, drawn)
    y = _gain_scale(drawn)
    floor = HEIGHT - BOTTOM
    shown = rec.request.max_loss <= x.high
    budget = x(min(rec.request.max_loss, x.high))
    ticks = nice_ticks(y.low, y.high, about=6)
    losses = [tick for tick in nice_ticks(x.low, x.high, about=7) if x.low <= tick <= x.high]
    parts: list[str | None] = [
        tag("rect", x=budget, y=TOP, width=max(0.0, WIDTH - RIGHT - budget), height=floor - TOP, class_="over"),
        left_axis([(tick, f"{tick:g}x") for tick in ticks], y, left=LEFT, right=WIDTH - RIGHT),
        bottom_axis([(tick, _percent(tick)) for tick in losses], x, y=floor),
        line(budget, TOP, budget, floor, "budget") if shown else None,
        line(LEFT, y(1.0), WIDTH - RIGHT, y(1.0), "unity"),
        label(f"{axis(rec)}, more is better", 4, 16, kind="axis-title"),
        label("loss of accuracy, less is better", WIDTH - RIGHT, floor + 42, anchor="end", kind="axis-title"),
        _keys(drawn),
    ]
    places = [(x(min(point.loss, clip_at)), y(point.gain.median)) for point in drawn]
    bars = [_bars(point, x, y, clip_at) for point in drawn]
    said = f"budget {fmt.percent(rec.request.max_loss)}{'' if shown else ' →'}"
    fits = budget + 6 + text_width(said) <= WIDTH - RIGHT
    anchor, at = ("start", budget + 6) if shown and fits else ("end", budget - 6 if shown else WIDTH - RIGHT)
    marks = [Box(left=px - 9, top=py - 9, right=px + 9, bottom=py + 9) for px, py in places]
    labels = place(
        [
            Spot(text=_name(point, clip_at), x=px, y=py, bold=point.winner)
            for point, (px, py) in zip(drawn, places, strict=True)
        ],
        within=Box(left=LEFT + 2, top=TOP - 4, right=WIDTH - 4, bottom=floor - 4),
        obstacles=[*marks, label_box(said, at, TOP - 8, anchor=anchor)],
        lines=[
            *(bar.box for group in bars for bar in group),
            Box(left=budget - 3, top=TOP, right=budget + 3, bottom=floor),
            Box(left=LEFT, top=y(1.0) - 3, right=WIDTH - RIGHT, bottom=y(1.0) + 3),
        ],
    )
    parts.append(label(said, at, TOP - 8, anchor=anchor, kind="budget-text"))
    for point, (px, py), group, named in reversed(list(zip(drawn, places, bars, labels, strict=True))):
        kind = runtime_class(point.outcome.name)
        parts += [draw(bar, f"bar {kind}") for bar in group]
        parts.append(_leader(named, px, py))
        parts.append(marker(point.outcome, px, py, winner=point.winner))
    for point, named in zip(drawn, labels, strict=True):
        parts.append(
            label(named.text, named.x, named.y, anchor=named.anchor, kind="name win" if point.winner else "name")
        )
    return frame(
        "pareto",
        width=WIDTH,
        height=HEIGHT,
        title="Gain over the baseline against loss of accuracy",
        desc=_describe(rec, drawn),
        parts=parts,
    )


def _loss_scale(rec: Recommendation, drawn: Sequence[Point]) -> tuple[Scale, float]:
    """The scale across, and the loss from which on points stand at the right edge with their figure beside them.

    Without that one candidate that loses a tenth would squeeze all the others into one line.
    """
    budget = rec.request.max_loss
    losses = sorted(point.loss for point in drawn)
    usual = max(3 * budget, 3 * losses[len(losses) // 2], 0.001)
    ends = [point.loss_ci95[1] for point in drawn if point.loss_ci95 and point.loss <= usual]
    most = max(0.0005, *(loss for loss in losses if loss <= usual))
    high = max(most, *(min(end, REACH * max(most, budget)) for end in ends)) if ends else most
    if budget <= _NEAR * high:
        high = max(high, 1.25 * budget)
    starts = [point.loss_ci95[0] for point in drawn if point.loss_ci95]
    low = min(0.0, *losses, max(min(starts, default=0.0), -0.25 * high))
    margin = 0.06 * (high - low)
    return Scale(low=low - margin, high=high + margin, start=LEFT, end=WIDTH - RIGHT), high + margin / 2


def _gain_scale(drawn: Sequence[Point]) -> Scale:
    most = max(point.gain.median for point in drawn)
    high = min(REACH * most, max(point.gain.ci95[1] if point.gain.ci95 else most for point in drawn))
    high = max(high, most)
    ticks = nice_ticks(0.0, 1.04 * high, about=6)
    return Scale(low=0.0, high=ticks[-1], start=HEIGHT - BOTTOM, end=TOP)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.4g}%" if abs(fraction) > 1e-9 else "0%"


def _name(point: Point, clip_at: float) -> str:
    return f"{point.outcome.name}, {fmt.percent(point.loss)} →" if point.loss > clip_at else point.outcome.name


def _bars(point: Point, x: Scale, y: Scale, clip_at: float) -> list[Whisker]:
    """The intervals: that of the gain upright, that of the loss across."""
    bars = []
    if point.gain.ci95 is not None:
        bars.append(whisker(point.gain.ci95, y, x(min(point.loss, clip_at)), upright=True))
    if point.loss_ci95 is not None and point.loss <= clip_at:
        bars.append(whisker(point.loss_ci95, x, y(point.gain.median), upright=False))
    return bars


def _leader(named: Placed, x: float, y: float) -> Markup | None:
    if not named.far:
        return None
    box = named.box
    near_x = min(max(x, box.left), box.right)
    near_y = box.bottom if y > box.bottom else box.top if y < box.top else (box.top + box.bottom) / 2
    return line(x, y, near_x, near_y, "leader")


def _keys(drawn: Sequence[Point]) -> Markup:
    """What the signs mean, those alone that are drawn."""
    runtimes = dict.fromkeys(runtime_class(point.outcome.name) for point in drawn)
    precisions = [each for each in SHAPES if any(p.outcome.precision == each and not p.winner for p in drawn)]
    entries = [Key(shape="circle", kind=kind, text=kind.removeprefix("r-")) for kind in runtimes]
    entries += [Key(shape=SHAPES[each], kind="plain", text=each) for each in precisions]
    if any(point.winner for point in drawn):
        entries.append(Key(shape="star", kind="plain", text="winner"))
    if any(point.outcome.status != "measured" for point in drawn):
        entries.append(Key(shape="circle", kind="plain hollow", text="out of the race"))
    return keys(entries, left=LEFT, y=HEIGHT - 8)


def _table(rec: Recommendation, drawn: Sequence[Point]) -> Markup:
    rows = [
        [
            point.outcome.name + (" (winner)" if point.winner else ""),
            fmt.ratio(point.gain.median),
            "" if point.gain.ci95 is None else fmt.interval(*point.gain.ci95, like=point.gain.median),
            fmt.percent(point.loss),
            "" if point.loss_ci95 is None else " to ".join(fmt.percent(end) for end in point.loss_ci95),
            note(point.outcome),
        ]
        for point in drawn
    ]
    heads = ["candidate", axis(rec), "95% CI", "loss", "95% CI of the loss", "note"]
    return table("Gain over the baseline and loss of accuracy", heads, rows, text={5})


def _describe(rec: Recommendation, drawn: Sequence[Point]) -> str:
    said = [
        f"{point.outcome.name} {fmt.times(point.gain.median)} at a loss of {fmt.percent(point.loss)}"
        + (", the winner" if point.winner else "")
        for point in drawn
    ]
    return (
        f"Scatter plot, {axis(rec)} upward and loss of accuracy to the right, "
        f"with a line at the budget of {fmt.percent(rec.request.max_loss)}: {'; '.join(said)}."
    )
