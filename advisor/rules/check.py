"""Whether a ruleset's graph is sound: every branch leads somewhere, nothing loops, nothing is out of reach."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from advisor.rules.facts import did_you_mean
from advisor.rules.ruleset import Ruleset
from advisor.rules.table import Table


def check_graph(ruleset: Ruleset, root: Table) -> None:
    """Raise InputError for a duplicate name, a branch to nowhere, a cycle or an unreachable node or leaf."""
    leaves = [leaf.id for leaf in ruleset.leaves]
    places = tuple(dict.fromkeys([*(node.id for node in ruleset.nodes), *leaves]))
    for node in ruleset.nodes:
        table = root.table("nodes").table(node.id)
        if node.id in leaves:
            raise table.error(None, f"a leaf is called '{node.id}' as well")
        for branch in ("yes", "no"):
            if node.target(branch) not in places:
                problem = f"there is no node or leaf called '{node.target(branch)}'"
                raise table.error(branch, problem, hint=did_you_mean(node.target(branch), places))
    starts = {"start": ruleset.start} | {f"starts.{each.kind}": each.place for each in ruleset.starts}
    for key, start in starts.items():
        if start not in places:
            raise root.error(key, f"there is no node or leaf called '{start}'", hint=did_you_mean(start, places))
    try:
        TopologicalSorter({node.id: (node.yes, node.no) for node in ruleset.nodes}).prepare()
    except CycleError as error:
        loop = error.args[1][::-1]
        raise root.error(f"nodes.{loop[0]}", f"the questions go round in a circle ({' -> '.join(loop)})") from None
    reached = {item.id for start in starts.values() for item in ruleset.reached_from(start)}
    for place in places:
        if place not in reached:
            kind = "leaves" if place in leaves else "nodes"
            raise root.error(f"{kind}.{place}", f"no path from '{ruleset.start}' leads here")
