"""JSON lines and JSON documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain

from advisor.errors import InputError
from advisor.texts.batches import TextStream, batches
from advisor.texts.columns import HEAD_ROWS, Column, choose_columns, strings_in
from advisor.texts.lines import MAX_RECORD_CHARS, record_lines
from advisor.texts.records import Record, read_records

_SPACE = " \t\r\n"


def read_json_lines(pieces: Iterable[str], label: str, *, field: str | None) -> TextStream:
    """Opens JSON lines: a string or an object a line. Raises InputError with the line's number for broken JSON."""
    return read_records(_parsed(record_lines(pieces, label), label), label, field=field)


def read_json(pieces: Iterator[str], label: str, *, field: str | None) -> TextStream:
    """Opens a JSON document: a list of strings or objects (streamed), or an object of lists (held in memory, up to
    `MAX_RECORD_CHARS`). JSON lines that are called .json are read as such. Raises InputError with the line's number."""
    is_list, everything = _looked_at(pieces)
    if is_list:
        return read_records(_ListItems(everything, label).records(), label, field=field)
    return _read_objects(everything, label, field)


def json_records(pieces: Iterator[str], label: str) -> Iterator[Record]:
    """The records of JSON lines or of a JSON list, each with its line. Raises InputError for broken JSON."""
    is_list, everything = _looked_at(pieces)
    if is_list:
        return _ListItems(everything, label).records()
    return _parsed(record_lines(everything, label), label)


def _looked_at(pieces: Iterator[str]) -> tuple[bool, Iterator[str]]:
    """Whether a document begins as a list, and all of its pieces."""
    seen: list[str] = []
    for piece in pieces:
        seen.append(piece)
        if not piece.isspace():
            break
    return "".join(seen).lstrip(_SPACE).startswith("["), chain(seen, pieces)


def _read_objects(pieces: Iterable[str], label: str, field: str | None) -> TextStream:
    lines = record_lines(pieces, label)
    first = _next_filled(lines)
    if first is None:
        return TextStream(label=label, field=None, batches=iter(()))
    second = _next_filled(lines)
    everything = chain((first,), () if second is None else (second,), lines)
    if second is not None and is_json(first[1]):
        return read_records(_parsed(everything, label), label, field=field)
    document = _whole_document(everything, label)
    if not isinstance(document, dict) or not any(isinstance(value, list) for value in document.values()):
        return read_records(iter((Record(first[0], document),)), label, field=field)
    columns = [
        Column(name=name, values=tuple(values[:HEAD_ROWS]) if isinstance(values, list) else ())
        for name, values in document.items()
    ]
    names = [columns[position].name for position in choose_columns(columns, label=label, field=field, named=True)]
    texts = (text for name in names for value in document[name] for text in strings_in(value))
    return TextStream(label=label, field=",".join(names), batches=batches(texts))


def _next_filled(lines: Iterator[tuple[int, str]]) -> tuple[int, str] | None:
    return next(((number, line) for number, line in lines if line.strip(_SPACE)), None)


def _whole_document(lines: Iterable[tuple[int, str]], label: str) -> object:
    parts: list[str] = []
    num_chars = 0
    first_number = 1
    for number, line in lines:
        if not parts:
            first_number = number
        # Blank lines have been left out: put them back, so that errors name the right line.
        parts.extend("" for _ in range(number - first_number - len(parts)))
        parts.append(line)
        num_chars += len(line) + 1
        if num_chars > MAX_RECORD_CHARS:
            raise InputError(
                f"{label} is one JSON object of over {MAX_RECORD_CHARS:,} characters.",
                hint="Save the texts as JSON lines (.jsonl), which are streamed.",
            )
    return _loads("\n".join(parts), label, first_number)


def _parsed(lines: Iterable[tuple[int, str]], label: str) -> Iterator[Record]:
    for number, line in lines:
        if line and not line.isspace():
            yield Record(number, _loads(line, label, number))


def _loads(text: str, label: str, first_line: int) -> object:
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
        raise _broken(label, first_line + error.lineno - 1, reason) from None
    except (ValueError, RecursionError) as error:
        raise _broken(label, first_line, _reason(error)) from None
    return value


def is_json(text: str) -> bool:
    """Whether a text is a JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _broken(label: str, line: int, reason: str) -> InputError:
    return InputError(f"{label}, line {line}: broken JSON ({reason}).")


class _ListItems:
    """The items of a JSON list, parsed one after the other from pieces of it."""

    def __init__(self, pieces: Iterable[str], label: str) -> None:
        self._pieces = iter(pieces)
        self._label = label
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._position = 0
        self._line = 1
        self._ended = False

    def records(self) -> Iterator[Record]:
        """Each item with the number of the line on which it begins."""
        mark = self._take("[")
        if self._peek() == "]":
            mark = self._take("]")
        while mark != "]":
            self._peek()
            yield Record(self._line, self._value())
            mark = self._take(",]")
        if self._peek():
            raise _broken(self._label, self._line, "more data after the list")

    def _take(self, expected: str) -> str:
        found = self._peek()
        if not found or found not in expected:
            what = f"{found!r}" if found else "the end of the file"
            wanted = " or ".join(repr(character) for character in expected)
            raise _broken(self._label, self._line, f"{what} where {wanted} is expected")
        self._position += 1
        return found

    def _peek(self) -> str:
        """The next character that is not white space, which is skipped; empty at the end."""
        while True:
            while self._position < len(self._buffer):
                character = self._buffer[self._position]
                if character not in _SPACE:
                    return character
                self._line += character == "\n"
                self._position += 1
            if self._ended:
                return ""
            self._fill()

    def _value(self) -> object:
        while True:
            try:
                value: object
                value, end = self._decoder.raw_decode(self._buffer, self._position)
            except (ValueError, RecursionError) as error:
                # It may only be incomplete.
                if self._ended or len(self._buffer) - self._position > MAX_RECORD_CHARS:
                    raise self._error(error) from None
                self._fill()
                continue
            if end == len(self._buffer) and not self._ended:
                self._fill()  # a number may go on
                continue
            self._line += self._buffer.count("\n", self._position, end)
            self._position = end
            return value

    def _fill(self) -> None:
        """Drops what has been parsed and at least doubles the rest, so that a long item is not re-parsed too often."""
        rest = self._buffer[self._position :]
        parts = [rest]
        num_chars = 0
        while num_chars <= len(rest):
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            parts.append(piece)
            num_chars += len(piece)
        self._buffer, self._position = "".join(parts), 0

    def _error(self, error: Exception) -> InputError:
        if not isinstance(error, json.JSONDecodeError):
            return _broken(self._label, self._line, _reason(error))
        return _broken(self._label, self._line + self._buffer.count("\n", self._position, error.pos), error.msg)
