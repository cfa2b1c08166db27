"""The keys, as F1 shows them."""

from __future__ import annotations

from rich.text import Text

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
