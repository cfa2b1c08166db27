"""`advisor explain`: the rules only, in well under a second."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from advisor.cli import options, values
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json
from advisor.report import format as fmt

if TYPE_CHECKING:
    from advisor.pipeline import Explanation


@click.command("explain", short_help="Ask the rules only; nothing is measured.")
@click.argument("model", required=False)
@options.question
@click.option("--set", "overrides", multiple=True, metavar="FACT=VALUE", help="What if: for example cpu.vendor=intel.")
@options.accept_pickles
@options.offline
@options.as_json
@shared_options
@click.pass_obj
def command(session: Session, /, model: str | None, max_loss: str, as_json: bool, **asked: Any) -> None:
    """Ask the rules only: the path taken, with its evidence. Nothing is measured."""
    asked["max_loss"] = values.max_loss(max_loss)

    from advisor.api import explain

    answer = explain(model, **asked)
    if as_json:
        write_json(_document(answer))
        return
    from advisor.report import steps
    from advisor.report.explanation import explanation
    from advisor.report.text import step

    stream = out(session)
    stream.print(step("machine", steps.machine(answer.hardware), width=stream.width, glyphs=stream.glyphs))
    if answer.profile is not None:
        stream.print(step("texts", steps.texts(answer.profile), width=stream.width, glyphs=stream.glyphs))
    stream.print()
    measure = None if answer.simulated else _command(model, answer)
    stream.print(
        explanation(
            answer.decision,
            answer.alternatives,
            overrides=answer.overrides,
            simulated=answer.simulated,
            measure=measure,
            width=stream.width,
            glyphs=stream.glyphs,
        )
    )


def _command(model: str | None, answer: Explanation) -> str:
    """The command that measures what was asked about, with the options that were given and what `--set` asks for."""
    context = click.get_current_context()
    typed = {
        name: context.params[name]
        for name in ("texts", "field", "max_loss", "objective", "ruleset")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    request = answer.request
    asked = {
        "max_loss": fmt.budget(request.max_loss),
        "objective": request.objective,
        "threads": str(request.threads),
    }
    names = {override.partition("=")[0].strip() for override in answer.overrides}
    typed |= {name: value for name, value in asked.items() if f"request.{name}" in names}
    parts = ["advisor", "recommend", model or "MODEL"]
    if context.params["trust_remote_code"]:
        parts.append("--trust-remote-code")
    for name, value in typed.items():
        parts += [f"--{name.replace('_', '-')}", value]
    return shlex.join(parts)


def _document(answer: Explanation) -> dict[str, object]:
    from advisor.codec import to_json
    from advisor.document import rules_to_dict

    return {
        "schema": {"name": "advisor.explanation", "version": "1.0"},
        "model": None if answer.model is None else answer.model.id,
        "hardware": to_json(answer.hardware),
        "texts": to_json(answer.profile),
        "rules": rules_to_dict(answer.decision, answer.alternatives),
        "objective": answer.request.objective,
        "max_loss": answer.request.max_loss,
        "overrides": list(answer.overrides),
        "simulated": answer.simulated,
    }
