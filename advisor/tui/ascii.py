"""For a terminal without Unicode: whatever is drawn outside ASCII is replaced by something that says the same."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SAME = {
    "─━╌┄╍┈▔▁═": "-",
    "│┃┆┊╎║▏▎▕▍▌▐": "|",
    "└┘┌┐├┤┬┴┼╭╮╰╯╶╴╸╺╹╻┏┓┗┛╔╗╚╝": "+",
    "▸▶►❯→▹": ">",
    "◂◀←": "<",
    "▾▼↓": "v",
    "▴▲↑": "^",
    "✓✔": "+",
    "✗✘": "x",
    "⚠": "!",
    "·•●○": "*",
    "…": ".",
    "»": ">",
    "↔": "-",
}
_BARS = dict(zip("▁▂▃▄▅▆▇█", "_.-=+*%#", strict=True))
_TABLE = {ord(sign): same for signs, same in _SAME.items() for sign in signs} | {
    ord(sign): same for sign, same in _BARS.items()
}


def plain(text: str) -> str:
    """`text` in ASCII, sign by sign, so that its width stays."""
    if text.isascii():
        return text
    return "".join(sign if sign.isascii() else "?" for sign in text.translate(_TABLE))


class AsciiFilter(LineFilter):
    """The last thing that a line goes through."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII."""
        return [Segment(plain(text), style, control) for text, style, control in segments]
