"""Whether a ruleset's graph is sound: every branch leads somewhere, nothing loops, nothing is out of reach."""

from __future__ import annotations

from advisor.rules.facts import did_you_mean
from advisor.rules.ruleset import Ruleset
from advisor.rules.table import Table


def check_graph(ruleset: Ruleset, root: Table) -> None:
    """Raise InputError for a duplicate name, a branch to nowhere, a cycle or an unreachable node or leaf."""
    leaves = {leaf.id for leaf in ruleset.leaves}
    places = tuple(dict.fromkeys([*(node.id for node in ruleset.nodes), *(leaf.id for leaf in ruleset.leaves)]))
    targets = {node.id: (node.yes, node.no) for node in ruleset.nodes}
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
    _check_cycle(targets, root)
    reached = set().union(*(_reachable(start, targets) for start in starts.values()))
    for place in places:
        if place not in reached:
            kind = "leaves" if place in leaves else "nodes"
            raise root.error(f"{kind}.{place}", f"no path from '{ruleset.start}' leads here")


def _check_cycle(targets: dict[str, tuple[str, str]], root: Table) -> None:
    """Depth-first search with a stack of its own: a deep ruleset must not exhaust Python's."""
    finished: set[str] = set()
    for start in targets:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            place, leaving = stack.pop()
            if leaving:
                path.pop()
                finished.add(place)
            elif place in path:
                loop = " -> ".join([*path[path.index(place) :], place])
                raise root.error(f"nodes.{place}", f"the questions go round in a circle ({loop})")
            elif place in targets and place not in finished:
                path.append(place)
                stack.append((place, True))
                stack.extend((target, False) for target in targets[place])


def _reachable(start: str, targets: dict[str, tuple[str, str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        place = waiting.pop()
        if place not in reached:
            reached.add(place)
            waiting.extend(targets.get(place, ()))
    return reached
