"""How bash, zsh and fish ask for completions and want them answered, where click leaves something to be desired."""

from __future__ import annotations

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

VARIABLE = "_ADVISOR_COMPLETE"
"""The variable through which a completion script asks: `bash_complete`, `zsh_complete` or `fish_complete`."""


def script(cli: click.Group, shell: str) -> str:
    """The script that bash, zsh or fish loads."""
    made_by = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}[shell](cli, {}, "advisor", VARIABLE)
    # Not bash's own `source`, which starts bash to find out its version.
    return ShellComplete.source(made_by).strip() + "\n"


def answer(cli: click.Group, instruction: str) -> int:
    """Answer a script on stdout; returns the exit code. `instruction` is the value of `VARIABLE`."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)
    return shell_complete(cli, {}, "advisor", VARIABLE, instruction)


class _Bash(BashComplete):
    """Bash breaks words at `=`, and wants back what follows the last one; click expects words as they were typed."""

    _typed = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        words: list[str] = []
        for word in (*args, incomplete):
            if words and (word == "=" or words[-1].endswith("=")):
                words[-1] += word
            else:
                words.append(word)
        self._typed = words[-1]
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem[str]) -> str:
        before, equals, _ = self._typed.rpartition("=")
        value = before.partition("=")[2] if before.startswith("-") else before
        return f"{item.type},{item.value.removeprefix(value + equals if value else '')}"


class _WholeWord(ShellComplete):
    """Zsh and fish replace `--option=value` as a whole; click completes the value alone."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        option, equals, _ = incomplete.partition("=")
        items = super().get_completions(args, incomplete)
        if not (equals and option.startswith("-")):
            return items
        return [
            CompletionItem(f"{option}={item.value}", help=item.help) if item.type == "plain" else item for item in items
        ]


class _Zsh(_WholeWord, ZshComplete):
    pass


class _Fish(_WholeWord, FishComplete):
    # A list of candidates holds commas, and so do help texts: only the first one ends the type.
    source_template = FishComplete.source_template.replace(
        'string split "," $completion', 'string split -m1 "," $completion'
    )
