"""The candidates as rows, in the order in which a reader looks for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor import objectives
from advisor.report import format as fmt
from advisor.report.words import words
from advisor.types import Outcome, Recommendation, Status

_GROUPS: dict[Status, int] = {"measured": 0, "rejected": 1, "cut": 2, "failed": 3, "skipped": 4}
_MARKS: dict[Status, str] = {"measured": " ", "rejected": "!", "cut": "x", "failed": "x", "skipped": "-"}
STYLES: dict[Status, str] = {"measured": "", "rejected": "yellow", "cut": "dim", "failed": "red", "skipped": "dim"}
"""Of a row in a terminal."""
_MAX_ALIKE = 2
LOSS_INTERVAL = "95% CI of the loss"
LEGEND = "> winner, ! over the loss budget, x failed or cut, - skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One candidate; empty strings stand for what was not measured."""

    mark: str
    candidate: str
    status: Status
    texts_per_s: str
    extra: str
    """The objective's own figure, such as the latency; empty where speed is all there is to say."""
    speedup: str
    interval: str
    loss: str
    note: str
    loss_interval: str = ""

    @property
    def has_figures(self) -> bool:
        """Whether anything was measured, so that the row's columns are not all empty."""
        return bool(self.texts_per_s or self.loss)


def rows(rec: Recommendation) -> tuple[Row, ...]:
    """All candidates: measured ones with the best by the objective first, then those that are out, by why."""
    return tuple(_row(outcome, rec) for outcome in sorted(rec.candidates, key=lambda each: _order(each, rec)))


def columns(rec: Recommendation, table: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """The figures of `table`: each column's heading, and its cells."""
    own = objectives.get(rec.request.objective).words.column
    return [
        (words(rec.model).rate, [row.texts_per_s for row in table]),
        *([(own, [row.extra for row in table])] if own else []),
        ("speedup", [row.speedup for row in table]),
        ("95% CI", [row.interval for row in table]),
        ("loss", [row.loss for row in table]),
        (LOSS_INTERVAL, [row.loss_interval for row in table]),
    ]


def folded_notes(table: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Notes that more than two skipped candidates share, with the candidates: such rows take one line together."""
    alike = by_reason((row.note, row.candidate) for row in table if row.status == "skipped")
    return {shared: tuple(names) for shared, names in alike.items() if len(names) > _MAX_ALIKE}


def by_reason(candidates: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names of candidates by the reason that they share, of pairs of both."""
    alike: dict[str, list[str]] = {}
    for reason, name in candidates:
        alike.setdefault(reason, []).append(name)
    return alike


def note(outcome: Outcome) -> str:
    """Why a candidate is where it is: `skipped: needs a CUDA GPU`."""
    reason = fmt.one_line(outcome.reason)
    if outcome.status == "measured" or outcome.status in reason.partition(":")[0].split():
        return reason
    return f"{outcome.status}: {reason}" if reason else outcome.status


def _order(outcome: Outcome, rec: Recommendation) -> tuple[int, bool, float]:
    goal = objectives.get(rec.request.objective)
    value = None if outcome.timing is None else goal.value(outcome.timing)
    if value is None:
        return _GROUPS[outcome.status], True, 0.0
    return _GROUPS[outcome.status], False, value if goal.lower_is_better else -value


def _row(outcome: Outcome, rec: Recommendation) -> Row:
    goal = objectives.get(rec.request.objective)
    timing = outcome.timing
    texts_per_s = extra = speedup = interval = ""
    if timing is not None:
        texts_per_s = fmt.rate(timing.texts_per_s.median)
        value = goal.value(timing)
        if goal.words.column and value is not None:
            extra = fmt.measure(value, goal.unit)
        shown = (goal.paired(timing) if goal.paired is not None else None) or timing.speedup
        if shown is not None:
            speedup = fmt.ratio(shown.median)
            if shown.ci95 is not None and outcome.name != rec.baseline:
                interval = fmt.interval(*shown.ci95, like=shown.median)
    return Row(
        mark=">" if outcome.name == rec.winner else _MARKS[outcome.status],
        candidate=outcome.name,
        status=outcome.status,
        texts_per_s=texts_per_s,
        extra=extra,
        speedup=speedup,
        interval=interval,
        loss=_loss(outcome, rec),
        note=note(outcome),
        loss_interval=_loss_interval(outcome, rec),
    )


def _loss_interval(outcome: Outcome, rec: Recommendation) -> str:
    loss = outcome.loss
    if loss is None or loss.ci95 is None or outcome.name == rec.baseline:
        return ""
    return "..".join(fmt.percent(end) for end in loss.ci95).replace("%", "")


def _loss(outcome: Outcome, rec: Recommendation) -> str:
    if outcome.name == rec.baseline and outcome.timing is not None:
        return "baseline"
    return "" if outcome.loss is None else fmt.percent(outcome.loss.value)
