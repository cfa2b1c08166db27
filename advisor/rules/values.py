"""Values of facts: read from a user's words, checked against the vocabulary, shown to people. Pure."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

from advisor.rules.vocabulary import MAX_LOSS, FactSpec, FactValue

AMBIGUOUS_LOSS = 0.05
"""A bare loss of this or more is refused: `0.4` may mean 40 % or, more likely, 0.4 %. `40%` says it plainly."""

_YES = {"true", "yes", "on", "1"}
_NO = {"false", "no", "off", "0"}
_BYTES = re.compile(r"(?P<number>[0-9.]+)\s*(?P<prefix>[kmgt]?)(?P<binary>i?)b?", re.IGNORECASE)
_LARGEST = 10**18
_PREFIXES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_value(spec: FactSpec, text: str) -> FactValue:
    """The value that `text` means for a fact; `unknown` is None.

    Booleans are `true/false/yes/no/on/off`, fractions `0.2%` or `0.002`, bytes `24GiB`, `24GB` or a number, sets are
    separated by commas (`none` for the empty set). Raises ValueError with what is wrong, as the end of a sentence.
    """
    text = text.strip()
    if text.lower() == "unknown":
        return None
    match spec.type:
        case "bool":
            if text.lower() not in _YES | _NO:
                raise ValueError("is not yes or no")
            return text.lower() in _YES
        case "set":
            words = [] if text.lower() in {"", "none"} else [word.strip().lower() for word in text.split(",")]
            return check_value(spec, words)
        case "text":
            return check_value(spec, text.lower() if spec.choices else text)
        case _:
            return _parse_number(spec, text)


def check_value(spec: FactSpec, value: object) -> FactValue:
    """`value` as the fact's type: what TOML gave, or what `parse_value` read.

    Raises ValueError with what is wrong, as the end of a sentence.
    """
    match spec.type:
        case "bool":
            if not isinstance(value, bool):
                raise ValueError("is not true or false")
            return value
        case "text":
            if not isinstance(value, str) or not value:
                raise ValueError("is not a text")
            if spec.choices and value not in spec.choices:
                raise ValueError(f"is not one of {', '.join(spec.choices)}")
            return value
        case "set":
            return _check_set(spec, value)
        case _:
            return _check_number(spec, value)


def show_value(spec: FactSpec, value: FactValue) -> str:
    """A fact's value for people: `yes`, `0.4%`, `24 GiB`, `1,024 tokens`, `avx2, fma`, `unknown`."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if spec.unit == "fraction":
        return f"{100 * value:.4g}%"
    if spec.unit == "bytes":
        return f"{value / 2**30:.4g} GiB"
    if spec.name == "gpu.compute_capability":
        return f"{value:.1f}"
    number = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return number if spec.unit is None else f"{number} {spec.unit}"


def _parse_number(spec: FactSpec, text: str) -> int | float:
    plain = text.replace(",", "")
    percent = spec.unit == "fraction" and plain.endswith("%")
    unit = _BYTES.fullmatch(plain) if spec.unit == "bytes" else None
    try:
        if unit is not None:
            step = 1024 if unit["binary"] else 1000
            number = Decimal(unit["number"]) * step ** _PREFIXES[unit["prefix"].lower()]
        else:
            number = Decimal(plain.removesuffix("%") if percent else plain)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not number.is_finite():
        raise ValueError("is not a number")
    if number.copy_abs() > _LARGEST:
        raise ValueError("is out of range")
    if percent:
        return _in_range(spec, float(number / 100))
    # Bytes are rounded down, for 1.1 GiB is not a whole number of them.
    whole = unit is not None or number == int(number)
    return _check_number(spec, int(number) if spec.type == "int" and whole else float(number))


def _check_set(spec: FactSpec, value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and word for word in words):
        raise ValueError("is not a text or a list of texts")
    for word in words:
        if spec.choices and word not in spec.choices:
            raise ValueError(f"holds {word!r}, which is not one of {', '.join(spec.choices)}")
    return tuple(dict.fromkeys(words))


def _check_number(spec: FactSpec, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("is not a number")
    if spec.type == "int" and not isinstance(value, int):
        raise ValueError("is not a whole number")
    if spec.name == MAX_LOSS and value >= AMBIGUOUS_LOSS:
        raise ValueError(f"is ambiguous, for it could mean {value:g}% ({value / 100:.4g}) or {100 * value:.4g}%")
    return _in_range(spec, value if spec.type == "int" else float(value))


def _in_range(spec: FactSpec, value: int | float) -> int | float:
    if value < 0:
        raise ValueError("is negative")
    if spec.unit == "fraction" and value > 1:
        raise ValueError("is over 100%")
    return value
