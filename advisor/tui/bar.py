"""The bar at the top: the six screens, each a click or a number away."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Static


class Bar(Static):
    """`1 Setup  2 Machine ...`, the current one marked."""

    DEFAULT_CSS = """
    Bar { height: 1; dock: top; background: $panel; padding: 0 1; }
    """

    def __init__(self, titles: Sequence[tuple[str, str]], *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._titles = tuple(titles)

    def mark(self, current: str) -> None:
        """Show which screen is open."""
        line = Text(no_wrap=True)
        for number, (name, title) in enumerate(self._titles, start=1):
            here = name == current
            label = f"[{number} {title}]" if here else f" {number} {title} "
            line.append(label, Style(bold=here, meta={"@click": f"app.go('{name}')"}))
        self.update(line)
