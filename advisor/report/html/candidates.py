"""All candidates in tables: the result, what they cost besides time, and the settings that were tried. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from advisor.report import format as fmt
from advisor.report.html.markup import Markup, join, tag
from advisor.report.html.tables import table
from advisor.report.table import Row, extra_heading, note, rows
from advisor.report.words import words
from advisor.types import Estimate, Outcome, Recommendation

_PARTS = re.compile(r"[^/_]+[/_]*|[/_]+")

_STATUS = {
    "measured": "measured",
    "rejected": "over the budget",
    "cut": "cut",
    "failed": "failed",
    "skipped": "skipped",
}


def results(rec: Recommendation) -> Markup:
    """Every candidate with its status, its figures and why it is where it is."""
    extra = extra_heading(rec.request.objective)
    heads = [
        "candidate",
        "status",
        words(rec.model).rate,
        *([extra] if extra else []),
        "speedup",
        "95% CI",
        "loss",
        "95% CI of the loss",
    ]
    table_rows = rows(rec)
    cells = [
        [
            f"★ {row.candidate}" if row.mark == ">" else row.candidate,
            "winner" if row.mark == ">" else _STATUS[row.status],
            row.texts_per_s,
            *([row.extra] if extra else []),
            row.speedup,
            row.interval,
            row.loss,
            _loss_interval(rec.outcome(row.candidate)),
            _why(row, rec),
        ]
        for row in table_rows
    ]
    kinds = ["win" if row.mark == ">" else row.status for row in table_rows]
    return table(
        "Medians over the rounds, with their 95% confidence intervals",
        [*heads, "why, and what was done"],
        cells,
        text={1, len(heads)},
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


def _loss_interval(outcome: Outcome | None) -> str:
    if outcome is None or outcome.loss is None or outcome.loss.ci95 is None or not any(outcome.loss.ci95):
        return ""
    return " to ".join(fmt.percent(end) for end in outcome.loss.ci95)


def _interval(estimate: Estimate) -> str:
    return "" if estimate.ci95 is None else fmt.interval(*estimate.ci95, like=estimate.median)


def _breakable(name: str) -> Markup:
    """A file name that may go on in the next line after a slash or an underscore."""
    return join([part if at == 0 else join([tag("wbr"), part]) for at, part in enumerate(_PARTS.findall(name))])


def _or_empty(value: float | None, show: Callable[[float], str]) -> str:
    return "" if value is None else show(value)
