"""What other installed packages add to advisor, through entry points of their metadata. Standard library alone.

https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One entry point, imported. `distribution` is the package that brings it, with its version.

    `loaded` is None where `problem`, the end of a sentence, says why it could not be imported.
    """

    name: str
    distribution: str
    loaded: Any = None
    problem: str | None = None


def read(group: str) -> tuple[Found, ...]:
    """Every entry point of `group`, by distribution and name, imported. Never raises: what is broken says so."""
    from importlib.metadata import entry_points  # tens of milliseconds, for those who need it

    return tuple(
        sorted((_load(point) for point in entry_points(group=group)), key=lambda each: (each.distribution, each.name))
    )


def _load(point: Any) -> Found:
    distribution = "a package without a name"
    try:
        distribution = f"{point.dist.name} {point.dist.version}"
        return Found(name=point.name, distribution=distribution, loaded=point.load())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the code is another's, and may do anything, exit included
        said = str(error).strip().partition("\n")[0]
        problem = f"it cannot be imported: {type(error).__name__}" + (f": {said}" if said else "")
        return Found(name=point.name, distribution=distribution, problem=problem)
