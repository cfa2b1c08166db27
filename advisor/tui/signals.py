"""What the system sends: the app leaves as by its own key, and a terminal that is gone ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable


def listen(*, leave: Callable[[], None], end_run: Callable[[], object]) -> None:
    """Have the running loop call `leave` on SIGTERM and SIGINT, and this process end on SIGHUP, its run before it."""

    def hang_up() -> None:
        """The terminal is gone, and Textual would wait for it."""
        end_run()
        os._exit(128 + signal.SIGHUP)

    if sys.platform == "win32":
        return
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
        for sent in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sent, leave)
        loop.add_signal_handler(signal.SIGHUP, threading.Thread(target=hang_up, daemon=True).start)
