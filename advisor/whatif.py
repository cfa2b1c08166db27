"""What would the answer be for another budget, objective or machine, and for texts of one length? Pure.

A changed budget or objective ranks the real measurements again. Changed hardware or texts can only be asked of the
rules: such an answer is simulated, and no speed goes with it. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor import catalogue, objectives
from advisor.choose import Flip, beats, choose, nearest_flips
from advisor.errors import InputError
from advisor.gate import judge_outcome
from advisor.objectives import OBJECTIVES
from advisor.rules import collect_facts, decide, load_ruleset, with_overrides
from advisor.types import (
    BASELINE,
    Choice,
    Decision,
    Estimate,
    LengthSpeed,
    ObjectiveName,
    Outcome,
    Recommendation,
    Request,
)

_REQUEST = {"request.max_loss", "request.objective"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The answer to a what-if.

    `simulated` is whether it is for a machine, model or texts other than the measured ones: then `choice` is None and
    `flips` is empty, for both come from measurements. `flips` are the loss budgets at which another candidate wins, the
    nearest first.
    """

    decision: Decision
    choice: Choice | None
    simulated: bool
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBest:
    """The best on the texts of `min_chars` to `max_chars` characters (None: no upper end).

    `tied` are the others that `candidate` cannot be told from there; `share` is of the sampled texts.
    """

    min_chars: int
    max_chars: int | None
    share: float
    candidate: str
    tied: tuple[str, ...]


def what_if(
    rec: Recommendation,
    *,
    max_loss: float | None = None,
    objective: ObjectiveName | None = None,
    overrides: Sequence[str] = (),
    ruleset: str | None = None,
) -> WhatIf:
    """The answer of `rec` under another budget, objective, ruleset, or for other facts.

    `max_loss` is a fraction. `overrides` are `name=value` as `rules.with_overrides` reads them; one that sets
    `request.max_loss` or `request.objective` counts as that argument, and one that repeats what was read changes
    nothing. `ruleset` is a packaged one's name or a file; by default the one of `rec`.

    Raises InputError for a budget outside of 0 to 1, an unknown objective or ruleset, and for bad overrides.
    """
    if max_loss is not None and not 0 <= max_loss <= 1:
        raise InputError(f"The loss budget {max_loss:g} is not between 0 and 1.", hint="Write 0.004 for 0.4%.")
    if objective is not None and objective not in OBJECTIVES:
        raise InputError(f"There is no objective called {objective!r}.", hint=f"Choose from {', '.join(OBJECTIVES)}.")
    request = replace(
        rec.request,
        max_loss=rec.request.max_loss if max_loss is None else max_loss,
        objective=rec.request.objective if objective is None else objective,
    )
    real = collect_facts(hardware=rec.hardware, profile=rec.texts, model=rec.model, request=request)
    facts = with_overrides(real, overrides)
    decision = decide(load_ruleset(ruleset or rec.decision.ruleset), facts)
    budget = facts["request.max_loss"]
    goal = next((each for each in OBJECTIVES if each == facts["request.objective"]), None)
    if facts.other_than(real) - _REQUEST or not isinstance(budget, int | float) or goal is None:
        return WhatIf(decision=decision, choice=None, simulated=True, flips=())
    request = replace(request, max_loss=float(budget), objective=goal)
    outcomes = [each for each in rec.candidates if each.name in catalogue.names()]
    disturbed = None if rec.measurement is None else rec.measurement.disturbed
    return WhatIf(
        decision=decision,
        choice=choose(outcomes, decision=decision, request=request, disturbed=disturbed),
        simulated=False,
        flips=nearest_flips(outcomes, decision, request, disturbed=disturbed),
    )


def timed_by_length(outcomes: Sequence[Outcome], request: Request) -> list[Outcome]:
    """Those within the loss budget whose speed was measured by length, also where the race on all texts cut them."""
    return [
        each
        for each in outcomes
        if each.by_length
        and (
            each.status == "measured"
            or (each.status == "cut" and judge_outcome(each, max_loss=request.max_loss) == "passes")
        )
    ]


def best_by_length(outcomes: Sequence[Outcome], request: Request) -> tuple[LengthBest, ...]:
    """The best on texts of each length, ascending; empty where speed was not measured by length.

    Compared are the candidates within the loss budget of `request`, by their throughput; also those that the race cut,
    for they may be best on texts of one length. One is beaten if the fastest is faster by more than the tie margin and
    their intervals do not overlap. Among those that are not beaten, the best on all texts is named, then the best on
    the texts one step shorter, then the fastest: a crossover is named only where it is more than noise.
    """
    judged = choose(
        [each for each in outcomes if each.name in catalogue.names()],
        decision=_NO_RULES,
        request=replace(request, objective=objectives.SPEED.name),
    )
    passing = timed_by_length(judged.outcomes, request)
    found: list[LengthBest] = []
    for bucket in _buckets(passing):
        speeds = _speeds(passing, bucket)
        fastest = max(speeds, key=lambda name: speeds[name].median)
        level = [name for name in speeds if not beats(speeds[fastest], speeds[name])]
        before = found[-1].candidate if found else None
        best = next((name for name in (judged.winner, before) if name in level), None) or fastest
        found.append(
            LengthBest(
                min_chars=bucket.min_chars,
                max_chars=bucket.max_chars,
                share=bucket.share,
                candidate=best,
                tied=tuple(name for name in level if name != best),
            )
        )
    return tuple(found)


_NO_RULES = Decision(ruleset="", path=(), recommendation=BASELINE, challengers=())
"""`choose` compares its winner with what rules named; lengths are judged by the winner alone."""


def _buckets(passing: Sequence[Outcome]) -> list[LengthSpeed]:
    by_start = {speed.min_chars: speed for outcome in passing for speed in outcome.by_length}
    return [by_start[start] for start in sorted(by_start)]


def _speeds(passing: Sequence[Outcome], bucket: LengthSpeed) -> dict[str, Estimate]:
    """Each candidate's speed on one bucket: over the baseline, which is steadier than texts/s, where all have that."""
    measured = {
        outcome.name: speed
        for outcome in passing
        for speed in outcome.by_length
        if (speed.min_chars, speed.max_chars) == (bucket.min_chars, bucket.max_chars)
    }
    ratios = {
        name: Estimate(median=1.0, ci95=(1.0, 1.0)) if name == BASELINE else speed.speedup
        for name, speed in measured.items()
    }
    relative = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    return relative if len(relative) == len(measured) else {name: each.texts_per_s for name, each in measured.items()}
