"""What the screens ask the app to do, and what a run tells it."""

from __future__ import annotations

import threading

from textual.message import Message

from advisor.events import Event
from advisor.tui.form import Fields


class OpenCandidate(Message):
    """Show one candidate's details."""

    def __init__(self, candidate: str) -> None:
        super().__init__()
        self.candidate = candidate


class FieldsChanged(Message):
    """A field of the Setup screen was changed; `settled` once it has been left or chosen."""

    def __init__(self, fields: Fields, *, settled: bool) -> None:
        super().__init__()
        self.fields = fields
        self.settled = settled


class StartAsked(Message):
    """Begin the run."""


class RunEvents(Message):
    """Events of the run; `drawn` is set once they are on the screen."""

    def __init__(self, told: tuple[Event, ...], drawn: threading.Event) -> None:
        super().__init__()
        self.told = told
        self.drawn = drawn


class RunEnded(Message):
    """The run's thread has unwound."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error
