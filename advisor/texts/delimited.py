"""Delimited files: .csv, .tsv, and whatever is really in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from advisor.errors import InputError
from advisor.texts.batches import TextStream, batches
from advisor.texts.columns import HEAD_ROWS, Column, choose_columns, field_parts
from advisor.texts.dialect import Dialect, Row, parse_rows, sniff
from advisor.texts.lines import record_lines

SNIFFED_LINES = 1000
SNIFFED_CHARS = 4 << 20
SNIFFED_LINE_CHARS = 1 << 18


def read_delimited(pieces: Iterable[str], label: str, *, field: str | None, preferred: str = ",") -> TextStream:
    """Opens a delimited file from decoded pieces of text.

    Delimiter, quoting and header are read off the first lines (see `dialect`), since files are often not what their
    extension says; a first row that has the names asked for in `field` is a header in any case. Columns without a name
    are called by their number, from 1. Cells beyond the last column are left out; one that a
    short row lacks is empty. Raises InputError for an unknown or unclear column and an open quote.
    """
    names, rows = _opened(pieces, label, preferred, field)
    head_rows = list(islice(rows, HEAD_ROWS))
    columns = _columns(names or (), head_rows)
    chosen = choose_columns(columns, label=label, field=field, named=names is not None) if columns else ()
    return TextStream(
        label=label,
        field=",".join(columns[position].name for position in chosen) or None,
        batches=batches(_cells(chain(head_rows, rows), chosen)),
    )


def delimited_rows(
    pieces: Iterable[str], label: str, *, preferred: str = ",", field: str | None = None
) -> tuple[bool, Iterator[tuple[int, dict[str, object]]]]:
    """Whether the columns have names, and every row with all of its columns and the number of its line.

    Columns without a name are called by their number, from 1; a first row that has the names asked for in `field` is a
    header in any case. Raises as `read_delimited` does.
    """
    names, rows = _opened(pieces, label, preferred, field)

    def named(cells: Sequence[str]) -> dict[str, object]:
        return {_name(names or (), position): cell for position, cell in enumerate(cells)}

    return names is not None, ((row.first_line, named(row.cells)) for row in rows)


def _name(names: Sequence[str], position: int) -> str:
    return (names[position] if position < len(names) else "") or str(position + 1)


def _opened(
    pieces: Iterable[str], label: str, preferred: str, field: str | None
) -> tuple[list[str] | None, Iterator[Row]]:
    """The names in the header, None where there is none, and the rows below it."""
    lines = (line for _, line in record_lines(pieces, label))
    head = _head(lines)
    following = list(islice(lines, 1))
    # Parsing a huge line eight times over would take long and teach nothing.
    sniffed = [line for index, line in enumerate(head) if index == 0 or len(line) <= SNIFFED_LINE_CHARS]
    dialect = sniff(sniffed, preferred=preferred, complete=not following)
    rows = _checked(chain(head, following, lines), dialect, label)
    first = next(rows, None)
    if first is None:
        return None, rows
    names = [cell.strip() for cell in first.cells]
    if dialect.headed or (field is not None and _names_cells(field, names)):
        return names, rows
    return None, chain((first,), rows)


def _head(lines: Iterator[str]) -> list[str]:
    head: list[str] = []
    num_chars = 0
    for line in islice(lines, SNIFFED_LINES):
        head.append(line)
        num_chars += len(line)
        if num_chars >= SNIFFED_CHARS:
            break
    return head


def _checked(lines: Iterable[str], dialect: Dialect, label: str) -> Iterator[Row]:
    last_line = 0
    try:
        for row in parse_rows(lines, delimiter=dialect.delimiter, quoted=dialect.quoted):
            if not row.closed:
                raise _open_quote(label, row.first_line)
            last_line = row.last_line
            yield row
    except csv.Error:  # a field beyond the limit
        raise _open_quote(label, last_line + 1) from None


def _open_quote(label: str, line: int) -> InputError:
    return InputError(
        f"{label}, line {line}: a quoted field begins in this row and does not end.",
        hint='Close the quote, or double quotes that belong to the text ("").',
    )


def _names_cells(field: str, names: Sequence[str]) -> bool:
    parts = field_parts(field, names)
    return all(part in names for part in parts) and not all(part.isdecimal() for part in parts)


def _columns(names: Sequence[str], rows: Sequence[Row]) -> list[Column]:
    width = max((len(names), *(len(row.cells) for row in rows)))
    return [
        Column(
            name=_name(names, position),
            values=tuple(row.cells[position] if position < len(row.cells) else None for row in rows),
        )
        for position in range(width)
    ]


def _cells(rows: Iterable[Row], chosen: Sequence[int]) -> Iterator[str]:
    for row in rows:
        cells = row.cells
        for position in chosen:
            yield cells[position] if position < len(cells) else ""
