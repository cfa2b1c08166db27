"""What would change the answer, in sentences: other loss budgets and other rulesets. Pure."""

from __future__ import annotations

from advisor import catalogue
from advisor.choose import Flip, nearest_flips
from advisor.gate import required_budget
from advisor.report import verdict
from advisor.types import Outcome, Recommendation


def flips(rec: Recommendation) -> tuple[str, ...]:
    """One sentence for each loss budget at which another candidate wins, the nearest first, and each other ruleset."""
    known = [outcome for outcome in rec.candidates if outcome.name in catalogue.names()]
    budgets = [_budget(flip, rec) for flip in nearest_flips(known, rec.decision, rec.request)]
    agreeing = [
        f"{other.ruleset} picks {other.recommendation} too."
        for other in rec.alternatives
        if other.recommendation == rec.decision.recommendation
    ]
    return (*budgets, *(f"{sentence}." for sentence in verdict.disagreements(rec)), *agreeing)


def budget(fraction: float) -> str:
    """A loss budget as a user would type it: `0.08%`, `0.000821%`."""
    return f"{100 * fraction:.3g}%"


def _budget(flip: Flip, rec: Recommendation) -> str:
    where = f"under {budget(flip.max_loss)}" if flip.below else f"of {budget(flip.max_loss)} or more"
    if flip.winner is None:
        return f"With a loss budget {where} no candidate would pass."
    sentence = f"With a loss budget {where} the winner would be {flip.winner}."
    limit = flip.max_loss
    won = rec.outcome(flip.winner)
    speed = None if won is None else verdict.improvement(won, rec)
    better = [
        outcome.name
        for outcome in rec.candidates
        if outcome.status == "cut" and _passes(outcome, limit, flip.below)
        if speed is not None and (verdict.improvement(outcome, rec) or 0.0) > speed
    ]
    if better:
        sentence += f" {' and '.join(better)} looked better than that when cut, and would have to be measured again."
    return sentence


def _passes(outcome: Outcome, limit: float, strictly: bool) -> bool:
    needed = required_budget(outcome.name, outcome.precision, outcome.loss)
    return outcome.loss is not None and needed is not None and (needed < limit if strictly else needed <= limit)
