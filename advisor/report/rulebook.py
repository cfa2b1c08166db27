"""The ruleset behind a decision, to draw it."""

from __future__ import annotations

import functools

from advisor.errors import InputError
from advisor.rules import Graph, GraphEdge, GraphNode, Ruleset, available_rulesets, layout, load_ruleset
from advisor.types import Decision


def ruleset_of(decision: Decision, *, given: Ruleset | None = None) -> Ruleset | None:
    """The ruleset that made `decision`: `given`, else the packaged one of that name.

    None where there is none, or where it has changed since. A report cannot find a file of the user's: it is given.
    """
    if given is not None and _fits(given, decision):
        return given
    if decision.ruleset not in available_rulesets():
        return None
    try:
        ruleset = load_ruleset(decision.ruleset)
    except InputError:
        return None
    return ruleset if _fits(ruleset, decision) else None


def _fits(ruleset: Ruleset, decision: Decision) -> bool:
    try:
        layout(ruleset, decision)
    except ValueError:
        return False
    return True


def path_alone(decision: Decision) -> Graph:
    """The path that was taken, without the branches that were not: all that a decision itself knows."""
    node = functools.partial(GraphNode, note=None, taken=True, lane=0.0)
    questions = [
        node(id=str(depth), kind="question", text=step.question, evidence=step.evidence, depth=depth)
        for depth, step in enumerate(decision.path)
    ]
    depth = len(questions)
    leaf = node(id=str(depth), kind="leaf", text=decision.recommendation, evidence=None, depth=depth)
    edges = [
        GraphEdge(source=str(depth), target=str(depth + 1), branch="yes", label=step.answer, taken=True)
        for depth, step in enumerate(decision.path)
    ]
    return Graph(ruleset=decision.ruleset, title=decision.ruleset, nodes=(*questions, leaf), edges=tuple(edges))
