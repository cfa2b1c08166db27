"""Pictures of the app, kept as SVG, and what of a picture must stay the same.

What is compared is what a person sees: each cell's character, whether it is bold or underlined, and what colour it is
by name. Identifiers, fonts, how a line is cut into pieces, and shades of a theme may change with any release of Textual
or Rich, and mean nothing.
"""

from __future__ import annotations

import colorsys
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

_CELL_WIDTH, _LINE_HEIGHT = 12.2, 24.4
"""Of the pictures that Rich makes: its font has 20 pixels."""
_WEB_FONTS = re.compile(r"@font-face\s*{.*?}", re.DOTALL)
_LONG_ID = re.compile(r"terminal-\d+")
_CLIPS = re.compile(r"<clipPath id=\"[\w-]+-line-\d+\">.*?</clipPath>\s*", re.DOTALL)
_CLIPPED = re.compile(r" clip-path=\"url\(#[\w-]+-line-\d+\)\"")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_STYLE = re.compile(r"\.([\w-]+)\s*{([^}]*)}")
_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a screen; `looks` has a letter a cell."""

    text: str
    looks: str


def slim(picture: str) -> str:
    """A picture that loads nothing, has no number of its own, and is half as large."""
    plain = _CLIPPED.sub("", _CLIPS.sub("", _COMMENT.sub("", _WEB_FONTS.sub("", picture))))
    return "\n".join(line.rstrip() for line in _LONG_ID.sub("t", plain).splitlines() if line.strip()) + "\n"


def lines(picture: str) -> list[Line]:
    """What is seen, row by row, without blanks at the ends."""
    looks = {name: _look(rules) for name, rules in _STYLE.findall(picture)}
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for text in _cells_of(ET.fromstring(picture)):
        row, column = round(float(text.get("y", "0")) / _LINE_HEIGHT), round(float(text.get("x", "0")) / _CELL_WIDTH)
        for place, sign in enumerate(text.text or ""):
            if sign not in " \xa0":
                cells[row, column + place] = (sign, looks.get(text.get("class", ""), "?"))
    return [
        Line(text=_row(cells, row, 0), looks=_row(cells, row, 1))
        for row in range(1 + max((row for row, _ in cells), default=-1))
    ]


def difference(kept: str, picture: str) -> str:
    """What differs, line by line; empty where nothing does."""
    before, after = lines(kept), lines(picture)
    nothing = Line(text="", looks="")
    found = []
    for row in range(max(len(before), len(after))):
        was, now = (side[row] if row < len(side) else nothing for side in (before, after))
        if was != now:
            found += [f"line {row}:", f"  was {was.text}", f"  now {now.text}"]
            if was.text == now.text:
                found += [f"  was {was.looks}", f"  now {now.looks}"]
    return "\n".join(found)


def _cells_of(svg: ET.Element) -> Iterator[ET.Element]:
    """The screen's texts; the title of the window has no length."""
    return (each for each in svg.iter(f"{_SVG}text") if each.get("textLength"))


def _row(cells: dict[tuple[int, int], tuple[str, str]], row: int, part: int) -> str:
    columns = [column for at, column in cells if at == row]
    return "".join(cells.get((row, column), "  ")[part] for column in range(1 + max(columns, default=-1)))


def _look(rules: str) -> str:
    """A letter: of the colour, large where it is bold; `_` where it is underlined."""
    fill = re.search(r"fill:\s*#(\w{6})", rules)
    letter = "?" if fill is None else _colour(fill[1])
    if "underline" in rules:
        return "_"
    return letter.upper() if "bold" in rules else letter


def _colour(code: str) -> str:
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (0, 2, 4))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if saturation < 0.2 or lightness > 0.88 or lightness < 0.12:
        return "k" if lightness < 0.3 else "d" if lightness < 0.75 else "w"
    names = ((20, "r"), (70, "y"), (170, "g"), (260, "b"), (340, "p"), (361, "r"))
    return next(name for end, name in names if hue * 360 < end)
