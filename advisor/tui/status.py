"""The line at the bottom: what is going on, in the room that there is. Pure."""

from __future__ import annotations

from rich.text import Text

from advisor.report import format as fmt
from advisor.report.eta import Eta
from advisor.report.glyphs import UNICODE
from advisor.report.steps import STAGES
from advisor.report.verdict import headline
from advisor.tui.state import State


def status(state: State, eta: Eta | None, *, width: int) -> Text:
    """One line of at most `width` columns."""
    line = _line(state, eta, width)
    line.truncate(max(1, width), overflow="ellipsis")
    return line


def _line(state: State, eta: Eta | None, width: int) -> Text:
    if state.phase == "idle":
        return Text("ctrl+r starts the run, F1 shows the keys", style="dim")
    if state.phase == "cancelled":
        return Text("The run was ended; finished exports and rounds are kept.", style="yellow")
    if state.phase == "failed":
        return Text.assemble(("✗ ", "red"), state.error or "")
    if state.recommendation is not None:
        top = headline(state.recommendation)
        return Text.assemble(("✓ ", "green"), (top.name, "bold"), f"  {top.sentence}")
    label = "race" if state.stage == "measure" and state.last_lap else state.stage or ""
    line = Text.assemble((f"{label.ljust(6)} ", "bold"))
    if eta is not None:
        line.append(UNICODE.progress(eta.fraction, 10 if width < 72 else 20), style="cyan").append("  ")
    flags = [word for word, on in (("paused", state.paused), ("stopping", state.stopping)) if on]
    line.append(" ".join(f"[{flag}] " for flag in flags), style="bold yellow")
    line.append(_doing(state))
    if eta is not None and eta.remaining_s is not None:
        line.append(f"   ETA {fmt.clock(eta.remaining_s)}")
    return line


def _doing(state: State) -> str:
    if state.doing is not None:
        return state.doing
    if state.stage == "measure" and state.last_lap is not None:
        return f"{state.last_lap}  round {state.lap_index}"
    if state.stage == "measure":
        planned = [row for row in state.rows if row.planned]
        done = sum(row.step == "loaded" or row.outcome is not None for row in planned)
        return f"{STAGES['measure']}  {done}/{len(planned)}"
    return STAGES.get(state.stage or "", state.stage or "starting")
