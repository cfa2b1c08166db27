"""Numbers as people read them: SI inside, formatted here and nowhere else. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from advisor.objectives import Unit

UNKNOWN = "unknown"

_ISA_EXTRAS = {
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "avx512_bf16": "BF16",
    "avx512_fp16": "FP16",
    "amx_bf16": "AMX BF16",
    "amx_fp16": "AMX FP16",
    "amx_int8": "AMX INT8",
    "dotprod": "dot product",
    "i8mm": "I8MM",
    "bf16": "BF16",
    "sve": "SVE",
}


def count(value: float) -> str:
    """A whole number with thousands separated: `2,758`."""
    return f"{value:,.0f}"


def rate(value: float) -> str:
    """A throughput with three significant digits or more: `2,579`, `52.3`, `3.41`."""
    return _digits(value, (100, 0), (10, 1), (0, 2))


def ratio_decimals(value: float) -> int:
    """How many decimals a ratio needs, so that rounding hides less than 5 % of it."""
    if value >= 20:
        return 0
    if value >= 2:
        return 1
    return 2 if value >= 0.1 else 3


def ratio(value: float, *, decimals: int | None = None) -> str:
    """A ratio without its sign: `6.3`, `1.04`, `0.27`; exactly one is `1.0`, as a baseline's is by definition."""
    if value == 1 and decimals is None:
        return "1.0"
    return f"{value:,.{ratio_decimals(value) if decimals is None else decimals}f}"


def times(value: float) -> str:
    """A ratio with its sign: `6.3x`."""
    return f"{ratio(value)}x"


def interval(low: float, high: float, *, like: float) -> str:
    """A ratio's interval, with as many decimals as the ratio itself: `6.1-6.5`."""
    decimals = ratio_decimals(like)
    return f"{ratio(low, decimals=decimals)}-{ratio(high, decimals=decimals)}"


def percent(fraction: float, *, sign: bool = False) -> str:
    """A fraction as a percentage: 0.0008 is `0.08%`, 0.123 is `12.3%`. Never a negative zero."""
    value = fraction * 100
    text = f"{value:.{2 if abs(value) < 9.995 else 1}f}"
    if float(text) == 0:
        return "0.00%"
    return f"{'+' if sign and value > 0 else ''}{text}%"


def percent_between(fraction: float, ci95: tuple[float, float] | None) -> str:
    """A percentage with its interval, if it has one: `0.08% (0.02% to 0.15%)`."""
    return percent(fraction) + ("" if ci95 is None else f" ({percent(ci95[0])} to {percent(ci95[1])})")


def budget(max_loss: float) -> str:
    """A loss budget as it is typed: 0.004 is `0.4%`."""
    return f"{100 * max_loss:g}%"


def seconds(value: float) -> str:
    """A time budget as it is typed: `90s`, `10m`."""
    return f"{value / 60:g}m" if value >= 120 and value % 60 == 0 else f"{value:g}s"


def share(fraction: float) -> str:
    """A share of texts, without decimals, where a few are never called none: `0%`, `under 1%`, `37%`."""
    if 0 < fraction < 0.01:
        return "under 1%"
    if 0.99 < fraction < 1:
        return "over 99%"
    return f"{fraction * 100:.0f}%"


def accuracy_change(loss: float) -> str:
    """A loss as the change in accuracy that it means: a loss of 0.0008 is `-0.08%`."""
    return percent(-loss, sign=True)


def accuracy_interval(low: float, high: float) -> str:
    """A loss's interval as a change in accuracy in percent, the worse end first: `-0.15..-0.02`."""
    return f"{accuracy_change(high)}..{accuracy_change(low)}".replace("%", "")


def size(num_bytes: float) -> str:
    """A file's size in SI units: `23 MB`, `1.2 GB`."""
    return _scaled(num_bytes, 1000, ("B", "kB", "MB", "GB", "TB"))


def memory(num_bytes: float) -> str:
    """An amount of memory in binary units: `22 GiB`, `1.5 GiB`."""
    return _scaled(num_bytes, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))


def milliseconds(value: float) -> str:
    """A latency: `0.42 ms`, `4.1 ms`, `128 ms`."""
    return f"{_digits(value, (100, 0), (1, 1), (0, 2))} ms"


def measure(value: float, unit: Unit) -> str:
    """What an objective compares; a throughput's unit is not said, for it depends on the model."""
    return _MEASURES[unit](value)


_MEASURES: Mapping[Unit, Callable[[float], str]] = {"texts/s": rate, "ms": milliseconds, "bytes": memory}


def duration(seconds: float) -> str:
    """A time span: `0.6 s`, `41 s`, `3 min 12 s`, `1 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def age(seconds: float) -> str:
    """How long ago something was, in one unit: `under 1 min`, `5 min`, `3 h`, `12 d`."""
    if seconds < 60:
        return "under 1 min"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h"
    return f"{count(seconds // 86400)} d"


def clock(seconds: float) -> str:
    """A time still to go: `0:41`, `12:05`, `1:02:05`."""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def cores(value: float) -> str:
    """A number of cores, which a quota may make fractional: `1 core`, `2 cores`, `1.5 cores`."""
    return f"{value:g} core{'' if value == 1 else 's'}"


def plural(number: int, noun: str) -> str:
    """`1 round`, `2,000 rounds`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = items
    return f"{', '.join(head)} and {last}" if head else last


def instruction_sets(isa: Sequence[str]) -> str | None:
    """The instruction sets that matter, in words: `AVX-512 VNNI + BF16`; None where there are none to name."""
    extras = list(dict.fromkeys(_ISA_EXTRAS[name] for name in isa if name in _ISA_EXTRAS))
    if any(name.startswith("avx512") for name in isa):
        base = "AVX-512"
    elif "avx2" in isa:
        base = "AVX2"
    elif "asimd" in isa:
        base = "NEON"
    else:
        return " + ".join(extras) or None
    if not extras:
        return base
    return f"{base} {' + '.join(extras)}"


def one_line(text: str) -> str:
    """Any text on one line, with its runs of white space as single spaces."""
    return " ".join(text.split())


def _digits(value: float, *steps: tuple[float, int]) -> str:
    for least, decimals in steps:
        if abs(round(value, decimals)) >= least:
            return f"{value:,.{decimals}f}"
    return f"{value:,.{steps[-1][1]}f}"


def _scaled(value: float, base: int, units: tuple[str, ...]) -> str:
    unit = 0
    while round(value) >= base and unit < len(units) - 1:
        value /= base
        unit += 1
    decimals = 1 if unit >= 3 and value < 9.95 else 0
    return f"{value:.{decimals}f} {units[unit]}"
