"""Finds rulesets and reads them: the packaged ones by name, a user's own by path."""

from __future__ import annotations

import os.path
import tomllib
from pathlib import Path

from advisor.defaults import RULESET
from advisor.errors import InputError
from advisor.rules.facts import did_you_mean
from advisor.rules.parse import parse_ruleset
from advisor.rules.ruleset import Ruleset


def rulesets_dir() -> Path:
    """The folder of the packaged rulesets: `advisor/rulesets` in a wheel, `rules/` of an editable checkout."""
    package = Path(__file__).parents[1]
    installed = package / "rulesets"
    return installed if installed.is_dir() else package.parent / "rules"


def available_rulesets() -> tuple[str, ...]:
    """The names of the packaged rulesets, the default one first."""
    names = sorted(path.stem for path in rulesets_dir().glob("*.toml"))
    return tuple(sorted(names, key=lambda name: name != RULESET))


def load_ruleset(name_or_file: str) -> Ruleset:
    """The packaged ruleset of that name, or the user's own where the text ends in `.toml` or is a file.

    Raises InputError, one sentence with the file, for an unknown name and for a file that is missing, unreadable, not
    UTF-8, not TOML, not a sound ruleset (see `parse_ruleset`), or called as a packaged one with other rules.
    """
    path = Path(name_or_file)
    if path.suffix == ".toml" or (os.path.isfile(path) and name_or_file not in available_rulesets()):
        return _load(path, shown=name_or_file)
    if name_or_file not in available_rulesets():
        hint = f"{did_you_mean(name_or_file, available_rulesets())} A ruleset of your own is a path ending in .toml."
        raise InputError(f"There is no ruleset called '{name_or_file}'.", hint=hint)
    packaged = rulesets_dir() / f"{name_or_file}.toml"
    return _load(packaged, shown=packaged.name)


def _load(path: Path, *, shown: str) -> Ruleset:
    try:
        content = path.read_bytes()
        # A byte order mark, which some editors write, is not TOML: utf-8-sig takes it off.
        document = tomllib.loads(content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"The ruleset {shown} does not exist.", hint="Check the path.") from None
    except OSError as error:
        raise InputError(f"The ruleset {shown} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"The ruleset {shown} is not UTF-8: byte {error.start} cannot be decoded.", hint="Save it as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The ruleset {shown} is not TOML: {error}.") from None
    except RecursionError:
        raise InputError(f"The ruleset {shown} is not usable: its values are nested too deeply.") from None
    if path.stem in available_rulesets() and content != (rulesets_dir() / f"{path.stem}.toml").read_bytes():
        raise InputError(
            f"The ruleset {shown} has the name of the packaged one, and other rules.",
            hint=f"Rename the file, for example to {path.stem}-mine.toml: answers name their ruleset.",
        )
    return parse_ruleset(document, name=path.stem, file=shown)
