"""All candidates in tables: the result, what they cost besides time, and the settings that were tried. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from advisor.report import format as fmt
from advisor.report.html.markup import Markup, join, tag
from advisor.report.html.tables import table
from advisor.report.table import Row, columns, note, rows
from advisor.types import Estimate, Recommendation

_PARTS = re.compile(r"[^/_]+[/_]*|[/_]+")


def results(rec: Recommendation) -> Markup:
    """Every candidate with its status, its figures and why it is where it is."""
    table_rows = rows(rec)
    figures = columns(rec, table_rows)
    heads = ["candidate", "status", *(heading for heading, _ in figures), "why, and what was done"]
    cells = [
        [
            f"★ {row.candidate}" if row.mark == ">" else row.candidate,
            "winner" if row.mark == ">" else "over the budget" if row.status == "rejected" else row.status,
            *(column[index] for _, column in figures),
            _why(row, rec),
        ]
        for index, row in enumerate(table_rows)
    ]
    kinds = ["win" if row.mark == ">" else row.status for row in table_rows]
    return table(
        "Medians over the rounds, with their 95% confidence intervals",
        heads,
        cells,
        text={1, len(heads) - 1},
        kinds=kinds,
    )


def costs(rec: Recommendation) -> Markup | None:
    """Sizes, memory, load and export times; None where nothing was exported or loaded."""
    shown = [each for each in rec.candidates if each.timing is not None or each.export_s is not None]
    if not shown:
        return None
    cells = [
        [
            each.name,
            _breakable(each.file or ""),
            _or_empty(each.size_bytes, fmt.size),
            _or_empty(None if each.timing is None else each.timing.peak_rss_bytes, fmt.memory),
            _or_empty(each.export_s, fmt.duration),
            _or_empty(each.findings.load_s, fmt.duration),
            _or_empty(None if each.timing is None else each.timing.latency_p50_ms, fmt.milliseconds),
            _or_empty(None if each.timing is None else each.timing.latency_p95_ms, fmt.milliseconds),
        ]
        for each in shown
    ]
    heads = ["candidate", "file", "size", "peak memory", "export", "load", "latency p50", "latency p95"]
    return table("Sizes, memory, and the times to export, to load and to embed one text", heads, cells, text={1})


def tuning(rec: Recommendation) -> Markup | None:
    """The settings that were tried on the same file; None where none were."""
    cells = [
        [
            each.name,
            tried.label,
            fmt.ratio(tried.speedup.median),
            _interval(tried.speedup),
            "yes" if tried.kept else "no",
        ]
        for each in rec.candidates
        for tried in each.tried
    ]
    if not cells:
        return None
    heads = ["candidate", "setting", "against the default", "95% CI", "kept"]
    return table("Other settings of the same file, timed against the default ones", heads, cells, text={1, 4})


def _why(row: Row, rec: Recommendation) -> str:
    outcome = rec.outcome(row.candidate)
    if outcome is None:
        return row.note
    said = fmt.one_line(outcome.reason) if outcome.status in {"cut", "failed"} else note(outcome)
    if outcome.status in {"skipped", "rejected"}:
        said = said.removeprefix(f"{outcome.status}: ")
    return " ".join(part if part.endswith(".") else f"{part}." for part in (said, *outcome.notes) if part)


def _interval(estimate: Estimate) -> str:
    return "" if estimate.ci95 is None else fmt.interval(*estimate.ci95, like=estimate.median)


def _breakable(name: str) -> Markup:
    """A file name that may go on in the next line after a slash or an underscore."""
    return join([part if at == 0 else join([tag("wbr"), part]) for at, part in enumerate(_PARTS.findall(name))])


def _or_empty(value: float | None, show: Callable[[float], str]) -> str:
    return "" if value is None else show(value)
