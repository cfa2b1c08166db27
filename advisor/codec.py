"""Frozen dataclasses as JSON and back, by their type hints.

Types are checked on the way in. Unknown keys are passed over, as newer versions add keys. A missing key takes the
field's default, and is an error without one. A float may be NaN: the loss of an embedding that overflowed is.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

HIDDEN = {"codec": "hidden"}
"""Metadata of a field that is in no document. It has a default, or the reader supplies its value."""

INLINE = {"codec": "inline"}
"""Metadata of a dataclass whose keys stand in the object of its holder.

An optional one is None where the keys of its required fields are all null or missing.
"""

Positive = Annotated[float, "positive and finite"]

_LARGEST = 2**63
_NAMES = {
    NoneType: "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a string",
    list: "an array",
    tuple: "an array",
    Annotated: "a positive number",
}


class CodecError(ValueError):
    """A document does not fit its type; the message names the path of the value."""


def to_json(value: object, *, hidden: bool = False) -> Any:
    """The value as str, int, float, bool, None, list and dict. `hidden` writes the hidden fields too."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [to_json(item, hidden=hidden) for item in value]
    if isinstance(value, Mapping):
        return {key: to_json(item, hidden=hidden) for key, item in value.items()}
    if not is_dataclass(value):
        return value
    kind: Any = type(value)
    document: dict[str, Any] = {}
    for field, hint in _fields(kind, hidden):
        item = getattr(value, field.name)
        if field.metadata != INLINE:
            document[field.name] = to_json(item, hidden=hidden)
        elif item is None:
            document |= dict.fromkeys(inner.name for inner, _ in _fields(_inlined(hint), hidden))
        else:
            document |= to_json(item, hidden=hidden)
    return document


def loads(text: str) -> Any:
    """Parse JSON. Raises CodecError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"it is not JSON: {error}") from None


def from_json(kind: type[T], document: object, *, hidden: bool = False, **supplied: object) -> T:
    """A value of the type `kind` from a parsed document. Raises CodecError where the document does not fit.

    `supplied` are fields that are not in the document. `hidden` reads the hidden fields too.
    """
    value: T = _read(kind, document, "", hidden, supplied)
    return value


@cache
def _fields(kind: type, hidden: bool) -> tuple[tuple[Field[Any], Any], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((field, hints[field.name]) for field in fields(kind) if hidden or field.metadata != HIDDEN)


def _read(hint: Any, value: Any, at: str, hidden: bool, supplied: Mapping[str, object] = MappingProxyType({})) -> Any:
    kind, args = get_origin(hint) or hint, get_args(hint)
    if kind is Any or (value is None and NoneType in args):
        return value
    if kind in (Union, UnionType):
        return _read_first([arg for arg in args if arg is not NoneType], value, at, hidden)
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_fields(kind, value, at, hidden, supplied)
    if kind is Mapping and isinstance(value, dict):
        return {key: _read(args[1], item, f"{at}[{key!r:.40}]", hidden) for key, item in value.items()}
    if kind is tuple and isinstance(value, list | tuple) and (args[-1] is ... or len(value) == len(args)):
        hints = repeat(args[0]) if args[-1] is ... else args
        pairs = zip(hints, value, strict=False)
        return tuple(_read(*pair, f"{at}[{index}]", hidden) for index, pair in enumerate(pairs))
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Literal and isinstance(value, str) and value in args:
        return value
    if kind is Annotated and 0.0 < _read(float, value, at, hidden) < math.inf:
        return float(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    if kind in (int, float) and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return kind(value)
    if kind is float and isinstance(value, float):
        return float(value)
    raise CodecError(f"{at or 'the document'}: {_expected(hint)} is expected, not {_found(kind, value)}")


def _read_first(options: list[Any], value: Any, at: str, hidden: bool) -> Any:
    for option in options[:-1]:
        with contextlib.suppress(CodecError):
            return _read(option, value, at, hidden)
    return _read(options[-1], value, at, hidden)


def _read_fields(kind: Any, document: dict[str, Any], at: str, hidden: bool, supplied: Mapping[str, object]) -> Any:
    values = dict(supplied)
    for field, hint in _fields(kind, hidden):
        where = f"{at}.{field.name}" if at else field.name
        if field.name in supplied:
            continue
        if field.metadata == INLINE:
            inner = _inlined(hint)
            absent = inner is not hint and all(document.get(key) is None for key in _required(inner))
            values[field.name] = None if absent else _read_fields(inner, document, at, hidden, {})
        elif field.name in document:
            values[field.name] = _read(hint, document[field.name], where, hidden)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise CodecError(f"{where} is missing")
    return kind(**values)


def _inlined(hint: Any) -> Any:
    return next(iter(get_args(hint)), hint)


def _required(kind: type) -> list[str]:
    return [each.name for each, _ in _fields(kind, False) if each.default is each.default_factory is MISSING]


def _expected(hint: Any) -> str:
    kind, args = get_origin(hint) or hint, get_args(hint)
    if kind is Literal:
        return f"one of {', '.join(map(repr, args))}"
    return f"an array of {len(args)}" if kind is tuple and args[-1] is not ... else _NAMES.get(kind, "an object")


def _found(kind: Any, value: object) -> str:
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "one of more than 64 bits"
    same = kind in (Literal, Annotated) and isinstance(value, str | float | int)
    return f"{value!r:.60}" if same else _NAMES.get(type(value), "an object")
