"""What one run of the command line was asked for, and the options that every verb shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Session:
    """The shared options. They are noted while the options are parsed, so that errors after that follow them."""

    verbose: bool = False
    no_color: bool = False
    plain: bool = False
    """Line by line: nothing is drawn again, on a terminal neither."""
    after_interrupt: str = "nothing was written"
    """What an interruption leaves behind, as a sentence's end."""


def shared_options(command: Command) -> Command:
    """Add `-v`/`--verbose` and `--no-color`; their values are kept in the Session."""
    verbose = _flag("verbose", "-v", "--verbose", says="Say more, and show the traceback of an error.")
    no_color = _flag("no_color", "--no-color", says="No colours (so does the variable NO_COLOR).")
    return verbose(no_color(command))


def _flag(name: str, *typed: str, says: str) -> Callable[[Command], Command]:
    def note(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            setattr(ctx.ensure_object(Session), name, True)

    return click.option(*typed, is_flag=True, is_eager=True, expose_value=False, callback=note, help=says)
