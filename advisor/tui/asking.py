"""What-if: another budget or objective ranks the real measurements again, other hardware asks the rules alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.choose import Flip
from advisor.errors import InputError
from advisor.report import format as fmt
from advisor.rules import collect_facts, decide, load_ruleset, with_overrides
from advisor.tui.state import State
from advisor.types import Choice, Decision, Objective, Request
from advisor.whatif import what_if


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is changed; None and empty where it stays as it is."""

    max_loss: float | None = None
    objective: Objective | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`choice` is None where nothing has been measured for it: then no speed may be shown beside it."""

    decision: Decision
    choice: Choice | None
    simulated: bool
    flips: tuple[Flip, ...] = ()


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
        return Answer(decision=answer.decision, choice=answer.choice, simulated=answer.simulated, flips=answer.flips)
    if state.hardware is None:
        raise InputError("The machine has not been read yet.")
    asked = Request(
        objective=question.objective or request.objective,
        max_loss=request.max_loss if question.max_loss is None else question.max_loss,
        threads=request.threads,
        seed=request.seed,
    )
    real = collect_facts(hardware=state.hardware, profile=state.profile, model=state.model, request=asked)
    facts = with_overrides(real, question.overrides)
    decision = decide(load_ruleset(state.ruleset or "sbert-2024"), facts)
    changed = any(facts[name] != real[name] for name in facts)
    return Answer(decision=decision, choice=None, simulated=changed)


def flip_words(flip: Flip) -> str:
    """`under 0.08% -> openvino-bf16`."""
    side = "under" if flip.below else "from"
    return f"{side} {fmt.percent(flip.max_loss)} -> {flip.winner or 'nothing passes'}"
