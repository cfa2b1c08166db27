"""Parquet files, streamed by row group."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO, cast

from advisor.errors import InputError, MissingExtraError
from advisor.texts.batches import TextStream, batches
from advisor.texts.columns import HEAD_ROWS, Column, choose_columns, strings_in
from advisor.texts.decoding import GZIP_MAGIC, read_chunks

ROWS_PER_BATCH = 1024


def unpacked(file: BinaryIO, label: str) -> BinaryIO:
    """The file itself or, as Parquet is read from its end, a temporary copy of what comes out of a pipe or of gzip."""
    if file.seekable():
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        if not packed:
            return file
    temporary = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the caller closes it
    for chunk in read_chunks(file, label):
        temporary.write(chunk)
    temporary.seek(0)
    return temporary


def read_parquet(file: BinaryIO, label: str, *, field: str | None) -> TextStream:
    """Opens a Parquet file; only columns of strings (or lists of strings) are read.

    Raises MissingExtraError without pyarrow, InputError for a broken file and an unknown or unclear column.
    """
    pyarrow = _import_pyarrow()
    with _broken_file(label):
        parquet = pyarrow.parquet.ParquetFile(file)
        schema = parquet.schema_arrow
        with_strings = [name for name, kind in zip(schema.names, schema.types, strict=True) if _holds_strings(kind)]
        head = next(parquet.iter_batches(batch_size=HEAD_ROWS, columns=with_strings), None) if with_strings else None
        values = {name: tuple(head.column(name).to_pylist()) for name in with_strings} if head is not None else {}
    columns = [Column(name=name, values=values.get(name, ())) for name in schema.names]
    names = [columns[position].name for position in choose_columns(columns, label=label, field=field, named=True)]
    return TextStream(label=label, field=",".join(names), batches=batches(_texts(parquet, names, label)))


def parquet_rows(file: BinaryIO, label: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Every row with all of its columns, numbered from 1. Raises as `read_parquet` does."""
    pyarrow = _import_pyarrow()
    with _broken_file(label):
        groups = pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=ROWS_PER_BATCH)
        yield from enumerate(chain.from_iterable(rows.to_pylist() for rows in groups), 1)


def _import_pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "profile", purpose="Reading a Parquet file") from None
    return pyarrow


def _texts(parquet: Any, names: Sequence[str], label: str) -> Iterator[str]:
    with _broken_file(label):
        for rows in parquet.iter_batches(batch_size=ROWS_PER_BATCH, columns=list(names)):
            values = [rows.column(name).to_pylist() for name in names]
            for value in chain.from_iterable(zip(*values, strict=True)):
                yield from strings_in(value)


def _holds_strings(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind))


@contextmanager
def _broken_file(label: str) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{label} is not a complete Parquet file: {reason.rstrip('.')}.") from error
