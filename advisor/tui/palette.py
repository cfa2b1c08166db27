"""All commands by name, as ctrl+p lists them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from advisor.tui.keys import ACTIONS, SCREENS, acts

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp


def commands(app: AdvisorApp) -> Iterator[SystemCommand]:
    """Those that act now."""
    for name in SCREENS:
        yield SystemCommand(name.capitalize(), f"Open the screen {name}", partial(app.action_go, name))
    yield SystemCommand("Light or dark", "Change the theme", app.action_theme)
    for each in ACTIONS:
        if acts(each.name, app.state, app.pane.id or ""):
            does = each.does[0].upper() + each.does[1:]
            yield SystemCommand(each.label, does, getattr(app, f"action_{each.name}"))
    if app.state.running:
        yield SystemCommand("End the run", "End it without an answer; exports and rounds are kept", app.cancel)
