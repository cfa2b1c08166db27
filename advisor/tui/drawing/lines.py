"""Text in lines of a given width."""

from __future__ import annotations

import textwrap

from rich.text import Text


def wrapped(message: str, width: int, indent: int, *, first: bool = False) -> list[str]:
    """Lines of at most `width` columns; all but the first are indented, and that one too if `first` is set."""
    space = " " * indent
    return textwrap.wrap(
        message,
        width=max(width, indent + 16),
        initial_indent=space if first else "",
        subsequent_indent=space,
        drop_whitespace=True,
        break_on_hyphens=False,
    ) or [""]


def clipped(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis where something is left out."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def labelled(label: str, value: str, width: int, *, style: str = "") -> Text:
    """`label` in bold in a column of its own, and the value beside it."""
    lead = label.ljust(10) + " "
    lines = wrapped(value, max(16, width - len(lead)), 0)
    text = Text.assemble((lead, "bold"), (lines[0], style))
    for line in lines[1:]:
        text.append("\n" + " " * len(lead) + line, style=style)
    return text
