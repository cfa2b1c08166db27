"""What users type for an option, as a value. Pure; each refusal is an InputError that says what to type instead."""

from __future__ import annotations

import difflib
import re

from advisor import catalogue
from advisor.errors import InputError

AMBIGUOUS_FROM = 0.05
"""A bare number from here on could as well be meant as per cent."""

MIN_TIME_BUDGET_S = 10.0
"""Loading the baseline alone takes that long."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def max_loss(text: str) -> float:
    """A loss budget as a fraction: `0.4%` and `0.004` are both 0.004.

    Raises InputError for what is no number, is negative, is over 100%, or is a bare number that could mean either.
    """
    typed = text.strip()
    number = typed.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(number):
        raise InputError(f"--max-loss {typed!r} is not a number:", hint="write 0.4% or 0.004.")
    value = float(number)
    if value < 0:
        raise InputError(f"--max-loss {typed} is negative:", hint="write 0 for no loss at all, or for example 0.4%.")
    if typed.endswith("%"):
        if value > 100:
            raise InputError(f"--max-loss {typed} is over 100%:", hint="write for example 0.4%.")
        return value / 100
    if value >= AMBIGUOUS_FROM:
        fraction = f" or {value / 100:.6g}" if value / 100 < AMBIGUOUS_FROM else ""
        meant = f"{number}%{fraction}" if value <= 100 else "for example 0.4%"
        raise InputError(f"--max-loss {typed} is ambiguous:", hint=f"write {meant}.")
    return value


def candidates(text: str, *, option: str) -> tuple[str, ...]:
    """Names of candidates, separated by commas, without repetition and in the order typed.

    Raises InputError for an unknown name, with the names that are close and all that there are.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise InputError(f"{option} names no candidate:", hint=f"choose from {_all_names()}.")
    for name in names:
        if catalogue.find(name) is None:
            raise InputError(f"{option} names {name!r}, which is no candidate:", hint=_close(name))
    return names


def threads(number: int, *, logical_cpus: int) -> int:
    """A number of threads between one and the logical CPUs of the machine; raises InputError outside."""
    if number < 1:
        raise InputError(f"--threads {number} is less than 1:", hint="leave it out to use all usable cores.")
    if number > logical_cpus:
        raise InputError(
            f"--threads {number} is more than the {logical_cpus} logical CPUs of this machine:",
            hint="leave it out to use all usable cores.",
        )
    return number


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)


def time_budget(text: str) -> float:
    """A time budget in seconds: `90`, `90s`, `3m`, `1m30s` or `1h`.

    Raises InputError for anything else, and under `MIN_TIME_BUDGET_S`.
    """
    typed = text.strip().lower()
    match = _DURATION.fullmatch(typed)
    if not typed or match is None:
        raise InputError(f"--time-budget {text.strip()!r} is not a duration:", hint="write 90s, 3m or 1h.")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = 3600 * hours + 60 * minutes + seconds
    if total < MIN_TIME_BUDGET_S:
        raise InputError(
            f"--time-budget {text.strip()} is under {MIN_TIME_BUDGET_S:.0f} seconds, which the baseline alone needs:",
            hint="write for example 90s.",
        )
    return total


def _close(name: str) -> str:
    lowered = {each.lower(): each for each in catalogue.names()}
    close = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)]
    if close:
        return f"did you mean {' or '.join(close)}? The candidates are {_all_names()}."
    return f"the candidates are {_all_names()}."


def _all_names() -> str:
    return ", ".join(catalogue.names())
