"""`advisor report`: the report again, from the artifact alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json


@click.command("report", short_help="Print an artifact's report again.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@shared_options
@click.pass_obj
def command(session: Session, artifact: Path, format_: str) -> None:
    """Print the report of an artifact again."""
    from advisor.document import from_dict, to_dict
    from advisor.encode.manifest import read_manifest

    recommendation = from_dict(read_manifest(artifact).document)
    if recommendation.artifact is not None:
        recommendation = replace(recommendation, artifact=replace(recommendation.artifact, path=artifact))
    if format_ == "json":
        write_json(to_dict(recommendation))
    elif format_ == "markdown":
        from advisor.report.markdown import to_markdown

        click.echo(to_markdown(recommendation), nl=False)
    else:
        from advisor.report.text import full

        stream = out(session)
        stream.print(full(recommendation, width=stream.width, glyphs=stream.glyphs))
