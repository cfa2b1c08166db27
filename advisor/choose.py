"""Outcomes + objective + loss budget -> winner and verdict. Pure.

A candidate passes if it was timed and its loss is within the budget: see `gate`. Among those that pass, one is
*clearly better* than another if it is better by more than the tie margin (`objectives.TIE_MARGIN`), and beyond doubt:
the 95 % interval of the ratio of the two, from the rounds that both ran, lies above 1. Where they share no rounds, the
intervals of both against the baseline must not overlap, which is a stricter demand (Schenker & Gentleman 2001,
https://doi.org/10.1198/000313001317097960).

What no other candidate clearly beats is a contender. If the measurements carry a verdict, the winner is the simplest
contender: a tie keeps what is simpler, and a noisy candidate that ties with everything cannot pull a clearly slower one
into the lead. Of equally simple ones it is the one with the best median, or, of those within the tie margin of it, the
most accurate: all of them keep to the loss budget, and accuracy is no reason to take what is likely to be slower. If
the measurements carry no verdict, simplicity is no reason either, for what looks like a tie is ignorance: the likeliest
wins, the contender with the best median.

A verdict covers what was tried. A candidate that there was no time for could have won, so that there is no verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from advisor import catalogue, objectives
from advisor.gate import is_from_few, judge_outcome, required_budget
from advisor.objectives import Objective
from advisor.types import BASELINE, Choice, Decision, Estimate, Fidelity, Outcome, Request, Timing, Verdict

MAX_HALF_WIDTH = 0.25
"""Two contenders cannot be told apart by an interval that reaches further than 25 % of its median to each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A loss budget at which the winner changes: for budgets under `max_loss` if `below`, else from `max_loss` on.

    `max_loss` is a fraction; `winner` is None where nothing would pass.
    """

    max_loss: float
    below: bool
    winner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runner:
    """A candidate that passed. `score` is in the objective's scale, the higher the better."""

    outcome: Outcome
    speed: Estimate
    score: Estimate
    against: Mapping[str, Estimate]
    """Ratios to others in the objective's scale, from shared rounds."""

    @property
    def name(self) -> str:
        return self.outcome.name


def choose(
    outcomes: Sequence[Outcome],
    *,
    decision: Decision,
    request: Request,
    disturbed: str | None = None,
) -> Choice:
    """The winner among `outcomes`, and how it compares with what the ruleset named.

    A score is how many times better than the baseline a candidate is by the objective, from rounds side by side. Where
    these are not known of all, it is the objective's value, with the speed's interval relative to its median. Under an
    objective with `near_best_speed`, only what has that share of the best speed competes. `disturbed` says what
    disturbed the measurement so much that it carries no verdict, without a full stop; None if nothing did.

    Statuses: a measured outcome over the budget becomes `rejected`, and a rejected one within it `measured` again, so
    that outcomes can be ranked again under another budget. The baseline is never rejected.

    Verdicts: `inconclusive` if nothing passes, if a candidate is `untried`, if the measurement was disturbed, if a
    contender or the ruleset's pick has fewer than 3 rounds or no interval, if several contenders are left and the
    interval of one's ratio to the best is wider than 25 % of its median to each side, or if the pick is clearly beaten,
    but not by the winner. Else `confirmed` if the pick clearly beats all others, `overturned` if the winner is clearly
    better than the pick or the pick did not pass, `tie` otherwise.

    Raises KeyError for a candidate that is not in the catalogue.
    """
    judged = tuple(_judge(outcome, request.max_loss) for outcome in outcomes)
    passing = sorted((each for each in judged if each.status == "measured"), key=_catalogue_order)
    if not passing:
        why = f"No candidate could be measured within a loss budget of {100 * request.max_loss:.2f}%."
        return _choice(judged, None, "inconclusive", why, request)
    row = objectives.get(request.objective)
    field = _field(passing, row)
    if not field:
        winner = _winner(_contenders(_field(passing, objectives.SPEED)))
        why = f"{winner.name} is judged by its speed alone, for no candidate has a measured {row.words.noun}."
        return _choice(judged, winner.name, "inconclusive", why, request)
    contenders = _contenders(field)
    pick = next((runner for runner in field if runner.name == decision.recommendation), None)
    doubt = disturbed or _doubt(contenders, pick)
    carried = doubt is None and among_tried(judged, row) is None
    winner = _winner(contenders) if carried else _likeliest(contenders)
    if pick is not None and _is_undecided(pick, winner, contenders):
        winner = _likeliest(contenders)
    if doubt is not None:
        why = f"{doubt}, so {winner.name} is only the likeliest."
        return _choice(judged, winner.name, "inconclusive", why, request)
    verdict, why = _verdict(field, contenders, winner, judged, decision.recommendation, row)
    return _choice(judged, winner.name, verdict, why, request)


def nearest_flips(
    outcomes: Sequence[Outcome],
    decision: Decision,
    request: Request,
    *,
    disturbed: str | None = None,
) -> tuple[Flip, ...]:
    """At which other loss budgets another candidate would win, the nearest to `request.max_loss` first.

    `disturbed` is that of `choose`. The measured outcomes are ranked again at every budget where one
    of them starts to pass; nothing is measured.
    """
    timed = (each for each in outcomes if each.status in {"measured", "rejected"} and _is_timed(each))
    budgets = {
        budget for each in timed if (budget := required_budget(each.name, each.precision, each.loss)) is not None
    }
    levels = sorted({0.0} | budgets)
    winners = [
        choose(outcomes, decision=decision, request=replace(request, max_loss=level), disturbed=disturbed).winner
        for level in levels
    ]
    now = max(index for index, level in enumerate(levels) if level <= max(request.max_loss, 0.0))
    changes = [index for index in range(1, len(levels)) if winners[index] != winners[index - 1]]
    flips = [
        Flip(max_loss=levels[index], below=index <= now, winner=winners[index - 1 if index <= now else index])
        for index in changes
    ]
    return tuple(sorted(flips, key=lambda flip: (abs(flip.max_loss - request.max_loss), flip.max_loss)))


def among_tried(outcomes: Sequence[Outcome], row: Objective) -> str | None:
    """What a winner is where a candidate is untried: `the fastest of the 4 that there was time for`; else None.

    The number is that of candidates that were measured or cut: one over the loss budget may be faster than the winner.
    """
    if all(each.untried is None for each in outcomes):
        return None
    num_tried = sum(each.status in {"measured", "cut"} for each in outcomes)
    if num_tried == 1:
        return "the only one that passed in time"
    return f"the {row.words.best} of the {num_tried} that there was time for"


# -- what passes ---------------------------------------------------------------------------------------------


def _judge(outcome: Outcome, max_loss: float) -> Outcome:
    if outcome.status not in {"measured", "rejected"}:
        return outcome
    if not _is_timed(outcome):
        return replace(outcome, status="failed", reason="it was not timed") if outcome.status == "measured" else outcome
    gate = judge_outcome(outcome, max_loss=max_loss)
    if outcome.loss is None or math.isnan(outcome.loss.value):
        if gate != "passes":
            return replace(outcome, status="rejected", reason="its accuracy could not be checked")
    elif gate == "rejected":
        return replace(outcome, status="rejected", reason=_over_budget(outcome.loss, max_loss))
    elif gate == "uncertain":
        return replace(outcome, status="rejected", reason=_uncertain(outcome.loss, max_loss))
    return replace(outcome, status="measured", reason="" if outcome.status == "rejected" else outcome.reason)


def _is_timed(outcome: Outcome) -> bool:
    return outcome.timing is not None and 0 < outcome.timing.texts_per_s.median < math.inf


def _over_budget(loss: Fidelity, max_loss: float) -> str:
    reach = ", though the interval reaches into it" if loss.ci95 is not None and loss.ci95[0] <= max_loss else ""
    return f"loses {_with_interval(loss, max_loss)}, over the budget of {_percent(max_loss, loss, max_loss)}{reach}"


def _uncertain(loss: Fidelity, max_loss: float) -> str:
    budget = _percent(max_loss, loss, max_loss)
    said = f"uncertain: loses {_with_interval(loss, max_loss)}"
    if loss.method == "checked":
        return f"{said} by its {loss.metric}, which would be next to nothing if it computed what {BASELINE} computes"
    if loss.ci95 is None:
        return f"{said}, from too few texts for an interval, so that nothing shows it keeps to the budget of {budget}"
    if is_from_few(loss):
        said += f", from too few texts ({loss.num_texts})"
    said += f", and the interval reaches over the budget of {budget}"
    if loss.method == "labelled" and loss.value < max_loss:
        # An interval narrows with the root of the number of labels.
        more = ((loss.ci95[1] - loss.value) / (max_loss - loss.value)) ** 2
        if more < _MOST_LABELS:
            said += f"; {math.ceil(10 * more) / 10:g} times as many labels might tell"
    return said


_MOST_LABELS = 100
"""More than so many times the labels are not worth naming."""


def _with_interval(loss: Fidelity, max_loss: float) -> str:
    value = _percent(loss.value, loss, max_loss)
    if loss.ci95 is None:
        return value
    low, high = (_percent(end, loss, max_loss) for end in loss.ci95)
    return f"{value} (95% CI {low} to {high})"


def _percent(fraction: float, loss: Fidelity, max_loss: float) -> str:
    """With as many decimals as tell the loss, and its upper end, from the budget."""
    ends = [loss.value] if loss.ci95 is None else [loss.value, loss.ci95[1]]
    decimals = next(
        (n for n in range(2, 8) if all(f"{100 * end:.{n}f}" != f"{100 * max_loss:.{n}f}" for end in ends)), 8
    )
    return f"{100 * fraction:.{decimals}f}%"


# -- what wins -----------------------------------------------------------------------------------------------


def _field(passing: Sequence[Outcome], row: Objective) -> tuple[_Runner, ...]:
    """Those that compete, in the objective's scale. Empty where none has what the objective asks for."""
    texts_per_s = [_timing(each).texts_per_s for each in passing]
    speeds = _over_baseline(passing, objectives.SPEED) or texts_per_s
    ratios = _over_baseline(passing, row)
    least = (row.near_best_speed or 0.0) * max(speed.median for speed in speeds)
    runners = []
    for index, (outcome, speed) in enumerate(zip(passing, speeds, strict=True)):
        timing = _timing(outcome)
        value = row.value(timing)
        if not value or speed.median < least:
            continue
        if ratios is not None:
            speed = score = ratios[index]
        else:
            median = 1 / value if row.lower_is_better else value
            scale = median / speed.median
            ends = None if row.paired is None else speed.ci95
            score = Estimate(median=median, ci95=ends and (ends[0] * scale, ends[1] * scale))
        pairs = {} if row.against is None else {each.rival: row.against(each) for each in timing.against}
        known = {name: pair for name, pair in pairs.items() if pair is not None and pair.ci95 is not None}
        runners.append(_Runner(outcome=outcome, speed=speed, score=score, against=known))
    return tuple(runners)


def _over_baseline(passing: Sequence[Outcome], row: Objective) -> list[Estimate] | None:
    """How many times better than the baseline each is, which is steadier than its value; None unless all are known."""
    if row.paired is None:
        return None
    ratios = [_UNITY if each.name == BASELINE else row.paired(_timing(each)) for each in passing]
    known = [ratio for each, ratio in zip(passing, ratios, strict=True) if ratio and row.value(_timing(each))]
    return known if len(known) == len(passing) else None


def _timing(outcome: Outcome) -> Timing:
    assert outcome.timing is not None  # only what was timed passes
    return outcome.timing


_UNITY = Estimate(median=1.0, ci95=(1.0, 1.0))
"""The baseline over itself, by definition."""


def _clearly_better(one: _Runner, other: _Runner) -> bool:
    pair = one.against.get(other.name)
    if pair is not None and pair.ci95 is not None:
        return pair.median > 1 + objectives.TIE_MARGIN and pair.ci95[0] > 1
    return beats(one.score, other.score)


def beats(one: Estimate, other: Estimate) -> bool:
    """Whether `one` is greater by more than the tie margin, and their intervals do not overlap."""
    if one.median <= other.median * (1 + objectives.TIE_MARGIN):
        return False
    return one.ci95 is None or other.ci95 is None or one.ci95[0] > other.ci95[1]


def _contenders(field: Sequence[_Runner]) -> tuple[_Runner, ...]:
    """What is not clearly beaten; the best by its median where pairs of shared rounds make a circle."""
    unbeaten = tuple(one for one in field if not any(_clearly_better(other, one) for other in field))
    return unbeaten or (max(field, key=lambda runner: runner.score.median),)


def _winner(contenders: Sequence[_Runner]) -> _Runner:
    simplest = min(map(_simplicity, contenders))
    return _likeliest([runner for runner in contenders if _simplicity(runner) == simplest])


def _likeliest(contenders: Sequence[_Runner]) -> _Runner:
    """The best by its median; what is within the tie margin of it may still be simpler or more accurate."""
    best = max(runner.score.median for runner in contenders)
    level = (runner for runner in contenders if runner.score.median * (1 + objectives.TIE_MARGIN) >= best)
    return min(level, key=lambda runner: (_simplicity(runner), _loss(runner), -runner.score.median))


def _is_undecided(pick: _Runner, winner: _Runner, contenders: Sequence[_Runner]) -> bool:
    """Whether the ruleset's pick is beaten, but not by the winner."""
    return pick not in contenders and not _clearly_better(winner, pick)


def _simplicity(runner: _Runner) -> int:
    return catalogue.get(runner.name).simplicity


def _loss(runner: _Runner) -> float:
    """A gain in accuracy counts as no loss: it is noise, not merit."""
    loss = runner.outcome.loss
    return 0.0 if loss is None or runner.name == BASELINE else max(loss.value, 0.0)


def _catalogue_order(outcome: Outcome) -> int:
    return catalogue.names().index(catalogue.get(outcome.name).name)


# -- what was not tried --------------------------------------------------------------------------------------


def _choice(judged: tuple[Outcome, ...], winner: str | None, verdict: Verdict, why: str, request: Request) -> Choice:
    """The choice. It carries no verdict where candidates are untried; they are named after what else is in doubt."""
    among = among_tried(judged, objectives.get(request.objective))
    if among is not None:
        said = why.removesuffix(".") if verdict == "inconclusive" else f"{winner} is {among}"
        verdict, why = "inconclusive", f"{said}; {_not_tried(judged, request.time_budget_s)}."
    return Choice(outcomes=judged, winner=winner, verdict=verdict, why=why)


def _not_tried(judged: Sequence[Outcome], budget_s: float | None) -> str:
    """`onnx and openvino were not tried (about 70 s more: --time-budget 3m)`; `budget_s` is what was given, if any."""
    untried = {
        each.name: each.untried.needs_s for each in sorted(judged, key=_catalogue_order) if each.untried is not None
    }
    *head, last = untried
    what = f"{', '.join(head)} and {last} were not tried" if head else f"{last} was not tried"
    known = [needs_s for needs_s in untried.values() if needs_s is not None]
    needs_s = sum(known) if len(known) == len(untried) else None
    if budget_s is None or not math.isfinite(budget_s):
        command = "the same command goes on"
    elif needs_s is None:
        command = f"a larger --time-budget tries {'them' if head else 'it'}"
    else:
        command = f"--time-budget {math.ceil((budget_s + needs_s) / 60)}m"
    return f"{what} ({command if needs_s is None else f'about {_about(needs_s)} more: {command}'})"


def _about(seconds: float) -> str:
    return f"{10 * math.ceil(seconds / 10)} s" if seconds <= 90 else f"{math.ceil(seconds / 60)} min"


# -- what to say ---------------------------------------------------------------------------------------------


def _verdict(
    field: Sequence[_Runner],
    contenders: Sequence[_Runner],
    winner: _Runner,
    judged: Sequence[Outcome],
    pick_name: str,
    row: Objective,
) -> tuple[Verdict, str]:
    pick = next((runner for runner in field if runner.name == pick_name), None)
    named = f"{pick_name}, which the rules named,"
    if pick is None:
        return "overturned", f"{winner.name} is the best that passed; {named} {_absence(judged, pick_name, row)}."
    if pick is winner:
        rivals = [runner for runner in contenders if runner is not winner]
        if not rivals:
            return "confirmed", f"{named} {_lead(field, winner, row)}."
        rival = max(rivals, key=lambda runner: runner.score.median)
        return "tie", f"{named} and {rival.name} are within noise; {winner.name} is kept as {_merit(winner, rival)}."
    if pick in contenders:
        return "tie", f"{named} and {winner.name} are within noise; {winner.name} is kept as {_merit(winner, pick)}."
    if _clearly_better(winner, pick):
        allowed = "" if winner.outcome.precision == "fp32" else ", with no more loss than allowed"
        return "overturned", f"{_compare(winner, pick, row)}, which the rules named{allowed}."
    best = max(field, key=lambda runner: runner.score.median)
    why = f"{named} is beaten by {best.name}, but cannot be told from {winner.name}, which ties with {best.name}."
    return "inconclusive", why


def _doubt(contenders: Sequence[_Runner], pick: _Runner | None) -> str | None:
    """Why the measurements do not carry a verdict, as the start of a sentence; None if they do."""
    for runner in (*contenders, *([] if pick is None else [pick])):
        rounds = 0 if runner.outcome.timing is None else runner.outcome.timing.rounds
        if rounds < objectives.FLOOR_ROUNDS:
            return f"Only {rounds} {'round' if rounds == 1 else 'rounds'} of {runner.name} could be timed"
        if runner.speed.ci95 is None:
            return f"The speed of {runner.name} has no confidence interval"
    best = max(contenders, key=lambda runner: runner.score.median)
    others = [runner for runner in contenders if runner is not best]
    if others:
        widest = max(others, key=lambda runner: _half_width(runner, best))
        width = _half_width(widest, best)
        if width > MAX_HALF_WIDTH:
            pair = f"{widest.name} and {best.name}"
            return f"The speeds of {pair} compare to ±{width:.0%} only, too wide to tell them apart"
    return None


def _half_width(one: _Runner, other: _Runner) -> float:
    """How far the interval of their ratio reaches to each side, as a fraction of its median; without shared rounds, the
    wider one of their own intervals."""
    pair = one.against.get(other.name)
    known = [one.speed, other.speed] if pair is None else [pair]
    return max((high - low) / 2 / each.median for each in known for low, high in [each.ci95 or (0.0, 0.0)])


def _absence(judged: Sequence[Outcome], name: str, row: Objective) -> str:
    outcome = next((each for each in judged if each.name == name), None)
    if outcome is None:
        return "was not tried"
    if outcome.status == "measured":
        if row.near_best_speed is not None and row.value(_timing(outcome)):
            return f"is more than {1 - row.near_best_speed:.0%} slower than the fastest"
        return f"has no measured {row.words.noun}"
    reason = outcome.reason.rstrip(".").removeprefix(f"{outcome.status}: ")
    if reason.startswith(f"{outcome.status} "):
        return f"was {reason}"
    what = "failed" if outcome.status == "failed" else f"was {outcome.status}"
    return f"{what}: {reason}" if reason else what


def _lead(field: Sequence[_Runner], winner: _Runner, row: Objective) -> str:
    others = [runner for runner in field if runner is not winner]
    if not others:
        return "is the only one that passed"
    second = max(others, key=lambda runner: runner.score.median)
    return f"{_compare(winner, second, row).removeprefix(f'{winner.name} ')}, the next"


def _merit(kept: _Runner, other: _Runner) -> str:
    if _simplicity(kept) < _simplicity(other):
        return "the simpler"
    return "the more accurate" if _loss(kept) < _loss(other) else "the better by its median"


def _compare(one: _Runner, other: _Runner, row: Objective) -> str:
    pair = one.against.get(other.name)
    ratio = one.score.median / other.score.median if pair is None else pair.median
    return f"{one.name} {row.words.compares.format(ratio=ratio, inverse=1 / ratio)} {other.name}"
