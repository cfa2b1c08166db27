"""A checked ruleset: a graph of questions that ends in candidates, and the challengers to measure beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from advisor.rules.vocabulary import FactType, FactValue
from advisor.types import ModelKind

Comparison = Literal["==", "!=", ">", ">=", "<", "<=", "in", "contains", "lacks", "known"]
Branch = Literal["yes", "no"]

COMPARISONS: dict[Comparison, tuple[FactType, ...]] = {
    "==": ("bool", "int", "float", "text"),
    "!=": ("bool", "int", "float", "text"),
    ">": ("int", "float"),
    ">=": ("int", "float"),
    "<": ("int", "float"),
    "<=": ("int", "float"),
    "in": ("text",),
    "contains": ("set",),
    "lacks": ("set",),
    "known": ("bool", "int", "float", "text", "set"),
}
"""Every comparison, with the types of fact that it fits. Nothing else is ever evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A fact compared with a value.

    `in` holds if the fact is one of the texts in `value`, `contains` if the set holds at least one of them, `lacks`
    if it holds none, `known` (whose value is None) if the fact is known at all.
    """

    fact: str
    comparison: Comparison
    value: FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A question. `yes` and `no` name the node or leaf that follows; `unknown` is the branch of an unknown fact."""

    id: str
    question: str
    condition: Condition
    yes: str
    no: str
    unknown: Branch = "no"
    yes_answer: str = "yes"
    no_answer: str = "no"

    def target(self, branch: Branch) -> str:
        """The id of the node or leaf that a branch leads to."""
        return self.yes if branch == "yes" else self.no

    def answer(self, branch: Branch) -> str:
        """What a branch is called, for people: `CPU`."""
        return self.yes_answer if branch == "yes" else self.no_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Where a path ends: the candidate that the ruleset recommends."""

    id: str
    candidate: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerRule:
    """A candidate to measure beside the recommendation when all the conditions hold (always, if there are none)."""

    candidate: str
    when: tuple[Condition, ...]
    because: str
    source: str
    first: bool = False
    """Whether it is tried before the recommendation, unless a screen has foretold which is faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The node or leaf where the flowchart for one kind of model starts."""

    kind: ModelKind
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """A ruleset that passed every check: acyclic, complete, all of it reachable from `start` or one of `starts`."""

    name: str
    title: str
    version: str
    source: str
    start: str
    nodes: tuple[Node, ...]
    leaves: tuple[Leaf, ...]
    challengers: tuple[ChallengerRule, ...] = ()
    starts: tuple[Start, ...] = ()
    """Where the flowcharts of other kinds of models start, which `start` is not for."""

    def for_kind(self, kind: FactValue) -> Ruleset:
        """The flowchart for a kind of model alone; that of `start` where the kind is unknown or has none of its own."""
        return self.chart(next((each.place for each in self.starts if each.kind == kind), self.start))

    def reached_from(self, start: str) -> tuple[Node | Leaf, ...]:
        """What can be reached from `start`, depth first with the yes branch first."""
        reached: dict[str, Node | Leaf] = {}
        waiting = [start]
        while waiting:
            place = waiting.pop()
            if place not in reached:
                item = reached[place] = self.at(place)
                waiting += [item.no, item.yes] if isinstance(item, Node) else []
        return tuple(reached.values())

    def chart(self, start: str) -> Ruleset:
        """What can be reached from `start`, as a ruleset of its own."""
        reached = {item.id for item in self.reached_from(start)}
        return replace(
            self,
            start=start,
            starts=(),
            nodes=tuple(node for node in self.nodes if node.id in reached),
            leaves=tuple(leaf for leaf in self.leaves if leaf.id in reached),
        )

    def at(self, place: str) -> Node | Leaf:
        """The node or leaf with the id `place`; raises KeyError."""
        items: tuple[Node | Leaf, ...] = (*self.nodes, *self.leaves)
        return {item.id: item for item in items}[place]
