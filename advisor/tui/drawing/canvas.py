"""A grid of characters with a style each."""

from __future__ import annotations

import itertools

from rich.text import Text


class Canvas:
    """Characters to draw on, `width` by `height`; whatever lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._signs = [[" "] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: str = "") -> None:
        """Write `text` from column `x` of row `y` on."""
        if not 0 <= y < self.height:
            return
        for column, sign in enumerate(text, start=x):
            if 0 <= column < self.width:
                self._signs[y][column] = sign
                self._styles[y][column] = style

    def at(self, x: int, y: int) -> str:
        """The character there."""
        return self._signs[y][x]

    def free(self, x: int, y: int, length: int) -> bool:
        """Whether `length` columns from `x` on are inside and empty."""
        return (
            0 <= y < self.height
            and x >= 0
            and x + length <= self.width
            and not "".join(self._signs[y][x : x + length]).strip()
        )

    def to_text(self) -> Text:
        """All rows, without the blanks at their ends."""
        rows = []
        for signs, styles in zip(self._signs, self._styles, strict=True):
            row = Text()
            used = len("".join(signs).rstrip())
            for style, run in itertools.groupby(range(used), key=styles.__getitem__):
                row.append("".join(signs[column] for column in run), style=style)
            rows.append(row)
        return Text("\n").join(rows)
