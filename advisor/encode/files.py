"""Reading a model's small files, with one clear sentence when they are damaged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.errors import ModelError


def read_json(path: Path) -> Any:
    """The JSON document in `path`.

    Raises ModelError where the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(
            f"{path.name} of the model in {path.parent} cannot be read: {error}.",
            hint="Download or save the model again.",
        ) from None


def read_object(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in `path`; an empty one if the file is missing and `optional`.

    Raises ModelError where the file is missing, cannot be read or holds something else.
    """
    if optional and not path.is_file():
        return {}
    document = read_json(path)
    if not isinstance(document, dict):
        raise ModelError(
            f"{path.name} of the model in {path.parent} holds a {type(document).__name__} instead of an object.",
            hint="Download or save the model again.",
        )
    return document


def first_of(config: Mapping[str, Any], *keys: str) -> Any:
    """The value of the first of `keys` that `config` holds and that is not null; None if there is none."""
    return next((config[key] for key in keys if config.get(key) is not None), None)


def positive_int(value: Any, *, name: str, path: Path) -> int:
    """`value` if it is a positive whole number; raises ModelError that names the key and the file otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ModelError(
            f"{path.name} of the model in {path.parent} sets {name} to {value!r}, not to a positive whole number.",
            hint="Correct the file, or download the model again.",
        )
    return value
