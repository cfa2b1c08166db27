"""What `advisor doctor` found, as a block to paste into a report and as a document. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.text import Text

from advisor.codec import to_json
from advisor.document import packages_to_dict
from advisor.report import facts
from advisor.report import format as fmt
from advisor.report.glyphs import UNICODE, Glyphs
from advisor.report.table import by_reason
from advisor.types import Hardware, Package

State = Literal["ok", "note", "failed"]
_LABEL = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. A `note` is worth knowing, but nothing is wrong."""

    name: str
    state: State
    finding: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """An extra of advisor: its packages that are not installed, and those whose version it does not take."""

    name: str
    missing: tuple[str, ...]
    unfit: tuple[str, ...]
    """`transformers 4.57.6 (>=5.23,<6)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """A candidate, and why it could not be measured here, as the end of a sentence; None where it could."""

    candidate: str
    why_not: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable; None where it is not set, and `set` where its value is nobody's business."""

    name: str
    shown: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheState:
    """The cache folder. `problem` says why it could not be read, as the end of a sentence."""

    path: str
    num_exports: int = 0
    num_broken: int = 0
    num_logs: int = 0
    size_bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedError:
    """The last error in the log of one process of a run."""

    run: str
    log: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that helps to understand a problem. Holds no text of the user."""

    advisor_version: str
    created: str
    """UTC, ISO 8601."""
    python: str
    system: str
    terminal: str
    hardware: Hardware
    packages: tuple[Package, ...]
    extras: tuple[Extra, ...]
    candidates: tuple[Fitness, ...]
    variables: tuple[Variable, ...]
    cache: CacheState
    errors: tuple[LoggedError, ...]
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.state != "failed" for check in self.checks)


def block(found: Diagnosis, *, width: int, glyphs: Glyphs = UNICODE) -> Text:
    """All of it as text, the checks last, where they are seen."""
    parts = [
        [
            Text(f"advisor {found.advisor_version}, {found.created}", style="bold"),
            *_entry("python", found.python, width),
            *_entry("system", found.system, width),
            *_entry("terminal", found.terminal, width),
        ],
        [facts.machine(found.hardware, found.packages, width=width)],
        _section("Extras", [(extra.name, _extra(extra)) for extra in found.extras], width),
        _section("Candidates", _candidates(found.candidates), width),
        _section("Environment", _variables(found.variables), width),
        _section("Cache", [("", _cache(found.cache))], width),
        _section("Last errors", [("", f"{each.run} {each.log}: {each.message}") for each in found.errors], width),
        [Text("Checks", style="bold"), *(_check(check, width, glyphs) for check in found.checks)],
    ]
    return Text("\n\n").join([Text("\n").join(lines) for lines in parts if lines])


def document(found: Diagnosis) -> dict[str, Any]:
    """The same as JSON: `advisor.doctor`, version 1.0."""
    variables = {variable.name: variable.shown for variable in found.variables}
    return {
        "schema": {"name": "advisor.doctor", "version": "1.0"},
        "ok": found.ok,
        **to_json(found),
        "packages": packages_to_dict(found.packages),
        "variables": variables,
    }


def _section(title: str, entries: Sequence[tuple[str, str]], width: int) -> list[Text]:
    if not entries:
        return []
    lines = [line for label, value in entries for line in _entry(label, value, width)]
    return [Text(title, style="bold"), *lines]


def _entry(label: str, value: str, width: int) -> list[Text]:
    indent = 2 + _LABEL if label else 2
    wrapped = textwrap.wrap(
        value, max(20, width - indent), break_long_words=False, break_on_hyphens=False, subsequent_indent=" " * indent
    )
    lead = f"  {label.ljust(_LABEL)}" if label else "  "
    return [Text(f"{lead if index == 0 else ''}{line}") for index, line in enumerate(wrapped or [""])]


def _extra(extra: Extra) -> str:
    said = []
    if extra.missing:
        said.append(f"lacks {', '.join(extra.missing)}")
    if extra.unfit:
        said.append(f"does not take {', '.join(extra.unfit)}")
    return "; ".join(said) if said else "complete"


def _candidates(candidates: Sequence[Fitness]) -> list[tuple[str, str]]:
    able = [each.candidate for each in candidates if each.why_not is None]
    reasons = by_reason((each.why_not, each.candidate) for each in candidates if each.why_not is not None)
    return [("can run", ", ".join(able) or "none")] + [
        ("cannot", f"{', '.join(names)}: {reason}") for reason, names in reasons.items()
    ]


def _variables(variables: Sequence[Variable]) -> list[tuple[str, str]]:
    given = [
        f"{each.name} {'is set' if each.shown == 'set' else '= ' + each.shown}" for each in variables if each.shown
    ]
    missing = [each.name for each in variables if each.shown is None]
    empty = [f"{each.name} is empty" for each in variables if each.shown == ""]
    return [("set", ", ".join([*given, *empty]) or "none"), ("not set", ", ".join(missing) or "none")]


def _cache(cache: CacheState) -> str:
    if cache.problem is not None:
        return f"{cache.path}: {cache.problem}"
    broken = f", {cache.num_broken} of them of no use" if cache.num_broken else ""
    exports = f"{fmt.plural(cache.num_exports, 'export')}{broken}"
    return f"{cache.path}: {exports}, logs of {fmt.plural(cache.num_logs, 'run')}, {fmt.size(cache.size_bytes)}"


def _check(check: Check, width: int, glyphs: Glyphs) -> Text:
    sign, style = {
        "ok": (glyphs.tick, "green"),
        "note": (glyphs.warning, "yellow"),
        "failed": (glyphs.cross, "red"),
    }[check.state]
    said = check.finding if check.remedy is None else f"{check.finding}: {check.remedy}"
    lines = _entry(check.name, said, width)
    first = Text.assemble((f"{sign} ", style), lines[0].plain[2:])
    return Text("\n").join([first, *lines[1:]])
