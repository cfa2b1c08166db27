"""What can be known before a run, in well under a second: the machine, the texts, the rules' answer. Nothing is loaded.

No hub is asked: what is not on this machine is fetched when the run begins, and the preview says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError, ModelError, UnavailableError
from advisor.tui.form import FieldError, Name, field_of

if TYPE_CHECKING:
    from advisor.pipeline import Explanation, RunSpec

HUB_TEXTS = "hub:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the rules say before anything is measured; None where the machine or the rules could not be read."""

    explanation: Explanation | None
    errors: tuple[FieldError, ...] = ()
    notes: tuple[FieldError, ...] = ()
    """What is no error, by field: a model that will be downloaded."""
    texts_known: bool = True
    """False where the texts' facts are not those of the user's texts yet."""


Look = Callable[["RunSpec"], Preview]


def preview(spec: RunSpec) -> Preview:
    """Look at the machine, the model and the texts as far as they are on this machine. Raises nothing."""
    from advisor.labels import read_labels
    from advisor.model import resolve_model
    from advisor.pipeline import explain

    errors: list[FieldError] = []
    notes: list[FieldError] = []
    here = replace(spec, offline=True)
    model: str | None = spec.model or None
    if model is not None:
        try:
            resolve_model(model, offline=True, trust_remote_code=spec.trust_remote_code)
        except AdvisorError as error:
            model = None
            if isinstance(error, ModelError) and not spec.offline and _may_be_on_hub(spec.model):
                notes.append(FieldError(name="model", message="Not in the local cache: the run asks Hugging Face."))
            else:
                errors.append(FieldError(name="model", message=str(error)))
    if isinstance(spec.labels, str) and spec.labels.startswith(HUB_TEXTS):
        notes.append(FieldError(name="eval", message="Read from Hugging Face when the run begins."))
    elif spec.labels is not None:
        try:
            read_labels(spec.labels, field=spec.label_field, offline=True)
        except AdvisorError as error:
            errors.append(FieldError(name="eval", message=str(error)))
    if isinstance(spec.texts, str) and spec.texts.startswith(HUB_TEXTS):
        notes.append(FieldError(name="texts", message="Read from Hugging Face when the run begins."))
        here = replace(here, texts=None, field=None)
    try:
        return Preview(
            explanation=explain(here, model=model),
            errors=tuple(errors),
            notes=tuple(notes),
            texts_known=here.texts == spec.texts,
        )
    except AdvisorError as error:
        errors.append(FieldError(name=_field_of(error, here), message=str(error)))
    try:  # without the texts the machine is still worth showing
        known = explain(replace(here, texts=None, field=None, threads=None, device=None), model=model)
    except AdvisorError:
        known = None
    return Preview(explanation=known, errors=tuple(errors), notes=tuple(notes), texts_known=False)


def _may_be_on_hub(name: str) -> bool:
    return not name.startswith((".", "/", "~", "\\")) and name.count("/") <= 1 and not Path(name).exists()


def _field_of(error: AdvisorError, spec: RunSpec) -> Name:
    """The field that an error of the rules' stage is about."""
    texts_failed = spec.texts is not None and not isinstance(error, UnavailableError)
    return field_of(error, otherwise="texts" if texts_failed else "model")
