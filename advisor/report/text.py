"""A recommendation for a terminal. Everything in it is laid out here for the width given, so nothing wraps later."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from advisor import catalogue
from advisor.paths import MANIFEST
from advisor.report import format as fmt
from advisor.report import steps, verdict
from advisor.report.glyphs import UNICODE, Glyphs
from advisor.report.points import points
from advisor.report.table import LOSS_INTERVAL, STYLES, Row, by_reason, columns, folded_notes, note, rows
from advisor.report.words import words
from advisor.types import Artifact, Recommendation

_MIN_NOTE = 26
"""Columns below which a note goes under its row, where it has more room."""


def full(rec: Recommendation, *, width: int, glyphs: Glyphs = UNICODE) -> Text:
    """What was found out, the warnings and the answer: the report as it is printed later, from the file alone."""
    lines = [
        step("machine", steps.machine(rec.hardware), width=width, glyphs=glyphs),
        step("texts", steps.texts(rec.texts), width=width, glyphs=glyphs),
        step("rules", steps.rules(rec.decision, glyphs), width=width, glyphs=glyphs),
        *(warning(message, width=width, glyphs=glyphs) for message in rec.warnings),
        Text(),
        answer(rec, width=width),
    ]
    return Text("\n").join(lines)


def answer(rec: Recommendation, *, width: int) -> Text:
    """The answer: the headline and its reasons, the table of all candidates, and how to use what was written."""
    blocks = [Text("\n").join(_verdict(rec, width)), Text("\n").join(candidates(rec, width=width))]
    footer = _footer(rec)
    if footer:
        blocks.append(Text("\n").join(footer))
    return Text("\n\n").join(blocks)


def plan(rec: Recommendation, tried: Sequence[str], *, width: int) -> Text:
    """What a dry run found: what would be tried, in that order, and why the rest would not be."""
    name_width = max((len(outcome.name) for outcome in rec.candidates), default=0)
    lines = [Text("Would be exported and measured, in this order", style="bold")]
    for name in tried:
        mark = "*" if name == rec.decision.recommendation else " "
        lines.append(hanging(f"  {mark} {name.ljust(name_width)}  ", catalogue.get(name).says, width, style=""))
    left_out = ((note(outcome), outcome.name) for outcome in rec.candidates if outcome.name not in tried)
    for why, names in by_reason(left_out).items():
        lines.append(hanging(f"  - {', '.join(names).ljust(name_width)}  ", why, width))
    return Text("\n").join([*lines, Text(), Text(f"* picked by {rec.decision.ruleset}", style="dim")])


def step(label: str, message: str, *, width: int, glyphs: Glyphs = UNICODE) -> Text:
    """`✓ machine  2 cores, ...`, with what does not fit indented below."""
    return _labelled(glyphs.tick, "green", label, message, width)


def warning(message: str, *, width: int, glyphs: Glyphs = UNICODE) -> Text:
    """`⚠ noise    load 1.9 on 2 cores ...`; a message that names no topic is labelled `warning`."""
    topic, colon, rest = message.partition(": ")
    if colon and topic.isalpha() and topic.islower() and len(topic) <= 8:
        return _labelled(glyphs.warning, "yellow", topic, rest, width)
    return _labelled(glyphs.warning, "yellow", "warning", message, width)


def candidates(rec: Recommendation, *, width: int) -> list[Text]:
    """The table, one candidate a row; notes stand beside the figures, or below them where the width is short."""
    table = rows(rec)
    folded = folded_notes(table)
    figures = [
        ("its 95% CI" if heading == LOSS_INTERVAL else heading, cells)
        for heading, cells in columns(rec, table)
        if heading != LOSS_INTERVAL or any(cells)
    ]
    name_width = max(len("candidate"), *(len(row.candidate) for row in table)) if table else len("candidate")
    widths = [max(len(heading), *map(len, cells)) if cells else len(heading) for heading, cells in figures]
    for heading in ("its 95% CI", "95% CI"):  # the intervals are the first to go
        at = next((index for index, (each, _) in enumerate(figures) if each == heading), None)
        short = _MIN_NOTE if heading == "its 95% CI" else 0
        if at is not None and 4 + name_width + sum(widths) + 2 * len(widths) + short > width:
            del figures[at], widths[at]
    figures_width = 4 + name_width + sum(widths) + 2 * len(widths)
    layout = _Layout(
        note_at=figures_width + 3 if width - figures_width - 3 >= _MIN_NOTE else None,
        empty_at=4 + name_width + 2,
        width=width,
    )
    headings = [heading.rjust(size) for (heading, _), size in zip(figures, widths, strict=True)]
    head = "  ".join([f"    {'candidate'.ljust(name_width)}", *headings])
    if layout.note_at is not None and any(row.note and row.has_figures for row in table):
        head += "   note"
    lines = [Text(head, style="dim")]
    for index, row in enumerate(table):
        if row.note in folded:
            continue
        cells = [cells[index].rjust(size) for (_, cells), size in zip(figures, widths, strict=True)]
        lines += _row(row, "  ".join([f"  {row.mark} {row.candidate.ljust(name_width)}", *cells]).rstrip(), layout)
    for reason, names in folded.items():
        lines.append(hanging("  - ", f"{reason}: {', '.join(names)}", width))
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    note_at: int | None
    """The column where notes start beside the figures; None where they stand below."""
    empty_at: int
    """The column where the note of a row without figures starts."""
    width: int


def _row(row: Row, figures: str, layout: _Layout) -> list[Text]:
    style = "bold green" if row.mark == ">" else STYLES[row.status]
    start = layout.note_at if row.has_figures else layout.empty_at
    if not row.note:
        return [Text(figures, style=style)]
    if start is None:
        return [Text(figures, style=style), *(Text(line, style="dim") for line in wrapped(row.note, layout.width, 6))]
    first, *more = wrapped(row.note, layout.width, start)
    return [
        Text.assemble((figures.ljust(start), style), (first.strip(), "dim")),
        *(Text(line, style="dim") for line in more),
    ]


def _verdict(rec: Recommendation, width: int) -> list[Text]:
    top = verdict.headline(rec)
    name = (top.name, "bold green" if rec.winner is not None else "bold red")
    line = Text.assemble(name, (f"   {top.sentence}", "bold"), (f"     {top.source}" if top.source else "", "dim"))
    if line.cell_len <= width:
        lines = [line]
    else:
        sentence = f"{top.sentence}, {top.source}" if top.source else top.sentence
        lines = [Text.assemble(name), *(Text(row, style="bold") for row in wrapped(sentence, width, 2))]
    said = [("" if point.more else point.label, point.value) for point in points(rec)]
    return lines + [hanging(f"  {label.ljust(10)}", value, width) for label, value in said]


def _footer(rec: Recommendation) -> list[Text]:
    lines = []
    if rec.winner is not None and rec.winner == rec.baseline:
        lines.append(_entry("Use", f'{words(rec.model).class_name}("{rec.model.id}"), as you do today'))
    elif rec.artifact is not None:
        lines.append(_entry("Use", f'advisor.load("{shown_path(rec.artifact.path)}")'))
    if rec.artifact is not None:
        lines += [
            _entry("Wrote", f"{shown_path(rec.artifact.path)}   ({_contents(rec.artifact)})"),
            _entry("Verify", f"advisor verify {shlex.quote(shown_path(rec.artifact.path))}"),
        ]
    return lines


def shown_path(path: Path) -> str:
    """A path as short as it can be typed here: relative where it lies below the current folder."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return str(path)


def _contents(artifact: Artifact) -> str:
    total = fmt.size(sum(file.size_bytes for file in artifact.files))
    return f"{total}; {MANIFEST}, report.html"


def _entry(label: str, value: str) -> Text:
    return Text.assemble((label.ljust(8), "bold"), value)


def _labelled(glyph: str, style: str, label: str, message: str, width: int) -> Text:
    first, *rest = wrapped(message, width, 11) or [""]
    return Text.assemble((f"{glyph} ", style), (f"{label.ljust(8)} ", "bold"), "\n".join([first.strip(), *rest]))


def hanging(lead: str, message: str, width: int, *, style: str = "dim") -> Text:
    """`lead` in a style, then the message, whose further lines are indented below its first."""
    first, *rest = wrapped(message, width, len(lead)) or [""]
    return Text.assemble((lead, style), "\n".join([first.strip(), *rest]))


def wrapped(message: str, width: int, indent: int) -> list[str]:
    """Lines that each start with `indent` spaces; a word longer than a line stays whole, so that it can be copied."""
    space = " " * indent
    return textwrap.wrap(
        message,
        width=max(width, indent + 20),
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )
