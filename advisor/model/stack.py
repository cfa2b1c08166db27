"""Can the installed Sentence Transformers and transformers open a model? Read from files, without importing them.

What version 6 of the one and version 5 of the other save is not always what the versions before them can read, and two
of the ways to fail say nothing that a user could act on; one says nothing at all.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advisor.encode.modules import read_pipeline
from advisor.errors import ModelError
from advisor.types import ModelProfile, Package

UPGRADE = "Upgrade in an environment of its own, without Optimum: pip install -U 'backend-advisor[profile]'"


def check_stack(model: ModelProfile, packages: Sequence[Package], *, site: Path | None = None) -> None:
    """Raise ModelError, with the way out, for a model that a newer version saved and the installed one cannot read.

    `site` is the folder of the installed `sentence_transformers`; None looks for it. A model that passes may still fail
    to load: this knows the ways that were met.
    """
    versions = {package.name: package.version for package in packages}
    if model.kind != "embedding" and _major(versions.get("sentence-transformers")) == 5:
        raise ModelError(
            f"The model {model.id} is a {model.kind}, which advisor opens with Sentence Transformers 6 alone: "
            f"{versions['sentence-transformers']} is installed.",
            hint=UPGRADE,
        )
    reason = _unknown_module(model.path, site) or _newer_than_transformers(model.path, versions.get("transformers"))
    if reason is not None:
        installed = " and ".join(
            f"{name} {versions[name]}" for name in ("sentence-transformers", "transformers") if versions.get(name)
        )
        raise ModelError(
            f"The model {model.id} was saved by a newer version than the installed {installed}, which cannot open it: "
            f"{reason}.",
            hint=UPGRADE,
        )


def _unknown_module(folder: Path, site: Path | None) -> str | None:
    """A class of Sentence Transformers in modules.json whose file is not installed.

    `sentence_transformers.models`, the home of all classes before version 5.4, still stands for each of them.
    """
    if site is None:
        found = importlib.util.find_spec("sentence_transformers")
        places = [] if found is None else list(found.submodule_search_locations or ())
        if not places:
            return None
        site = Path(places[0])
    modules = _read(folder / "modules.json")
    for entry in modules if isinstance(modules, list) else []:
        kind = str(entry.get("type"))
        package, *parents, _ = kind.split(".")
        if package != "sentence_transformers" or parents[:1] == ["models"] or not parents:
            continue
        place = site.joinpath(*parents)
        if not place.with_suffix(".py").is_file() and not (place / "__init__.py").is_file():
            return f"its modules.json names {kind}"
    return None


def _newer_than_transformers(folder: Path, version: str | None) -> str | None:
    """What transformers 5 saves and its predecessors misread."""
    major = _major(version)
    if major is None or major >= 5:
        return None
    transformer = read_pipeline(folder).transformer_folder
    tokenizer = _read(transformer / "tokenizer_config.json")
    if isinstance(tokenizer, dict) and tokenizer.get("tokenizer_class") == "TokenizersBackend":
        return "its tokenizer_config.json names the class TokenizersBackend"
    config = _read(transformer / "config.json")
    if isinstance(config, dict) and "rope_parameters" in config and not any("rope_theta" in name for name in config):
        # The older version would fall back to its defaults, and give other embeddings without a word.
        return "its config.json describes rotary embeddings under rope_parameters"
    return None


def _major(version: str | None) -> int | None:
    major = (version or "").partition(".")[0]
    return int(major) if major.isdigit() else None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
