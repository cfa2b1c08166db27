"""Screen 2: the machine, fact by fact, each with where it was read."""

from __future__ import annotations

from rich.text import Text

from advisor.report.facts import machine
from advisor.tui.panes.base import TextPane


class MachinePane(TextPane):
    """Facts with their sources."""

    TITLE = "Machine"
    HELP = "Every fact that the rules or the measurement use, with the place where it was read. Unknown stays unknown."
    EMPTY = "Reading the machine."

    def text(self) -> Text | None:
        """The facts, and the packages once a run has listed them."""
        hardware, recommendation = self.state.hardware, self.state.recommendation
        packages = () if recommendation is None else recommendation.packages
        return None if hardware is None else machine(hardware, packages, width=self.columns)
