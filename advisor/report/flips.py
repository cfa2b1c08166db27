"""What would change the answer, in sentences: other loss budgets and other rulesets. Pure."""

from __future__ import annotations

from advisor import catalogue, objectives
from advisor.choose import Flip, nearest_flips
from advisor.gate import required_budget
from advisor.report import format as fmt
from advisor.report import verdict
from advisor.types import Outcome, Recommendation


def flips(rec: Recommendation) -> tuple[str, ...]:
    """One sentence for each loss budget at which another candidate wins, the nearest first, and each other ruleset."""
    known = [outcome for outcome in rec.candidates if outcome.name in catalogue.names()]
    disturbed = None if rec.measurement is None else rec.measurement.disturbed
    found = nearest_flips(known, rec.decision, rec.request, disturbed=disturbed)
    budgets = [_budget(flip, rec) for flip in found]
    agreeing = [
        f"{other.ruleset} picks {other.recommendation} too."
        for other in rec.alternatives
        if other.recommendation == rec.decision.recommendation
    ]
    return (*budgets, *(f"{sentence}." for sentence in verdict.disagreements(rec)), *agreeing)


def better_when_cut(rec: Recommendation, winner: str | None, max_loss: float, *, strictly: bool) -> tuple[str, ...]:
    """Candidates that were cut, would pass under `max_loss`, and were faster by then than `winner`.

    They lost to one that does not pass any more, and are in no ranking until they are measured again. `strictly` is
    whether `max_loss` itself is too much. The better is by the objective of `rec`, and by the prediction where that is
    all there is.
    """
    won = None if winner is None else rec.outcome(winner)
    gain = None if won is None else verdict.improvement(won, rec)
    if gain is None:
        return ()
    return tuple(
        outcome.name
        for outcome in rec.candidates
        if outcome.status == "cut" and _passes(outcome, max_loss, strictly)
        if (own := _gain_when_cut(outcome, rec)) is not None and own > gain.median
    )


def budget(fraction: float) -> str:
    """A loss budget as a user would type it: `0.08%`, `0.000821%`."""
    return f"{100 * fraction:.3g}%"


def _gain_when_cut(outcome: Outcome, rec: Recommendation) -> float | None:
    gain = verdict.improvement(outcome, rec)
    if gain is not None:
        return gain.median
    by_speed = objectives.get(rec.request.objective).paired is not None
    return outcome.predicted.speedup if outcome.predicted is not None and by_speed else None


def _budget(flip: Flip, rec: Recommendation) -> str:
    incomplete = any(each.untried is not None for each in rec.candidates)
    where = f"under {budget(flip.max_loss)}" if flip.below else f"of {budget(flip.max_loss)} or more"
    if flip.winner is None:
        return f"With a loss budget {where} no candidate{' that was tried' if incomplete else ''} would pass."
    among = ", of those that were tried" if incomplete else ""
    sentence = f"With a loss budget {where} the winner would be {flip.winner}{among}."
    better = better_when_cut(rec, flip.winner, flip.max_loss, strictly=flip.below)
    if better:
        sentence += f" {fmt.listed(better)} looked better than that when cut, and would have to be measured again."
    return sentence


def _passes(outcome: Outcome, limit: float, strictly: bool) -> bool:
    """Whether it passes, or may: the loss of a candidate that was only predicted is not known."""
    if outcome.loss is None:
        return outcome.predicted is not None
    needed = required_budget(outcome.name, outcome.precision, outcome.loss)
    return needed is not None and (needed < limit if strictly else needed <= limit)
