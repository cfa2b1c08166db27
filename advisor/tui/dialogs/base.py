"""What the dialogs share."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """Leaves a margin where there is room, and takes the whole terminal where there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close")]

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > .box {
        width: 96%; max-width: 110; height: auto; max-height: 96%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    """

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss()
