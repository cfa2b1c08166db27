"""`advisor completion`: the script that lets a shell complete advisor's command line."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from advisor.cli.session import shared_options
from advisor.errors import InputError
from advisor.files import replace_file

SHELLS = ("bash", "zsh", "fish")
"""Those whose quirks `advisor.cli.shells` knows."""


@click.command("completion", short_help="Print or install the shell completion.")
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.option("--install", is_flag=True, help="Write the script where SHELL looks for it; SHELL is yours by default.")
@shared_options
def command(shell: str | None, install: bool) -> None:
    """Print the completion script for SHELL (bash, zsh or fish), or install it.

    No file of yours is edited: the script is a file of its own.
    """
    if not install:
        if shell is None:
            raise InputError("There is no shell named:", hint=f"write one of {', '.join(SHELLS)}, or --install.")
        click.echo(script(shell), nl=False)
        return
    shell = shell or own_shell()
    path = place(shell)
    click.echo(f"{'Wrote' if install_for(shell, path) else 'Up to date:'} {path}")
    click.echo(_activation(shell, path))


def script(shell: str) -> str:
    """The completion script for one of `SHELLS`."""
    from advisor.cli import shells
    from advisor.cli.main import cli

    return shells.script(cli, shell)


def own_shell() -> str:
    """The user's shell by the variable SHELL; raises InputError where it is none that can be completed."""
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        said = f"is {name!r}, for which there is no completion" if name else "is not set"
        raise InputError(f"The variable SHELL {said}:", hint=f"name one of {', '.join(SHELLS)}.")
    return name


def install_for(shell: str, path: Path) -> bool:
    """Write the script for `shell` to `path`; False where it was there already.

    Raises InputError where another program's file is in its place, and OSError where it cannot be written.
    """
    from advisor.cli.shells import VARIABLE

    text = script(shell)
    try:
        there = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        there = None
    if there is not None and VARIABLE not in there:
        raise InputError(f"{str(path)!r} exists and is not advisor's:", hint="move it away, then run this again.")
    if there != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    return there != text


def place(shell: str) -> Path:
    """Where the script goes.

    Bash loads from there on demand, if the package bash-completion 2 is installed (its README, under FAQ); fish does so
    by itself (https://fishshell.com/docs/current/completions.html); zsh looks in the folders of `fpath`
    (https://zsh.sourceforge.io/Doc/Release/Completion-System.html), and has none in the home folder of its own.
    """
    data = _folder("XDG_DATA_HOME", "~/.local/share")
    if shell == "bash":
        # The variable may list several folders (bash-completion 2.12).
        first = os.environ.get("BASH_COMPLETION_USER_DIR", "").partition(":")[0] or str(data / "bash-completion")
        return Path(first).expanduser() / "completions" / "advisor"
    if shell == "zsh":
        return data / "zsh" / "site-functions" / "_advisor"
    return _folder("XDG_CONFIG_HOME", "~/.config") / "fish" / "completions" / "advisor.fish"


def _folder(variable: str, otherwise: str) -> Path:
    return Path(os.environ.get(variable) or otherwise).expanduser()


def _activation(shell: str, path: Path) -> str:
    if shell == "bash":
        here = f"Open a new shell, or run: source {shlex.quote(str(path))}"
        return f"{here}\nNew shells need the package bash-completion; without it, put that line into ~/.bashrc."
    if shell == "zsh":
        return (
            "Put these lines into ~/.zshrc, before a compinit that is there already, and open a new shell:\n"
            f"  fpath=({shlex.quote(str(path.parent))} $fpath)\n"
            "  autoload -Uz compinit && compinit"
        )
    return "Open a new shell: fish finds it by itself."
