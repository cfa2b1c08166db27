"""What the rules say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One question that the ruleset asked, and what the facts answered."""

    node: str
    question: str
    answer: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A candidate that a ruleset wants measured beside its own pick."""

    candidate: str
    because: str
    source: str
    first: bool = False
    """Whether it is tried before the pick, unless a screen has foretold which is faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one ruleset says."""

    ruleset: str
    path: tuple[PathStep, ...]
    recommendation: str
    challengers: tuple[Challenger, ...]
