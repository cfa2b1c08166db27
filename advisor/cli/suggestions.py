"""What a shell is told when a word is half typed. Imports nothing heavy: it runs at every press of the Tab key.

Verbs, options and choices are known to click. The values that it cannot know are found here by a parameter's name,
which is the same for all verbs.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from advisor.cli.lazy import LazyGroup
from advisor.cli.shells import answer
from advisor.errors import CandidateWarning
from advisor.paths import MANIFEST

_MAX_ARTIFACTS = 50


class Suggested(StringParamType):
    """A value that any text may be, with words to suggest for it.

    `words` gives what an incomplete word may become; those that do not start with it are left out. `paths` is whether
    the shell goes on with its own `file` or `dir` names; None for neither.
    """

    def __init__(self, words: Callable[[str], Iterable[str]], *, paths: str | None = None) -> None:
        self._words = words
        self._paths = paths

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The words, after a note to the shell about names of files."""
        words = [word for word in self._words(incomplete) if word.startswith(incomplete)]
        # Bash forgets the words before a note, and takes its own names only where there are no words.
        items = [] if self._paths is None else [CompletionItem(incomplete, type=self._paths)]
        return items + [CompletionItem(word) for word in words]


def _models(_: str) -> Iterator[str]:
    yield "demo"
    yield from cached_models()


def _repositories(_: str) -> Iterator[str]:
    """Models in the hub's cache that have an owner."""
    yield from (name for name in cached_models() if "/" in name)


def _candidates(incomplete: str) -> Iterator[str]:
    """The list so far, separated by commas, with each name that may come next; none twice."""
    from advisor import catalogue

    done, comma, _ = incomplete.rpartition(",")
    taken = done.split(",")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CandidateWarning)  # it would land in the line that is typed
        names = catalogue.names()
    yield from (f"{done}{comma}{name}" for name in names if name not in taken)


def _rulesets(_: str) -> Iterable[str]:
    from advisor.rules.load import available_rulesets

    return available_rulesets()


def _artifacts(incomplete: str) -> Iterator[str]:
    """Folders that hold an artifact, up to two levels below what is typed, which is kept as it is."""
    typed, slash, _ = incomplete.rpartition("/")
    base = Path(typed + slash).expanduser()
    if (base / MANIFEST).is_file() and slash:
        yield f"{typed}{slash}"
    yield from (f"{typed}{slash}{name}" for name in itertools.islice(_below(base, levels=2), _MAX_ARTIFACTS))


def _what_ifs(_: str) -> Iterator[str]:
    """`FACT=VALUE` where the values are known, else `FACT=`, for every fact that the rules may ask about."""
    from advisor.rules.vocabulary import FACTS

    for fact in FACTS.values():
        values: Iterable[str] = ("true", "false") if fact.type == "bool" else fact.choices
        yield from (f"{fact.name}={value}" for value in values or ("",))


_CANDIDATES = Suggested(_candidates)
_FILES = Suggested(lambda _: (), paths="file")

SUGGESTED: dict[str, Suggested] = {
    "model": Suggested(_models, paths="dir"),
    "candidates": _CANDIDATES,
    "skip": _CANDIDATES,
    "ruleset": Suggested(_rulesets, paths="file"),
    "artifact": Suggested(_artifacts, paths="dir"),
    "repository": Suggested(_repositories),
    "overrides": Suggested(_what_ifs),
    "texts": _FILES,
    "source": _FILES,
    "eval": _FILES,
    "output": _FILES,
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
