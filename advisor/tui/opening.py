"""Opens a report in a browser where there is a screen for one; a text browser would take the app's terminal."""

from __future__ import annotations

import os
import subprocess
import sys

from advisor.report.text import shown_path
from advisor.types import Recommendation

REPORTS = ("report.html", "README.md")


def open_report(rec: Recommendation) -> str:
    """Open the report; returns what to tell the user."""
    if rec.artifact is None:
        return "There is no report: no artifact was written."
    report = next((path for name in REPORTS if (path := rec.artifact.path / name).is_file()), None)
    if report is None:
        return f"The report is no longer in {shown_path(rec.artifact.path)}."
    command = _opener()
    if command is None:
        return f"There is no browser here: the report is {shown_path(report)}"
    try:
        subprocess.Popen(
            [*command, str(report.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return f"{command[0]} could not open {shown_path(report)}: {error.strerror or error}"
    return f"Opening {shown_path(report)}"


def _opener() -> list[str] | None:
    """The system's own program that opens a file; None without a graphical screen."""
    if sys.platform == "darwin":
        return ["open"]
    if sys.platform == "win32":
        return ["explorer"]
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return ["xdg-open"]
    return None
