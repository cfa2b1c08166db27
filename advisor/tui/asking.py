"""What-if: another budget or objective ranks the real measurements again, other hardware asks the rules alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor import defaults
from advisor.choose import Flip
from advisor.errors import InputError
from advisor.report import format as fmt
from advisor.report.flips import better_when_cut
from advisor.rules import collect_facts, decide, load_ruleset, with_overrides
from advisor.tui.state import State
from advisor.types import Choice, Decision, Recommendation, Request
from advisor.whatif import what_if


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is changed; None and empty where it stays as it is."""

    max_loss: float | None = None
    objective: str | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`choice` is None where nothing has been measured for it: then no speed may be shown beside it."""

    decision: Decision
    choice: Choice | None
    simulated: bool
    better_when_cut: tuple[str, ...] = ()
    """Candidates that are in no ranking, for they were cut beside one that does not pass any more."""
    flips: tuple[str, ...] = ()
    """The nearest first: `under 0.08% -> openvino-bf16`."""


def ask(state: State, question: Question, *, request: Request) -> Answer:
    """The answer under `question`; before a run has ended, the rules' alone. `request` is what was asked for so far.

    Raises InputError for overrides that make no sense, and where not even the machine has been read.
    """
    rec = state.recommendation
    if rec is not None:
        answer = what_if(
            rec,
            max_loss=question.max_loss,
            objective=question.objective,
            overrides=question.overrides,
            ruleset=state.ruleset,
        )
        goal = replace(rec, request=replace(rec.request, objective=question.objective or rec.request.objective))
        max_loss = rec.request.max_loss if question.max_loss is None else question.max_loss
        winner = None if answer.choice is None else answer.choice.winner
        return Answer(
            decision=answer.decision,
            choice=answer.choice,
            simulated=answer.simulated,
            better_when_cut=better_when_cut(goal, winner, max_loss, strictly=False),
            flips=tuple(_words(flip, goal) for flip in answer.flips),
        )
    if state.hardware is None:
        raise InputError("The machine has not been read yet.")
    asked = Request(
        objective=question.objective or request.objective,
        max_loss=request.max_loss if question.max_loss is None else question.max_loss,
        threads=request.threads,
        seed=request.seed,
        device=request.device,
    )
    real = collect_facts(hardware=state.hardware, profile=state.profile, model=state.model, request=asked)
    facts = with_overrides(real, question.overrides)
    decision = decide(load_ruleset(state.ruleset or defaults.RULESET), facts)
    return Answer(decision=decision, choice=None, simulated=bool(facts.other_than(real)))


def _words(flip: Flip, rec: Recommendation) -> str:
    side = "under" if flip.below else "from"
    words = f"{side} {fmt.percent(flip.max_loss)} -> {flip.winner or 'nothing passes'}"
    better = better_when_cut(rec, flip.winner, flip.max_loss, strictly=flip.below)
    return f"{words}, or what was faster when cut: {', '.join(better)}" if better else words
