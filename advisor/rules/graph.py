"""A ruleset as something to draw: nodes, edges, places, and which of them a decision went through. Pure.

The command line, the TUI, the report and Mermaid all draw from `layout`, so that no drawing can differ from the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Literal

from advisor.rules.ruleset import Branch, Leaf, Node, Ruleset
from advisor.types import Decision, PathStep

_BRANCHES: tuple[Branch, ...] = ("yes", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A question or, as a leaf, a candidate.

    `depth` counts the questions on the longest way here, from 0 at the start: a row. `lane` is the place across: leaves
    stand at 0, 1, 2..., a question over the middle of its branches, and neighbours of one depth at least 1 apart.
    `evidence` is None off the taken path.
    """

    id: str
    kind: Literal["question", "leaf"]
    text: str
    note: str | None
    evidence: str | None
    taken: bool
    depth: int
    lane: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """A branch; `label` is the answer that it stands for."""

    source: str
    target: str
    branch: Branch
    label: str
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A ruleset to draw. Nodes come depth first with the yes branch first, edges in the order of their source."""

    ruleset: str
    title: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]

    def node(self, place: str) -> GraphNode:
        """The node with the id `place`; raises KeyError."""
        return {node.id: node for node in self.nodes}[place]

    def edges_from(self, place: str) -> tuple[GraphEdge, ...]:
        """The edges that leave `place`, yes first; none from a leaf."""
        return tuple(edge for edge in self.edges if edge.source == place)


def layout(ruleset: Ruleset, decision: Decision | None = None) -> Graph:
    """The graph of the ruleset's flowchart, the one that `decision` went through, with its path marked as taken.

    Raises ValueError if the decision is not one of this ruleset's.
    """
    steps = {} if decision is None else {step.node: step for step in decision.path}
    ruleset = ruleset.chart(next(iter(steps), ruleset.start))
    taken = _taken(ruleset, decision)
    order = ruleset.reached_from(ruleset.start)
    depths = _depths(ruleset)
    lanes = _spread(_lanes(order, depths), depths)
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    for item in order:
        nodes.append(_graph_node(item, steps.get(item.id), item.id in taken, depths[item.id], lanes[item.id]))
        if isinstance(item, Node):
            edges += [
                GraphEdge(
                    source=item.id,
                    target=item.target(branch),
                    branch=branch,
                    label=item.answer(branch),
                    taken=taken.get(item.id) == branch,
                )
                for branch in _BRANCHES
            ]
    return Graph(ruleset=ruleset.name, title=ruleset.title, nodes=tuple(nodes), edges=tuple(edges))


def _taken(ruleset: Ruleset, decision: Decision | None) -> dict[str, Branch | None]:
    """What the decision went through: each node with the branch that it took, and the leaf with None."""
    if decision is None:
        return {}
    taken: dict[str, Branch | None] = {}
    item = ruleset.at(ruleset.start)
    for step in decision.path:
        branch = None if isinstance(item, Leaf) or item.id != step.node else _branch(item, step.answer)
        if branch is None or isinstance(item, Leaf):
            raise ValueError(f"the decision of {decision.ruleset} is not one of {ruleset.name}: {step.node}")
        taken[item.id] = branch
        item = ruleset.at(item.target(branch))
    if not isinstance(item, Leaf) or item.candidate != decision.recommendation:
        raise ValueError(f"the decision of {decision.ruleset} is not one of {ruleset.name}: {decision.recommendation}")
    taken[item.id] = None
    return taken


def _branch(node: Node, answer: str) -> Branch | None:
    return next((branch for branch in _BRANCHES if node.answer(branch) == answer), None)


def _depths(ruleset: Ruleset) -> dict[str, int]:
    """The longest way to each place."""
    targets = {node.id: (node.yes, node.no) for node in ruleset.nodes}
    depths = {ruleset.start: 0}
    for place in reversed(tuple(TopologicalSorter(targets).static_order())):  # each after all that lead to it
        for target in targets.get(place, ()):
            depths[target] = max(depths.get(target, 0), depths[place] + 1)
    return depths


def _lanes(order: tuple[Node | Leaf, ...], depths: dict[str, int]) -> dict[str, float]:
    """Leaves side by side in drawing order; a question over the middle of its two branches."""
    leaves = [item.id for item in order if isinstance(item, Leaf)]
    lanes = {place: float(index) for index, place in enumerate(leaves)}
    questions = [item for item in reversed(order) if isinstance(item, Node)]
    for node in sorted(questions, key=lambda node: -depths[node.id]):  # each after what it leads to
        lanes[node.id] = (lanes[node.yes] + lanes[node.no]) / 2
    return lanes


def _spread(lanes: dict[str, float], depths: dict[str, int]) -> dict[str, float]:
    """At least one lane between neighbours of one depth: where branches meet again, questions may share a middle."""
    spread: dict[str, float] = {}
    last: dict[int, float] = {}
    for place in sorted(lanes, key=lambda place: lanes[place]):
        depth = depths[place]
        spread[place] = max(lanes[place], last[depth] + 1) if depth in last else lanes[place]
        last[depth] = spread[place]
    return spread


def _graph_node(item: Node | Leaf, step: PathStep | None, taken: bool, depth: int, lane: float) -> GraphNode:
    leaf = isinstance(item, Leaf)
    return GraphNode(
        id=item.id,
        kind="leaf" if leaf else "question",
        text=item.candidate if isinstance(item, Leaf) else item.question,
        note=item.note if isinstance(item, Leaf) else None,
        evidence=None if step is None else step.evidence,
        taken=taken,
        depth=depth,
        lane=lane,
    )
