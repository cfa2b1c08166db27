"""The two streams: the answer goes to `out`, everything else to `err`."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from advisor.report.glyphs import ASCII, Glyphs, for_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from advisor.cli.session import Session

MAX_WIDTH = 120
MIN_WIDTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream with what it can show. `live` is whether a line on it can be redrawn."""

    console: Console
    glyphs: Glyphs
    live: bool

    @property
    def width(self) -> int:
        """Columns to lay text out in; read again at each use, as a window can be resized.

        On a terminal the last column stays free, for some move on to a new line when it is filled.
        """
        return min(MAX_WIDTH, max(MIN_WIDTH, self.console.width - self.live))

    def print(self, renderable: object = "") -> None:
        """Print text that is laid out already: it is never wrapped, highlighted or read as markup."""
        self.console.print(renderable, soft_wrap=True)


def out(session: Session) -> Stream:
    """Standard output."""
    return _stream(sys.stdout, session)


def on_a_terminal() -> bool:
    """Whether a person sits there: keys come from a terminal, and both outputs go to one (the app draws on stderr)."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def err(session: Session) -> Stream:
    """Standard error."""
    return _stream(sys.stderr, session)


def prepare_streams() -> None:
    """Let no sign that a stream cannot carry become an error: it is replaced."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and for_terminal(stream.encoding) is ASCII:
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")


def write_json(document: object) -> None:
    """Write one JSON document, alone, to standard output."""
    import json

    ensure_ascii = for_terminal(sys.stdout.encoding) is ASCII
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=ensure_ascii, allow_nan=False) + "\n")


def _stream(file: TextIO, session: Session) -> Stream:
    from rich.console import Console

    plain = session.no_color or bool(os.environ.get("NO_COLOR")) or not file.isatty()
    console = Console(
        file=file, color_system=None if plain else "auto", highlight=False, markup=False, emoji=False, no_color=plain
    )
    dumb = session.plain or os.environ.get("TERM", "").lower() in {"dumb", "unknown"}
    return Stream(console=console, glyphs=for_terminal(file.encoding), live=file.isatty() and not dumb)
