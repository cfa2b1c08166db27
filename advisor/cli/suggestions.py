"""What a shell is told when a word is half typed. Imports nothing heavy: it runs at every press of the Tab key.

Verbs, options and choices are known to click. The values that it cannot know are found here by a parameter's name,
which is the same for all verbs.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from advisor.cli.lazy import LazyGroup
from advisor.cli.shells import answer
from advisor.errors import CandidateWarning
from advisor.paths import MANIFEST

_MAX_ARTIFACTS = 50


class Suggested(StringParamType, ABC):
    """A value that any text may be, with words to suggest for it."""

    @abstractmethod
    def words(self, incomplete: str) -> Iterator[str]:
        """What `incomplete` may become; words that do not start with it are left out by the caller."""

    def paths(self) -> str | None:
        """Whether the shell should go on with its own `file` or `dir` names; None for neither."""
        return None

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The words, after a note to the shell about names of files."""
        words = [word for word in self.words(incomplete) if word.startswith(incomplete)]
        paths = self.paths()
        # Bash forgets the words before a note, and takes its own names only where there are no words.
        items = [] if paths is None else [CompletionItem(incomplete, type=paths)]
        return items + [CompletionItem(word) for word in words]


class Models(Suggested):
    """`demo`, models in the hub's cache, and folders."""

    def words(self, incomplete: str) -> Iterator[str]:
        """The names as they are typed for MODEL."""
        yield "demo"
        yield from cached_models()

    def paths(self) -> str | None:
        """Folders."""
        return "dir"


class Repositories(Suggested):
    """Models in the hub's cache, by their ids."""

    def words(self, incomplete: str) -> Iterator[str]:
        """Those with an owner."""
        yield from (name for name in cached_models() if "/" in name)


class Candidates(Suggested):
    """Names of candidates, separated by commas; none twice."""

    def words(self, incomplete: str) -> Iterator[str]:
        """The list so far with each name that may come next."""
        from advisor import catalogue

        done, comma, _ = incomplete.rpartition(",")
        taken = done.split(",")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CandidateWarning)  # it would land in the line that is typed
            names = catalogue.names()
        yield from (f"{done}{comma}{name}" for name in names if name not in taken)


class Rulesets(Suggested):
    """The packaged rulesets, and files."""

    def words(self, incomplete: str) -> Iterator[str]:
        """Their names."""
        from advisor.rules.load import available_rulesets

        return iter(available_rulesets())

    def paths(self) -> str | None:
        """A ruleset of one's own is a file."""
        return "file"


class Artifacts(Suggested):
    """Folders that hold an artifact, up to two levels below what is typed; else any folder."""

    def words(self, incomplete: str) -> Iterator[str]:
        """Their paths, as far as they are typed kept as they are."""
        typed, slash, _ = incomplete.rpartition("/")
        base = Path(typed + slash).expanduser()
        if (base / MANIFEST).is_file() and slash:
            yield f"{typed}{slash}"
        for number, name in enumerate(_below(base, levels=2)):
            if number == _MAX_ARTIFACTS:
                break
            yield f"{typed}{slash}{name}"

    def paths(self) -> str | None:
        """Any folder, as the way to an artifact may be longer."""
        return "dir"


class WhatIfs(Suggested):
    """`FACT=VALUE` where the values are known, else `FACT=`."""

    def words(self, incomplete: str) -> Iterator[str]:
        """Every fact that the rules may ask about."""
        from advisor.rules.vocabulary import FACTS

        for fact in FACTS.values():
            values: Iterable[str] = ("true", "false") if fact.type == "bool" else fact.choices
            yield from (f"{fact.name}={value}" for value in values or ("",))


class Files(Suggested):
    """Whatever the shell knows of."""

    def words(self, incomplete: str) -> Iterator[str]:
        """None."""
        return iter(())

    def paths(self) -> str | None:
        """Files."""
        return "file"


SUGGESTED: dict[str, Suggested] = {
    "model": Models(),
    "candidates": Candidates(),
    "skip": Candidates(),
    "ruleset": Rulesets(),
    "artifact": Artifacts(),
    "repository": Repositories(),
    "overrides": WhatIfs(),
    "texts": Files(),
    "source": Files(),
    "eval": Files(),
    "output": Files(),
}
"""By the name of a verb's parameter."""


class _Suggesting(LazyGroup):
    """The group as it is while a word is completed."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, its parameters given what to suggest for them."""
        command = super().get_command(ctx, cmd_name)
        for parameter in command.params if command is not None else ():
            if parameter.name in SUGGESTED:
                parameter.type = SUGGESTED[parameter.name]
        return command


def complete(cli: click.Group, instruction: str) -> int:
    """Answer a completion script on stdout; returns the exit code. `instruction` is what the script asked.

    The verbs are changed in this process, which ends with this answer.
    """
    group = _Suggesting(params=cli.params, context_settings=cli.context_settings, invoke_without_command=True)
    return answer(group, instruction)


def cached_models() -> Iterator[str]:
    """Ids of the models in the hub's cache, found without its library.

    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables says where that is.
    """
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    folder = Path(chosen or os.path.join(home, "hub")).expanduser()
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return
    yield from (name.removeprefix("models--").replace("--", "/", 1) for name in names if name.startswith("models--"))


def _below(folder: Path, *, levels: int) -> Iterator[str]:
    try:
        children = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())
    except OSError:
        return
    for child in children:
        if (child / MANIFEST).is_file():
            yield child.name
        elif levels > 1:
            yield from (f"{child.name}/{name}" for name in _below(child, levels=levels - 1))
