"""How long the sampled texts are: a histogram on a logarithmic scale with p50, p95 and the model's maximum. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.report import format as fmt
from advisor.report.html.markup import Markup, tag
from advisor.report.html.scale import Scale, log_ticks, nice_ticks
from advisor.report.html.svg import bottom_axis, frame, label, label_box, left_axis, line
from advisor.report.html.tables import figure, table
from advisor.types import Histogram, Recommendation

WIDTH, HEIGHT = 760.0, 320.0
LEFT, RIGHT, BOTTOM = 56.0, 24.0, 56.0
ROW = 18.0

_FAR = 8
"""A maximum length more than 8 times the longest text stands in the caption: drawn, it would squeeze the bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A length to point out."""

    text: str
    value: float
    kind: str


def histogram(rec: Recommendation) -> Markup | None:
    """The plot with its table; None where lengths were not counted."""
    counted = rec.texts.histogram
    if counted is None or not counted.counts or not any(counted.counts):
        return None
    marks, caption = _marks(rec, counted)
    rows = [[fmt_range, fmt.count(count)] for fmt_range, count in zip(_ranges(counted), counted.counts, strict=True)]
    return figure(
        _drawing(counted, marks, rec),
        name="Lengths of the texts",
        caption=caption,
        data=table(f"Texts by their length in {counted.unit}", [counted.unit, "texts"], rows),
    )


def _marks(rec: Recommendation, counted: Histogram) -> tuple[list[Mark], str]:
    texts, maximum = rec.texts, rec.model.max_seq_length
    stats = texts.tokens if counted.unit == "tokens" and texts.tokens is not None else texts.chars
    marks = [
        Mark(text=f"p50 {fmt.count(stats.p50)}", value=stats.p50, kind="mark-line"),
        Mark(text=f"p95 {fmt.count(stats.p95)}", value=stats.p95, kind="mark-line"),
    ]
    caption = f"Half of the texts have up to {fmt.count(stats.p50)} {counted.unit}, 95% up to {fmt.count(stats.p95)}."
    if counted.unit == "tokens" and maximum is not None:
        if maximum <= _FAR * counted.edges[-1]:
            marks.append(Mark(text=f"model's maximum {fmt.count(maximum)}", value=maximum, kind="mark-line limit"))
        caption += f" The model reads at most {fmt.plural(maximum, 'token')}"
        if texts.truncated_fraction is not None:
            share = fmt.share(texts.truncated_fraction) if texts.truncated_fraction else "none"
            caption += f", which truncates {share} of the texts"
        caption += "."
    return marks, caption


def _drawing(counted: Histogram, marks: Sequence[Mark], rec: Recommendation) -> Markup:
    low = max(0.5, float(counted.edges[0]))
    high = max(float(counted.edges[-1]), *(1.08 * mark.value for mark in marks), 1.5 * low)
    x = Scale(low=low, high=high, start=LEFT, end=WIDTH - RIGHT, log=True)
    levels = _rows(marks, x)
    top = 40.0 + ROW * max(level for level, _, _ in levels)
    ticks = nice_ticks(0.0, max(counted.counts), about=5)
    whole = [tick for tick in ticks if tick == int(tick)]
    y = Scale(low=0.0, high=ticks[-1], start=HEIGHT - BOTTOM, end=top + 12)
    parts: list[str | None] = [
        left_axis([(tick, fmt.count(tick)) for tick in whole], y, left=LEFT, right=WIDTH - RIGHT)
    ]
    for start, end, count in zip(counted.edges, counted.edges[1:], counted.counts, strict=False):
        left, right = x(start), x(end)
        parts.append(
            tag(
                "rect",
                x=left + 0.5,
                y=y(count),
                width=max(1.0, right - left - 1),
                height=max(0.0, y(0) - y(count)),
                class_="column",
            )
        )
    parts.append(
        bottom_axis([(tick, fmt.count(tick)) for tick in log_ticks(low, high) if tick >= 1], x, y=HEIGHT - BOTTOM)
    )
    for mark, (level, at, anchor) in zip(marks, levels, strict=True):
        baseline = 34.0 + ROW * level
        parts += [
            line(x(mark.value), baseline - 10, x(mark.value), HEIGHT - BOTTOM, mark.kind),
            label(mark.text, at, baseline, anchor=anchor, kind="name"),
        ]
    parts.append(label("texts", 4, 14, kind="axis-title"))
    parts.append(
        label(f"{counted.unit} in a text, logarithmic", WIDTH - RIGHT, HEIGHT - 10, anchor="end", kind="axis-title")
    )
    peak = max(range(len(counted.counts)), key=lambda index: counted.counts[index])
    said = "; ".join(mark.text for mark in marks)
    return frame(
        "lengths",
        width=WIDTH,
        height=HEIGHT,
        title=f"Lengths of the {fmt.count(rec.texts.num_sampled)} sampled texts in {counted.unit}",
        desc=f"Histogram on a logarithmic scale. Most texts, {fmt.count(counted.counts[peak])}, have "
        f"{_ranges(counted)[peak]} {counted.unit}. Marked: {said}.",
        parts=parts,
    )


def _rows(marks: Sequence[Mark], x: Scale) -> list[tuple[int, float, str]]:
    """For each mark the row of its label from the top, its place and its anchor, so that no two labels touch."""
    found: list[tuple[int, float, str]] = []
    for mark in marks:
        at = x(mark.value)
        fits = label_box(mark.text, at + 5, 0).right <= WIDTH - 4
        place, anchor = (at + 5, "start") if fits else (at - 5, "end")
        level = 0
        while any(
            other_level == level and _touch(mark.text, place, anchor, marks[index].text, other, other_anchor)
            for index, (other_level, other, other_anchor) in enumerate(found)
        ):
            level += 1
        found.append((level, place, anchor))
    return found


def _touch(text: str, at: float, anchor: str, other: str, other_at: float, other_anchor: str) -> bool:
    one, two = label_box(text, at, 0, anchor=anchor), label_box(other, other_at, 0, anchor=other_anchor)
    return one.left < two.right + 8 and two.left < one.right + 8


def _ranges(counted: Histogram) -> list[str]:
    pairs = zip(counted.edges, counted.edges[1:], strict=False)
    return [fmt.count(low) if high - 1 <= low else f"{fmt.count(low)}-{fmt.count(high - 1)}" for low, high in pairs]
