"""Screen 2: the machine, fact by fact, each with where it was read."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from advisor.report.facts import machine
from advisor.tui.panes.base import Pane


class MachinePane(Pane):
    """Facts with their sources."""

    TITLE = "Machine"
    HELP = "Every fact that the rules or the measurement use, with the place where it was read. Unknown stays unknown."

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="machine-text")

    def draw(self) -> None:
        """The facts, and the packages once a run has listed them."""
        body = self.query_one("#machine-text", Static)
        hardware = self.state.hardware
        if hardware is None:
            body.update("Reading the machine.")
            return
        recommendation = self.state.recommendation
        packages = () if recommendation is None else recommendation.packages
        body.update(machine(hardware, packages, width=self.columns))
