"""The ruleset behind a decision, to draw it."""

from __future__ import annotations

from advisor.errors import InputError
from advisor.rules import Graph, GraphEdge, GraphNode, Ruleset, available_rulesets, layout, load_ruleset
from advisor.types import Decision


def ruleset_of(decision: Decision) -> Ruleset | None:
    """The packaged ruleset that made `decision`; None where there is none, or where it has changed since.

    A user's own ruleset is a file that a report cannot know of: whoever has read it hands it to the report.
    """
    if decision.ruleset not in available_rulesets():
        return None
    try:
        ruleset = load_ruleset(decision.ruleset)
    except InputError:
        return None
    return ruleset if fits(ruleset, decision) else None


def fits(ruleset: Ruleset, decision: Decision) -> bool:
    """Whether the decision is one that the ruleset can make."""
    try:
        layout(ruleset, decision)
    except ValueError:
        return False
    return True


def path_alone(decision: Decision) -> Graph:
    """The path that was taken, without the branches that were not: all that a decision itself knows."""
    nodes = [
        GraphNode(
            id=str(depth),
            kind="question",
            text=step.question,
            note=None,
            evidence=step.evidence,
            taken=True,
            depth=depth,
            lane=0.0,
        )
        for depth, step in enumerate(decision.path)
    ]
    end = GraphNode(
        id=str(len(nodes)),
        kind="leaf",
        text=decision.recommendation,
        note=None,
        evidence=None,
        taken=True,
        depth=len(nodes),
        lane=0.0,
    )
    edges = [
        GraphEdge(source=str(depth), target=str(depth + 1), branch="yes", label=step.answer, taken=True)
        for depth, step in enumerate(decision.path)
    ]
    return Graph(ruleset=decision.ruleset, title=decision.ruleset, nodes=(*nodes, end), edges=tuple(edges))
