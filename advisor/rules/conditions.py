"""Whether a condition holds, and the evidence for it in words. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable

from advisor.rules.facts import Facts
from advisor.rules.ruleset import Comparison, Condition
from advisor.rules.values import show_value
from advisor.rules.vocabulary import FACTS, FactValue

_ORDER: dict[Comparison, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def holds(condition: Condition, facts: Facts) -> bool | None:
    """Whether a condition holds; None where its fact is unknown (`known` always has an answer)."""
    fact, value, comparison = facts[condition.fact], condition.value, condition.comparison
    if comparison == "known":
        return fact is not None
    if fact is None:
        return None
    if comparison == "==":
        return fact == value
    if comparison == "!=":
        return fact != value
    if comparison == "in":
        return isinstance(value, tuple) and fact in value
    if comparison in {"contains", "lacks"}:
        if not (isinstance(value, tuple) and isinstance(fact, tuple)):
            return False
        return set(value).isdisjoint(fact) == (comparison == "lacks")
    return isinstance(fact, int | float) and isinstance(value, int | float) and _ORDER[comparison](fact, value)


def evidence(condition: Condition, facts: Facts) -> str:
    """What the facts say to a condition: `AMD EPYC: vendor amd`, `0.4% asked, 0.4% needed`, `cpu.vendor is unknown`."""
    value = facts[condition.fact]
    words = f"{condition.fact} is unknown" if value is None else _words(condition, value, facts)
    return f"{words} (what if)" if condition.fact in facts.overridden else words


def _words(condition: Condition, value: FactValue, facts: Facts) -> str:
    spec = FACTS[condition.fact]
    shown, wanted = show_value(spec, value), show_value(spec, condition.value)
    ordered = condition.comparison in _ORDER
    needed = f", {wanted} needed" if condition.comparison in {">", ">="} else ""
    match condition.fact:
        case "gpu.cuda" | "gpu.mps":
            kind = "CUDA GPU" if condition.fact == "gpu.cuda" else "Apple GPU"
            return f"{facts['gpu.name'] or f'a {kind}'}" if value else f"no {kind} found"
        case "cpu.vendor":
            model = facts["cpu.model"]
            return f"vendor {shown}" if model is None else f"{model}: vendor {shown}"
        case "cpu.isa" if condition.comparison in {"contains", "lacks"}:
            asked_for = condition.value if isinstance(condition.value, tuple) else ()
            found = [isa for isa in asked_for if isinstance(value, tuple) and isa in value]
            return f"the CPU has {', '.join(found)}" if found else f"the CPU has no {' or '.join(asked_for)}"
        case "texts.fraction_under_500_chars":
            return f"{shown} of texts under 500 characters"
        case "texts.truncated_fraction":
            return f"{shown} of texts truncated"
        case "request.max_loss":
            return f"{shown} asked{needed}"
        case "gpu.compute_capability":
            return f"compute capability {shown}{needed}"
        case _:
            asked = f", {condition.comparison} {wanted} asked" if ordered else ""
            return f"{condition.fact} is {shown}{asked}"
