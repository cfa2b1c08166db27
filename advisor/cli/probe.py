"""`advisor probe`: the machine, each fact with its source."""

from __future__ import annotations

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json


@click.command("probe", short_help="Show the machine, each fact with its source.")
@options.as_json
@shared_options
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """Show the machine, each fact with its source."""
    from advisor.probe import probe, read_packages

    hardware = probe()
    packages = read_packages()
    if as_json:
        from advisor.codec import to_json
        from advisor.document import packages_to_dict

        document = {"schema": {"name": "advisor.hardware", "version": "1.0"}} | to_json(hardware)
        write_json(document | {"packages": packages_to_dict(packages)})
        return
    from advisor.report.facts import machine

    stream = out(session)
    stream.print(machine(hardware, packages, width=stream.width))
