"""Before a run: what is wrong with the fields, and what is known already. Knows nothing of Textual."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.tui.form import FieldError, Fields, Parsers, read
from advisor.tui.preview import Look, Preview
from advisor.tui.state import State
from advisor.types import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at the fields gave. `preview` is None where the fields are too wrong to look any further."""

    errors: tuple[FieldError, ...]
    preview: Preview | None = None

    @property
    def notes(self) -> tuple[FieldError, ...]:
        """What is no error."""
        return () if self.preview is None else self.preview.notes


def look(fields: Fields, parsers: Parsers, preview: Look) -> Seen:
    """Check the fields and ask the rules. A model that is not named yet is no error, and the rules do without it."""
    checked = read(fields, parsers)
    named = bool(fields.model.strip())
    if checked.spec is not None:
        seen = preview(checked.spec)
        return Seen(errors=seen.errors, preview=seen)
    errors = tuple(error for error in checked.errors if named or error.name != "model")
    if errors:
        return Seen(errors=errors)
    rest = read(replace(fields, model="demo"), parsers).spec
    if rest is None:
        return Seen(errors=())
    seen = preview(replace(rest, model=""))
    return Seen(errors=seen.errors, preview=seen)


def with_seen(state: State, fields: Fields, seen: Seen) -> State:
    """The state with what a look gave; an answer that is there already stays."""
    known = None if seen.preview is None else seen.preview.explanation
    if known is None or seen.preview is None or state.recommendation is not None:
        return state
    return replace(
        state,
        hardware=known.hardware,
        threads=known.request.threads,
        model=known.model,
        profile=known.profile if seen.preview.texts_known else None,
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
