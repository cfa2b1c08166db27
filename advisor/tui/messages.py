"""What the screens ask the app to do."""

from __future__ import annotations

from textual.message import Message

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
