"""A table of candidates: one row each, redrawn cell by cell, so that the cursor and the order stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import DataTable

from advisor.tui.messages import OpenCandidate

_LINES = 3
"""How far a key scrolls beyond the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A heading and its width."""

    heading: str
    width: int
    right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A candidate's cells."""

    name: str
    cells: tuple[Text, ...]


class CandidateTable(DataTable[Text]):
    """Rows are candidates; enter or a click opens one.

    It is as high as its rows, in a screen that scrolls: the keys scroll that, so that all below the rows can be read.
    """

    DEFAULT_CSS = """
    CandidateTable { height: auto; max-height: 100%; background: transparent; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=1)
        self._shape: tuple[Column, ...] = ()
        self._lines: dict[str, Line] = {}
        self._order: tuple[str, ...] = ()

    @property
    def candidate(self) -> str | None:
        """The candidate under the cursor."""
        if not 0 <= self.cursor_row < len(self._order):
            return None
        return self._order[self.cursor_row]

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter or a click on a candidate."""
        event.stop()
        if event.row_key.value is not None:
            self.post_message(OpenCandidate(event.row_key.value))

    def action_cursor_down(self) -> None:
        """The next row; below the last one the screen goes on."""
        if self.cursor_row >= self.row_count - 1:
            self._scroll(_LINES)
        else:
            super().action_cursor_down()
            self._follow()

    def action_cursor_up(self) -> None:
        """The row before; above the first one, what stands over the table."""
        if self.cursor_row <= 0:
            self._scroll(-_LINES)
        else:
            super().action_cursor_up()
            self._follow()

    def action_page_down(self) -> None:
        """A screen further down."""
        self._scroll(self._holder.size.height - 1)

    def action_page_up(self) -> None:
        """A screen further up."""
        self._scroll(1 - self._holder.size.height)

    @property
    def _holder(self) -> VerticalScroll:
        return next(each for each in self.ancestors if isinstance(each, VerticalScroll))

    def _scroll(self, lines: int) -> None:
        self._holder.scroll_relative(y=lines, animate=False)

    def _follow(self) -> None:
        """Keep the cursor where it can be seen."""
        holder = self._holder
        row = self.region.y + self.header_height + self.cursor_row - holder.region.y
        if row < 0:
            self._scroll(row)
        elif row >= holder.size.height:
            self._scroll(row - holder.size.height + 1)

    def put(self, columns: Sequence[Column], lines: Sequence[Line]) -> None:
        """Show these rows; only cells that differ are drawn again where the columns and the order are the same."""
        order = tuple(line.name for line in lines)
        if tuple(columns) != self._shape or order[: len(self._order)] != self._order:
            self._rebuild(columns, lines)
            return
        keys = [column.heading for column in columns]
        for line in lines:
            old = self._lines.get(line.name)
            if old is None:
                self.add_row(*_aligned(columns, line), key=line.name)
            else:
                for key, column, before, now in zip(keys, columns, old.cells, line.cells, strict=True):
                    if before != now or before.spans != now.spans or before.style != now.style:
                        self.update_cell(line.name, key, _align(column, now))
            self._lines[line.name] = line
        self._order = order

    def _rebuild(self, columns: Sequence[Column], lines: Sequence[Line]) -> None:
        kept = self.candidate
        self.clear(columns=True)
        self._shape = tuple(columns)
        for column in columns:
            heading = Text(column.heading.rjust(column.width) if column.right else column.heading)
            self.add_column(heading, width=column.width, key=column.heading)
        for line in lines:
            self.add_row(*_aligned(columns, line), key=line.name)
        self._lines = {line.name: line for line in lines}
        self._order = tuple(line.name for line in lines)
        if kept in self._order:
            self.move_cursor(row=self._order.index(kept))


def _aligned(columns: Sequence[Column], line: Line) -> list[Text]:
    return [_align(column, cell) for column, cell in zip(columns, line.cells, strict=True)]


def _align(column: Column, cell: Text) -> Text:
    if not column.right:
        return cell
    return Text(cell.plain.rjust(column.width), style=cell.style)
