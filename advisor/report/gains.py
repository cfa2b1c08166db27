"""How much better than the baseline each candidate is, in the objective's terms. Pure."""

from __future__ import annotations

from advisor.report import verdict
from advisor.types import Estimate, ObjectiveName, Outcome, Recommendation

_WORDS: dict[ObjectiveName, str] = {
    "throughput": "speedup over",
    "latency": "times lower latency than",
    "memory": "times less memory than",
}


def axis(rec: Recommendation) -> str:
    """What `gain` counts: `speedup over torch-fp32`."""
    return f"{_WORDS[rec.request.objective]} {rec.baseline}"


def gain(outcome: Outcome, rec: Recommendation) -> Estimate | None:
    """How many times better than the baseline, with its interval where it has one; None where it was not measured."""
    timing = outcome.timing
    if timing is None:
        return None
    if outcome.name == rec.baseline:
        return Estimate(median=1.0)
    paired = verdict.paired_gain(outcome, rec)
    if paired is not None or rec.request.objective == "throughput":
        return paired
    factor = verdict.improvement(outcome, rec)
    return None if factor is None else Estimate(median=factor)
