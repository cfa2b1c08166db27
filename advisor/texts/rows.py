"""Any table -> its rows, each with all of its columns: what labelled data are read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from advisor.errors import InputError
from advisor.texts.decoding import read_text
from advisor.texts.delimited import delimited_rows
from advisor.texts.files import opened
from advisor.texts.hub import PREFIX, LoadDataset, hub_rows
from advisor.texts.json_texts import json_records
from advisor.texts.parquet import parquet_rows, unpacked


class TableRow(NamedTuple):
    """A row, and where it stands, for messages."""

    place: str | int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An opened table. `rows` can be consumed once."""

    label: str
    """The source as reports name it: a file's name without its folder, or `hub:owner/name`."""
    named: bool
    """Whether the columns have names of their own; else they are called `1`, `2`..."""
    rows: Iterator[TableRow]


@contextmanager
def open_rows(
    source: str,
    *,
    offline: bool = False,
    load_dataset: LoadDataset | None = None,
    prefer: Sequence[str] = ("train",),
    field: str | None = None,
) -> Iterator[Table]:
    """Opens a table: .csv, .tsv, .jsonl, .json, .parquet (each also with .gz), or `hub:owner/name[:config[:split]]`.

    Without a split, the first of `prefer` that a dataset has is taken, or else its first one. A first row of a
    delimited file that has the names in `field` is its header.

    Raises InputError for a file that is missing, broken or no table, UnavailableError for a dataset that cannot be
    reached, MissingExtraError where a format needs a package that is not installed; partly while the rows are read.
    """
    if source.startswith(PREFIX):
        label, records = hub_rows(source, offline=offline, load_dataset=load_dataset, prefer=prefer)
        yield Table(label=label, named=True, rows=_mappings(records, label))
        return
    with opened(Path(source)) as (file, label, kind):
        if kind == "parquet":
            with unpacked(file, label) as parquet:
                yield Table(label=label, named=True, rows=_mappings(parquet_rows(parquet, label), label))
            return
        pieces = read_text(file, label)
        if kind in ("json lines", "json"):
            yield Table(label=label, named=True, rows=_mappings(json_records(pieces, label), label))
            return
        named, rows = delimited_rows(pieces, label, preferred="\t" if kind in ("tsv", "text") else ",", field=field)
        yield Table(label=label, named=named, rows=_mappings(rows, label))


def _mappings(records: Iterator[tuple[str | int, object]], label: str) -> Iterator[TableRow]:
    for place, value in records:
        if not isinstance(value, Mapping):
            raise InputError(
                f"{label}, line {place}: this is no row with columns.",
                hint="A table is .csv, .tsv, .parquet, or .jsonl with an object a line.",
            )
        yield TableRow(place, value)
