"""A terminal of a given size around a command, and the screen that a person sees in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_CONTROL = re.compile(r"\x1b\[(?P<number>\d*)(?P<letter>[A-Za-z])|\x1b\[[?>=][\d;]*[A-Za-z]|\x1b\[[\d;]*m|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a command wrote to its terminal: raw, and as the lines left on an endless screen."""

    exit_code: int
    raw: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The screen as one string."""
        return "\n".join(self.lines)


def run_in_terminal(
    command: Sequence[str],
    *,
    columns: int,
    rows: int = 24,
    env: dict[str, str] | None = None,
    on_output: Callable[[str, int], None] | None = None,
) -> Seen:
    """Run a command with stdin, stdout and stderr on a new terminal. `on_output` gets all output so far and the pid."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    base = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"}}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**base, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})},
        start_new_session=True,
    )
    os.close(theirs)
    raw = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux' way to say that the other end is closed
            break
        if not piece:
            break
        raw += piece
        if on_output is not None:
            on_output(raw.decode("utf-8", "replace"), process.pid)
    os.close(ours)
    output = raw.decode("utf-8")
    return Seen(exit_code=process.wait(300), raw=output, lines=tuple(_screen(output, columns)))


def _screen(output: str, columns: int) -> list[str]:
    """The lines left after carriage returns, upward moves and erasures; long lines wrap as a terminal wraps them."""
    lines = [""]
    row = column = 0

    def put(text: str) -> None:
        nonlocal row, column
        for sign in text:
            if column == columns:
                row, column = row + 1, 0
            while len(lines) <= row:
                lines.append("")
            lines[row] = lines[row].ljust(column)
            lines[row] = lines[row][:column] + sign + lines[row][column + 1 :]
            column += 1

    position = 0
    for control in _CONTROL.finditer(output):
        put(output[position : control.start()])
        position = control.end()
        if control.group() == "\r":
            column = 0
        elif control.group() == "\n":
            row += 1
            while len(lines) <= row:
                lines.append("")
        elif control.group("letter") == "A":
            row = max(0, row - int(control.group("number") or 1))
        elif control.group("letter") == "K":
            lines[row] = ""
    put(output[position:])
    return [line.rstrip() for line in lines]
