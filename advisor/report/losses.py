"""How the losses of a report came about and which of them pass, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.gate import ENOUGH_TEXTS
from advisor.report import format as fmt
from advisor.report.words import words
from advisor.types import Fidelity, LossMethod, Recommendation

_EXPLAINED: Mapping[LossMethod, str] = {
    "checked": "Candidates that compute in float32 are checked, not estimated: their loss is the {}.",
    "estimated": "The loss of accuracy is estimated without labels: by how much a candidate ranks similar texts "
    "otherwise than the model in float32 does ({}).",
    "labelled": "The loss of accuracy is measured on labels, against the model in float32 ({}).",
}


def methods(rec: Recommendation) -> Mapping[LossMethod, tuple[Fidelity, ...]]:
    """The candidates' losses by how they were found, without the baseline's, which is one by definition."""
    losses = [each.loss for each in rec.candidates if each.loss is not None and each.name != rec.baseline]
    return {name: found for name in _EXPLAINED if (found := tuple(one for one in losses if one.method == name))}


def explained(rec: Recommendation) -> tuple[str, ...]:
    """A sentence for each method: what the loss is, and how many texts it is from."""
    return tuple(
        _EXPLAINED[name].format(f"{found[-1].metric}{_on(found, words(rec.model).items)}")
        for name, found in methods(rec).items()
    )


def passing(rec: Recommendation) -> str:
    """Which losses pass."""
    return (
        f"A candidate passes if its loss is within the budget of {fmt.percent(rec.request.max_loss)}: the estimated "
        f"loss itself, or the upper end of the interval of one from fewer than {ENOUGH_TEXTS} texts or on labels."
    )


def _on(found: tuple[Fidelity, ...], items: str) -> str:
    """`, on 32 to 128 texts, as many as decide whether it passes`; empty where it was not noted."""
    numbers = sorted({one.num_texts for one in found if one.num_texts is not None})
    if not numbers:
        return ""
    if found[-1].method == "checked":
        return f", {numbers[-1]} {items} of advisor's own, each encoded alone"
    span = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f", on {span} {items}, as many as decide whether it passes"
