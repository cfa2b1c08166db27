"""Screen 5: the candidates while they are screened, exported, loaded and timed, and how they ended."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable, Static

from advisor.report import format as fmt
from advisor.report import steps
from advisor.report.table import by_reason, note
from advisor.report.words import words
from advisor.tui.drawing.lines import clipped, wrapped
from advisor.tui.drawing.spark import spark
from advisor.tui.panes.base import Pane
from advisor.tui.panes.table import CandidateTable, Column, Line
from advisor.tui.state import Row, State, live_speed, live_speedup
from advisor.types import BASELINE

SIGNS = {
    "waiting": ("·", "dim"),
    "screening": ("»", "cyan"),
    "exporting": ("»", "cyan"),
    "exported": ("+", ""),
    "loaded": ("=", ""),
    "racing": ("▸", "cyan"),
    "measured": ("✓", "green"),
    "rejected": ("!", "yellow"),
    "cut": ("✗", "dim"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
}
"""A sign and a style for each state: nothing is told by colour alone."""

_FULL_WIDTH = 74
_IF_FULL = {"state", "95% CI", "rounds"}


class RacePane(Pane):
    """One row a candidate, in the plan's order; below them what went wrong and what was remarked."""

    TITLE = "Race"
    HELP = (
        "One row a candidate, in the order of the plan. Figures are of the rounds so far until a candidate's outcome "
        "is final. A speedup with ~ before it and predicted after it was not measured: it rests on copies of the model "
        "with few of its layers. space pauses between rounds, x skips the candidate under the cursor, X stops and "
        "keeps what is measured, enter shows a candidate's details and the tail of its log."
    )

    DEFAULT_CSS = """
    RacePane #race-empty { display: none; }
    RacePane #race-notes { margin-top: 1; }
    """

    def compose(self) -> ComposeResult:
        """A table and notes."""
        yield Static("Nothing has been run yet: press ctrl+r to start.", id="race-empty")
        yield CandidateTable(id="race-table")
        yield Static(id="race-notes")

    def to_focus(self) -> Widget:
        """The table."""
        return self.query_one(CandidateTable)

    @property
    def candidate(self) -> str | None:
        """The candidate under the cursor."""
        return self.query_one(CandidateTable).candidate

    def draw(self) -> None:
        """The rows' cells that changed."""
        state, table = self.state, self.query_one(CandidateTable)
        rows = [row for row in state.rows if row.planned]
        self.query_one("#race-empty").display = not rows
        table.display = bool(rows)
        full = self.columns >= _FULL_WIDTH
        longest = max((len(row.name) for row in rows), default=0)
        columns = _columns(self.columns, full=full, rate=words(state.model).rate, longest=longest)
        table.put(columns, [_line(row, state, columns) for row in rows])
        self.query_one("#race-notes", Static).update(_notes(state, self.columns, self.candidate))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The cursor moved: say why that candidate is where it is."""
        event.stop()
        self.query_one("#race-notes", Static).update(_notes(self.state, self.columns, self.candidate))


def _columns(width: int, *, full: bool, rate: str, longest: int) -> tuple[Column, ...]:
    spare = max(0, width - _FULL_WIDTH)  # none unless full
    name = Column(heading="candidate", width=max(16, min(longest + 2, 16 + spare)))
    columns = (
        name,
        Column(heading="state", width=9),
        Column(heading=rate, width=7, right=True),
        Column(heading="speedup", width=7, right=True),
        Column(heading="95% CI", width=9, right=True),
        Column(heading="loss", width=8, right=True),
        Column(heading="rounds", width=max(4, min(15, width - name.width - 40 - 14))),
    )
    return columns if full else tuple(each for each in columns if each.heading not in _IF_FULL)


def _line(row: Row, state: State, columns: tuple[Column, ...]) -> Line:
    sign, style = SIGNS[row.status]
    final = row.outcome is not None
    faint = style if row.status in {"cut", "skipped", "failed"} else "" if final else "italic"
    speed = live_speed(row)
    speedup, interval = _speedup(row, state, full=any(each.heading == "95% CI" for each in columns))
    loss = "" if row.loss is None else fmt.percent(row.loss.value)
    if row.name == BASELINE and (row.rounds or row.loss):
        loss = "baseline"
    cells = {
        "candidate": Text(clipped(f"{sign} {row.name}", columns[0].width), style=style),
        "state": Text("to skip" if row.skip_asked and not final else row.status, style=style),
        "speedup": Text(speedup, style=faint),
        "95% CI": Text(interval, style=faint),
        "loss": Text(loss, style=faint),
        "rounds": Text(spark(row.speeds, columns[-1].width), style="cyan"),
    }
    rate = Text("" if speed is None else fmt.rate(speed.median), style=faint)
    return Line(name=row.name, cells=tuple(cells.get(column.heading, rate) for column in columns))


def _speedup(row: Row, state: State, *, full: bool) -> tuple[str, str]:
    """The speedup and its interval; where nothing is measured, what is predicted, if there is room to say so."""
    measured, found = live_speedup(row, state), row.prediction
    if measured is None:
        return (f"~{fmt.ratio(found.speedup)}", "predicted") if full and found is not None else ("", "")
    ci95 = None if row.name == BASELINE else measured.ci95
    return fmt.ratio(measured.median), "" if ci95 is None else fmt.interval(*ci95, like=measured.median)


def _notes(state: State, width: int, current: str | None) -> Text:
    """Every failure in a line, why the candidate under the cursor is out or how fast it is predicted to be, remarks and
    warnings."""
    lines: list[Text] = []
    for row in state.rows:
        found = row.prediction
        words = note(row.outcome) if row.outcome is not None else "" if found is None else steps.predicted(found)
        if words and (row.status == "failed" or row.name == current):
            sign, style = SIGNS[row.status]
            lines.append(Text(clipped(f"{sign} {row.name}: {words}", width), style=style))
    left_out = ((note(row.outcome), row.name) for row in state.rows if row.outcome is not None and not row.planned)
    for words, names in by_reason(left_out).items():
        lines += [Text(part, style="dim") for part in wrapped(f"- {words}: {', '.join(names)}", width, 2)]
    lines += [Text(part) for remark in state.remarks[-4:] for part in wrapped(f"· {remark}", width, 2)]
    for message in state.warnings:
        lines += [Text(part, style="yellow") for part in wrapped(f"⚠ {message}", width, 2)]
    return Text("\n").join(lines)
