"""`advisor tui`: the interactive app."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor import catalogue
from advisor.cli import options, values
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import on_a_terminal
from advisor.errors import InputError
from advisor.paths import MANIFEST

if TYPE_CHECKING:
    from advisor.tui import Parsers
    from advisor.types import Recommendation

AFTER_INTERRUPT = "exports and rounds are kept; the same run goes on from there"


@click.command("tui", short_help="Open the interactive app.")
@click.argument("model", required=False, metavar="[MODEL|ARTIFACT]")
@options.question
@options.run
@options.offline
@click.option("--plain", is_flag=True, help="Line by line, without the app: as `advisor recommend` without animation.")
@shared_options
@click.pass_obj
@click.pass_context
def command(
    ctx: click.Context, session: Session, /, model: str | None, plain: bool, offline: bool, **asked: object
) -> None:
    """Open the interactive app, filled in with MODEL and the options; an ARTIFACT opens as a finished run."""
    artifact = None if model is None else _artifact(model)
    typed = {name: str(value) for name, value in asked.items() if value is not None}
    if plain:
        _plainly(ctx, model, artifact, offline=offline, typed=typed)
        return
    if not on_a_terminal():
        raise InputError("The interactive app needs a terminal:", hint="use advisor recommend, or advisor tui --plain.")
    show(session, "" if model is None or artifact is not None else model, opened=artifact, offline=offline, **typed)


def show(
    session: Session, model: str = "", *, opened: Recommendation | None = None, offline: bool = False, **typed: str
) -> None:
    """Open the app; raises KeyboardInterrupt where it was left during a run."""
    from advisor.tui import Fields, open_app

    catalogue.candidates()  # what it warns of would be hidden by the app
    fields = Fields(model=model, offline=offline)
    for name, text in typed.items():
        fields = fields.with_(name, text)
    if open_app(fields, parsers(), opened=opened, no_color=session.no_color):
        session.after_interrupt = AFTER_INTERRUPT
        raise KeyboardInterrupt


def parsers() -> Parsers:
    """What is typed is read in one way, here and in the app."""
    from advisor.tui import Parsers

    return Parsers(
        max_loss=values.max_loss,
        time_budget=values.time_budget,
        threads=lambda number: values.threads(number, logical_cpus=os.cpu_count() or 1),
        candidates=lambda text, option: values.candidates(text, option=option),
    )


def _artifact(name: str) -> Recommendation | None:
    """The finished run in a folder; None where it is no artifact."""
    folder = Path(name).expanduser()
    if not (folder / MANIFEST).is_file():
        return None
    from advisor.document import from_dict
    from advisor.encode.manifest import read_manifest

    recommendation = from_dict(read_manifest(folder).document)
    if recommendation.artifact is None:
        return recommendation
    return replace(recommendation, artifact=replace(recommendation.artifact, path=folder))


def _plainly(
    ctx: click.Context, model: str | None, artifact: Recommendation | None, *, offline: bool, typed: dict[str, str]
) -> None:
    """The same as `advisor report` and `advisor recommend`, by way of them."""
    if artifact is not None:
        from advisor.cli import report

        report.command.main([str(model)], standalone_mode=False, obj=ctx.obj, prog_name="advisor report")
        return
    if model is None:
        raise InputError("--plain needs a model:", hint="advisor tui --plain MODEL, for example demo.")
    from advisor.cli import recommend

    arguments = [model]
    for name, value in typed.items():
        arguments += [f"--{name.replace('_', '-')}", value]
    if offline:
        arguments.append("--offline")
    ctx.obj.plain = True
    recommend.command.main(arguments, standalone_mode=False, obj=ctx.obj, prog_name="advisor recommend")
