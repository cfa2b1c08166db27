"""Decoded pieces -> lines, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from advisor.errors import InputError

MAX_RECORD_CHARS = 64 << 20
"""Longest line of a structured format, which has to be parsed as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Consecutive lines without their ends. `dropped_chars` were cut off the first one."""

    first_number: int
    lines: list[str]
    dropped_chars: int


def read_lines(pieces: Iterable[str], *, keep_chars: int) -> Iterator[Lines]:
    r"""Groups of lines. Only `\n` and `\r\n` end a line: `\x85` or `\u2028` are part of it, unlike in `splitlines`.

    Of a line that spans pieces at least `keep_chars` characters are kept, and the rest is only counted.
    """
    number = 1
    carry = _Carry(keep_chars)
    carriage_return = ""
    for piece in pieces:
        piece = carriage_return + piece
        # A piece may end between \r and \n.
        carriage_return = "\r" if piece.endswith("\r") else ""
        lines = piece.removesuffix(carriage_return).replace("\r\n", "\n").split("\n")
        if len(lines) == 1:
            carry.add(lines[0])
            continue
        carry.add(lines[0])
        lines[0] = carry.text()
        last = lines.pop()
        yield Lines(first_number=number, lines=lines, dropped_chars=carry.dropped_chars)
        number += len(lines)
        carry = _Carry(keep_chars)
        carry.add(last)
    if text := carry.text():
        yield Lines(first_number=number, lines=[text], dropped_chars=carry.dropped_chars)


def record_lines(pieces: Iterable[str], label: str) -> Iterator[tuple[int, str]]:
    """Each line with its number, from 1; raises InputError for a line over `MAX_RECORD_CHARS`."""
    for group in read_lines(pieces, keep_chars=MAX_RECORD_CHARS):
        if group.dropped_chars:
            raise InputError(f"{label}, line {group.first_number}: the line is over {MAX_RECORD_CHARS:,} characters.")
        yield from enumerate(group.lines, group.first_number)


class _Carry:
    """A line under construction."""

    def __init__(self, keep_chars: int) -> None:
        self._room = keep_chars
        self._parts: list[str] = []
        self.dropped_chars = 0

    def add(self, part: str) -> None:
        kept = part[: self._room]
        if kept:
            self._parts.append(kept)
        self._room -= len(kept)
        self.dropped_chars += len(part) - len(kept)

    def text(self) -> str:
        return "".join(self._parts)
