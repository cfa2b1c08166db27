"""Screen 6: the answer, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Static

from advisor import objectives
from advisor.report import format as fmt
from advisor.report import verdict
from advisor.report.points import points
from advisor.report.table import STYLES, folded_notes, rows
from advisor.report.table import Row as Figures
from advisor.report.words import WORDS, words
from advisor.tui import snippet
from advisor.tui.drawing import pareto
from advisor.tui.drawing.lines import clipped, labelled, wrapped
from advisor.tui.panes.base import Pane
from advisor.tui.panes.lengths import by_length, tuning
from advisor.tui.panes.table import CandidateTable, Column, Line
from advisor.types import Recommendation

_MIN_NOTE = 24
"""Columns below which notes stand under the table."""
NOTE = "note"


class ResultPane(Pane):
    """The verdict, the table, speed against loss, and how to use what was written."""

    TITLE = "Result"
    HELP = (
        "The verdict and its evidence. In the plot faster is to the right and a smaller loss is higher; bars are 95% "
        "confidence intervals, and the dotted line is your loss budget. y copies the snippet, o opens the report, "
        "enter shows a candidate's details, w asks what another budget would have given."
    )

    DEFAULT_CSS = """
    ResultPane #result-body { height: auto; }
    ResultPane Static { height: auto; }
    ResultPane #result-verdict { margin-bottom: 1; }
    ResultPane #result-plot { margin-top: 1; }
    ResultPane #result-more { margin-top: 1; }
    """

    def compose(self) -> ComposeResult:
        """From the most important to the least."""
        yield Static("There is no result yet.", id="result-empty")
        with Container(id="result-body"):
            yield Static(id="result-verdict")
            yield CandidateTable(id="result-table")
            yield Static(id="result-plot")
            yield Static(id="result-more")

    def to_focus(self) -> Widget:
        """The table once there is one."""
        return self if self.state.recommendation is None else self.query_one(CandidateTable)

    def draw(self) -> None:
        """All of it."""
        rec = self.state.recommendation
        self.query_one("#result-empty").display = rec is None
        self.query_one("#result-body").display = rec is not None
        if rec is None:
            return
        width = self.columns
        shown = () if self.compact else pareto.points(rec)
        keys = {point.name: point.key for point in shown}
        self.query_one("#result-verdict", Static).update(verdict_text(rec, width))
        table = rows(rec)
        folded = folded_notes(table)
        listed = [row for row in table if row.note not in folded]
        columns = _columns(rec, width, compact=self.compact)
        self.query_one(CandidateTable).put(
            columns, [_line(row, columns, keys.get(row.candidate, "")) for row in listed]
        )
        plot = self.query_one("#result-plot", Static)
        plot.display = bool(shown)
        if shown:
            height = max(9, min(18, self.rows - len(listed) - 9))
            plot.update(pareto.draw(shown, max_loss=rec.request.max_loss, width=width, height=height))
        room = columns[-1].width if columns[-1].heading == NOTE else 0
        noted = [row for row in listed if len(row.note) > room]
        self.query_one("#result-more", Static).update(_more(rec, noted, folded, width))


def verdict_text(rec: Recommendation, width: int) -> Text:
    """The headline, its reasons, and the one line that loads the winner."""
    top = verdict.headline(rec)
    name_style = "bold green" if rec.winner is not None else "bold red"
    sentence = f"{top.sentence}, {top.source}" if top.source else top.sentence
    head = Text.assemble((top.name, name_style), "  ", (sentence, "bold"))
    if head.cell_len > width:
        head = Text(top.name, style=name_style)
        for line in wrapped(sentence, width, 2, first=True):
            head.append(f"\n{line}", style="bold")
    lines = [head]
    said = [("" if point.more else point.label, point.value) for point in points(rec)]
    lines += [labelled(label, value, width) for label, value in (*said, ("use", snippet.short(rec))) if value]
    return Text("\n").join(lines)


def _columns(rec: Recommendation, width: int, *, compact: bool) -> tuple[Column, ...]:
    extra = objectives.get(rec.request.objective).words.column
    columns = [Column(heading="candidate", width=20 if not compact else 16)]
    columns.append(Column(heading=words(rec.model).rate, width=7, right=True))
    if extra:
        columns.append(Column(heading=extra, width=8, right=True))
    columns.append(Column(heading="speedup", width=7, right=True))
    if not compact:
        columns.append(Column(heading="95% CI", width=9, right=True))
    columns.append(Column(heading="loss", width=8, right=True))
    room = width - sum(column.width + 2 for column in columns) - 4
    if room >= _MIN_NOTE:
        columns.append(Column(heading=NOTE, width=room))
    return tuple(columns)


def _line(row: Figures, columns: tuple[Column, ...], key: str) -> Line:
    style = "bold green" if row.mark == ">" else STYLES[row.status]
    name = f"{row.mark} {key + ' ' if key else ''}{row.candidate}"
    by_heading = {
        "candidate": name,
        **{each.rate: row.texts_per_s for each in WORDS.values()},
        "speedup": row.speedup,
        "95% CI": row.interval,
        "loss": row.loss,
        NOTE: row.note,
    }
    cells = [clipped(by_heading.get(column.heading, row.extra), column.width) for column in columns]
    return Line(name=row.candidate, cells=tuple(Text(cell, style=style) for cell in cells))


def _more(rec: Recommendation, noted: Sequence[Figures], folded: Mapping[str, tuple[str, ...]], width: int) -> Text:
    parts: list[Text] = []
    for row in noted:
        if row.note:
            style = STYLES[row.status] or "dim"
            parts += [Text(line, style=style) for line in wrapped(f"{row.mark} {row.candidate}: {row.note}", width, 2)]
    for reason, names in folded.items():
        parts += [Text(line, style="dim") for line in wrapped(f"- {reason}: {', '.join(names)}", width, 2)]
    for title, section in (("Speed by length", by_length(rec, width)), ("Tuning", tuning(rec, width))):
        if section:
            parts += [Text(), Text(title, style="bold"), *section]
    if rec.warnings:
        parts.append(Text())
    for message in rec.warnings:
        parts += [Text(line, style="yellow") for line in wrapped(f"⚠ {message}", width, 2)]
    if rec.artifact is not None:
        size = fmt.size(sum(file.size_bytes for file in rec.artifact.files))
        parts += [Text(), labelled("wrote", f"{rec.artifact.path} ({size})", width)]
    if rec.elapsed_s is not None:
        parts.append(labelled("took", fmt.duration(rec.elapsed_s), width))
    return Text("\n").join(parts)
