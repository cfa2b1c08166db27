"""Records, as JSON and Hugging Face datasets hold them -> texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from advisor.errors import InputError
from advisor.texts.batches import TextStream, batches
from advisor.texts.columns import HEAD_ROWS, Column, choose_columns, strings_in


class Record(NamedTuple):
    """A string or a mapping, and where it stands, for messages (a named tuple, since there may be millions)."""

    place: str | int
    """The number of its line."""
    value: object


def read_records(records: Iterator[Record], label: str, *, field: str | None) -> TextStream:
    """Opens records that are all strings, or all mappings of columns to values.

    A value that is no string counts as an empty text, and of a list its strings are taken. Raises InputError for an
    unknown or unclear column, and for a record of another kind than the first.
    """
    head = list(islice(records, HEAD_ROWS))
    if not head:
        return TextStream(label=label, field=None, batches=iter(()))
    everything = chain(head, records)
    if isinstance(head[0].value, str):
        if field is not None:
            raise InputError(f"{label} holds plain strings without columns.", hint="Leave out --field.", about="field")
        return TextStream(label=label, field=None, batches=batches(_strings(everything, label)))
    names = list(dict.fromkeys(name for record in head for name in _mapping(record, label)))
    columns = [Column(name=name, values=tuple(_mapping(record, label).get(name) for record in head)) for name in names]
    chosen = [names[position] for position in choose_columns(columns, label=label, field=field, named=True)]
    return TextStream(label=label, field=",".join(chosen), batches=batches(_values(everything, chosen, label)))


def _strings(records: Iterable[Record], label: str) -> Iterator[str]:
    for record in records:
        if not isinstance(record.value, str):
            raise _wrong_kind(record, label, expected="a string, as in the first")
        yield record.value


def _values(records: Iterable[Record], names: Sequence[str], label: str) -> Iterator[str]:
    for record in records:
        mapping = _mapping(record, label)
        for name in names:
            yield from strings_in(mapping.get(name))


def _mapping(record: Record, label: str) -> Mapping[str, object]:
    if not isinstance(record.value, dict):
        raise _wrong_kind(record, label, expected="an object with columns")
    return record.value


def _wrong_kind(record: Record, label: str, *, expected: str) -> InputError:
    kinds = {str: "a string", list: "a list", dict: "an object", bool: "a truth value", type(None): "null"}
    found = kinds.get(type(record.value), "a number")
    return InputError(f"{label}, line {record.place}: this record is {found}, not {expected}.")
