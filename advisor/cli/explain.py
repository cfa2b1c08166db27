"""`advisor explain`: the rules only, in well under a second."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from advisor.cli import values
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json

if TYPE_CHECKING:
    from advisor.pipeline import Explanation
    from advisor.types import ObjectiveName


@click.command("explain", short_help="Ask the rules only; nothing is measured.")
@click.argument("model", required=False)
@click.option("--texts", metavar="SOURCE", help="Your texts: a file, - for stdin, or hub:owner/name[:config[:split]].")
@click.option("--field", metavar="NAME", help="The column or key that holds the texts.")
@click.option("--max-loss", default="0.4%", show_default=True, metavar="LOSS", help="Acceptable loss: 0.4% or 0.004.")
@click.option(
    "--objective",
    type=click.Choice(["throughput", "latency", "memory"]),
    default="throughput",
    show_default=True,
    help="What the best is best at.",
)
@click.option("--ruleset", default="sbert-2024", show_default=True, metavar="NAME|FILE", help="The rules to ask.")
@click.option("--set", "overrides", multiple=True, metavar="FACT=VALUE", help="What if: for example cpu.vendor=intel.")
@click.option("--trust-remote-code", is_flag=True, help="Accept a model whose weights are pickled.")
@click.option("--offline", is_flag=True, help="Use what is on this machine; ask no hub.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@shared_options
@click.pass_obj
def command(
    session: Session,
    model: str | None,
    texts: str | None,
    field: str | None,
    max_loss: str,
    objective: ObjectiveName,
    ruleset: str,
    overrides: tuple[str, ...],
    trust_remote_code: bool,
    offline: bool,
    as_json: bool,
) -> None:
    """Ask the rules only: the path taken, with its evidence. Nothing is measured."""
    budget = values.max_loss(max_loss)

    from advisor.api import explain

    answer = explain(
        model,
        texts=texts,
        field=field,
        max_loss=budget,
        objective=objective,
        ruleset=ruleset,
        overrides=overrides,
        offline=offline,
        trust_remote_code=trust_remote_code,
    )
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
    given: dict[str, str | None] = {
        "texts": texts,
        "field": field,
        "max_loss": max_loss,
        "objective": objective,
        "ruleset": ruleset,
    }
    measure = None if answer.simulated else _command(model, given, answer)
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


def _command(model: str | None, given: dict[str, str | None], answer: Explanation) -> str:
    """The command that measures what was asked about, with the options that were given and what `--set` asks for."""
    context = click.get_current_context()
    options = {
        name: value
        for name, value in given.items()
        if value is not None and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    request = answer.request
    asked = {
        "max_loss": f"{request.max_loss * 100:g}%",
        "objective": request.objective,
        "threads": str(request.threads),
    }
    names = {override.partition("=")[0].strip() for override in answer.overrides}
    options |= {name: value for name, value in asked.items() if f"request.{name}" in names}
    parts = ["advisor", "recommend", model or "MODEL"]
    if context.params["trust_remote_code"]:
        parts.append("--trust-remote-code")
    for name, value in options.items():
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
