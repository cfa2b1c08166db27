"""The keys: what they do, when they act, and how F1 and ctrl+p show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import SystemCommand
from textual.binding import Binding

from advisor.tui.state import State

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp

SCREENS = ("setup", "machine", "texts", "rules", "race", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a key does: `AdvisorApp.action_<name>`. The footer, the help and the palette name it."""

    name: str
    keys: str
    label: str
    does: str
    shown: str | None = None
    """How the footer shows the key, where it is not by its name."""
    priority: bool = False
    """Whether it acts in a text field too."""


ACTIONS = (
    Action(name="start", keys="ctrl+r", label="Start", does="start the run", priority=True),
    Action(name="pause", keys="space", label="Pause", does="pause between rounds, and go on"),
    Action(name="skip", keys="x", label="Skip", does="skip the candidate under the cursor"),
    Action(name="stop", keys="X,shift+x", label="Stop", does="stop, and keep what is measured", shown="X"),
    Action(name="copy", keys="y", label="Copy", does="copy the snippet that loads the winner"),
    Action(name="report", keys="o", label="Report", does="open the report"),
    Action(name="what_if", keys="w", label="What if", does="what if: another budget, objective or machine"),
    Action(name="help", keys="f1", label="Help", does="the keys, and what this screen shows", priority=True),
    Action(name="leave", keys="q", label="Quit", does="quit; asks while a run is under way"),
)

BINDINGS = (
    *(Binding(str(number), f"go('{name}')", show=False) for number, name in enumerate(SCREENS, start=1)),
    *(Binding(each.keys, each.name, each.label, key_display=each.shown, priority=each.priority) for each in ACTIONS),
    Binding("ctrl+q,ctrl+c", "leave", show=False, priority=True),
    Binding("escape", "unfocus", show=False),
)

_KEYS = (
    ("1-6", "go to a screen (esc leaves a text field first)"),
    *((each.shown or each.keys, each.does) for each in ACTIONS),
    ("enter", "a candidate's details and the tail of its log"),
    ("ctrl+p", "all commands, the light and dark theme among them"),
)


def help_text(title: str, words: str) -> Text:
    """What the current screen shows, and all keys."""
    lines = [Text(title, style="bold"), Text(words), Text()]
    lines += [Text.assemble((key.ljust(8), "bold"), what) for key, what in _KEYS]
    return Text("\n").join(lines)


def acts(action: str, state: State, screen: str) -> bool:
    """Whether a key acts now, on the screen that is open; the footer shows those alone."""
    match action:
        case "start":
            return not state.running
        case "pause" | "stop":
            return state.running
        case "skip":
            return state.running and screen == "race"
        case "copy" | "report":
            return state.recommendation is not None
    return True


def commands(app: AdvisorApp) -> Iterator[SystemCommand]:
    """All that acts now by name, as ctrl+p lists it."""
    for name in SCREENS:
        yield SystemCommand(name.capitalize(), f"Open the screen {name}", partial(app.action_go, name))
    yield SystemCommand("Light or dark", "Change the theme", app.action_theme)
    for each in ACTIONS:
        if acts(each.name, app.state, app.pane.id or ""):
            does = each.does[0].upper() + each.does[1:]
            yield SystemCommand(each.label, does, getattr(app, f"action_{each.name}"))
    if app.state.running:
        yield SystemCommand("End the run", "End it without an answer; exports and rounds are kept", app.cancel)
