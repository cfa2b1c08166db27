"""What the screens share: they show a state, in the room that they have."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui.state import State

COMPACT_WIDTH = 72
COMPACT_HEIGHT = 16
"""Under this many columns or rows for a screen's content, pictures and wide tables give way to lists."""


class Pane(VerticalScroll):
    """A screen's content. It is drawn when it is looked at, and again when the state or its size changes."""

    TITLE = ""
    HELP = ""
    """What this screen shows, for F1."""

    DEFAULT_CSS = """
    Pane { height: 1fr; padding: 0 1; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.state = State()

    def show(self, state: State) -> None:
        """Show `state`, now if this screen is looked at, else once it is."""
        self.state = state
        if self.display and self.is_mounted:
            self.draw()

    def draw(self) -> None:
        """Put what `self.state` says on the screen."""

    def on_show(self) -> None:
        """It is looked at."""
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        """The terminal was resized, or this screen was just laid out."""
        self.draw()

    def to_focus(self) -> Widget:
        """What gets the keys when this screen is opened."""
        return self

    @property
    def columns(self) -> int:
        """Columns to draw in."""
        return max(20, self.scrollable_content_region.width or self.app.size.width - 4)

    @property
    def rows(self) -> int:
        """Rows that can be seen at once."""
        return max(4, self.scrollable_content_region.height or self.app.size.height - 4)

    @property
    def compact(self) -> bool:
        """Whether there is room for lists only."""
        return self.columns < COMPACT_WIDTH or self.rows < COMPACT_HEIGHT


class TextPane(Pane):
    """A screen that is one text."""

    EMPTY = ""
    """What stands there while nothing is known."""

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static()

    def draw(self) -> None:
        """The text as it is now."""
        self.query_one(Static).update(self.text() or self.EMPTY)

    def text(self) -> Text | None:
        """What `self.state` says; None while that is nothing."""
        raise NotImplementedError
