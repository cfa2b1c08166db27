"""All commands by name, as ctrl+p lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import SystemCommand

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp


def commands(app: AdvisorApp, screens: tuple[str, ...]) -> Iterator[SystemCommand]:
    """Those that act now."""
    for name in screens:
        yield SystemCommand(name.capitalize(), f"Open the screen {name}", lambda name=name: app.action_go(name))
    yield SystemCommand("Light or dark", "Change the theme", app.action_theme)
    yield SystemCommand("What if", "Another budget, objective or machine", app.action_what_if)
    yield SystemCommand("Help", "The keys, and what this screen shows", app.action_help)
    if app.state.running:
        yield SystemCommand("Pause", "Hold the race between rounds, or go on", app.action_pause)
        yield SystemCommand("Stop", "Measure no more, keep what is measured", app.action_stop)
        yield SystemCommand("End the run", "End it without an answer; exports and rounds are kept", app.cancel)
    else:
        yield SystemCommand("Start", "Start the run", app.action_start)
    if app.state.recommendation is not None:
        yield SystemCommand("Copy", "Copy the snippet that loads the winner", app.action_copy)
        yield SystemCommand("Report", "Open the report", app.action_report)
    yield SystemCommand("Quit", "Leave the app", app.action_leave)
