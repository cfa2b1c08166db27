"""A path or standard input -> an opened stream of texts, by its format."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

from advisor.errors import InputError
from advisor.texts.batches import MAX_TEXT_CHARS, Batch, TextStream
from advisor.texts.decoding import GZIP_MAGIC, read_text
from advisor.texts.delimited import read_delimited
from advisor.texts.json_texts import is_json, read_json, read_json_lines
from advisor.texts.lines import MAX_RECORD_CHARS, read_lines
from advisor.texts.parquet import read_parquet, unpacked

Format = Literal["text", "json lines", "json", "csv", "tsv", "parquet"]

FORMATS: dict[str, Format] = {
    ".txt": "text",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
"""By extension."""


def format_of(path: Path) -> Format:
    """A file's format by its extension, with or without a `.gz` behind it; text lines for any other."""
    return FORMATS.get((path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower(), "text")


@contextmanager
def open_file(path: Path, *, field: str | None) -> Iterator[TextStream]:
    """Opens a file of texts; raises InputError if it is missing, a folder, not readable or not text."""
    with opened(path) as (file, label, kind):
        if kind == "parquet":
            with unpacked(file, label) as parquet:
                yield read_parquet(parquet, label, field=field)
        else:
            yield _read_text(read_text(file, label), label, kind, field)


@contextmanager
def opened(path: Path) -> Iterator[tuple[BufferedReader, str, Format]]:
    """A file's bytes, its name and its format; raises as `open_file` does."""
    try:
        path = path.expanduser()
        file = path.open("rb")
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a file of texts.", hint="Name one of the files in it.") from None
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.", hint=_similar(path)) from None
    except (OSError, ValueError, RuntimeError) as error:  # also a NUL in the path, and ~ for a user without a home
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be opened: {reason}.") from error
    with file:
        if path.suffix == ".gz" and file.peek(len(GZIP_MAGIC))[: len(GZIP_MAGIC)] not in (GZIP_MAGIC, b""):
            raise InputError(f"{path.name} is not a gzip file, although its name ends in .gz.")
        yield file, path.name, format_of(path)


def read_stdin(stream: BinaryIO, *, field: str | None) -> TextStream:
    """Reads standard input: JSON if its first line that is not blank is a JSON object or string or begins a JSON list,
    delimited columns if `field` is given, text lines otherwise. gzip is recognised."""
    label = "standard input"
    pieces = read_text(stream, label)
    head = _first_line(pieces)
    everything = chain((head,), pieces)
    head = head.lstrip()
    if head.startswith(("{", '"')) and is_json(head.partition("\n")[0]):
        return read_json_lines(everything, label, field=field)
    if head.startswith("[") and (not head[1:].lstrip() or head[1:].lstrip()[0] in '{"'):
        return read_json(everything, label, field=field)
    return _read_lines(everything, label, field)


def _read_text(pieces: Iterator[str], label: str, kind: Format, field: str | None) -> TextStream:
    match kind:
        case "json lines":
            return read_json_lines(pieces, label, field=field)
        case "json":
            return read_json(pieces, label, field=field)
        case "csv":
            return read_delimited(pieces, label, field=field)
        case "tsv":
            return read_delimited(pieces, label, field=field, preferred="\t")
        case _:
            return _read_lines(pieces, label, field)


def _read_lines(pieces: Iterator[str], label: str, field: str | None) -> TextStream:
    """Text lines; with a field, the columns that must be in them."""
    if field is not None:
        return read_delimited(pieces, label, field=field, preferred="\t")
    groups = read_lines(pieces, keep_chars=MAX_TEXT_CHARS)
    batches = (Batch.of(group.lines, dropped_chars=group.dropped_chars) for group in groups)
    return TextStream(label=label, field=None, batches=batches)


def _first_line(pieces: Iterator[str]) -> str:
    """Pieces up to the first line that is not blank; that line is completed only if it may be JSON."""
    head = ""
    for piece in pieces:
        head += piece
        begun = head.lstrip()
        if begun and (not begun.startswith(("{", '"')) or "\n" in begun or len(begun) > MAX_RECORD_CHARS):
            break
    return head


def _similar(path: Path) -> str | None:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=3)
    return f"Did you mean {', '.join(str(path.with_name(name)) for name in close)}?" if close else None
