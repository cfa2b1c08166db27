"""Before a run: what is wrong with the fields, and what is known already. Knows nothing of Textual."""

from __future__ import annotations

from dataclasses import replace

from advisor.tui.form import Fields, Parsers, read
from advisor.tui.preview import Look, Preview
from advisor.tui.state import State
from advisor.types import Request


def look(fields: Fields, parsers: Parsers, preview: Look) -> Preview:
    """Check the fields and ask the rules. A model that is not named yet is no error, and the rules do without it."""
    checked = read(fields, parsers)
    named = bool(fields.model.strip())
    if checked.spec is not None:
        return preview(checked.spec)
    errors = tuple(error for error in checked.errors if named or error.name != "model")
    rest = None if errors else read(replace(fields, model="demo"), parsers).spec
    return Preview(explanation=None, errors=errors) if rest is None else preview(replace(rest, model=""))


def with_seen(state: State, fields: Fields, seen: Preview) -> State:
    """The state with what a look gave; an answer that is there already stays."""
    known = seen.explanation
    if known is None or state.recommendation is not None:
        return state
    return replace(
        state,
        hardware=known.hardware,
        threads=known.request.threads,
        model=known.model,
        profile=known.profile if seen.texts_known else None,
        ruleset=fields.ruleset.strip() or None,
        decision=known.decision,
        alternatives=known.alternatives,
    )


def request_so_far(state: State, fields: Fields, parsers: Parsers) -> Request | None:
    """What was asked for: by the run that gave an answer, else by the fields; None where those are wrong."""
    if state.recommendation is not None:
        return state.recommendation.request
    spec = read(replace(fields, model=fields.model or "demo"), parsers).spec
    if spec is None:
        return None
    return Request(
        objective=spec.objective,
        max_loss=spec.max_loss,
        threads=state.threads or 1,
        seed=spec.seed,
        device=spec.device,
    )
