"""Opens the app. Textual is imported here and below only, so that its absence is one sentence."""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import sys
import threading

from advisor.errors import MissingExtraError
from advisor.tui.form import Fields, Parsers
from advisor.types import Recommendation


def open_app(fields: Fields, parsers: Parsers, *, opened: Recommendation | None = None, no_color: bool = False) -> bool:
    """Run the app until it is left; True where leaving interrupted a run. Nothing of a run is left behind.

    Raises MissingExtraError where Textual is not installed.
    """
    if importlib.util.find_spec("textual") is None:
        raise MissingExtraError("textual", "tui", purpose="The interactive app")
    if no_color:
        os.environ["NO_COLOR"] = "1"
    for fixed in ("COLUMNS", "LINES"):  # they would hide the terminal's own size, and every change of it
        os.environ.pop(fixed, None)
    from advisor.tui.app import AdvisorApp

    _hang_up_with_the_terminal()
    app = AdvisorApp(fields, parsers, opened=opened)
    try:
        interrupted = bool(app.run())
    finally:
        left = app.end_run()
    if app.failure is not None:
        raise app.failure
    return interrupted or left


def _hang_up_with_the_terminal() -> None:
    """Have this process get SIGHUP when its terminal has gone, even where the system sends none.

    It sends one only to whom the terminal controls. Textual would read the end of the file for ever, on a full core. A
    poll for no event at all sleeps until there is nothing to wait for any more; only Linux polls terminals.
    """
    if sys.platform != "linux":
        return
    poll = select.poll()
    poll.register(sys.__stdin__ or 0, 0)

    def wait() -> None:
        poll.poll()
        os.kill(os.getpid(), signal.SIGHUP)

    threading.Thread(target=wait, name="terminal", daemon=True).start()
