"""Speed on texts of each length, with the lengths at which another candidate becomes the best. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from advisor import objectives
from advisor.report import format as fmt
from advisor.report.html.markup import Markup
from advisor.report.html.runs import Run, lines, names_width
from advisor.report.html.scale import Scale, nice_ticks
from advisor.report.html.svg import REACH, frame, label, left_axis, line, whisker
from advisor.report.html.tables import figure, table
from advisor.report.lengths import crossover, sentence, span
from advisor.report.words import words
from advisor.types import Estimate, LengthSpeed, Outcome, Recommendation
from advisor.whatif import LengthBest, best_by_length, timed_by_length

WIDTH, HEIGHT = 760.0, 360.0
LEFT, TOP, BOTTOM = 56.0, 40.0, 74.0


def by_length(rec: Recommendation) -> Markup | None:
    """The plot with its table; None where speed was not measured by length."""
    shown = timed_by_length(rec.candidates, rec.request)
    best = best_by_length(rec.candidates, rec.request)
    if not shown or not best:
        return None
    caption = f"{sentence(best)}."
    absent = [each.name for each in rec.candidates if each.status == "measured" and not each.by_length]
    if absent:
        caption += f" Not measured by length: {', '.join(absent)}."
    return figure(
        _drawing(rec, shown, best),
        name="Speed by length",
        caption=f"{caption} Bars are 95% confidence intervals; gaps within them or within "
        f"{objectives.TIE_MARGIN:.0%} count as ties.",
        data=_table(rec, shown, best),
    )


def _value(outcome: Outcome, speed: LengthSpeed, rec: Recommendation, *, relative: bool) -> Estimate:
    if not relative:
        return speed.texts_per_s
    return speed.speedup if speed.speedup is not None and outcome.name != rec.baseline else Estimate(median=1.0)


def _drawing(rec: Recommendation, shown: Sequence[Outcome], best: Sequence[LengthBest]) -> Markup:
    relative = all(speed.speedup or each.name == rec.baseline for each in shown for speed in each.by_length)
    right = WIDTH - names_width([each.name for each in shown])
    starts = [each.min_chars for each in best]
    column = (right - LEFT) / len(starts)
    values = [_value(each, speed, rec, relative=relative) for each in shown for speed in each.by_length]
    most = max(value.median for value in values)
    high = max(most, min(REACH * most, max(value.ci95[1] if value.ci95 else most for value in values)))
    ticks = nice_ticks(0.0, 1.02 * high, about=6)
    y = Scale(low=0.0, high=ticks[-1], start=HEIGHT - BOTTOM, end=TOP)
    shift = min(9.0, column / (2 * len(shown)))
    runs = []
    for index, outcome in enumerate(shown):
        dodge = (index - (len(shown) - 1) / 2) * shift
        points, bars = [], []
        for speed in outcome.by_length:
            if speed.min_chars not in starts:
                continue
            value = _value(outcome, speed, rec, relative=relative)
            x = LEFT + column * (starts.index(speed.min_chars) + 0.5) + dodge
            points.append((x, y(value.median)))
            if value.ci95 is not None:
                bars.append(whisker(value.ci95, y, x, upright=True))
        if points:
            runs.append(Run(outcome=outcome, points=tuple(points), bars=tuple(bars), winner=outcome.name == rec.winner))
    said = words(rec.model)
    parts: list[str | None] = [
        left_axis([(tick, f"{tick:g}x" if relative else fmt.rate(tick)) for tick in ticks], y, left=LEFT, right=right),
        line(LEFT, HEIGHT - BOTTOM, right, HEIGHT - BOTTOM, "axis"),
        label(f"speedup over {rec.baseline}" if relative else said.rate, 4, 16, kind="axis-title"),
        label(
            f"characters in a {said.item}, and the share of such {said.items}",
            right,
            HEIGHT - 8,
            anchor="end",
            kind="axis-title",
        ),
    ]
    for index, bucket in enumerate(best):
        middle = LEFT + column * (index + 0.5)
        parts += [
            label(span(bucket.min_chars, bucket.max_chars), middle, HEIGHT - BOTTOM + 20, anchor="middle", kind="tick"),
            label(fmt.share(bucket.share), middle, HEIGHT - BOTTOM + 37, anchor="middle", kind="tick"),
        ]
        if index and bucket.candidate != best[index - 1].candidate:
            parts.append(line(LEFT + column * index, TOP, LEFT + column * index, HEIGHT - BOTTOM, "budget"))
    parts.append(lines(runs, right=right, top=TOP, bottom=HEIGHT - BOTTOM))
    return frame(
        "by-length",
        width=WIDTH,
        height=HEIGHT,
        title=f"Speed by the length of the {said.items}",
        desc=f"One line a candidate, {'speedup' if relative else f'{said.items} a second'} upward, lengths to the "
        f"right; {crossover(best)}.",
        parts=parts,
    )


def _table(rec: Recommendation, shown: Sequence[Outcome], best: Sequence[LengthBest]) -> Markup:
    rows = []
    for bucket in best:
        for outcome in shown:
            speed = next((each for each in outcome.by_length if each.min_chars == bucket.min_chars), None)
            if speed is None:
                continue
            ratio = speed.speedup if outcome.name != rec.baseline else None
            place = "best" if outcome.name == bucket.candidate else "tied" if outcome.name in bucket.tied else ""
            rows.append(
                [
                    span(bucket.min_chars, bucket.max_chars),
                    fmt.share(bucket.share),
                    outcome.name,
                    fmt.rate(speed.texts_per_s.median),
                    "" if ratio is None else fmt.ratio(ratio.median),
                    "" if ratio is None or ratio.ci95 is None else fmt.interval(*ratio.ci95, like=ratio.median),
                    place,
                ]
            )
    heads = ["characters", "share", "candidate", words(rec.model).rate, "speedup", "95% CI", "place"]
    return table(f"Speed by the length of the {words(rec.model).items}", heads, rows, text={2, 6})
