"""The few signs outside ASCII that advisor draws, and what stands for them where they cannot be shown."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """Signs for a terminal or a file."""

    tick: str
    cross: str
    warning: str
    arrow: str
    bar: str
    bar_end: str
    bar_rest: str

    def progress(self, fraction: float, width: int) -> str:
        """A bar `width` columns wide, filled up to `fraction`, which is cut to [0, 1]."""
        filled = round(min(1.0, max(0.0, fraction)) * width)
        if filled >= width:
            return self.bar * width
        return self.bar * max(0, filled - 1) + (self.bar_end if filled else "") + self.bar_rest * (width - filled)


UNICODE = Glyphs(tick="✓", cross="✗", warning="⚠", arrow="▸", bar="━", bar_end="╸", bar_rest="─")
ASCII = Glyphs(tick="+", cross="x", warning="!", arrow=">", bar="=", bar_end=">", bar_rest="-")


def for_encoding(encoding: str | None) -> Glyphs:
    """The glyphs that a stream with this encoding can carry."""
    try:
        "✓✗⚠▸━╸─".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def for_terminal(encoding: str | None) -> Glyphs:
    """The same, but ASCII in the C locale: Python turns that into UTF-8 by itself, the terminal may not."""
    return ASCII if os.environ.get("LC_ALL", "").upper() in {"C", "POSIX"} else for_encoding(encoding)
