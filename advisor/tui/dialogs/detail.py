"""One candidate: its figures, how it was run, and the tail of its log."""

from __future__ import annotations

import os
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import RichLog

from advisor import catalogue
from advisor.report import format as fmt
from advisor.report import steps
from advisor.report.table import note
from advisor.report.words import words
from advisor.tui.dialogs.base import Dialog
from advisor.tui.drawing.lines import labelled
from advisor.tui.drawing.spark import spark
from advisor.tui.panes.lengths import of_outcome, settings_of
from advisor.tui.state import Row, State, live_speed, live_speedup
from advisor.types import BASELINE, Estimate

TAIL_BYTES = 16_000
TAIL_LINES = 200


class Detail(Dialog[None]):
    """Everything that is known about one candidate."""

    DEFAULT_CSS = """
    Detail > .box { height: 96%; }
    Detail RichLog { height: 1fr; background: $surface; }
    """

    def __init__(self, row: Row, state: State) -> None:
        super().__init__()
        self._row = row
        self._state = state

    def compose(self) -> ComposeResult:
        """A text that scrolls."""
        with Vertical(classes="box") as box:
            box.border_title = self._row.name
            box.border_subtitle = "esc closes"
            yield RichLog(wrap=True, markup=False, highlight=False, auto_scroll=False, min_width=20)

    def on_mount(self) -> None:
        """Read the log now, not while it is timed."""
        log = self.query_one(RichLog)
        width = max(24, min(110, int(0.96 * self.app.size.width)) - 6)  # the frame, its padding, the scrollbar
        for line in facts(self._row, self._state, width):
            log.write(line)
        path = None if self._row.outcome is None else self._row.outcome.log
        log.write(Text())
        if path is None:
            log.write(Text("No log is kept for it here.", style="dim"))
        else:
            log.write(Text.assemble(("log ", "bold"), (path, "dim")))
            log.write(Text(tail(Path(path))))
        log.focus()


def facts(row: Row, state: State, width: int) -> list[Text]:
    """What is known, one line or more each."""
    outcome = row.outcome
    candidate = catalogue.get(row.name) if row.name in catalogue.names() else None
    speed, speedup = live_speed(row), live_speedup(row, state)
    rate = words(state.model).rate
    points = [
        ("what", "" if candidate is None else candidate.says),
        ("status", row.status if outcome is None else note(outcome) or outcome.status),
        ("speed", "" if speed is None else f"{_estimate(speed, fmt.rate)} {rate}"),
        ("speedup", "" if speedup is None else f"{_estimate(speedup, fmt.ratio)} over {BASELINE}"),
        ("screen", "" if row.prediction is None else steps.predicted(row.prediction)),
        ("loss", _loss(row)),
        ("rounds", f"{len(row.speeds)}  {spark(row.speeds, 40)}" if row.speeds else ""),
    ]
    if outcome is not None:
        timing = outcome.timing
        if timing is not None:
            if timing.latency_p50_ms is not None:
                p95 = "" if timing.latency_p95_ms is None else f", p95 {fmt.milliseconds(timing.latency_p95_ms)}"
                points.append(("latency", f"p50 {fmt.milliseconds(timing.latency_p50_ms)}{p95}"))
            if timing.peak_rss_bytes is not None:
                points.append(("memory", f"{fmt.memory(timing.peak_rss_bytes)} at its peak"))
        points.append(("file", outcome.file or ""))
        points.append(("size", "" if outcome.size_bytes is None else fmt.size(outcome.size_bytes)))
        points.append(("export", "" if outcome.export_s is None else fmt.duration(outcome.export_s)))
    if row.load_s is not None:
        points.append(("load", fmt.duration(row.load_s)))
    lines = [labelled(label, value, width) for label, value in points if value]
    if outcome is None:
        return lines
    if outcome.settings is not None:
        shown = [
            f"{name.replace('_', ' ')} {value}"
            for name in outcome.settings.__slots__
            if (value := getattr(outcome.settings, name)) is not None
        ]
        lines.append(labelled("settings", ", ".join(shown), width))
    for label, section in (
        ("by length", [line.plain for line in of_outcome(outcome, rate)]),
        ("tuning", settings_of(outcome)),
        ("notes", list(outcome.notes)),
    ):
        lines += [labelled(label if index == 0 else "", line, width) for index, line in enumerate(section)]
    return lines


def tail(path: Path) -> str:
    """The last lines of a log, without what would steer a terminal."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"It cannot be read: {error.strerror or error}."
    lines = [Text.from_ansi(line).plain for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    shown = "\n".join("".join(sign if sign.isprintable() else " " for sign in line) for line in lines[-TAIL_LINES:])
    return shown.strip("\n") or "It is empty."


def _estimate(estimate: Estimate, show: object) -> str:
    assert callable(show)
    text = str(show(estimate.median))
    if estimate.ci95 is None:
        return text
    return f"{text} (95% CI {show(estimate.ci95[0])}-{show(estimate.ci95[1])})"


def _loss(row: Row) -> str:
    if row.loss is None:
        return ""
    ci95 = row.loss.ci95
    interval = "" if ci95 is None else f" (95% CI {fmt.percent(ci95[0])} to {fmt.percent(ci95[1])})"
    on = "" if row.loss.num_texts is None else f" on {row.loss.num_texts} texts"
    return f"{fmt.percent(row.loss.value)}{interval}, {row.loss.method}{on}: {row.loss.metric}"
