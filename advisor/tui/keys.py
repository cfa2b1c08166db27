"""The keys: what they do, when they act, and how F1 shows them."""

from __future__ import annotations

from rich.text import Text
from textual.binding import Binding

from advisor.tui.state import State

SCREENS = ("setup", "machine", "texts", "rules", "race", "result")

BINDINGS = (
    *(Binding(str(number), f"go('{name}')", show=False) for number, name in enumerate(SCREENS, start=1)),
    Binding("ctrl+r", "start", "Start", priority=True),
    Binding("space", "pause", "Pause"),
    Binding("x", "skip", "Skip"),
    Binding("X,shift+x", "stop", "Stop", key_display="X"),
    Binding("y", "copy", "Copy"),
    Binding("o", "report", "Report"),
    Binding("w", "what_if", "What if"),
    Binding("f1", "help", "Help", priority=True),
    Binding("q", "leave", "Quit"),
    Binding("ctrl+q,ctrl+c", "leave", show=False, priority=True),
    Binding("escape", "unfocus", show=False),
)

KEYS = (
    ("1-6", "go to a screen (esc leaves a text field first)"),
    ("ctrl+r", "start the run"),
    ("space", "pause between rounds, and go on"),
    ("x", "skip the candidate under the cursor"),
    ("X", "stop, and keep what is measured"),
    ("enter", "a candidate's details and the tail of its log"),
    ("w", "what if: another budget, objective or machine"),
    ("y", "copy the snippet that loads the winner"),
    ("o", "open the report"),
    ("ctrl+p", "all commands, the light and dark theme among them"),
    ("F1", "this help"),
    ("q", "quit; asks while a run is under way"),
)


def help_text(title: str, words: str) -> Text:
    """What the current screen shows, and all keys."""
    lines = [Text(title, style="bold"), Text(words), Text()]
    lines += [Text.assemble((key.ljust(8), "bold"), what) for key, what in KEYS]
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
