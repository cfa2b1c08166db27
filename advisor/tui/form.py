"""What the Setup screen's fields hold, and the run that they describe. Pure but for the checks it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from advisor import defaults
from advisor.errors import AdvisorError, InputError
from advisor.report import format as fmt

if TYPE_CHECKING:
    from advisor.pipeline import RunSpec

Name = Literal[
    "model",
    "texts",
    "field",
    "max_loss",
    "objective",
    "time_budget",
    "threads",
    "device",
    "ruleset",
    "candidates",
    "skip",
    "eval",
    "eval_field",
    "out",
    "seed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields as they were typed; the defaults are those of `advisor recommend`."""

    model: str = ""
    texts: str = ""
    field: str = ""
    max_loss: str = fmt.budget(defaults.MAX_LOSS)
    objective: str = defaults.OBJECTIVE
    time_budget: str = fmt.seconds(defaults.TIME_BUDGET_S)
    threads: str = ""
    device: str = ""
    ruleset: str = defaults.RULESET
    candidates: str = ""
    skip: str = ""
    eval: str = ""
    eval_field: str = ""
    out: str = ""
    seed: str = str(defaults.SEED)
    offline: bool = False

    def with_(self, name: str, value: str) -> Fields:
        """The same with one field changed."""
        if name not in {each.name for each in fields(self)}:
            raise KeyError(name)
        changes: dict[str, Any] = {name: value}
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsers:
    """How the command line reads an option. Each raises InputError for what it does not understand."""

    max_loss: Callable[[str], float]
    time_budget: Callable[[str], float]
    threads: Callable[[int], int]
    candidates: Callable[[str, str], tuple[str, ...]]
    """The text, and the option's name for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field, in a sentence."""

    name: Name
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The run that the fields describe; None where one of them is wrong."""

    spec: RunSpec | None
    errors: tuple[FieldError, ...]


def read(typed: Fields, parsers: Parsers) -> Checked:
    """The run, or every field that is wrong. The model and the texts are not looked for yet: see `preview`."""
    from advisor.pipeline.spec import RunSpec, check  # late: the pipeline is not needed to draw the first screen

    errors: list[FieldError] = []
    default = RunSpec(model=typed.model.strip())

    def get(name: Name, parse: Callable[[str], Any], otherwise: Any = None) -> Any:
        text = getattr(typed, name).strip()
        if not text:
            return otherwise
        try:
            return parse(text)
        except AdvisorError as error:
            errors.append(FieldError(name=name, message=str(error)))
            return otherwise

    if not typed.model.strip():
        errors.append(FieldError(name="model", message="Name a folder, a Hugging Face id, or demo."))
    if typed.texts.strip() == "-":
        errors.append(FieldError(name="texts", message="The app has the terminal, so texts cannot come from stdin."))
    if typed.eval_field.strip() and not typed.eval.strip():
        errors.append(FieldError(name="eval_field", message="These are columns of labels: name the labels as well."))
    spec = replace(
        default,
        texts=typed.texts.strip() or None,
        field=typed.field.strip() or None,
        max_loss=get("max_loss", parsers.max_loss, default.max_loss),
        objective=get("objective", str, default.objective),
        candidates=get("candidates", lambda text: parsers.candidates(text, "--candidates")),
        skip=get("skip", lambda text: parsers.candidates(text, "--skip"), ()),
        threads=get("threads", lambda text: parsers.threads(_whole(text))),
        device=typed.device.strip() or None,
        time_budget_s=get("time_budget", parsers.time_budget, default.time_budget_s),
        seed=get("seed", _whole, default.seed),
        ruleset=get("ruleset", _ruleset, default.ruleset),
        labels=typed.eval.strip() or None,
        label_field=typed.eval_field.strip() or None,
        out=get("out", Path),
        offline=typed.offline,
    )
    try:
        check(spec)
    except InputError as error:
        errors.append(FieldError(name=field_of(error, otherwise="candidates"), message=str(error)))
    return Checked(spec=None if errors else spec, errors=tuple(errors))


def field_of(error: AdvisorError, *, otherwise: Name) -> Name:
    """The field that an error is about, if the place that raised it knew."""
    return cast("Name", error.about) if error.about in get_args(Name) else otherwise


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{text!r} is not a whole number.") from None


def _ruleset(text: str) -> str:
    from advisor.rules import load_ruleset

    load_ruleset(text)
    return text
