"""The group of verbs: each verb's module is imported when the verb is used, or listed in the help."""

from __future__ import annotations

import importlib

import click

VERBS = (
    "recommend",
    "explain",
    "probe",
    "texts",
    "verify",
    "encode",
    "report",
    "push",
    "cache",
    "doctor",
    "completion",
    "tui",
)
"""In the order of the help. `advisor/cli/VERB.py` holds a command called `command`; its imports are light."""


class LazyGroup(click.Group):
    """Finds a verb in `advisor.cli.<verb>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb called `cmd_name`, None if there is none."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"advisor.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the verbs named where the word is not one of them."""
        if args and not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in VERBS:
            ctx.fail(f"There is no verb {args[0]!r}; the verbs are {', '.join(VERBS)}.")
        return super().resolve_command(ctx, args)
