"""One question, yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from advisor.tui.dialogs.base import Dialog


class Confirm(Dialog[bool]):
    """Gives True for yes; anything else keeps things as they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n", "close", "No"),
        Binding("ctrl+c", "yes", show=False, priority=True),
        Binding("left,right", "app.focus_next", show=False),
    ]

    DEFAULT_CSS = """
    Confirm > .box { width: 58; }
    Confirm .buttons { height: 1; margin-top: 1; }
    Confirm Button { margin-right: 2; }
    """

    def __init__(self, question: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical(classes="box"):
            yield Static(self._question, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"{self._yes} (y)", id="yes", compact=True)
                yield Button(f"{self._no} (n)", id="no", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Enter alone changes nothing."""
        self.query_one("#no").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_yes(self) -> None:
        """Agreed."""
        self.dismiss(True)

    def action_close(self) -> None:
        """Not agreed."""
        self.dismiss(False)
