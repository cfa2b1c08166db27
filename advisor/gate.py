"""Whether a loss is within a budget: one rule, on the interval. Pure.

A candidate passes if its loss's bound is within the budget. It is rejected if the loss itself is over it. In between it
is uncertain, and does not pass either: the figures do not show that it keeps to the budget.

The bound of a loss measured on labels is the upper end of its 95 % interval. An estimate from `ENOUGH_TEXTS` or more is
its own bound, for it errs upwards: it lay above the loss on labels for every candidate that we measured, good and bad
(docs/accuracy.md). Where its interval reaches over the budget the output says so. An estimate from fewer texts varies
too much for that: its upper end is the bound. By dot products and distances estimates were seen on both sides of the
loss on labels, so that the upper end counts there too.

A checked loss has no interval. It passes if it is noise, and a larger one shows that something is wrong.

A budget under `NOISE` counts as `NOISE`, so that a budget of 0 asks for what cannot be told from fp32.
"""

from __future__ import annotations

import math
from typing import Literal

from advisor.types import BASELINE, Fidelity, Outcome, Precision

NOISE = 2e-4
"""A loss of 0.02 % is none: less than that cannot be seen on labels. The intervals of bf16's labelled loss on the
1,379 pairs of STSb reach 0.013 to 0.014 % (docs/accuracy.md), and 82.03 would become 82.01. fp32 in other runtimes lies
far below (under 0.0001 %), bf16 below, int8 above."""

ENOUGH_TEXTS = 128
"""Of 60 draws of so many sentences none put a good candidate over the budget; of draws of 64 or 32 two each did
(docs/accuracy.md)."""

Gate = Literal["passes", "uncertain", "rejected"]


def required_budget(name: str, precision: Precision, loss: Fidelity | None) -> float | None:
    """The smallest loss budget under which a candidate passes; None if none does.

    That is the bound of the loss, and 0 where its whole interval is noise. The baseline always passes. Of a loss
    without an interval, checked or from too few texts, only noise passes; of an unknown one, only fp32.
    """
    if name == BASELINE:
        return 0.0
    if loss is None or math.isnan(loss.value):
        return 0.0 if loss is None and precision == "fp32" else None
    return _needed(loss)


def judge(name: str, precision: Precision, loss: Fidelity | None, *, max_loss: float) -> Gate:
    """Where a candidate stands under the budget `max_loss`, a fraction."""
    budget = required_budget(name, precision, loss)
    if budget is not None and budget <= max_loss:
        return "passes"
    known = loss is not None and not math.isnan(loss.value)
    return "uncertain" if known and loss is not None and loss.value <= max(max_loss, NOISE) else "rejected"


def judge_outcome(outcome: Outcome, *, max_loss: float) -> Gate:
    """`judge` of everything that is known about a candidate."""
    return judge(outcome.name, outcome.precision, outcome.loss, max_loss=max_loss)


def is_decided(loss: Fidelity, *, max_loss: float) -> bool:
    """Whether the whole interval is within a budget or over it, so that more texts would hardly change the answer."""
    limit = max(max_loss, NOISE)
    return loss.ci95 is not None and (_upper(loss) <= limit or loss.ci95[0] > limit)


def is_from_few(loss: Fidelity) -> bool:
    """Whether a loss is estimated from too few texts to be its own bound."""
    return loss.method == "estimated" and loss.num_texts is not None and loss.num_texts < ENOUGH_TEXTS


def within(loss: Fidelity, *, max_loss: float) -> bool:
    """Whether any loss keeps to a budget by the same rule."""
    needed = _needed(loss)
    return needed is not None and needed <= max_loss


def _needed(loss: Fidelity) -> float | None:
    if _upper(loss) <= NOISE:
        return 0.0
    return None if loss.ci95 is None else _bound(loss)


def _bound(loss: Fidelity) -> float:
    errs_upwards = loss.method == "estimated" and loss.by in (None, "cosine") and not is_from_few(loss)
    return max(loss.value, NOISE) if errs_upwards else _upper(loss)


def _upper(loss: Fidelity) -> float:
    return loss.value if loss.ci95 is None else max(loss.ci95[1], loss.value)
