"""`advisor doctor`: everything that is needed to report a problem, and what is wrong here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json

if TYPE_CHECKING:
    from advisor.report.privacy import Redactor

_SECRET_NAMES = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "ACCESS_KEY", "CREDENTIAL")
_SHORTEST_SECRET = 6


@click.command("doctor", short_help="Check this environment, ready to paste into a report.")
@options.as_json
@shared_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show everything that is needed to report a problem, and check what can be wrong.

    It holds no texts, no secrets, and no paths of yours beyond names.
    """
    from advisor.cli.diagnose import diagnose
    from advisor.report.doctor import block, document

    stream = out(ctx.ensure_object(Session))
    found = redactor().everywhere(diagnose(terminal=stream))
    if as_json:
        write_json(document(found))
    else:
        stream.print(block(found, width=stream.width, glyphs=stream.glyphs))
    if not found.ok:
        ctx.exit(1)


def redactor() -> Redactor:
    """What is private here: the home folder by all its names, and the values of variables that are named as secrets."""
    from advisor.report.privacy import OF_THE_SYSTEM, Redactor

    home = os.path.expanduser("~")
    homes = {home.rstrip("/"), os.path.realpath(home).rstrip("/")}
    secrets = (value for name, value in os.environ.items() if any(word in name.upper() for word in _SECRET_NAMES))
    return Redactor(
        homes=tuple(name for name in homes if len(name) > 1 and name != "~"),
        secrets=tuple(value for value in secrets if len(value) >= _SHORTEST_SECRET),
        kept=("~/", *OF_THE_SYSTEM),
    )
