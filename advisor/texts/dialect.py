"""How a delimited file is written: its delimiter, whether quotes quote, whether it has a header."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from advisor.texts.columns import is_string, is_text_name
from advisor.texts.lines import MAX_RECORD_CHARS

DELIMITERS = (",", "\t", ";", "|")

_MAX_FIELD_CHARS = 2 * MAX_RECORD_CHARS  # more than the sniffed lines can hold, so that sniffing never fails
# A delimiter is believed if over half of the lines have as many cells as the first, or nearly all have as many or more
# (texts with unquoted delimiters, as the last column).
_MIN_EXACT = 0.5
_MIN_AT_LEAST = 0.9
_MAX_NAME_CHARS = 64
_MAX_NAME_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`delimiter` is None where a line is one cell."""

    delimiter: str | None
    quoted: bool
    headed: bool


class Row(NamedTuple):
    """A record (a named tuple, since there may be millions). Lines count from 1; blank lines give no row."""

    first_line: int
    last_line: int
    cells: list[str]
    closed: bool
    """False where a quote was still open when the lines ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """How well a way of reading explains the first lines: the shares of lines that have exactly, and at least, as many
    cells as the first row."""

    delimiter: str
    quoted: bool
    width: int
    exact: float
    at_least: float

    @property
    def acceptable(self) -> bool:
        return self.width > 1 and (self.exact > _MIN_EXACT or self.at_least >= _MIN_AT_LEAST)


def parse_rows(lines: Iterable[str], *, delimiter: str | None, quoted: bool) -> Iterator[Row]:
    """The rows of a delimited file; raises csv.Error for a field over `_MAX_FIELD_CHARS`."""
    if quoted and delimiter is not None:
        yield from _parse_quoted(lines, delimiter)
        return
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield Row(number, number, [line] if delimiter is None else line.split(delimiter), True)


def sniff(lines: Sequence[str], *, preferred: str, complete: bool = True) -> Dialect:
    """Reads the dialect off the first lines; `complete` says that there are no more.

    Each delimiter is tried with and without quoting, and the one wins under which most lines have as many cells as the
    first row has (`preferred` wins ties). Quotes quote where that explains more lines than taking them literally.
    Where it makes no difference, they do if every opened quote is closed in front of a delimiter; in tab-separated
    files, whose texts often hold literal quotes, only if in addition a whole column is quoted or a quote is doubled.
    """
    order = (preferred, *(delimiter for delimiter in DELIMITERS if delimiter != preferred))
    fits = [_fit(lines, delimiter, complete) for delimiter in order]
    best = max(fits, key=lambda fit: (fit.acceptable, fit.exact, fit.at_least))
    delimiter: str | None = best.delimiter
    quoted = best.quoted
    if not best.acceptable:
        # One column. If its cells are quoted, any delimiter inside the quotes is text.
        alone = fits[0]
        quoted = alone.quoted and alone.width == 1 and alone.exact >= _MIN_AT_LEAST
        delimiter = alone.delimiter if quoted else None
    rows = [row.cells for row in parse_rows(lines, delimiter=delimiter, quoted=quoted)]
    return Dialect(delimiter=delimiter, quoted=quoted, headed=has_header(rows))


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: by the first of these rules that applies.

    1. One of its cells is a usual name of a text column: yes.
    2. There is one column, or a cell is a number, over 64 characters long, repeated, or (but for the first) empty: no.
    3. A column below it holds nothing but numbers: yes.
    4. All of its cells have at most three words and no closing punctuation, while a column below has at least twice as
       many words on average: yes; otherwise no.
    """
    if not rows:
        return False
    cells = [cell.strip() for cell in rows[0]]
    if any(map(is_text_name, cells)):
        return True
    names = cells if cells[0] else cells[1:]
    if len(cells) < 2 or len(set(names)) < len(names):
        return False
    if not all(is_string(name) and len(name) <= _MAX_NAME_CHARS for name in names):
        return False
    below = [[cell for cell in column if cell.strip()] for column in zip_longest(*rows[1:], fillvalue="")]
    if any(column and not any(map(is_string, column)) for column in below):
        return True
    if any(len(name.split()) > _MAX_NAME_WORDS or name.endswith((".", "!", "?", "…")) for name in names):
        return False
    most_words = max(len(name.split()) for name in names)
    return any(
        sum(len(cell.split()) for cell in column) >= 2 * max(2, most_words) * len(column) > 0 for column in below
    )


def _parse_quoted(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    # The limit is one number for the whole process: it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_FIELD_CHARS))
    exhausted = False

    def feed() -> Iterator[str]:
        nonlocal exhausted
        for line in lines:
            yield line.replace("\r", " ") + "\n"
        exhausted = True

    reader = csv.reader(feed(), delimiter=delimiter)
    last_line = 0
    for cells in reader:
        first_line, last_line = last_line + 1, reader.line_num
        if cells and not (len(cells) == 1 and not cells[0].strip()):
            # The reader asks for a line beyond the last one only while a quote is open.
            yield Row(first_line, last_line, cells, not exhausted)


def _fit(lines: Sequence[str], delimiter: str, complete: bool) -> _Fit:
    if not complete:
        lines = _finished(lines, delimiter)
    literal = _measure(lines, delimiter, quoted=False)
    quoting = _measure(lines, delimiter, quoted=True)
    if quoting.exact != literal.exact:
        return max(literal, quoting, key=lambda fit: fit.exact)
    return quoting if _is_quoted(lines, delimiter) else literal


def _finished(lines: Sequence[str], delimiter: str) -> Sequence[str]:
    """The lines without a last record that would end beyond them; all of them if it takes up most of them, for then
    the quote that seems to open it is more likely part of a text."""
    for row in parse_rows(lines, delimiter=delimiter, quoted=True):
        if not row.closed and row.first_line > len(lines) // 2:
            return lines[: row.first_line - 1]
    return lines


def _measure(lines: Sequence[str], delimiter: str, *, quoted: bool) -> _Fit:
    width = exact = at_least = 0
    for row in parse_rows(lines, delimiter=delimiter, quoted=quoted):
        if not row.closed:
            break
        width = width or len(row.cells)
        num_lines = row.last_line - row.first_line + 1
        exact += num_lines * (len(row.cells) == width)
        at_least += num_lines * (len(row.cells) >= width)
    total = sum(1 for line in lines if line.strip()) or 1
    return _Fit(delimiter=delimiter, quoted=quoted, width=width, exact=exact / total, at_least=at_least / total)


def _is_quoted(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotes quote, for lines that have the same cells either way."""
    try:
        for _ in csv.reader((line.replace("\r", " ") + "\n" for line in lines), delimiter=delimiter, strict=True):
            pass
    except csv.Error:
        return False
    if delimiter != "\t":
        return True
    rows = [line.split(delimiter) for line in lines if line.strip()]
    cells = [[cell for cell in column if cell] for column in zip_longest(*rows[1:], fillvalue="")]
    whole_column = any(column and all(cell[:1] == '"' for cell in column) for column in cells)
    return whole_column or any(cell[:1] == '"' and '""' in cell[1:-1] for row in rows for cell in row)
