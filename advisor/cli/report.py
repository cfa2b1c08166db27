"""`advisor report`: the report again, from the artifact alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json
from advisor.errors import InputError


@click.command("report", short_help="Print an artifact's report again.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option("--write", is_flag=True, help="Write report.html and report.md into the artifact; print nothing else.")
@click.option(
    "-o",
    "--out",
    "out_dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write them into DIR instead of the artifact.",
)
@click.option("--ruleset", metavar="FILE", help="Draw the flowchart from this ruleset, where it was one of your own.")
@shared_options
@click.pass_obj
def command(
    session: Session, artifact: Path, format_: str, write: bool, out_dir: Path | None, ruleset: str | None
) -> None:
    """Print the report of an artifact again, from its advisor.json alone: nothing is measured.

    With --write or -o it is written as files instead: report.html, a page of its own that needs no network and no
    scripts, and report.md. Older ones are replaced, each at once; nothing else in the folder is touched. Neither file
    holds texts or absolute paths.
    """
    from advisor.document import from_dict, to_dict
    from advisor.encode.manifest import read_manifest
    from advisor.rules import load_ruleset

    writes = write or out_dir is not None
    if writes and click.get_current_context().get_parameter_source("format_") is ParameterSource.COMMANDLINE:
        raise InputError(
            "--format says how to print the report, and --write and -o write report.html and report.md instead.",
            hint="Leave out one of them.",
        )
    manifest = read_manifest(artifact)
    recommendation = from_dict(manifest.document)
    rules = None if ruleset is None else load_ruleset(ruleset)
    if writes:
        from advisor.report.files import NAMES, write_reports
        from advisor.report.text import shown_path

        if out_dir is None and (listed := NAMES & {file.name for file in manifest.files}):
            raise InputError(
                f"The artifact lists the sha256 of {' and '.join(sorted(listed))}, which would not hold any more.",
                hint="Name another folder with -o DIR.",
            )
        for path in write_reports(recommendation, out_dir or artifact, ruleset=rules):
            click.echo(shown_path(path))
        return
    if format_ == "markdown":
        from advisor.report.markdown import to_markdown

        click.echo(to_markdown(recommendation, ruleset=rules), nl=False)
    elif format_ == "html":
        from advisor.report.html import to_html

        click.echo(to_html(recommendation, ruleset=rules), nl=False)
    else:
        if recommendation.artifact is not None:
            recommendation = replace(recommendation, artifact=replace(recommendation.artifact, path=artifact))
        if format_ == "json":
            write_json(to_dict(recommendation))
        else:
            from advisor.report.text import full

            stream = out(session)
            stream.print(full(recommendation, width=stream.width, glyphs=stream.glyphs))
