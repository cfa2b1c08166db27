"""The app goes when its terminal goes, also where no signal says so."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process poll a terminal")
def test_the_app_ends_when_its_terminal_goes_without_a_signal() -> None:
    """A session of its own without a controlling terminal gets no SIGHUP."""
    master, slave = pty.openpty()
    app = subprocess.Popen(
        [sys.executable, "-m", "advisor.cli"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        start_new_session=True,
    )
    os.close(slave)
    try:
        seen = b""
        deadline = time.monotonic() + 300
        while b"Model" not in seen and time.monotonic() < deadline:
            seen += os.read(master, 65536)
        assert b"Model" in seen, seen[-500:]
        os.close(master)
        app.wait(300)
    finally:
        app.kill()
        app.wait()
