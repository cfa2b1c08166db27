"""The speed of each round, which shows noise, and a machine that slows down. Pure."""

from __future__ import annotations

from advisor.report import format as fmt
from advisor.report.html.markup import Markup
from advisor.report.html.runs import Run, lines, names_width
from advisor.report.html.scale import Scale, nice_ticks
from advisor.report.html.svg import bottom_axis, frame, label, left_axis
from advisor.report.html.tables import figure, table
from advisor.report.words import words
from advisor.types import Outcome, Recommendation

WIDTH, HEIGHT = 760.0, 340.0
LEFT, TOP, BOTTOM = 64.0, 40.0, 56.0


def rounds(rec: Recommendation) -> Markup | None:
    """The plot with its table; None where no candidate ran two rounds."""
    shown = [each for each in rec.candidates if len(_of(each)) >= 2]
    if not shown:
        return None
    longest = max(len(_of(each)) for each in shown)
    rows = [
        [str(index + 1), *(fmt.rate(_of(each)[index]) if index < len(_of(each)) else "" for each in shown)]
        for index in range(longest)
    ]
    return figure(
        _drawing(rec, shown, longest),
        name="Rounds over time",
        caption="Candidates take turns, so that what slows the machine for a while slows them all.",
        data=table(_title(rec), ["round", *(each.name for each in shown)], rows),
    )


def _title(rec: Recommendation) -> str:
    return f"{words(rec.model).items.capitalize()} a second in each round"


def _of(outcome: Outcome) -> tuple[float, ...]:
    return () if outcome.timing is None else outcome.timing.by_round


def _drawing(rec: Recommendation, shown: list[Outcome], longest: int) -> Markup:
    right = WIDTH - names_width([each.name for each in shown])
    ticks = nice_ticks(0.0, max(max(_of(each)) for each in shown), about=6)
    x = Scale(low=1, high=longest, start=LEFT + 8, end=right)
    y = Scale(low=0.0, high=ticks[-1], start=HEIGHT - BOTTOM, end=TOP)
    runs = [
        Run(
            outcome=each,
            points=tuple((x(index + 1), y(value)) for index, value in enumerate(_of(each))),
            winner=each.name == rec.winner,
            marked=longest <= 12,
        )
        for each in shown
    ]
    steps = [tick for tick in nice_ticks(1, longest, about=8) if tick == int(tick) and 1 <= tick <= longest]
    spans = "; ".join(
        f"{each.name} {fmt.rate(min(_of(each)))} to {fmt.rate(max(_of(each)))} in {fmt.plural(len(_of(each)), 'round')}"
        for each in shown
    )
    return frame(
        "rounds",
        width=WIDTH,
        height=HEIGHT,
        title=_title(rec),
        desc=f"One line a candidate, rounds to the right: {spans}.",
        parts=[
            left_axis(
                [(tick, fmt.count(tick) if tick >= 1 or not tick else f"{tick:g}") for tick in ticks],
                y,
                left=LEFT,
                right=right,
            ),
            bottom_axis([(tick, fmt.count(tick)) for tick in dict.fromkeys([1.0, *steps])], x, y=HEIGHT - BOTTOM),
            label(words(rec.model).rate, 4, 16, kind="axis-title"),
            label("round", right, HEIGHT - 8, anchor="end", kind="axis-title"),
            lines(runs, right=right, top=TOP, bottom=HEIGHT - BOTTOM),
        ],
    )
