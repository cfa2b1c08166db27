"""`advisor tui`: the interactive app."""

from __future__ import annotations

import click

from advisor.cli.session import shared_options
from advisor.errors import UnavailableError


@click.command("tui")
@click.argument("model", required=False)
@shared_options
def command(model: str | None) -> None:
    """Open the interactive app."""
    raise UnavailableError(
        "The interactive app is not there yet:", hint=f"use `advisor recommend {model or 'MODEL'}` instead."
    )
